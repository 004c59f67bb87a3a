"""The dashboard and the win rate over stored results (sheet, section 17.4).

Only results of queries count: a simulation is a try-out. Query parameters are taken and have no effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator import visibility
from segops_admin.emulator.clock import iso
from segops_admin.emulator.replies import reply
from segops_admin.emulator.routes.competitors import active_competitors
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.store import Store

_FINDINGS = """
SELECT provider, position, sentiment, mentioned_brands, captured_at FROM query_results
WHERE tenant_id=? AND query_id IS NOT NULL ORDER BY id"""


async def dashboard(request: web.Request) -> web.Response:
    """GET /ai-reach/dashboard/: the tenant's figures, overall, by provider and by day."""
    store, tenant = state_of(request).store, tenant_of(request)
    findings = await _findings(store, tenant.id)
    return reply(
        {
            "total_queries": store.scalar("SELECT COUNT(*) FROM queries WHERE tenant_id=?", tenant.id),
            **visibility.figures(findings),
            "by_provider": visibility.grouped(findings, "provider", lambda item: item.provider),
            "trend": visibility.grouped(findings, "day", lambda item: item.day),
        }
    )


async def win_rate(request: web.Request) -> web.Response:
    """GET /ai-reach/win-rate/: active competitors, the one most often beaten first; unrated ones last."""
    store, tenant = state_of(request).store, tenant_of(request)
    findings = await _findings(store, tenant.id)
    rows: list[dict[str, Any]] = [
        {"competitor_id": competitor_id, "name": brand.name, **visibility.win_rate(findings, brand)}
        for competitor_id, brand in active_competitors(store, tenant.id).items()
    ]
    return reply(sorted(rows, key=_order))


def _order(row: dict[str, Any]) -> tuple[bool, float]:
    return row["win_rate"] is None, -(row["win_rate"] or 0)


async def _findings(store: Store, tenant_id: int) -> list[visibility.Finding]:
    return [_finding(row) for row in await store.fetch(_FINDINGS, (tenant_id,))]


def _finding(row: sqlite3.Row) -> visibility.Finding:
    brands = tuple((brand["name"], brand["position"]) for brand in from_json(row["mentioned_brands"]))
    day = (iso(row["captured_at"]) or "")[:10]
    return visibility.Finding(row["provider"], day, row["position"], row["sentiment"], brands)


routes = [
    web.get("/ai-reach/dashboard/", dashboard),
    web.get("/ai-reach/win-rate/", win_rate),
]
