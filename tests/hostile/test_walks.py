"""Lists that lie, loop or never end: a walk ends, tells, or stops at its deadline, and goes nowhere else."""

import contextlib
import urllib.parse

import pytest
from rawserver import CLOSE, HANG, RawServer, reply

import segops_admin
from segops_admin import SegOpsDecodeError, SegOpsError, SegOpsTimeoutError

BOUND = 60
"""More requests than any walk here may need."""


def query_of(request):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.target).query))


def item(number):
    return {"id": number, "name": "a"}


def envelope(items, following, **more):
    return reply(200, {"count": 4, "next": following, "previous": None, "results": items, **more})


async def walked(segops, **options):
    return [segment.id async for segment in segops.segments.iterate(**options)]


@pytest.mark.parametrize("length", [1, 2, 3, 7])
async def test_circle_of_links_ends(at_raw, raw, length):
    """Not only the link to itself: any circle, after its first round."""
    raw.script(
        lambda request: envelope(
            [item(number := int(query_of(request).get("at", 0)))], f"/api/segments/?at={(number + 1) % length}"
        )
    )
    ids = await walked(at_raw())

    assert ids[:length] == list(range(length))
    assert len(raw.requests) <= 2 * length + 2


@pytest.mark.parametrize("length", [1, 2, 5])
async def test_circle_of_cursors_ends(at_raw, raw, length):
    """The same for members."""

    def answer(request):
        number = int(query_of(request).get("cursor", 0))
        return reply(200, {"user_ids": [f"u{number}"], "next_cursor": str((number + 1) % length)})

    raw.script(answer)
    members = [member async for member in at_raw().segments.iterate_members(1)]

    assert len(members) >= length
    assert len(raw.requests) <= 2 * length + 2


async def test_list_without_end_stops_where_the_caller_does(at_raw, raw):
    """Nobody can know that a list never ends; taking a few costs a few pages, and a deadline ends the rest."""

    def answer(request):
        number = int(query_of(request).get("page", 1))
        return [0.01, envelope([item(number)], f"/api/segments/?page={number + 1}", count=10**12)]

    raw.script(answer)
    segops = at_raw()
    reader = segops.segments.iterate(concurrency=4)
    taken = [(await anext(reader)).id for _ in range(10)]
    await reader.aclose()
    assert taken == list(range(1, 11))
    assert len(raw.requests) <= 20

    with segops_admin.deadline(0.4), pytest.raises(SegOpsTimeoutError):
        await walked(segops)


@pytest.mark.parametrize(
    "count", [-1, 0, 1, 3, 10**6, 10**300, None, "4", 4.5, [], True], ids=lambda value: str(value)[:10]
)
async def test_count_that_lies_loses_and_invents_nothing(at_raw, raw, count):
    """`next` decides; the count only says how far ahead to read."""

    def answer(request):
        number = int(query_of(request).get("page", 1))
        if number > 3:
            return reply(404, {"detail": "Invalid page."})
        return envelope([item(number)], f"/api/segments/?page={number + 1}" if number < 3 else None, count=count)

    raw.script(answer)
    try:
        ids = await walked(at_raw())
    except SegOpsDecodeError:
        assert count in ("4", 4.5, [])
    else:
        assert ids == [1, 2, 3]
    assert len(raw.requests) <= 3 + 4


WRONG = {
    "null items": {"results": [None, item(1)]},
    "numbers": {"results": [1, 2]},
    "results null": {"results": None},
    "results text": {"results": "abc"},
    "results object": {"results": {"0": item(1)}},
    "no results": {"count": 0},
    "lists in lists": {"results": [[item(1)]]},
}


@pytest.mark.parametrize("body", WRONG.values(), ids=WRONG.keys())
async def test_page_that_holds_no_segments_is_a_decode_error(at_raw, raw, body):
    """On the first page and on a later one; what came before it was given out."""
    raw.script(reply(200, {"count": 1, "next": None, **body}))
    with pytest.raises(SegOpsDecodeError):
        await walked(at_raw())

    raw.script(envelope([item(1)], "/api/segments/?page=2"), reply(200, {"count": 1, "next": None, **body}))
    reader = at_raw().segments.iterate()
    assert (await anext(reader)).id == 1
    with pytest.raises(SegOpsDecodeError):
        await anext(reader)


LINKS = [
    5, True, [], {}, "", "?", "#", "//", "http://[::1", "page=2", "?page=", "?page=-1", "?page=99999999999999999999999",
    "?page=1e9", "?page=\u0662", "?page=2&page=3", "?api_key=x", "javascript:alert(1)", "\x00?\x00=\x00", "?a=\ud83d",
    "?page=2#" + "x" * 5000, "http://user:secret@127.0.0.1/?page=2", "?" + "&".join(f"a{n}=1" for n in range(3000)),
]  # fmt: skip


@pytest.mark.parametrize("link", LINKS, ids=lambda value: repr(value)[:20])
async def test_link_of_nonsense_ends_the_walk_or_is_an_error_of_ours(at_raw, raw, link):
    """Whatever stands in `next`, only its query is used, and on the same path."""
    raw.script(envelope([item(1)], link), envelope([], None))
    try:
        ids = await walked(at_raw(max_retries=0))
    except SegOpsError:
        ids = [1]

    assert ids[0] == 1
    assert len(raw.requests) <= 6
    assert {request.target.partition("?")[0] for request in raw.requests} == {"/api/segments/"}


@pytest.mark.parametrize(
    "cursor", [5, 0, "", " ", "a&b=c", "a\r\nb", "\ud83d", True, 1.5, [], {}, "x" * 5000], ids=lambda v: repr(v)[:12]
)
async def test_cursor_of_nonsense_stays_one_value(at_raw, raw, cursor):
    """It is the server's own secret text: sent back percent-encoded, or the end."""
    raw.script(
        reply(200, {"user_ids": ["u"], "next_cursor": cursor}), reply(200, {"user_ids": [], "next_cursor": None})
    )
    try:
        members = [member async for member in at_raw(max_retries=0).segments.iterate_members(1)]
    except SegOpsError:
        members = ["u"]

    assert len(members) == 1
    assert len(raw.requests) <= 2
    assert all(set(query_of(request)) <= {"cursor", "limit"} for request in raw.requests)


ENDS = {
    "no list": reply(200, {"count": 0}),
    "no JSON": reply(200, b"<html>"),
    "wrong items": reply(200, {"results": [1]}),
    "refused": reply(414, b"Too long."),
    "cut": CLOSE,
    "silence": HANG,
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize("style", ["link", "cursor"])
async def test_link_of_any_length_fills_no_message(at_raw, raw, style, end):
    """What the server put into it is sent back, and not told to every log."""
    long = "x" * 40_000
    way = {"next": f"/api/segments/?cursor={long}"} if style == "link" else {"next_cursor": long}
    raw.script(reply(200, {"results": [item(1)], **way}), end)
    reader = at_raw(max_retries=0, timeout=2).segments.iterate()
    await anext(reader)
    with pytest.raises(SegOpsError) as caught:
        await anext(reader)

    assert long in raw.requests[1].target
    assert len(str(caught.value)) < 1000


async def test_key_follows_no_link_to_another_server(at_raw, raw):
    """Walk, redirect and cursor: the other server is never even connected to."""
    async with RawServer() as other:
        raw.script(
            envelope([item(1)], f"{other.url}/segments/?page=2"),
            reply(307, location=f"{other.url}/segments/?page=2"),
        )
        with contextlib.suppress(SegOpsError):
            await walked(at_raw(max_retries=0))

        assert other.connections == 0


async def test_list_that_shrinks_while_it_is_walked_ends(at_raw, raw):
    """Rows deleted behind us move the rest forward; a page past the new end is an end, not an error."""
    left = list(range(1, 31))

    def answer(request):
        number, size = int(query_of(request).get("page", 1)), 3
        here = left[(number - 1) * size : number * size]
        del left[-4:]
        if not here and number > 1:
            return reply(404, {"detail": "Invalid page."})
        more = f"/api/segments/?page={number + 1}" if number * size < len(left) else None
        return envelope([item(number) for number in here], more, count=len(left))

    raw.script(answer)
    ids = await walked(at_raw())

    assert ids == sorted(set(ids))
    assert len(raw.requests) < BOUND
