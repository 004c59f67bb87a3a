"""The registry of event schemas (sheet, section 12): CRUD, infer, validate, and the guard at ingestion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator import event_schemas
from segops_admin.emulator.clock import iso
from segops_admin.emulator.replies import ApiError, Fields, json_body, no_content, not_found, paged, path_id, reply
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json, to_json

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.state import State
    from segops_admin.emulator.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS event_schemas (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, event_type TEXT NOT NULL,
    properties TEXT NOT NULL DEFAULT '[]', description TEXT NOT NULL DEFAULT '',
    is_active INTEGER NOT NULL DEFAULT 1, created_at REAL NOT NULL, updated_at REAL NOT NULL,
    UNIQUE (tenant_id, event_type));
"""
_PAGE = "SELECT * FROM event_schemas WHERE tenant_id=? ORDER BY id LIMIT ? OFFSET ?"
_ACTIVE = "SELECT properties FROM event_schemas WHERE tenant_id=? AND event_type=? AND is_active"
_TAKEN = "SELECT 1 FROM event_schemas WHERE tenant_id=? AND event_type=? AND id<>?"


async def list_schemas(request: web.Request) -> web.Response:
    """GET /schemas/: numbered pages, by id."""
    store, tenant = state_of(request).store, tenant_of(request)
    count = store.scalar("SELECT COUNT(*) FROM event_schemas WHERE tenant_id=?", tenant.id)
    return paged(
        request, count, lambda limit, offset: [_rendered(row) for row in store.all(_PAGE, tenant.id, limit, offset)]
    )


async def create(request: web.Request) -> web.Response:
    """POST /schemas/: one schema per event type."""
    state, tenant = state_of(request), tenant_of(request)
    values, now = _read(await json_body(request), state.store, tenant.id, whole=True), state.clock.now()
    schema_id = state.store.insert("event_schemas", tenant_id=tenant.id, created_at=now, updated_at=now, **values)
    return reply(_rendered(_row(request, schema_id)), status=201)


async def get(request: web.Request) -> web.Response:
    """GET /schemas/{id}/."""
    return reply(_rendered(_row(request)))


async def update(request: web.Request) -> web.Response:
    """PATCH changes what is given, PUT replaces all; `properties` are replaced as a whole by either."""
    state, row, body = state_of(request), _row(request), await json_body(request)
    values = _read(body, state.store, row["tenant_id"], whole=request.method == "PUT", schema_id=row["id"])
    state.store.update("event_schemas", row["id"], updated_at=state.clock.now(), **values)
    return reply(_rendered(_row(request)))


async def delete(request: web.Request) -> web.Response:
    """DELETE /schemas/{id}/: its events are no longer checked."""
    state_of(request).store.execute("DELETE FROM event_schemas WHERE id=?", _row(request)["id"])
    return no_content()


async def infer(request: web.Request) -> web.Response:
    """POST /schemas/infer/: a schema per event type of the samples; the first one also stands at the top."""
    body = await json_body(request)
    if "events" not in body:
        raise ApiError(400, {"events": ["This field is required."]})
    samples, trouble = event_schemas.read_samples(body["events"])
    if trouble:
        raise ApiError(400, {"events": trouble})
    schemas = event_schemas.infer(samples)
    return reply({**schemas[0], "schemas": schemas})


async def validate(request: web.Request) -> web.Response:
    """POST /schemas/validate/: what a payload breaks; an event type without an active schema breaks nothing."""
    store, tenant, fields = state_of(request).store, tenant_of(request), Fields(await json_body(request))
    event_type = fields.text("event_type", required=True)
    payload = fields.mapping("payload", nullable=True)
    fields.done()
    errors = _violations(store, tenant.id, event_type, payload)
    return reply({"valid": not errors, "errors": errors})


def refuse_event(state: State, tenant_id: int, event: dict[str, Any]) -> str | None:
    """Return why an event that is otherwise well formed breaks its schema; the check asked at ingestion."""
    found = _violations(state.store, tenant_id, str(event["event_type"]), event.get("payload") or {})
    return "; ".join(f"{item['property']}: {item['message']}" for item in found) or None


def _violations(store: Store, tenant_id: int, event_type: str, payload: dict[str, Any]) -> list[dict[str, str]]:
    properties: list[dict[str, Any]] = from_json(store.scalar(_ACTIVE, tenant_id, event_type)) or []
    return event_schemas.violations(properties, payload)


def _row(request: web.Request, schema_id: int | None = None) -> sqlite3.Row:
    wanted = path_id(request) if schema_id is None else schema_id
    sql = "SELECT * FROM event_schemas WHERE id=? AND tenant_id=?"
    row = state_of(request).store.one(sql, wanted, tenant_of(request).id)
    if row is None:
        raise not_found("No EventSchema matches the given query.")
    return row


def _read(
    body: dict[str, Any], store: Store, tenant_id: int, *, whole: bool, schema_id: int | None = None
) -> dict[str, Any]:
    """Return the columns to write; without `whole` only those that were given."""
    fields = Fields(body, partial=not whole)
    values: dict[str, Any] = {
        "event_type": fields.text("event_type", required=True, max_length=255),
        "description": fields.text("description", blank=True),
        "is_active": fields.flag("is_active", default=True),
    }
    properties, trouble = event_schemas.read_properties(body.get("properties", []))
    if trouble:
        fields.refuse("properties", trouble, None)
    if "event_type" in fields.changes and store.scalar(_TAKEN, tenant_id, values["event_type"], schema_id or 0):
        fields.refuse("event_type", "event schema with this event type already exists.", None)
    fields.done()
    values["properties"] = to_json(properties)
    return values if whole else {name: value for name, value in values.items() if name in body}


def _rendered(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "event_type": row["event_type"],
        "properties": from_json(row["properties"]),
        "description": row["description"],
        "is_active": bool(row["is_active"]),
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def setup(state: State) -> None:
    """Have every event checked at ingestion."""
    state.hooks.event_checks.append(refuse_event)


routes = [
    web.get("/schemas/", list_schemas),
    web.post("/schemas/", create),
    web.post("/schemas/infer/", infer),
    web.post("/schemas/validate/", validate),
    web.get(r"/schemas/{id:\d+}/", get),
    web.patch(r"/schemas/{id:\d+}/", update),
    web.put(r"/schemas/{id:\d+}/", update),
    web.delete(r"/schemas/{id:\d+}/", delete),
]
