"""Walking lists: how one answer is read as a page, and a reader that fetches ahead while the caller works.

Four styles exist and the sources disagree which list has which (segops-api.md 4, C3 to C7), so the answer decides:

    body                           the next page
    ─────────────────────────────  ──────────────────────────────────────────────────────────────
    a bare list                    none
    an object with `next_cursor`   the same query with `cursor=<next_cursor>`
    an object with `next`          the query string of `next`, sent to the same path; its host and path are ignored
    an object with neither         none

The reader is an object, not an async generator: it holds no task group, timeout or lock while the caller works, so it
can be driven from any task, and through a portal one page at a time (PEP 789).
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
from collections import deque
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import parse_qsl

import attrs

from .config import shown
from .core import codec
from .core.deadline import remaining_s, without_scope
from .errors import SegOpsDecodeError, SegOpsInputError, SegOpsNotFoundError, SegOpsTimeoutError
from .records.base import is_array, is_object
from .records.page import Page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from contextvars import Context

    from .core.call import Caller
    from .core.request import Request
    from .core.response import Response
    from .records.base import JSON

T = TypeVar("T")

logger = logging.getLogger("segops_admin")

ITEM_KEYS = ("results", "members", "items", "user_ids")
"""Where the items of a page may be. Source: segops-api.md 4, rule 5 [inferred]."""

DEFAULT_CONCURRENCY = 4
"""Most pages in flight at once."""


async def get_page(call: Caller, request: Request, kind: type[T]) -> Page[T]:
    """Fetch one page."""
    return read_page(await call.send(request), kind)


def read_page(response: Response, kind: type[T]) -> Page[T]:
    """Read an answer of any of the four styles as a page."""
    raw, items = codec.decode_framed(
        response,
        list[kind],  # type: ignore[valid-type]
        lambda body: _envelope(body, response),
        lambda envelope: envelope["results"],
    )
    return Page(items, raw, _next_query(raw, response.request) if items else None)


def _envelope(body: Any, response: Response) -> JSON:
    if is_array(body):
        return {"count": len(body), "next": None, "previous": None, "results": body}
    if is_object(body):
        key = next((key for key in ITEM_KEYS if is_array(body.get(key))), None)
        if key is not None:
            return body if key == "results" else {**body, "results": body[key]}
    raise SegOpsDecodeError(
        f"{response.request.method} {response.place} answered {response.status}, but not with a list: "
        f"neither a bare one nor an object with {' or '.join(ITEM_KEYS)}.",
        record="Page",
        method=response.request.method,
        url=response.url,
        body=codec.excerpt(response.body),
    )


def _next_query(raw: JSON, request: Request) -> JSON | None:
    cursor, link = raw.get("next_cursor"), raw.get("next")
    if isinstance(cursor, (str, int)) and cursor != "":
        return {**(request.query or {}), "cursor": cursor}
    if isinstance(link, str):
        return dict(parse_qsl(link.partition("#")[0].partition("?")[2], keep_blank_values=True)) or None
    return None


class Pager(Generic[T]):
    """Reads a list item by item with `async for`, or page by page with `pages()`, fetching ahead of the caller.

    Nothing is sent before the first item is asked for, and only one page while only one item is taken. `aclose()`, or
    leaving the loop and dropping the reader, cancels what is in flight. After an error the reader can be asked again:
    it goes on with the page that failed.
    """

    def __init__(
        self, call: Caller, request: Request, kind: type[T], *, concurrency: int = DEFAULT_CONCURRENCY
    ) -> None:
        if type(concurrency) is not int or concurrency < 1:
            raise SegOpsInputError(f"concurrency must be an integer of at least 1, not {shown(concurrency)}.")
        self._items: Iterator[T] = iter(())
        self._taken = 0
        self._ahead = ReadAhead(call, request, kind, concurrency)

    def __aiter__(self) -> Pager[T]:
        return self

    async def __anext__(self) -> T:
        while True:
            for item in self._items:
                self._taken += 1
                if self._taken == 2:
                    self.read_ahead()
                return item
            page = await self.next_page()
            if page is None:
                raise StopAsyncIteration
            self._items = iter(page.results)
            self._taken = 0

    async def next_page(self) -> Page[T] | None:
        """Return the next page, or None after the last one."""
        return await self._ahead.next_page()

    def read_ahead(self) -> None:
        """Begin to fetch what follows; called when the caller is seen to go on."""
        self._ahead.open()

    async def pages(self) -> AsyncIterator[Page[T]]:
        """Read page by page instead of item by item."""
        try:
            while (page := await self.next_page()) is not None:
                yield page
        finally:
            await self.aclose()

    async def collect(self, limit: int | None = None) -> list[T]:
        """Read the rest into a list, of at most `limit` items."""
        found: list[T] = []
        while limit is None or len(found) < limit:
            try:
                found.append(await self.__anext__())
            except StopAsyncIteration:
                break
        return found

    async def aclose(self) -> None:
        """Stop reading and cancel what is in flight. Calling it twice is fine."""
        self._items = iter(())
        await self._ahead.aclose()

    def __del__(self) -> None:
        ahead: ReadAhead[T] | None = getattr(self, "_ahead", None)
        if ahead is not None:
            ahead.abandon()


class ReadAhead(Generic[T]):
    """The pages in flight, in the server's order.

    Usually only the page after this one can be known. Several are fetched at a time only where the server itself has
    shown that page numbers work: its `next` is our own query with `page` one higher, and it told a `count`. The window
    begins at one page and widens by one for each page that the caller has used up.

    A page that nobody fetched ahead is a call like any other, and ends with the scope around it. One fetched ahead
    belongs to no scope, as it may be asked for outside the present one: where a scope ends, the asking does, and the
    page stays on its way. Tasks live on one loop of one process; asked on another, the reader begins them anew.
    """

    def __init__(self, call: Caller, request: Request, kind: type[T], concurrency: int) -> None:
        self._call = call
        self._kind = kind
        self._concurrency = concurrency
        self._window = 0
        self._following: Request | None = request
        """What to fetch next; None when nothing is known to follow."""
        self._last_number: int | None = None
        """The last page's number, where numbers are known to work."""
        self._in_flight: deque[tuple[Request, asyncio.Task[Page[T] | None]]] = deque()
        self._links_seen: set[str] = set()
        self._is_first = True
        self._loop: asyncio.AbstractEventLoop | None = None
        """Where what is in flight lives, with `_process`."""
        self._process = 0

    async def next_page(self) -> Page[T] | None:
        """Return the next page in order, or None after the last one."""
        self._move_here()
        self._window = min(self._window + 1, self._concurrency)
        fetched_ahead = len(self._in_flight) > 0
        if not fetched_ahead:
            self._begin(copy_context())
        self.open()
        if not self._in_flight:
            return None
        request, task = self._in_flight.popleft()
        try:
            in_time = not fetched_ahead or await _came_in_time(task)
            page = await task if in_time else None
        except BaseException:
            task.cancel()
            self._drop_in_flight()
            self._following = request
            raise
        if not in_time:
            self._in_flight.appendleft((request, task))
            raise _late(request)
        self._is_first = False
        if page is None or not page.results:
            self._end()
            return None
        self._look_further(request, page)
        return page

    def open(self) -> None:
        """Start the fetches that the window allows."""
        self._move_here()
        while self._following is not None and len(self._in_flight) < self._window:
            self._begin(without_scope())

    async def aclose(self) -> None:
        """Cancel what is in flight, wait until it is gone, and read no further."""
        tasks = [task for _, task in self._in_flight]
        lives_here = self._lives_here()
        self._end()
        if tasks and lives_here:
            await asyncio.wait(tasks)

    def abandon(self) -> None:
        """Cancel what is in flight, from any thread, without waiting."""
        loop, tasks = self._loop, [task for _, task in self._in_flight]
        self._in_flight.clear()
        if loop is None or not tasks:
            return
        if self._process != os.getpid():
            _LEFT_TO_THE_PARENT.extend(tasks)
            return
        with suppress(RuntimeError):  # the loop is closed, and they with it
            for task in tasks:
                loop.call_soon_threadsafe(task.cancel)

    def _begin(self, context: Context) -> None:
        """Start to fetch what follows, if anything does."""
        request, loop = self._following, self._loop
        if request is None or loop is None:
            return
        fetch = get_page if self._is_first else _page_or_end
        task = context.run(loop.create_task, fetch(self._call, request, self._kind))
        task.add_done_callback(_look_at)
        self._in_flight.append((request, task))
        self._following = self._numbered(request)

    def _move_here(self) -> None:
        """Begin anew, on the running loop, what another loop or the process before a fork had in flight."""
        if self._lives_here():
            return
        if self._in_flight:
            self._following = self._in_flight[0][0]
            self.abandon()
        self._loop, self._process = asyncio.get_running_loop(), os.getpid()

    def _lives_here(self) -> bool:
        return self._loop is asyncio.get_running_loop() and self._process == os.getpid()

    def _look_further(self, request: Request, page: Page[T]) -> None:
        """Learn from a page how the list goes on."""
        query = page.next_query
        if query is None:
            self._end()
            return
        if self._in_flight or self._following is not None:
            return
        link = repr(sorted(query.items()))
        if link in self._links_seen:
            logger.warning("%s: a link to the next page repeats; the list is taken to end here", request.path)
            return
        self._links_seen.add(link)
        self._following = attrs.evolve(request, query=query)
        self._last_number = _last_number(request, page)

    def _numbered(self, request: Request) -> Request | None:
        """Return the request after this one, where page numbers are known to work."""
        number = _page_number(request.query)
        if self._last_number is None or number is None or number >= self._last_number:
            return None
        return attrs.evolve(request, query={**(request.query or {}), "page": number + 1})

    def _end(self) -> None:
        self._drop_in_flight()
        self._following = None

    def _drop_in_flight(self) -> None:
        if not self._lives_here():
            self.abandon()
        for _, task in self._in_flight:
            task.cancel()
        self._in_flight.clear()


_LEFT_TO_THE_PARENT: list[asyncio.Task[Any]] = []
"""Kept, so that collecting them in the child of a fork neither complains nor touches the parent's connections."""


async def _came_in_time(task: asyncio.Task[Any]) -> bool:
    """Wait for a page under the scope around the asking; False where that ends first."""
    left_s = remaining_s(math.inf)
    if left_s < math.inf and not task.done():
        await asyncio.wait([task], timeout=left_s)
        return task.done()
    return True


def _late(request: Request) -> SegOpsTimeoutError:
    return SegOpsTimeoutError(
        f"{request.method} {request.path}: the time of the deadline around it was up before this page came. "
        "It is still on its way: go on reading, or give the deadline more seconds.",
        method=request.method,
        url=request.path,
    )


async def _page_or_end(call: Caller, request: Request, kind: type[T]) -> Page[T] | None:
    """Fetch a page after the first; a 404 means that the list has become shorter meanwhile."""
    try:
        return await get_page(call, request, kind)
    except SegOpsNotFoundError:
        return None


def _look_at(task: asyncio.Task[Any]) -> None:
    """Take note of a result nobody will wait for, so that asyncio does not complain of it."""
    if not task.cancelled():
        task.exception()


def _last_number(request: Request, page: Page[Any]) -> int | None:
    """Return the number of the last page, if this page proves that numbers work; None otherwise."""
    number = _page_number(request.query)
    if number is None or page.count is None or page.next_query is None:
        return None
    ours = {name: str(value) for name, value in (request.query or {}).items() if value is not None}
    theirs = {name: str(value) for name, value in page.next_query.items()}
    if theirs != {**ours, "page": str(number + 1)}:
        return None
    return -(-page.count // len(page.results))  # exact however long the number


def _page_number(query: Mapping[str, Any] | None) -> int | None:
    number = str((query or {}).get("page", 1))
    return int(number) if number.isascii() and number.isdigit() else None
