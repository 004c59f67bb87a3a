"""A CSV catalogue as a user has it on disk, checked before it is uploaded.

The service takes UTF-8 (a BOM is accepted) with a header row and at most 100,000 rows (segops-api.md 11.4 [docs]).
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from .errors import SegOpsInputError

MAX_ROWS = 100_000


def read_catalogue(source: str | Path) -> tuple[str, bytes]:
    """Return a catalogue's file name and bytes; raise SegOpsInputError for one that the service could not import."""
    file = Path(source)
    if file.is_dir():
        raise SegOpsInputError(f"{file} is a directory; name the CSV file in it.")
    try:
        data = file.read_bytes()
    except FileNotFoundError as error:
        raise SegOpsInputError(f"There is no file {file}.") from error
    except OSError as error:
        raise SegOpsInputError(f"{file} cannot be read: {error.strerror}.") from error
    _check_rows(file, _decoded(file, data))
    return file.name, data


def _decoded(file: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SegOpsInputError(
            f"{file} is not UTF-8: line {line}, byte 0x{data[error.start]:02x} at {error.start}. Save it as UTF-8."
        ) from error


def _check_rows(file: Path, text: str) -> None:
    try:
        rows = sum(1 for row in csv.reader(io.StringIO(text, newline="")) if row)
    except csv.Error as error:
        raise SegOpsInputError(f"{file} is not a CSV file: {error}.") from error
    if rows == 0:
        raise SegOpsInputError(f"{file} is empty; a catalogue has a header row and products.")
    if rows == 1:
        raise SegOpsInputError(f"{file} has a header row but no products.")
    if rows - 1 > MAX_ROWS:
        raise SegOpsInputError(
            f"{file} has {rows - 1:,} rows; the service imports at most {MAX_ROWS:,} from a file. "
            "Split it, or use products.bulk_upsert, which has no such limit."
        )
