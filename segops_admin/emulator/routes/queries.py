"""AI queries: CRUD, runs and their results, simulations (sheet, section 17; the figures are next door)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator.answers import PROVIDERS, Answer, answer, differences, own_brand
from segops_admin.emulator.clock import iso, later
from segops_admin.emulator.product_search import search_products
from segops_admin.emulator.replies import Fields, json_body, no_content, not_found, path_id, reply
from segops_admin.emulator.routes.competitors import active_competitors
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json, to_json
from segops_admin.emulator.string_lists import read_strings

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from segops_admin.emulator.jobs import Job
    from segops_admin.emulator.state import State
    from segops_admin.emulator.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS queries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, query_text TEXT NOT NULL,
    category TEXT NOT NULL DEFAULT '', tags TEXT NOT NULL DEFAULT '[]', providers TEXT NOT NULL DEFAULT '[]',
    is_active INTEGER NOT NULL DEFAULT 1, schedule TEXT NOT NULL DEFAULT 'daily', last_run_at REAL,
    created_at REAL NOT NULL, updated_at REAL NOT NULL, UNIQUE (tenant_id, query_text));
CREATE INDEX IF NOT EXISTS queries_by_tenant ON queries (tenant_id, id);

CREATE TABLE IF NOT EXISTS query_results (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, query_id INTEGER, provider TEXT NOT NULL,
    raw_response TEXT NOT NULL, mentioned_brands TEXT NOT NULL, mentioned_products TEXT NOT NULL, position INTEGER,
    sentiment TEXT NOT NULL, is_simulated INTEGER NOT NULL, captured_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS query_results_by_query ON query_results (tenant_id, query_id, id);
"""

MAX_TEXT = 1000
_SCHEDULES = ("hourly", "daily", "weekly")
_RUN, _SIMULATE = "query_run", "query_simulate"
_RESULTS = "SELECT * FROM query_results WHERE tenant_id=? AND query_id=? ORDER BY id DESC LIMIT 50"
_PRODUCTS = "SELECT id, sku, name FROM products WHERE id IN (SELECT value FROM json_each(?))"
_PRODUCTS_NAMED = 3


async def list_queries(request: web.Request) -> web.Response:
    """GET /ai-reach/queries/: a bare list, active and paused, by id."""
    rows = state_of(request).store.all("SELECT * FROM queries WHERE tenant_id=? ORDER BY id", tenant_of(request).id)
    return reply([_rendered(row) for row in rows])


async def create(request: web.Request) -> web.Response:
    """POST /ai-reach/queries/: a text is unique per tenant."""
    state, tenant = state_of(request), tenant_of(request)
    values, now = _read(await json_body(request), state.store, tenant.id), state.clock.now()
    query_id = state.store.insert("queries", tenant_id=tenant.id, created_at=now, updated_at=now, **values)
    return reply(_rendered(_row(request, query_id)), status=201)


async def get(request: web.Request) -> web.Response:
    """GET /ai-reach/queries/{id}/."""
    return reply(_rendered(_row(request)))


async def update(request: web.Request) -> web.Response:
    """PATCH /ai-reach/queries/{id}/: changes what is given."""
    state, body = state_of(request), await json_body(request)
    row = _row(request)
    values = _read(body, state.store, row["tenant_id"], row["id"])
    state.store.update("queries", row["id"], updated_at=state.clock.now(), **values)
    return reply(_rendered(_row(request)))


async def delete(request: web.Request) -> web.Response:
    """DELETE /ai-reach/queries/{id}/: with its results; pages made for it stay, without a query."""
    store, row = state_of(request).store, _row(request)
    with store.transaction():
        store.execute("DELETE FROM queries WHERE id=?", row["id"])
        store.execute("DELETE FROM query_results WHERE tenant_id=? AND query_id=?", row["tenant_id"], row["id"])
    return no_content()


async def run(request: web.Request) -> web.Response:
    """POST /ai-reach/queries/{id}/run/: 200, unlike other queueing calls (C21); a paused query runs too."""
    state, row = state_of(request), _row(request)
    state.jobs.start(_RUN, row["tenant_id"], state.clock.now(), query_id=row["id"])
    return reply({"status": "queued", "query_id": row["id"]})


async def results(request: web.Request) -> web.Response:
    """GET /ai-reach/queries/{id}/results/: the 50 newest, newest first."""
    row = _row(request)
    return reply(
        [_rendered_result(found) for found in state_of(request).store.all(_RESULTS, row["tenant_id"], row["id"])]
    )


async def simulate(request: web.Request) -> web.Response:
    """POST /ai-reach/simulate/: answers at once, and keeps the results without a parent.

    A fault on the job `query_simulate` cuts the last provider off: the answer is partial, and still a 200.
    """
    state, tenant = state_of(request), tenant_of(request)
    fields = Fields(await json_body(request))
    text = fields.text("query_text", required=True, max_length=MAX_TEXT)
    providers = read_strings(fields, "providers", choices=PROVIDERS) or list(PROVIDERS)
    fields.done()
    faults = state.faults.striking_job(_SIMULATE, tenant.slug)
    await asyncio.sleep(max((fault.delay for fault in faults), default=0))
    timed_out = any(fault.error is not None for fault in faults)
    answers = await _ask(state, tenant.id, text, providers[:-1] if timed_out else providers)
    ids = _store_answers(state.store, tenant.id, None, answers, state.clock.now())
    rows = state.store.all("SELECT * FROM query_results WHERE id IN (SELECT value FROM json_each(?))", to_json(ids))
    return reply(
        {
            "query_text": text,
            "providers": providers,
            "timed_out": timed_out,
            "results": [_rendered_result(row) for row in rows],
            "diff": differences(answers),
        }
    )


async def run_query(state: State, job: Job) -> None:
    """Ask every provider of the job's query and store what they say, at one instant."""
    store, query_id = state.store, job.payload["query_id"]
    row = _query(store, job.tenant_id, query_id)
    if row is None:
        return
    answers = await _ask(state, job.tenant_id, row["query_text"], from_json(row["providers"]) or PROVIDERS)
    row = _query(store, job.tenant_id, query_id)
    if row is None:
        return
    now = later(state.clock.now(), row["last_run_at"])
    with store.transaction():
        _store_answers(store, job.tenant_id, query_id, answers, now)
        store.update("queries", query_id, last_run_at=now)


def find_or_create_query(store: Store, tenant_id: int, text: str, now: float) -> int:
    """Return the id of the tenant's query with this text; an unknown text becomes a query (C13)."""
    found: int | None = store.scalar("SELECT id FROM queries WHERE tenant_id=? AND query_text=?", tenant_id, text)
    return found or store.insert("queries", tenant_id=tenant_id, query_text=text, created_at=now, updated_at=now)


async def _ask(state: State, tenant_id: int, text: str, providers: Sequence[str]) -> list[Answer]:
    """Put a text to providers, in the order of their table."""
    store = state.store
    best = (await search_products(store, tenant_id, text)).best(_PRODUCTS_NAMED)
    rows = {row["id"]: row for row in store.all(_PRODUCTS, to_json([match.product_id for match in best]))}
    products = [dict(rows[match.product_id]) for match in best if match.product_id in rows]
    own = own_brand(store.scalar("SELECT slug FROM tenants WHERE id=?", tenant_id))
    rivals = list(active_competitors(store, tenant_id).values())
    return [answer(name, text, own, rivals, products) for name in PROVIDERS if name in providers]


def _store_answers(
    store: Store, tenant_id: int, query_id: int | None, answers: Sequence[Answer], now: float
) -> list[int]:
    return [
        store.insert(
            "query_results",
            tenant_id=tenant_id,
            query_id=query_id,
            provider=item.provider,
            raw_response=item.text,
            mentioned_brands=to_json(item.brands),
            mentioned_products=to_json(item.products),
            position=item.position,
            sentiment=item.sentiment,
            is_simulated=query_id is None,
            captured_at=now,
        )
        for item in answers
    ]


def _row(request: web.Request, query_id: int | None = None) -> sqlite3.Row:
    wanted = path_id(request) if query_id is None else query_id
    row = _query(state_of(request).store, tenant_of(request).id, wanted)
    if row is None:
        raise not_found("No AIQuery matches the given query.")
    return row


def _query(store: Store, tenant_id: int, query_id: int) -> sqlite3.Row | None:
    return store.one("SELECT * FROM queries WHERE id=? AND tenant_id=?", query_id, tenant_id)


def _read(body: dict[str, Any], store: Store, tenant_id: int, query_id: int | None = None) -> dict[str, Any]:
    """Return the columns to write: all of a new query, else those that were given."""
    fields = Fields(body, partial=query_id is not None)
    values: dict[str, Any] = {
        "query_text": fields.text("query_text", required=True, max_length=MAX_TEXT),
        "category": fields.text("category"),
        "tags": to_json(read_strings(fields, "tags")),
        "providers": to_json(read_strings(fields, "providers", choices=PROVIDERS)),
        "is_active": fields.flag("is_active", default=True),
        "schedule": fields.choice("schedule", _SCHEDULES, default="daily"),
    }
    sql = "SELECT id FROM queries WHERE tenant_id=? AND query_text=? AND id IS NOT ?"
    if "query_text" in fields.changes and store.scalar(sql, tenant_id, values["query_text"], query_id):
        fields.refuse("query_text", "AI query with this query text already exists.", None)
    fields.done()
    return values if query_id is None else {name: values[name] for name in values if name in fields.changes}


def _rendered(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "query_text": row["query_text"],
        "category": row["category"],
        "tags": from_json(row["tags"]),
        "providers": from_json(row["providers"]),
        "is_active": bool(row["is_active"]),
        "schedule": row["schedule"],
        "last_run_at": iso(row["last_run_at"]),
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def _rendered_result(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "query": row["query_id"],
        "provider": row["provider"],
        "raw_response": row["raw_response"],
        "mentioned_brands": from_json(row["mentioned_brands"]),
        "mentioned_products": from_json(row["mentioned_products"]),
        "position": row["position"],
        "sentiment": row["sentiment"],
        "is_simulated": bool(row["is_simulated"]),
        "captured_at": iso(row["captured_at"]),
    }


def setup(state: State) -> None:
    """Register the run."""
    state.jobs.register(_RUN, partial(run_query, state))


routes = [
    web.get("/ai-reach/queries/", list_queries),
    web.post("/ai-reach/queries/", create),
    web.get(r"/ai-reach/queries/{id:\d+}/", get),
    web.patch(r"/ai-reach/queries/{id:\d+}/", update),
    web.delete(r"/ai-reach/queries/{id:\d+}/", delete),
    web.post(r"/ai-reach/queries/{id:\d+}/run/", run),
    web.get(r"/ai-reach/queries/{id:\d+}/results/", results),
    web.post("/ai-reach/simulate/", simulate),
]
