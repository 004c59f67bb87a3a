"""Who is calling: tenants, their keys, tokens, and what each kind of credential may do (sheet, section 2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import orjson

from segops_admin.emulator.replies import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import web

    from segops_admin.emulator.store import Store

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HandlerT = TypeVar("HandlerT", bound="Callable[..., object]")

USER_TOKEN_S, SESSION_TOKEN_S, REFRESH_TOKEN_S = 3600.0, 900.0, 7 * 86400.0
TENANT_KINDS = frozenset({"sk", "mk", "user"})
_SCOPE_BY_METHOD = {"GET": "mcp:read", "HEAD": "mcp:read", "OPTIONS": "mcp:read", "DELETE": "mcp:admin"}
_ACCESS: dict[object, frozenset[str]] = {}


@attrs.frozen
class TenantRow:
    """A workspace, as handlers see it."""

    id: int
    slug: str
    plan: str
    requests_per_minute: int | None
    events_per_month: int | None


@attrs.frozen
class Credential:
    """An accepted credential: its kind (sk, pk, mk, user, session) and whom it speaks for."""

    kind: str
    tenant: TenantRow
    key_id: int | None = None
    scopes: frozenset[str] = frozenset()
    uid: str | None = None
    """The one user a session token may write for."""
    account_id: int | None = None
    role: str = "owner"


def access(*kinds: str) -> Callable[[HandlerT], HandlerT]:
    """Open a handler to other credentials than the tenant's own; none at all opens it to everybody."""

    def mark(handler: HandlerT) -> HandlerT:
        _ACCESS[handler] = frozenset(kinds)
        return handler

    return mark


def allowed_kinds(handler: object) -> frozenset[str]:
    """Return the kinds of credential a handler takes; empty for one that asks for none."""
    return _ACCESS.get(handler, TENANT_KINDS)


class Auth:
    """Checks credentials. Keys are looked up once and remembered until they are revoked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Credential] = {}
        self._secret = _signing_secret(store)

    def authenticate(self, headers: Any, now: float) -> Credential:
        """Return whose request this is, or raise the 401."""
        scheme, _, value = headers.get("Authorization", "").strip().partition(" ")
        value, scheme = value.strip(), scheme.lower()
        if not scheme:
            scheme, value = "apikey", headers.get("X-API-Key", "").strip()
        if not value:
            raise unauthorized("Authentication credentials were not provided.")
        if scheme == "apikey":
            return self._by_key(value, now)
        if scheme == "bearer":
            return self._by_token(value, now)
        raise unauthorized("Authentication credentials were not provided.")

    def forget(self) -> None:
        """Look every key up again, after one was revoked or its tenant changed."""
        self._known.clear()

    def sign(self, claims: dict[str, Any]) -> str:
        """Return a signed token (JWT, HS256) with these claims."""
        head = _b64(orjson.dumps({"alg": "HS256", "typ": "JWT"}))
        signed = f"{head}.{_b64(orjson.dumps(claims))}"
        return f"{signed}.{_b64(hmac.digest(self._secret, signed.encode(), 'sha256'))}"

    def claims(self, token: str, kind: str | None, now: float) -> dict[str, Any]:
        """Return the claims of a token of ours that is still valid, or raise the 401."""
        signed, _, signature = token.rpartition(".")
        expected = _b64(hmac.digest(self._secret, signed.encode(), "sha256"))
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise invalid_token("Token is invalid")
        claims: dict[str, Any] = orjson.loads(_unb64(signed.partition(".")[2]))
        if claims["exp"] <= now:
            raise invalid_token("Token is expired")
        if kind is not None and claims["kind"] != kind:
            raise invalid_token("Token has wrong type")
        return claims

    def _by_key(self, key: str, now: float) -> Credential:
        known = self._known.get(key)
        if known is not None:
            return known
        row = self._store.one("SELECT * FROM keys WHERE key=?", key)
        tenant = load_tenant(self._store, row["tenant_id"]) if row else None
        if row is None or tenant is None:
            raise unauthorized("Invalid API key.")
        credential = Credential(key[:2], tenant, key_id=row["id"], scopes=frozenset(row["scopes"].split()))
        self._known[key] = credential
        self._store.update("keys", row["id"], last_used_at=now)  # once per run: a write per request would be felt
        return credential

    def _by_token(self, token: str, now: float) -> Credential:
        if token[:3] in {"sk_", "pk_", "mk_"}:
            return self._by_key(token, now)
        claims = self.claims(token, None, now)
        tenant = load_tenant(self._store, claims["tenant"]) if claims["kind"] in {"user", "session"} else None
        if tenant is None:
            raise invalid_token("Token has wrong type")
        return Credential(
            claims["kind"],
            tenant,
            uid=claims.get("uid"),
            account_id=claims.get("account"),
            role=claims.get("role", "owner"),
        )


def authorize(credential: Credential, kinds: frozenset[str], method: str) -> None:
    """Raise the 403 if this credential may not do this."""
    if credential.kind not in kinds:
        raise forbidden(f"A {credential.kind}_ key may not be used here." if len(credential.kind) == 2 else None)
    if credential.kind == "mk" and _SCOPE_BY_METHOD.get(method, "mcp:write") not in credential.scopes:
        raise forbidden(f"Missing scope {_SCOPE_BY_METHOD.get(method, 'mcp:write')}.")
    if credential.role == "viewer" and method not in {"GET", "HEAD", "OPTIONS"}:
        raise forbidden()


def unauthorized(detail: str) -> ApiError:
    """Return the 401 of a missing or unknown credential."""
    return ApiError(401, detail, {"WWW-Authenticate": "ApiKey"})


def invalid_token(detail: str) -> ApiError:
    """Return the 401 of a token, in the token library's own shape."""
    body = {
        "detail": "Given token not valid for any token type",
        "code": "token_not_valid",
        "messages": [{"token_class": "AccessToken", "token_type": "access", "message": detail}],
    }
    return ApiError(401, body, {"WWW-Authenticate": 'Bearer realm="api"'})


def forbidden(detail: str | None = None) -> ApiError:
    """Return the 403 of a credential that is not enough."""
    return ApiError(403, detail or "You do not have permission to perform this action.")


def load_tenant(store: Store, tenant_id: int) -> TenantRow | None:
    """Return a tenant by its id."""
    row = store.one("SELECT * FROM tenants WHERE id=?", tenant_id)
    if row is None:
        return None
    return TenantRow(row["id"], row["slug"], row["plan"], row["requests_per_minute"], row["events_per_month"])


def make_key(prefix: str) -> str:
    """Return a fresh key such as `sk_test_…`."""
    return f"{prefix}{secrets.token_urlsafe(24)}"


def password_hash(password: str) -> str:
    """Return what is stored of a password; a fast hash, as only test accounts live here."""
    return hashlib.sha256(password.encode()).hexdigest()


def _signing_secret(store: Store) -> bytes:
    store.execute("INSERT OR IGNORE INTO meta VALUES ('token_secret', ?)", secrets.token_hex(32))
    return bytes.fromhex(store.scalar("SELECT value FROM meta WHERE name='token_secret'"))


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
