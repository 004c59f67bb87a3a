"""What the service says when it starts something that goes on after the answer. Source: segops-api.md 6."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from .base import Id, Record, record


@record
class JobStart(Record):
    """The answer to something that goes on at the server. Source: segops-api.md 6 [docs]; the ids [inferred]."""

    other_names: ClassVar[Mapping[str, tuple[str, ...]]] = {"id": ("job_id", "export_id")}

    status: str | None = None
    """`queued`, mostly."""
    id: Id | None = None
