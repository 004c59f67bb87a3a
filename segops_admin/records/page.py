"""One page of a list, whatever style of paging it came in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import attrs

from .base import JSON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

T = TypeVar("T")


@attrs.define(eq=False, repr=False)
class Page(Generic[T]):
    """One page of a list: `len()` and iteration over its items, and the envelope by attribute or by key."""

    results: list[T]
    _raw: JSON
    next_query: Mapping[str, Any] | None = attrs.field(default=None)
    """The query that asks for the next page; None on the last one."""

    @property
    def count(self) -> int | None:
        """How many items the whole list has, if the server said so."""
        count = self._raw.get("count")
        return count if isinstance(count, int) else None

    @property
    def next(self) -> str | None:
        """The server's link to the next page, as sent. Follow it with `iterate()`, not by hand."""
        return self._raw.get("next")

    @property
    def previous(self) -> str | None:
        """The server's link to the previous page, as sent."""
        return self._raw.get("previous")

    @property
    def next_cursor(self) -> str | None:
        """The cursor of the next page; None at the end and on lists without cursors."""
        return self._raw.get("next_cursor")

    @property
    def extra(self) -> JSON:
        """What the server sent beside the envelope's own fields."""
        known = {"count", "next", "previous", "results", "next_cursor"}
        return {key: value for key, value in self._raw.items() if key not in known}

    def to_dict(self) -> JSON:
        """Return the page as JSON-ready data, with nothing lost."""
        return dict(self._raw)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value of the envelope as JSON."""
        return self._raw.get(key, default)

    def keys(self) -> list[str]:
        """Return the envelope's keys, so that `dict(page)` works."""
        return list(self._raw)

    def __getitem__(self, key: str | int | slice) -> Any:
        return self._raw[key] if isinstance(key, str) else self.results[key]

    def __contains__(self, item: object) -> bool:
        return item in self._raw if isinstance(item, str) else item in self.results

    def __iter__(self) -> Iterator[T]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __bool__(self) -> bool:
        return bool(self.results)

    def __repr__(self) -> str:
        whole = f" of {self.count}" if self.count is not None else ""
        return f"<Page of {len(self.results)}{whole} items{', more follow' if self.next_query is not None else ''}>"


Paginated = Page
"""What the published package calls it."""
