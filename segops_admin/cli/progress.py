"""What is shown while something lasts: one changing line on a terminal, a plain line every few seconds on a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .masking import masked

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

LINE_EVERY_S = 5.0
COUNT_PIECE_BYTES = 1 << 20


class Watch:
    """Takes a job or an import at every look, and knows how it stands."""

    def __init__(self, what: str, total: int | None, tell: Callable[[str], None]) -> None:
        self._what = what
        self._total = total
        self._tell = tell
        self._began = time.monotonic()
        self.standing = ""
        """How it stood at the last look, as a sentence."""

    def __call__(self, job: Any) -> None:
        """Take a look."""
        seen: dict[str, Any] = dict(job) if isinstance(job, Mapping) else {"status": str(job)}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        words = self._words(seen)
        self.standing = f"{words[:1].upper()}{words[1:]}."
        self._tell(masked(f"{self._what}: {words}"))

    def _words(self, seen: Mapping[str, Any]) -> str:
        rows = seen.get("imported_count") if "imported_count" in seen else seen.get("rows")
        if not isinstance(rows, int) or not rows:
            return str(seen.get("status") or "waiting")
        total = seen.get("row_count") or self._total
        failed = f"{seen['failed_count']:,} refused" if seen.get("failed_count") else ""
        parts = [str(seen.get("status") or ""), _of(rows, total), *self._pace(seen, rows, total), failed]
        return ", ".join(filter(None, parts))

    def _pace(self, seen: Mapping[str, Any], rows: int, total: int | None) -> list[str]:
        """Return rate and time left; rows that an earlier run had brought in say nothing of the pace."""
        spent_s = time.monotonic() - self._began
        moved = rows - int(seen.get("resumed_rows") or 0)
        rate = moved / spent_s if spent_s > 0 else 0.0
        if rate < 1:
            return []
        left = f"{_clock((total - rows) / rate)} left" if total is not None and total >= rows else ""
        return [f"{rate:,.0f} rows/s", left]


@contextmanager
def watching(what: str, *, source: str | None = None) -> Generator[Watch, None, None]:
    """Give what is to be called at every look, and clean up behind it.

    source: the file whose rows are the whole of it.
    """
    total = _rows_in(Path(source)) if source else None
    if sys.stderr.isatty():
        from rich.console import Console  # noqa: PLC0415 -- rich is loaded for terminals only
        from rich.markup import escape  # noqa: PLC0415

        with Console(stderr=True, highlight=False).status(what) as status:
            yield Watch(what, total, lambda line: status.update(escape(line)))
    else:
        yield Watch(what, total, _line_by_line())


def _line_by_line() -> Callable[[str], None]:
    last = time.monotonic()

    def tell(line: str) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY_S:
            last = time.monotonic()
            click.echo(line, err=True)

    return tell


def _of(rows: int, total: int | None) -> str:
    return f"{rows:,} of {total:,} rows" if total is not None and total >= rows else f"{rows:,} rows"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _rows_in(file: Path) -> int | None:
    """Return about how many rows a text file has, by its lines; None for any other."""
    if file.suffix not in (".csv", ".tsv", ".jsonl", ".ndjson") or not file.is_file():
        return None
    header = 1 if file.suffix in (".csv", ".tsv") else 0
    last = b"\n"
    lines = 0
    with file.open("rb") as data:
        while piece := data.read(COUNT_PIECE_BYTES):
            lines += piece.count(b"\n")
            last = piece[-1:]
    return max(lines + (last != b"\n") - header, 0)
