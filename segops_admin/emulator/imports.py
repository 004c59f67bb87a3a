"""The CSV import behind its routes: the stored upload, what was suggested and confirmed, and the job that writes.

The upload is kept compressed until its import is done, so an import cut short by a restart goes on: products are
written in slices, each in one transaction with the new `imported_count`, and a resumed job leaves out that many rows.
"""

from __future__ import annotations

import zlib
from asyncio import to_thread
from typing import TYPE_CHECKING, Any

from segops_admin.emulator.catalogue import (
    RESERVED,
    Catalogue,
    CatalogueError,
    Row,
    read_catalogue,
    rows,
    suggest_mapping,
    suggest_schema,
)
from segops_admin.emulator.clock import iso
from segops_admin.emulator.fragment import is_object
from segops_admin.emulator.jobs import JobFailedError, in_slices
from segops_admin.emulator.products import NewProduct, read_fields, save_fields, schema_fields, write_products
from segops_admin.emulator.replies import ApiError, not_found
from segops_admin.emulator.store import from_json, to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from segops_admin.emulator.jobs import Job
    from segops_admin.emulator.state import State
    from segops_admin.emulator.store import Store

JOB = "csv_import"
_SLICE = 100
_REMEMBER = """
INSERT INTO mappings (tenant_id, header, field) VALUES (?, ?, ?)
ON CONFLICT (tenant_id, header) DO UPDATE SET field = excluded.field"""


async def upload(state: State, tenant_id: int, filename: str, content: bytes) -> dict[str, Any]:
    """Store an upload and return the answer to it; a file that cannot be imported is a 400."""
    try:
        catalogue, packed = await to_thread(_look_into, content)
    except CatalogueError as error:
        raise ApiError(400, {"file": [str(error)]}) from error
    mapping, schema = _suggest(state.store, tenant_id, catalogue)
    job_id = state.store.insert(
        "import_jobs", tenant_id=tenant_id, status="mapping", filename=filename, row_count=catalogue.row_count,
        imported_count=0, mapping=to_json(mapping), schema=to_json({"suggested": schema, "types": catalogue.types}),
        content=packed, error="", created_at=state.clock.now(),
    )  # fmt: skip
    return {
        "id": job_id,
        "job_id": job_id,
        "status": "mapping",
        "filename": filename,
        "row_count": catalogue.row_count,
        "headers": catalogue.headers,
        "sample_rows": catalogue.sample_rows,
        "suggested_schema": schema,
        "suggested_mapping": mapping,
    }


def _look_into(content: bytes) -> tuple[Catalogue, bytes]:
    return read_catalogue(content), zlib.compress(content, 1)


def _suggest(store: Store, tenant_id: int, catalogue: Catalogue) -> tuple[dict[str, str | None], list[dict[str, Any]]]:
    """Suggest mapping and schema; confirmed mappings and the tenant's own fields come before any guess."""
    found = store.all("SELECT header, field FROM mappings WHERE tenant_id=?", tenant_id)
    mapping = suggest_mapping(catalogue, {row["header"]: row["field"] for row in found})
    known = {item["name"]: item for item in schema_fields(store, tenant_id)}
    return mapping, [known.get(item["name"], item) for item in suggest_schema(catalogue, mapping)]


def import_row(store: Store, tenant_id: int, job_id: int) -> sqlite3.Row:
    """Return a tenant's import job, or raise the 404."""
    row = store.one("SELECT * FROM import_jobs WHERE id=? AND tenant_id=?", job_id, tenant_id)
    if row is None:
        raise not_found("No ImportJob matches the given query.")
    return row


def render_import(row: sqlite3.Row) -> dict[str, Any]:
    """Return an import job as the wire has it, its id under both names (C10)."""
    return {
        "id": row["id"],
        "job_id": row["id"],
        "status": row["status"],
        "filename": row["filename"],
        "row_count": row["row_count"],
        "imported_count": row["imported_count"],
        "mapping": from_json(row["mapping"]),
        "error": row["error"] or "",
        "created_at": iso(row["created_at"]),
    }


def confirm(state: State, row: sqlite3.Row, body: Mapping[str, Any]) -> None:
    """Take mapping and schema, remember both for the tenant and queue the import; raises the 400.

    A mapping left out means the suggested one. Mapped fields the schema lacks are added with their guessed type.
    """
    if row["status"] not in ("pending", "mapping"):
        raise ApiError(400, f"This import is already {row['status']} and cannot be confirmed.")
    tenant_id, now = row["tenant_id"], state.clock.now()
    proposal: dict[str, Any] = from_json(row["schema"])
    suggested: dict[str, str | None] = from_json(row["mapping"])
    mapping = suggested if body.get("mapping") is None else _read_mapping(body["mapping"], suggested)
    _check_mapping(mapping)
    fields = _merged(_confirmed_fields(body, proposal), schema_fields(state.store, tenant_id), mapping, proposal)
    with state.store.transaction():
        save_fields(state.store, tenant_id, fields, now)
        state.store.execute("DELETE FROM mappings WHERE tenant_id=? AND header IN (SELECT value FROM json_each(?))",
                            tenant_id, to_json(list(suggested)))  # fmt: skip
        state.store.executemany(_REMEMBER, [(tenant_id, header, name) for header, name in mapping.items() if name])
        state.store.update(
            "import_jobs", row["id"], status="importing", mapping=to_json(mapping), schema=to_json(fields)
        )
        state.jobs.start(JOB, tenant_id, now, import_id=row["id"])


def _read_mapping(value: Any, suggested: Mapping[str, str | None]) -> dict[str, str | None]:
    if not is_object(value):
        raise ApiError(400, {"mapping": [f'Expected a dictionary of items but got type "{type(value).__name__}".']})
    errors: dict[str, Any] = {}
    for header, name in value.items():
        if header not in suggested:
            errors[header] = ["The file has no such column."]
        elif name is not None and not isinstance(name, str):
            errors[header] = ["Not a valid string."]
    if errors:
        raise ApiError(400, {"mapping": errors})
    return {header: (value.get(header) or "").strip() or None for header in suggested}


def _check_mapping(mapping: Mapping[str, str | None]) -> None:
    targets = [name for name in mapping.values() if name]
    doubled = sorted({name for name in targets if targets.count(name) > 1})
    if doubled:
        raise ApiError(400, {"mapping": [f"More than one column is mapped to {', '.join(doubled)}."]})
    if "sku" not in targets:
        raise ApiError(400, {"mapping": ["One column must be mapped to sku."]})


def _confirmed_fields(body: Mapping[str, Any], proposal: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the schema of a confirmation: under either name, as a list or inside `fields`; else the suggestion."""
    key = next((name for name in ("schema", "suggested_schema", "fields") if body.get(name) is not None), None)
    if key is None:
        suggested: list[dict[str, Any]] = proposal["suggested"]
        return suggested
    value: Any = body[key]
    return read_fields(value.get("fields") if is_object(value) else value, key)


def _merged(
    confirmed: list[dict[str, Any]],
    present: list[dict[str, Any]],
    mapping: Mapping[str, str | None],
    proposal: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return the tenant's fields after an import: those there were, as confirmed, and what the mapping adds.

    A confirmed field that no column fills is left out only if it was merely suggested; `present` ones always stay.
    """
    targets = {name: header for header, name in mapping.items() if name and name not in RESERVED}
    fields = {item["name"]: item for item in present}
    given = confirmed is not proposal["suggested"]
    fields.update((item["name"], item) for item in confirmed if given or item["name"] in targets)
    for name, header in targets.items():
        guess = {"name": name, "type": proposal["types"].get(header, "string"), "required": False, "description": ""}
        fields.setdefault(name, guess)
    return list(fields.values())


async def run(state: State, job: Job) -> None:
    """Write the products of a confirmed import."""
    store, import_id = state.store, job.payload["import_id"]
    row = store.one("SELECT * FROM import_jobs WHERE id=?", import_id)
    if row is None or row["status"] != "importing":
        return
    try:
        content = await to_thread(zlib.decompress, row["content"])
        await _write(state, row, rows(content, from_json(row["mapping"]), from_json(row["schema"])))
    except (CatalogueError, zlib.error) as error:
        store.update("import_jobs", import_id, status="failed", error=str(error))
        raise JobFailedError(str(error)) from error
    store.update("import_jobs", import_id, status="done", content=None)


async def _write(state: State, job: sqlite3.Row, lines: Iterator[Row | None]) -> None:
    """Write in slices; lines without a sku are left out, as are those written before a restart."""
    store, done = state.store, job["imported_count"]
    written = (line for line in lines if line is not None)
    remaining = (line for number, line in enumerate(written) if number >= done)
    async for part in in_slices(remaining, _SLICE):
        products = [NewProduct(line.sku, line.name, line.data, line.raw) for line in part]
        done += len(products)
        with store.transaction():
            write_products(store, job["tenant_id"], products, source="csv", now=state.clock.now())
            store.update("import_jobs", job["id"], imported_count=done)
