"""Figures over everything. Source: segops-api.md 19."""

from __future__ import annotations

from datetime import date, datetime

from .base import Id, Record, record


@record
class Overview(Record):
    """The workspace at a glance. Source: segops-api.md 19 [docs]."""

    segment_count: int | None = None
    total_members: int | None = None
    events_30d: int | None = None
    ai_credits_used: int | None = None
    ai_credits_limit: int | None = None
    """-1 for unlimited."""


@record
class TrendPoint(Record):
    """A count on a day."""

    day: date | None = None
    count: int | None = None


@record
class SegmentTrend(Record):
    """A segment's size over the last 30 days. Source: segops-api.md 19 [docs]."""

    id: Id
    name: str | None = None
    member_count: int | None = None
    last_computed_at: datetime | None = None
    trend: list[TrendPoint] | None = None
    """One point a day; empty for a segment computed less than two days ago."""


@record
class Overlap(Record):
    """Two segments and the members they share. Source: segops-api.md 19 [docs]."""

    seg_a_id: Id
    seg_a_name: str | None = None
    seg_b_id: Id
    seg_b_name: str | None = None
    overlap: int | None = None
    overlap_pct: float | None = None
    """Percent of the smaller segment."""


@record
class SyncLog(Record):
    """One sync of a connector. Source: segops-api.md 19 [docs]."""

    status: str | None = None
    user_count: int | None = None
    error_message: str | None = None
    synced_at: datetime | None = None


@record
class ConnectorHealth(Record):
    """How a connector has been doing. Source: segops-api.md 19 [docs]."""

    id: Id
    segment_id: Id | None = None
    segment_name: str | None = None
    connector_type: str | None = None
    status: str | None = None
    last_synced_at: datetime | None = None
    last_error: str | None = None
    member_count: int | None = None
    success_rate: float | None = None
    """Percent of the last 30 syncs; None without any."""
    sync_logs: list[SyncLog] | None = None
    """The five newest."""


@record
class Usage(Record):
    """What the current period has used of the plan. Source: segops-api.md 19 [inferred]."""

    period_start: date | None = None
    period_end: date | None = None
    plan: str | None = None
    events_used: int | None = None
    events_limit: int | None = None
    mtu_computed: int | None = None
    """Tracked users of the month: what is billed (C19)."""
    ai_credits_used: int | None = None
    ai_credits_limit: int | None = None
