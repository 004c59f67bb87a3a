"""Builds the aiohttp application: one thin middleware around every API handler.

A request passes: routing → credential → throttle → faults → idempotency → handler → faults on the way out. Anything
refused on the way ends as JSON in the service's dialect; an unrouted path (a missing slash among them) is a JSON 404.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator import auth, control, null_sink
from segops_admin.emulator.journal import LedgerEntry, LoggedRequest, body_hash, keep_answer, stored_answer
from segops_admin.emulator.replies import ApiError
from segops_admin.emulator.routes import MODULES
from segops_admin.emulator.state import CREDENTIAL, STATE, TENANT, State

if TYPE_CHECKING:
    from segops_admin.emulator.auth import Auth, Handler
    from segops_admin.emulator.faults import Fault

PREFIX = "/api"
AUTH: web.AppKey[Auth] = web.AppKey("segops_emulator_auth", auth.Auth)
BODY_HASH: web.RequestKey[str] = web.RequestKey("segops_emulator_body_hash", str)
_MAX_BODY = 512 * 1024 * 1024
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


def build_app(state: State, authority: Auth) -> web.Application:
    """Return the application serving this state, all route modules mounted."""
    app = web.Application(middlewares=[pipeline], client_max_size=_MAX_BODY)
    app[STATE] = state
    app[AUTH] = authority
    for name in MODULES:
        module: Any = import_module(name)
        state.store.connection.executescript(getattr(module, "SCHEMA", ""))
        app.router.add_routes([_prefixed(route) for route in module.routes])
        if hasattr(module, "setup"):
            module.setup(state)
    app.router.add_routes([*control.routes, *null_sink.routes])
    return app


def _prefixed(route: web.RouteDef) -> web.RouteDef:
    return web.RouteDef(route.method, PREFIX + route.path, route.handler, route.kwargs)


@web.middleware
async def pipeline(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take one request through all steps and log it."""
    state = request.app[STATE]
    if not request.path.startswith(PREFIX + "/"):
        return await _plain(request, handler)
    entry = LoggedRequest(
        request.method, request.path, request.raw_path, request.query, request.headers, state.clock.now()
    )
    state.journal.requests.append(entry)
    try:
        response = await _admit(request, handler, state, entry)
    except ApiError as error:
        response = error.response()
    except web.HTTPException as error:
        response = _http_error(request, error)
    if not request.transport or request.transport.is_closing():
        return response  # a fault cut the line, or the client has gone: nobody will see a status
    entry.status = response.status
    return response


async def _plain(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return error.response()


def _http_error(request: web.Request, error: web.HTTPException) -> web.Response:
    texts = {404: "Not found.", 405: f'Method "{request.method}" not allowed.'}
    headers = {name: value for name, value in error.headers.items() if name == "Allow"}
    return ApiError(error.status, texts.get(error.status, error.reason), headers).response()


async def _admit(request: web.Request, handler: Handler, state: State, entry: LoggedRequest) -> web.StreamResponse:
    """Check credential and limits, then go on to the faults."""
    match = request.match_info
    if match.http_exception is not None:
        raise match.http_exception
    kinds = auth.allowed_kinds(match.handler)
    slug: str | None = None
    if kinds:
        credential = request.app[AUTH].authenticate(request.headers, state.clock.now())
        tenant = credential.tenant
        request[TENANT], request[CREDENTIAL] = tenant, credential
        entry.tenant = slug = tenant.slug
        auth.authorize(credential, kinds, request.method)
        limit = tenant.requests_per_minute or state.config.throttle_per_minute
        if limit is not None:
            state.throttle.admit(tenant.id, limit)
    if request.method in _WITH_BODY:
        await _note_body(request, state, entry)
    struck = state.faults.striking(request.method, request.path[len(PREFIX) :], slug)
    return (
        await _with_faults(request, handler, state, entry, struck)
        if struck
        else await _once(request, handler, state, entry)
    )


async def _note_body(request: web.Request, state: State, entry: LoggedRequest) -> None:
    entry.idempotency_key = key = request.headers.get("Idempotency-Key")
    if request.content_type == "multipart/form-data":  # read by its handler, as a stream; its boundary is random anyway
        entry.body_size, fingerprint = request.content_length or 0, ""
    else:
        body = await request.read()
        entry.body_size, fingerprint = len(body), body_hash(body) if key else ""
    if key:
        request[BODY_HASH] = fingerprint
        state.journal.note_key(key, LedgerEntry(entry.method, entry.path, fingerprint, entry.at))


async def _with_faults(
    request: web.Request, handler: Handler, state: State, entry: LoggedRequest, struck: list[Fault]
) -> web.StreamResponse:
    """Answer a request that one or more fault rules hit."""
    await asyncio.sleep(max(fault.delay for fault in struck))
    for fault in struck:
        if fault.drop in {"before", "reset"}:
            return _hang_up(request, abort=fault.drop == "reset")
        if fault.status is not None and fault.drop is None:
            return fault.answer(state.clock)
    try:
        response = await _once(request, handler, state, entry)
    except ApiError as error:
        response = error.response()
    for fault in struck:
        if fault.drop == "after":
            return _hang_up(request, abort=False)
        if isinstance(response, web.Response):
            fault.reshape(response)
        if fault.truncate is not None:
            return await _cut_short(request, response, fault.truncate)
    return response


def _hang_up(request: web.Request, *, abort: bool) -> web.Response:
    if request.transport is not None:
        if abort:
            request.transport.abort()
        else:
            request.transport.close()
    return web.Response()


async def _cut_short(request: web.Request, response: web.StreamResponse, length: int) -> web.StreamResponse:
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
    partial = web.StreamResponse(status=response.status, headers={"Content-Type": response.content_type})
    partial.content_length = len(body)
    await partial.prepare(request)
    await partial.write(body[:length])
    if request.transport is not None:
        request.transport.close()
    return partial


async def _once(request: web.Request, handler: Handler, state: State, entry: LoggedRequest) -> web.StreamResponse:
    """Run the handler, or replay the answer kept under the request's idempotency key."""
    if not state.config.idempotency or not entry.idempotency_key or TENANT not in request:
        response = await handler(request)
        entry.handled = True
        return response
    scope = (request[TENANT].id, request.method, request.path, entry.idempotency_key)
    kept = stored_answer(state.store, scope, request[BODY_HASH], entry.at)
    if kept is not None:
        entry.replayed = True
        return kept
    try:
        response = await handler(request)
    except ApiError as error:
        response = error.response()
    entry.handled = True
    if isinstance(response, web.Response):
        keep_answer(state.store, scope, request[BODY_HASH], entry.at, response)
    return response
