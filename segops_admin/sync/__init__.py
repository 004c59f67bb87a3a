"""The blocking mirror of the async client, generated from it. `python -m segops_admin.sync.generate` writes it anew."""

from ._mirror import SegOpsAdmin

__all__ = ["SegOpsAdmin"]
