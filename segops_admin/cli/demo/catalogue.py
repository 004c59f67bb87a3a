"""The demo's catalogue on disk: unpacked if need be, its rows counted, its sku and name columns found.

The rows are counted here, apart from the library and the server, so that rows in = rows stored is a real comparison.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from importlib.resources import files
from typing import TYPE_CHECKING

import attrs

from ..ground import CommandError
from ..values import read_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ...records.products import ImportJob

SAMPLE = "debian-packages.csv"

LONGEST_CODE = 64
"""Characters; a longer value is text, not a code."""


@attrs.frozen
class Catalogue:
    """A CSV file that can be uploaded, and what it holds."""

    path: Path
    rows: int
    code_column: str | None
    """The first column whose values are all set, short, without spaces and different."""
    title_column: str | None
    """The column that reads most like a title: with spaces, and not too long."""


def unpacked(source: Path | None, folder: Path) -> Path:
    """Return a plain CSV file: the one given, what is in a `.gz` written to `folder`, or the sample."""
    if source is None:
        target = folder / SAMPLE
        target.write_bytes((files("segops_admin") / "catalogues" / SAMPLE).read_bytes())
        return target
    if source.suffix != ".gz":
        return source
    target = folder / source.stem
    try:
        target.write_bytes(gzip.decompress(read_bytes(source)))
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CommandError(f"{source} is not a gzip file: {error}.") from error
    return target


def look_into(path: Path) -> Catalogue:
    """Count the rows and find the columns that could be sku and name. The library checks the file itself."""
    text = io.TextIOWrapper(io.BytesIO(read_bytes(path)), encoding="utf-8-sig", errors="replace", newline="")
    try:
        lines = [line for line in csv.reader(text) if any(line)]
    except csv.Error as error:
        raise CommandError(f"{path} is not a CSV file: {error}.") from error
    headers, rows = (lines[0], lines[1:]) if lines else ([], [])
    columns = {header: [row[at] if at < len(row) else "" for row in rows] for at, header in enumerate(headers)}
    code = next((header for header, values in columns.items() if _are_codes(values)), None)
    titles = {header: _title_share(values) for header, values in columns.items() if header != code}
    title = max(titles, key=lambda header: titles[header], default=None)
    return Catalogue(path, len(rows), code, title)


def mapping_for(catalogue: Catalogue, job: ImportJob) -> dict[str, str | None]:
    """Return the server's suggested mapping, with sku and name given a column where it lacks them."""
    mapping: dict[str, str | None] = dict(job.suggested_mapping or {})
    for field, column in (("sku", catalogue.code_column), ("name", catalogue.title_column)):
        if field not in mapping.values() and column is not None and not _is_reserved(mapping, column):
            mapping[column] = field
    if "sku" not in mapping.values():
        raise CommandError(
            f"{catalogue.path} has no column that could be the sku: set, short and different in each row."
        )
    return mapping


def _is_reserved(mapping: Mapping[str, str | None], column: str) -> bool:
    return mapping.get(column) in ("sku", "name")


def _are_codes(values: list[str]) -> bool:
    return (
        bool(values)
        and len(set(values)) == len(values)
        and all(0 < len(value) <= LONGEST_CODE and " " not in value for value in values)
    )


def _title_share(values: list[str]) -> float:
    """Return the share of values that read like a title, most different ones first."""
    titles = sum(" " in value.strip() and len(value) <= 4 * LONGEST_CODE for value in values)
    return titles * len(set(values)) / max(1, len(values)) ** 2
