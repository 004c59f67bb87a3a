"""Users as the explorer sees them. Source: segops-api.md 15."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from typing_extensions import TypedDict

from .base import JSON, Id, Record, record


class UserQuery(TypedDict, total=False):
    """Which users."""

    q: str
    """Part of a user id."""
    limit: int
    """20 by default, at most 200 [inferred]."""


class EventQuery(TypedDict, total=False):
    """Which events of a user."""

    event_type: str
    limit: int
    """50 by default [inferred]."""
    since: str | date | datetime


class SandboxFields(TypedDict, total=False):
    """A hypothetical event."""

    user_id: str
    event_type: str
    occurred_at: str | datetime
    payload: Mapping[str, Any]


@record
class UserSummary(Record):
    """One user in a search. Source: segops-api.md 15.1 [docs]."""

    user_id: str
    event_count: int | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None


@record
class User(Record):
    """One user's profile. Source: segops-api.md 15.2 [docs]."""

    user_id: str
    event_count: int | None = None
    event_type_count: int | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    properties: JSON | None = None
    """Traits, from the latest `context_identified` event."""


@record
class UserEvent(Record):
    """One event of a user. Source: segops-api.md 15.3 [docs]."""

    event_type: str
    occurred_at: datetime | None = None
    payload: JSON | None = None


@record
class Explanation(Record):
    """One condition of a segment, and how a user stands to it. Source: segops-api.md 15.5 [docs]."""

    index: int
    type: str | None = None
    label: str | None = None
    """For people; do not parse it."""
    actual_value: Any = None
    threshold: Any = None
    matches: bool | None = None


@record
class SegmentRef(Record):
    """A segment named in passing."""

    id: Id
    name: str | None = None


@record
class SandboxResult(Record):
    """What a hypothetical event would change. Source: segops-api.md 15.6 [docs]."""

    published: bool | None = None
    entered: list[SegmentRef] | None = None
    exited: list[SegmentRef] | None = None
    unchanged_count: int | None = None
