"""Walking numbered lists: read ahead, in order, each page once, and no further than asked (design, section 3)."""

import asyncio
import urllib.parse
import uuid

import anyio
import pytest
from rawserver import HANG, reply

from segops_admin import AsyncSegOpsAdmin, SegOpsPermissionError

TOTAL = 2000


@pytest.fixture(scope="module")
def crowded(emulator):
    """A tenant with 2,000 segments, read by several tests and changed by none."""
    tenant = emulator.create_tenant(requests_per_minute=10**6)

    async def fill():
        async with AsyncSegOpsAdmin(tenant.api_key, base_url=emulator.base_url) as segops:
            for start in range(0, TOTAL, 100):
                names = [f"s{number}" for number in range(start, start + 100)]
                await asyncio.gather(*(segops.segments.create(name=name) for name in names))

    anyio.run(fill)
    return tenant


@pytest.fixture
def walker(connect, crowded, emulator):
    """A client on the 2,000 segments, and a function that tells which pages it asked for."""
    mark = uuid.uuid4().hex
    segops = connect(api_key=crowded.api_key, headers={"X-Walk": mark})

    def pages_asked():
        mine = [r for r in emulator.requests.matching(tenant=crowded.slug) if r.headers.get("X-Walk") == mark]
        return [int(r.query.get("page", 1)) for r in mine]

    return segops, pages_asked


@pytest.mark.parametrize("page_size", [7, 100, 200])
async def test_two_thousand_segments_come_once_each_and_in_order(walker, page_size):
    """The order is the server's, however many pages are on their way at once."""
    segops, pages_asked = walker
    ids = [s.id async for s in segops.segments.iterate(page_size=page_size)]

    assert len(ids) == TOTAL
    assert ids == sorted(set(ids))
    assert sorted(pages_asked()) == list(range(1, -(-TOTAL // page_size) + 1))


async def test_taking_one_item_costs_one_page(walker):
    """Most who leave a loop early leave it at once; the quota is theirs."""
    segops, pages_asked = walker
    reader = segops.segments.iterate(page_size=50)
    async for _ in reader:
        break
    await reader.aclose()

    assert pages_asked() == [1]


async def test_nothing_is_sent_before_the_first_item_is_asked_for(segops, seen):
    """Making a reader is free."""
    await segops.segments.iterate().aclose()

    assert not seen()


async def test_walk_may_start_on_a_later_page(walker):
    """`iterate({"page": 3})` of the published package starts there."""
    segops, pages_asked = walker
    ids = [s.id async for s in segops.segments.iterate({"page": 3, "page_size": 200})]

    assert len(ids) == TOTAL - 400
    assert min(pages_asked()) == 3


async def test_pages_are_walked_as_pages(walker):
    """For who counts or stores page by page."""
    segops, _ = walker
    sizes = [len(page) async for page in segops.segments.iterate(page_size=150).pages()]

    assert sizes == [150] * 13 + [50]


async def test_two_walks_at_once_do_not_disturb_each_other(walker):
    """One client is shared by all requests of a process."""
    segops, _ = walker
    first, second = segops.segments.iterate(page_size=100), segops.segments.iterate(page_size=200)
    ids = [(segment.id, (await anext(second)).id) async for segment in first]

    assert len(ids) == TOTAL
    assert all(one == other for one, other in ids)


async def test_empty_list_is_an_empty_walk(segops, seen):
    """One request, no items."""
    assert [s async for s in segops.segments.iterate()] == []
    assert len(seen()) == 1


def page_number(request):
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.target).query))
    return int(query.get("page", 1))


def envelope(number, last):
    """Page `number` of `last`, two items each, as the service writes it."""
    results = [{"id": number * 10 + offset, "name": "n"} for offset in range(2)]
    following = f"/api/segments/?page_size=2&page={number + 1}" if number < last else None
    return {"count": last * 2, "next": following, "previous": None, "results": results}


async def test_leaving_early_cancels_what_is_in_flight(at_raw, raw):
    """The server sees the connection go instead of answering nobody."""
    raw.script(lambda request: reply(200, envelope(number, 9)) if (number := page_number(request)) < 4 else HANG)
    reader = at_raw().segments.iterate(page_size=2)
    taken = []
    async for segment in reader:
        taken.append(segment.id)
        if len(taken) == 5:
            break
    await reader.aclose()

    assert taken == [10, 11, 20, 21, 30]
    if max(map(page_number, raw.requests)) > 3:
        await asyncio.wait_for(raw.cut.wait(), timeout=10)


async def test_pages_are_fetched_side_by_side(at_raw, raw):
    """A page that waits for the one after the next to be asked for would wait for ever if they came one by one."""
    asked = {number: asyncio.Event() for number in range(1, 31)}

    def answer(request):
        number = page_number(request)
        asked[number].set()
        return [*([asked[number + 1]] if number == 20 else []), reply(200, envelope(number, 30))]

    raw.script(answer)
    ids = [s.id async for s in at_raw().segments.iterate(page_size=2, concurrency=3)]

    assert ids == [number * 10 + offset for number in range(1, 31) for offset in range(2)]


@pytest.mark.parametrize("concurrency", [1, 2, 4])
async def test_no_more_pages_are_in_flight_than_allowed(at_raw, raw, concurrency):
    """`concurrency` is the most, also for a caller who is faster than the server."""
    raw.script(lambda request: [0.005, reply(200, envelope(page_number(request), 40))])
    ids = [s.id async for s in at_raw().segments.iterate(page_size=2, concurrency=concurrency)]

    assert len(ids) == 80
    assert raw.most_in_flight <= concurrency


async def test_caller_who_stops_consuming_stops_the_reading(at_raw, raw):
    """Memory holds a window, not the list."""
    raw.script(lambda request: reply(200, envelope(page_number(request), 500)))
    segops = at_raw()
    reader = segops.segments.iterate(page_size=2, concurrency=4)
    for _ in range(11):
        await anext(reader)
    for _ in range(50):
        await segops.http.request("GET", "/pause/")
    walked = [r for r in raw.requests if "/segments/" in r.target]
    await reader.aclose()

    assert len(walked) <= 6 + 4


async def test_list_that_shrinks_on_the_way_ends_the_walk(at_raw, raw):
    """Past the new end the service answers 404 "Invalid page.": that is an end, not an error."""

    def answer(request):
        number = page_number(request)
        if number < 4:
            return reply(200, envelope(number, 9))
        return reply(404, {"detail": "Invalid page."})

    raw.script(answer)
    ids = [s.id async for s in at_raw().segments.iterate(page_size=2)]

    assert ids == [10, 11, 20, 21, 30, 31]


async def test_list_that_grows_on_the_way_is_walked_to_its_new_end(at_raw, raw):
    """`next` decides, not the count of the first page."""
    raw.script(lambda request: reply(200, envelope(page_number(request), min(2 + page_number(request), 6))))
    ids = [s.id async for s in at_raw().segments.iterate(page_size=2)]

    assert ids == [number * 10 + offset for number in range(1, 7) for offset in range(2)]


async def test_page_that_fails_raises_and_the_walk_can_go_on_there(at_raw, raw):
    """Nothing is skipped: after the error the reader goes on with the page that failed."""
    failed = []

    def answer(request):
        number = page_number(request)
        if number == 3 and not failed:
            failed.append(number)
            return reply(403, {"detail": "Not today."})
        return reply(200, envelope(number, 5))

    raw.script(answer)
    reader = at_raw().segments.iterate(page_size=2)
    ids = [(await anext(reader)).id for _ in range(4)]
    with pytest.raises(SegOpsPermissionError):
        await anext(reader)
    ids += [segment.id async for segment in reader]

    assert ids == [number * 10 + offset for number in range(1, 6) for offset in range(2)]
