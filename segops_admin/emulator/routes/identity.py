"""Alias and merge (sheet, section 16)."""

from __future__ import annotations

from aiohttp import web

from segops_admin.emulator import identity
from segops_admin.emulator.replies import ApiError, Fields, json_body, reply
from segops_admin.emulator.state import state_of, tenant_of


async def alias(request: web.Request) -> web.Response:
    """POST /identity/alias/: the first claim stays; a later, different one is answered with the user that was kept."""
    fields = Fields(await json_body(request))
    anonymous_id, user_id = fields.text("anonymous_id", required=True), fields.text("user_id", required=True)
    fields.done()
    store, tenant = state_of(request).store, tenant_of(request)
    try:
        with store.transaction():
            kept, created = identity.alias(store, tenant.id, anonymous_id, user_id)
    except identity.CycleError as error:
        raise ApiError(400, {"non_field_errors": [str(error)]}) from error
    return reply({"anonymous_id": anonymous_id, "user_id": kept, "created": created})


async def merge(request: web.Request) -> web.Response:
    """POST /identity/merge/: overrides an existing edge; a cycle, or an id into itself, is refused."""
    fields = Fields(await json_body(request))
    from_id, into_id = fields.text("from_user_id", required=True), fields.text("into_user_id", required=True)
    fields.done()
    store, tenant = state_of(request).store, tenant_of(request)
    try:
        with store.transaction():
            identity.merge(store, tenant.id, from_id, into_id)
    except identity.CycleError as error:
        raise ApiError(400, {"non_field_errors": [str(error)]}) from error
    return reply({"from_user_id": from_id, "into_user_id": into_id, "merged": True})


routes = [web.post("/identity/alias/", alias), web.post("/identity/merge/", merge)]
