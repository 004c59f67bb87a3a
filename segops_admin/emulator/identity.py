"""Who is who: edges from one id to another, kept flattened so that a read needs one look-up (sheet, section 16).

`edge_to` is what was claimed, `to_id` where the chain of claims ends. An anonymous id is written `anon_<id>`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.store import Store

_PREFIX = "anon_"

_ADD_EDGE = """
INSERT OR IGNORE INTO identities (tenant_id, from_id, to_id, edge_to)
VALUES (?1, ?2, COALESCE((SELECT to_id FROM identities WHERE tenant_id=?1 AND from_id=?3), ?3), ?3)"""

_REPOINT = """
WITH RECURSIVE behind (id) AS (
    SELECT ?2 UNION SELECT from_id FROM identities JOIN behind ON edge_to = behind.id WHERE tenant_id = ?1)
UPDATE identities SET to_id = ?3 WHERE tenant_id = ?1 AND from_id IN (SELECT id FROM behind)"""


class CycleError(ValueError):
    """The edge asked for would lead an id back to itself."""


def anonymous(anonymous_id: str) -> str:
    """Return the id an anonymous visitor's events carry; one leading `anon_` of the input is not doubled."""
    return _PREFIX + anonymous_id.removeprefix(_PREFIX)


def resolve(connection: sqlite3.Connection, tenant_id: int, user_id: str) -> str:
    """Return the id that stands for this one now."""
    row = connection.execute(
        "SELECT to_id FROM identities WHERE tenant_id=? AND from_id=?", (tenant_id, user_id)
    ).fetchone()
    return str(row[0]) if row else user_id


def ids_of(connection: sqlite3.Connection, tenant_id: int, user_id: str) -> list[str]:
    """Return all ids whose events belong to this (resolved) user, its own first."""
    rows = connection.execute("SELECT from_id FROM identities WHERE tenant_id=? AND to_id=?", (tenant_id, user_id))
    return [user_id, *(str(row[0]) for row in rows)]


def alias(store: Store, tenant_id: int, anonymous_id: str, user_id: str) -> tuple[str, bool]:
    """Stitch an anonymous id to a user: whose it is, and whether that is new. The first one stays."""
    from_id = anonymous(anonymous_id)
    if resolve(store.connection, tenant_id, user_id) == from_id:
        raise CycleError(f"{from_id} already stands for {user_id}")
    created = store.execute(_ADD_EDGE, tenant_id, from_id, user_id).rowcount > 0
    if created:
        _repoint(store, tenant_id, from_id)
    kept = store.scalar("SELECT edge_to FROM identities WHERE tenant_id=? AND from_id=?", tenant_id, from_id)
    return str(kept), created


def merge(store: Store, tenant_id: int, from_id: str, into_id: str) -> None:
    """Fold one user into another, whatever edge there was before."""
    if resolve(store.connection, tenant_id, into_id) == from_id or from_id == into_id:
        raise CycleError(f"{into_id} already stands for {from_id}")
    store.execute("DELETE FROM identities WHERE tenant_id=? AND from_id=?", tenant_id, from_id)
    store.execute(_ADD_EDGE, tenant_id, from_id, into_id)
    _repoint(store, tenant_id, from_id)


def _repoint(store: Store, tenant_id: int, from_id: str) -> None:
    store.execute(_REPOINT, tenant_id, from_id, resolve(store.connection, tenant_id, from_id))
