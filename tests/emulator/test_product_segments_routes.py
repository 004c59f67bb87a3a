"""Product segments over HTTP."""

import pytest

RYE = {"type": "product_attribute", "property": "grain", "operator": "eq", "value": "rye", "value_type": "string"}
CHEAP = {"type": "product_attribute", "property": "cost", "operator": "between", "value": 3, "value2": 9, "value_type": "price"}  # fmt: skip  # noqa: E501
DEFINITION = {"logic": "AND", "conditions": [RYE, CHEAP]}


@pytest.fixture
async def bakery(api):
    """Four products; two are rye, one of these is cheap."""
    rows = [
        {"sku": "A", "name": "Cheap rye", "grain": "rye", "cost": {"amount": 4, "currency": "NOK"}},
        {"sku": "B", "name": "Dear rye", "grain": "rye", "cost": {"amount": 40, "currency": "NOK"}},
        {"sku": "C", "name": "Spelt", "grain": "spelt", "cost": "5.50 NOK"},
        {"sku": "D", "name": "Plain"},
    ]
    await api.post("/pim/products/bulk/", {"products": rows})
    return api


async def make(api, **fields):
    answer = await api.post("/product-segments/", {"name": "Mid-price rye", **fields})
    assert answer.status == 201
    return answer.body


async def test_segment_can_be_created_read_changed_and_deleted(api):
    """PATCH changes what is given, PUT replaces all; a definition may follow later."""
    segment = await make(api)
    path = f"/product-segments/{segment['id']}/"
    changed = (await api.patch(path, {"definition": DEFINITION})).body
    put = (await api.put(path, {"name": "New"})).body

    assert (segment["definition"], segment["computed_count"], segment["last_computed_at"]) == ({}, 0, None)
    assert (changed["name"], changed["definition"]) == ("Mid-price rye", DEFINITION)
    assert (put["name"], put["definition"]) == ("New", {})
    assert (await api.get("/product-segments/")).body["results"] == [put]
    assert (await api.delete(path)).status == 204
    assert (await api.get(path)).status == 404


async def test_segment_of_another_tenant_is_unknown(api, emu, connect):
    """Another tenant's id is a 404, not a 403."""
    segment = await make(api)
    other = connect(emu, emu.create_tenant())

    assert (await other.get(f"/product-segments/{segment['id']}/")).status == 404
    assert (await other.delete(f"/product-segments/{segment['id']}/")).status == 404


async def test_wrong_definition_is_refused_where_it_is_wrong(api):
    """The error stands at the condition and field it is about."""
    answer = await api.post(
        "/product-segments/", {"name": "x", "definition": {"conditions": [RYE, {**RYE, "operator": "gt"}]}}
    )

    assert answer.status == 400
    assert list(answer.body["definition"]["conditions"]["1"]) == ["operator"]


async def test_compute_counts_in_the_background(bakery):
    """The answer comes at once; the count and its time follow, and a second run shows as a newer time."""
    segment = await make(bakery, definition=DEFINITION)
    path = f"/product-segments/{segment['id']}/"

    started = await bakery.post(path + "compute/")
    first = await bakery.poll(path, lambda body: body["last_computed_at"] is not None)
    await bakery.post("/pim/products/bulk/", {"products": [{"sku": "E", "name": "e", "grain": "rye", "cost": 5}]})
    await bakery.post(path + "compute/")
    second = await bakery.poll(path, lambda body: body["last_computed_at"] != first["last_computed_at"])

    assert (started.status, started.body) == (202, {"status": "queued"})
    assert (first["computed_count"], second["computed_count"]) == (1, 2)
    assert second["last_computed_at"] > first["last_computed_at"]


async def test_preview_and_products_show_who_matches(bakery):
    """Both are extensions: the natural paths of what the product itself can do."""
    segment = await make(bakery, definition={"conditions": [RYE]})

    preview = (await bakery.post("/product-segments/preview/", {"definition": DEFINITION})).body
    listed = (await bakery.get(f"/product-segments/{segment['id']}/products/?page_size=1")).body

    assert (preview["matched_products"], preview["sample_skus"]) == (1, ["A"])
    assert "FROM products" in preview["sql"]
    assert "?" not in preview["sql"]
    assert (listed["count"], [row["sku"] for row in listed["results"]]) == (2, ["A"])
    assert listed["next"] == f"/api/product-segments/{segment['id']}/products/?page_size=1&page=2"
