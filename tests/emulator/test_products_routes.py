"""Products over HTTP: CRUD, filters, bulk, schema, imports, scores."""

import gzip
import io
from pathlib import Path

import aiohttp
import pytest

from segops_admin.emulator import Emulator

FIELDS = [
    {"name": "grain", "type": "string"},
    {"name": "tags", "type": "array"},
    {"name": "grams", "type": "number"},
    {"name": "vegan", "type": "boolean"},
    {"name": "cost", "type": "price"},
]
RYE = {"grain": "rye", "tags": ["dark", "new"], "grams": 500, "vegan": True, "cost": {"amount": 4.5, "currency": "NOK"}}
CSV = "Code,Title,Grain,Note\nRYE-05,Dark rye 500 g,rye,\nSPE-01,Spelt loaf,spelt,try it\n,nameless,oat,\n"


def form(content, filename="rye.csv"):
    data = aiohttp.FormData()
    data.add_field("file", io.BytesIO(content), filename=filename, content_type="text/csv")
    return data


async def upload(api, content):
    return await api.post("/pim/import/csv/", data=form(content.encode() if isinstance(content, str) else content))


async def finished(api, job_id):
    return await api.poll(f"/pim/import/{job_id}/", lambda body: body["status"] in ("done", "failed"))


async def add(api, sku, name="Loaf", **data):
    answer = await api.post("/pim/products/", {"sku": sku, "name": name, "data": data})
    assert answer.status == 201
    return answer.body


async def test_product_can_be_created_read_changed_and_deleted(api):
    """PATCH replaces data and leaves the sku; another tenant's id is unknown."""
    product = await add(api, "RYE-05", "Dark rye", **RYE)
    path = f"/pim/products/{product['id']}/"
    changed = await api.patch(path, {"data": {"grain": "oat"}, "sku": "other"})

    assert product["source"] == "api"
    assert product["ai_readability_score"] is None
    assert (changed.body["sku"], changed.body["name"], changed.body["data"]) == ("RYE-05", "Dark rye", {"grain": "oat"})
    assert (await api.get(path)).body == changed.body
    assert (await api.put(path, {"name": "x"})).status == 405
    assert (await api.delete(path)).status == 204
    assert (await api.get(path)).status == 404


async def test_second_product_of_a_sku_is_refused(api):
    """A sku is unique per tenant."""
    await add(api, "A")

    answer = await api.post("/pim/products/", {"sku": "A", "name": "again"})

    assert (answer.status, list(answer.body)) == (400, ["sku"])


async def test_missing_fields_of_a_product_are_named(api):
    """A form must be able to mark what is missing."""
    answer = await api.post("/pim/products/", {"data": []})

    assert answer.status == 400
    assert set(answer.body) == {"sku", "name", "data"}


async def test_products_of_another_tenant_stay_unseen(api, emu, connect):
    """Data never crosses tenants, whatever the id."""
    product = await add(api, "A")
    other = connect(emu, emu.create_tenant())

    assert (await other.get(f"/pim/products/{product['id']}/")).status == 404
    assert (await other.get("/pim/products/")).body["count"] == 0
    assert (await other.post("/pim/products/bulk/", {"products": [{"sku": "A", "name": "b"}]})).body["created"] == 1


async def test_list_is_paged_by_number(api):
    """50 by default, links root-relative and with the other parameters kept."""
    rows = [{"sku": f"S{number:03}", "name": f"n{number}"} for number in range(61)]
    await api.post("/pim/products/bulk/", {"products": rows})

    first = (await api.get("/pim/products/")).body
    second = (await api.get("/pim/products/?page=2&page_size=60&q=N")).body

    assert (first["count"], len(first["results"]), first["next"]) == (61, 50, "/api/pim/products/?page=2")
    assert [row["sku"] for row in second["results"]] == ["S060"]
    assert second["previous"] == "/api/pim/products/?page_size=60&q=N&page=1"
    assert (await api.get("/pim/products/?page=9")).body == {"detail": "Invalid page."}
    assert "raw_data" not in first["results"][0]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=RYE", ["A"]),
        ("q=brød", ["B"]),
        ("q=BRØD", ["B"]),
        ("grain=rye", ["A"]),
        ("grain=ry", []),
        ("tags=dark", ["A"]),
        ("tags=dar", []),
        ("grams=500.0", ["A"]),
        ("grams=heavy", []),
        ("vegan=True", ["A"]),
        ("vegan=false", ["B"]),
        ("cost=4.5", ["A"]),
        ("grain=spelt&q=rye", []),
        ("unknown=1", ["A", "B"]),
    ],
)
async def test_filters_match_the_name_in_part_and_fields_exactly(api, query, expected):
    """Arrays match by element, numbers by value, prices by amount; what is no schema field filters nothing."""
    await api.put("/pim/schema/", {"fields": FIELDS})
    await add(api, "A", "Dark rye", **RYE)
    await add(api, "B", "Lyst brød", grain="spelt", tags=["light"], grams=300, vegan=False, cost="9 NOK")

    body = (await api.get(f"/pim/products/?{query}")).body

    assert [row["sku"] for row in body["results"]] == expected
    assert body["count"] == len(expected)


async def test_bulk_upsert_reports_bad_rows_and_writes_the_rest(api):
    """Rows are flat; a nested data object is merged; one bad row stops nobody."""
    await add(api, "A", "Old name", grain="oat")
    rows = [
        {"sku": "A", "grain": "rye"},
        {"sku": "B", "name": "New", "data": {"grain": "oat", "note": "n"}, "grain": "spelt"},
        {"sku": " ", "name": "nobody"},
        {"sku": "C"},
        "text",
        {"sku": "B", "name": "Newer"},
    ]

    answer = await api.post("/pim/products/bulk/", {"products": rows})
    listed = (await api.get("/pim/products/")).body["results"]

    assert answer.body == {
        "created": 1,
        "updated": 2,
        "errors": [
            {"index": 2, "sku": "", "error": "sku is required"},
            {"index": 3, "sku": "C", "error": "name is required"},
            {"index": 4, "sku": "", "error": "each product must be an object"},
        ],
    }
    assert [(row["sku"], row["name"], row["data"]) for row in listed] == [
        ("A", "Old name", {"grain": "rye"}),
        ("B", "Newer", {}),
    ]


@pytest.mark.parametrize("body", [{}, {"products": {"sku": "A"}}])
async def test_bulk_without_a_list_is_refused(api, body):
    """The whole call is wrong then, not a row."""
    answer = await api.post("/pim/products/bulk/", body)

    assert (answer.status, list(answer.body)) == (400, ["products"])


async def test_schema_is_empty_until_put_and_then_replaced(api):
    """sku and name belong to the product and never to the schema."""
    empty = (await api.get("/pim/schema/")).body
    answer = await api.put(
        "/pim/schema/", {"fields": [{"name": "sku"}, {"name": "grain", "required": True}], "default_currency": "NOK"}
    )

    assert empty["fields"] == []
    assert answer.body["fields"] == [{"name": "grain", "type": "string", "required": True, "description": ""}]
    assert (answer.body["id"], answer.body["default_currency"]) == (empty["id"], "NOK")
    assert (await api.get("/pim/schema/")).body == answer.body


async def test_bad_schema_fields_are_named_by_index(api):
    """Errors inside lists come as objects by index."""
    answer = await api.put("/pim/schema/", {"fields": [{"name": "a"}, {"name": "a", "type": "colour"}, {}, 3]})

    assert answer.status == 400
    assert answer.body["fields"]["1"] == {
        "name": ["Field names must be unique."],
        "type": ['"colour" is not a valid choice.'],
    }
    assert set(answer.body["fields"]) == {"1", "2", "3"}


async def test_facets_show_distinct_values_of_text_and_arrays(api):
    """Numbers and the like are no facets; at most 100 values each."""
    await api.put("/pim/schema/", {"fields": FIELDS})
    await add(api, "A", **RYE)
    await add(api, "B", grain="spelt", tags=["dark"])
    await api.post(
        "/pim/products/bulk/", {"products": [{"sku": f"{n}", "name": "n", "tags": [f"{n}"]} for n in range(120)]}
    )

    body = (await api.get("/pim/facets/")).body

    assert body["grain"] == ["rye", "spelt"]
    assert set(body) == {"grain", "tags"}
    assert len(body["tags"]) == 100


async def test_import_runs_from_upload_to_done(api):
    """Suggestion, confirmation without a mapping, progress, and products with the row they came from."""
    first = await upload(api, CSV)
    confirmed = await api.post(f"/pim/import/{first.body['job_id']}/confirm/", {"confirmed": True})
    done = await finished(api, first.body["job_id"])
    listed = (await api.get("/pim/products/")).body["results"]
    product = (await api.get(f"/pim/products/{listed[0]['id']}/")).body

    assert first.status == 201
    assert (first.body["status"], first.body["row_count"]) == ("mapping", 3)
    assert first.body["sample_rows"][0] == {"Code": "RYE-05", "Title": "Dark rye 500 g", "Grain": "rye", "Note": ""}
    assert first.body["suggested_mapping"] == {"Code": "sku", "Title": "name", "Grain": "grain", "Note": "note"}
    assert (confirmed.status, confirmed.body["status"]) == (202, "importing")
    assert (done["status"], done["imported_count"], done["error"], done["filename"]) == ("done", 2, "", "rye.csv")
    assert [(row["sku"], row["name"], row["data"], row["source"]) for row in listed] == [
        ("RYE-05", "Dark rye 500 g", {"grain": "rye"}, "csv"),
        ("SPE-01", "Spelt loaf", {"grain": "spelt", "note": "try it"}, "csv"),
    ]
    assert product["raw_data"]["Note"] == ""
    assert [field["name"] for field in (await api.get("/pim/schema/")).body["fields"]] == ["grain", "note"]
    assert (await api.get("/pim/import/")).body["results"] == [done]


async def test_confirmed_mapping_and_schema_win_and_are_remembered(api):
    """Mappings confirmed earlier in the workspace come before any guess."""
    first = (await upload(api, "Foo,Bar,Baz\n1,one,2.5\n2,two,x\n")).body
    mapping = {"Foo": "sku", "Bar": "name", "Baz": "weight"}
    body = {"mapping": mapping, "schema": {"fields": [{"name": "weight", "type": "number"}]}}
    await api.post(f"/pim/import/{first['job_id']}/confirm/", body)
    await finished(api, first["job_id"])
    listed = (await api.get("/pim/products/")).body["results"]
    second = (await upload(api, "Baz,Foo,Bar\n1,2,3\n")).body

    assert [row["data"] for row in listed] == [{"weight": 2.5}, {"weight": "x"}]
    assert second["suggested_mapping"] == mapping


@pytest.mark.parametrize(
    ("mapping", "trouble"),
    [
        ({"Title": "name"}, "mapped to sku"),
        ({"Code": "sku", "Title": "sku"}, "More than one column"),
        ({"Code": "sku", "Nope": "x"}, "no such column"),
        ([], "Expected a dictionary"),
    ],
)
async def test_unusable_mapping_is_refused_and_can_be_mended(api, mapping, trouble):
    """The job waits for a better confirmation."""
    job = (await upload(api, CSV)).body["job_id"]

    refused = await api.post(f"/pim/import/{job}/confirm/", {"mapping": mapping})

    assert refused.status == 400
    assert trouble in str(refused.body["mapping"])
    assert (await api.post(f"/pim/import/{job}/confirm/")).status == 202


async def test_import_is_confirmed_once(api):
    """A second confirmation would import twice."""
    job = (await upload(api, CSV)).body["job_id"]
    await api.post(f"/pim/import/{job}/confirm/")

    assert (await api.post(f"/pim/import/{job}/confirm/")).status == 400


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        ("Code,Title\nä,b\n".encode("latin-1"), "not UTF-8"),
        (b"", "header row is required"),
        (b"a,,c\n1,2,3\n", "needs a name"),
        (b"a,a\n1,2\n", "must be unique"),
        (b'a,b\n"open,1\n', "not a valid CSV"),
        (b"PK\x03\x04\0\0", "null bytes"),
    ],
)
async def test_unreadable_files_are_refused_with_the_reason(api, content, trouble):
    """Whoever uploaded it must know what to change."""
    answer = await upload(api, content)

    assert answer.status == 400
    assert trouble in answer.body["file"][0]


async def test_upload_needs_the_file_part(api):
    """The part has one name; JSON is no upload."""
    data = aiohttp.FormData()
    data.add_field("upload", b"a\n1\n", filename="x.csv")

    assert (await api.post("/pim/import/csv/", data=data)).body == {"file": ["No file was submitted."]}
    assert (await api.post("/pim/import/csv/", {"file": "a"})).status == 415


async def test_import_goes_on_after_a_restart(tmp_path, connect):
    """What was confirmed is imported, even by the next process."""
    path = str(tmp_path / "emulator.sqlite3")
    with Emulator(db=path, job_delay=60) as emulator:
        tenant = emulator.tenant
        api = connect(emulator)
        job = (await upload(api, CSV)).body["job_id"]
        await api.post(f"/pim/import/{job}/confirm/")
        assert (await api.get(f"/pim/import/{job}/")).body["status"] == "importing"

    with Emulator(db=path, job_delay=0.01) as emulator:
        done = await finished(connect(emulator, tenant), job)

    assert (done["status"], done["imported_count"]) == ("done", 2)


async def test_score_is_unknown_until_computed_and_mirrored_on_the_product(api):
    """Four dimensions of 0 to 25; the product shows the sum."""
    product = await add(api, "A", "Dark rye", **RYE)
    path = f"/pim/products/{product['id']}/score/"

    before = await api.get(path)
    started = await api.post(path)
    score = await api.poll(path, lambda body: "score" in body)
    again = await api.post(path)
    later = await api.poll(path, lambda body: body["scored_at"] > score["scored_at"])

    assert (before.status, started.status, again.status) == (404, 202, 202)
    assert score["score"] == sum(score["dimension_scores"].values())
    assert all(0 <= points <= 25 for points in score["dimension_scores"].values())
    assert [item["priority"] for item in score["recommendations"]] == list(range(1, len(score["recommendations"]) + 1))
    assert later["score"] == score["score"]
    assert (await api.get(f"/pim/products/{product['id']}/")).body["ai_readability_score"] == score["score"]


async def test_score_all_scores_every_product(api):
    """The answer tells how many; the scores show on the products."""
    await api.post("/pim/products/bulk/", {"products": [{"sku": f"{n}", "name": "n"} for n in range(150)]})

    started = await api.post("/pim/score-all/")
    body = await api.poll(
        "/pim/products/?page_size=200",
        lambda page: all(row["ai_readability_score"] is not None for row in page["results"]),
    )

    assert (started.status, started.body["product_count"], body["count"]) == (202, 150, 150)


def real_catalogue():
    for folder in Path(__file__).resolve().parents:
        found = folder.parent / "shared" / "data" / "debian-packages.csv.gz"
        if found.is_file():
            return found
    return None


async def test_real_catalogue_is_imported_whole(api):
    """Quotes, commas, accents and empty cells of 63,666 real rows survive, while other calls are answered."""
    path = real_catalogue()
    if path is None:
        pytest.skip("the real catalogue is not part of the repository")
    content = gzip.decompress(path.read_bytes())
    first = (await upload(api, content)).body
    await api.post(f"/pim/import/{first['job_id']}/confirm/")
    done = await finished(api, first["job_id"])
    last = (await api.get("/pim/products/?page_size=1&page=63666")).body

    assert first["suggested_mapping"]["Package"] == "sku"
    assert first["suggested_mapping"]["Summary"] == "name"
    assert {field["name"]: field["type"] for field in first["suggested_schema"]} == {
        "section": "string", "version": "string", "installed_size": "number", "download_bytes": "number",
        "homepage": "url", "tags": "array", "priority": "string",
    }  # fmt: skip
    assert (done["status"], done["imported_count"]) == ("done", 63_666)
    assert (last["count"], last["next"]) == (63_666, None)
