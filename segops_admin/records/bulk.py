"""What a bulk upsert came to. Source: segops-api.md 11.3 [inferred]."""

from __future__ import annotations

from typing import Any

from .base import Record, record


@record
class FailedRow(Record):
    """A row that was not stored."""

    index: int
    """Its place in what the caller gave, from 0."""
    sku: str | None = None
    reason: str = ""


@record
class BulkUpsertResult(Record):
    """How many rows were stored, and which were not."""

    created: int = 0
    updated: int = 0
    failed: list[FailedRow]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """The refused rows as the service spells them."""
        return [{"index": row.index, "sku": row.sku, "error": row.reason} for row in self.failed]
