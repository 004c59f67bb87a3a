"""Connectors of segments to outside platforms (sheet, section 13): CRUD, pause, sync."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator import activations, connectors
from segops_admin.emulator.replies import MAX_ID, Fields, json_body, no_content, not_found, paged, path_id, reply
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json, to_json

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.state import State
    from segops_admin.emulator.store import Store

SCHEMA = activations.SCHEMA

_STATUSES = ("active", "inactive")  # "error" is the server's to set


async def list_activations(request: web.Request) -> web.Response:
    """GET /activations/: numbered pages, by id (C6: the shape is not stated)."""
    store, tenant = state_of(request).store, tenant_of(request)
    count = store.scalar("SELECT COUNT(*) FROM activations WHERE tenant_id=?", tenant.id)
    sql = f"{activations.ROWS} ORDER BY a.id LIMIT ? OFFSET ?"
    return paged(
        request,
        count,
        lambda limit, offset: [activations.render(row) for row in store.all(sql, tenant.id, limit, offset)],
    )


async def create(request: web.Request) -> web.Response:
    """POST /activations/: starts as inactive, whatever the body says."""
    state, tenant, fields = state_of(request), tenant_of(request), Fields(await json_body(request))
    values = _target(fields, state.store, tenant.id)
    config = connectors.unmasked({}, fields.mapping("config", required=True))
    _check(fields, values["connector_type"], config)
    values, now = {**values, "config": to_json(config)}, state.clock.now()
    activation_id = state.store.insert("activations", tenant_id=tenant.id, created_at=now, updated_at=now, **values)
    return reply(activations.render(_row(request, activation_id)), status=201)


async def get(request: web.Request) -> web.Response:
    """GET /activations/{id}/."""
    return reply(activations.render(_row(request)))


async def update(request: web.Request) -> web.Response:
    """PATCH merges `config`, PUT replaces it, and `***` keeps the stored secret in both; neither syncs.

    PUT leaves the status alone unless it names one: it belongs to the server as much as to the caller.
    """
    state, row = state_of(request), _row(request)
    fields = Fields(await json_body(request), partial=request.method == "PATCH")
    values = {**_target(fields, state.store, row["tenant_id"], row), **_status(fields, row)}
    stored: dict[str, Any] = from_json(row["config"])
    given = fields.mapping("config", required=True)
    config = connectors.merged(stored, given) if fields.partial else connectors.unmasked(stored, given)
    _check(fields, values["connector_type"], config)
    values, now = {**values, "config": to_json(config)}, state.clock.now()
    state.store.update("activations", row["id"], updated_at=now, **values)
    return reply(activations.render(_row(request)))


async def delete(request: web.Request) -> web.Response:
    """DELETE /activations/{id}/: with its logs; what the platform was told stays there."""
    state_of(request).store.execute("DELETE FROM activations WHERE id=?", _row(request)["id"])
    return no_content()


async def sync(request: web.Request) -> web.Response:
    """POST /activations/{id}/sync/: queues a sync in any status."""
    row = _row(request)
    activations.start_sync(state_of(request), row["tenant_id"], row["id"])
    return reply({"status": "queued"}, status=202)


def _target(fields: Fields, store: Store, tenant_id: int, row: sqlite3.Row | None = None) -> dict[str, Any]:
    """Read which segment goes to which platform; what is not given stays as in `row`."""
    segment_id = fields.integer("segment", required=True, default=row["segment_id"] if row else None)
    if "segment" in fields.changes and segment_id is not None and not _has_segment(store, tenant_id, segment_id):
        fields.refuse("segment", f'Invalid pk "{segment_id}" - object does not exist.', None)
    connector_type = fields.text(
        "connector_type", required=True, default=row["connector_type"] if row else "", max_length=50
    )
    return {"segment_id": segment_id, "connector_type": connector_type}


def _has_segment(store: Store, tenant_id: int, segment_id: int) -> bool:
    sql = "SELECT 1 FROM segments WHERE id=? AND tenant_id=?"
    return segment_id <= MAX_ID and store.one(sql, segment_id, tenant_id) is not None


def _status(fields: Fields, row: sqlite3.Row) -> dict[str, Any]:
    """Read the status; activating again forgets the last error."""
    status = fields.choice("status", _STATUSES, default=row["status"])
    return {"status": status, "last_error": "" if status == "active" else row["last_error"]}


def _check(fields: Fields, connector_type: str, config: dict[str, Any]) -> None:
    """Raise the 400 of everything that is wrong, the config's settings nested under `config`."""
    trouble = connectors.config_errors(connector_type, config)
    if trouble and "config" not in fields.errors:
        fields.refuse("config", trouble, None)
    fields.done()


def _row(request: web.Request, activation_id: int | None = None) -> sqlite3.Row:
    wanted = path_id(request) if activation_id is None else activation_id
    row = state_of(request).store.one(f"{activations.ROWS} AND a.id=?", tenant_of(request).id, wanted)
    if row is None:
        raise not_found("No Activation matches the given query.")
    return row


def setup(state: State) -> None:
    """Register the sync job, and have active connectors synced after each compute."""
    syncs = activations.Syncs(state)
    state.jobs.register(activations.JOB, syncs.run, on_failure=syncs.failed)
    state.hooks.after_compute.append(activations.sync_after_compute)


routes = [
    web.get("/activations/", list_activations),
    web.post("/activations/", create),
    web.get(r"/activations/{id:\d+}/", get),
    web.patch(r"/activations/{id:\d+}/", update),
    web.put(r"/activations/{id:\d+}/", update),
    web.delete(r"/activations/{id:\d+}/", delete),
    web.post(r"/activations/{id:\d+}/sync/", sync),
]
