"""Searches a tenant's products by words, for the search endpoint, pages and provider answers.

Each store keeps one index per tenant, built on a worker thread when first asked for. Whether it still holds is told by
the connection's count of changes: nothing written since, nothing to look at; else the rows are read again, and only
those whose text changed are taken apart. Timestamps would not do, the clock may stand still.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from attrs import define, field

from segops_admin.emulator.similarity import Index, Matches, Text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Container

    from segops_admin.emulator.store import Store

_ROWS = "SELECT id, sku || ' ' || name, data FROM products WHERE tenant_id=?"


@define(eq=False)
class _Catalogue:
    """A tenant's index; two worker threads may want it at once."""

    index: Index = field(factory=Index)
    changes: int = -1
    lock: threading.Lock = field(factory=threading.Lock)


_CATALOGUES: WeakKeyDictionary[Store, dict[int, _Catalogue]] = WeakKeyDictionary()


async def search_products(store: Store, tenant_id: int, text: str, *, within: Container[int] | None = None) -> Matches:
    """Return the tenant's products that share words with the text, off the loop."""
    catalogue = _CATALOGUES.setdefault(store, {}).setdefault(tenant_id, _Catalogue())
    changes = store.connection.total_changes

    def work(connection: sqlite3.Connection) -> Matches:
        with catalogue.lock:
            if catalogue.changes < changes:
                _refresh(catalogue.index, connection, tenant_id)
                catalogue.changes = changes
            return catalogue.index.search(text, within=within)

    return await store.read(work)


def _refresh(index: Index, connection: sqlite3.Connection, tenant_id: int) -> None:
    gone = index.ids()
    for product_id, title, data in connection.execute(_ROWS, (tenant_id,)):
        gone.discard(product_id)
        text = Text(title, data)
        if not index.knows(product_id, text):
            index.put(product_id, text)
    for product_id in gone:
        index.drop(product_id)
