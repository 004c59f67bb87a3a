"""What namespaces share: the caller they send with, how lists are asked for, and the calls every collection has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from typing_extensions import TypedDict, Unpack

from ..core.call import Caller
from ..core.request import Request, merged, path
from ..errors import SegOpsInputError
from ..paging import DEFAULT_CONCURRENCY, Pager, get_page
from ..records.base import Record
from ..records.page import Page

T = TypeVar("T")
R = TypeVar("R", bound=Record)


class PageQuery(TypedDict, total=False):
    """Which page of a numbered list."""

    page: int
    """From 1."""
    page_size: int
    """The server's default is 50, its maximum 200."""


class Namespace:
    """A group of calls on one client's connections."""

    def __init__(self, call: Caller) -> None:
        self._call = call

    async def _page(
        self, where: str, kind: type[T], params: Mapping[str, Any] | None, query: Mapping[str, Any]
    ) -> Page[T]:
        return await get_page(self._call, Request("GET", where, query=merged(params, query)), kind)

    def _pager(
        self,
        where: str,
        kind: type[T],
        params: Mapping[str, Any] | None,
        query: Mapping[str, Any],
        concurrency: int = DEFAULT_CONCURRENCY,
    ) -> Pager[T]:
        return Pager(self._call, Request("GET", where, query=merged(params, query)), kind, concurrency=concurrency)


class AsyncCollection(Namespace, Generic[R]):
    """A namespace over a list of stored objects. What can be set on them differs: create and update are its own."""

    _collection: ClassVar[tuple[str, ...]]
    """Path of the list."""
    _kind: type[R]

    async def list(self, params: Mapping[str, Any] | None = None, /, **query: Unpack[PageQuery]) -> Page[R]:
        """Return one page of the objects, in the order of their ids.

        A server that does not page this list answers with all of them (C6, C7).
        Source: segops-api.md 4 and 7.
        """
        return await self._page(path(*self._collection), self._kind, params, query)

    def iterate(
        self, params: Mapping[str, Any] | None = None, /, *, concurrency: int = 4, **query: Unpack[PageQuery]
    ) -> Pager[R]:
        """Return a reader over all objects, page after page, fetched ahead.

        concurrency: most pages in flight at once.
        Source: segops-api.md 4 and 7.
        """
        return self._pager(path(*self._collection), self._kind, params, query, concurrency)

    async def get(self, id: int) -> R:
        """Return one object by its id; SegOpsNotFoundError when the workspace has none such.

        Source: segops-api.md 7.
        """
        return await self._call(Request("GET", path(*self._collection, id)), self._kind)

    async def delete(self, id: int, *, idempotency_key: str | None = None) -> None:
        """Delete one object by its id. There is no way back.

        Source: segops-api.md 7; answer [inferred].
        """
        await self._call.send(Request("DELETE", path(*self._collection, id), idempotency_key=idempotency_key))

    async def _create(
        self, body: Mapping[str, Any] | None, fields: Mapping[str, Any], idempotency_key: str | None
    ) -> R:
        request = Request("POST", path(*self._collection), body=merged(body, fields), idempotency_key=idempotency_key)
        return await self._call(request, self._kind)

    async def _update(
        self,
        id: int,
        body: Mapping[str, Any] | None,
        method: str,
        fields: Mapping[str, Any],
        idempotency_key: str | None,
    ) -> R:
        if method not in ("PATCH", "PUT"):
            raise SegOpsInputError(f"An update goes by PATCH or PUT, not {method!r}.")
        request = Request(
            method, path(*self._collection, id), body=merged(body, fields), idempotency_key=idempotency_key
        )
        return await self._call(request, self._kind)
