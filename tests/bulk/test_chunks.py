"""How rows become requests: by count, by bytes, in their order, and only as fast as they are sent."""

import asyncio
import time

import pytest
from bulk.kit import BULK, figures, rows, sent, took
from rawserver import reply

from segops_admin import AsyncSegOpsAdmin, SegOpsConfigError, SegOpsInputError


async def test_chunks_hold_at_most_so_many_rows(at_raw, raw):
    """The server's patience is per request."""
    raw.script(took)
    result = await at_raw().products.bulk_upsert(rows(23), chunk_size=10, concurrency=1)

    assert [len(skus) for skus in sent(raw)] == [10, 10, 3]
    assert [sku for skus in sent(raw) for sku in skus] == [row["sku"] for row in rows(23)]
    assert figures(result) == (23, 0, 0)
    assert (result.chunks, result.created) == (3, 23)


async def test_list_that_fits_in_one_chunk_is_one_request_with_the_callers_key(at_raw, raw):
    """As the published package sends it."""
    raw.script(took)
    await at_raw().products.bulk_upsert(rows(500), idempotency_key="mine")

    (request,) = raw.requests
    assert request.json() == {"products": rows(500)}
    assert request.headers["idempotency-key"] == "mine"


@pytest.mark.parametrize("max_bytes", [200, 1000, 5000])
async def test_chunks_hold_at_most_so_many_bytes(at_raw, raw, max_bytes):
    """A server refuses bodies above its limit, whatever their number of rows."""
    raw.script(took)
    many = [{"sku": f"S{n}", "name": "ø" * (n % 40)} for n in range(120)]
    result = await at_raw().products.bulk_upsert(many, max_bytes=max_bytes, concurrency=1)

    assert max(len(request.body) for request in raw.requests) <= max_bytes
    assert [sku for skus in sent(raw) for sku in skus] == [row["sku"] for row in many]
    assert figures(result) == (120, 0, 0)


async def test_chunks_are_filled_up_to_the_limit(at_raw, raw):
    """Half-empty requests would cost calls of the quota: 111 bytes hold three rows of 31 in their 17 of wrapping."""
    raw.script(took)
    await at_raw().products.bulk_upsert(rows(9), max_bytes=111, concurrency=1)

    assert [len(skus) for skus in sent(raw)] == [3, 3, 3]
    assert {len(request.body) for request in raw.requests} == {15 + 3 * 31 + 2}


async def test_row_larger_than_the_limit_goes_in_a_chunk_of_its_own(at_raw, raw):
    """The limit is ours; the server may well take it."""
    raw.script(took)
    many = [*rows(2), {"sku": "BIG", "name": "x" * 4000}, *rows(2, start=2)]
    result = await at_raw().products.bulk_upsert(many, max_bytes=1000, concurrency=1)

    assert sent(raw) == [["S00000", "S00001"], ["BIG"], ["S00002", "S00003"]]
    assert figures(result) == (5, 0, 0)


async def test_rows_are_read_only_as_fast_as_they_are_sent(at_raw, raw):
    """Ten million rows must not pile up before a slow server: at most what is in flight, and one chunk more."""
    read, arrived, leads = 0, 0, []

    def source():
        nonlocal read
        for row in rows(2000):
            read += 1
            yield row

    def slowly(request):
        nonlocal arrived
        leads.append(read - arrived)
        arrived += 20
        return [0.001, took(request)]

    raw.script(slowly)
    result = await at_raw().products.bulk_upsert(source(), chunk_size=20, concurrency=4)

    assert result.stored == read == 2000
    assert max(leads) <= (4 + 1) * 20
    assert raw.most_in_flight <= 4


async def test_first_chunk_leaves_while_a_slow_source_is_still_read(at_raw, raw):
    """Not only once all chunks that may be in flight have been read."""
    arrived = []

    def slow_rows():
        for number in range(24):
            time.sleep(0.012)  # as one that reads from a disk does, the loop with it
            arrived.append(len(raw.requests))
            yield from rows(10, start=10 * number)

    raw.script(took)
    await at_raw().products.bulk_upsert(slow_rows(), chunk_size=10, concurrency=24)

    assert arrived[-1] > 0


async def test_slow_source_does_not_hold_up_chunks_that_follow_what_landed_together(raw):
    """Eight answers come at once, so that eight chunks follow: the first of them leaves before the last is read."""
    together, arrived = asyncio.Event(), []

    def slow_rows():
        for number in range(17):
            time.sleep(0.012)
            arrived.append(len(raw.requests))
            yield from rows(10, start=10 * number)

    def answer(request):
        if len(raw.requests) == 9:
            together.set()
        return took(request) if b"S00000" in request.body else [together, took(request)]

    raw.script(answer)
    async with AsyncSegOpsAdmin("sk_test_raw", base_url=raw.url) as segops:
        await segops.products.bulk_upsert(slow_rows(), chunk_size=10, concurrency=8)

    assert arrived[-1] > 9


async def test_next_chunk_is_read_while_one_is_on_its_way(raw):
    """So that it leaves when there is room; here the server answers only once it has been read."""
    is_read = asyncio.Event()

    def source():
        yield from rows(15)
        is_read.set()
        yield from rows(5, start=15)

    raw.script(lambda request: [is_read, took(request)])
    async with AsyncSegOpsAdmin("sk_test_raw", base_url=raw.url, timeout=5, max_retries=0) as segops:
        result = await segops.products.bulk_upsert(source(), chunk_size=10, concurrency=1)

    assert (result.stored, raw.most_in_flight) == (20, 1)


async def test_chunk_is_told_while_the_source_rests(raw):
    """A source that is awaited may rest for long: what has landed, or failed, is not held back by it."""
    raw.script(took)
    is_told = asyncio.Event()

    async def source():
        for row in rows(10):
            yield row
        await is_told.wait()
        yield {"sku": "LAST"}

    async with AsyncSegOpsAdmin("sk_test_raw", base_url=raw.url) as segops:
        told = []
        async for chunk in segops.products.bulk_upsert_stream(source(), chunk_size=10, concurrency=1):
            told.append(chunk.rows)
            is_told.set()
    assert told == [10, 1]


async def test_stream_reads_no_further_than_its_reader(at_raw, raw):
    """Who takes the chunks slowly is not run ahead of: what is in flight goes on, nothing new is begun."""
    read = 0

    async def source():
        nonlocal read
        for row in rows(1000):
            read += 1
            yield row

    raw.script(took)
    stream = at_raw().products.bulk_upsert_stream(source(), chunk_size=10, concurrency=3)
    assert (read, raw.requests) == (0, [])

    taken = 0
    async for chunk in stream:
        taken += chunk.rows
        assert read <= taken + 10 * (3 + 3)
    assert taken == read == 1000


async def test_no_more_than_concurrency_requests_are_in_flight(at_raw, raw):
    """One API quota is shared by all workers; and the window does open that far."""
    raw.script(lambda request: [0.005, took(request)])
    await at_raw().products.bulk_upsert(rows(600), chunk_size=10, concurrency=6)

    assert raw.most_in_flight == 6


async def test_empty_sources_send_nothing(at_raw, raw):
    """Nightly jobs meet empty deltas."""
    result = await at_raw().products.bulk_upsert(iter(()))

    assert figures(result) == (0, 0, 0)
    assert result.chunks == 0
    assert raw.requests == []


async def test_row_without_json_form_is_told_and_the_rest_of_its_chunk_goes_in(at_raw, raw):
    """NaN would become null in silence, an object has no form at all; neither may cost the other rows."""
    raw.script(took)
    many = [
        {"sku": "A", "name": "a"},
        {"sku": "B", "name": "b", "price": float("nan")},
        {"sku": "C", "name": "c", "thing": object()},
        {"sku": "D", "name": "d", "deep": [{"x": float("inf")}]},
        {"name": "no sku"},
        {"sku": "", "name": "empty"},
        {"sku": None, "name": "none"},
        {"sku": True, "name": "boolean"},
        "no row at all",
        None,
        {"sku": "E", "name": None},
        {"sku": 7, "name": "a number"},
    ]
    result = await at_raw().products.bulk_upsert(many)

    assert [row["sku"] for row in raw.requests[0].json()["products"]] == ["A", "E", 7]
    assert figures(result) == (3, 0, 9)
    told = [(row.index, row.sku) for row in result.failed]
    assert told == [(1, "B"), (2, "C"), (3, "D"), *((place, None) for place in range(4, 10))]
    assert all(row.reason for row in result.failed)


async def test_chunk_of_which_nothing_can_be_sent_is_not_sent(at_raw, raw):
    """An empty request would cost a call."""
    result = await at_raw().products.bulk_upsert([{"name": "no sku"}] * 3)

    assert raw.requests == []
    assert figures(result) == (0, 0, 3)


async def test_answer_that_counts_nothing_still_counts_as_stored(at_raw, raw):
    """The shape of the answer is not documented: a row that is not blamed is stored."""
    raw.script(reply(200, {}))
    result = await at_raw().products.bulk_upsert(rows(5))

    assert figures(result) == (5, 0, 0)
    assert (result.created, result.updated) == (0, 0)


@pytest.mark.parametrize("name", ["chunk_size", "max_bytes", "concurrency"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "10", True, None])
async def test_limits_must_be_positive_integers(segops, seen, name, value):
    """Told before anything is sent."""
    with pytest.raises(SegOpsConfigError, match=name):
        await segops.products.bulk_upsert(rows(1), **{name: value})

    assert not seen(path=BULK)


@pytest.mark.parametrize("value", [b"bytes", {"sku": "A", "name": "a"}, 7, None])
async def test_what_is_no_source_of_rows_is_refused(segops, value):
    """A single row in the list's place is the usual slip."""
    with pytest.raises(SegOpsInputError, match="rows"):
        await segops.products.bulk_upsert(value)


async def test_unknown_word_for_on_error_is_refused(segops):
    """A typo must not mean the default."""
    with pytest.raises(SegOpsInputError, match="on_error"):
        await segops.products.bulk_upsert(rows(1), on_error="ignore")


async def test_callers_key_is_sent_bare_only_for_the_whole(at_raw, raw):
    """A list that the byte limit cuts goes under several keys: a server that replays by key would drop all but one."""
    raw.script(took)
    result = await at_raw().products.bulk_upsert(rows(20), max_bytes=200, idempotency_key="mine")
    keys = [request.headers["idempotency-key"] for request in raw.requests]

    assert len(set(keys)) == len(keys) == result.chunks > 1
    assert "mine" not in keys
    await at_raw().products.bulk_upsert(rows(20), max_bytes=200, idempotency_key="mine")
    assert {request.headers["idempotency-key"] for request in raw.requests} == set(keys)
