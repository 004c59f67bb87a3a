"""Events in: one, up to 500, or a store's webhook (sheet, section 20)."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from segops_admin.emulator.auth import access, load_tenant, unauthorized
from segops_admin.emulator.events import Event, add_events, read_event
from segops_admin.emulator.replies import ApiError, json_body, not_found, reply
from segops_admin.emulator.state import credential_of, state_of, tenant_of
from segops_admin.emulator.throttle import charge_events

if TYPE_CHECKING:
    from segops_admin.emulator.state import State

MAX_BATCH = 500

_SHOPIFY_TOPICS = {
    "orders/create": "order_placed",
    "orders/paid": "order_paid",
    "orders/cancelled": "order_cancelled",
    "customers/create": "customer_created",
    "checkouts/create": "checkout_started",
    "checkouts/delete": "checkout_abandoned",
}


@access("sk", "user", "session")
async def track(request: web.Request) -> web.Response:
    """POST /ingestion/track/: one event; what is wrong with it is a 400."""
    state, tenant, uid = state_of(request), tenant_of(request), credential_of(request).uid
    body, now = await json_body(request), state.clock.now()
    event, errors = read_event(body, now, uid=uid)
    trouble = _refusal(state, tenant.id, body) if event else None
    if event is None or trouble:
        raise ApiError(400, errors or {"payload": [trouble]})
    charge_events(state.store, tenant.id, tenant.events_per_month, 1, now)
    add_events(state.store, tenant.id, [event])
    return reply({"queued": True}, status=202)


@access("sk", "user", "session")
async def track_batch(request: web.Request) -> web.Response:
    """POST /ingestion/track/batch/: up to 500 events; bad ones are skipped and counted."""
    state, tenant, uid = state_of(request), tenant_of(request), credential_of(request).uid
    body, now = await json_body(request), state.clock.now()
    raw = body.get("events")
    if not isinstance(raw, list):
        text = "This field is required." if raw is None else "Expected a list of items."
        raise ApiError(400, {"events": [text]})
    items: list[Any] = raw  # pyright: ignore[reportUnknownVariableType]
    if len(items) > MAX_BATCH:
        raise ApiError(400, {"events": [f"Ensure this field has no more than {MAX_BATCH} elements."]})
    events: list[Event] = []
    for item in items:
        event, _ = read_event(item, now, uid=uid)
        if event is not None and not _refusal(state, tenant.id, item):
            events.append(event)
    charge_events(state.store, tenant.id, tenant.events_per_month, len(events), now)
    add_events(state.store, tenant.id, events)
    return reply({"queued": len(events), "skipped": len(items) - len(events)}, status=202)


@access()
async def shopify(request: web.Request) -> web.Response:
    """POST /ingestion/shopify/{tenant_slug}/: a store's webhook, signed with the tenant's signing secret (its text)."""
    state = state_of(request)
    tenant_id = state.store.scalar("SELECT id FROM tenants WHERE slug=?", request.match_info["tenant_slug"])
    tenant = load_tenant(state.store, tenant_id) if tenant_id is not None else None
    if tenant is None:
        raise not_found()
    raw = await request.read()
    secret = state.store.scalar("SELECT secret FROM keys WHERE tenant_id=? AND secret IS NOT NULL", tenant.id) or ""
    expected = base64.b64encode(hmac.digest(secret.encode(), raw, "sha256"))
    if not hmac.compare_digest(expected, request.headers.get("X-Shopify-Hmac-SHA256", "").encode()):
        raise unauthorized("Invalid webhook signature.")
    event_type = _SHOPIFY_TOPICS.get(request.headers.get("X-Shopify-Topic", ""))
    payload = _object(raw)
    user_id = _shopify_user(payload, customer=event_type == "customer_created")
    if event_type is None or user_id is None:
        return reply({"status": "ignored"})
    now = state.clock.now()
    charge_events(state.store, tenant.id, tenant.events_per_month, 1, now)
    add_events(state.store, tenant.id, [Event(user_id, event_type, now, payload)])
    return reply({"status": "ok"})


def _object(raw: bytes) -> dict[str, Any]:
    try:
        payload = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ApiError(400, f"JSON parse error - {error}") from error
    if not isinstance(payload, dict):
        raise ApiError(400, {"non_field_errors": ["Invalid data. Expected a dictionary."]})
    return payload  # pyright: ignore[reportUnknownVariableType]


def _shopify_user(payload: dict[str, Any], *, customer: bool) -> str | None:
    """Return the customer's e-mail, else the customer's id."""
    nested: Any = payload if customer else payload.get("customer")
    person: dict[str, Any] = {}
    if isinstance(nested, dict):
        person = nested  # pyright: ignore[reportUnknownVariableType]
    found = payload.get("email") or person.get("email") or person.get("id")
    return None if found is None else str(found)


def _refusal(state: State, tenant_id: int, event: dict[str, Any]) -> str | None:
    for check in state.hooks.event_checks:
        trouble = check(state, tenant_id, event)
        if trouble:
            return trouble
    return None


routes = [
    web.post("/ingestion/track/", track),
    web.post("/ingestion/track/batch/", track_batch),
    web.post("/ingestion/shopify/{tenant_slug}/", shopify),
]
