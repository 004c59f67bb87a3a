"""Product segments (sheet, section 10): CRUD, compute, and the two natural extensions of 10.1."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator.clock import iso, later
from segops_admin.emulator.fragment import CompiledQuery, DefinitionError
from segops_admin.emulator.jobs import JobFailedError
from segops_admin.emulator.product_definition import compile_product_definition, product_filter
from segops_admin.emulator.replies import ApiError, Fields, json_body, no_content, not_found, paged, path_id, reply
from segops_admin.emulator.routes.products import paged_matches
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json, to_json

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.jobs import Job
    from segops_admin.emulator.state import State

_COMPUTE = "product_segment_compute"
_PAGE = "SELECT * FROM product_segments WHERE tenant_id=? ORDER BY id LIMIT ? OFFSET ?"
_PENDING = """
SELECT 1 FROM jobs WHERE kind=? AND tenant_id=? AND status IN ('pending', 'running')
    AND json_extract(payload, '$.segment_id')=?"""


async def list_segments(request: web.Request) -> web.Response:
    """GET /product-segments/: numbered pages, by id."""
    store, tenant = state_of(request).store, tenant_of(request)
    count = store.scalar("SELECT COUNT(*) FROM product_segments WHERE tenant_id=?", tenant.id)
    return paged(
        request, count, lambda limit, offset: [_rendered(row) for row in store.all(_PAGE, tenant.id, limit, offset)]
    )


async def create(request: web.Request) -> web.Response:
    """POST /product-segments/: a definition may follow later."""
    state, tenant = state_of(request), tenant_of(request)
    values, now = _read(await json_body(request), tenant.id, whole=True), state.clock.now()
    segment_id = state.store.insert("product_segments", tenant_id=tenant.id, created_at=now, updated_at=now, **values)
    return reply(_rendered(_row(request, segment_id)), status=201)


async def get(request: web.Request) -> web.Response:
    """GET /product-segments/{id}/."""
    return reply(_rendered(_row(request)))


async def update(request: web.Request) -> web.Response:
    """PATCH changes what is given, PUT replaces all; neither computes."""
    state, row = state_of(request), _row(request)
    values = _read(await json_body(request), row["tenant_id"], whole=request.method == "PUT")
    state.store.update("product_segments", row["id"], updated_at=state.clock.now(), **values)
    return reply(_rendered(_row(request)))


async def delete(request: web.Request) -> web.Response:
    """DELETE /product-segments/{id}/."""
    state_of(request).store.execute("DELETE FROM product_segments WHERE id=?", _row(request)["id"])
    return no_content()


async def compute(request: web.Request) -> web.Response:
    """POST /product-segments/{id}/compute/: queues a count; one still queued or running answers for both."""
    state, row = state_of(request), _row(request)
    if not state.store.scalar(_PENDING, _COMPUTE, row["tenant_id"], row["id"]):
        state.jobs.start(_COMPUTE, row["tenant_id"], state.clock.now(), segment_id=row["id"])
    return reply({"status": "queued"}, status=202)


async def preview(request: web.Request) -> web.Response:
    """POST /product-segments/preview/: how many products match, some of them, and the SQL. An extension."""
    state, tenant = state_of(request), tenant_of(request)
    fields = Fields(await json_body(request))
    definition = fields.mapping("definition", required=True)
    limit = fields.integer("limit", default=10)
    fields.done()
    query = _compiled(definition, tenant.id)
    ids = [row[0] for row in await state.store.fetch(query.sql, query.params)]
    sample = to_json(ids[: min(limit or 0, 1000)])
    skus = state.store.all("SELECT sku FROM products WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id", sample)
    return reply({"matched_products": len(ids), "sample_skus": [row["sku"] for row in skus], "sql": query.readable()})


async def products(request: web.Request) -> web.Response:
    """GET /product-segments/{id}/products/: who matches now, in numbered pages. An extension."""
    row = _row(request)
    return await paged_matches(request, product_filter(from_json(row["definition"]), tenant_id=row["tenant_id"]))


async def run_compute(state: State, job: Job) -> None:
    """Count the products that match now and store the figure."""
    store, segment_id = state.store, job.payload["segment_id"]
    row = store.one("SELECT * FROM product_segments WHERE id=? AND tenant_id=?", segment_id, job.tenant_id)
    if row is None:
        return
    try:
        query = compile_product_definition(from_json(row["definition"]), tenant_id=job.tenant_id)
    except DefinitionError as error:
        raise JobFailedError(str(error)) from error
    found = await store.fetch(query.sql, query.params)
    computed_at = later(state.clock.now(), row["last_computed_at"])
    store.update("product_segments", segment_id, computed_count=len(found), last_computed_at=computed_at)


def _row(request: web.Request, segment_id: int | None = None) -> sqlite3.Row:
    wanted = path_id(request) if segment_id is None else segment_id
    sql = "SELECT * FROM product_segments WHERE id=? AND tenant_id=?"
    row = state_of(request).store.one(sql, wanted, tenant_of(request).id)
    if row is None:
        raise not_found("No ProductSegment matches the given query.")
    return row


def _read(body: dict[str, Any], tenant_id: int, *, whole: bool) -> dict[str, Any]:
    """Return the columns to write; without `whole` only those that were given."""
    fields = Fields(body, partial=not whole)
    values: dict[str, Any] = {
        "name": fields.text("name", required=True, max_length=255),
        "description": fields.text("description", blank=True),
        "definition": fields.mapping("definition", nullable=True),
    }
    fields.done()
    _compiled(values["definition"], tenant_id)
    values["definition"] = to_json(values["definition"])
    return values if whole else {name: value for name, value in values.items() if name in fields.changes}


def _compiled(definition: Any, tenant_id: int) -> CompiledQuery:
    try:
        return compile_product_definition(definition, tenant_id=tenant_id)
    except DefinitionError as error:
        raise ApiError(400, {"definition": error.errors}) from error


def _rendered(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "definition": from_json(row["definition"]),
        "computed_count": row["computed_count"],
        "last_computed_at": iso(row["last_computed_at"]),
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def setup(state: State) -> None:
    """Register the compute job."""
    state.jobs.register(_COMPUTE, partial(run_compute, state))


routes = [
    web.get("/product-segments/", list_segments),
    web.post("/product-segments/", create),
    web.post("/product-segments/preview/", preview),
    web.get(r"/product-segments/{id:\d+}/", get),
    web.patch(r"/product-segments/{id:\d+}/", update),
    web.put(r"/product-segments/{id:\d+}/", update),
    web.delete(r"/product-segments/{id:\d+}/", delete),
    web.post(r"/product-segments/{id:\d+}/compute/", compute),
    web.get(r"/product-segments/{id:\d+}/products/", products),
]
