"""Makes tenants with everything a caller may need to sign in: secret, public and MCP keys and an owner's account."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import attrs

from segops_admin.emulator.auth import make_key, password_hash
from segops_admin.emulator.store import to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

DEFAULT_SLUG = "default"
ROLES = ("owner", "admin", "member", "viewer")


@attrs.frozen
class Tenant:
    """A workspace of the emulator, with its credentials."""

    id: int
    slug: str
    plan: str
    api_key: str = attrs.field(repr=False)
    """Secret key, `sk_test_…`."""
    public_key: str = attrs.field(repr=False)
    """Public key, `pk_test_…`: mints sessions."""
    mcp_key: str = attrs.field(repr=False)
    """MCP key, `mk_test_…`, with the scopes mcp:read and mcp:write."""
    signing_secret: str = attrs.field(repr=False)
    """Hex secret of the public key, for signed user ids."""
    email: str
    """The owner's account, for `/auth/token/`."""
    password: str = attrs.field(repr=False)


def create_tenant(
    connection: sqlite3.Connection,
    now: float,
    *,
    slug: str | None = None,
    plan: str = "business",
    api_key: str | None = None,
    requests_per_minute: int | None = None,
    events_per_month: int | None = None,
    origins: Sequence[str] = (),
) -> Tenant:
    """Store a new tenant and return it; ValueError when the slug is taken."""
    slug = slug or f"tenant-{secrets.token_hex(5)}"
    if connection.execute("SELECT 1 FROM tenants WHERE slug=?", (slug,)).fetchone():
        raise ValueError(f"there is already a tenant {slug!r}")
    row = connection.execute(
        "INSERT INTO tenants (slug, plan, requests_per_minute, events_per_month, created_at) VALUES (?, ?, ?, ?, ?)",
        (slug, plan, requests_per_minute, events_per_month, now),
    )
    tenant = Tenant(
        id=row.lastrowid or 0,
        slug=slug,
        plan=plan,
        api_key=api_key or make_key("sk_test_"),
        public_key=make_key("pk_test_"),
        mcp_key=make_key("mk_test_"),
        signing_secret=secrets.token_hex(32),
        email=f"owner@{slug}.example",
        password=f"{slug}-password",
    )
    keys = [
        (tenant.id, tenant.api_key, "secret", "", "[]", None, now),
        (tenant.id, tenant.public_key, "public", "", to_json(list(origins)), tenant.signing_secret, now),
        (tenant.id, tenant.mcp_key, "mcp", "mcp:read mcp:write", "[]", None, now),
    ]
    connection.executemany(
        "INSERT INTO keys (tenant_id, key, name, scopes, origins, secret, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        keys,
    )
    create_account(connection, tenant.id, email=tenant.email, password=tenant.password, role="owner")
    return tenant


def create_account(connection: sqlite3.Connection, tenant_id: int, *, email: str, password: str, role: str) -> None:
    """Store a dashboard user; ValueError for a role there is not."""
    if role not in ROLES:
        raise ValueError(f"role must be one of {', '.join(ROLES)}, not {role!r}")
    connection.execute(
        "INSERT INTO accounts (tenant_id, email, password, role) VALUES (?, ?, ?, ?)",
        (tenant_id, email, password_hash(password), role),
    )


def find_tenant(connection: sqlite3.Connection, slug: str) -> Tenant | None:
    """Return a stored tenant with its first credentials, or None."""
    row = connection.execute("SELECT * FROM tenants WHERE slug=?", (slug,)).fetchone()
    if row is None:
        return None
    found = connection.execute(
        "SELECT key, secret FROM keys WHERE tenant_id=? ORDER BY id DESC", (row["id"],)
    ).fetchall()
    keys = {key["key"][:2]: key for key in found}
    return Tenant(
        id=row["id"],
        slug=slug,
        plan=row["plan"],
        api_key=keys["sk"]["key"] if "sk" in keys else "",
        public_key=keys["pk"]["key"] if "pk" in keys else "",
        mcp_key=keys["mk"]["key"] if "mk" in keys else "",
        signing_secret=keys["pk"]["secret"] if "pk" in keys else "",
        email=f"owner@{slug}.example",
        password=f"{slug}-password",
    )
