"""A catalogue's columns under the names that products have, for imports whose rows the command reads by itself.

The service's own wizard is asked only when a file is uploaded. What it would suggest by a column's name is suggested
here too: `sku` and `name` by the usual words for them, all others in snake case. Source: segops-api.md 24.11.
"""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

from ..bulk.rows import Unreadable
from ..records.base import is_object
from .ground import CommandError
from .values import ROW_FILES

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

USUAL: Mapping[str, Sequence[str]] = {
    "sku": [
        *("sku", "code"),
        *("product_code", "item_code", "product_sku", "article_number", "item_number", "part_number", "product_id"),
        *("id", "product", "package", "article", "item", "handle", "ean", "gtin", "upc", "isbn", "asin", "slug", "key"),
    ],
    "name": ["name", "title", "product_name", "product_title", "item_name", "summary", "label", "heading"],
}
"""Words for the two fields every product has, the likeliest first."""

TABLES = (".csv", ".tsv")


def renamed_rows(file: str, mapping: Mapping[str, str | None] | None) -> tuple[Any, dict[str, str]]:
    """Return what the library is to read, and which columns get other names.

    mapping: source column → field; a column that is left out, or null, is skipped. None: what is suggested.
    A file whose columns already have their names is left to the library.
    """
    path = Path(file)
    _check_kind(path)
    if path.name.removesuffix(".gz").endswith(TABLES):
        header, mark = _header(path)
        chosen = _checked(file, header, mapping) if mapping is not None else _suggested(file, header)
        changed = {column: field for column, field in chosen.items() if column != field}
        if changed or len(chosen) < len(header) or mark != ("\t" if ".tsv" in path.suffixes else ","):
            return _rows(path, chosen, mark), changed
    elif mapping is not None:
        raise CommandError(f"{file}: --mapping is for the columns of .csv and .tsv files.")
    return file, {}


def _check_kind(file: Path) -> None:
    """Refuse what holds no rows before a journal is begun for it."""
    if file.is_dir():
        raise CommandError(f"{file} is a directory; name a file in it.")
    if not file.exists():
        raise CommandError(f"There is no file {file}.")
    if not any(file.name.removesuffix(packing).endswith(ROW_FILES) for packing in (".gz", ".zst")):
        raise CommandError(f"{file} is none of {', '.join(ROW_FILES)}.")


def _suggested(file: str, header: Sequence[str]) -> dict[str, str]:
    names = {column: _snake_case(column) for column in header}
    chosen: dict[str, str] = {}
    for field, words in USUAL.items():
        by_name = {name: column for column, name in reversed(names.items())}
        column = next((by_name[word] for word in words if word in by_name and by_name[word] not in chosen), None)
        if column is not None:
            chosen[column] = field
        elif field == "sku":
            raise CommandError(
                f"No column of {file} looks like the sku (its header: {_listed(header)}). "
                """Name it, as in --mapping '{"Number": "sku", "Title": "name"}'."""
            )
    taken = set(chosen.values())
    for column, name in names.items():
        if column not in chosen and name and name not in taken:
            chosen[column] = name
            taken.add(name)
    return {column: chosen[column] for column in header if column in chosen}


def _checked(file: str, header: Sequence[str], mapping: Any) -> dict[str, str]:
    """Return what a mapping says of these columns; refuse one that cannot be followed."""
    if not is_object(mapping) or not all(field is None or isinstance(field, str) for field in mapping.values()):
        raise CommandError("""--mapping is an object of column to field, as in '{"Number": "sku", "Note": null}'.""")
    strange = [column for column in mapping if column not in header]
    if strange:
        raise CommandError(f"{file} has no column {strange[0]!r}; its header: {_listed(header)}.")
    chosen = {column: field for column in header if (field := mapping.get(column))}
    fields = list(chosen.values())
    if "sku" not in fields:
        raise CommandError(f"--mapping gives no column as sku; the header of {file}: {_listed(header)}.")
    doubled = next((field for field in fields if fields.count(field) > 1), None)
    if doubled is not None:
        raise CommandError(f"--mapping gives more than one column as {doubled}.")
    return chosen


def _rows(file: Path, chosen: Mapping[str, str], mark: str) -> Iterator[Any]:
    with _opened(file) as lines:
        table = csv.reader(lines, delimiter=mark)
        header = [column.strip() for column in next(table)]
        places = [(header.index(column), field) for column, field in chosen.items()]
        for cells in table:
            if not cells:
                continue
            if len(cells) != len(header):
                yield Unreadable(f"line {table.line_num} has another number of cells than the header")
            else:
                yield {field: cells[place] for place, field in places}


def _header(file: Path) -> tuple[list[str], str]:
    """Return a table's columns, and what parts them: as the service, by the first of these marks in the first line."""
    with _opened(file) as lines:
        first = lines.readline()
        mark = next((mark for mark in ("\t" if ".tsv" in file.suffixes else ",;\t") if mark in first), ",")
        lines.seek(0)
        header = [column.strip() for column in next(csv.reader(lines, delimiter=mark), list[str]())]
    if not any(header):
        raise CommandError(f"{file} is empty; a catalogue has a header row and products.")
    doubled = next((column for column in header if header.count(column) > 1), None)
    if doubled is not None:
        raise CommandError(f"{file} has more than one column {doubled!r}.")
    return header, mark


@contextmanager
def _opened(file: Path) -> Generator[TextIO, None, None]:
    """Open a table, plain or packed; what cannot be read in it is told in one line."""
    try:
        with (
            gzip.open(file, "rt", encoding="utf-8-sig", newline="")
            if file.suffix == ".gz"
            else file.open(encoding="utf-8-sig", newline="") as lines
        ):
            yield cast("TextIO", lines)
    except UnicodeDecodeError as error:
        raise CommandError(f"{file} is not UTF-8: byte 0x{error.object[error.start]:02x}. Save it as UTF-8.") from error
    except (csv.Error, EOFError, zlib.error, OSError) as error:
        raise CommandError(f"{file} cannot be read: {error}.") from error


def _snake_case(column: str) -> str:
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.strip())
    return re.sub(r"[\W_]+", "_", parted).strip("_").lower()


def _listed(header: Sequence[str]) -> str:
    text = ", ".join(header)
    return text if len(text) <= 200 else f"{text[:200]}…"
