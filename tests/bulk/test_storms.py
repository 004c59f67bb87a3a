"""A server in trouble: what is repeated, with which keys, and how many requests it still gets at once."""

import itertools

import attrs
import pytest
from bulk.kit import BULK, figures, rows, stored, took
from rawserver import CLOSE, RESET, reply

from segops_admin import BulkUpsertError, SegOpsConnectionError, SegOpsServerError
from segops_admin.bulk.window import Window
from segops_admin.core.pace import Quota

STORMS = {
    "429": {"status": 429, "retry_after": 0},
    "503": {"status": 503, "retry_after": 0, "body": "<html>Down</html>"},
    "500": {"status": 500, "retry_after": 0},
    "502": {"status": 502, "retry_after": 0, "body": ""},
    "429 as a date": {"status": 429, "retry_after": 0, "retry_after_date": True},
}
RESETS = {"before": {"drop": "before"}, "after": {"drop": "after"}, "reset": {"drop": "reset"}}


@pytest.mark.parametrize("rule", STORMS.values(), ids=STORMS)
async def test_storm_of_refusals_is_outlasted(segops, fault, rule):
    """Every second request is refused: all rows get in, and the result says how often it took more than one try."""
    struck = fault(method="POST", path=BULK, probability=0.5, seed=3, **rule)
    result = await segops.products.bulk_upsert(rows(200), chunk_size=10, concurrency=8)

    assert figures(result) == (200, 0, 0)
    assert result.retries == struck.hits > 0
    assert len(await stored(segops)) == 200


@pytest.mark.parametrize("rule", RESETS.values(), ids=RESETS)
async def test_storm_of_cut_connections_is_outlasted(segops, fault, emulator, seen, rule):
    """A cut after processing is the dangerous one: the repeat carries the same key and the same body."""
    fault(method="POST", path=BULK, times=4, after=2, **rule)
    result = await segops.products.bulk_upsert(rows(80), chunk_size=10, concurrency=4)

    assert figures(result) == (80, 0, 0)
    assert result.retries == 4
    assert await stored(segops) == {row["sku"]: row["name"] for row in rows(80)}
    keys = {entry.idempotency_key for entry in seen(path=BULK)}
    assert len(keys) == 8
    assert len(seen(path=BULK)) == 12
    assert all(len({use.body_hash for use in emulator.ledger[key]}) == 1 for key in keys)


async def test_every_attempt_of_a_chunk_carries_one_key_and_one_body(at_raw, raw):
    """Whatever went wrong with the attempt before."""
    cut_short = [reply(200, b"{}", length=10), CLOSE]
    raw.script(cut_short, RESET, reply(429, retry_after=0), reply(503, b"", retry_after=0), took)
    result = await at_raw().products.bulk_upsert(rows(3))

    assert len({request.headers["idempotency-key"] for request in raw.requests}) == 1
    assert len({request.body for request in raw.requests}) == 1
    assert result.retries == len(raw.requests) - 1 == 4


async def test_two_imports_of_the_same_rows_have_other_keys(at_raw, raw):
    """A catalogue that is set back to yesterday's values is another call, not a repeat of the first."""
    raw.script(took)
    segops = at_raw()
    for _ in range(2):
        await segops.products.bulk_upsert(rows(3))

    first, second = (request.headers["idempotency-key"] for request in raw.requests)
    assert first != second


async def test_equal_chunks_of_one_import_have_other_keys(at_raw, raw):
    """The same rows again, later in the file, are no repeat: they undo what came in between."""
    raw.script(took)
    one, other = {"sku": "A", "name": "one"}, {"sku": "A", "name": "other"}
    await at_raw().products.bulk_upsert([one, other, one], chunk_size=1, idempotency_key="mine")

    assert len({request.headers["idempotency-key"] for request in raw.requests}) == 3


async def test_server_gone_for_good_stops_the_import_and_says_how_far_it_came(at_raw, raw):
    """Patience ends; with retries switched off, at once."""
    raw.script(took, took, reply(503, {"detail": "Gone."}))
    with pytest.raises(BulkUpsertError, match="20 of 20") as caught:
        await at_raw(max_retries=0).products.bulk_upsert(rows(50), chunk_size=10, concurrency=1)

    assert isinstance(caught.value.__cause__, SegOpsServerError)
    assert figures(caught.value.result) == (20, 0, 0)


async def test_server_that_is_not_there_stops_the_import(connect):
    """Nothing listens on the port."""
    segops = connect(base_url="http://127.0.0.1:9/api", max_retries=0)
    with pytest.raises(BulkUpsertError, match="could not connect") as caught:
        await segops.products.bulk_upsert(rows(5))

    assert isinstance(caught.value.__cause__, SegOpsConnectionError)


async def test_objections_narrow_what_is_in_flight(at_raw, raw):
    """Eight at once, then a windowful of 503: those chunks come back a few at a time, not all eight together."""
    count, in_flight = itertools.count(), []

    def answer(request):
        number = next(count)
        in_flight.append(raw._in_flight)
        if 40 <= number < 48:
            return [0.05, reply(503, b"", retry_after=0)]
        return [0.02, took(request)]

    raw.script(answer)
    result = await at_raw().products.bulk_upsert(rows(1000), chunk_size=10, concurrency=8)

    assert result.stored == 1000
    assert max(in_flight[:40]) == 8
    assert max(in_flight[48:56]) <= 4


async def test_throttled_tenant_is_brought_in_at_the_servers_pace(segops, emulator, seen, fault):
    """A 429 with a hint pauses the whole client, so that one refusal is not eight."""
    fault(method="POST", path=BULK, status=429, retry_after=0.3, times=1, after=10)
    await segops.products.bulk_upsert(rows(400), chunk_size=10, concurrency=8)

    refused = [entry.status for entry in seen(path=BULK)].count(429)
    assert refused == 1
    assert len(await stored(segops)) == 400


@attrs.define
class Server:
    """A window, and a clock for it."""

    window: Window
    now: float = 0.0

    def answers(self, times, took_s=0.1):
        for _ in range(times):
            self.now += took_s
            self.window.succeeded(self.now, took_s)
        return self.window.size

    def objects(self, times=1, took_s=0.1):
        for _ in range(times):
            self.now += took_s
            self.window.narrow(self.now, took_s)
        return self.window.size


def test_window_begins_at_its_bound_and_goes_no_further():
    """The caller has said how much may be asked of the server; twenty chunks are gone before a slow start is over."""
    server = Server(Window(8))

    assert server.window.size == 8
    assert server.answers(20) == 8
    assert Window(1).size == 1


def test_window_halves_with_an_objection_and_never_closes():
    """A closed window would never learn that the server is well again."""
    server = Server(Window(8))
    server.answers(20)

    assert [server.objects() for _ in range(5)] == [4, 2, 1, 1, 1]


def test_objections_within_one_round_trip_are_one_objection():
    """Eight requests refused together say the same thing once."""
    server = Server(Window(8))
    server.answers(20)
    for _ in range(8):
        server.window.narrow(server.now, 0.5)

    assert server.window.size == 4


def test_window_widens_by_one_per_windowful_after_an_objection():
    """Additive increase: from 4 to 5 takes about four answers."""
    server = Server(Window(8))
    server.answers(20)
    server.objects()

    assert [server.answers(1) for _ in range(5)] == [4, 4, 4, 4, 5]
    assert server.answers(100) == 8


def test_rising_latency_narrows_before_the_server_refuses():
    """A queue at the server shows in its answers' time; jitter of a few milliseconds does not count."""
    server = Server(Window(8))
    server.answers(20, took_s=0.02)

    assert server.answers(5, took_s=0.2) == 8
    assert server.answers(1, took_s=0.5) == 4


def test_one_quick_request_does_not_make_the_others_late():
    """A chunk of a single row is back at once; what is usual is found again after a few of the usual size."""
    server = Server(Window(8))
    server.answers(1, took_s=0.002)
    server.answers(10, took_s=0.5)

    assert server.answers(60, took_s=0.5) == 8


async def test_our_own_quota_is_no_objection_of_the_servers(at_raw, raw):
    """Chunks wait for their places; nothing is counted as a retry, and the client's timeout is about the server."""
    raw.script(took)
    segops = at_raw(rate_limit=Quota(3, 0.4), timeout=0.3)
    result = await segops.products.bulk_upsert(rows(90), chunk_size=10, concurrency=4)

    assert figures(result) == (90, 0, 0)
    assert result.retries == 0
    assert len(raw.requests) == 9
