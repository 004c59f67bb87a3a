"""Scripts about products, event schemas, AI queries, pages and figures, as for the published package."""

import pytest

from segops_admin import SegOpsApiError

CSV = b"Code,Title,Grain\nRYE-05,Dark rye,rye\nSPELT-1,Spelt,spelt\n"


@pytest.fixture
def schema(client):
    """A product schema, for filters and facets; the published package has no method for it."""
    fields = [{"name": "grain", "type": "string", "required": True, "description": ""}]
    return client.http.request("PUT", "/pim/schema/", body={"fields": fields})


@pytest.fixture
def rye(client, schema):
    return client.products.create({"sku": "RYE-05", "name": "Dark rye", "data": {"grain": "rye"}})


def test_a_products_life(client, rye):
    """By the internal id, not the sku."""
    changed = client.products.update(rye["id"], {"name": "Pale rye"})

    assert rye["data"]["grain"] == "rye"
    assert (changed["sku"], changed["name"]) == ("RYE-05", "Pale rye")
    assert client.products.get(rye["id"])["ai_readability_score"] is None
    assert client.products.list({"q": "PALE", "grain": "rye"})["results"][0]["sku"] == "RYE-05"
    assert client.products.list({"grain": "spelt"})["count"] == 0
    assert [p["sku"] for p in client.products.iterate({"page_size": 1, "grain": "rye"})] == ["RYE-05"]
    assert client.products.delete(rye["id"]) is None


def test_sku_that_exists_is_told_by_field(client, rye):
    """Inferred in the sheet: 400 with the field's name."""
    with pytest.raises(SegOpsApiError) as caught:
        client.products.create({"sku": "RYE-05", "name": "x"})

    assert (caught.value.status, "sku" in caught.value.body) == (400, True)


def test_rows_are_flat_in_a_bulk_upsert(client, rye):
    """A list of rows, one call; the answer as the service spells it: `created`, `updated`, `errors`."""
    result = client.products.bulk_upsert(
        [{"sku": "RYE-05", "name": "Rye"}, {"sku": "OAT-1", "name": "Oat", "grain": "oat"}, {"sku": "", "name": "x"}]
    )

    assert (result["created"], result["updated"]) == (1, 1)
    assert result["errors"][0]["index"] == 2
    assert result["errors"][0]["error"]
    assert client.products.list({"grain": "oat"})["results"][0]["sku"] == "OAT-1"


def test_facets_and_schema(client, rye, schema):
    """Plain values by field."""
    assert client.products.facets()["grain"] == ["rye"]
    assert client.products.schema()["fields"][0]["name"] == "grain"
    assert client.products.schema()["id"] == schema["id"]


def test_scores_are_started_and_read_by_hand(client, rye, until):
    """`score` and `score_all` answer at once; the published package has no method to read a score."""
    started = client.products.score(rye["id"])
    until(lambda: client.products.get(rye["id"]), lambda found: found["ai_readability_score"] is not None)
    score = client.http.request("GET", f"/pim/products/{rye['id']}/score/")

    assert started["status"] == "queued"
    assert 0 <= score["score"] <= 100
    assert client.products.score_all()["product_count"] == 1


def test_csv_import_by_hand(client, until):
    """Upload, confirm as the published README does, look until it is done."""
    job = client.products.import_csv(CSV, filename="rye.csv")
    job_id = job.get("id") or job["job_id"]
    confirmed = client.products.confirm_import(job_id, {"confirmed": True})
    done = until(lambda: client.products.import_status(job_id), lambda found: found["status"] == "done")

    assert (job["status"], job["headers"]) == ("mapping", ["Code", "Title", "Grain"])
    assert job["suggested_mapping"]["Code"] == "sku"
    assert job["sample_rows"][0]["Title"] == "Dark rye"
    assert confirmed["status"] == "importing"
    assert (done["row_count"], done["imported_count"], done["filename"]) == (2, 2, "rye.csv")
    assert client.products.list()["count"] == 2


def test_csv_has_a_filename_of_its_own(client):
    """`products.csv` unless said otherwise, by place or by name."""
    assert client.products.import_status(client.products.import_csv(CSV)["job_id"])["filename"] == "products.csv"
    assert client.products.import_status(client.products.import_csv(CSV, "a.csv")["job_id"])["filename"] == "a.csv"


def test_import_is_confirmed_with_a_mapping(client, until):
    """The documented body: `mapping` and `schema`."""
    job_id = client.products.import_csv(CSV)["job_id"]
    mapping = {"Code": "sku", "Title": "name", "Grain": None}
    client.products.confirm_import(job_id, {"mapping": mapping, "schema": []})
    done = until(lambda: client.products.import_status(job_id), lambda found: found["status"] == "done")

    assert done["mapping"] == mapping
    assert client.products.list()["results"][0]["data"] == {}


def test_an_event_schemas_life(client):
    """Infer from samples, register, check a payload; two positional arguments each way, seen by introspection."""
    event = {"user_id": "ana", "event_type": "loaf_baked", "payload": {"minutes": 45}}
    found = client.schemas.infer([event])
    made = client.schemas.create({"event_type": found["event_type"], "properties": found["properties"]})
    client.schemas.update(made["id"], {"description": "Bread"})
    put = client.schemas.update(made["id"], {"event_type": "loaf_baked", "properties": []}, method="PUT")

    assert found["properties"][0]["name"] == "minutes"
    assert made["properties"][0]["type"] == "number"
    assert put["properties"] == []
    assert client.schemas.get(made["id"])["event_type"] == "loaf_baked"
    assert client.schemas.list()["results"][0]["id"] == made["id"]
    assert [item["id"] for item in client.schemas.iterate({"page_size": 1})] == [made["id"]]
    assert client.schemas.delete(made["id"]) is None


def test_payload_is_checked_against_its_schema(client):
    """`valid`, and what is wrong by property."""
    spec = {"name": "minutes", "type": "number", "required": True, "description": ""}
    client.schemas.create({"event_type": "loaf_baked", "properties": [spec]})
    bad = client.schemas.validate("loaf_baked", {"minutes": "long"})

    assert client.schemas.validate("loaf_baked", {"minutes": 4})["valid"] is True
    assert (bad["valid"], bad["errors"][0]["property"]) == (False, "minutes")


def test_bare_lists_are_indexed(client):
    """Queries and pages come as bare lists (C7): index, length, loop, comprehension."""
    made = client.queries.create({"query_text": "best rye flour", "tags": ["rye"]})
    client.queries.create({"query_text": "best oat flour"})
    client.pages.create({"slug": "rye"})

    assert client.queries.list()[0]["id"] == made["id"]
    assert client.queries.list()[-1]["query_text"] == "best oat flour"
    assert len(client.queries.list()) == 2
    assert [q["tags"] for q in client.queries.list()] == [["rye"], []]
    assert client.pages.list()[0]["slug"] == "rye"
    assert next(client.queries.iterate())["id"] == made["id"]
    assert [p["slug"] for p in client.pages.iterate({"page_size": 2})] == ["rye"]


def test_slice_of_a_bare_list_is_a_list(client):
    """`queries.list()[:5]` is how a script shows the first few."""
    for text in "abc":
        client.queries.create({"query_text": text})

    assert [q["query_text"] for q in client.queries.list()[:2]] == ["a", "b"]


def test_an_ai_querys_life(client, until):
    """Create, run, read the results."""
    made = client.queries.create({"query_text": "best rye flour", "providers": ["gemini"], "schedule": "weekly"})
    client.queries.update(made["id"], {"category": "discovery"})
    run = client.queries.run(made["id"])
    results = until(lambda: client.queries.results(made["id"]), lambda found: len(found) > 0)

    assert client.queries.get(made["id"])["category"] == "discovery"
    assert (run["status"], run["query_id"]) == ("queued", made["id"])
    assert (results[0]["provider"], results[0]["query"]) == ("gemini", made["id"])
    assert isinstance(results[0]["captured_at"], str)
    assert client.queries.delete(made["id"]) is None


def test_simulation_dashboard_and_win_rate(client):
    """One synchronous call, one roll-up, one ranking."""
    client.http.request("POST", "/ai-reach/competitors/", body={"name": "Millstone & Co"})
    simulation = client.queries.simulate({"query_text": "best rye flour", "providers": ["chatgpt", "gemini"]})

    assert simulation["providers"] == ["chatgpt", "gemini"]
    assert simulation["results"][0]["mentioned_brands"] is not None
    assert simulation["timed_out"] is False
    assert client.queries.dashboard()["total_queries"] == 0
    assert client.queries.win_rate()[0]["name"] == "Millstone & Co"
    assert client.queries.win_rate({"limit": 5})[0]["wins"] == 0


def test_an_ai_pages_life(client, until):
    """Create, build, publish, export, by hand."""
    page = client.pages.create({"slug": "rye", "title": "Rye"})
    client.pages.update(page["id"], {"title": "Rye for beginners"})
    client.pages.regenerate(page["id"])
    client.pages.build(page["id"], {"template": "default"})
    built = until(lambda: client.pages.get(page["id"]), lambda found: found["builder_status"] == "built")
    published = client.pages.publish(page["id"])
    export = client.pages.export(page["id"], format="json")

    assert built["title"] == "Rye for beginners"
    assert (published["published"], published["builder_status"]) == (True, "published")
    assert export["id"]
    assert "download_url" in export
    assert client.pages.export(page["id"])["format"] == "html"
    assert client.pages.delete(page["id"]) is None


def test_pages_are_generated_in_bulk(client):
    """Any object as the body (C13)."""
    client.queries.create({"query_text": "best rye flour"})

    assert client.pages.bulk_generate({"segment_id": 3})["status"] == "queued"
    assert client.pages.bulk_generate({"queries": ["a"]})["job_id"]


def test_products_are_searched_by_meaning(client, rye):
    """`pages.query(q, params)`."""
    found = client.pages.query("dark rye", {"limit": 1})

    assert found["products"][0]["sku"] == "RYE-05"
    assert found["query"] == "dark rye"
    assert found["metadata"]["match_count"] >= 1
    assert client.pages.query("dark rye")["products"][0]["relevance_score"] > 0


def test_figures_are_read_by_key(client, bakers, track):
    """Five calls without arguments."""
    overlapping = client.segments.create({"name": "All", "definition": bakers["definition"]})

    assert client.analytics.overview()["segment_count"] == 2
    assert {row["id"] for row in client.analytics.segments()} == {bakers["id"], overlapping["id"]}
    assert client.analytics.overlap() == []
    assert client.analytics.activations() == []
    assert client.analytics.usage()["plan"] == "business"
    assert isinstance(client.analytics.usage()["period_start"], str)
