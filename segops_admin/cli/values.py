"""Values as they are typed in a shell: JSON as text, a file, `@file` or `-`; files as bytes; instants."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .ground import CommandError

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # generic in newer releases of click only


ROW_FILES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


class JsonValue(ParamType):
    """JSON: text that begins with a bracket, `@file`, `-` for stdin, or just the name of a file."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002 -- click's signature
        """Read the JSON that a word stands for."""
        if not isinstance(value, str):
            return value
        if value.lstrip()[:1] in ("{", "["):
            return _parse(value, "the text given")
        if not value.strip() or value == "@":
            raise CommandError("An argument is empty. Write JSON text, the name of a file, @file, or - for stdin.")
        if value == "-" or value.startswith("@"):
            return _document(value)
        if Path(value).exists():
            return _document(f"@{value}")
        return _scalar(value)


class RowsValue(JsonValue):
    """Rows: JSON as elsewhere, also as the API's own body has them, or a file that the library reads by itself."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the rows, or the name of their file."""
        if isinstance(value, str) and value.removesuffix(".gz").endswith(ROW_FILES) and Path(value).exists():
            return value
        rows = super().convert(value, param, ctx)
        return rows["products"] if isinstance(rows, dict) and list(rows) == ["products"] else rows  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


class RecordValue(JsonValue):
    """JSON of a record that the library returned before."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the JSON and build the record."""
        from cattrs import BaseValidationError  # noqa: PLC0415 -- heavy, and this is rare

        from ..records.wire import converter  # noqa: PLC0415

        data = super().convert(value, param, ctx)
        try:
            return converter().structure(data, self._kind)  # pyright: ignore[reportUnknownVariableType]
        except (BaseValidationError, KeyError, TypeError, ValueError) as error:
            raise CommandError(f"That is not the JSON of a {self._kind.__name__}: {error}.") from error


class FileContent:
    """A file that was named, or stdin; read only by a call that wants the bytes themselves."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        """None for stdin."""

    @property
    def filename(self) -> str | None:
        """The file's own name."""
        return self.path.name if self.path else None

    def read(self) -> bytes:
        """Return all of it."""
        return sys.stdin.buffer.read() if self.path is None else read_bytes(self.path)


class BytesValue(ParamType):
    """A file, `@file`, or `-` for stdin, as bytes."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> FileContent:  # noqa: ARG002
        """Take the file's name."""
        return FileContent(None if value == "-" else Path(str(value).removeprefix("@")))


class InstantValue(ParamType):
    """An ISO 8601 date or time."""

    name = "time"

    def __init__(self, kind: type[date]) -> None:
        self._kind = kind

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read a date, or a time with its offset."""
        try:
            return self._kind.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError:
            example = "2026-06-01T09:00:00Z" if issubclass(self._kind, datetime) else "2026-06-01"
            self.fail(f"{value!r} is no ISO 8601 time such as {example}.", param, ctx)


def read_bytes(file: Path) -> bytes:
    """Read a file, or say in one line why not."""
    if file.is_dir():
        raise CommandError(f"{file} is a directory; name a file in it.")
    try:
        return file.read_bytes()
    except FileNotFoundError as error:
        raise CommandError(f"There is no file {file}.") from error
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error


def _document(word: str) -> Any:
    name = "stdin" if word == "-" else word[1:]
    data = sys.stdin.buffer.read() if word == "-" else read_bytes(Path(name))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise CommandError(f"{name} is not UTF-8: line {line}, byte 0x{data[error.start]:02x}.") from error
    if name.endswith((".jsonl", ".ndjson")):
        lines = enumerate(text.split("\n"), 1)
        return [_parse(line, name, first_line=number) for number, line in lines if line.strip()]
    return _parse(text, name)


def _scalar(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise CommandError(
            f"There is no file {value!r}, and it is no JSON. Write JSON text, @file, or - for stdin."
        ) from None


def _parse(text: str, source: str, *, first_line: int = 1) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno + first_line - 1}, column {error.colno}"
        raise CommandError(f"Bad JSON in {source}, {place}: {error.msg}.") from error
    except RecursionError as error:
        raise CommandError(f"Bad JSON in {source}: nested too deeply.") from error


def _refuse_constant(word: str) -> Any:
    raise CommandError(f"Bad JSON: {word} is a word of JavaScript, not of JSON.")
