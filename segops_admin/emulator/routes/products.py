"""Products: CRUD with filters, bulk upsert, facets (sheet, 11.3; schema, imports and scores are next door)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator import products
from segops_admin.emulator.fragment import Fragment, is_list, join
from segops_admin.emulator.product_definition import field_filter
from segops_admin.emulator.products import product_row, render_product, schema_fields
from segops_admin.emulator.replies import ApiError, Fields, json_body, no_content, paged, path_id, reply
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json, to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from segops_admin.emulator.store import Store

_FACET_PRODUCTS, _FACET_VALUES = 1000, 100
_PARAMETERS = ("q", "page", "page_size")  # a schema field of such a name cannot be filtered by
_PAGE = """
SELECT * FROM products WHERE id IN (SELECT id FROM products WHERE tenant_id=? ORDER BY id LIMIT ? OFFSET ?)
ORDER BY id"""
_BY_IDS = "SELECT * FROM products WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
_FACET_DATA = "SELECT data FROM products WHERE tenant_id=? ORDER BY id LIMIT ?"


async def list_products(request: web.Request) -> web.Response:
    """GET /pim/products/: numbered pages by id; `q` looks in the name, schema fields match exactly."""
    store, tenant = state_of(request).store, tenant_of(request)
    filters = _filters(request.query, schema_fields(store, tenant.id))
    if not filters:
        count = store.scalar("SELECT COUNT(*) FROM products WHERE tenant_id=?", tenant.id)
        return paged(request, count, lambda limit, offset: _rendered(store, _PAGE, tenant.id, limit, offset))
    return await paged_matches(request, join("AND", filters))


async def paged_matches(request: web.Request, test: Fragment) -> web.Response:
    """Return the page of the tenant's products that pass a test; the whole catalogue is searched off the loop."""
    store, tenant = state_of(request).store, tenant_of(request)
    sql = f"SELECT id FROM products WHERE tenant_id=? AND ({test.sql}) ORDER BY id"  # noqa: S608  values are parameters
    ids = [row[0] for row in await store.fetch(sql, (tenant.id, *test.params))]
    return paged(
        request, len(ids), lambda limit, offset: _rendered(store, _BY_IDS, to_json(ids[offset : offset + limit]))
    )


def _filters(query: Mapping[str, str], fields: Sequence[Mapping[str, Any]]) -> list[Fragment]:
    names = {item["name"]: item["type"] for item in fields if item["name"] not in _PARAMETERS}
    tests = [field_filter(name, kind, query[name]) for name, kind in names.items() if query.get(name)]
    wanted = query.get("q", "").strip()
    if wanted:
        tests.append(Fragment("instr(casefold(products.name), ?) > 0", (wanted.casefold(),)))
    return tests


def _rendered(store: Store, sql: str, *params: Any) -> list[dict[str, Any]]:
    return [render_product(row) for row in store.all(sql, *params)]


async def create(request: web.Request) -> web.Response:
    """POST /pim/products/: a sku is unique per tenant."""
    state, tenant = state_of(request), tenant_of(request)
    fields = Fields(await json_body(request))
    sku, name = fields.text("sku", required=True), fields.text("name", required=True)
    data = fields.mapping("data")
    fields.done()
    if state.store.scalar("SELECT 1 FROM products WHERE tenant_id=? AND sku=?", tenant.id, sku):
        raise ApiError(400, {"sku": ["product with this sku already exists."]})
    now = state.clock.now()
    product_id = state.store.insert(
        "products", tenant_id=tenant.id, sku=sku, name=name, data=to_json(data), source="api", created_at=now,
        updated_at=now,
    )  # fmt: skip
    return reply(render_product(_row(request, product_id), whole=True), status=201)


async def get(request: web.Request) -> web.Response:
    """GET /pim/products/{id}/, with the row it was imported from."""
    return reply(render_product(_row(request), whole=True))


async def update(request: web.Request) -> web.Response:
    """PATCH /pim/products/{id}/: name and data; data is replaced. The sku stays."""
    state, row = state_of(request), _row(request)
    fields = Fields(await json_body(request), partial=True)
    fields.text("name", required=True)
    fields.mapping("data")
    changes = fields.done()
    if "data" in changes:
        changes["data"] = to_json(changes["data"])
    state.store.update("products", row["id"], updated_at=state.clock.now(), **changes)
    return reply(render_product(_row(request), whole=True))


async def delete(request: web.Request) -> web.Response:
    """DELETE /pim/products/{id}/: with its scores."""
    store, row = state_of(request).store, _row(request)
    with store.transaction():
        store.execute("DELETE FROM products WHERE id=?", row["id"])
        store.execute("DELETE FROM product_scores WHERE tenant_id=? AND product_id=?", row["tenant_id"], row["id"])
    return no_content()


async def bulk(request: web.Request) -> web.Response:
    """POST /pim/products/bulk/: creates or updates by sku, all good rows in one transaction."""
    state, body = state_of(request), await json_body(request)
    rows = body.get("products")
    if not is_list(rows):
        kind = type(rows).__name__
        text = f'Expected a list of items but got type "{kind}".' if "products" in body else "This field is required."
        raise ApiError(400, {"products": [text]})
    done = products.bulk_upsert(state.store, tenant_of(request).id, rows, now=state.clock.now())
    return reply({"created": done.created, "updated": done.updated, "errors": done.errors})


async def facets(request: web.Request) -> web.Response:
    """GET /pim/facets/: distinct values of string and array fields, of the first 1,000 products."""
    store, tenant = state_of(request).store, tenant_of(request)
    names = [item["name"] for item in schema_fields(store, tenant.id) if item["type"] in ("string", "array")]
    rows = store.all(_FACET_DATA, tenant.id, _FACET_PRODUCTS)
    found: dict[str, dict[str, None]] = {name: {} for name in names}
    for row in rows:
        data: dict[str, Any] = from_json(row["data"])
        for name in names:
            value = data.get(name)
            for item in value if is_list(value) else [value]:
                if item not in (None, "") and not isinstance(item, (dict, list)):
                    found[name][str(item)] = None
    return reply({name: sorted(list(values)[:_FACET_VALUES]) for name, values in found.items()})


def _row(request: web.Request, product_id: int | None = None) -> sqlite3.Row:
    wanted = path_id(request) if product_id is None else product_id
    return product_row(state_of(request).store, tenant_of(request).id, wanted)


routes = [
    web.get("/pim/products/", list_products),
    web.post("/pim/products/", create),
    web.post("/pim/products/bulk/", bulk),
    web.get(r"/pim/products/{id:\d+}/", get),
    web.patch(r"/pim/products/{id:\d+}/", update),
    web.delete(r"/pim/products/{id:\d+}/", delete),
    web.get("/pim/facets/", facets),
]
