"""Event schemas: what events look like. Source: segops-api.md 12; shapes [inferred]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from .base import JSON, Id, Record, record


class SchemaFields(TypedDict, total=False):
    """What can be set on an event schema."""

    event_type: str
    properties: Sequence[Mapping[str, Any]] | Mapping[str, Any]
    description: str
    is_active: bool


@record
class EventSchema(Record):
    """The shape of one type of event. Source: segops-api.md 12 [sdk] fields, [inferred] shapes."""

    id: Id
    event_type: str | None = None
    properties: Any = None
    """A list of `{name, type, required, description}`, or an object keyed by name."""
    description: str | None = None
    is_active: bool | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@record
class InferredSchema(Record):
    """What sample events look like. Source: segops-api.md 12 [inferred]."""

    event_type: str | None = None
    properties: Any = None
    """Of the first event type; the source for a `create`."""
    schemas: list[JSON] | None = None
    """One entry per event type."""


@record
class SchemaViolation(Record):
    """What one property of an event has wrong."""

    property: str | None = None
    message: str | None = None


@record
class SchemaValidation(Record):
    """Whether an event keeps to its schema. Source: segops-api.md 12 [inferred]."""

    valid: bool | None = None
    errors: list[SchemaViolation] | None = None
