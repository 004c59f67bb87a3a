"""Outbound webhooks (sheet, section 14): CRUD at the proposed, unconfirmed path, and the record of what was sent.

That record stands with the other steering, at `/__emulator__/deliveries`, outside the API.
"""

from __future__ import annotations

import ipaddress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiohttp import web

from segops_admin.emulator import control, deliveries
from segops_admin.emulator.clock import iso
from segops_admin.emulator.replies import Fields, json_body, no_content, not_found, paged, path_id, reply
from segops_admin.emulator.state import STATE, state_of, tenant_of

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.state import State

SCHEMA = deliveries.SCHEMA

_PAGE = "SELECT * FROM webhooks WHERE tenant_id=? ORDER BY id LIMIT ? OFFSET ?"


async def list_webhooks(request: web.Request) -> web.Response:
    """GET /webhooks/: numbered pages, by id."""
    store, tenant = state_of(request).store, tenant_of(request)
    count = store.scalar("SELECT COUNT(*) FROM webhooks WHERE tenant_id=?", tenant.id)
    return paged(
        request, count, lambda limit, offset: [_rendered(row) for row in store.all(_PAGE, tenant.id, limit, offset)]
    )


async def create(request: web.Request) -> web.Response:
    """POST /webhooks/: without a secret its deliveries are not signed."""
    state, tenant = state_of(request), tenant_of(request)
    values = _read(await json_body(request), whole=True)
    webhook_id = state.store.insert("webhooks", tenant_id=tenant.id, created_at=state.clock.now(), **values)
    return reply(_rendered(_row(request, webhook_id)), status=201)


async def get(request: web.Request) -> web.Response:
    """GET /webhooks/{id}/: without the secret."""
    return reply(_rendered(_row(request)))


async def update(request: web.Request) -> web.Response:
    """PATCH changes what is given, PUT replaces all but the secret: who reads and writes back cannot know it."""
    store, row, body = state_of(request).store, _row(request), await json_body(request)
    values = _read(body, whole=request.method == "PUT")
    store.update("webhooks", row["id"], **{"secret": row["secret"], **values})
    return reply(_rendered(_row(request)))


async def delete(request: web.Request) -> web.Response:
    """DELETE /webhooks/{id}/: what was delivered stays on record."""
    state_of(request).store.execute("DELETE FROM webhooks WHERE id=?", _row(request)["id"])
    return no_content()


async def list_deliveries(request: web.Request) -> web.Response:
    """Return every delivery so far, of one tenant with `?tenant=slug`."""
    found = deliveries.delivered(request.app[STATE].store, request.query.get("tenant"))
    return reply({"count": len(found), "results": found})


def _read(body: dict[str, Any], *, whole: bool) -> dict[str, Any]:
    """Return the columns to write; a secret only if it was given, and of the rest those given unless `whole`."""
    fields = Fields(body, partial=not whole)
    values: dict[str, Any] = {
        "url": fields.text("url", required=True, max_length=2000),
        "secret": fields.text("secret", blank=True, max_length=255),
        "description": fields.text("description", blank=True),
        "is_active": fields.flag("is_active", default=True),
    }
    trouble = _url_trouble(values["url"]) if "url" in fields.changes else None
    if trouble and "url" not in fields.errors:
        fields.refuse("url", trouble, None)
    fields.done()
    return {name: value for name, value in values.items() if name in fields.changes or (whole and name != "secret")}


def _url_trouble(text: str) -> str | None:
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError:
        return "Enter a valid URL."
    if url.scheme not in {"http", "https"} or not host or not text.isprintable() or " " in text:
        return "Enter a valid URL."
    return None if url.scheme == "https" or _is_loopback(host) else "Enter a URL that starts with https://."


def _is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, where a test's receiver listens without TLS."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _row(request: web.Request, webhook_id: int | None = None) -> sqlite3.Row:
    wanted = path_id(request) if webhook_id is None else webhook_id
    row = state_of(request).store.one(
        "SELECT * FROM webhooks WHERE id=? AND tenant_id=?", wanted, tenant_of(request).id
    )
    if row is None:
        raise not_found("No Webhook matches the given query.")
    return row


def _rendered(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "url": row["url"],
        "description": row["description"],
        "is_active": bool(row["is_active"]),
        "created_at": iso(row["created_at"]),
    }


def setup(state: State) -> None:
    """Register the delivery job, and queue it after each compute."""
    state.jobs.register(deliveries.JOB, partial(deliveries.run, state))
    state.hooks.after_compute.append(deliveries.queue_after_compute)


routes = [
    web.get("/webhooks/", list_webhooks),
    web.post("/webhooks/", create),
    web.get(r"/webhooks/{id:\d+}/", get),
    web.patch(r"/webhooks/{id:\d+}/", update),
    web.put(r"/webhooks/{id:\d+}/", update),
    web.delete(r"/webhooks/{id:\d+}/", delete),
]
control.routes.append(web.get(f"{control.ROOT}/deliveries", control.local(list_deliveries)))
