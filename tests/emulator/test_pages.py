"""AI pages over HTTP: CRUD, generation, building, publishing, exports, the public view."""

import json

import aiohttp
import pytest

from segops_admin.emulator import Emulator
from segops_admin.emulator.page_building import export, slug_for

PATH = "/ai-pages/pages/"
LIGHT = {
    "id", "slug", "query", "title", "published", "builder_status", "view_count", "last_ai_crawl_at", "created_at",
    "updated_at",
}  # fmt: skip


async def make(api, slug="rye-for-beginners", **fields):
    answer = await api.post(PATH, {"slug": slug, **fields})
    assert answer.status == 201
    return answer.body


async def make_query(api, text="best rye flour", **fields):
    return (await api.post("/ai-reach/queries/", {"query_text": text, **fields})).body


async def built(api, page):
    await api.post(f"{PATH}{page['id']}/build/")
    return await api.poll(f"{PATH}{page['id']}/", lambda body: body["builder_status"] == "built")


async def exported(api, page, body=None):
    started = await api.post(f"{PATH}{page['id']}/export/", body)
    assert started.status == 202
    path = f"{PATH}{page['id']}/export/?export_id={started.body['id']}"
    return started.body, await api.poll(path, lambda body: body["status"] != "pending")


@pytest.fixture
async def mill(api):
    """A tenant with three products, two of them rye."""
    rows = [{"sku": "R", "name": "Rye flour"}, {"sku": "C", "name": "Rye <crisps>"}, {"sku": "T", "name": "Tea"}]
    await api.post("/pim/products/bulk/", {"products": rows})
    return api


async def test_page_can_be_created_read_changed_and_deleted(api):
    """PATCH takes slug, title and published, and there is no PUT."""
    query = await make_query(api)
    page = await make(api, query=query["id"])
    path = f"{PATH}{page['id']}/"
    changed = (await api.patch(path, {"slug": "rye", "title": "Rye", "view_count": 9, "query": None})).body

    assert (page["query"], page["published"], page["builder_status"]) == (query["id"], False, "draft")
    assert (page["view_count"], page["last_ai_crawl_at"]) == (0, None)
    assert {**page, "slug": "rye", "title": "Rye", "updated_at": changed["updated_at"]} == changed
    assert (await api.get(path)).body == changed
    assert (await api.put(path, {"slug": "x"})).status == 405
    assert (await api.delete(path)).status == 204
    assert (await api.get(path)).status == 404


async def test_list_is_bare_and_light(api):
    """Copy and products are left out of lists, and only there."""
    page = await make(api)

    (listed,) = (await api.get(PATH)).body
    assert set(listed) == LIGHT
    assert page == {**listed, "intro_copy": "", "product_skus": []}


async def test_title_is_the_querys_text_by_default(api):
    """A title given wins."""
    query = await make_query(api)

    assert (await make(api, "a", query=query["id"]))["title"] == query["query_text"]
    assert (await make(api, "b", query=query["id"], title="Mine"))["title"] == "Mine"
    assert (await make(api, "c"))["title"] == ""


async def test_query_may_be_given_as_text(api):
    """Examples pass text: it is found, or becomes a query."""
    query = await make_query(api)
    known, new = await make(api, "a", query=query["query_text"]), await make(api, "b", query="spelt or rye")
    texts = [item["query_text"] for item in (await api.get("/ai-reach/queries/")).body]

    assert known["query"] == query["id"]
    assert (texts, new["title"]) == (["best rye flour", "spelt or rye"], "spelt or rye")


async def test_page_outlives_its_query(api):
    """A deleted query leaves null behind, not an id that leads nowhere."""
    query = await make_query(api)
    page = await make(api, query=query["id"])
    await api.delete(f"/ai-reach/queries/{query['id']}/")

    assert (await api.get(f"{PATH}{page['id']}/")).body == {**page, "query": None}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"slug": "has space"}, "slug"),
        ({"slug": ""}, "slug"),
        ({"slug": "taken"}, "slug"),
        ({"query": 999999}, "query"),
        ({"query": "x" * 1001}, "query"),
        ({"query": True}, "query"),
        ({"published": "maybe"}, "published"),
    ],
)
async def test_wrong_field_of_a_page_is_named(api, fields, wrong):
    """A form must be able to mark the field; a refused page makes no query."""
    await make(api, "taken")
    answer = await api.post(PATH, {"slug": "fine", "query": "some text", **fields})

    assert (answer.status, list(answer.body)) == (400, [wrong])
    assert (await api.get("/ai-reach/queries/")).body == []


async def test_page_of_another_tenant_is_unknown(api, emu, connect):
    """Data never crosses tenants, and slugs are unique only within one."""
    page = await make(api, query=(await make_query(api))["id"])
    other = connect(emu, emu.create_tenant())

    assert (await other.get(f"{PATH}{page['id']}/")).status == 404
    assert (await other.post(f"{PATH}{page['id']}/publish/")).status == 404
    assert list((await other.post(PATH, {"slug": "a", "query": page["query"]})).body) == ["query"]
    assert (await make(other))["slug"] == page["slug"]


async def test_regenerate_writes_copy_and_finds_products(mill):
    """It happens in the background; a watcher sees `updated_at` move."""
    page = await make(mill, query="best rye flour")
    started = await mill.post(f"{PATH}{page['id']}/regenerate/")
    after = await mill.poll(f"{PATH}{page['id']}/", lambda body: body["updated_at"] != page["updated_at"])

    assert (started.status, started.body) == (202, {"status": "queued"})
    assert after["product_skus"] == ["R", "C"]
    assert "Rye flour" in after["intro_copy"]
    assert after["builder_status"] == "draft"


async def test_bulk_generate_makes_a_page_per_active_query(mill):
    """Paused queries get none, and a second call makes no second page."""
    first, second = await make_query(mill), await make_query(mill, "Best rye, flour!")
    await make_query(mill, "paused", is_active=False)
    started = await mill.post(PATH + "bulk-generate/")
    await mill.post(PATH + "bulk-generate/", {})
    pages = (await mill.get(PATH)).body

    assert (started.status, started.body["status"]) == (202, "queued")
    assert isinstance(started.body["job_id"], int)
    assert [(page["slug"], page["query"]) for page in pages] == [
        ("best-rye-flour", first["id"]),
        ("best-rye-flour-2", second["id"]),
    ]
    await mill.poll(f"{PATH}{pages[1]['id']}/", lambda body: body["product_skus"] == ["R", "C"])


async def test_bulk_generate_takes_queries_by_text_and_a_segment(mill):
    """Other bodies are shown elsewhere: texts become queries, a product segment narrows what pages show."""
    condition = {"type": "product_attribute", "property": "sku", "operator": "eq", "value": "C"}
    segment = await mill.post("/product-segments/", {"name": "C", "definition": {"conditions": [condition]}})
    await make_query(mill, "not asked for")
    body = {"queries": ["rye for toast", "rye for toast"], "segment_id": segment.body["id"], "more": 1}
    assert (await mill.post(PATH + "bulk-generate/", body)).status == 202
    (page,) = (await mill.get(PATH)).body

    assert page["title"] == "rye for toast"
    await mill.poll(f"{PATH}{page['id']}/", lambda body: body["product_skus"] == ["C"])
    assert (await mill.post(PATH + "bulk-generate/", {"segment_id": 999999})).status == 202
    wrong = await mill.post(PATH + "bulk-generate/", {"queries": ["fine", 999999]})
    assert (wrong.status, list(wrong.body["queries"])) == (400, ["1"])


async def test_build_goes_from_draft_through_building_to_built(connect):
    """The state in between can always be met, and a second call while it lasts starts no second build."""
    with Emulator(job_delay=0) as emulator:
        api = connect(emulator)
        page = await make(api)
        emulator.hold_jobs()
        started = await api.post(f"{PATH}{page['id']}/build/", {"template": "default"})
        again = await api.post(f"{PATH}{page['id']}/build/")
        between = (await api.get(f"{PATH}{page['id']}/")).body["builder_status"]
        emulator.release_jobs()
        after = await api.poll(f"{PATH}{page['id']}/", lambda body: body["builder_status"] != "building")

    assert (page["builder_status"], between, after["builder_status"]) == ("draft", "building", "built")
    assert (started.status, started.body) == (202, {"status": "queued", "builder_status": "building"})
    assert again.body == started.body
    assert after["intro_copy"]


async def test_failed_build_shows(connect):
    """Whoever waits for a build must be able to see it end badly."""
    with Emulator(job_delay=0) as emulator:
        emulator.faults.add(job="page_build", error="No blocks left.", times=1)
        api = connect(emulator)
        page = await make(api)
        await api.post(f"{PATH}{page['id']}/build/")
        await api.poll(f"{PATH}{page['id']}/", lambda body: body["builder_status"] == "failed")
        assert (await built(api, page))["builder_status"] == "built"


async def test_page_must_be_built_to_be_published(api):
    """Publishing nothing helps nobody; afterwards the flag and the status say the same."""
    page = await make(api)
    path = f"{PATH}{page['id']}/"
    early = await api.post(path + "publish/")
    await built(api, page)
    published = await api.post(path + "publish/")
    hidden = await api.patch(path, {"published": False})

    assert (early.status, list(early.body)) == (400, ["detail"])
    assert (published.status, published.body["published"], published.body["builder_status"]) == (200, True, "published")
    assert (hidden.body["published"], hidden.body["builder_status"]) == (False, "built")


async def test_public_view_needs_no_key_and_counts(mill):
    """The full page, each view counted; the crawl time moves for AI crawlers alone."""
    page = await make(mill, query="rye", published=True)
    await built(mill, page)
    path = f"/ai-pages/public/pages/{mill.tenant.slug}/{page['slug']}/"
    person = await mill.get(path, headers={"Authorization": None, "User-Agent": "Mozilla/5.0"})
    crawler = await mill.get(path, headers={"Authorization": None, "User-Agent": "Mozilla/5.0 (GPTBot/1.2)"})
    stored = (await mill.get(f"{PATH}{page['id']}/")).body

    assert (person.status, person.body["view_count"], person.body["last_ai_crawl_at"]) == (200, 1, None)
    assert person.body["product_skus"] == ["R", "C"]
    assert crawler.body["view_count"] == 2
    assert crawler.body["last_ai_crawl_at"] is not None
    assert stored == crawler.body


async def test_unpublished_page_is_not_public(api):
    """A draft's address, a wrong tenant's and an unknown page's are the same 404."""
    await make(api)
    await make(api, "open", published=True)

    for place in (f"{api.tenant.slug}/rye-for-beginners", f"{api.tenant.slug}/none", "nobody/open"):
        assert (await api.get(f"/ai-pages/public/pages/{place}/")).status == 404


async def test_export_is_downloaded_with_the_key(mill):
    """No link until the file is there; the file is for the tenant only."""
    page = await make(mill, query="rye")
    await built(mill, page)
    started, done = await exported(mill, page)
    file = await mill.get(mill.emu.origin + done["download_url"])
    bare = await mill.get(mill.emu.origin + done["download_url"], headers={"Authorization": None})

    assert started["id"] == started["export_id"] == done["id"]
    assert (started["status"], started["format"], started["download_url"]) == ("pending", "html", None)
    assert (done["status"], done["error"]) == ("complete", None)
    assert (file.status, file.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"<style>" in file.content
    assert b"Rye &lt;crisps&gt;" in file.content
    assert bare.status == 401


async def test_export_formats(mill):
    """JSON is the raw block data, TSX a component; a page never built is exported as it would be built now."""
    page = await make(mill, query="rye")
    _, as_json = await exported(mill, page, {"format": "json"})
    _, as_tsx = await exported(mill, page, {"format": "tsx"})
    data = (await mill.get(mill.emu.origin + as_json["download_url"])).body
    component = (await mill.get(mill.emu.origin + as_tsx["download_url"])).content.decode()

    assert [block["type"] for block in data["blocks"]] == ["hero", "products", "faq"]
    assert [item["sku"] for item in data["blocks"][1]["items"]] == ["R", "C"]
    assert "export default function Page()" in component
    assert (await mill.post(f"{PATH}{page['id']}/export/", {"format": "pdf"})).status == 400


async def test_poll_of_an_unknown_export_is_refused(api):
    """An export belongs to one page; its id alone opens nothing."""
    page, other = await make(api), await make(api, "other")
    started, _ = await exported(api, page)

    assert (await api.get(f"{PATH}{page['id']}/export/")).status == 400
    assert (await api.get(f"{PATH}{page['id']}/export/?export_id=999999")).status == 404
    assert (await api.get(f"{PATH}{other['id']}/export/?export_id={started['id']}")).status == 404


async def test_export_link_dies_after_an_hour_and_failures_show(connect):
    """As with segment exports: an old link is gone, and a failed job says why."""
    with Emulator(job_delay=0) as emulator:
        api = connect(emulator)
        page = await make(api)
        _, done = await exported(api, page)
        emulator.clock.advance(3601)
        late = await api.get(emulator.origin + done["download_url"])
        old = (await api.get(f"{PATH}{page['id']}/export/?export_id={done['id']}")).body
        emulator.faults.add(job="page_export", error="Disk full.", times=1)
        _, failed = await exported(api, page)

    assert (late.status, old["status"], old["download_url"]) == (410, "expired", None)
    assert (failed["status"], failed["error"], failed["download_url"]) == ("failed", "Disk full.", None)


async def test_download_can_lead_to_another_port(connect):
    """In production the file lies elsewhere and a key sent along is an error: clients must drop it."""
    with Emulator(job_delay=0, redirect_downloads=True) as emulator:
        api = connect(emulator)
        _, done = await exported(api, await make(api))
        moved = await api.get(emulator.origin + done["download_url"], allow_redirects=False)
        location = moved.headers["Location"]
        async with aiohttp.ClientSession() as session, session.get(location) as response:
            content = await response.read()
        with_key = await api.get(location)
        elsewhere = location.startswith(emulator.files_origin)

    assert (moved.status, elsewhere) == (302, True)
    assert content.startswith(b"<!doctype html>")
    assert with_key.status == 400


def test_slugs_are_plain_and_unique():
    """They stand in a public address, whatever the query's alphabet."""
    assert slug_for("Crème brûlée & rye?", set()) == "creme-brulee-rye"
    assert slug_for("Crème", {"creme", "creme-2"}) == "creme-3"
    assert slug_for("???", set()) == "page"
    assert len(slug_for("x" * 1000, set())) == 80


def test_tsx_keeps_any_text_inside_its_string():
    """Braces and quotes in a product's name must not end the literal."""
    blocks = [{"type": "hero", "title": '"}{`</x>'}, {"type": "products", "items": []}, {"type": "faq", "items": []}]
    text = export("tsx", {"slug": "a", "title": "a", "template": "default", "blocks": blocks}).decode()

    assert json.loads(text.splitlines()[0].removeprefix("const hero = ").removesuffix(";")) == blocks[0]
