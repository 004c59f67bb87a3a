"""Which skus are in flight, so that no two chunks that share one are.

Sources often come in the order of their skus, as databases and file listings give them. As long as every chunk begins
above all before it, none can share a sku and none is looked up; from the first one on that does not, all are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .chunks import Chunk


class Claims:
    """The skus of the chunks in flight."""

    def __init__(self) -> None:
        self._of: dict[int, list[str]] = {}
        """By the place of a chunk's first row."""
        self._highest = ""
        self._all: set[str] | None = None
        """None as long as the source ascends."""

    def add(self, chunk: Chunk) -> bool:
        """Claim a chunk's skus; False, and nothing is claimed, when one of them is in flight."""
        skus = chunk.skus
        if not skus:
            return True
        if self._all is None and chunk.ascends and skus[0] > self._highest:
            self._highest = skus[-1]
        elif not self._look_up(skus):
            return False
        self._of[chunk.first] = skus
        return True

    def drop(self, chunk: Chunk) -> None:
        """Let go of a chunk's skus."""
        skus = self._of.pop(chunk.first, ())
        if self._all is not None:
            self._all.difference_update(skus)

    def _look_up(self, skus: list[str]) -> bool:
        claimed = set[str]().union(*self._of.values()) if self._all is None else self._all
        expected = len(claimed) + len(skus)
        claimed.update(skus)
        is_free = len(claimed) == expected
        self._all = claimed if is_free else set[str]().union(*self._of.values())
        return is_free
