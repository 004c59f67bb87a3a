"""A sku that occurs more than once ends with its last row's values, whatever the concurrency."""

import asyncio
import json
import random

import pytest
from bulk.kit import figures, rows, stored, took


async def test_inside_a_chunk_the_last_row_wins_and_the_others_are_counted(at_raw, raw):
    """The server's own order inside a request is not documented, so only one row of a sku is sent."""
    raw.script(took)
    many = [{"sku": sku, "name": f"{sku}{number}"} for number, sku in enumerate("ABACAB")]
    result = await at_raw().products.bulk_upsert(many)

    assert {row["sku"]: row["name"] for row in raw.requests[0].json()["products"]} == {"A": "A4", "B": "B5", "C": "C3"}
    assert len(raw.requests[0].json()["products"]) == 3
    assert figures(result) == (3, 3, 0)


async def test_refused_row_is_told_at_its_place_among_replaced_ones(segops):
    """The index is the caller's, not the request's."""
    many = [{"sku": "A", "name": "old"}, {"sku": "B"}, {"sku": "A", "name": "new"}, {"sku": "C"}]
    result = await segops.products.bulk_upsert(many)

    assert [(row.index, row.sku) for row in result.failed] == [(1, "B"), (3, "C")]
    assert figures(result) == (1, 1, 2)
    assert await stored(segops) == {"A": "new"}


@pytest.mark.parametrize("seed", range(3))
async def test_over_chunks_the_last_row_wins_at_full_concurrency(segops, fault, seed):
    """Chunks overtake one another on the way: answers are delayed at random, skus come back at any distance."""
    fault(method="POST", path="/pim/products/bulk/", delay=0.02, probability=0.4, seed=seed)
    dice = random.Random(seed)
    many = [{"sku": f"S{dice.randrange(150)}", "name": f"row {number}"} for number in range(1200)]
    result = await segops.products.bulk_upsert(iter(many), chunk_size=20, concurrency=8)

    assert await stored(segops) == {row["sku"]: row["name"] for row in many}
    assert result.failed_count == 0
    assert result.stored + result.skipped == 1200


async def test_retried_chunk_does_not_overtake_a_later_row_of_its_sku(segops, fault):
    """What was processed but not answered is sent again: the next chunk with the sku must not go in between."""
    for after in (1, 5, 8):
        fault(method="POST", path="/pim/products/bulk/", drop="after", times=1, after=after)
    many = [{"sku": f"S{number % 7}", "name": f"row {number}"} for number in range(70)]
    result = await segops.products.bulk_upsert(many, chunk_size=5, concurrency=8)

    assert result.retries == 3
    assert await stored(segops) == {row["sku"]: row["name"] for row in many}


async def test_chunks_that_share_a_sku_are_never_in_flight_together(at_raw, raw):
    """The rule behind it, seen on the wire: every chunk has the sku SHARED."""
    raw.script(lambda request: [0.002, took(request)])
    many = [row for number in range(20) for row in [*rows(9, start=9 * number), {"sku": "SHARED", "name": str(number)}]]
    await at_raw().products.bulk_upsert(many, chunk_size=10, concurrency=8)

    assert raw.most_in_flight == 1
    assert [request.json()["products"][-1] for request in raw.requests] == [
        row for row in many if row["sku"] == "SHARED"
    ]


async def test_slow_chunk_holds_up_only_those_that_share_its_sku(at_raw, raw):
    """Nine chunks come and go while the first one is still on its way."""
    raw.script(lambda request: [0.3 if b"S00000" in request.body else 0, took(request)])
    stream = at_raw().products.bulk_upsert_stream(rows(100), chunk_size=10, concurrency=2)
    told = [chunk.first async for chunk in stream]

    assert told[-1] == 0
    assert sorted(told) == list(range(0, 100, 10))


@pytest.mark.parametrize("shared", ["S00000", "S00004", "S00009"])
@pytest.mark.parametrize("between", [0, 2, 3], ids=lambda chunks: f"{chunks} chunks between")
async def test_chunk_that_shares_a_sku_waits_however_the_source_is_ordered(at_raw, raw, shared, between):
    """The slow first chunk is followed by chunks in ascending order, then by one that falls back, or by it at once."""
    is_answered, was_answered = asyncio.Event(), []

    def answer(request):
        if b'"row 1"' in request.body:
            asyncio.get_running_loop().call_later(0.05, is_answered.set)
            return [is_answered, took(request)]
        if b'"again"' in request.body:
            was_answered.append(is_answered.is_set())
        return took(request)

    raw.script(answer)
    last = [{"sku": shared, "name": "again"}, *rows(9, start=100)]
    await at_raw().products.bulk_upsert([*rows(10 * (1 + between)), *last], chunk_size=10, concurrency=4)

    assert was_answered == [True]


async def test_last_row_wins_however_far_apart_in_a_chunk(at_raw, raw):
    """Rows are encoded by the handful; what one of them brings to light concerns the whole chunk."""
    raw.script(took)
    many = rows(250)
    many[240] = {"sku": "S00003", "name": "last"}
    many[150] = {"sku": 7, "name": "an integer"}
    many[120] = {"name": "no sku"}
    many[220] = {"sku": "S00220", "name": {1, 2}}
    result = await at_raw().products.bulk_upsert([*many, *rows(250, start=250)], chunk_size=250, concurrency=1)

    assert [(row.index, row.sku) for row in result.failed] == [(120, None), (220, "S00220")]
    assert figures(result) == (497, 1, 2)
    expected = [row for at, row in enumerate(many) if at not in (3, 120, 220)]
    assert [request.json()["products"] for request in raw.requests] == [expected, rows(250, start=250)]


SAME = [("A ", "A"), ("A", "\tA"), (7, "7"), ("7 ", 7), ("A B ", "A B")]


@pytest.mark.parametrize(("one", "other"), SAME, ids=repr)
async def test_skus_that_the_server_takes_for_one_are_one(at_raw, raw, one, other):
    """It trims text and stores an integer as text; over chunks the later row waits, inside a chunk it wins."""
    raw.script(lambda request: [0.05 if b"first" in request.body else 0, took(request)])
    many = [{"sku": one, "name": "first"}, {"sku": other, "name": "last"}]
    await at_raw().products.bulk_upsert(iter(many), chunk_size=1, concurrency=4)
    assert [json.loads(request.body)["products"][0]["name"] for request in raw.requests] == ["first", "last"]
    assert raw.most_in_flight == 1

    raw.requests.clear()
    result = await at_raw().products.bulk_upsert(many)
    assert [json.loads(request.body)["products"] for request in raw.requests] == [[many[1]]]
    assert figures(result) == (1, 1, 0)


@pytest.mark.parametrize("sku", ["", "  ", None, True, 1.0, ["A"]], ids=repr)
async def test_row_without_a_usable_sku_is_told_and_not_sent(at_raw, raw, sku):
    """Alone in its chunk or beside others, by the same rule."""
    raw.script(took)
    for many in ([{"sku": sku}], [{"sku": sku}, {"sku": "A"}, {"sku": "A"}]):
        result = await at_raw().products.bulk_upsert(many)
        assert [row.index for row in result.failed] == [0]
        assert "sku" in result.failed[0].reason
    assert [json.loads(request.body)["products"] for request in raw.requests] == [[{"sku": "A"}]]
