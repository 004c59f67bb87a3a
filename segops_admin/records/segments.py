"""Segments, what they hold, and what can be asked of them. Source: segops-api.md 8."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

from typing_extensions import TypedDict

from .base import JSON, Id, Record, record

SegmentType = Literal["rule", "ai", "lookalike"] | str
"""Open: a kind the server adds later passes as its string."""

ExportFormat = Literal["csv", "parquet"] | str


class Rules(Protocol):
    """A definition in another form than a dictionary: what `segops_admin.dsl` builds."""

    def to_dict(self) -> dict[str, Any]:
        """Return the definition as a dictionary."""
        ...


Definition = Mapping[str, Any] | Rules
"""A segment's rules, as in segops-api.md 9: a dictionary, or built with `segops_admin.dsl`."""


class SegmentFields(TypedDict, total=False):
    """What can be set on a segment."""

    name: str
    description: str
    segment_type: SegmentType
    definition: Definition
    is_active: bool
    tenant: int


class PreviewFields(TypedDict, total=False):
    """What a preview takes."""

    definition: Definition
    limit: int


@record
class Segment(Record):
    """A set of users described by rules. Source: segops-api.md 8.1 [docs]; from `is_active` down [sdk], [inferred]."""

    id: Id
    name: str | None = None
    description: str | None = None
    segment_type: SegmentType | None = None
    definition: JSON | None = None
    """Rules as in segops-api.md 9; empty or None on a draft."""
    is_active: bool | None = None
    member_count: int | None = None
    """Users in it at the last compute; 0 or None before the first."""
    last_computed_at: datetime | None = None
    tenant: Id | None = None
    status: str | None = None
    """The compute's state where a server tells it; most do not (segops-api.md 24.6 [inferred])."""
    created_at: datetime | None = None
    updated_at: datetime | None = None


@record
class SegmentPreview(Record):
    """Who a definition would match now. Source: segops-api.md 8.3 [docs]."""

    matched_users: int
    sample_user_ids: list[str] | None = None
    """At most `limit` of them."""
    sql: str | None = None
    """The compiled query; for reading only."""


@record
class SegmentEstimate(Record):
    """About how many users a segment would have. Source: segops-api.md 8.4 [inferred]."""

    segment_id: Id | None = None
    estimated_count: int | None = None


@record
class SegmentVersion(Record):
    """A definition as it was saved once. Source: segops-api.md 8.5 [inferred]."""

    id: Id | None = None
    version: int | None = None
    definition: JSON | None = None
    created_at: datetime | None = None


@record
class SegmentMember(Record):
    """One user of a segment. Source: segops-api.md 8.7 [docs]; a plain string is read as the `user_id` [inferred]."""

    text_field: ClassVar[str] = "user_id"

    user_id: str
    computed_at: datetime | None = None


@record
class MembershipSegment(Record):
    """A segment that a user is in. Source: segops-api.md 8.8 [inferred], 15.4 [docs]."""

    other_names: ClassVar[Mapping[str, tuple[str, ...]]] = {"segment_id": ("id",), "segment_name": ("name",)}

    segment_id: Id
    segment_name: str | None = None
    member_count: int | None = None
    computed_at: datetime | None = None


@record
class Membership(Record):
    """All segments of one user. Source: segops-api.md 8.8 [inferred]; a bare list is read as `segments`."""

    list_field: ClassVar[str] = "segments"

    user_id: str | None = None
    segments: list[MembershipSegment]


@record
class SegmentExport(Record):
    """A segment's members on their way into a file. Source: segops-api.md 8.9 [docs]; C8 for the id."""

    other_names: ClassVar[Mapping[str, tuple[str, ...]]] = {"id": ("export_id",)}

    id: Id
    status: str | None = None
    format: ExportFormat | None = None
    download_url: str | None = None
    """Root-relative, or absolute on another host; None until the file is there."""
    expires_at: datetime | None = None
    """When the link dies: an hour after the file is made."""
    error: str | None = None


ExportJob = SegmentExport
"""What the published package calls it."""
