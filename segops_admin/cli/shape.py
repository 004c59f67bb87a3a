"""Results cut to shape: plain JSON data, a JMESPath query over it, chosen columns of it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..records.base import is_array, is_object, to_json
from ..records.page import Page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MISSING: Any = object()

ENVELOPE = frozenset({"count", "next", "previous", "next_cursor"})


def plain(result: Any) -> Any:
    """Return a result as JSON data: a page's envelope, a record's object, a path's text."""
    if isinstance(result, Page):
        return result.to_dict()
    value = to_json(result)
    return str(value) if isinstance(value, (Path, date)) else value


def is_page(value: Any) -> bool:
    """Return whether JSON data is one page of a list: items under `results`, alone or with what tells of a list."""
    return is_object(value) and is_array(value.get("results")) and (len(value) == 1 or not ENVELOPE.isdisjoint(value))


def searched(query: str, value: Any) -> Any:
    """Return what a JMESPath query takes of JSON data."""
    import jmespath  # noqa: PLC0415 -- loaded when it is asked for
    from jmespath.exceptions import JMESPathError, ParseError  # noqa: PLC0415

    try:
        return jmespath.search(query, value)
    except ParseError as error:
        column = (error.lex_position or 0) + 1
        raise click.UsageError(f"--query is no JMESPath, column {column}: {error.msg}.") from error
    except JMESPathError as error:
        raise click.UsageError(f"--query does not fit the result: {error}") from error


class Columns:
    """Chosen columns: checked against the first rows, then cut out of all."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._checked = False

    def of(self, items: Iterable[Any]) -> list[dict[str, Any]]:
        """Return rows with these columns only."""
        rows = [item if is_object(item) else {"value": item} for item in items]
        if rows and not self._checked:
            self._check(rows)
            self._checked = True
        return [{name: None if (value := at(row, name)) is MISSING else value for name in self.names} for row in rows]

    def _check(self, rows: Sequence[dict[str, Any]]) -> None:
        unknown = [name for name in self.names if all(at(row, name) is MISSING for row in rows)]
        if unknown:
            raise click.UsageError(
                f"There is no column {unknown[0]!r}. Known: {', '.join(_known(rows))}.", ctx=click.get_current_context()
            )


def at(row: dict[str, Any], name: str) -> Any:
    """Return a field of nested data by its dotted name, or `MISSING`."""
    value: Any = row
    for key in [name] if name in row else name.split("."):
        if not is_object(value) or key not in value:
            return MISSING
        value = value[key]
    return value


def _known(rows: Sequence[dict[str, Any]]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        for name, value in row.items():
            names[name] = None
            if is_object(value):
                names.update(dict.fromkeys(f"{name}.{key}" for key in value))
    return sorted(names)
