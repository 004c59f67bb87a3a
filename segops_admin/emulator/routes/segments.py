"""User segments: CRUD, preview, compute, members, membership (sheet, section 8; exports are next door)."""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from segops_admin.emulator import identity, segments
from segops_admin.emulator.clock import iso
from segops_admin.emulator.replies import (
    ApiError,
    Fields,
    bounded_int,
    json_body,
    no_content,
    not_found,
    paged,
    path_id,
    reply,
)
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json, to_json

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.state import State
    from segops_admin.emulator.store import Store

_TYPES = ("rule", "ai", "lookalike")
_DELETES = (
    "DELETE FROM segments WHERE tenant_id=? AND id=?",
    "DELETE FROM members WHERE tenant_id=? AND segment_id=?",
    "DELETE FROM versions WHERE tenant_id=? AND segment_id=?",
)


async def list_segments(request: web.Request) -> web.Response:
    """GET /segments/: numbered pages, by id; `limit` is taken for `page_size` too."""
    store, tenant = state_of(request).store, tenant_of(request)
    sql = "SELECT * FROM segments WHERE tenant_id=? ORDER BY id LIMIT ? OFFSET ?"
    count = store.scalar("SELECT COUNT(*) FROM segments WHERE tenant_id=?", tenant.id)
    size = bounded_int(request, "limit", default=50, maximum=200)
    return paged(
        request,
        count,
        lambda limit, offset: [segments.render_segment(row) for row in store.all(sql, tenant.id, limit, offset)],
        default=size,
    )


async def create(request: web.Request) -> web.Response:
    """POST /segments/: `tenant` is ignored, the key says whose it is (C2)."""
    state, tenant = state_of(request), tenant_of(request)
    values = _read(await json_body(request), state, tenant.id, whole=True)
    now = state.clock.now()
    with state.store.transaction():
        segment_id = state.store.insert("segments", tenant_id=tenant.id, created_at=now, updated_at=now, **values)
        if from_json(values["definition"]):
            _snapshot(state.store, tenant.id, segment_id, values["definition"], now)
    return reply(segments.render_segment(_row(request, segment_id)), status=201)


async def get(request: web.Request) -> web.Response:
    """GET /segments/{id}/."""
    return reply(segments.render_segment(_row(request)))


async def update(request: web.Request) -> web.Response:
    """PATCH changes what is given, PUT replaces all; each save of a definition is a version, none computes."""
    state, tenant, row = state_of(request), tenant_of(request), _row(request)
    body = await json_body(request)
    values = _read(body, state, tenant.id, whole=request.method == "PUT")
    now = state.clock.now()
    with state.store.transaction():
        state.store.update("segments", row["id"], updated_at=now, **values)
        if "definition" in body:
            _snapshot(state.store, tenant.id, row["id"], values["definition"], now)
    return reply(segments.render_segment(_row(request)))


async def delete(request: web.Request) -> web.Response:
    """DELETE /segments/{id}/: with its members and versions."""
    store, row = state_of(request).store, _row(request)
    with store.transaction():
        for sql in _DELETES:
            store.execute(sql, row["tenant_id"], row["id"])
    return no_content()


async def preview(request: web.Request) -> web.Response:
    """POST /segments/preview/: how many a definition matches, some of them, and the SQL. Nothing is stored."""
    body = await json_body(request)
    fields = Fields(body)
    definition = fields.mapping("definition", required=True)
    limit = fields.integer("limit", default=10)
    fields.done()
    users, sql = await segments.matching_users(state_of(request), definition, tenant_of(request).id)
    return reply({"matched_users": len(users), "sample_user_ids": users[: min(limit or 0, 1000)], "sql": sql})


async def estimate(request: web.Request) -> web.Response:
    """POST /segments/{id}/estimate/: how many the stored definition matches now."""
    row = _row(request)
    users, _ = await segments.matching_users(state_of(request), from_json(row["definition"]), row["tenant_id"])
    return reply({"segment_id": row["id"], "estimated_count": len(users)})


async def versions(request: web.Request) -> web.Response:
    """GET /segments/{id}/versions/: past definitions, newest first."""
    row = _row(request)
    sql = "SELECT * FROM versions WHERE tenant_id=? AND segment_id=? ORDER BY version DESC"
    return reply(
        [
            {
                "id": version["id"],
                "version": version["version"],
                "definition": from_json(version["definition"]),
                "created_at": iso(version["created_at"]),
            }
            for version in state_of(request).store.all(sql, row["tenant_id"], row["id"])
        ]
    )


async def compute(request: web.Request) -> web.Response:
    """POST /segments/{id}/compute/: queues a run; while one runs the answer is the same and no second one starts."""
    state, row = state_of(request), _row(request)
    if row["status"] != "computing":
        state.store.update("segments", row["id"], status="computing")
        state.jobs.start("segment_compute", row["tenant_id"], state.clock.now(), segment_id=row["id"])
    return reply({"status": "queued"}, status=202)


async def members(request: web.Request) -> web.Response:
    """GET /segments/{id}/members/: by cursor, ordered by user id; `page` is ignored (C5)."""
    store, row = state_of(request).store, _row(request)
    limit = bounded_int(request, "limit", default=1000, maximum=10_000)
    after = _read_cursor(request.query.get("cursor", ""))
    sql = "SELECT * FROM members WHERE tenant_id=? AND segment_id=? AND user_id>? ORDER BY user_id LIMIT ?"
    rows = store.all(sql, row["tenant_id"], row["id"], after, limit + 1)
    page = rows[:limit]
    return reply(
        {
            "results": [{"user_id": member["user_id"], "computed_at": iso(member["computed_at"])} for member in page],
            "next_cursor": _cursor(page[-1]["user_id"]) if len(rows) > limit else None,
        }
    )


async def membership(request: web.Request) -> web.Response:
    """GET /segments/membership/?user_id=: what one user belongs to; an unknown user belongs to nothing."""
    user_id = request.query.get("user_id", "")
    if not user_id:
        raise ApiError(400, {"user_id": ["This field is required."]})
    store, tenant = state_of(request).store, tenant_of(request)
    resolved = identity.resolve(store.connection, tenant.id, user_id)
    rows = memberships(store.connection, tenant.id, resolved)
    found = [{name: value for name, value in row.items() if name != "member_count"} for row in rows]
    return reply({"user_id": user_id, "segments": found})


def memberships(connection: sqlite3.Connection, tenant_id: int, user_id: str) -> list[dict[str, Any]]:
    """Return the segments a (resolved) user is a member of, in the shape of the sheet's section 15.4."""
    sql = """
    SELECT s.id, s.name, s.member_count, m.computed_at FROM members m JOIN segments s ON s.id = m.segment_id
    WHERE m.tenant_id=? AND m.user_id=? ORDER BY s.id"""
    return [
        {
            "segment_id": row["id"],
            "segment_name": row["name"],
            "member_count": row["member_count"],
            "computed_at": iso(row["computed_at"]),
        }
        for row in connection.execute(sql, (tenant_id, user_id))
    ]


def _row(request: web.Request, segment_id: int | None = None) -> sqlite3.Row:
    wanted = path_id(request) if segment_id is None else segment_id
    return segments.segment_row(state_of(request).store, tenant_of(request).id, wanted)


def _read(body: dict[str, Any], state: State, tenant_id: int, *, whole: bool) -> dict[str, Any]:
    """Return the columns a body sets: all of them when `whole` (create, PUT), else those it names."""
    fields = Fields(body, partial=not whole)
    values: dict[str, Any] = {
        "name": fields.text("name", required=True),
        "description": fields.text("description", blank=True),
        "segment_type": fields.choice("segment_type", _TYPES, default="rule"),
        "definition": fields.mapping("definition", nullable=True),
        "is_active": fields.flag("is_active", default=True),
    }
    fields.done()
    segments.compiled(values["definition"], tenant_id=tenant_id, now=state.clock.now())
    values["definition"] = to_json(values["definition"])
    return values if whole else {name: value for name, value in values.items() if name in fields.changes}


def _snapshot(store: Store, tenant_id: int, segment_id: int, definition: str, now: float) -> None:
    latest = store.scalar("SELECT MAX(version) FROM versions WHERE tenant_id=? AND segment_id=?", tenant_id, segment_id)
    version = (latest or 0) + 1
    store.insert(
        "versions", tenant_id=tenant_id, segment_id=segment_id, version=version, definition=definition, created_at=now
    )


def _cursor(user_id: str) -> str:
    return base64.urlsafe_b64encode(orjson.dumps({"after": user_id})).decode()


def _read_cursor(cursor: str) -> str:
    if not cursor:
        return ""
    try:
        return str(orjson.loads(base64.urlsafe_b64decode(cursor))["after"])
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise not_found("Invalid cursor") from error


def setup(state: State) -> None:
    """Register the compute job."""
    state.jobs.register(
        "segment_compute", partial(segments.compute, state), on_failure=partial(segments.compute_failed, state)
    )


routes = [
    web.get("/segments/", list_segments),
    web.post("/segments/", create),
    web.post("/segments/preview/", preview),
    web.get("/segments/membership/", membership),
    web.get(r"/segments/{id:\d+}/", get),
    web.patch(r"/segments/{id:\d+}/", update),
    web.put(r"/segments/{id:\d+}/", update),
    web.delete(r"/segments/{id:\d+}/", delete),
    web.post(r"/segments/{id:\d+}/estimate/", estimate),
    web.get(r"/segments/{id:\d+}/versions/", versions),
    web.post(r"/segments/{id:\d+}/compute/", compute),
    web.get(r"/segments/{id:\d+}/members/", members),
]
