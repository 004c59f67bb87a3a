"""The forms of output that are text: JSON, JSON lines, CSV and YAML, whole or page by page.

A writer is given rows as they arrive and holds none of them.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, Protocol

import click
import orjson

from ..records.base import is_array, is_object
from .signs import say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS


class Writer(Protocol):
    """Prints a value, or rows as they come."""

    def value(self, value: Any) -> None:
        """Print one result."""
        ...

    def rows(self, items: Sequence[Any]) -> None:
        """Print some rows of a long list."""
        ...

    def end(self) -> None:
        """Print what follows the last row."""
        ...


def dump(value: Any, *, options: int = 0) -> bytes:
    """Return JSON data as JSON in UTF-8."""
    return orjson.dumps(value, default=str, option=options | orjson.OPT_NON_STR_KEYS)


class Json:
    """Indented JSON; a long list is one array with an item to a line."""

    def __init__(self) -> None:
        self._opening = b"["

    def value(self, value: Any) -> None:
        """Print a value, indented."""
        click.echo(dump(value, options=PRETTY))

    def rows(self, items: Sequence[Any]) -> None:
        """Go on with the array."""
        if not items:
            return
        click.echo(self._opening + b",".join(b"\n  " + dump(item) for item in items), nl=False)
        self._opening = b","

    def end(self) -> None:
        """Close the array."""
        click.echo(b"[]" if self._opening == b"[" else b"\n]")


class JsonLines:
    """One item to a line."""

    def value(self, value: Any) -> None:
        """Print a list's items, or the value alone."""
        self.rows(value if is_array(value) else [value])

    def rows(self, items: Sequence[Any]) -> None:
        """Print a line for each."""
        if items:
            click.echo(b"\n".join(map(dump, items)))

    def end(self) -> None:
        """Add nothing."""


class Csv:
    """A header of the first rows' fields, then a line for each row; nested values as JSON."""

    def __init__(self) -> None:
        self._header: list[str] = []
        self._lost: set[str] = set()

    def value(self, value: Any) -> None:
        """Print a list's items as rows, or the value as the only one."""
        self.rows(value if is_array(value) else [value])

    def rows(self, items: Sequence[Any]) -> None:
        """Print a line for each row; fields beyond the header are told on stderr, once each."""
        rows: list[dict[str, Any]] = [item if is_object(item) else {"value": item} for item in items]
        text = io.StringIO()
        lines = csv.writer(text, lineterminator="\n")
        if not self._header and rows:
            self._header = list(dict.fromkeys(name for row in rows for name in row))
            lines.writerow(self._header)
        for row in rows:
            lines.writerow([_cell(row.get(name)) for name in self._header])
        click.echo(text.getvalue(), nl=False)
        self._tell_lost(rows)

    def end(self) -> None:
        """Add nothing."""

    def _tell_lost(self, rows: Iterable[dict[str, Any]]) -> None:
        new = sorted({name for row in rows for name in row} - {*self._header, *self._lost})
        if new:
            self._lost.update(new)
            say(f"Not in the header, so left out from here on: {', '.join(new)}.")


class Yaml:
    """YAML; a long list is one sequence."""

    def value(self, value: Any) -> None:
        """Print a value as a document."""
        click.echo(yaml_text(value), nl=False)

    def rows(self, items: Sequence[Any]) -> None:
        """Go on with the sequence."""
        if items:
            click.echo(yaml_text(list(items)), nl=False)

    def end(self) -> None:
        """Add nothing."""


def yaml_text(value: Any) -> str:
    """Return JSON data as YAML, fields in their order."""
    import yaml  # noqa: PLC0415 -- loaded when it is asked for

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(value, Dumper=dumper, allow_unicode=True, sort_keys=False, width=120)
    return text.removesuffix("...\n") if not (is_object(value) or is_array(value)) else text


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else dump(value).decode()
