"""What the service tells by webhook. Source: segops-api.md 14.2."""

from __future__ import annotations

from datetime import datetime

from .base import Id, Record, record


@record
class SegmentRecomputed(Record):
    """A segment has new members. Source: segops-api.md 14.2 [docs]."""

    event: str
    """`segment.recomputed`."""
    tenant_slug: str
    segment_id: Id
    segment_name: str | None = None
    member_count: int | None = None
    """As stored at the time of delivery."""
    computed_at: datetime
    """With `segment_id`, what tells one delivery from another."""
