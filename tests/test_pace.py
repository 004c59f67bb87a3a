"""Retry budget, gate and quota: pure arithmetic over a clock, and what a server sees of it (design, "Retries")."""

import asyncio
import contextlib
import itertools
import random

import pytest
from rawserver import CLOSE, RESET, reply

import segops_admin
from segops_admin import (
    AsyncSegOpsAdmin,
    BulkUpsertError,
    SegOpsApiError,
    SegOpsConfigError,
    SegOpsConnectionError,
    SegOpsError,
    SegOpsRateLimitError,
    SegOpsTimeoutError,
)
from segops_admin.core.pace import RETRY_TOKENS, STAGGER_S, TOKENS_PER_SUCCESS, Budget, Pace, Quota, parse_rate_limit

EMPTY = reply(200, {"count": 0, "next": None, "previous": None, "results": []})
DOWN = reply(503, {"detail": "Not now."}, retry_after=0)


def test_budget_lets_a_burst_of_trouble_through_and_then_a_tenth():
    """A server that fails everything is not failed harder; one that recovers earns retries again."""
    budget = Budget()
    burst = sum(budget.spend() for _ in range(1000))
    retries = 0
    for _ in range(1000):
        budget.succeeded()
        retries += budget.spend()

    assert burst == RETRY_TOKENS
    assert 1000 * TOKENS_PER_SUCCESS - 1 <= retries <= 1000 * TOKENS_PER_SUCCESS


def test_budget_never_holds_more_than_its_tokens():
    """A quiet year does not save up for a storm."""
    budget = Budget()
    for _ in range(100_000):
        budget.succeeded()

    assert sum(budget.spend() for _ in range(1000)) == RETRY_TOKENS


async def test_server_that_fails_everything_sees_the_tokens_and_no_more(at_raw, raw):
    """A thousand calls of three retries each would be four thousand requests; it is a tenth more than the calls."""
    raw.script(DOWN)
    segops = at_raw(timeout=50, max_connections=20)
    calls = 1000
    for _ in range(calls // 50):
        results = await asyncio.gather(*(segops.segments.get(1) for _ in range(50)), return_exceptions=True)
        assert all(isinstance(result, SegOpsApiError) for result in results)

    assert calls < len(raw.requests) <= calls + RETRY_TOKENS


async def test_budget_is_shared_by_the_copies_of_a_client(at_raw, raw):
    """It protects the server, which does not know them apart; the error says why it was not asked again."""
    raw.script(DOWN)
    segops = at_raw(max_retries=5)
    calls = [segops.segments.get(1) for _ in range(int(RETRY_TOKENS) // 5)]
    assert {error.attempts for error in await asyncio.gather(*calls, return_exceptions=True)} == {6}
    with pytest.raises(SegOpsApiError) as caught:
        await segops.with_options(timeout=5).segments.get(1)

    assert caught.value.attempts == 1


def test_gate_holds_until_the_servers_time_and_lets_out_one_by_one():
    """Calls that wake together are throttled together: jitter only adds, over the stagger."""
    pace = Pace()
    pace.gate.close(1010.0)
    waits = sorted(pace.gate.wait_s(1000.0) for _ in range(1000))
    gaps = [late - early for early, late in itertools.pairwise(waits)]

    assert waits[0] >= 10.0
    assert waits[-1] <= 10.0 + STAGGER_S
    assert waits[-1] - waits[0] > 0.9 * STAGGER_S
    assert max(gaps) < 0.1 * STAGGER_S
    assert pace.gate.wait_s(1010.0) == 0.0


def test_later_end_of_the_gate_wins():
    """Two calls are throttled at once: the longer hint is the server's word."""
    pace = Pace()
    pace.gate.close(1010.0)
    pace.gate.close(1005.0)

    assert pace.gate.wait_s(1000.0) >= 10.0


async def test_throttled_call_holds_all_calls_of_the_client(at_raw, raw):
    """One 429 tells for all: until the hint is over nothing goes out, not from a copy, not for another namespace."""
    clock = asyncio.get_running_loop().time
    arrivals = []

    def answer(request):
        arrivals.append(clock())
        return reply(429, {"detail": "Throttled."}, retry_after="0.4") if len(arrivals) == 1 else EMPTY

    raw.script(answer)
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()
    segops = at_raw(on_event=lambda event: event.kind == "waiting" and loop.call_soon_threadsafe(closed.set))
    first = asyncio.ensure_future(segops.segments.list())
    await closed.wait()
    copy = segops.with_options(max_retries=0)
    await asyncio.gather(first, *(copy.products.list() for _ in range(5)), segops.queries.list())

    assert len(arrivals) == 8
    assert min(arrivals[1:]) - arrivals[0] >= 0.4
    assert len({round(moment, 4) for moment in arrivals[1:]}) > 3


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
@pytest.mark.parametrize("step", [None, CLOSE, RESET])
async def test_simulation_is_sent_once_whatever_happens(at_raw, raw, status, step):
    """It is paid and slow: not even a refusal is worth a second one unasked (sheet, 3.3)."""
    raw.script(step or reply(status, {"detail": "No."}, retry_after=0))
    with pytest.raises(SegOpsError):
        await at_raw(max_retries=5).queries.simulate(query="Who?", brand_name="Acme", providers=["openai"])

    assert len(raw.requests) == 1


async def test_error_and_events_tell_attempts_waits_and_reasons(at_raw, raw):
    """Who looks into a slow call sees where the time went, and why."""
    raw.script(CLOSE, reply(500, b"<html>"), reply(429, {}, retry_after="0.05"), reply(503, {}, retry_after="0.05"))
    events = []
    with pytest.raises(SegOpsApiError) as caught:
        await at_raw(on_event=events.append, max_retries=3).segments.get(1)
    error = caught.value
    told = [(event.kind, event.attempt, event.status) for event in events if event.reason != "rate limit"]

    assert error.attempts == 4
    assert "connection broke" in error.reasons[0]
    assert error.reasons[1:] == ("status 500", "status 429", "status 503")
    assert error.waits_s == tuple(event.delay_s for event in events if event.kind == "waiting")
    assert len(error.waits_s) >= 3
    assert told == [
        *itertools.chain.from_iterable([("sending", n, None), ("waiting", n, None)] for n in (1, 2, 3)),
        ("sending", 4, None),
        ("failed", 4, 503),
    ]
    assert [event.elapsed_s for event in events] == sorted(event.elapsed_s for event in events)


async def test_connection_error_tells_waits_and_reasons_too(at_raw, raw):
    """The same of a call that was never answered."""
    raw.script(CLOSE)
    events = []
    with pytest.raises(SegOpsConnectionError) as caught:
        await at_raw(on_event=events.append, max_retries=2).segments.get(1)

    assert (caught.value.attempts, len(caught.value.waits_s), len(caught.value.reasons)) == (3, 2, 3)
    assert [event.kind for event in events][-1] == "failed"


async def test_every_call_ends_with_one_event(at_raw, raw):
    """Counters of calls in flight come back to nothing, whatever a call's end was."""
    ends = []

    def note(event):
        if event.kind in ("answered", "failed"):
            ends.append(event)

    segops = at_raw(on_event=note, max_retries=1)
    for script in [EMPTY], [CLOSE], [DOWN], [reply(404, {})], [reply(503, {}, retry_after=3600)], [["hang"]]:
        raw.script(*script)
        with contextlib.nullcontext() if script == [EMPTY] else pytest.raises(SegOpsError):
            await segops.with_options(timeout=0.5).segments.list()
    raw.script(reply(200, b"x" * 2_000))
    with pytest.raises(SegOpsError):
        await at_raw(on_event=note, max_body_bytes=9).segments.list()

    assert [event.kind for event in ends] == ["answered", "failed", "failed", "answered", "failed", "failed", "failed"]


def places(quota, count, now=0.0):
    """Return when each of `count` calls that come at once may go."""
    return [now + quota.reserve(now) for _ in range(count)]


@pytest.mark.parametrize(
    ("text", "count", "window_s"),
    [
        ("60/min", 60, 60),
        ("60 / minute", 60, 60),
        ("5/s", 5, 1),
        ("1000 per hour", 1000, 3600),
        ("10/5s", 10, 5),
        ("free", 60, 60),
        ("Starter", 300, 60),
        ("business", 1000, 60),
        (2, 2, 1),
        (0.5, 1, 2),
    ],
)
def test_quota_is_read_from_text_plan_or_number(text, count, window_s):
    """As people say it; plans are those of the price list (sheet, 3.2)."""
    quota = parse_rate_limit(text)
    starts = places(quota, 2 * count)

    assert starts[:count] == [0.0] * count
    assert starts[count:] == [window_s] * count


@pytest.mark.parametrize("text", ["", "60", "60/fortnight", "0/min", "-1/min", "nan/min", "enterprise", True, [], -0.0])
def test_quota_that_means_nothing_is_refused(text):
    """`enterprise` is by contract, so the number has to be said."""
    with pytest.raises(SegOpsConfigError, match="rate_limit"):
        parse_rate_limit(text)


def test_no_window_ever_holds_more_than_the_quota():
    """Wherever a server begins to count; arrivals at random over ten windows."""
    dice = random.Random(5)
    quota, now, starts = Quota(10, 60.0), 0.0, []
    for _ in range(300):
        now += dice.expovariate(10 / 60)
        starts.append(now + quota.reserve(now))

    assert starts == sorted(starts)
    assert all(late - early >= 60.0 - 1e-6 for early, late in zip(starts, starts[10:], strict=False))


def test_waiting_calls_go_in_the_order_they_came():
    """First come, first served: nobody starves behind a crowd, and a late one does not jump the line."""
    quota = Quota(2, 1.0)
    crowd = places(quota, 7)
    late = 0.9 + quota.reserve(0.9)

    assert crowd == [0, 0, 1, 1, 2, 2, 3]
    assert late == pytest.approx(3)
    assert 4.5 + quota.reserve(4.5) == 4.5


def test_place_past_the_patience_is_left_to_others():
    """A call that will give up before its turn must not use up the turn."""
    quota = Quota(1, 10.0)
    quota.reserve(0.0)

    assert quota.reserve(4.0, patience_s=5.0) == 6.0
    assert quota.reserve(5.0, patience_s=6.0) == 5.0


async def test_quota_is_shared_by_the_copies_of_a_client(at_raw, raw):
    """It is the tenant's: a copy with other options has no second one."""
    clock = asyncio.get_running_loop().time
    arrivals = []

    def answer(request):
        arrivals.append(clock())
        return EMPTY

    raw.script(answer)
    segops = at_raw(rate_limit="4/s")
    await asyncio.gather(
        *(client.segments.list() for client in (segops, segops.with_options(timeout=9)) for _ in "abc")
    )

    assert all(late - early >= 0.95 for early, late in zip(arrivals, arrivals[4:], strict=False))


async def test_throttled_error_still_comes_when_repeats_are_off(at_raw, raw):
    """The gate delays calls; it does not turn retries on."""
    raw.script(reply(429, {}, retry_after=0))
    with pytest.raises(SegOpsRateLimitError):
        await at_raw(max_retries=0).segments.list()

    assert len(raw.requests) == 1


async def test_calls_that_waited_at_the_gate_keep_to_the_quota_behind_it(at_raw, raw):
    """A place in the quota is taken when the gate is open, or all places would have come up meanwhile."""
    raw.script(reply(429, {"detail": "Throttled."}, retry_after=0.5), EMPTY)
    quota = Quota(3, 3600.0)
    segops = at_raw(rate_limit=quota, timeout=3)
    first = asyncio.ensure_future(segops.segments.list())
    await raw.arrived.wait()
    crowd = [asyncio.ensure_future(segops.segments.list()) for _ in range(6)]
    ends = await asyncio.gather(first, *crowd, return_exceptions=True)

    assert sum(isinstance(end, SegOpsTimeoutError) for end in ends) == 5
    assert len(raw.requests) == 3


async def test_place_of_a_cancelled_call_goes_to_the_next(raw):
    """Forty requests of browsers that went away must not hold up the next one for twenty seconds."""
    raw.script(EMPTY)
    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url, rate_limit="2/min", timeout=3600) as segops:
        await asyncio.gather(segops.segments.list(), segops.segments.list())
        gone = [asyncio.ensure_future(segops.segments.list()) for _ in range(40)]
        await asyncio.sleep(0.05)
        for task in gone:
            task.cancel()
        await asyncio.gather(*gone, return_exceptions=True)
        with pytest.raises(SegOpsTimeoutError) as caught:
            await segops.with_options(timeout=5).segments.list()

    assert 30 < caught.value.retry_after <= 60


async def test_spent_budget_slows_an_import_down(raw):
    """A call is not repeated then; an import of hours is, after the longest wait: here longer than there is time."""
    raw.script(DOWN)
    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url) as segops:
        while segops._call.pace.budget.spend():
            pass
        with segops_admin.deadline(20), pytest.raises(BulkUpsertError, match="503"):
            await segops.products.bulk_upsert([{"sku": "A", "name": "a"}])

    assert len(raw.requests) == 1
