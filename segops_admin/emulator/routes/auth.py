"""Tokens, API keys and the public-key session handshake (sheet, sections 2.3 to 2.5)."""

from __future__ import annotations

import fnmatch
import hmac
from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator import auth
from segops_admin.emulator.clock import iso
from segops_admin.emulator.events import note_identity
from segops_admin.emulator.replies import Fields, json_body, no_content, not_found, path_id, reply
from segops_admin.emulator.state import credential_of, state_of, tenant_of
from segops_admin.emulator.store import from_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

_SIGNATURE_AGE_S = 300


def _authority(request: web.Request) -> auth.Auth:
    from segops_admin.emulator.app import AUTH  # noqa: PLC0415  the application imports its routes

    return request.app[AUTH]


@auth.access()
async def token(request: web.Request) -> web.Response:
    """POST /auth/token/: a user's e-mail and password for a pair of tokens."""
    fields, state = Fields(await json_body(request)), state_of(request)
    email, password = fields.text("email", required=True), fields.text("password", required=True)
    fields.done()
    row = state.store.one("SELECT * FROM accounts WHERE email=?", email)
    if row is None or not hmac.compare_digest(row["password"], auth.password_hash(password)):
        raise auth.unauthorized("No active account found with the given credentials")
    return reply({"access": _user_token(request, row), "refresh": _refresh_token(request, row)})


@auth.access()
async def refresh(request: web.Request) -> web.Response:
    """POST /auth/token/refresh/: a fresh access token."""
    fields, state = Fields(await json_body(request)), state_of(request)
    text = fields.text("refresh", required=True)
    fields.done()
    claims = _authority(request).claims(text, "refresh", state.clock.now())
    row = state.store.one("SELECT * FROM accounts WHERE id=?", claims["account"])
    if row is None:
        raise auth.invalid_token("Token is invalid")
    return reply({"access": _user_token(request, row)})


@auth.access("user")
async def list_keys(request: web.Request) -> web.Response:
    """GET /auth/api-keys/: the tenant's keys, without the keys themselves."""
    rows = state_of(request).store.all("SELECT * FROM keys WHERE tenant_id=? ORDER BY id", tenant_of(request).id)
    return reply(
        [
            {
                "id": row["id"],
                "name": row["name"],
                "prefix": row["key"][:12],
                "created_at": iso(row["created_at"]),
                "last_used_at": iso(row["last_used_at"]),
            }
            for row in rows
        ]
    )


@auth.access("user")
async def create_key(request: web.Request) -> web.Response:
    """POST /auth/api-keys/: a new secret key, shown this once."""
    fields, state, tenant = Fields(await json_body(request)), state_of(request), tenant_of(request)
    name, slug = fields.text("name", required=True, max_length=200), fields.text("tenant_slug", required=True)
    fields.done()
    if slug != tenant.slug:
        raise auth.forbidden()
    key = auth.make_key("sk_live_")
    key_id = state.store.insert("keys", tenant_id=tenant.id, key=key, name=name, created_at=state.clock.now())
    return reply({"id": key_id, "name": name, "key": key}, status=201)


@auth.access("user")
async def delete_key(request: web.Request) -> web.Response:
    """DELETE /auth/api-keys/{id}/: the key gets 401 from now on."""
    removed = state_of(request).store.execute(
        "DELETE FROM keys WHERE id=? AND tenant_id=?", path_id(request), tenant_of(request).id
    )
    if not removed.rowcount:
        raise not_found()
    _authority(request).forget()
    return no_content()


@auth.access("pk")
async def session(request: web.Request) -> web.Response:
    """POST /auth/session/: a public key and an id for a 15-minute token that writes for this one user."""
    fields, state, tenant = Fields(await json_body(request)), state_of(request), tenant_of(request)
    user_id, anonymous_id = fields.text("user_id", blank=True), fields.text("anonymous_id", blank=True)
    fields.done()
    key = state.store.one("SELECT * FROM keys WHERE id=?", credential_of(request).key_id)
    now = state.clock.now()
    if key is None or not _origin_allowed(request.headers.get("Origin"), from_json(key["origins"])):
        raise auth.forbidden("Origin not allowed for this key.")
    if user_id and (key["require_signed"] or "user_id_sig" in fields.body):
        _check_signature(user_id, fields.body, key["secret"] or "", now)
    if user_id and anonymous_id:
        note_identity(state.store, tenant.id, anonymous_id, user_id)
    uid = user_id or (f"anon_{anonymous_id}" if anonymous_id else "")
    expires_at = float(int(now + auth.SESSION_TOKEN_S))
    claims = {"kind": "session", "tenant": tenant.id, "uid": uid, "exp": expires_at}
    return reply({"token": _authority(request).sign(claims), "expires_at": iso(expires_at), "uid": uid})


def _check_signature(user_id: str, body: Mapping[str, Any], secret: str, now: float) -> None:
    """Refuse a user id whose signature is missing, wrong, or more than five minutes off."""
    stamp, given = body.get("user_id_ts"), body.get("user_id_sig")
    if isinstance(stamp, bool) or not isinstance(stamp, int) or not isinstance(given, str):
        raise auth.forbidden("A signed user_id is required.")
    expected = hmac.new(bytes.fromhex(secret), f"{user_id}|{stamp}".encode(), "sha256").hexdigest()
    if abs(now - stamp) > _SIGNATURE_AGE_S or not hmac.compare_digest(expected.encode(), given.lower().encode()):
        raise auth.forbidden("The user_id signature is not valid.")


def _origin_allowed(origin: str | None, allowed: list[str]) -> bool:
    """Compare exactly, or one subdomain level for `https://*.host`; a key without a list takes any origin."""
    if not allowed or origin is None:
        return True
    return any(fnmatch.fnmatchcase(origin, pattern) and origin.count(".") == pattern.count(".") for pattern in allowed)


def _user_token(request: web.Request, row: sqlite3.Row) -> str:
    exp = state_of(request).clock.now() + auth.USER_TOKEN_S
    claims = {"kind": "user", "tenant": row["tenant_id"], "account": row["id"], "role": row["role"], "exp": exp}
    return _authority(request).sign(claims)


def _refresh_token(request: web.Request, row: sqlite3.Row) -> str:
    exp = state_of(request).clock.now() + auth.REFRESH_TOKEN_S
    return _authority(request).sign({"kind": "refresh", "account": row["id"], "exp": exp})


routes = [
    web.post("/auth/token/", token),
    web.post("/auth/token/refresh/", refresh),
    web.get("/auth/api-keys/", list_keys),
    web.post("/auth/api-keys/", create_key),
    web.delete(r"/auth/api-keys/{id:\d+}/", delete_key),
    web.post("/auth/session/", session),
]
