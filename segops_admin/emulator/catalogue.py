"""CSV catalogues: reading them, guessing their schema and mapping, and turning rows into products (section 11.4).

Pure functions over bytes and dictionaries; the import routes store what comes out. Rows are read lazily, so a caller
can walk a large file in slices.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from segops_admin.emulator.values import convert, guess_type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MAX_ROWS = 100_000
SAMPLE_ROWS = 5
RESERVED = ("sku", "name")
"""Columns that fill the product itself and never belong to the schema."""

_SNIFFED_ROWS = 200
_MAX_CELL = 1 << 20
_NAMES_FOR = {
    "sku": (
        ("sku", "code"),
        ("product_code", "item_code", "product_sku", "article_number", "item_number", "part_number", "product_id"),
        ("id", "product", "package", "article", "item", "handle", "ean", "gtin", "upc", "isbn", "asin", "slug", "key"),
    ),
    "name": (
        ("name", "title"),
        ("product_name", "product_title", "item_name"),
        ("summary", "label", "heading", "short_description"),
    ),
}
"""Headers that may fill a reserved field, best first: those the sheet names, clear ones, plausible ones."""


class CatalogueError(ValueError):
    """A file that cannot be imported; the text is for the person who uploaded it."""


@frozen
class Catalogue:
    """An uploaded file, checked: what the answer to an upload tells."""

    headers: list[str]
    row_count: int
    sample_rows: list[dict[str, str]]
    types: dict[str, str] = field(factory=dict[str, str])
    """Header → FieldType, guessed from the first rows."""
    unique: frozenset[str] = frozenset()
    """Headers whose values are all set and different in the first rows: candidates for the sku."""


@frozen
class Row:
    """One line of a catalogue as a product; `raw` is the line as it came."""

    sku: str
    name: str
    data: dict[str, Any]
    raw: dict[str, str]


def read_catalogue(content: bytes) -> Catalogue:
    """Check a file and look into it; raises CatalogueError. Reads every row, to count them."""
    headers, lines = _open(content)
    first: list[dict[str, str]] = []
    count = 0
    for line in lines:
        count += 1
        if count > MAX_ROWS:
            raise CatalogueError(f"The file has more than {MAX_ROWS:,} rows.")
        if count <= _SNIFFED_ROWS:
            first.append(_named(headers, line))
    columns = {header: [row[header].strip() for row in first] for header in headers}
    unique = frozenset(
        header for header, values in columns.items() if values and all(values) and len(set(values)) == len(values)
    )
    types = {header: guess_type(values) for header, values in columns.items()}
    return Catalogue(headers, count, first[:SAMPLE_ROWS], types, unique)


def rows(
    content: bytes, mapping: Mapping[str, str | None], fields: Sequence[Mapping[str, Any]]
) -> Iterator[Row | None]:
    """Yield each line as a product, values converted by the type of their field; None where there is no sku."""
    headers, lines = _open(content)
    types = {str(item["name"]): str(item.get("type") or "string") for item in fields}
    targets = [(at, target) for at, header in enumerate(headers) if (target := mapping.get(header))]
    for line in lines:
        cells = line if len(line) >= len(headers) else [*line, *[""] * (len(headers) - len(line))]
        product: dict[str, Any] = {}
        for at, target in targets:
            cell = cells[at].strip()
            if cell:
                product[target] = cell if target in RESERVED else convert(cell, types.get(target, "string"))
        sku = product.pop("sku", "")
        yield (
            Row(sku, product.pop("name", "") or sku, product, dict(zip(headers, cells, strict=False))) if sku else None
        )


def suggest_mapping(catalogue: Catalogue, remembered: Mapping[str, str]) -> dict[str, str | None]:
    """Suggest a field for every header: what was confirmed before, else by name; each field is used once."""
    mapping: dict[str, str | None] = dict.fromkeys(catalogue.headers)
    taken: set[str] = set()

    def take(header: str, target: str) -> None:
        if target not in taken and mapping[header] is None:
            mapping[header] = target
            taken.add(target)

    for header in catalogue.headers:
        if remembered.get(header):
            take(header, remembered[header])
    for target in RESERVED:
        for header in _candidates(catalogue, target):
            take(header, target)
    for header in catalogue.headers:
        name = snake_case(header)
        if name and name not in RESERVED:
            take(header, name)
    return mapping


def suggest_schema(catalogue: Catalogue, mapping: Mapping[str, str | None]) -> list[dict[str, Any]]:
    """Describe the fields that the mapped columns would fill; sku and name are no fields."""
    return [
        {"name": target, "type": catalogue.types[header], "required": False, "description": ""}
        for header, target in mapping.items()
        if target and target not in RESERVED
    ]


def snake_case(header: str) -> str:
    """Turn a header into a field name: `Unit Price (NOK)` → `unit_price_nok`, `unitPrice` → `unit_price`."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", header.strip())
    return re.sub(r"[\W_]+", "_", parted).strip("_").lower()


def _candidates(catalogue: Catalogue, target: str) -> Iterator[str]:
    """Yield headers for a reserved field, best first; a plausible one must also be unique to become the sku."""
    names = {header: snake_case(header) for header in catalogue.headers}
    for rank, group in enumerate(_NAMES_FOR[target]):
        for wanted in group:
            for header, name in names.items():
                if name == wanted and (rank < 2 or target != "sku" or header in catalogue.unique):
                    yield header


def _open(content: bytes) -> tuple[list[str], Iterator[list[str]]]:
    """Return the headers, and the lines that are not empty."""
    if b"\0" in content[:65_536]:
        raise CatalogueError("The file is not a CSV file: it contains null bytes.")
    # Decoded as it is read: turning a large file into one text would hold the interpreter for half a second.
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="")
    reader = csv.reader(text, dialect=_dialect(content), strict=True)
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL))
    headers = [header.strip() for header in next(_checked(reader), list[str]())]
    if not any(headers):
        raise CatalogueError("The file is empty: a header row is required.")
    if not all(headers):
        raise CatalogueError("Every column needs a name in the header row.")
    doubled = {header for header in headers if headers.count(header) > 1}
    if doubled:
        raise CatalogueError(f"Column names must be unique: {', '.join(sorted(doubled))}.")
    return headers, (line for line in _checked(reader) if any(line))


def _dialect(content: bytes) -> type[csv.Dialect]:
    """Take semicolons or tabs as separators where the header row has no comma."""
    header = content[:65_536].partition(b"\n")[0]
    mark = next((mark for mark in ",;\t" if mark.encode() in header), ",")

    class Found(csv.excel):
        delimiter = mark

    return Found


def _checked(lines: Iterator[list[str]]) -> Iterator[list[str]]:
    number = 0
    try:
        for line in lines:
            number += 1
            yield line
    except UnicodeDecodeError as error:
        raise CatalogueError(f"The file is not UTF-8 (after row {number}). Save it as UTF-8 and try again.") from error
    except csv.Error as error:
        raise CatalogueError(f"The file is not a valid CSV file: {error} (after row {number}).") from error


def _named(headers: list[str], line: list[str]) -> dict[str, str]:
    """Return the cells by header; a short line is filled up, what is beyond the last header is dropped."""
    if len(line) < len(headers):
        line = [*line, *[""] * (len(headers) - len(line))]
    return dict(zip(headers, line, strict=False))
