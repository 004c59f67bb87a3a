"""How long work stands: the words for a job or an import at each look, for the line that shows it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .signs import signs

if TYPE_CHECKING:
    from collections.abc import Generator

    from .signs import Signs

COUNT_PIECE_BYTES = 1 << 20


class Watch:
    """Takes a job or an import at every look, and knows how it stands."""

    def __init__(self, what: str, total: int | None, shown: Signs | None) -> None:
        self._what = what
        self._total = total
        self._shown = shown
        self._began = time.monotonic()
        self.standing = ""
        """How it stood at the last look, as a sentence."""
        self.job: Any = None
        """The job at the last look, if there was one."""

    def __call__(self, job: Any) -> None:
        """Take a look; called in the client's own thread."""
        self.job = job
        seen: dict[str, Any] = dict(job) if isinstance(job, Mapping) else {"status": str(job)}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        state, pace, refused = self._words(seen)
        done = ", ".join(filter(None, [state, refused]))
        self.standing = f"{done[:1].upper()}{done[1:]}."
        if self._shown is not None:
            self._shown.work(f"{self._what}: {', '.join(filter(None, [state, pace, refused]))}")

    def _words(self, seen: Mapping[str, Any]) -> tuple[str, str, str]:
        """Return how far it is, how fast, and what was refused."""
        rows = seen.get("imported_count") if "imported_count" in seen else seen.get("rows")
        status = str(seen.get("status") or "")
        if not isinstance(rows, int) or not rows:
            return status or "waiting", "", ""
        total = seen.get("row_count") or self._total
        refused = f"{seen['failed_count']:,} refused" if seen.get("failed_count") else ""
        return ", ".join(filter(None, [status, _of(rows, total)])), self._pace(seen, rows, total), refused

    def _pace(self, seen: Mapping[str, Any], rows: int, total: int | None) -> str:
        """Return rate and time left; rows that an earlier run had brought in say nothing of the pace."""
        spent_s = time.monotonic() - self._began
        moved = rows - int(seen.get("resumed_rows") or 0)
        rate = moved / spent_s if spent_s > 0 else 0.0
        if rate < 1:
            return ""
        left = f", {_clock((total - rows) / rate)} left" if total is not None and total >= rows else ""
        return f"{rate:,.0f} rows/s{left}"


@contextmanager
def watching(what: str, *, source: str | None = None) -> Generator[Watch, None, None]:
    """Give what is to be called at every look, and end what it shows.

    source: the file whose rows are the whole of it.
    """
    found = signs()
    watch = Watch(what, _rows_in(Path(source)) if source else None, found)
    if found is not None:
        found.work(what, at_once=False)
    try:
        yield watch
    finally:
        if found is not None:
            found.work("")


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
