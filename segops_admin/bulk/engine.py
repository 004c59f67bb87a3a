"""An import under way: reads chunks only as fast as they are sent, keeps several in flight, tells of each as it ends.

Two chunks that share a sku are never in flight together, and chunks start in the order of the source, so that a sku's
last row wins whatever the concurrency. An object and not a generator: nothing is held open while the caller works.
"""

from __future__ import annotations

import asyncio
import math
import uuid
from collections import deque
from collections.abc import AsyncIterable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from ..config import check_number
from ..core.deadline import remaining_s, timeout_at
from ..errors import BulkUpsertError, SegOpsConfigError, SegOpsError, SegOpsInputError, SegOpsTimeoutError
from ..records.base import is_array
from .chunks import Chunk, Cutter
from .claims import Claims
from .journal import Journal, JournalError
from .rows import Rows, read_handfuls
from .send import Sender
from .tally import Tally
from .window import Window

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from typing_extensions import Self

    from ..core.call import Caller
    from ..records.bulk import BulkUpsertResult, ChunkResult


QUICK_S = 0.002
"""Reading a chunk within this may hold up one that is ready to leave, where there is no time for turns of the loop."""


@attrs.frozen(kw_only=True)
class Options:
    """How to import."""

    chunk_size: int
    max_bytes: int
    """Two million by default: below the 2.5 MB at which Django refuses a body unless told otherwise."""
    concurrency: int
    journal: str | Path | None = None
    errors_path: str | Path | None = None
    idempotency_key: str | None = None
    stop_on_failure: bool = False

    def __attrs_post_init__(self) -> None:
        for name in ("chunk_size", "max_bytes", "concurrency"):
            if type(getattr(self, name)) is not int:
                raise SegOpsInputError(f"{name} must be an integer, not {getattr(self, name)!r}.")
            check_number(name, getattr(self, name), least=1)


class _LateError(Exception):
    """The rows did not come in time."""


class ChunkStream:
    """An import under way, chunk by chunk with `async for`; `aclose()` stops it, and what was acknowledged stays so."""

    def __init__(self, call: Caller, rows: Rows, options: Options) -> None:
        self._call = call
        self._options = options
        self._identity = options.idempotency_key or str(uuid.uuid4())
        self._rows = rows
        self._window = Window(options.concurrency)
        self._in_flight: dict[asyncio.Task[ChunkResult], Chunk] = {}
        self._claims = Claims()
        self._reading = self._read()
        self._landed: asyncio.Queue[asyncio.Task[ChunkResult]] = asyncio.Queue()
        self._ahead: deque[tuple[Chunk, ChunkResult | None]] = deque()
        self._ready: list[Chunk | Exception | None] = []
        """What was read ahead, one at most."""
        self._is_read_at_once = not isinstance(rows, AsyncIterable) and not hasattr(rows, "take_rows")
        self._has_more = True
        self._is_leaving = False
        """Whether a chunk has been started that may not have had its first turn, in which it is sent."""
        self._read_s = 0.0
        """How long reading the last chunk took."""
        self._finished: deque[ChunkResult] = deque()
        self._journal: Journal | None = None
        self._sender: Sender | None = None
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self.tally = Tally(options.errors_path)

    def __aiter__(self) -> ChunkStream:
        return self

    async def __anext__(self) -> ChunkResult:
        loop = asyncio.get_running_loop()
        self._loop = self._loop or loop
        if self._loop is not loop:
            raise SegOpsConfigError(
                "This import was begun on another event loop, or before a fork, and cannot go on here. "
                "Begin it anew; with a journal, what is stored is not sent again."
            )
        try:
            result = await self._next()
            if result is not None:
                self._count(result)
        except BaseException:
            await self.aclose()
            raise
        if result is None:
            await self.aclose()
            raise StopAsyncIteration
        return result

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        journal = getattr(self, "_journal", None)
        if journal is not None and not self._closed:
            journal.abandon()

    def check(self, chunk: ChunkResult) -> None:
        """Raise BulkUpsertError for a refused row where the import is to stop at one."""
        if self._options.stop_on_failure and chunk.failed:
            row = chunk.failed[0]
            self.tally.add_all(self._finished)
            raise BulkUpsertError(
                f"Row {row.index} (sku {row.sku}) was not stored: {row.reason}.", result=self.tally.result()
            )

    def result(self) -> BulkUpsertResult:
        """Return the figures over the chunks told of so far."""
        return self.tally.result()

    async def aclose(self) -> None:
        """Stop: cancel what is in flight, wait until it is gone, close the journal. Calling it twice is fine."""
        if self._closed:
            return
        self._closed = True
        self._has_more = False
        tasks = list(self._in_flight)
        self._in_flight.clear()
        for task in tasks:
            task.cancel()
        try:
            if tasks:
                await asyncio.wait(tasks)
            await self._reading.aclose()
        finally:  # a cancelled scope cancels every await in it: what must happen does not hang on one
            try:
                self.tally.close()
            finally:
                if self._journal is not None:
                    await self._journal.close()

    def _count(self, result: ChunkResult) -> None:
        try:
            self.tally.add(result)
        except SegOpsInputError as error:  # its refused rows cannot be written down
            raise self._stopped(error) from error

    async def _next(self) -> ChunkResult | None:
        if self._closed:
            return None
        sender = self._sender or await self._open()
        while not self._finished:
            await self._fill(sender)
            if self._finished:
                break
            if not self._in_flight:
                return None
            if self._landed.empty() and self._has_time:
                await self._read_ahead()
            self._take_in(await self._landed.get())
        return self._finished.popleft()

    async def _open(self) -> Sender:
        options = self._options
        if options.journal is not None:
            facts = {name: getattr(options, name) for name in ("chunk_size", "max_bytes")}
            config = self._call.config
            try:
                self._journal = await Journal.open(
                    options.journal, {**facts, "root": config.base_url}, config.api_key, options.idempotency_key
                )
            except JournalError as error:
                raise self._stopped(error) from error
            self._identity = self._journal.identity
            await self._recognise(self._journal)
        self.tally.open()
        self._sender = Sender.over(self._call, self._window)
        return self._sender

    async def _recognise(self, journal: Journal) -> None:
        """Hold the source to the journal before anything is sent: read on to the first chunk that it has as stored.

        Those before it were in flight when the earlier run ended, so they are no more than its concurrency.
        """
        is_known = not journal.has_more
        while not is_known and (chunk := await self._chunk()) is not None:
            known = await self._found(journal, chunk)
            self._ahead.append((chunk, known))
            is_known = known is not None
        if not is_known:
            journal.check_all_found()

    async def _chunk(self) -> Chunk | None:
        """Return the next chunk of the source; what stops a file half way says how far the import came."""
        outcome = self._ready.pop() if self._ready else await self._look()
        if isinstance(outcome, _LateError):
            late = SegOpsTimeoutError(str(outcome))
            raise self._stopped(late) from late
        if isinstance(outcome, SegOpsInputError) and isinstance(self._rows, (str, Path)) and not self.tally.is_empty:
            raise self._stopped(outcome) from outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _look(self) -> Chunk | Exception | None:
        """Read the next chunk. What comes in its place is returned, as its turn may be later."""
        if self._is_leaving and (self._has_time or self._read_s > QUICK_S):
            self._is_leaving = False
            await asyncio.sleep(0)
        clock = asyncio.get_running_loop().time
        started = clock()
        left_s = remaining_s(math.inf)
        try:
            chunk = await (anext(self._reading, None) if left_s == math.inf else self._chunk_within(left_s))
        except Exception as error:  # noqa: BLE001 -- raised as it is when its turn comes
            return error
        self._read_s = clock() - started
        return chunk

    async def _chunk_within(self, left_s: float) -> Chunk | None:
        clock = asyncio.get_running_loop().time
        ends = clock() + left_s
        try:
            async with timeout_at(ends):
                return await anext(self._reading, None)
        except asyncio.TimeoutError as error:
            if clock() < ends:  # the caller's own
                raise
            raise _LateError(f"The next rows did not come within the {left_s:.3g} s left.") from error

    async def _read(self) -> AsyncGenerator[Chunk, None]:
        cutter = Cutter(self._identity, self._options.chunk_size, self._options.max_bytes)
        async with aclosing(read_handfuls(self._rows, self._options.chunk_size)) as handfuls:
            async for rows in handfuls:
                for chunk in cutter.add(rows):
                    yield chunk
                del rows  # or they would stay while the next ones are read
        for chunk in cutter.close():
            yield chunk

    async def _fill(self, sender: Sender) -> None:
        """Start chunks while the window allows and no chunk in flight shares a sku with the next one."""
        while self._has_more and len(self._in_flight) < self._window.size and not self._finished:
            following = await self._following()
            if following is None:
                self._has_more = False
                return
            chunk, known = following
            if known is not None:
                self._finished.append(known)
                return
            if not self._claims.add(chunk):
                self._ahead.appendleft(following)
                return
            task = asyncio.create_task(self._bring_in(sender, chunk))
            task.add_done_callback(self._landed.put_nowait)
            self._in_flight[task] = chunk
            self._is_leaving = True

    @property
    def _has_time(self) -> bool:
        """Whether a chunk can be read while others are on their way, as round trips are long against reading."""
        return self._window.usual_s > self._read_s * len(self._in_flight)

    async def _read_ahead(self) -> None:
        """Have the next chunk ready for when one lands; not of a source that is awaited, which may rest for long."""
        if self._is_read_at_once and self._has_more and not self._ready and not self._ahead:
            self._ready.append(await self._look())

    async def _following(self) -> tuple[Chunk, ChunkResult | None] | None:
        """Return the next chunk and what the journal has of it; None at the end of the source."""
        if self._ahead:
            return self._ahead.popleft()
        chunk = await self._chunk()
        if self._journal is None:
            return None if chunk is None else (chunk, None)
        if chunk is None:
            self._journal.check_all_found()
            return None
        return chunk, await self._found(self._journal, chunk)

    async def _found(self, journal: Journal, chunk: Chunk) -> ChunkResult | None:
        try:
            return await journal.find(chunk)
        except JournalError as error:
            raise self._stopped(error) from error

    async def _bring_in(self, sender: Sender, chunk: Chunk) -> ChunkResult:
        is_all = is_array(self._rows) and chunk.first == 0 and chunk.rows == len(self._rows)
        result = await sender.store(chunk, self._options.idempotency_key if is_all else None)
        # Whoever stops at a refused row mends it and calls again: that chunk is to be sent then.
        if self._journal is not None and not (self._options.stop_on_failure and result.failed):
            await self._journal.record(chunk, result)
        return result

    def _take_in(self, task: asyncio.Task[ChunkResult]) -> None:
        """Keep what a chunk came to; raise what stops the import."""
        self._claims.drop(self._in_flight.pop(task))
        error = task.exception()
        if error is not None:
            raise self._stopped(error) from error
        self._finished.append(task.result())

    def _stopped(self, error: BaseException) -> BaseException:
        """Say of what ends an import how far it came, all that has landed by now included."""
        if not isinstance(error, (SegOpsError, JournalError)):
            return error
        while not self._landed.empty():
            task = self._landed.get_nowait()
            del self._in_flight[task]
            if task.exception() is None:
                self._finished.append(task.result())
        with suppress(SegOpsInputError):  # an errors_path that is full is what stopped it, or no matter now
            self.tally.add_all(self._finished)
        result = self.tally.result()
        again = (
            "Call again with the same rows and journal to go on."
            if self._options.journal
            else "Rows repeat harmlessly."
        )
        return BulkUpsertError(
            f"The import stopped with {result.stored:,} of {result.rows:,} finished rows stored: {error} {again}",
            result=result,
        )


async def bulk_upsert(stream: ChunkStream, on_progress: Callable[[BulkUpsertResult], Any] | None) -> BulkUpsertResult:
    """Bring all rows in and return the result."""
    async with stream:
        async for chunk in stream:
            if on_progress is not None:
                on_progress(stream.result())
            stream.check(chunk)
    return stream.result()
