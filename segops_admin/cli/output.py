"""Results on stdout, in the form and the shape asked for. Readers of long lists are printed as they are read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..records.base import is_array
from ..records.page import Page
from ..sync.base import SyncChunkStream, SyncPager
from .forms import Csv, Json, JsonLines, Yaml
from .shape import Columns, plain, searched

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from .forms import Writer
    from .options import Form, Settings

TEXT_FORMS: Mapping[Form, type[Json | JsonLines | Csv | Yaml]] = {
    "json": Json,
    "jsonl": JsonLines,
    "csv": Csv,
    "yaml": Yaml,
}
ENVELOPES = ("json", "yaml")
"""Forms that show a page's envelope around its items."""


def form_for(wanted: Form | None) -> Form:
    """Return the form asked for; else a table on a terminal and JSON on a pipe."""
    return wanted or ("table" if sys.stdout.isatty() else "json")


def show(result: Any, wanted: Settings) -> None:
    """Print what a method returned."""
    form = form_for(wanted.output)
    columns = Columns(wanted.columns) if wanted.columns else None
    writer = _writer(form, asked=columns is not None)
    if isinstance(result, SyncPager):
        pages: Iterator[Page[Any]] = result.pages()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if wanted.query is None:
            _show_pages(pages, writer, columns)
        else:
            everything = [plain(item) for page in pages for item in page]
            writer.value(_cut(searched(wanted.query, everything), columns))
        return
    if isinstance(result, SyncChunkStream):
        _show_pages(([chunk] for chunk in result), writer, columns)
        return
    value = plain(result)
    if wanted.query is not None:
        writer.value(_cut(searched(wanted.query, value), columns))
    elif isinstance(result, Page):
        rows = _cut(value["results"], columns)
        writer.value({**value, "results": rows} if form in ENVELOPES else rows)
        if form == "table":
            from .tables import note_rest  # noqa: PLC0415 -- rich is loaded for tables only

            note_rest(result)  # pyright: ignore[reportUnknownArgumentType]
    else:
        writer.value(_cut(value, columns))


def _writer(form: Form, *, asked: bool) -> Writer:
    if form != "table":
        return TEXT_FORMS[form]()
    from .tables import Tables  # noqa: PLC0415

    return Tables(keep_empty=asked)


def _show_pages(pages: Iterable[Iterable[Any]], writer: Writer, columns: Columns | None) -> None:
    """Print a list page by page, holding no more than the pages in flight."""
    for page in pages:
        items = [plain(item) for item in page]
        writer.rows(columns.of(items) if columns else items)
    writer.end()


def _cut(value: Any, columns: Columns | None) -> Any:
    """Keep only the chosen columns: of a list's items, or of an object."""
    if columns is None:
        return value
    return columns.of(value) if is_array(value) else columns.of([value])[0]
