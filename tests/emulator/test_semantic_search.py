"""Product search in plain words, over HTTP."""

import asyncio

import pytest

from segops_admin.emulator.similarity import Index, Text

ROWS = [
    {"sku": "R-1", "name": "Light rye bread", "grain": "rye", "tags": ["light", "new"]},
    {"sku": "R-2", "name": "Dark rye bread", "grain": "rye", "tags": ["dark"]},
    {"sku": "S-1", "name": "Spelt loaf", "grain": "spelt", "note": {"taste": "a light crumb"}},
    {"sku": "T-1", "name": "Tea", "grain": ""},
]


@pytest.fixture
async def bakery(api):
    """Four products, three with words worth asking for."""
    await api.put("/pim/schema/", {"fields": [{"name": "grain", "type": "string"}, {"name": "tags", "type": "array"}]})
    await api.post("/pim/products/bulk/", {"products": ROWS})
    return api


async def ask(api, q, **params):
    answer = await api.get("/ai-pages/query", params={"q": q, **params})
    assert answer.status == 200
    return answer.body


def skus(body):
    return [product["sku"] for product in body["products"]]


async def test_most_relevant_product_comes_first(bakery):
    """Each product scores by the share of words it has, a name's words counting more than its data's."""
    body = await ask(bakery, "light rye")

    assert skus(body) == ["R-1", "R-2", "S-1"]
    assert [product["relevance_score"] for product in body["products"]] == [1.0, 0.5, 0.35]
    assert body["query"] == "light rye"
    assert set(body["products"][0]) == {"id", "sku", "name", "data", "relevance_score"}
    assert body["metadata"]["match_count"] == 3
    assert body["metadata"]["latency_ms"] >= 0


async def test_filters_hold_the_values_among_the_products_shown(bakery):
    """They are what the answer can be narrowed by: string and array fields of the schema, empty values left out."""
    assert (await ask(bakery, "rye"))["filters"] == {"grain": ["rye"], "tags": ["dark", "light", "new"]}
    assert (await ask(bakery, "tea"))["filters"] == {}


async def test_words_that_say_nothing_find_nothing(bakery):
    """Filler words of a question would else match half a catalogue; alone they are all there is to go by."""
    await bakery.post("/pim/products/", {"sku": "U", "name": "The best for you"})

    assert skus(await ask(bakery, "What is the best rye for me?")) == ["R-1", "R-2"]
    assert skus(await ask(bakery, "the best")) == ["U"]
    assert (await ask(bakery, "granite"))["products"] == []


async def test_limit_is_twenty_and_at_most_a_hundred(api):
    """What lies beyond the limit is counted all the same."""
    rows = [{"sku": f"P-{number:03}", "name": "Rye bread"} for number in range(120)]
    await api.post("/pim/products/bulk/", {"products": rows})

    assert skus(await ask(api, "rye")) == [row["sku"] for row in rows[:20]]
    assert len(skus(await ask(api, "rye", limit=3))) == 3
    capped = await ask(api, "rye", limit=1000)
    assert (len(skus(capped)), capped["metadata"]["match_count"]) == (100, 120)


async def test_search_within_a_product_segment(bakery):
    """The segment's definition counts as it stands now, computed or not; an unknown one is a 404."""
    condition = {"type": "product_attribute", "property": "grain", "operator": "eq", "value": "spelt"}
    segment = await bakery.post("/product-segments/", {"name": "Spelt", "definition": {"conditions": [condition]}})

    assert skus(await ask(bakery, "light", segment_id=segment.body["id"])) == ["S-1"]
    assert (await bakery.get("/ai-pages/query?q=x&segment_id=999999")).status == 404
    assert (await bakery.get("/ai-pages/query?q=x&segment_id=spelt")).status == 400


async def test_search_needs_a_question(api):
    """Without words there is nothing to be relevant to."""
    for path in ("/ai-pages/query", "/ai-pages/query?q=", "/ai-pages/query?q=%20"):
        answer = await api.get(path)
        assert (answer.status, list(answer.body)) == (400, ["q"])


async def test_path_has_no_trailing_slash(api):
    """It is the API's one exception; the slashed path is unknown."""
    assert (await api.get("/ai-pages/query/?q=rye")).status == 404


async def test_changes_to_products_show_at_once(bakery, emu):
    """Words of new, changed and deleted products are found or gone with the next search."""
    await ask(bakery, "rye")
    first = (await ask(bakery, "light"))["products"][0]
    await bakery.patch(f"/pim/products/{first['id']}/", {"name": "Barley bread", "data": {}})
    await bakery.post("/pim/products/", {"sku": "N", "name": "Rye crisps"})
    listed = (await bakery.get("/pim/products/?q=dark")).body["results"]
    await bakery.delete(f"/pim/products/{listed[0]['id']}/")

    assert skus(await ask(bakery, "rye")) == ["N"]
    assert skus(await ask(bakery, "barley")) == ["R-1"]


async def test_search_sees_only_its_tenants_products(bakery, emu, connect):
    """Data never crosses tenants."""
    other = connect(emu, emu.create_tenant())

    assert (await ask(other, "rye"))["products"] == []


async def test_hundred_and_first_search_in_a_minute_waits(emu, connect):
    """The search has a limit of its own; it holds where calls are throttled, and only for searches."""
    api = connect(emu, emu.create_tenant(requests_per_minute=1000))
    answers = await asyncio.gather(*(api.get("/ai-pages/query?q=rye") for _ in range(101)))

    assert sorted(answer.status for answer in answers) == [200] * 100 + [429]
    refused = next(answer for answer in answers if answer.status == 429)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert (await api.get("/pim/products/")).status == 200


def test_index_forgets_the_words_of_an_old_text():
    """A product's former words must not bring it up again."""
    index = Index()
    index.put(1, Text("A Rye", '{"note": ["fresh", 5, {"deep": "oat"}]}'))
    found = [len(index.search(word)) for word in ("rye", "fresh", "5", "oat", "note")]
    index.put(1, Text("A Spelt", "{}"))

    assert found == [1, 1, 1, 1, 0]
    assert [len(index.search(word)) for word in ("rye", "fresh", "spelt")] == [0, 0, 1]
