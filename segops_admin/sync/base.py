"""What the generated mirror stands on: a client and namespaces around async ones, and a blocking reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .portal import call, is_over, portal, watch
from .rows import call_reading

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

    from ..bulk.engine import ChunkStream
    from ..client import AsyncSegOpsAdmin
    from ..paging import Pager
    from ..records.bulk import BulkUpsertResult, ChunkResult
    from ..records.page import Page

T = TypeVar("T")
N = TypeVar("N")


class SyncNamespace(Generic[N]):
    """A namespace whose calls block."""

    def __init__(self, inner: N) -> None:
        self._inner = inner


class SyncClient:
    """The life of a blocking client: nothing to enter, nothing that must be closed."""

    _inner: AsyncSegOpsAdmin

    def _surround(self, inner: AsyncSegOpsAdmin) -> None:
        self._inner = inner
        transport = inner._call.transport  # noqa: SLF001 -- the mirror of this very client  # pyright: ignore[reportPrivateUsage]
        if inner._owns_connections:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            watch(transport)

    @classmethod
    def _around(cls, inner: AsyncSegOpsAdmin) -> Self:
        client = cls.__new__(cls)
        client._surround(inner)  # noqa: SLF001 -- our own
        return client

    def close(self) -> None:
        """Close the connections that are ours. A later call raises SegOpsConfigError; closing twice is fine."""
        if not is_over():
            call(self._inner.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        inner = self.__dict__.get("_inner")  # a client that was refused is shown in its own traceback
        return f"<{type(self).__name__}>" if inner is None else repr(inner).replace("AsyncSegOps", "SegOps")

    def __reduce__(self) -> Any:
        return self._inner.__reduce__()


class SyncChunkStream:
    """An import under way, chunk by chunk with `for`; `close()` stops it, and what was acknowledged stays so."""

    def __init__(self, stream: ChunkStream, rows: Any) -> None:
        self._stream = stream
        self._rows = rows

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ChunkResult:
        chunk = call_reading(self._rows, self._next)
        if chunk is None:
            raise StopIteration
        return chunk

    async def _next(self) -> ChunkResult | None:
        return await anext(self._stream, None)

    def result(self) -> BulkUpsertResult:
        """Return the figures over the chunks told of so far."""
        return self._stream.result()

    def close(self) -> None:
        """Stop: what is in flight is cancelled. Calling it twice is fine."""
        if not is_over():
            call(self._stream.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class SyncPager(Generic[T]):
    """Reads a list item by item with `for`, or page by page with `pages()`, fetching ahead of the caller.

    Nothing is sent before the first item is asked for, and only one page while only one item is taken. `close()`, or
    leaving the loop and dropping the reader, cancels what is in flight. After an error the reader can be asked again:
    it goes on with the page that failed.
    """

    def __init__(self, pager: Pager[T]) -> None:
        self._pager = pager
        self._items: Iterator[T] = iter(())
        self._taken = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        while True:
            for item in self._items:
                self._taken += 1
                if self._taken == 2:
                    portal().soon(self._pager.read_ahead)
                return item
            page = self.next_page()
            if page is None:
                raise StopIteration
            self._items = iter(page.results)
            self._taken = 0

    def next_page(self) -> Page[T] | None:
        """Return the next page, or None after the last one."""
        return call(self._pager.next_page)

    def pages(self) -> Iterator[Page[T]]:
        """Read page by page instead of item by item."""
        try:
            while (page := self.next_page()) is not None:
                yield page
        finally:
            self.close()

    def collect(self, limit: int | None = None) -> list[T]:
        """Read the rest into a list, of at most `limit` items."""
        found: list[T] = []
        while limit is None or len(found) < limit:
            try:
                found.append(next(self))
            except StopIteration:
                break
        return found

    def close(self) -> None:
        """Stop reading and cancel what is in flight. Calling it twice is fine."""
        self._items = iter(())
        if not is_over():
            call(self._pager.aclose)
