"""Product segments: named product collections. Source: segops-api.md 10."""

from __future__ import annotations

from datetime import datetime

from typing_extensions import TypedDict

from .base import JSON, Id, Record, record
from .segments import Definition


class ProductSegmentFields(TypedDict, total=False):
    """What can be set on a product segment."""

    name: str
    description: str
    definition: Definition


@record
class ProductSegment(Record):
    """A set of products described by rules. Source: segops-api.md 10.1 [sdk], [docs]; some [inferred]."""

    id: Id
    name: str | None = None
    description: str | None = None
    definition: JSON | None = None
    """Rules as in segops-api.md 10.2."""
    computed_count: int | None = None
    """Products in it at the last compute."""
    last_computed_at: datetime | None = None
    status: str | None = None
    """The compute's state where a server tells it [inferred]."""
    created_at: datetime | None = None
    updated_at: datetime | None = None
