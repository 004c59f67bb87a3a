"""Tables for people: lists as rows, one object as names and values, each on one line of the terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..records.base import is_array, is_object
from .forms import dump

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..records.page import Page

PIPE_WIDTH = 120
LEAST_COLUMN = 12
MOST_COLUMN = 60
GAP = 2
NUMBER_WIDTH = 8
"""Room for numbers that grow on later pages."""


def console() -> Console:
    """Return a console on stdout; on a pipe it has a fixed width."""
    return Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, soft_wrap=False)


class Tables:
    """Rows under one header, whose columns the first rows set; an object as names and values."""

    def __init__(self, *, keep_empty: bool = False) -> None:
        self._columns: dict[str, int] | None = None
        self._keep_empty = keep_empty

    def value(self, value: Any) -> None:
        """Print one result."""
        if value in ([], {}):
            click.echo("Nothing found.", err=True)
        elif is_array(value):
            _rows(value, keep_empty=self._keep_empty)
        elif is_object(value):
            _object(value)
        elif value is None:
            click.echo("Done.", err=True)
        else:
            click.echo(str(value))

    def rows(self, items: Sequence[Any]) -> None:
        """Print some rows of a long list."""
        self._columns = _rows(items, self._columns, more_follow=True, keep_empty=self._keep_empty)

    def end(self) -> None:
        """Say so when there was nothing."""
        if self._columns is None:
            click.echo("Nothing found.", err=True)


def note_rest(page: Page[Any]) -> None:
    """Say on stderr what a page leaves out."""
    if page.next_query is not None:
        whole = f" of {page.count:,}" if page.count is not None else ""
        click.echo(f"{len(page):,}{whole} shown; --all reads every page.", err=True)


def _rows(
    items: Sequence[Any],
    columns: dict[str, int] | None = None,
    *,
    more_follow: bool = False,
    keep_empty: bool = False,
) -> dict[str, int]:
    """Print items as rows and return the columns with their widths; the header goes above the first rows only."""
    out = console()
    rows: list[Mapping[str, Any]] = [item if isinstance(item, dict) else {"value": item} for item in items]
    first = columns is None
    if columns is None:
        columns = _fitted(_widths(rows, more_follow=more_follow, keep_empty=keep_empty), out.width)
    table = Table(box=None, show_header=first, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
    for name, width in columns.items():
        table.add_column(Text(name), width=width, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in columns))
    if rows:
        out.print(table)
    return columns


def _widths(rows: Sequence[Mapping[str, Any]], *, more_follow: bool, keep_empty: bool) -> dict[str, int]:
    """Return the keys in order of first appearance, with the width of the widest value.

    keep_empty: with those that no row fills, too.
    """
    widths: dict[str, int] = {}
    for row in rows:
        for name, value in row.items():
            least = NUMBER_WIDTH if type(value) is int and more_follow else 0
            widths[name] = min(max(widths.get(name, 0), _cell(value).cell_len, least), MOST_COLUMN)
    return {name: max(width, cell_len(name)) for name, width in widths.items() if width or keep_empty}


def _fitted(widths: dict[str, int], room: int) -> dict[str, int]:
    """Narrow the widest columns until all fit; drop the last ones where even narrow columns do not."""
    fitted = dict(widths)
    while len(fitted) > 1 and sum(min(width, LEAST_COLUMN) + GAP for width in fitted.values()) > room:
        fitted.popitem()
    while sum(fitted.values()) + GAP * len(fitted) > room and max(fitted.values()) > 1:
        widest = max(fitted, key=lambda name: fitted[name])
        fitted[widest] -= 1
    return fitted


def _object(value: Mapping[str, Any]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, GAP, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    out = console()
    room = out.width - GAP - max((cell_len(name) for name in value), default=0)
    for name, item in value.items():
        cell = _cell(item)
        table.add_row(Text(name), cell if cell.cell_len <= room else _tall(item, cell))
    out.print(table)


def _tall(value: Any, cell: Text) -> Text:
    """Return what is too long for a line: nested data one item to a line, text as it is, to be folded."""
    lines: list[Text] = []
    if isinstance(value, dict):
        named: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        lines = [Text.assemble(f"{key}: ", _cell(item)) for key, item in named.items()]
    elif isinstance(value, list):
        lines = [_cell(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return Text("\n").join(lines) if lines else cell


def _cell(value: Any) -> Text:
    """Return a value on one line; what terminals would obey is shown as a space."""
    if value is None:
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, (dict, list)):
        value = dump(value).decode()
    return Text("".join(mark if mark.isprintable() else " " for mark in str(value)))
