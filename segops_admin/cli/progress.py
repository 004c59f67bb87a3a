"""What is shown while a job is waited for: a spinner on a terminal, a plain line every few seconds on a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

LINE_EVERY_S = 5.0


@contextmanager
def watching(what: str) -> Generator[Callable[[Any], None], None, None]:
    """Give a function to be called with the job at every look, and clean up behind it."""
    if sys.stderr.isatty():
        from rich.console import Console  # noqa: PLC0415 -- rich is loaded for terminals only

        with Console(stderr=True, highlight=False).status(what) as status:
            yield lambda job: status.update(f"{what}: {_standing(job)}")
    else:
        yield _line_by_line(what)


def _line_by_line(what: str) -> Callable[[Any], None]:
    last = time.monotonic()

    def tell(job: Any) -> None:
        nonlocal last
        if time.monotonic() - last >= LINE_EVERY_S:
            last = time.monotonic()
            click.echo(f"{what}: {_standing(job)}", err=True)

    return tell


def _standing(job: Any) -> str:
    """Return a job's status word, and how many rows are in where it says so."""
    if not isinstance(job, Mapping):
        return str(job)
    seen: dict[str, Any] = dict(job)  # pyright: ignore[reportUnknownArgumentType]
    rows = f"{seen['imported_count']:,} of {seen.get('row_count') or 0:,} rows" if seen.get("imported_count") else ""
    return " ".join(filter(None, [str(seen.get("status") or "waiting"), rows]))
