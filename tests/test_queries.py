"""Every method of the queries namespace, on both faces (sheet, sections 7 and 17)."""

import datetime as dt

import pytest
from rawserver import RESET, reply

from segops_admin import (
    SegOpsBadRequestError,
    SegOpsConnectionError,
    SegOpsInputError,
    SegOpsJobError,
    SegOpsNotFoundError,
    SegOpsRateLimitError,
    SegOpsServerError,
)

ALL = ["chatgpt", "perplexity", "claude", "gemini", "grok"]
SIMULATE = "/ai-reach/simulate/"


async def test_create_takes_keywords_a_dictionary_or_both(segops):
    """All forms, as everywhere; keywords win."""
    first = await segops.queries.create(query_text="best rye", category="c", tags=["rye"], providers=["gemini"])
    second = await segops.queries.create({"query_text": "best oat", "schedule": "weekly"})
    third = await segops.queries.create({"query_text": "a", "category": "d"}, query_text="b")

    assert (first.query_text, first.category, first.tags, first.providers) == ("best rye", "c", ["rye"], ["gemini"])
    assert (second["query_text"], second.schedule, second.is_active, second.last_run_at) == (
        "best oat",
        "weekly",
        True,
        None,
    )
    assert (third.query_text, third.category) == ("b", "d")


async def test_get_reads_what_was_created(segops):
    """Typed by attribute, raw by key."""
    made = await segops.queries.create(query_text="best rye")
    read = await segops.queries.get(made.id)

    assert read == made
    assert read.created_at.utcoffset() == dt.timedelta(0)
    assert isinstance(read["created_at"], str)


async def test_update_changes_what_is_given(segops, seen):
    """By keyword or dictionary; there is only PATCH here."""
    made = await segops.queries.create(query_text="a", category="c")

    assert (await segops.queries.update(made.id, is_active=False)).category == "c"
    assert (await segops.queries.update(made.id, {"query_text": "b"}, method="PATCH")).query_text == "b"
    assert [r.method for r in seen()][1:] == ["PATCH", "PATCH"]


async def test_delete_returns_nothing_and_the_query_is_gone(segops):
    """204 is None, as published."""
    made = await segops.queries.create(query_text="a")

    assert await segops.queries.delete(made.id) is None
    with pytest.raises(SegOpsNotFoundError):
        await segops.queries.get(made.id)


async def test_list_and_iterate_read_the_bare_list(segops):
    """A Page all the same, with active and paused queries (C7)."""
    for text in "abc":
        await segops.queries.create(query_text=text, is_active=text != "b")
    page = await segops.queries.list({"page": 1})

    assert ([q.query_text for q in page], len(page), page.next) == (["a", "b", "c"], 3, None)
    assert page["results"][1]["is_active"] is False
    assert (await segops.queries.list(page=1)).to_dict() == page.to_dict()
    assert [q.query_text async for q in segops.queries.iterate()] == ["a", "b", "c"]
    assert [q.query_text async for q in segops.queries.iterate({"page": 1})] == ["a", "b", "c"]


async def test_text_is_unique_and_bounded(segops):
    """The error tells the field."""
    await segops.queries.create(query_text="a")
    for text in ("a", "x" * 1001):
        with pytest.raises((SegOpsBadRequestError, SegOpsInputError), match="query_text"):
            await segops.queries.create(query_text=text)


async def test_run_answers_before_the_providers_do(segops, seen):
    """It starts the run only, with no body (C21: 200 here)."""
    made = await segops.queries.create(query_text="best rye")
    run = await segops.queries.run(made.id)

    assert (run.status, run.query_id, run["query_id"]) == ("queued", made.id, made.id)
    assert seen(method="POST", path=f"/ai-reach/queries/{made.id}/run/")[0].body_size == 0


async def test_run_and_wait_returns_this_runs_results(segops):
    """One per provider, and those of earlier runs not among them."""
    made = await segops.queries.create(query_text="best rye", providers=["chatgpt", "gemini"])
    looks = []
    first = await segops.queries.run_and_wait(made.id, timeout=20, on_progress=looks.append)
    second = await segops.queries.run_and_wait(made.id)

    assert sorted(r.provider for r in first) == sorted(r.provider for r in second) == ["chatgpt", "gemini"]
    assert {r.id for r in first}.isdisjoint({r.id for r in second})
    assert {r.query for r in first} == {made.id}
    assert looks[-1].last_run_at is not None


def asked(*runs, providers):
    """Answer as a server that tells of a run at once, and brings its results look by look."""
    looks = iter(runs)
    found, ran = [], []

    def answer(request):
        nonlocal found
        if request.method == "POST":
            ran.append(request)
            return reply(200, {"status": "queued", "query_id": 8})
        if request.target.endswith("/results/"):
            found = next(looks, found) if ran else [0]
            return reply(200, [{"id": number, "query": 8, "provider": ALL[number]} for number in found])
        last_run_at = "2026-06-11T05:00:00Z" if ran else None
        return reply(200, {"id": 8, "query_text": "a", "providers": providers, "last_run_at": last_run_at})

    return answer


async def test_run_is_not_over_before_its_results_are_there(at_raw, raw):
    """A server may tell of the run first; `[]` would read as if nobody had answered."""
    raw.script(asked([0], [0], [2, 0], providers=["claude"]))

    assert [r.id for r in await at_raw(poll_interval=0.01).queries.run_and_wait(8, timeout=30)] == [2]


@pytest.mark.parametrize("providers", [ALL[1:], [], None], ids=["named", "none named", "no list"])
async def test_every_provider_that_is_asked_is_waited_for(at_raw, raw, providers):
    """They answer one by one; a query that names none asks all."""
    arriving = [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]
    raw.script(asked(*arriving, *([] if providers else [[1, 2, 3, 4, 0]]), providers=providers))
    expected = ALL[1:] if providers else ALL
    got = await at_raw(poll_interval=0.01).queries.run_and_wait(8, timeout=30)

    assert sorted(r.provider for r in got) == sorted(set(expected) - {ALL[0]})


async def test_provider_that_says_nothing_is_not_waited_for_without_end(at_raw, raw):
    """The results of the others stand for three looks: they are the run's."""
    raw.script(asked([1], [1, 2], providers=ALL[1:4]))
    got = await at_raw(poll_interval=0.01).queries.run_and_wait(8, timeout=30)

    assert [r.id for r in got] == [1, 2]


async def test_results_are_records_with_their_brands(segops):
    """Newest first, plain JSON by key."""
    made = await segops.queries.create(query_text="best rye", providers=["chatgpt"])
    await segops.queries.run_and_wait(made.id)
    (result,) = await segops.queries.results(made.id)

    assert (result.provider, result.query, result.captured_at.utcoffset()) == ("chatgpt", made.id, dt.timedelta(0))
    assert result.raw_response
    assert [(b.name, b.position) for b in result.mentioned_brands] == [
        (b["name"], b["position"]) for b in result["mentioned_brands"]
    ]


async def test_results_are_the_50_newest(segops):
    """Older ones are left out by the server."""
    made = await segops.queries.create(query_text="best rye")
    for _ in range(11):
        newest = await segops.queries.run_and_wait(made.id)
    results = await segops.queries.results(made.id)

    assert len(results) == 50
    assert {r.id for r in newest} == {r.id for r in results[:5]}


async def test_run_that_takes_too_long_ends_with_the_whole_wait(segops, emulator):
    """The run itself goes on at the server."""
    made = await segops.queries.create(query_text="best rye")
    emulator.hold_jobs()
    try:
        with pytest.raises(SegOpsJobError) as caught:
            await segops.queries.run_and_wait(made.id, timeout=0.3)
    finally:
        emulator.release_jobs()

    assert caught.value.reason == "timeout"
    assert str(made.id) in str(caught.value)


async def test_run_that_never_ends_is_a_job_error(segops, fault):
    """A failed run leaves no trace on the wire: the time is what ends the wait."""
    made = await segops.queries.create(query_text="best rye")
    fault(job="query_run", error="No credits.")
    with pytest.raises(SegOpsJobError):
        await segops.queries.run_and_wait(made.id, timeout=0.3)


async def test_run_of_an_unknown_query_is_the_apis_error(segops):
    """Nothing was started, so there is no job that could fail."""
    with pytest.raises(SegOpsNotFoundError):
        await segops.queries.run_and_wait(999_999_999)


async def test_simulate_takes_keywords_or_a_dictionary(segops):
    """Answers at once, from all five providers unless told which."""
    answer = await segops.queries.simulate({"query_text": "best rye"})
    two = await segops.queries.simulate(query_text="best rye", providers=["chatgpt", "gemini"])

    assert (answer.query_text, answer.timed_out, sorted(r.provider for r in answer.results)) == (
        "best rye",
        False,
        sorted(ALL),
    )
    assert [r.provider for r in two.results] == two["providers"] == ["chatgpt", "gemini"]
    assert {r.query for r in two.results} == {None}
    assert all("brand_name" in entry for entry in answer.diff)


async def test_simulation_cut_short_still_has_its_results(segops, fault):
    """A provider was cut off; the rest is a 200."""
    fault(job="query_simulate", error="Too slow.")
    answer = await segops.queries.simulate(query_text="best rye")

    assert (answer.timed_out, len(answer.results)) == (True, 4)


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ({"status": 429, "retry_after": 0}, SegOpsRateLimitError),
        ({"status": 429}, SegOpsRateLimitError),
        ({"status": 503, "retry_after": 0}, SegOpsServerError),
        ({"status": 503}, SegOpsServerError),
        ({"status": 500}, SegOpsServerError),
        ({"status": 502, "body": "<html>bad gateway</html>"}, SegOpsServerError),
        ({"status": 504}, SegOpsServerError),
        ({"drop": "before"}, SegOpsConnectionError),
        ({"drop": "after"}, SegOpsConnectionError),
        ({"drop": "reset"}, SegOpsConnectionError),
        ({"truncate": 10}, SegOpsConnectionError),
    ],
    ids=str,
)
async def test_simulate_is_never_repeated(segops, fault, seen, rule, error):
    """It is paid for: once is what was asked for, whatever the answer."""
    fault(method="POST", path=SIMULATE, **rule)
    with pytest.raises(error) as caught:
        await segops.queries.simulate(query_text="best rye")

    assert len(seen(method="POST", path=SIMULATE)) == 1
    assert caught.value.attempts == 1


async def test_simulate_is_not_repeated_on_a_kept_connection_that_was_closed(at_raw, raw):
    """The same where the connection pool, not the retry loop, would be tempted to send again."""
    raw.script(RESET)
    segops = at_raw()
    for _ in range(2):
        with pytest.raises(SegOpsConnectionError):
            await segops.queries.simulate(query_text="best rye")

    assert len(raw.requests) == 2


async def test_simulate_waits_longer_than_other_calls(connect, fault):
    """An answer takes up to 30 s: a client's own timeout for short calls does not cut it off."""
    fault(method="POST", path=SIMULATE, delay=0.5)
    answer = await connect(timeout=0.2).queries.simulate(query_text="best rye", providers=["grok"])

    assert [r.provider for r in answer.results] == ["grok"]


async def test_run_is_repeated_where_simulate_is_not(segops, fault):
    """To queue a run twice does no harm (design, section 2)."""
    made = await segops.queries.create(query_text="best rye")
    rule = fault(method="POST", path="/ai-reach/queries/*/run/", status=503, retry_after=0, times=2)

    assert (await segops.queries.run(made.id)).status == "queued"
    assert rule.hits == 2


async def test_dashboard_is_empty_without_data_and_filled_by_runs(segops):
    """Numbers are 0 or None and lists empty, then shares from 0 to 1."""
    empty = await segops.queries.dashboard()
    made = await segops.queries.create(query_text="best rye")
    await segops.queries.run_and_wait(made.id)
    filled = await segops.queries.dashboard({"days": 30})

    assert (empty.total_queries, empty.total_results, empty.by_provider, empty.trend) == (0, 0, [], [])
    assert empty.mention_rate in (0, None)
    assert (filled.total_queries, filled.total_results) == (1, 5)
    assert 0 < filled.mention_rate <= 1
    assert 0 <= filled.share_of_voice <= 1
    assert filled.avg_position >= 1
    assert (await segops.queries.dashboard(days=30)) == filled


async def test_win_rate_ranks_active_competitors(segops):
    """Wins of all that was comparable; None where nothing was."""
    rival = await segops.competitors.create(name="Millstone")
    await segops.competitors.create(name="Asleep", is_active=False)
    before = await segops.queries.win_rate()
    made = await segops.queries.create(query_text="best rye")
    await segops.queries.run_and_wait(made.id)
    (entry,) = await segops.queries.win_rate({"days": 30})

    assert [(w.competitor_id, w.name, w.win_rate) for w in before] == [(rival.id, "Millstone", None)]
    assert (entry.competitor_id, entry["name"]) == (rival.id, "Millstone")
    assert entry.win_rate == pytest.approx(entry.wins / (entry.wins + entry.losses + entry.ties))
    assert await segops.queries.win_rate(days=30) == [entry]
