"""A CSV catalogue as a user has it on disk, checked before it is uploaded.

The service takes UTF-8 (a BOM is accepted) with a header row and at most 100,000 rows (segops-api.md 11.4 [docs]).
"""

from __future__ import annotations

import codecs
import csv
import io
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import SegOpsInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ROWS = 100_000
MAX_LINE = 2**24
"""Characters. No catalogue has a longer line; a file without line breaks would be read whole to find its first row."""
PIECE_BYTES = 2**20


def read_catalogue(source: str | Path) -> tuple[str, bytes]:
    """Return a catalogue's file name and bytes; raise SegOpsInputError for one that the service could not import.

    Blocks, and holds the bytes once; of a file that has too many rows, those that show it.
    """
    file = Path(source)
    if file.is_dir():
        raise SegOpsInputError(f"{file} is a directory; name the CSV file in it.")
    try:
        with file.open("rb", buffering=0) as disk:
            checked = _CheckedBytes(file, disk)
            with io.TextIOWrapper(io.BufferedReader(checked, PIECE_BYTES), "utf-8-sig", newline="") as text:
                _check_rows(file, text)
    except FileNotFoundError as error:
        raise SegOpsInputError(f"There is no file {file}.") from error
    except OSError as error:
        raise SegOpsInputError(f"{file} cannot be read: {error.strerror}.") from error
    return file.name, checked.kept.getvalue()


class _CheckedBytes(io.RawIOBase):
    """A file's bytes on their way to a reader: kept, and refused at the first one that is no UTF-8 text."""

    def __init__(self, file: Path, disk: io.FileIO) -> None:
        self.kept = io.BytesIO()
        self._file = file
        self._disk = disk
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._line = 1

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read the next piece, as `io` asks for it."""
        piece = self._disk.read(len(buffer))
        self._check(piece)
        self.kept.write(piece)
        buffer[: len(piece)] = piece
        return len(piece)

    def _check(self, piece: bytes) -> None:
        """Decode a piece; a NUL is valid UTF-8, but is found in UTF-16 and in no CSV."""
        text, nul, _ = piece.partition(b"\0")
        carried = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(text, final=not piece)
        except UnicodeDecodeError as error:
            raise self._refusal(piece, error.start - carried, error.object[error.start]) from error
        if nul:
            raise self._refusal(piece, len(text), 0)
        self._line += piece.count(b"\n")

    def _refusal(self, piece: bytes, at: int, byte: int) -> SegOpsInputError:
        """Say where a byte is; `at` is below 0 for one that an earlier piece ended with."""
        line = self._line + piece.count(b"\n", 0, max(at, 0))
        return SegOpsInputError(
            f"{self._file} is not UTF-8: line {line}, byte 0x{byte:02x} at {self.kept.tell() + at}. Save it as UTF-8."
        )


def _check_rows(file: Path, text: io.TextIOWrapper) -> None:
    try:
        filled = (row for row in csv.reader(_lines(file, text)) if row)
        rows = sum(1 for _ in islice(filled, MAX_ROWS + 2))
    except csv.Error as error:
        raise SegOpsInputError(f"{file} is not a CSV file: {error}.") from error
    if rows == 0:
        raise SegOpsInputError(f"{file} is empty; a catalogue has a header row and products.")
    if rows == 1:
        raise SegOpsInputError(f"{file} has a header row but no products.")
    if rows - 1 > MAX_ROWS:
        raise SegOpsInputError(
            f"{file} has more than {MAX_ROWS:,} rows, the most that the service imports from a file. "
            "Split it, or use products.bulk_upsert, which has no such limit."
        )


def _lines(file: Path, text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE and not line.endswith(("\r", "\n")):
            raise SegOpsInputError(f"{file} is not a CSV file: it has a line of more than {MAX_LINE:,} characters.")
        yield line
