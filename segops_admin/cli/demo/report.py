"""What the demo shows: a bar and a spinner on a terminal, plain lines on a pipe, and one table at the end."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ..tables import console

if TYPE_CHECKING:
    from collections.abc import Generator

    from rich.progress import TaskID
    from typing_extensions import Self


@attrs.define
class Step:
    """One thing done: what, how much of it, and for how long."""

    name: str
    what: str = ""
    count: int | None = None
    seconds: float = 0.0

    def done(self, what: str, count: int | None = None) -> None:
        """Say what came of it."""
        self.what, self.count = what, count


class Report:
    """The steps so far. Used as a context: the progress display is gone when it ends."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._stderr = Console(stderr=True, highlight=False)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=40),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            console=self._stderr,
            transient=True,
            disable=not self._stderr.is_terminal,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    @contextmanager
    def step(self, name: str, total: int | None = None) -> Generator[Step, None, None]:
        """Do one step; it is in the table when it ended well."""
        step = Step(name)
        self._task = self._bar.add_task(name, total=total, amount="")
        began = time.perf_counter()
        try:
            yield step
        finally:
            self._bar.remove_task(self._task)
            self._task = None
        step.seconds = time.perf_counter() - began
        self.steps.append(step)
        if not self._stderr.is_terminal:
            count = "" if step.count is None else f"{step.count:,} "
            click.echo(f"{step.name}: {count}{step.what} ({step.seconds:.2f} s)", err=True)

    def progress(self, completed: int, total: int | None = None) -> None:
        """Move the bar of the step at hand."""
        if self._task is not None:
            amount = f"{completed:,}" if total is None else f"{completed:,} of {total:,}"
            self._bar.update(self._task, completed=completed, total=total, amount=amount)

    def table(self) -> None:
        """Print what happened."""
        table = Table(title="What happened", title_justify="left", show_footer=True)
        table.add_column("Step", "Total", no_wrap=True)
        table.add_column("What", overflow="ellipsis", no_wrap=True)
        table.add_column("Count", justify="right", no_wrap=True)
        table.add_column("Seconds", f"{sum(step.seconds for step in self.steps):.2f}", justify="right", no_wrap=True)
        for step in self.steps:
            table.add_row(step.name, step.what, "" if step.count is None else f"{step.count:,}", f"{step.seconds:.2f}")
        console().print(table)
