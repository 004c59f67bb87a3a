"""`timeout` and `segops_admin.deadline`: whatever a call waits for, it ends in time (design, "Time").

The promise is 100 ms; a loaded machine gets a second. What was measured goes into the report as a property.
"""

import asyncio
import contextlib
import contextvars
import math
import threading
import time

import pytest
from anyio import to_thread
from bulk.kit import rows, took
from rawserver import CLOSE, HANG, reply

import segops_admin
from segops_admin import (
    AsyncSegOpsAdmin,
    BulkUpsertError,
    SegOpsAdmin,
    SegOpsConfigError,
    SegOpsError,
    SegOpsJobError,
    SegOpsRateLimitError,
    SegOpsServerError,
    SegOpsTimeoutError,
)

SEGMENT = reply(200, {"id": 1, "name": "a"})
EMPTY = reply(200, {"count": 0, "next": None, "previous": None, "results": []})
HALF = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
SLACK_S = 1.0


@pytest.fixture
def in_time(record_property):
    """Return a block that must end with one of these errors, and not later than agreed."""

    @contextlib.contextmanager
    def within(seconds, *errors):
        started = time.monotonic()
        with pytest.raises(errors or SegOpsTimeoutError) as caught:
            yield caught
        over_s = time.monotonic() - started - seconds
        record_property("over_ms", round(over_s * 1000))
        assert over_s < SLACK_S

    return within


STAGES = {
    "before the headers": [HANG],
    "in the headers": [b"HTTP/1.1 200 OK\r\nX-A: ", HANG],
    "in the body": [HALF, HANG],
    "between drops of the body": [HALF, *[0.02, b" "] * 90, HANG],
    "between drops of the headers": [b"HTTP/1.1 200 OK\r\n", *[0.02, b"A: b\r\n"] * 300, HANG],
    "between interim answers": [*[b"HTTP/1.1 102 Processing\r\n\r\n", 0.02] * 300, HANG],
    "before a repeat": reply(503, {"detail": "Not now."}),
}


@pytest.mark.parametrize("steps", STAGES.values(), ids=STAGES.keys())
@pytest.mark.parametrize("by", ["timeout", "scope"])
async def test_call_ends_in_time_wherever_it_is_held_up(at_raw, raw, in_time, steps, by):
    """One end for all stages of a call, set by the client or by a scope around it."""
    raw.script(steps)
    segops = at_raw(max_retries=1000, timeout=0.15 if by == "timeout" else 30)
    with segops_admin.deadline(30 if by == "timeout" else 0.15), in_time(0.15):
        await segops.segments.get(1)


async def test_waiting_for_a_connection_counts(at_raw, raw, in_time):
    """The pool is full of calls that hang: those behind them end in time too, and were never sent."""
    raw.script(HANG)
    segops = at_raw(max_connections=1, max_retries=0)
    first = asyncio.ensure_future(segops.segments.get(1))
    await raw.arrived.wait()
    with segops_admin.deadline(0.2), in_time(0.2):
        await segops.segments.get(2)

    assert len(raw.requests) == 1
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_waiting_for_our_own_quota_counts_and_is_told_at_once(at_raw, raw, in_time):
    """There is no sense in waiting for a place that begins after the end."""
    raw.script(EMPTY)
    segops = at_raw(rate_limit="1/hour")
    await segops.segments.list()
    with segops_admin.deadline(20), in_time(0, SegOpsTimeoutError) as caught:
        await segops.segments.list()

    assert caught.value.attempts == 0
    assert "not sent" in str(caught.value)


async def test_hint_beyond_the_scope_raises_at_once(at_raw, raw, in_time):
    """Sleeping into a certain time-out helps nobody; the caller learns what the server asked for."""
    raw.script(reply(429, {"detail": "Throttled."}, retry_after=20))
    segops = at_raw(timeout=60)
    with segops_admin.deadline(5), in_time(0, SegOpsRateLimitError) as caught:
        await segops.segments.list()

    assert caught.value.retry_after == 20


async def test_call_behind_a_closed_gate_learns_what_the_server_asked_for(at_raw, raw, in_time):
    """The 429 was another call's answer; this one cannot wait it out either, and is told by when it could."""
    raw.script(reply(429, {"detail": "Throttled."}, retry_after=20), EMPTY)
    segops = at_raw(timeout=60)
    with segops_admin.deadline(5):
        with pytest.raises(SegOpsRateLimitError):
            await segops.segments.list()
        with in_time(0, SegOpsTimeoutError) as caught:
            await segops.segments.list()

    assert 15 < caught.value.retry_after < 22
    assert len(raw.requests) == 1


async def test_scope_holds_over_several_calls_together(at_raw, raw, in_time):
    """Not for each of them."""
    raw.script([0.1, SEGMENT])
    segops = at_raw()
    with segops_admin.deadline(0.35), in_time(0.35):
        for _ in range(20):
            await segops.segments.get(1)

    assert 1 <= len(raw.requests) <= 4


async def test_earliest_end_of_nested_scopes_holds(at_raw, raw, in_time):
    """A library inside may shorten what it was given, never lengthen it; outside, the old end is back."""
    raw.script(HANG, SEGMENT, HANG)
    segops = at_raw()
    with segops_admin.deadline(20):
        with segops_admin.deadline(0.2), in_time(0.2):
            await segops.segments.get(1)
        await segops.segments.get(1)
    with segops_admin.deadline(0.2), segops_admin.deadline(20), in_time(0.2):
        await segops.segments.get(1)


async def test_own_timeout_holds_in_a_wider_scope(at_raw, raw, in_time):
    """A scope takes time away and gives none."""
    raw.script(HANG)
    with segops_admin.deadline(30), in_time(0.2):
        await at_raw(timeout=0.2).segments.get(1)


async def test_scope_is_over_with_its_block(at_raw, raw):
    """What comes after has its own time."""
    raw.script([0.2, SEGMENT])
    with segops_admin.deadline(0.1):
        pass

    assert (await at_raw().segments.get(1)).id == 1


async def test_scope_that_is_used_up_sends_nothing(at_raw, raw, in_time):
    """Late is late: no request goes out whose answer nobody waits for."""
    segops = at_raw()
    with segops_admin.deadline(0), in_time(0) as caught:
        await segops.segments.create(name="a")

    assert caught.value.attempts == 0
    assert not caught.value.outcome_unknown
    assert raw.requests == []


async def test_scope_reaches_into_tasks(at_raw, raw, in_time):
    """`gather` makes tasks; all of them end together."""
    raw.script(HANG)
    segops = at_raw()
    with segops_admin.deadline(0.3), in_time(0.3):
        await asyncio.gather(*(segops.segments.get(number) for number in range(5)))


async def test_scope_does_not_reach_into_tasks_of_others(at_raw, raw):
    """Two requests of a web server run side by side; one's hurry is not the other's."""
    raw.script([0.4, SEGMENT])
    segops = at_raw()
    other = asyncio.ensure_future(segops.segments.get(1))
    await raw.arrived.wait()
    with segops_admin.deadline(0.1), contextlib.suppress(SegOpsTimeoutError):
        await segops.segments.get(1)

    assert (await other).id == 1


async def test_scope_crosses_the_portal_from_any_thread(raw, in_time):
    """A worker thread that was given the context is bound by it; one that was not is not."""
    raw.script(HANG)
    segops = SegOpsAdmin("sk_test", base_url=raw.url, timeout=0.6, max_retries=0)
    took = {}

    def ask(name):
        started = time.monotonic()
        with contextlib.suppress(SegOpsTimeoutError):
            segops.segments.get(1)
        took[name] = time.monotonic() - started

    def both():
        with segops_admin.deadline(0.1):
            context = contextvars.copy_context()
            threads = [
                threading.Thread(target=context.run, args=(ask, "given"), daemon=True),
                threading.Thread(target=contextvars.Context().run, args=(ask, "not given"), daemon=True),
            ]
            for thread in threads:
                thread.start()
        for thread in threads:
            thread.join(20)
        segops.close()

    await to_thread.run_sync(both)

    assert took["given"] < 0.55 <= took["not given"]


async def test_wait_for_a_job_ends_with_the_scope(at_raw, raw, in_time):
    """Polls and the pauses between them; the error is the job's, as it goes on at the server."""
    raw.script(reply(200, {"id": 1, "name": "a", "status": "computing"}))
    with segops_admin.deadline(0.4), in_time(0.4, SegOpsJobError) as caught:
        await at_raw(poll_interval=0.05).segments.recompute_and_wait(1, timeout=60)

    assert caught.value.reason == "timeout"
    assert len(raw.requests) > 2


async def test_wait_whose_look_hangs_ends_with_the_scope(at_raw, raw, in_time):
    """The same where the server has fallen silent."""
    raw.script(reply(200, {"id": 1, "name": "a", "status": "computing"}), HANG)
    with segops_admin.deadline(0.4), in_time(0.4, SegOpsError):
        await at_raw(poll_interval=0.05).segments.recompute_and_wait(1, timeout=60)


async def test_walk_ends_with_the_scope(at_raw, raw, in_time):
    """Page after page, none of them late by itself."""

    def answer(request):
        number = int(request.target.rpartition("page=")[2] or 1) if "page=" in request.target else 1
        page = {"count": 9999, "next": f"/api/segments/?page={number + 1}", "results": [{"id": number, "name": "a"}]}
        return [0.05, reply(200, page)]

    raw.script(answer)
    with segops_admin.deadline(0.4), in_time(0.4):
        async for _ in at_raw().segments.iterate():
            pass

    assert len(raw.requests) > 2


@pytest.mark.parametrize("silent", ["before the file", "in the file"])
async def test_download_ends_with_the_scope_and_leaves_no_file(at_raw, raw, in_time, tmp_path, silent):
    """A file of any size has no time-out of its own, so a scope is the only end it has."""
    ready = reply(200, {"id": 7, "status": "complete", "download_url": "/api/f/"})
    raw.script(ready, HANG if silent == "before the file" else [HALF, HANG])
    segops = at_raw()
    status = await segops.segments.export_status(5, 7)
    with segops_admin.deadline(0.3), in_time(0.3):
        await segops.segments.download_export(status, tmp_path / "m.csv")

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seconds", [-1, math.nan, math.inf, "3", None, True])
def test_scope_of_no_time_at_all_is_refused(seconds):
    """None does not silently mean for ever."""
    with pytest.raises(SegOpsConfigError, match="seconds"), segops_admin.deadline(seconds):
        pass


@pytest.mark.parametrize("answer", [reply(503, retry_after=0), CLOSE, reply(429, retry_after=0)])
async def test_deadline_around_an_import_ends_its_patience(at_raw, raw, in_time, answer):
    """A server that is away is waited for as long as there is time, and no longer."""
    raw.script(answer)
    with segops_admin.deadline(0.4), in_time(0.4, BulkUpsertError):
        await at_raw(max_retries=1000, timeout=30).products.bulk_upsert(rows(30), chunk_size=10)


async def test_deadline_before_a_place_in_our_quota_is_told_at_once(at_raw, raw, in_time):
    """The next place is an hour away."""
    raw.script(took)
    segops = at_raw(rate_limit="1/hour")
    with segops_admin.deadline(20), in_time(0, BulkUpsertError) as caught:
        await segops.products.bulk_upsert(rows(30), chunk_size=10, concurrency=1)

    assert isinstance(caught.value.__cause__, SegOpsTimeoutError)
    assert caught.value.result.stored == 10


async def test_deadline_ends_an_import_whose_rows_do_not_come(raw, in_time):
    """A source that hangs is no reason to outlive the scope; what it raises by itself comes out as it is."""
    raw.script(took)

    async def hanging():
        for row in rows(10):
            yield row
        await asyncio.Event().wait()

    async def out_of_its_own_time():
        yield rows(1)[0]
        raise TimeoutError("the database")

    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url) as segops:
        with segops_admin.deadline(0.3), in_time(0.3, BulkUpsertError) as caught:
            await segops.products.bulk_upsert(hanging(), chunk_size=10)
        assert caught.value.result.stored == 10
        with segops_admin.deadline(20), pytest.raises(TimeoutError, match="the database"):
            await segops.products.bulk_upsert(out_of_its_own_time())


async def test_answer_that_comes_too_late_for_another_try_is_told(at_raw, raw, in_time):
    """There was one, and its hint is on the error, its status in the message."""
    raw.script(reply(503, {"detail": "Down."}, retry_after=0.4))
    with in_time(0.45, SegOpsTimeoutError, SegOpsServerError) as caught:
        await at_raw(timeout=0.45, max_retries=1000).segments.get(1)
    assert (caught.value.attempts, caught.value.retry_after) == (2, 0.4)

    raw.script(reply(503, {"detail": "Down."}))
    with in_time(0.4, SegOpsTimeoutError) as caught:
        await at_raw(timeout=0.4, max_retries=1000).segments.get(1)
    assert "503" in str(caught.value)
