"""AI queries over HTTP: CRUD, runs, simulations, dashboard, win rate."""

import pytest

from segops_admin.emulator import Emulator

PATH = "/ai-reach/queries/"
ALL = ["chatgpt", "perplexity", "claude", "gemini", "grok"]


async def make(api, query_text="best rye flour", **fields):
    answer = await api.post(PATH, {"query_text": query_text, **fields})
    assert answer.status == 201
    return answer.body


async def compete(api, name, **fields):
    return (await api.post("/ai-reach/competitors/", {"name": name, **fields})).body


async def run(api, query, times=1):
    """Run a query and return its results once they are in."""
    path = f"{PATH}{query['id']}/"
    for _ in range(times):
        before = (await api.get(path)).body["last_run_at"]
        await api.post(path + "run/")
        await api.poll(path, lambda body, before=before: body["last_run_at"] != before)
    return (await api.get(path + "results/")).body


def by_provider(results):
    return {result["provider"]: result for result in results}


@pytest.fixture
async def mill(api):
    """A tenant with two competitors, one of which goes by a shorter name too."""
    await compete(api, "Millstone & Co", brand_aliases=["Millstone"])
    await compete(api, "Grindwell")
    return api


def brand_of(api):
    return api.tenant.slug.replace("-", " ").title()


async def test_query_can_be_created_read_changed_and_deleted(api):
    """The list is bare, active and paused; PATCH leaves ids and times alone, and there is no PUT."""
    made = await make(api, category="discovery", tags=["rye"], providers=["gemini"], schedule="weekly")
    path = f"{PATH}{made['id']}/"
    changed = (await api.patch(path, {"is_active": False, "last_run_at": "2020-01-01T00:00:00Z", "id": 9})).body

    assert (made["is_active"], made["last_run_at"], made["tags"]) == (True, None, ["rye"])
    assert {**made, "is_active": False, "updated_at": changed["updated_at"]} == changed
    assert (await api.get(PATH)).body == [changed]
    assert (await api.get(path)).body == changed
    assert (await api.put(path, {"query_text": "x"})).status == 405
    assert (await api.delete(path)).status == 204
    assert (await api.get(path)).status == 404
    assert (await api.get(path + "results/")).status == 404


async def test_query_needs_only_a_text(api):
    """Everything else has a default; no providers means all of them."""
    made = await make(api)

    assert (made["category"], made["tags"], made["providers"]) == ("", [], [])
    assert (made["is_active"], made["schedule"]) == (True, "daily")


@pytest.mark.parametrize(
    "fields",
    [
        {"query_text": "x" * 1001},
        {"query_text": ""},
        {"query_text": None},
        {"tags": "rye"},
        {"providers": ["bing"]},
        {"schedule": "yearly"},
        {"is_active": "maybe"},
    ],
)
async def test_wrong_field_of_a_query_is_named(api, fields):
    """A form must be able to mark the field."""
    answer = await api.post(PATH, {"query_text": "fine", **fields})

    assert (answer.status, list(answer.body)) == (400, list(fields))


async def test_second_query_of_a_text_is_refused(api, emu, connect):
    """A text is unique per tenant; saving a query under its own text is no clash."""
    made = await make(api)
    other = await make(api, "spelt")

    assert list((await api.post(PATH, {"query_text": made["query_text"]})).body) == ["query_text"]
    assert (await api.patch(f"{PATH}{other['id']}/", {"query_text": made["query_text"]})).status == 400
    assert (await api.patch(f"{PATH}{other['id']}/", {"query_text": "spelt"})).status == 200
    assert (await make(connect(emu, emu.create_tenant())))["id"] != made["id"]


async def test_query_of_another_tenant_is_unknown(api, emu, connect):
    """Another tenant's id is a 404 wherever it is used."""
    made = await make(api)
    other = connect(emu, emu.create_tenant())

    for call in (other.get(f"{PATH}{made['id']}/"), other.post(f"{PATH}{made['id']}/run/")):
        assert (await call).status == 404
    assert (await other.get(PATH)).body == []


async def test_run_answers_200_and_gives_one_result_per_provider(mill):
    """The answer comes before the results; it is a 200, unlike other queueing calls."""
    query = await make(mill, providers=["gemini", "chatgpt"])
    started = await mill.post(f"{PATH}{query['id']}/run/")
    ran = await mill.poll(f"{PATH}{query['id']}/", lambda body: body["last_run_at"])
    results = (await mill.get(f"{PATH}{query['id']}/results/")).body

    assert (started.status, started.body) == (200, {"status": "queued", "query_id": query["id"]})
    assert sorted(by_provider(results)) == ["chatgpt", "gemini"]
    assert {(item["query"], item["is_simulated"], item["captured_at"]) for item in results} == {
        (query["id"], False, ran["last_run_at"])
    }


async def test_results_are_the_newest_fifty(mill):
    """Older results stay out of the answer, however many there are."""
    results = await run(mill, await make(mill), times=11)

    assert len(results) == 50
    assert [item["id"] for item in results] == sorted((item["id"] for item in results), reverse=True)


async def test_answers_name_brands_by_rank(mill):
    """Own brand, competitors and nicknames come from a fixed table, so that a test can count on them."""
    results = by_provider(await run(mill, await make(mill)))
    own = brand_of(mill)

    assert [(brand["name"], brand["position"]) for brand in results["perplexity"]["mentioned_brands"]] == [
        ("Millstone", 1),
        (own, 2),
        ("Grindwell", 3),
    ]
    assert (results["chatgpt"]["position"], results["chatgpt"]["sentiment"]) == (1, "positive")
    assert (results["gemini"]["position"], results["gemini"]["sentiment"]) == (None, "neutral")
    assert own in results["claude"]["raw_response"]


async def test_answers_name_products_that_fit_the_query(mill):
    """The tenant's own products are named where its brand is, the best match first."""
    rows = [{"sku": "R", "name": "Rye flour"}, {"sku": "S", "name": "Spelt flour"}, {"sku": "T", "name": "Tea"}]
    await mill.post("/pim/products/bulk/", {"products": rows})
    results = by_provider(await run(mill, await make(mill)))

    assert results["claude"]["mentioned_products"] == [
        {"name": "Rye flour", "sku": "R", "position": 1},
        {"name": "Spelt flour", "sku": "S", "position": 2},
    ]
    assert results["gemini"]["mentioned_products"] == []


async def test_simulation_answers_at_once_and_is_stored_without_a_parent(mill):
    """It is synchronous; its results have ids of their own and appear under no query."""
    query = await make(mill)
    body = (await mill.post("/ai-reach/simulate/", {"query_text": "best rye flour", "providers": []})).body

    assert (body["query_text"], body["providers"], body["timed_out"]) == ("best rye flour", ALL, False)
    assert [item["provider"] for item in body["results"]] == ALL
    assert {(item["query"], item["is_simulated"]) for item in body["results"]} == {(None, True)}
    assert len({item["id"] for item in body["results"]}) == 5
    assert (await mill.get(f"{PATH}{query['id']}/results/")).body == []
    assert (await mill.get(PATH)).body == [query]


async def test_simulation_tells_who_named_which_brand(mill):
    """Names are lower-cased, and each brand stands once."""
    asked = {"query_text": "rye", "providers": ["chatgpt", "gemini"]}
    diff = (await mill.post("/ai-reach/simulate/", asked)).body["diff"]

    assert diff == [
        {"brand_name": brand_of(mill).lower(), "mentioned_by": ["chatgpt"]},
        {"brand_name": "millstone & co", "mentioned_by": ["chatgpt", "gemini"]},
        {"brand_name": "grindwell", "mentioned_by": ["chatgpt", "gemini"]},
    ]


async def test_simulation_needs_a_text_and_known_providers(api):
    """Both troubles are told at once."""
    answer = await api.post("/ai-reach/simulate/", {"providers": ["bing"]})

    assert (answer.status, set(answer.body)) == (400, {"query_text", "providers"})


async def test_provider_cut_off_makes_a_partial_answer(connect):
    """Partial results are still a 200; callers must be able to meet the flag."""
    with Emulator() as emulator:
        emulator.faults.add(job="query_simulate", error="Too slow.", times=1)
        api = connect(emulator)
        partial = await api.post("/ai-reach/simulate/", {"query_text": "rye"})
        whole = await api.post("/ai-reach/simulate/", {"query_text": "rye"})

    assert (partial.status, partial.body["timed_out"], len(partial.body["results"])) == (200, True, 4)
    assert (whole.body["timed_out"], len(whole.body["results"])) == (False, 5)


async def test_dashboard_without_data_is_zeros_nulls_and_empty_lists(api):
    """Rates of nothing are 0, means of nothing null."""
    assert (await api.get("/ai-reach/dashboard/")).body == {
        "total_queries": 0,
        "total_results": 0,
        "mention_rate": 0,
        "avg_position": None,
        "share_of_voice": 0,
        "sentiment_score": None,
        "by_provider": [],
        "trend": [],
    }


async def test_dashboard_sums_up_the_stored_results(mill):
    """Named in 4 of 5 answers, at 1, 2, 1, 1; 4 of 11 mentions; twice praised, twice neutral."""
    await run(mill, await make(mill))
    await mill.post("/ai-reach/simulate/", {"query_text": "rye"})
    board = (await mill.get("/ai-reach/dashboard/")).body

    assert (board["total_queries"], board["total_results"]) == (1, 5)
    assert (board["mention_rate"], board["avg_position"]) == (0.8, 1.25)
    assert (board["share_of_voice"], board["sentiment_score"]) == (0.3636, 0.75)
    assert [row["provider"] for row in board["by_provider"]] == sorted(ALL)
    assert [row["total_results"] for row in board["trend"]] == [5]


async def test_win_rate_ranks_active_competitors(mill):
    """An absent brand is a beaten one; level counts for neither; who is not tracked is left out."""
    await compete(mill, "Sleeper", is_active=False)
    await run(mill, await make(mill))
    first, second = (await mill.get("/ai-reach/win-rate/?days=30")).body

    assert (first["name"], first["wins"], first["losses"], first["ties"], first["win_rate"]) == (
        "Grindwell", 4, 1, 0, 0.8,
    )  # fmt: skip
    assert (second["name"], second["wins"], second["losses"], second["ties"], second["win_rate"]) == (
        "Millstone & Co", 2, 2, 1, 0.4,
    )  # fmt: skip


async def test_win_rate_is_null_when_nothing_was_comparable(mill):
    """No results are neither a win nor a loss."""
    assert {row["win_rate"] for row in (await mill.get("/ai-reach/win-rate/")).body} == {None}
