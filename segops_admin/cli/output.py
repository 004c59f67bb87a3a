"""Results on stdout, as JSON, JSON lines or a table. Readers of long lists are printed as they are read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Literal

import click
import orjson

from ..records.base import to_json
from ..records.page import Page
from ..sync.base import SyncPager

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Form = Literal["json", "jsonl", "table"]

PRETTY = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS


def form_for(wanted: Form | None) -> Form:
    """Return the form asked for; else a table on a terminal and JSON on a pipe."""
    return wanted or ("table" if sys.stdout.isatty() else "json")


def show(result: Any, form: Form) -> None:
    """Print what a method returned."""
    if isinstance(result, SyncPager):
        _show_pages(result, form)  # pyright: ignore[reportUnknownArgumentType]
    elif form == "table":
        from . import tables  # noqa: PLC0415 -- rich is loaded for tables only

        tables.show(result)
    elif form == "jsonl":
        for item in _items(result):
            write(item, lines=True)
    else:
        write(result)


def write(value: Any, *, lines: bool = False) -> None:
    """Print one value as JSON in UTF-8: indented, or on one line."""
    click.echo(dump(value, options=0 if lines else PRETTY))


def dump(value: Any, *, options: int = 0) -> bytes:
    """Return a value as JSON."""
    plain = value.to_dict() if isinstance(value, Page) else to_json(value)
    return orjson.dumps(plain, default=str, option=options | orjson.OPT_NON_STR_KEYS)


def _items(result: Any) -> Iterable[Any]:
    if isinstance(result, (Page, list)):
        return result  # pyright: ignore[reportUnknownVariableType]
    return [result]


def _show_pages(pager: SyncPager[Any], form: Form) -> None:
    """Print a list page by page, holding no more than the pages in flight."""
    if form == "table":
        from . import tables  # noqa: PLC0415

        tables.show_pages(pager.pages())
    elif form == "jsonl":
        for page in pager.pages():
            click.echo(b"\n".join(map(dump, page)))
    else:
        for piece in _array(pager.pages()):
            click.echo(piece, nl=False)


def _array(pages: Iterator[Page[Any]]) -> Iterator[bytes]:
    """Write one JSON array out of many pages."""
    opening = b"["
    for page in pages:
        yield opening + b",".join(b"\n  " + dump(item) for item in page)
        opening = b","
    yield b"\n]\n" if opening == b"," else b"[]\n"
