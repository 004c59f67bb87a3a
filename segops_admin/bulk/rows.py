"""What rows may be, read in batches and never faster than they are asked for.

A list, any iterable or async iterable of mappings, a pandas or polars frame, an Arrow table or reader, or a path to
CSV, TSV, JSON Lines or Parquet, plain or `.gz`. A row that cannot be read becomes an `Unreadable`, so that it is told
and not lost.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import math
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TextIO, cast

import attrs
import orjson

from ..errors import SegOpsInputError
from ..records.base import is_array


class PandasFrame(Protocol):
    """A pandas DataFrame, as far as rows are read from it."""

    @property
    def iloc(self) -> Any:
        """Rows by place."""
        ...


class PolarsFrame(Protocol):
    """A polars DataFrame, as far as rows are read from it."""

    def iter_slices(self, n_rows: int = ...) -> Iterator[Any]:
        """Give parts of it."""
        ...


class ArrowTable(Protocol):
    """An Arrow table, as far as rows are read from it."""

    def to_batches(self, max_chunksize: int | None = ...) -> list[Any]:
        """Give parts of it."""
        ...


class ArrowReader(Protocol):
    """An Arrow record batch reader, as far as rows are read from it."""

    def read_next_batch(self) -> Any:
        """Give the next part of it."""
        ...


Rows = (
    Iterable[Mapping[str, Any]]
    | AsyncIterable[Mapping[str, Any]]
    | PandasFrame
    | PolarsFrame
    | ArrowTable
    | ArrowReader
    | str
    | Path
)
"""Whatever `read_batches` reads."""


@attrs.frozen
class Unreadable:
    """A place in the source where a row should be and none can be read."""

    reason: str


async def read_batches(rows: Rows, size: int) -> AsyncGenerator[list[Any], None]:
    """Give the rows in lists of `size`; the last one may be shorter. Each list is let go before the next is read."""
    if isinstance(rows, AsyncIterable):
        async for batch in _async_batches(cast("AsyncIterable[Any]", rows), size):
            yield batch
            del batch
        return
    for batch in _batches(rows, size):
        yield batch
        del batch


async def _async_batches(rows: AsyncIterable[Any], size: int) -> AsyncIterator[list[Any]]:
    batch: list[Any] = []
    async for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _batches(rows: Any, size: int) -> Iterator[list[Any]]:
    if is_array(rows):
        return (rows[start : start + size] for start in range(0, len(rows), size))
    iterator = iter(_iterable(rows, size))
    return iter(lambda: list(itertools.islice(iterator, size)), [])


def _iterable(rows: Any, size: int) -> Iterable[Any]:
    if isinstance(rows, (str, Path)):
        return _file_rows(Path(rows))
    if isinstance(rows, (bytes, Mapping)):
        raise SegOpsInputError("rows must be many rows: a list, an iterable, a frame or a path, not a single value.")
    if hasattr(rows, "iloc"):
        return _pandas_rows(rows, size)
    if hasattr(rows, "iter_slices"):
        return itertools.chain.from_iterable(part.to_dicts() for part in rows.iter_slices(size))
    if hasattr(rows, "to_batches"):
        return _arrow_rows(rows.to_batches(max_chunksize=size))
    if hasattr(rows, "read_next_batch"):
        return _arrow_rows(rows)
    if isinstance(rows, Iterable):
        return rows  # pyright: ignore[reportUnknownVariableType]
    raise SegOpsInputError(f"rows cannot be read from a {type(rows).__name__}.")


def _pandas_rows(frame: Any, size: int) -> Iterator[dict[str, Any]]:
    """Give a frame's rows without their missing values, which pandas spells NaN."""
    for start in range(0, len(frame), size):
        for row in frame.iloc[start : start + size].to_dict("records"):
            yield {str(name): _plain(value) for name, value in row.items() if not _is_missing(value)}


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float) and math.isnan(value))
    )


def _plain(value: Any) -> Any:
    """Turn a NumPy scalar or a pandas time into Python's own."""
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)  # it has no nanoseconds
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value


def _arrow_rows(batches: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for batch in batches:
        if any(
            str(kind).startswith("timestamp[ns") for kind in batch.schema.types
        ):  # pyarrow makes pandas times of them
            for row in batch.to_pylist():
                yield {name: _plain(value) for name, value in row.items()}
        else:
            yield from batch.to_pylist()


def _file_rows(file: Path) -> Iterator[Any]:
    suffixes = [suffix.lower() for suffix in file.suffixes]
    packed = suffixes[-1:] == [".gz"]
    kind = (suffixes[:-1] if packed else suffixes)[-1:] or [""]
    if not file.is_file():
        raise SegOpsInputError(f"There is no file {file}.")
    if kind == [".parquet"] and not packed:
        return _parquet_rows(file)
    reader = {".csv": _csv_rows, ".tsv": _tsv_rows, ".jsonl": _json_lines, ".ndjson": _json_lines}.get(kind[0])
    if reader is None:
        raise SegOpsInputError(f"{file} is none of .csv, .tsv, .jsonl, .ndjson (plain or .gz) and .parquet.")
    return _opened(file, packed, reader)


def _opened(file: Path, packed: bool, reader: Any) -> Iterator[Any]:
    try:
        with (
            gzip.open(file, "rt", encoding="utf-8-sig", newline="")
            if packed
            else file.open(encoding="utf-8-sig", newline="") as lines
        ):
            yield from reader(file, cast("TextIO", lines))
    except UnicodeDecodeError as error:
        raise SegOpsInputError(
            f"{file} is not UTF-8: byte 0x{error.object[error.start]:02x}. Save it as UTF-8."
        ) from error
    except (gzip.BadGzipFile, EOFError) as error:
        raise SegOpsInputError(f"{file} is not a whole gzip file: {error}.") from error


def _csv_rows(file: Path, lines: TextIO, delimiter: str = ",") -> Iterator[Any]:
    table = csv.DictReader(lines, delimiter=delimiter)
    header = table.fieldnames or []
    if "sku" not in header:
        raise SegOpsInputError(
            f"{file} has no column named sku (its header: {', '.join(header)[:120] or 'none'}). "
            "Rename one, or use products.import_file, which maps columns."
        )
    try:
        for row in table:
            if None in row or None in row.values():
                yield Unreadable(f"line {table.line_num} has another number of cells than the header")
            else:
                yield row
    except csv.Error as error:
        raise SegOpsInputError(f"{file}, line {table.line_num}: {error}.") from error


def _tsv_rows(file: Path, lines: TextIO) -> Iterator[Any]:
    return _csv_rows(file, lines, "\t")


def _json_lines(_: Path, lines: TextIO) -> Iterator[Any]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError as error:
            yield Unreadable(f"line {number} is not JSON: {error}")


def _parquet_rows(file: Path) -> Iterator[Any]:
    try:
        parquet, pyarrow = import_module("pyarrow.parquet"), import_module("pyarrow")
    except ImportError as error:
        raise SegOpsInputError("Reading Parquet needs pyarrow: pip install 'segops_admin[parquet]'.") from error
    try:
        with parquet.ParquetFile(file) as table:
            yield from _arrow_rows(table.iter_batches())
    except pyarrow.ArrowInvalid as error:
        raise SegOpsInputError(f"{file} is not a Parquet file: {error}.") from error
