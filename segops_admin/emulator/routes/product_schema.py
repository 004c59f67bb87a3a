"""The tenant's one product schema (sheet, 11.1): read it, replace it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator.clock import iso
from segops_admin.emulator.products import read_fields, save_fields, schema_row
from segops_admin.emulator.replies import ApiError, Fields, json_body, reply
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json

if TYPE_CHECKING:
    import sqlite3


async def get(request: web.Request) -> web.Response:
    """GET /pim/schema/: with no fields where none was defined."""
    state = state_of(request)
    return reply(_rendered(schema_row(state.store, tenant_of(request).id, state.clock.now())))


async def put(request: web.Request) -> web.Response:
    """PUT /pim/schema/: replaces the fields; currency and locale stay unless given."""
    state, tenant = state_of(request), tenant_of(request)
    body = await json_body(request)
    if "fields" not in body:
        raise ApiError(400, {"fields": ["This field is required."]})
    fields = Fields(body)
    for name in ("default_currency", "default_locale"):
        fields.text(name, blank=True, max_length=16)
    changes = fields.done()
    now = state.clock.now()
    save_fields(state.store, tenant.id, read_fields(body["fields"], "fields"), now)
    row = schema_row(state.store, tenant.id, now)
    state.store.execute(
        "UPDATE product_schemas SET default_currency=?, default_locale=? WHERE tenant_id=?",
        changes.get("default_currency", row["default_currency"]),
        changes.get("default_locale", row["default_locale"]),
        tenant.id,
    )
    return reply(_rendered(schema_row(state.store, tenant.id, now)))


def _rendered(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "fields": from_json(row["fields"]),
        "default_currency": row["default_currency"],
        "default_locale": row["default_locale"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


routes = [web.get("/pim/schema/", get), web.put("/pim/schema/", put)]
