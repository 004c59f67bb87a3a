"""Competitors: the brands a tenant is compared with (sheet, section 17.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator.answers import Brand
from segops_admin.emulator.clock import iso
from segops_admin.emulator.replies import Fields, json_body, no_content, not_found, path_id, reply
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json, to_json
from segops_admin.emulator.string_lists import read_strings

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS competitors (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, name TEXT NOT NULL,
    domain TEXT NOT NULL DEFAULT '', brand_aliases TEXT NOT NULL DEFAULT '[]', is_active INTEGER NOT NULL DEFAULT 1,
    created_at REAL NOT NULL, updated_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS competitors_by_tenant ON competitors (tenant_id, id);
"""


async def list_competitors(request: web.Request) -> web.Response:
    """GET /ai-reach/competitors/: a bare list, inactive ones included, by id."""
    rows = state_of(request).store.all("SELECT * FROM competitors WHERE tenant_id=? ORDER BY id", tenant_of(request).id)
    return reply([_rendered(row) for row in rows])


async def create(request: web.Request) -> web.Response:
    """POST /ai-reach/competitors/: a name is unique per tenant, in any case."""
    state, tenant = state_of(request), tenant_of(request)
    values, now = _read(await json_body(request), state.store, tenant.id), state.clock.now()
    new_id = state.store.insert("competitors", tenant_id=tenant.id, created_at=now, updated_at=now, **values)
    return reply(_rendered(_row(request, new_id)), status=201)


async def get(request: web.Request) -> web.Response:
    """GET /ai-reach/competitors/{id}/."""
    return reply(_rendered(_row(request)))


async def update(request: web.Request) -> web.Response:
    """PATCH /ai-reach/competitors/{id}/: changes what is given."""
    state, body = state_of(request), await json_body(request)
    row = _row(request)
    values = _read(body, state.store, row["tenant_id"], row["id"])
    state.store.update("competitors", row["id"], updated_at=state.clock.now(), **values)
    return reply(_rendered(_row(request)))


async def delete(request: web.Request) -> web.Response:
    """DELETE /ai-reach/competitors/{id}/: what answers said of it stays."""
    state_of(request).store.execute("DELETE FROM competitors WHERE id=?", _row(request)["id"])
    return no_content()


def active_competitors(store: Store, tenant_id: int) -> dict[int, Brand]:
    """Return the brands a tenant tracks, by id."""
    rows = store.all("SELECT * FROM competitors WHERE tenant_id=? AND is_active ORDER BY id", tenant_id)
    return {row["id"]: Brand(row["name"], tuple(from_json(row["brand_aliases"]))) for row in rows}


def _row(request: web.Request, competitor_id: int | None = None) -> sqlite3.Row:
    wanted = path_id(request) if competitor_id is None else competitor_id
    sql = "SELECT * FROM competitors WHERE id=? AND tenant_id=?"
    row = state_of(request).store.one(sql, wanted, tenant_of(request).id)
    if row is None:
        raise not_found("No Competitor matches the given query.")
    return row


def _read(body: dict[str, Any], store: Store, tenant_id: int, competitor_id: int | None = None) -> dict[str, Any]:
    """Return the columns to write: all of a new competitor, else those that were given."""
    fields = Fields(body, partial=competitor_id is not None)
    values: dict[str, Any] = {
        "name": fields.text("name", required=True, max_length=255),
        "domain": fields.text("domain", max_length=255),
        "brand_aliases": to_json(read_strings(fields, "brand_aliases")),
        "is_active": fields.flag("is_active", default=True),
    }
    sql = "SELECT id FROM competitors WHERE tenant_id=? AND casefold(name)=? AND id IS NOT ?"
    if "name" in fields.changes and store.scalar(sql, tenant_id, values["name"].casefold(), competitor_id):
        fields.refuse("name", "competitor with this name already exists.", None)
    fields.done()
    return values if competitor_id is None else {name: values[name] for name in values if name in fields.changes}


def _rendered(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "domain": row["domain"],
        "brand_aliases": from_json(row["brand_aliases"]),
        "is_active": bool(row["is_active"]),
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


routes = [
    web.get("/ai-reach/competitors/", list_competitors),
    web.post("/ai-reach/competitors/", create),
    web.get(r"/ai-reach/competitors/{id:\d+}/", get),
    web.patch(r"/ai-reach/competitors/{id:\d+}/", update),
    web.delete(r"/ai-reach/competitors/{id:\d+}/", delete),
]
