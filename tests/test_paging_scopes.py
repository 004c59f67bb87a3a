"""A walk under deadlines, over several event loops and after a fork: what is fetched ahead belongs to none of them."""

import asyncio
import os
import sys
import textwrap
import time

import processes
import pytest
from anyio import to_thread
from anyio.from_thread import start_blocking_portal
from rawserver import HANG, reply

import segops_admin
from segops_admin import AsyncSegOpsAdmin, SegOpsRateLimitError, SegOpsTimeoutError


def two(number, *, last=False):
    """A page of two segments."""
    items = [{"id": 2 * number - 1, "name": "a"}, {"id": 2 * number, "name": "b"}]
    following = None if last else f"/api/segments/?page={number + 1}"
    return reply(200, {"count": 4, "next": following, "results": items})


class SecondPage:
    """Answers with page 1 at once and with page 2 when it is told to."""

    def __init__(self):
        self.asked = asyncio.Event()
        self.free = asyncio.Event()

    def __call__(self, request):
        if "page=2" not in request.target:
            return two(1)
        self.asked.set()
        return [self.free, two(2, last=True)]


@pytest.fixture
def second(raw):
    answer = SecondPage()
    raw.script(answer)
    return answer


async def taken(reader, count):
    return [(await anext(reader)).id for _ in range(count)]


async def test_wait_for_a_page_fetched_ahead_ends_with_the_scope_around_it(at_raw, second):
    """The page was begun before the scope, with the client's whole timeout; the asking still ends with the scope."""
    reader = at_raw(timeout=50).segments.iterate()
    assert await taken(reader, 2) == [1, 2]
    await second.asked.wait()
    started = time.monotonic()
    with segops_admin.deadline(0.2), pytest.raises(SegOpsTimeoutError, match="deadline") as caught:
        await anext(reader)

    assert time.monotonic() - started < 10
    assert caught.value.method == "GET"
    await reader.aclose()


async def test_page_that_was_late_for_a_scope_is_there_for_the_next_ask(at_raw, raw, second):
    """It stays on its way: asking again sends nothing again, and loses nothing."""
    reader = at_raw(timeout=50).segments.iterate()
    await taken(reader, 2)
    for _ in range(2):
        with segops_admin.deadline(0.1), pytest.raises(SegOpsTimeoutError):
            await anext(reader)
    second.free.set()

    assert [segment.id async for segment in reader] == [3, 4]
    assert len(raw.requests) == 2


async def test_page_begun_in_a_scope_outlives_it(at_raw, second):
    """Who left the scope in time is not told later, outside it, that its time is up."""
    reader = at_raw(timeout=50).segments.iterate()
    with segops_admin.deadline(0.3):
        await taken(reader, 2)
        await second.asked.wait()
    await asyncio.sleep(0.35)  # until the scope's end is past for certain
    second.free.set()

    assert await taken(reader, 2) == [3, 4]


async def test_page_not_fetched_ahead_is_a_call_like_any_other_in_its_scope(at_raw, raw):
    """So a server's hint beyond the scope is told at once, with its seconds."""
    raw.script(reply(429, {"detail": "Throttled."}, retry_after=40))
    started = time.monotonic()
    with segops_admin.deadline(20), pytest.raises(SegOpsRateLimitError) as caught:
        await anext(at_raw(timeout=60).segments.iterate())

    assert caught.value.retry_after == 40
    assert time.monotonic() - started < 10


async def test_used_up_scope_sends_nothing(at_raw, raw):
    """Neither the page asked for nor those after it."""
    with segops_admin.deadline(0), pytest.raises(SegOpsTimeoutError):
        await anext(at_raw().segments.iterate())

    assert raw.requests == []


class ThreePages:
    """Answers with page 1 at once and with the others once a first loop is over; what that one asked for hangs."""

    def __init__(self):
        self.asked = asyncio.Event()
        self.over = False

    def __call__(self, request):
        number = next((n for n in (2, 3) if f"page={n}" in request.target), 1)
        if number > 1 and not self.over:
            self.asked.set()
            return HANG
        return two(number, last=number == 3)


@pytest.mark.parametrize("count", [1, 2])
async def test_reader_goes_on_in_a_second_event_loop(raw, count):
    """One `asyncio.run` after the other on a half-read reader: the first one's end is not the second one's."""
    pages = ThreePages()
    raw.script(pages)
    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url, timeout=20) as segops:
        reader = segops.segments.iterate()

        async def rest():
            return [segment.id async for segment in reader]

        first = await to_thread.run_sync(lambda: asyncio.run(taken(reader, count)))
        pages.over = True
        second = await to_thread.run_sync(lambda: asyncio.run(rest()))

    assert [*first, *second] == [1, 2, 3, 4, 5, 6]


async def test_reader_moves_from_a_loop_that_still_runs(raw):
    """What it had in flight there is cancelled there, and asked for anew here."""
    pages = ThreePages()
    raw.script(pages)
    with start_blocking_portal() as elsewhere:
        async with AsyncSegOpsAdmin("sk_test", base_url=raw.url, timeout=20) as segops:
            reader = segops.segments.iterate()
            first = await to_thread.run_sync(elsewhere.call, taken, reader, 2)
            await pages.asked.wait()
            pages.over = True
            rest = [segment.id async for segment in reader]
            await asyncio.wait_for(raw.cut.wait(), 20)

    assert [*first, *rest] == [1, 2, 3, 4, 5, 6]


async def test_reader_closes_in_a_second_event_loop(raw):
    """What is gone with its loop needs no waiting for."""
    raw.script(ThreePages())
    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url, timeout=20) as segops:
        reader = segops.segments.iterate()
        await to_thread.run_sync(lambda: asyncio.run(taken(reader, 2)))
        await reader.aclose()

        assert await reader.collect() == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="forking with threads is a warning from 3.12 on, here an error")
async def test_parent_and_child_of_a_fork_both_read_on(raw):
    """With a page in flight: the child asks for it anew, on its own connections; the parent's still arrives."""
    gate = asyncio.Event()
    asked = []

    def answer(request):
        if "page=2" not in request.target:
            return two(1)
        asked.append(request)
        if len(asked) == 2:
            gate.set()
        return [gate, two(2, last=True)]

    raw.script(answer)
    code = """
        import os, sys, time
        from segops_admin import SegOpsAdmin
        segops = SegOpsAdmin(timeout=20)
        reader = segops.segments.iterate()
        assert [next(reader).id, next(reader).id] == [1, 2]
        while not reader._pager._ahead._in_flight:
            time.sleep(0.01)
        child = os.fork()
        rest = [segment.id for segment in reader]
        assert rest == [3, 4], rest
        if child == 0:
            sys.stdout.write("child\\n")
            sys.exit(0)
        _, status = os.waitpid(child, 0)
        assert status == 0
        print("ok")
        """
    done = await to_thread.run_sync(
        lambda: processes.script(textwrap.dedent(code), timeout=40, SEGOPS_API_KEY="sk_test", SEGOPS_API_URL=raw.url)
    )

    assert (done.returncode, sorted(done.stdout.split()), done.stderr) == (0, ["child", "ok"], "")
