"""What namespaces share: the caller they send with, and the keyword form of paging."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from typing_extensions import TypedDict

from ..core.request import Request, merged
from ..paging import DEFAULT_CONCURRENCY, Pager, get_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..core.call import Caller
    from ..records.page import Page

T = TypeVar("T")

Body = Any
"""A dictionary of a documented shape, or anything with `to_dict()`: a record, a `dsl` definition."""


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
        self, path: str, kind: type[T], params: Mapping[str, Any] | None, query: Mapping[str, Any]
    ) -> Page[T]:
        return await get_page(self._call, Request("GET", path, query=merged(params, query)), kind)

    def _pager(
        self,
        path: str,
        kind: type[T],
        params: Mapping[str, Any] | None,
        query: Mapping[str, Any],
        concurrency: int = DEFAULT_CONCURRENCY,
    ) -> Pager[T]:
        return Pager(self._call, Request("GET", path, query=merged(params, query)), kind, concurrency=concurrency)
