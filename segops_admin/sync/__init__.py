"""The blocking mirror of the async client, generated from it. `python -m segops_admin.sync.generate` writes it anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._mirror import SegOpsAdmin

__all__ = ["SegOpsAdmin"]


def __getattr__(name: str) -> Any:
    """Load the mirror when it is asked for, so that the generator runs beside one that is broken."""
    if name != "SegOpsAdmin":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from ._mirror import SegOpsAdmin  # noqa: PLC0415

    return SegOpsAdmin
