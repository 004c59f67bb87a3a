"""Tables for people: lists as rows, one object as names and values, each on one line of the terminal.

Where not all columns have room, what names an object and what can be compared comes first: ids, names, states, counts
and times; then short text, then long text; nested data goes first of all. Times and numbers are shown whole or not.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..records.base import is_array, is_object
from .forms import dump
from .signs import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PIPE_WIDTH = 120
LEAST_COLUMN = 12
NAME_ROOM = 32
NESTED_ROOM = 24
"""The least that columns are cut to; of nested data, fewer characters say nothing."""
MOST_COLUMN = 60
NUMBER_WIDTH = 8
"""Room for numbers that grow on later pages."""
SHORT = 24
"""Text up to this wide is a word or two."""
GAP = 2

NAMES = ("name", "title", "sku", "slug", "user_id", "event_type", "query_text", "connector_type")
EMPTY: tuple[Any, ...] = (None, "", [], {})
"""Where no row has more, there is no column."""

ALIKE = ("tenant",)
"""The same in every row of a workspace."""

TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")


class _Console(Console):
    """A console that lets a reader go who had enough; rich would end the process with status 1."""

    def on_broken_pipe(self) -> None:
        """Leave the error to the border."""
        raise  # noqa: PLE0704 -- rich calls this while it handles the error


def console(least: int = 0) -> Console:
    """Return a console on stdout, as wide as the terminal; on a pipe it has a fixed width. least: or wider."""
    found = _Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, soft_wrap=False)
    found.width = max(found.width, least)
    return found


class Tables:
    """Rows under one header, whose columns the first rows set; an object as names and values."""

    def __init__(self, *, asked: bool = False) -> None:
        self._columns: dict[str, _Column] | None = None
        self._dropped = 0
        self._asked = asked
        """Whether these very columns were asked for: then all of them are shown."""

    def value(self, value: Any) -> None:
        """Print one result."""
        if value in ([], {}):
            say("Nothing found.")
        elif is_array(value):
            self._print(value, more_follow=False)
            self._note_dropped()
        elif is_object(value):
            _object(value)
        elif value is None:
            say("Done.")
        else:
            click.echo(str(value))

    def rows(self, items: Sequence[Any]) -> None:
        """Print some rows of a long list."""
        self._print(items, more_follow=True)

    def end(self) -> None:
        """Say so when there was nothing."""
        if self._columns is None:
            say("Nothing found.")
        self._note_dropped()

    def _note_dropped(self) -> None:
        if self._dropped:
            say(f"+{self._dropped} column{'' if self._dropped == 1 else 's'}: use --columns or -o json.")

    def _print(self, items: Sequence[Any], *, more_follow: bool) -> None:
        """Print items as rows; the header goes above the first rows only."""
        if not items:
            return
        rows: list[Mapping[str, Any]] = [item if is_object(item) else {"value": item} for item in items]
        is_first = self._columns is None
        if self._columns is None:
            found = _found(rows, asked=self._asked)
            self._columns = _fitted(found, console().width, asked=self._asked, more_follow=more_follow)
            self._dropped = len(found) - len(self._columns)
        table = Table(box=None, show_header=is_first, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0))
        for name, column in self._columns.items():
            table.add_column(
                Text(name),
                width=column.width,
                no_wrap=True,
                overflow="ellipsis",
                justify="right" if column.is_number else "left",
            )
        for row in rows:
            table.add_row(*(_cell(row.get(name)) for name in self._columns))
        console(sum(column.width + GAP for column in self._columns.values())).print(table)


class _Column:
    """What is known of one column from the first rows."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.width = 0
        self.is_number = False
        self.is_time = False
        self.is_nested = False
        self._has_values = False

    def see(self, value: Any) -> None:
        """Take in one row's value."""
        if value in EMPTY:
            return
        self.width = max(self.width, _cell(value).cell_len)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        is_time = isinstance(value, str) and TIME.fullmatch(value) is not None
        self.is_number = is_number and (self.is_number or not self._has_values)
        self.is_time = is_time and (self.is_time or not self._has_values)
        self.is_nested = self.is_nested or is_object(value) or is_array(value)
        self._has_values = True

    def expect_more(self) -> None:
        """Make room for later rows: numbers gain digits, and names are not all as short as the first ones."""
        if self.is_number:
            self.width = max(self.width, NUMBER_WIDTH)
        elif self.name in NAMES:
            self.width = max(self.width, min(2 * self.width, NAME_ROOM))

    @property
    def rank(self) -> int:
        """The lower, the earlier it gets its room."""
        if self.name == "id":
            return 0
        if self.name in NAMES:
            return 1
        if self.is_nested or self.name in ALIKE:
            return 5
        if self.name == "status" or self.is_number or self.name.endswith("_id"):
            return 2
        if self.is_time:
            return 3
        return 4 if self.width <= SHORT else 5

    @property
    def least(self) -> int:
        """The narrowest it can be: what would mislead when it is cut is not cut."""
        if self.is_number or self.is_time or self.name == "id":
            return self.width
        wanted = NAME_ROOM if self.name in NAMES else NESTED_ROOM if self.is_nested else LEAST_COLUMN
        return min(self.width, max(wanted, cell_len(self.name)))


def _found(rows: Sequence[Mapping[str, Any]], *, asked: bool) -> dict[str, _Column]:
    """Return the columns in order of first appearance; those that no row fills only if they were asked for."""
    found: dict[str, _Column] = {}
    for row in rows:
        for name, value in row.items():
            found.setdefault(name, _Column(name)).see(value)
    kept = {name: column for name, column in found.items() if column.width or asked}
    for column in kept.values():
        column.width = max(min(column.width, MOST_COLUMN), cell_len(column.name))
    return kept


def _fitted(found: dict[str, _Column], room: int, *, asked: bool, more_follow: bool) -> dict[str, _Column]:
    """Return the columns that have room, as wide as they may be.

    They get their least width in the order of their rank. The room that is left goes to those that have more to show,
    then, where more rows follow, to text that may be longer on later pages. asked: all have room, if need be past the
    edge.
    """
    if more_follow:
        for column in found.values():
            column.expect_more()
    chosen: list[_Column] = []
    left = room
    for column in sorted(found.values(), key=lambda column: column.rank):
        if asked or not chosen or column.least + GAP <= left:
            chosen.append(column)
            left -= column.least + GAP
    for column in chosen:
        wanted = column.width
        column.width = min(column.least + max(left, 0), wanted)
        left -= column.width - column.least
    if more_follow and left > 0:
        _spread(left, chosen)
    return {name: column for name, column in found.items() if column in chosen}


def _spread(room: int, columns: Sequence[_Column]) -> None:
    """Hand out free room to text; numbers and times have theirs."""
    growing = [column for column in columns if not (column.is_number or column.is_time)]
    parts = sum(_share(column) for column in growing)
    for column in growing:
        column.width = max(column.width, min(column.width + room * _share(column) // parts, MOST_COLUMN))


def _share(column: _Column) -> int:
    return 3 if column.name in NAMES else 1


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
    if is_object(value):
        lines = [Text.assemble(f"{key}: ", _cell(item)) for key, item in value.items()]
    elif is_array(value):
        lines = [_cell(item) for item in value]
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
