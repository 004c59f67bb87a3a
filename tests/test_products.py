"""Every method of the products namespace but the imports, on both faces (sheet, sections 7 and 11)."""

import datetime as dt

import pytest

from segops_admin import SegOpsBadRequestError, SegOpsError, SegOpsNotFoundError

FIELDS = [
    {"name": "grain", "type": "string", "required": True, "description": "Grain family"},
    {"name": "tags", "type": "array", "required": False, "description": ""},
]


async def test_create_takes_fields_by_keyword_or_a_dictionary(segops):
    """Both forms, as everywhere."""
    rye = await segops.products.create(sku="RYE-05", name="Dark rye", data={"grain": "rye"})
    oat = await segops.products.create({"sku": "OAT-01", "name": "Oat"})

    assert (rye.sku, rye.name, rye.data, rye.source) == ("RYE-05", "Dark rye", {"grain": "rye"}, "api")
    assert (oat["sku"], oat["data"], oat.ai_readability_score) == ("OAT-01", {}, None)


async def test_second_product_of_a_sku_is_refused(segops):
    """The error tells the field."""
    await segops.products.create(sku="A", name="a")
    with pytest.raises(SegOpsBadRequestError) as caught:
        await segops.products.create(sku="A", name="b")

    assert "sku" in caught.value.field_errors


async def test_product_is_read_changed_and_deleted_by_its_id(segops):
    """The id is the internal one, not the sku."""
    made = await segops.products.create(sku="A", name="a", data={"grain": "rye"})
    read = await segops.products.get(made.id)
    changed = await segops.products.update(made.id, name="b")
    again = await segops.products.update(made.id, {"data": {"grain": "oat"}})

    assert (read.id, read.sku, read.data) == (made.id, "A", {"grain": "rye"})
    assert (changed.name, changed.data) == ("b", {"grain": "rye"})
    assert again["data"] == {"grain": "oat"}
    assert await segops.products.delete(made.id) is None
    with pytest.raises(SegOpsNotFoundError):
        await segops.products.get(made.id)


async def test_timestamps_are_typed_by_attribute_and_raw_by_key(segops):
    """As on every record."""
    made = await segops.products.create(sku="A", name="a")

    assert made.created_at.utcoffset() == dt.timedelta(0)
    assert isinstance(made["created_at"], str)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "RYE"}, ["A"]),
        ({"grain": "spelt"}, ["B"]),
        ({"page": 2, "page_size": 1}, ["B"]),
        ({"q": None}, ["A", "B"]),
    ],
    ids=str,
)
async def test_list_filters_by_name_and_schema_field(segops, query, expected):
    """A schema field's name is a filter; None is left out."""
    await segops.products.set_schema(fields=FIELDS)
    await segops.products.bulk_upsert(
        [{"sku": "A", "name": "Dark rye", "grain": "rye"}, {"sku": "B", "name": "Spelt", "grain": "spelt"}]
    )

    assert [p.sku for p in await segops.products.list(query)] == expected
    assert [p.sku for p in await segops.products.list(**query)] == expected


async def test_booleans_and_numbers_are_written_as_the_service_reads_them(at_raw, raw):
    """`True` and `False` are Python's words (sheet, section 23)."""
    await at_raw().http.request("GET", "/pim/products/", query={"vegan": True, "old": False, "n": 1.5, "none": None})

    assert raw.requests[0].target == "/api/pim/products/?vegan=true&old=false&n=1.5"


async def test_iterate_walks_all_products_in_order(segops):
    """Filters hold on every page."""
    await segops.products.bulk_upsert([{"sku": f"S{n:03}", "name": "loaf" if n % 2 else "roll"} for n in range(30)])

    walked = [p.sku async for p in segops.products.iterate({"q": "loaf"}, page_size=4)]

    assert walked == [f"S{n:03}" for n in range(1, 30, 2)]


async def test_schema_is_empty_until_set_and_then_whole(segops):
    """PUT replaces it."""
    assert (await segops.products.schema()).fields == []

    made = await segops.products.set_schema(fields=FIELDS, default_currency="NOK")
    read = await segops.products.schema()

    assert [(f.name, f.type, f.required) for f in read.fields] == [("grain", "string", True), ("tags", "array", False)]
    assert (made.default_currency, read["fields"][0]["name"]) == ("NOK", "grain")
    assert [f.name for f in (await segops.products.set_schema({"fields": FIELDS[:1]})).fields] == ["grain"]


async def test_facets_are_the_distinct_values_of_each_field(segops):
    """Plain JSON: the names are the tenant's own."""
    await segops.products.set_schema(fields=FIELDS)
    await segops.products.bulk_upsert([{"sku": "A", "name": "a", "grain": "rye", "tags": ["dark", "new"]}])

    assert await segops.products.facets() == {"grain": ["rye"], "tags": ["dark", "new"]}


async def test_bulk_upsert_creates_and_updates_by_sku(segops):
    """Flat rows: every other key becomes data."""
    await segops.products.bulk_upsert([{"sku": "A", "name": "old"}])
    result = await segops.products.bulk_upsert([{"sku": "A", "name": "new"}, {"sku": "B", "name": "b", "grain": "rye"}])

    assert (result.created, result.updated, result.failed) == (1, 1, [])
    assert (result["created"], result["updated"]) == (1, 1)
    assert [(p.sku, p.name, p.data) for p in await segops.products.list()] == [
        ("A", "new", {}),
        ("B", "b", {"grain": "rye"}),
    ]


async def test_bulk_upsert_tells_the_refused_rows_and_stores_the_rest(segops):
    """Nothing is lost silently: index from 0, sku and reason of each."""
    rows = [{"sku": "A", "name": "a"}, {"sku": "", "name": "no sku"}, {"sku": "C"}, {"sku": "D", "name": "d"}]
    result = await segops.products.bulk_upsert(rows)

    assert result.created == 2
    assert [row.index for row in result.failed] == [1, 2]
    assert result.failed[1].sku == "C"
    assert all(row.reason for row in result.failed)
    assert [p.sku for p in await segops.products.list()] == ["A", "D"]


@pytest.mark.parametrize(
    "bad", [{"name": "no sku"}, {"sku": "X", "name": "x", "data": {"when": object()}}, "text", None]
)
async def test_row_without_sku_or_json_form_is_told_and_the_rest_goes_in(segops, bad):
    """One bad row of a million is no reason to stop."""
    result = await segops.products.bulk_upsert([{"sku": "A", "name": "a"}, bad, {"sku": "B", "name": "b"}])

    assert (result.created, [row.index for row in result.failed]) == (2, [1])
    assert [p.sku for p in await segops.products.list()] == ["A", "B"]


async def test_bulk_upsert_takes_any_iterable(segops):
    """A generator reads a file without holding it."""
    result = await segops.products.bulk_upsert({"sku": f"S{n}", "name": "n"} for n in range(30))

    assert (result.created, (await segops.products.list()).count) == (30, 30)


async def test_bulk_upsert_of_nothing_is_no_error(segops):
    """An empty delta is what most nights bring."""
    result = await segops.products.bulk_upsert([])

    assert (result.created, result.updated, result.failed) == (0, 0, [])


async def test_exception_out_of_the_callers_own_rows_comes_out_unchanged(segops):
    """It is the caller's, and so is its handling."""

    def rows():
        yield {"sku": "A", "name": "a"}
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        await segops.products.bulk_upsert(rows())


async def test_small_list_is_one_call(segops, seen):
    """One call where it fits, as published."""
    await segops.products.bulk_upsert([{"sku": f"S{n}", "name": "n"} for n in range(100)])

    assert len(seen(method="POST", path="/pim/products/bulk/")) == 1


async def test_score_is_not_found_until_scored(segops, emulator):
    """404 is the service's word for never scored."""
    made = await segops.products.create(sku="A", name="a")
    with pytest.raises(SegOpsNotFoundError):
        await segops.products.get_score(made.id)

    assert (await segops.products.score(made.id)).status == "queued"


async def test_score_all_tells_how_many(segops):
    """It starts the run only."""
    await segops.products.bulk_upsert([{"sku": "A", "name": "a"}, {"sku": "B", "name": "b"}])

    assert (await segops.products.score_all()).product_count == 2


@pytest.mark.parametrize("product_id", ["1/../2", "..", ".", "", None, True, 1.5])
async def test_id_that_is_no_id_goes_nowhere(segops, seen, product_id):
    """An id from outside must not lead to another path, least of all in a delete."""
    with pytest.raises(SegOpsError):
        await segops.products.delete(product_id)

    assert not [r for r in seen() if r.path in ("/api/pim/products/", "/api/pim/", "/api/pim/products/2/")]
