"""Signs of life on stderr while the server is waited for, and while long work lasts.

On a terminal one changing line, from the first second of silence on, gone before anything else is printed; elsewhere a
plain line every few seconds. Calls tell of themselves in the client's own thread, through `on_event`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from .masking import masked

if TYPE_CHECKING:
    from collections.abc import Generator

    from rich.text import Text

    from ..core.events import CallEvent

SIGNS = "segops_admin.cli.signs"
"""Where a context keeps the signs of its command."""

SILENCE_S = 1.0
LINE_EVERY_S = 5.0
LOOK_EVERY_S = 0.2


class Signs:
    """What the command waits for, shown after a while."""

    def __init__(self, *, changing: bool) -> None:
        self._changing = changing
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._calls = 0
        """How many are under way."""
        self._call = ""
        self._call_began = 0.0
        self._attempt = ""
        self._wait = ""
        """Why the call is to be sent again later, if it is."""
        self._wait_ends = 0.0
        self._work = ""
        self._quiet_since = time.monotonic()
        self._line: Line | None = None
        self.attempts = 1
        """How often a call is sent at most."""
        threading.Thread(target=self._run, name="segops-admin-signs", daemon=True).start()

    def heard(self, event: CallEvent) -> None:
        """Take in what happens to a call."""
        with self._lock:
            now = time.monotonic()
            self._call = f"{event.method} {event.path}"
            self._wait = ""
            if event.kind == "sending" and event.attempt == 1:
                if not self._calls:
                    self._call_began = now
                    self._quiet_since = self._quiet_since if self._work else now
                self._calls += 1
            if event.kind == "sending":
                self._attempt = f", attempt {event.attempt} of {self.attempts}" if event.attempt > 1 else ""
            elif event.kind == "waiting":
                self._wait = event.reason.removeprefix("status ")
                self._wait_ends = now + (event.delay_s or 0)
                self._attempt = f", attempt {event.attempt + 1} of {self.attempts}"
            else:
                self._calls = max(0, self._calls - 1)
                if not self._work:
                    self._clear()

    def work(self, text: str, *, at_once: bool = True) -> None:
        """Show how long work stands; an empty text ends it."""
        with self._lock:
            self._work = text
            if not text:
                self._clear()
            elif at_once and self._changing:
                self._draw()

    @contextmanager
    def aside(self) -> Generator[None, None, None]:
        """Keep the line out of the way while something is printed."""
        with self._lock:
            if self._changing:
                self._clear()
            yield

    def end(self) -> None:
        """Show nothing more."""
        self._over.set()
        with self._lock:
            self._clear()

    def _run(self) -> None:
        patience_s = SILENCE_S if self._changing else LINE_EVERY_S
        while not self._over.wait(LOOK_EVERY_S):
            with self._lock:
                is_due = self._line is not None or time.monotonic() - self._quiet_since >= patience_s
                if is_due and (self._calls or self._wait or self._work) and not self._over.is_set():
                    self._draw()

    def _clear(self) -> None:
        if self._line is not None:
            self._line.stop()
            self._line = None
        self._quiet_since = time.monotonic()

    def _draw(self) -> None:
        text = masked(self._text())
        if self._changing:
            if self._line is None:
                self._line = Line(text)
            else:
                self._line.put(text)
        else:
            self._quiet_since = time.monotonic()
            click.echo(text, err=True)

    def _text(self) -> str:
        """Return the work and what holds it up, or the call alone."""
        now = time.monotonic()
        if self._wait:
            call = f"{self._call} … waiting {max(0.0, self._wait_ends - now):.0f} s ({self._wait}){self._attempt}"
        else:
            call = f"{self._call} … waiting for an answer, {now - self._call_began:.0f} s{self._attempt}"
        return " · ".join(filter(None, [self._work, call if self._wait or not self._work else ""]))


class Line:
    """One line of a terminal that changes, and goes without a trace."""

    def __init__(self, text: str) -> None:
        from rich.console import Console  # noqa: PLC0415 -- rich is loaded once there is something to show
        from rich.live import Live  # noqa: PLC0415
        from rich.spinner import Spinner  # noqa: PLC0415

        self._console = Console(stderr=True, highlight=False)
        self._spinner = Spinner("dots", self._fitting(text))
        self._live = Live(
            self._spinner,
            console=self._console,
            refresh_per_second=12.5,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)

    def put(self, text: str) -> None:
        """Show another text."""
        self._spinner.update(text=self._fitting(text))
        self._live.refresh()

    def stop(self) -> None:
        """Take the line away."""
        self._live.stop()

    def _fitting(self, text: str) -> Text:
        from rich.text import Text  # noqa: PLC0415 -- see above

        words = Text(text)
        words.truncate(max(10, self._console.width - 3), overflow="ellipsis")
        return words


def signs() -> Signs | None:
    """Return the signs of the running command, if it has any. To be asked in the main thread."""
    context = click.get_current_context(silent=True)
    return context.meta.get(SIGNS) if context is not None else None


@contextmanager
def signs_of_life(*, plain: bool) -> Generator[Signs, None, None]:
    """Give a command its signs, and take away what they showed. plain: others write to stderr at any moment."""
    found = Signs(changing=not plain and sys.stderr.isatty() and os.environ.get("TERM") != "dumb")
    click.get_current_context().meta[SIGNS] = found
    try:
        yield found
    finally:
        found.end()


@contextmanager
def aside() -> Generator[None, None, None]:
    """Keep the running command's line out of the way while something is printed where it is."""
    found = signs()
    if found is None or not sys.stdout.isatty():
        yield
        return
    with found.aside():
        yield


def say(text: str) -> None:
    """Write a line on stderr, beside the result."""
    found = signs()
    if found is None:
        click.echo(text, err=True)
        return
    with found.aside():
        click.echo(text, err=True)
