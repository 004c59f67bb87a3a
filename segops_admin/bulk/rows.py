"""What rows may be, read by the handful and never faster than they are asked for.

A list, any iterable or async iterable of mappings, a pandas or polars frame, an Arrow table or reader, or a path to
CSV, TSV, JSON Lines or Parquet, plain, `.gz` or `.zst`. A row that cannot be read becomes an `Unreadable`, so that it
is told and not lost.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import math
import zlib
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Protocol, TextIO, cast

import attrs

from ..errors import SegOpsInputError
from ..records.wire import parse


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


class FetchedRows(Protocol):
    """Rows that are read elsewhere."""

    async def take_rows(self, count: int) -> list[Any]:
        """Return the next rows, at most so many; fewer at the end."""
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
"""Whatever `read_handfuls` reads."""


PACKINGS = {".gz": "gzip", ".zst": "zstd"}


@attrs.frozen
class Unreadable:
    """A place in the source where a row should be and none can be read."""

    reason: str


HANDFUL = 100
"""Rows read, encoded and let go at a time: few enough to die before the garbage collector looks at them."""


async def read_handfuls(rows: Rows, chunk_size: int) -> AsyncGenerator[list[Any], None]:
    """Give the rows a handful at a time, none across the end of a chunk; each is let go before the next is read."""
    take = _taker(rows, chunk_size)
    room, has_more = chunk_size, True
    while has_more:
        count = min(HANDFUL, room)
        handful = await take(count)
        has_more = len(handful) == count  # a source that has ended is not asked again
        room = room - count or chunk_size
        if handful:
            yield handful
        del handful


def _taker(rows: Any, chunk_size: int) -> Callable[[int], Awaitable[list[Any]]]:
    """Return what takes the next rows, so many or, at the end, fewer."""
    if hasattr(rows, "take_rows"):
        return cast("FetchedRows", rows).take_rows
    if isinstance(rows, AsyncIterable):
        following: AsyncIterator[Any] = aiter(rows)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

        async def take_awaited(count: int) -> list[Any]:
            taken: list[Any] = []
            with suppress(StopAsyncIteration):
                while len(taken) < count:
                    taken.append(await following.__anext__())
            return taken

        return take_awaited
    iterator = itertools.chain(_iterable(rows, chunk_size))  # islice() would begin anew what begins anew at iter()

    async def take(count: int) -> list[Any]:
        return list(itertools.islice(iterator, count))

    return take


def _iterable(rows: Any, size: int) -> Iterable[Any]:
    if isinstance(rows, (str, Path)):
        return _file_rows(Path(rows), size)
    if isinstance(rows, (bytes, Mapping)):
        raise SegOpsInputError("rows must be many rows: a list, an iterable, a frame or a path, not a single value.")
    is_pandas = hasattr(rows, "iloc")
    if is_pandas and hasattr(rows, "columns"):
        return _pandas_rows(rows, size)
    if hasattr(rows, "iter_slices"):
        return itertools.chain.from_iterable(part.to_dicts() for part in rows.iter_slices(size))
    batches = _record_batches(rows)
    if batches is not None:
        return _arrow_rows(batches, size)
    if is_pandas or not isinstance(rows, Iterable):  # a column of pandas' would be read by its values
        raise SegOpsInputError(f"rows cannot be read from a {type(rows).__name__}.")
    return rows  # pyright: ignore[reportUnknownVariableType]


def _record_batches(rows: Any) -> Iterable[Any] | None:
    """Return the batches of an Arrow table, data set, reader or batch; None for anything else."""
    if hasattr(rows, "to_batches"):
        return cast("Iterable[Any]", rows.to_batches())
    if hasattr(rows, "read_next_batch"):
        return cast("Iterable[Any]", rows)
    return [rows] if hasattr(rows, "to_pylist") and hasattr(rows, "num_rows") else None


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
    """Turn a NumPy value or a pandas time into Python's own."""
    if hasattr(value, "to_pydatetime"):
        return value.to_pydatetime(warn=False)  # it has no nanoseconds
    return value.tolist() if type(value).__module__ == "numpy" and hasattr(value, "tolist") else value


def _arrow_rows(batches: Iterable[Any], size: int) -> Iterator[dict[str, Any]]:
    """Give the rows of record batches, `size` at a time: a batch may be the whole table."""
    for batch in batches:
        # pyarrow makes pandas times of these
        has_pandas_times = any(str(kind).startswith("timestamp[ns") for kind in batch.schema.types)
        for start in range(0, batch.num_rows, size):
            rows = batch.slice(start, size).to_pylist()
            yield from (
                ({name: _plain(value) for name, value in row.items()} for row in rows) if has_pandas_times else rows
            )


def _file_rows(file: Path, size: int) -> Iterator[Any]:
    suffixes = [suffix.lower() for suffix in file.suffixes]
    packing = suffixes.pop() if suffixes and suffixes[-1] in PACKINGS else ""
    kind = suffixes[-1] if suffixes else ""
    if not file.is_file():
        raise SegOpsInputError(f"There is no file {file}.")
    if kind == ".parquet" and not packing:
        return _parquet_rows(file, size)
    reader = {".csv": _csv_rows, ".tsv": _tsv_rows, ".jsonl": _json_lines, ".ndjson": _json_lines}.get(kind)
    if reader is None:
        raise SegOpsInputError(f"{file} is none of .csv, .tsv, .jsonl, .ndjson (plain, .gz or .zst) and .parquet.")
    return _read_text(file, packing, reader)


def _read_text(file: Path, packing: str, reader: Any) -> Iterator[Any]:
    try:
        with _opened(file, packing) as lines:
            yield from reader(file, lines)
    except UnicodeDecodeError as error:
        raise SegOpsInputError(
            f"{file} is not UTF-8: byte 0x{error.object[error.start]:02x}. Save it as UTF-8."
        ) from error
    except (EOFError, zlib.error, OSError) as error:
        what = f"is not a whole {PACKINGS[packing]} file" if packing else "cannot be read"
        raise SegOpsInputError(f"{file} {what}: {error}.") from error


def _opened(file: Path, packing: str) -> TextIO:
    if packing == ".gz":
        return cast("TextIO", gzip.open(file, "rt", encoding="utf-8-sig", newline=""))
    if packing == ".zst":
        return TextIOWrapper(_unpacking_zst(file), encoding="utf-8-sig", newline="")
    return file.open(encoding="utf-8-sig", newline="")


def _unpacking_zst(file: Path) -> Any:
    try:
        pyarrow = import_module("pyarrow")
    except ImportError as error:
        raise SegOpsInputError("Reading .zst needs pyarrow: pip install 'segops_admin[parquet]'.") from error
    return pyarrow.input_stream(str(file), compression="zstd")


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
            yield parse(line.encode())
        except ValueError as error:
            yield Unreadable(f"line {number} is not JSON: {error}")


def _parquet_rows(file: Path, size: int) -> Iterator[Any]:
    try:
        parquet, pyarrow = import_module("pyarrow.parquet"), import_module("pyarrow")
    except ImportError as error:
        raise SegOpsInputError("Reading Parquet needs pyarrow: pip install 'segops_admin[parquet]'.") from error
    try:
        with parquet.ParquetFile(file) as table:
            yield from _arrow_rows(table.iter_batches(batch_size=size), size)
    except (pyarrow.ArrowException, OSError) as error:
        raise SegOpsInputError(f"{file} is not a Parquet file: {error}.") from error
