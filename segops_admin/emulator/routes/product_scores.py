"""Product scores (sheet, 11.5): queued for one product or for all, read back for one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator.clock import iso, later
from segops_admin.emulator.jobs import in_slices
from segops_admin.emulator.products import product_row, schema_fields
from segops_admin.emulator.replies import not_found, path_id, reply
from segops_admin.emulator.scoring import score_product
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json, to_json

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.jobs import Job
    from segops_admin.emulator.state import State

_SLICE = 60
# The plus keeps SQLite from walking the tenant's whole index for a few ids.
_LATEST = "SELECT * FROM product_scores WHERE tenant_id=? AND product_id=? ORDER BY scored_at DESC, id DESC LIMIT 1"
_PRODUCTS = "SELECT id, name, data FROM products WHERE +tenant_id=? AND id IN (SELECT value FROM json_each(?))"
_INSERT = """
INSERT INTO product_scores (tenant_id, product_id, score, dimension_scores, recommendations, scored_at)
VALUES (?, ?, ?, ?, ?, ?)"""
_LAST_SCORED = """
SELECT product_id, MAX(scored_at) AS scored_at FROM product_scores
WHERE tenant_id=? AND product_id IN (SELECT value FROM json_each(?)) GROUP BY product_id"""


async def start(request: web.Request) -> web.Response:
    """POST /pim/products/{id}/score/: queues a scoring."""
    state, tenant = state_of(request), tenant_of(request)
    row = product_row(state.store, tenant.id, path_id(request))
    state.jobs.start("product_score", tenant.id, state.clock.now(), product_id=row["id"])
    return reply({"status": "queued"}, status=202)


async def start_all(request: web.Request) -> web.Response:
    """POST /pim/score-all/: queues a scoring of every product there is when it runs."""
    state, tenant = state_of(request), tenant_of(request)
    count = state.store.scalar("SELECT COUNT(*) FROM products WHERE tenant_id=?", tenant.id)
    state.jobs.start("product_score_all", tenant.id, state.clock.now())
    return reply({"status": "queued", "product_count": count}, status=202)


async def get(request: web.Request) -> web.Response:
    """GET /pim/products/{id}/score/: the latest score; 404 until there is one."""
    store, tenant = state_of(request).store, tenant_of(request)
    product = product_row(store, tenant.id, path_id(request))
    row = store.one(_LATEST, tenant.id, product["id"])
    if row is None:
        raise not_found("This product has not been scored yet.")
    return reply(
        {
            "id": row["id"],
            "score": row["score"],
            "dimension_scores": from_json(row["dimension_scores"]),
            "recommendations": from_json(row["recommendations"]),
            "scored_at": iso(row["scored_at"]),
        }
    )


async def score_one(state: State, job: Job) -> None:
    """Score the job's product; one deleted meanwhile is left out."""
    _score(state, job.tenant_id, [job.payload["product_id"]])


async def score_all(state: State, job: Job) -> None:
    """Score every product of the tenant, some at a time."""
    ids = await state.store.fetch("SELECT id FROM products WHERE tenant_id=? ORDER BY id", (job.tenant_id,))
    async for part in in_slices(ids, _SLICE):
        _score(state, job.tenant_id, [row["id"] for row in part])


def _score(state: State, tenant_id: int, ids: list[int]) -> None:
    """Score some products in one transaction, each later than its score before."""
    store, now = state.store, state.clock.now()
    fields = schema_fields(store, tenant_id)
    before = {row["product_id"]: row["scored_at"] for row in store.all(_LAST_SCORED, tenant_id, to_json(ids))}
    rows = [
        _scored(row, fields, later(now, before.get(row["id"]))) for row in store.all(_PRODUCTS, tenant_id, to_json(ids))
    ]
    with store.transaction():
        store.executemany(_INSERT, [(tenant_id, *row) for row in rows])
        store.executemany("UPDATE products SET ai_readability_score=? WHERE id=?", [(row[1], row[0]) for row in rows])


def _scored(row: sqlite3.Row, fields: list[dict[str, Any]], scored_at: float) -> tuple[int, float, str, str, float]:
    score = score_product(row["name"], from_json(row["data"]), fields)
    return row["id"], score.total, to_json(score.dimensions), to_json(score.recommendations), scored_at


def setup(state: State) -> None:
    """Register the scoring jobs."""
    state.jobs.register("product_score", partial(score_one, state))
    state.jobs.register("product_score_all", partial(score_all, state))


routes = [
    web.post(r"/pim/products/{id:\d+}/score/", start),
    web.get(r"/pim/products/{id:\d+}/score/", get),
    web.post("/pim/score-all/", start_all),
]
