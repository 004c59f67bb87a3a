"""Product search in plain words, the one path without a trailing slash (sheet, section 18.3)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator.fragment import is_list
from segops_admin.emulator.product_definition import product_filter
from segops_admin.emulator.product_search import search_products
from segops_admin.emulator.products import schema_fields
from segops_admin.emulator.replies import MAX_ID, ApiError, bounded_int, not_found, reply
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json, to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from segops_admin.emulator.similarity import Match
    from segops_admin.emulator.state import State
    from segops_admin.emulator.store import Store

SEARCHES_PER_MINUTE = 100
"""A tenant's searches, in force wherever its API calls are throttled at all."""
_BY_IDS = "SELECT id, sku, name, data FROM products WHERE id IN (SELECT value FROM json_each(?))"


async def search(request: web.Request) -> web.Response:
    """GET /ai-pages/query?q=: the tenant's products, most relevant first, and what they can be narrowed by."""
    started = time.perf_counter()
    state, tenant = state_of(request), tenant_of(request)
    if tenant.requests_per_minute or state.config.throttle_per_minute:
        state.throttle.admit(("semantic_search", tenant.id), SEARCHES_PER_MINUTE)
    text = request.query.get("q", "").strip()
    if not text:
        raise ApiError(400, {"q": ["This field is required."]})
    limit = bounded_int(request, "limit", default=20, maximum=100)
    within = await segment_products(state, tenant.id, _segment_id(request))
    matches = await search_products(state.store, tenant.id, text, within=within)
    products = _products(state.store, matches.best(limit))
    latency_ms = round((time.perf_counter() - started) * 1000)
    return reply(
        {
            "query": text,
            "products": products,
            "filters": _filters(products, schema_fields(state.store, tenant.id)),
            "metadata": {"match_count": len(matches), "latency_ms": latency_ms},
        }
    )


async def segment_products(state: State, tenant_id: int, segment_id: int | None) -> set[int] | None:
    """Return the products that match a product segment now; None is no limit. Raises the 404 of an unknown one."""
    if segment_id is None:
        return None
    sql = "SELECT definition FROM product_segments WHERE id=? AND tenant_id=?"
    row = state.store.one(sql, segment_id, tenant_id)
    if row is None:
        raise not_found("No ProductSegment matches the given query.")
    test = product_filter(from_json(row["definition"]), tenant_id=tenant_id)
    sql = f"SELECT id FROM products WHERE tenant_id=? AND ({test.sql})"  # noqa: S608  values are parameters
    return {found[0] for found in await state.store.fetch(sql, (tenant_id, *test.params))}


def _segment_id(request: web.Request) -> int | None:
    text = request.query.get("segment_id", "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise ApiError(400, {"segment_id": ["A valid integer is required."]})
    return min(int(text), MAX_ID)


def _products(store: Store, matches: Sequence[Match]) -> list[dict[str, Any]]:
    """Return the products found, in order; one deleted since the search is left out."""
    found = store.all(_BY_IDS, to_json([match.product_id for match in matches]))
    rows: dict[int, sqlite3.Row] = {row["id"]: row for row in found}
    return [
        {
            "id": row["id"],
            "sku": row["sku"],
            "name": row["name"],
            "data": from_json(row["data"]),
            "relevance_score": match.relevance,
        }
        for match in matches
        if (row := rows.get(match.product_id))
    ]


def _filters(products: Sequence[dict[str, Any]], fields: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the values that string and array schema fields have among the products shown."""
    found: dict[str, list[str]] = {}
    for name in (item["name"] for item in fields if item["type"] in ("string", "array")):
        values = [product["data"].get(name) for product in products]
        flat = [part for value in values for part in (value if is_list(value) else [value])]
        texts = {str(part) for part in flat if part not in (None, "") and not isinstance(part, (dict, list))}
        if texts:
            found[name] = sorted(texts)
    return found


routes = [web.get("/ai-pages/query", search)]
