"""The caller's rows, read in the caller's own thread while its blocking call waits.

On the portal's thread a database cursor may refuse to work, a slow generator would hold up every other call, and one
that uses the blocking client itself would wait for its own thread. So the import asks for the next batch, and the
thread that waits for the import fetches it. A hop per batch, not per row.
"""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import ParamSpec

from .portal import portal

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator

P = ParamSpec("P")
T = TypeVar("T")


class RowsHere:
    """Rows that another thread fetches, many at a time."""

    def __init__(self, rows: Iterable[Any], at_a_time: int) -> None:
        self._rows = rows
        self._at_a_time = at_a_time
        self._iterator: Iterator[Any] | None = None
        self._batch: Iterator[Any] = iter(())
        self.errands: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        """What the thread that waits should do meanwhile; None when its wait is over."""

    async def take_rows(self, count: int) -> list[Any]:
        """Return the next rows, fewer at the end: what is fetched at a time is a chunk, and is taken in full."""
        taken = list(itertools.islice(self._batch, count))
        if taken:
            return taken
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Any]] = loop.create_future()
        self.errands.put(lambda: self._fetch(loop, answer))
        self._batch = iter(await answer)
        return list(itertools.islice(self._batch, count))

    def _fetch(self, loop: asyncio.AbstractEventLoop, answer: asyncio.Future[list[Any]]) -> None:
        """Take the next batch, in the thread of the blocking call; its exception goes the way of the answer."""
        try:
            if self._iterator is None:
                self._iterator = itertools.chain(self._rows)  # asks for an iterator once
            batch = list(itertools.islice(self._iterator, self._at_a_time))
        except Exception as error:  # noqa: BLE001 -- the caller's own, whatever it is, comes out of the call unchanged
            loop.call_soon_threadsafe(_give, answer, None, error)
            return
        loop.call_soon_threadsafe(_give, answer, batch, None)


def _give(answer: asyncio.Future[list[Any]], batch: list[Any] | None, error: Exception | None) -> None:
    if answer.done():  # the import was cancelled meanwhile
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(batch or [])


def rows_here(rows: Any, chunk_size: int) -> Any:
    """Wrap rows whose reading runs code of the caller's; what is plain data or a file is read by the import itself.

    chunk_size: how many to read at a time; what is no size is judged by the import.
    """
    if isinstance(rows, (list, tuple, str, bytes, dict, Path)) or not hasattr(rows, "__iter__"):
        return rows  # pyright: ignore[reportUnknownVariableType]
    is_frame = any(hasattr(rows, name) for name in ("iloc", "iter_slices", "to_batches", "read_next_batch"))
    return rows if is_frame else RowsHere(rows, max(1, chunk_size) if type(chunk_size) is int else 1)


def call_reading(rows: Any, function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run an async method on the portal's loop, fetching its rows here meanwhile."""
    errands = rows.errands if isinstance(rows, RowsHere) else None
    return portal().call(lambda: function(*args, **kwargs), errands)
