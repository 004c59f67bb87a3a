"""Every method of the pages namespace, on both faces (sheet, sections 7 and 18)."""

import datetime as dt
import json
import urllib.parse

import pytest
from rawserver import reply

from segops_admin import (
    SegOpsBadRequestError,
    SegOpsError,
    SegOpsInputError,
    SegOpsJobError,
    SegOpsNotFoundError,
    SegOpsServerError,
)

PATH = "/ai-pages/pages/"


@pytest.fixture
async def catalogue(segops):
    """Three products, two of them of rye."""
    rows = [{"sku": "R", "name": "Rye flour"}, {"sku": "C", "name": "Rye crisps"}, {"sku": "T", "name": "Tea"}]
    await segops.http.request("POST", "/pim/products/bulk/", body={"products": rows})


@pytest.fixture
async def page(segops):
    return await segops.pages.create(slug="rye", title="Rye")


async def test_create_takes_keywords_a_dictionary_or_both(segops):
    """All forms, as everywhere; keywords win. The title is the query's text unless given."""
    query = await segops.queries.create(query_text="best rye")
    first = await segops.pages.create(slug="a", query=query.id)
    second = await segops.pages.create({"slug": "b", "title": "Mine", "published": True})
    third = await segops.pages.create({"slug": "x", "title": "t"}, slug="c")

    assert (first.slug, first.query, first.title, first.published) == ("a", query.id, "best rye", False)
    assert (first.builder_status, first.view_count, first.last_ai_crawl_at) == ("draft", 0, None)
    assert (second["title"], second.published, third.slug, third.title) == ("Mine", True, "c", "t")


async def test_get_reads_the_whole_page(segops, page):
    """Copy and products are there, unlike in lists."""
    read = await segops.pages.get(page.id)

    assert read == page
    assert (read.intro_copy, read.product_skus) == ("", [])
    assert read.created_at.utcoffset() == dt.timedelta(0)


async def test_update_changes_what_is_given(segops, page, seen):
    """By keyword or dictionary; there is only PATCH here."""
    assert (await segops.pages.update(page.id, title="T")).slug == "rye"
    assert (await segops.pages.update(page.id, {"slug": "b"}, method="PATCH")).title == "T"
    assert [r.method for r in seen()][1:] == ["PATCH", "PATCH"]


async def test_delete_returns_nothing_and_the_page_is_gone(segops, page):
    """204 is None, as published."""
    assert await segops.pages.delete(page.id) is None
    with pytest.raises(SegOpsNotFoundError):
        await segops.pages.get(page.id)


async def test_list_and_iterate_read_the_bare_list_of_light_objects(segops):
    """A Page all the same; copy and products are not in it (C7)."""
    for slug in "abc":
        await segops.pages.create(slug=slug)
    listed = await segops.pages.list({"page": 1})

    assert ([p.slug for p in listed], listed.next) == (["a", "b", "c"], None)
    assert "intro_copy" not in listed["results"][0]
    assert listed.results[0].intro_copy is None
    assert (await segops.pages.list(page=1)).to_dict() == listed.to_dict()
    assert [p.slug async for p in segops.pages.iterate()] == ["a", "b", "c"]
    assert [p.slug async for p in segops.pages.iterate({"page": 1})] == ["a", "b", "c"]


async def test_second_page_of_a_slug_is_refused(segops, page):
    """The error tells the field."""
    with pytest.raises(SegOpsBadRequestError) as caught:
        await segops.pages.create(slug="rye")

    assert "slug" in caught.value.field_errors


async def test_regenerate_returns_the_servers_word(segops, page, seen):
    """It starts the work only, with no body."""
    assert (await segops.pages.regenerate(page.id)).status == "queued"
    assert seen(method="POST", path=f"{PATH}{page.id}/regenerate/")[0].body_size == 0


async def test_bulk_generate_makes_a_page_per_active_query(segops):
    """With nothing, or with what other places of the docs show (C13)."""
    await segops.queries.create(query_text="best rye")
    started = await segops.pages.bulk_generate()
    again = await segops.pages.bulk_generate({"segment_id": 3})
    named = await segops.pages.bulk_generate({"queries": ["oat for toast"]})

    assert (started.status, started.id, started["job_id"]) == ("queued", started["job_id"], started.id)
    assert len({started.id, again.id, named.id}) == 3
    assert [p.title async for p in segops.pages.iterate()] == ["best rye", "oat for toast"]


@pytest.mark.parametrize("body", [(), ({},), ({"template": "default"},)], ids=str)
async def test_build_returns_the_servers_word(segops, page, body):
    """With any body or none; the page tells how it goes."""
    started = await segops.pages.build(page.id, *body)

    assert (started.status, started["builder_status"]) == ("queued", "building")


async def test_build_and_wait_returns_the_built_page(segops, catalogue):
    """Also a second time, when the page was built before."""
    made = await segops.pages.create(slug="rye", query="rye")
    looks = []
    built = await segops.pages.build_and_wait(made.id, {"template": "default"}, timeout=20, on_progress=looks.append)
    again = await segops.pages.build_and_wait(made.id)

    assert (built.id, built.builder_status, built.product_skus) == (made.id, "built", ["R", "C"])
    assert again.builder_status == "built"
    assert looks[-1] == built


async def test_published_page_can_be_built_again(segops, page):
    """Its end may read `built` or `published`; either is an end."""
    await segops.pages.build_and_wait(page.id)
    await segops.pages.publish(page.id)

    assert (await segops.pages.build_and_wait(page.id, timeout=20)).builder_status in ("built", "published")


async def test_failed_build_is_a_job_error(segops, page, fault):
    """A caller can tell it from one that takes too long, and may try again."""
    fault(job="page_build", error="No blocks left.", times=1)
    with pytest.raises(SegOpsJobError) as caught:
        await segops.pages.build_and_wait(page.id, timeout=20)

    assert (caught.value.reason, caught.value.job.builder_status) == ("failed", "failed")
    assert (await segops.pages.build_and_wait(page.id, timeout=20)).builder_status == "built"


@pytest.mark.parametrize("call", ["build_and_wait", "export_to"])
async def test_work_that_takes_too_long_ends_with_the_whole_wait(segops, page, emulator, tmp_path, call):
    """The work itself goes on at the server."""
    more = {"build_and_wait": (), "export_to": (tmp_path / "page.html",)}[call]
    emulator.hold_jobs()
    try:
        with pytest.raises(SegOpsJobError) as caught:
            await getattr(segops.pages, call)(page.id, *more, timeout=0.3)
    finally:
        emulator.release_jobs()

    assert caught.value.reason == "timeout"
    assert str(page.id) in str(caught.value)
    assert not list(tmp_path.iterdir())


async def test_publish_returns_the_page(segops, page):
    """One that was never built is refused."""
    with pytest.raises(SegOpsBadRequestError):
        await segops.pages.publish(page.id)
    await segops.pages.build_and_wait(page.id)
    published = await segops.pages.publish(page.id)

    assert (published.id, published.published, published["builder_status"]) == (page.id, True, "published")


async def test_export_starts_a_job_that_can_be_watched(segops, page, fault):
    """`html` unless told otherwise; the id goes by any of its names."""
    started = await segops.pages.export(page.id)
    as_json = await segops.pages.export(page.id, format="json")
    as_tsx = await segops.pages.export(page.id, "tsx")
    status = await segops.pages.export_status(page.id, started.id)

    assert (started["id"], started.format, started.download_url) == (started.id, "html", None)
    assert (as_json.format, as_tsx.format) == ("json", "tsx")
    assert (status.id, status.format) == (started.id, "html")


@pytest.mark.parametrize("name", ["id", "export_id", "job_id"])
async def test_export_id_is_read_under_every_name(at_raw, raw, name):
    """As for segments (C8)."""
    raw.script(reply(202, {name: 14, "status": "pending"}))

    assert (await at_raw().pages.export(21)).id == 14


async def test_export_to_writes_the_file_and_returns_its_path(segops, page, tmp_path):
    """Start, wait, stream: one call, and nothing else left in the folder."""
    looks = []
    html = await segops.pages.export_to(page.id, tmp_path / "page.html", on_progress=looks.append)
    blocks = await segops.pages.export_to(page.id, str(tmp_path / "page.json"), format="json", timeout=20)

    assert html == tmp_path / "page.html"
    assert html.read_bytes().startswith(b"<!doctype html>")
    assert json.loads(blocks.read_bytes())["blocks"]
    assert looks[-1].status == "complete"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["page.html", "page.json"]


async def test_failed_export_is_a_job_error_and_leaves_no_file(segops, page, fault, tmp_path):
    """With the server's reason."""
    fault(job="page_export", error="Disk full.")
    with pytest.raises(SegOpsJobError, match="Disk full") as caught:
        await segops.pages.export_to(page.id, tmp_path / "page.html", timeout=20)

    assert caught.value.reason == "failed"
    assert not list(tmp_path.iterdir())


async def test_query_returns_products_best_first(segops, catalogue):
    """`query(q, params)` is the published form; keywords do as well."""
    found = await segops.pages.query("rye flour", {"limit": 2})

    assert [p.sku for p in found.products] == ["R", "C"]
    assert 1 >= found.products[0].relevance_score > found.products[1].relevance_score >= 0
    assert (found.query, found["products"][0]["name"], found.metadata["match_count"]) == ("rye flour", "Rye flour", 2)
    assert [p.sku for p in (await segops.pages.query("rye flour", limit=1)).products] == ["R"]


async def test_query_goes_to_the_one_path_without_a_slash(at_raw, raw):
    """Any text is one value; `segment_id` names a product segment."""
    raw.script(reply(200, {"query": "", "products": []}))
    await at_raw().pages.query("light rye & <5 €", {"limit": 5}, segment_id=3)
    target = urllib.parse.urlsplit(raw.requests[0].target)

    assert target.path == "/api/ai-pages/query"
    assert urllib.parse.parse_qs(target.query) == {"q": ["light rye & <5 €"], "limit": ["5"], "segment_id": ["3"]}


async def test_search_backend_that_is_down_is_a_server_error(connect, fault):
    """503 is documented for this endpoint alone; it is repeated, and then told."""
    rule = fault(path="/ai-pages/query", status=503, retry_after=0)
    with pytest.raises(SegOpsServerError):
        await connect(max_retries=1).pages.query("rye")

    assert rule.hits == 2


async def test_public_page_is_read_without_credentials(segops, catalogue, tenant, emulator):
    """The world sees it as it is, and each look is a view."""
    made = await segops.pages.create(slug="rye", query="rye", published=True)
    await segops.pages.build_and_wait(made.id)
    public = await segops.pages.public(tenant.slug, "rye")
    again = await segops.pages.public(tenant_slug=tenant.slug, page_slug="rye")
    requests = emulator.requests.matching(path=f"/ai-pages/public/pages/{tenant.slug}/rye/")

    assert (public.slug, public.product_skus, public.view_count, again.view_count) == ("rye", ["R", "C"], 1, 2)
    assert [(r.headers.get("Authorization"), r.headers.get("X-API-Key")) for r in requests] == [(None, None)] * 2
    assert not any(tenant.api_key in value for r in requests for value in r.headers.values())


async def test_unpublished_page_is_not_public(segops, tenant, page):
    """A draft's address and an unknown one are the same."""
    for slug in ("rye", "none"):
        with pytest.raises(SegOpsNotFoundError):
            await segops.pages.public(tenant.slug, slug)


@pytest.mark.parametrize("slug", ["..", "a/../b", ""])
async def test_slug_that_leads_elsewhere_goes_nowhere(segops, emulator, tenant, slug):
    """A slug from outside must not lead to another path."""
    before = len(emulator.requests)
    with pytest.raises((SegOpsInputError, SegOpsError)):
        await segops.pages.public(tenant.slug, slug)

    prefix = f"/api/ai-pages/public/pages/{tenant.slug}/"
    assert all(r.raw_path.startswith(prefix) and ".." not in r.raw_path.split("/") for r in emulator.requests[before:])
