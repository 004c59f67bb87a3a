"""Whose events are whose. Source: segops-api.md 16; answers [inferred]."""

from __future__ import annotations

from .base import Record, record


@record
class Alias(Record):
    """An anonymous id and the user it belongs to. Source: segops-api.md 16 [inferred]."""

    anonymous_id: str | None = None
    user_id: str | None = None
    """The user that is kept: the first identify wins."""
    created: bool | None = None
    """False when another user had the id already."""


@record
class Merge(Record):
    """Two known users made one. Source: segops-api.md 16 [inferred]."""

    from_user_id: str | None = None
    into_user_id: str | None = None
    merged: bool | None = None
