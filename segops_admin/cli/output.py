"""Results on stdout, in the form and the shape asked for. Readers of long lists are printed as they are read."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..records.base import is_array
from ..records.page import Page
from ..sync.base import SyncChunkStream, SyncPager
from .forms import Csv, Json, JsonLines, Yaml
from .ground import Stopped
from .options import form_of_environment, words_typed
from .shape import Columns, is_page, plain, searched
from .signs import aside, say, signs

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
ENVELOPES = (Json, Yaml)
"""Forms that show a page's envelope around its items."""


def form_for(wanted: Form | None) -> Form:
    """Return the form asked for, else the environment's; else a table on a terminal and JSON on a pipe."""
    return wanted or form_of_environment() or ("table" if sys.stdout.isatty() else "json")


def show(result: Any, wanted: Settings, *, whole: bool = False) -> None:
    """Print what a method returned. whole: a page is all there is, so it is printed as a list."""
    form = form_for(wanted.output)
    columns = Columns(wanted.columns) if wanted.columns else None
    writer = _writer(form, asked=columns is not None)
    if isinstance(result, SyncPager):
        pages: Iterator[Page[Any]] = result.pages()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        _show_parts(_items_of(pages, wanted.query), writer, columns)
    elif isinstance(result, SyncChunkStream):
        _show_parts(_chunks_of(result, wanted.query), writer, columns)
    elif whole and isinstance(result, Page):
        _show_parts(_items_of([result], wanted.query), writer, columns)  # pyright: ignore[reportUnknownArgumentType]
    else:
        value = plain(result)
        if wanted.query is not None:
            writer.value(_cut(searched(wanted.query, value), columns))
        elif isinstance(result, Page) or is_page(value):
            _show_page(value, writer, columns)
        else:
            writer.value(_cut(value, columns))


def _show_page(page: Mapping[str, Any], writer: Writer, columns: Columns | None) -> None:
    """Print a page's items, and in forms that have room for it the envelope around them."""
    rows = _cut(page["results"], columns)
    if isinstance(writer, ENVELOPES):
        writer.value({**page, "results": rows})
        return
    writer.value(rows)
    if not isinstance(writer, JsonLines | Csv):
        _note_rest(page)


def _note_rest(page: Mapping[str, Any]) -> None:
    """Say on stderr what a page leaves out."""
    if page.get("next") or page.get("next_cursor"):
        count = page.get("count")
        whole = f" of {count:,}" if isinstance(count, int) else ""
        say(f"{len(page['results']):,}{whole} shown; --all reads every page.")


def _writer(form: Form, *, asked: bool) -> Writer:
    if form != "table":
        return TEXT_FORMS[form]()
    from .tables import Tables  # noqa: PLC0415 -- rich is loaded for tables only

    return Tables(asked=asked)


def _items_of(pages: Iterable[Page[Any]], query: str | None) -> Iterator[list[Any]]:
    """Give each page's items, or what a query takes of each page, as it would of one page alone."""
    for page in pages:
        if query is None:
            yield [plain(item) for item in page]
        else:
            found = searched(query, plain(page))
            yield found if is_array(found) else [] if found is None else [found]


def _chunks_of(stream: SyncChunkStream, query: str | None) -> Iterator[list[Any]]:
    for chunk in stream:
        yield [plain(chunk) if query is None else searched(query, plain(chunk))]


def _show_parts(parts: Iterable[list[Any]], writer: Writer, columns: Columns | None) -> None:
    """Print a list part by part, holding no more than the pages in flight."""
    written = 0
    shown = None if sys.stdout.isatty() else signs()
    words = words_typed()
    try:
        for items in parts:
            with aside():
                writer.rows(columns.of(items) if columns else items)
            written += len(items)
            if shown is not None:
                shown.work(f"{words}: {written:,} rows", at_once=False)
        writer.end()
    except KeyboardInterrupt:
        raise Stopped(f"interrupted. {written:,} row{'' if written == 1 else 's'} written.") from None
    finally:
        if shown is not None:
            shown.work("")


def _cut(value: Any, columns: Columns | None) -> Any:
    """Keep only the chosen columns: of a list's items, or of an object."""
    if columns is None:
        return value
    return columns.of(value) if is_array(value) else columns.of([value])[0]
