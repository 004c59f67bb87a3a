"""Steering over HTTP, for tests in other processes and languages: `/__emulator__/…`, outside the API, loopback only."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import attrs
from aiohttp import web

from segops_admin.emulator.clock import iso
from segops_admin.emulator.faults import Fault
from segops_admin.emulator.replies import ApiError, Fields, json_body, no_content, not_found, reply
from segops_admin.emulator.seed import seed_tenant
from segops_admin.emulator.state import STATE

if TYPE_CHECKING:
    from segops_admin.emulator.auth import Handler

ROOT = "/__emulator__"
_RULE_FIELDS = frozenset(field.name for field in attrs.fields(Fault) if field.init) - {"hits"}
_SEED_COUNTS = {"users": 50, "products": 50, "seed": 1}
_KEPT_TABLES = frozenset({"meta", "tenants", "keys", "accounts"})


def local(handler: Handler) -> Handler:
    """Let only this machine steer."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if not request.remote or not ipaddress.ip_address(request.remote).is_loopback:
            raise ApiError(403, "The emulator is steered from its own machine only.")
        return await handler(request)

    return guarded


async def reset(request: web.Request) -> web.Response:
    """Delete all data but tenants and keys; clear faults, logs and limits; set the clock right."""
    state = request.app[STATE]
    await state.jobs.close()
    tables = state.store.all("SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'")
    with state.store.transaction():
        for name in {row["name"] for row in tables} - _KEPT_TABLES:
            state.store.execute(f"DELETE FROM {name}")  # noqa: S608  names of our own tables
    state.faults.clear()
    state.journal.clear()
    state.throttle.reset()
    state.clock.reset()
    return no_content()


async def add_fault(request: web.Request) -> web.Response:
    """Add a fault rule; the body has the fields of `Fault`."""
    body = await json_body(request)
    unknown = sorted(body.keys() - _RULE_FIELDS)
    if unknown:
        raise ApiError(400, {name: ["Unknown field."] for name in unknown})
    request.app[STATE].faults.add(**body)
    return reply({"faults": len(request.app[STATE].faults)}, status=201)


async def clear_faults(request: web.Request) -> web.Response:
    """Take all fault rules back."""
    request.app[STATE].faults.clear()
    return no_content()


async def list_requests(request: web.Request) -> web.Response:
    """Return the request log, oldest first, of one tenant with `?tenant=slug`; credentials are left out."""
    wanted = request.query.get("tenant")
    entries = [
        {
            "method": entry.method,
            "path": entry.path,
            "query": dict(entry.query),
            "headers": {
                str(name): value for name, value in entry.headers.items() if name.lower() not in _SECRET_HEADERS
            },
            "body_size": entry.body_size,
            "status": entry.status,
            "tenant": entry.tenant,
            "idempotency_key": entry.idempotency_key,
            "at": iso(entry.at),
        }
        for entry in request.app[STATE].journal.requests.matching(tenant=wanted)
    ]
    return reply({"count": len(entries), "results": entries})


_SECRET_HEADERS = frozenset({"authorization", "x-api-key", "cookie"})


async def move_clock(request: web.Request) -> web.Response:
    """Move the clock: `{"advance": seconds}`, `{"set": instant}`, `{"freeze": true | instant}` or `{"reset": true}`."""
    body, clock = await json_body(request), request.app[STATE].clock
    try:
        if body.get("reset"):
            clock.reset()
        if body.get("freeze"):
            clock.freeze(None if body["freeze"] is True else body["freeze"])
        if "set" in body:
            clock.set(body["set"])
        if "advance" in body:
            clock.advance(float(body["advance"]))
    except (TypeError, ValueError) as error:
        raise ApiError(400, str(error)) from error
    return reply({"now": iso(clock.now())})


async def seed(request: web.Request) -> web.Response:
    """Fill a tenant with made-up users, events and products: `{"tenant", "users", "products", "seed"}`."""
    fields, state = Fields(await json_body(request)), request.app[STATE]
    slug = fields.text("tenant", default="default")
    counts = {name: fields.integer(name, default=default) or 0 for name, default in _SEED_COUNTS.items()}
    fields.done()
    tenant_id = state.store.scalar("SELECT id FROM tenants WHERE slug=?", slug)
    if tenant_id is None:
        raise ApiError(400, {"tenant": [f"There is no tenant {slug!r}."]})
    return reply(seed_tenant(state.store, tenant_id, state.clock.now(), **counts), status=201)


async def download(request: web.Request) -> web.Response:
    """Serve an export by its token, as the storage host does that downloads are redirected to."""
    state = request.app[STATE]
    row = state.store.one(
        "SELECT content, format FROM exports WHERE token=? AND expires_at>?",
        request.match_info["token"],
        state.clock.now(),
    )
    if row is None:
        raise not_found()
    if "Authorization" in request.headers:
        raise ApiError(400, "Only one auth mechanism allowed.")
    return web.Response(
        body=row["content"], content_type="text/csv" if row["format"] == "csv" else "application/octet-stream"
    )


routes = [
    web.post(f"{ROOT}/reset", local(reset)),
    web.post(f"{ROOT}/faults", local(add_fault)),
    web.delete(f"{ROOT}/faults", local(clear_faults)),
    web.get(f"{ROOT}/requests", local(list_requests)),
    web.post(f"{ROOT}/clock", local(move_clock)),
    web.post(f"{ROOT}/seed", local(seed)),
    web.get(f"{ROOT}/files/{{token}}", download),
]
