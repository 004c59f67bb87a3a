"""The user explorer: search, profile, events, segments (sheet, sections 15.1 to 15.4).

An id that was merged away or stitched is looked up as the user it stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator import identity
from segops_admin.emulator.clock import iso, parse_instant
from segops_admin.emulator.events import traits_of
from segops_admin.emulator.replies import ApiError, bounded_int, not_found, reply
from segops_admin.emulator.routes.segments import memberships
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json

if TYPE_CHECKING:
    import sqlite3

_SEARCH = """
SELECT user_id, COUNT(*) AS events, MIN(occurred_at) AS first_seen, MAX(occurred_at) AS last_seen,
       COUNT(*) OVER () AS total
FROM resolved_events WHERE tenant_id = ?1 AND (?2 = '' OR instr(lower(user_id), lower(?2)) > 0)
GROUP BY user_id ORDER BY user_id LIMIT ?3"""


_PROFILE = """
SELECT COUNT(*) AS events, COUNT(DISTINCT event_type) AS types, MIN(occurred_at) AS first_seen,
       MAX(occurred_at) AS last_seen FROM events"""


async def search(request: web.Request) -> web.Response:
    """GET /explorer/users/?q=&limit=: ids that contain `q` in any case; `count` is all of them."""
    limit = bounded_int(request, "limit", default=20, maximum=200)
    params = (tenant_of(request).id, request.query.get("q", ""), limit)
    rows = await state_of(request).store.fetch(_SEARCH, params)
    results = [
        {
            "user_id": row["user_id"],
            "event_count": row["events"],
            "first_seen": iso(row["first_seen"]),
            "last_seen": iso(row["last_seen"]),
        }
        for row in rows
    ]
    return reply({"count": rows[0]["total"] if rows else 0, "results": results})


async def profile(request: web.Request) -> web.Response:
    """GET /explorer/users/{user_id}/."""
    connection, tenant_id, user_id, ids = _who(request)
    row = connection.execute(
        f"{_PROFILE} WHERE tenant_id=? AND user_id IN ({_marks(ids)})",
        (tenant_id, *ids),
    ).fetchone()
    if not row["events"]:
        raise not_found()
    return reply(
        {
            "user_id": user_id,
            "event_count": row["events"],
            "event_type_count": row["types"],
            "first_seen": iso(row["first_seen"]),
            "last_seen": iso(row["last_seen"]),
            "properties": from_json(traits_of(connection, tenant_id, ids)),
        }
    )


async def events(request: web.Request) -> web.Response:
    """GET /explorer/users/{user_id}/events/: newest first; an unknown user has none."""
    connection, tenant_id, _, ids = _who(request)
    where, params = f"tenant_id=? AND user_id IN ({_marks(ids)})", [tenant_id, *ids]
    event_type, since = request.query.get("event_type"), request.query.get("since")
    if event_type:
        where, params = where + " AND event_type=?", [*params, event_type]
    if since:
        where, params = where + " AND occurred_at>=?", [*params, _instant(since)]
    limit = bounded_int(request, "limit", default=50, maximum=1000)
    count = connection.execute(f"SELECT COUNT(*) FROM events WHERE {where}", params).fetchone()[0]  # noqa: S608  marks
    rows = connection.execute(
        f"SELECT * FROM events WHERE {where} ORDER BY occurred_at DESC, id DESC LIMIT ?",  # noqa: S608  marks
        [*params, limit],
    )
    results = [
        {
            "event_type": row["event_type"],
            "occurred_at": iso(row["occurred_at"]),
            "payload": from_json(row["payload"]),
        }
        for row in rows
    ]
    return reply({"count": count, "results": results})


async def user_segments(request: web.Request) -> web.Response:
    """GET /explorer/users/{user_id}/segments/: as last computed."""
    connection, tenant_id, user_id, _ = _who(request)
    return reply(memberships(connection, tenant_id, user_id))


def _who(request: web.Request) -> tuple[sqlite3.Connection, int, str, list[Any]]:
    """Return the connection, the tenant, the user asked for as resolved, and all ids whose events are theirs."""
    connection, tenant_id = state_of(request).store.connection, tenant_of(request).id
    user_id = identity.resolve(connection, tenant_id, request.match_info["user_id"])
    return connection, tenant_id, user_id, list(identity.ids_of(connection, tenant_id, user_id))


def _marks(ids: list[Any]) -> str:
    return ",".join("?" * len(ids))


def _instant(text: str) -> float:
    try:
        return parse_instant(text)
    except (ValueError, OverflowError) as error:
        raise ApiError(400, {"since": ["Datetime has wrong format."]}) from error


routes = [
    web.get("/explorer/users/", search),
    web.get("/explorer/users/{user_id}/", profile),
    web.get("/explorer/users/{user_id}/events/", events),
    web.get("/explorer/users/{user_id}/segments/", user_segments),
]
