"""API keys of a workspace. Source: segops-api.md 2.4."""

from __future__ import annotations

from datetime import datetime

import attrs
from typing_extensions import TypedDict

from .base import Id, Record, record


class ApiKeyFields(TypedDict, total=False):
    """What a new key takes."""

    name: str
    tenant_slug: str


@record
class ApiKey(Record):
    """An API key. Source: segops-api.md 2.4 [docs]; the last three [inferred], in lists only."""

    id: Id
    name: str | None = None
    key: str | None = attrs.field(default=None, repr=False)
    """The key itself: in the answer to `create`, and never again."""
    prefix: str | None = None
    created_at: datetime | None = None
    last_used_at: datetime | None = None
