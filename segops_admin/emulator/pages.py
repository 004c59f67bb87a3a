"""AI pages behind their routes: rows to wire shape, and the jobs that write copy and build blocks (sheet, section 18).

Decisions where the sheet is silent: copy and products come with the first regenerate, bulk-generate or build, not with
the create; a build ends as `built` even where the page is public; a rebuild that fails leaves the old blocks in place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segops_admin.emulator.clock import iso, later
from segops_admin.emulator.page_building import build_blocks, intro_copy
from segops_admin.emulator.product_search import search_products
from segops_admin.emulator.replies import not_found
from segops_admin.emulator.store import from_json, to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Container, Mapping

    from segops_admin.emulator.jobs import Job
    from segops_admin.emulator.state import State
    from segops_admin.emulator.store import Store

    Columns = sqlite3.Row | Mapping[str, Any]

PRODUCTS_SHOWN = 10
_SELECT = """
SELECT pages.*, queries.id AS known_query, queries.query_text AS query_text
FROM pages LEFT JOIN queries ON queries.id = pages.query_id"""
_PRODUCTS = "SELECT sku, name, data FROM products WHERE tenant_id=? AND sku IN (SELECT value FROM json_each(?))"


def page_rows(store: Store, tenant_id: int) -> list[sqlite3.Row]:
    """Return a tenant's pages, by id, each with its query's text; a deleted query is none."""
    return store.all(f"{_SELECT} WHERE pages.tenant_id=? ORDER BY pages.id", tenant_id)


def find_page(store: Store, tenant_id: int, page_id: int) -> sqlite3.Row | None:
    """Return a tenant's page, or None."""
    return store.one(f"{_SELECT} WHERE pages.id=? AND pages.tenant_id=?", page_id, tenant_id)


def page_row(store: Store, tenant_id: int, page_id: int) -> sqlite3.Row:
    """Return a tenant's page, or raise the 404."""
    row = find_page(store, tenant_id, page_id)
    if row is None:
        raise not_found("No GeneratedPage matches the given query.")
    return row


def public_page(store: Store, tenant_slug: str, page_slug: str) -> sqlite3.Row | None:
    """Return a published page by its address, or None."""
    where = "WHERE pages.published AND pages.slug=? AND pages.tenant_id=(SELECT id FROM tenants WHERE slug=?)"
    return store.one(f"{_SELECT} {where}", page_slug, tenant_slug)


def render_page(row: sqlite3.Row, *, whole: bool = False) -> dict[str, Any]:
    """Return a page as the wire has it; lists leave out copy and products."""
    page = {
        "id": row["id"],
        "slug": row["slug"],
        "query": row["known_query"],
        "title": row["title"],
        "published": bool(row["published"]),
        "builder_status": row["builder_status"],
        "view_count": row["view_count"],
        "last_ai_crawl_at": iso(row["last_ai_crawl_at"]),
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }
    return {**page, "intro_copy": row["intro_copy"], "product_skus": from_json(row["product_skus"])} if whole else page


def heading(row: Columns) -> str:
    """Return what a page is about, in words."""
    return str(row["title"] or row["query_text"] or row["slug"].replace("-", " "))


def current_blocks(store: Store, row: Columns) -> list[dict[str, Any]]:
    """Assemble a page's blocks from its copy and those of its products that still exist."""
    found = {item["sku"]: item for item in store.all(_PRODUCTS, row["tenant_id"], row["product_skus"])}
    products = [_product(found[sku]) for sku in from_json(row["product_skus"]) if sku in found]
    return build_blocks(heading(row), row["intro_copy"] or heading(row), products)


async def write_copy(state: State, row: sqlite3.Row, within: Container[int] | None = None) -> Mapping[str, Any]:
    """Search products for a page and return the columns its new copy fills."""
    text = row["query_text"] or heading(row)
    matches = await search_products(state.store, row["tenant_id"], text, within=within)
    ids = [match.product_id for match in matches.best(PRODUCTS_SHOWN)]
    sql = "SELECT id, sku, name, data FROM products WHERE id IN (SELECT value FROM json_each(?))"
    found = {item["id"]: item for item in state.store.all(sql, to_json(ids))}
    products = [_product(found[product_id]) for product_id in ids if product_id in found]
    return {
        "intro_copy": intro_copy(heading(row), products),
        "product_skus": to_json([product["sku"] for product in products]),
    }


async def generate(state: State, job: Job, within: Container[int] | None = None) -> None:
    """Write the copy of the job's pages; `updated_at` moves, so that watchers see it."""
    store, page_ids = state.store, job.payload["page_ids"]
    rows = [row for page_id in page_ids if (row := find_page(store, job.tenant_id, page_id))]
    copies = [(row, await write_copy(state, row, within)) for row in rows]
    with store.transaction():
        for row, columns in copies:
            store.update("pages", row["id"], updated_at=later(state.clock.now(), row["updated_at"]), **columns)


async def build(state: State, job: Job) -> None:
    """Build the job's page, writing its copy first if nobody has yet."""
    store, page_id = state.store, job.payload["page_id"]
    row = find_page(store, job.tenant_id, page_id)
    if row is None:
        return
    if not row["intro_copy"]:
        store.update("pages", page_id, **await write_copy(state, row))
        row = find_page(store, job.tenant_id, page_id)
        if row is None:
            return
    store.update(
        "pages",
        page_id,
        blocks=to_json(current_blocks(store, row)),
        template=job.payload["template"],
        builder_status="built",
        updated_at=later(state.clock.now(), row["updated_at"]),
    )


def build_failed(state: State, job: Job, _error: str) -> None:
    """Show the tenant that the build failed."""
    state.store.update("pages", job.payload["page_id"], builder_status="failed", updated_at=state.clock.now())


def _product(row: sqlite3.Row) -> dict[str, Any]:
    return {"sku": row["sku"], "name": row["name"], "data": from_json(row["data"])}
