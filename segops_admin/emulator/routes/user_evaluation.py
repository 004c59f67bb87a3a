"""Why a user is in a segment, and what one more event would change (sheet, sections 15.5 and 15.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator import identity
from segops_admin.emulator.definition import compile_definition, explain_definition
from segops_admin.emulator.events import Event, read_event
from segops_admin.emulator.replies import ApiError, json_body, path_id, reply
from segops_admin.emulator.segments import segment_row
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json, to_json

if TYPE_CHECKING:
    import sqlite3

# Unqualified names look into `temp` first: these views put one user's history, with or without the extra event, where
# a compiled definition looks for everybody's. The real tables are neither changed nor locked.
_STAGE = (
    "CREATE TEMP TABLE stage (id, tenant_id, user_id, event_type, occurred_at, payload)",
    """INSERT INTO stage SELECT id, tenant_id, ?1, event_type, occurred_at, payload
       FROM main.events WHERE tenant_id = ?2 AND user_id IN (SELECT value FROM json_each(?3))""",
    "CREATE TEMP VIEW events AS SELECT *, NULL AS anonymous_id FROM stage",
    "CREATE TEMP VIEW resolved_events AS SELECT * FROM stage",
)
_STRIKE = (
    "DROP VIEW IF EXISTS temp.resolved_events",
    "DROP VIEW IF EXISTS temp.events",
    "DROP TABLE IF EXISTS temp.stage",
)


async def explain(request: web.Request) -> web.Response:
    """GET /explorer/users/{user_id}/segments/{segment_id}/explain/: one item per condition, for non-members too."""
    state, tenant = state_of(request), tenant_of(request)
    row = segment_row(state.store, tenant.id, path_id(request, "segment_id"))
    definition, now = from_json(row["definition"]), state.clock.now()
    user_id = identity.resolve(state.store.connection, tenant.id, request.match_info["user_id"])
    return reply(
        await state.store.read(
            lambda connection: explain_definition(connection, definition, user_id, tenant_id=tenant.id, now=now)
        )
    )


async def publish_sandbox(request: web.Request) -> web.Response:
    """POST /explorer/sandbox/publish/: which active segments one more event would move a user into or out of."""
    state, tenant, now = state_of(request), tenant_of(request), state_of(request).clock.now()
    event, errors = read_event(await json_body(request), now)
    if event is None:
        raise ApiError(400, errors)
    user_id = identity.resolve(state.store.connection, tenant.id, event.user_id)
    rows = state.store.all("SELECT * FROM segments WHERE tenant_id=? AND is_active ORDER BY id", tenant.id)
    before, after = await state.store.read(
        lambda connection: _with_and_without(connection, rows, tenant.id, user_id, event, now)
    )
    named = {row["id"]: {"id": row["id"], "name": row["name"]} for row in rows}
    return reply(
        {
            "published": True,
            "entered": [named[segment_id] for segment_id in sorted(after - before)],
            "exited": [named[segment_id] for segment_id in sorted(before - after)],
            "unchanged_count": len(rows) - len(after ^ before),
        }
    )


def _with_and_without(
    connection: sqlite3.Connection, rows: list[sqlite3.Row], tenant_id: int, user_id: str, event: Event, now: float
) -> tuple[set[int], set[int]]:
    ids = identity.ids_of(connection, tenant_id, user_id)
    params: tuple[tuple[Any, ...], ...] = ((), (user_id, tenant_id, to_json(ids)), (), ())
    try:
        for sql, values in zip(_STAGE, params, strict=True):
            connection.execute(sql, values)
        before = _matched(connection, rows, tenant_id, now)
        connection.execute(
            "INSERT INTO stage VALUES (NULL, ?, ?, ?, ?, ?)",
            (tenant_id, user_id, event.event_type, event.occurred_at, to_json(event.payload)),
        )
        return before, _matched(connection, rows, tenant_id, now)
    finally:
        for sql in _STRIKE:
            connection.execute(sql)


def _matched(connection: sqlite3.Connection, rows: list[sqlite3.Row], tenant_id: int, now: float) -> set[int]:
    found: set[int] = set()
    for row in rows:
        query = compile_definition(from_json(row["definition"]), tenant_id=tenant_id, now=now)
        if connection.execute(query.sql, query.params).fetchone():
            found.add(row["id"])
    return found


routes = [
    web.get(r"/explorer/users/{user_id}/segments/{segment_id:\d+}/explain/", explain),
    web.post("/explorer/sandbox/publish/", publish_sandbox),
]
