"""What a bulk upsert came to. Source: segops-api.md 11.3 [inferred] for the answer of one request; the rest is ours."""

from __future__ import annotations

from .base import JSON, Record, record


@record
class FailedRow(Record):
    """A row that was not stored."""

    index: int
    """Its place in what the caller gave, from 0; -1 where the server blames a row that cannot be told."""
    sku: str | None = None
    reason: str = ""


@record
class ChunkResult(Record):
    """What became of one chunk of rows."""

    first: int
    """Place of its first row in what the caller gave, from 0."""
    rows: int
    """How many of the caller's rows it took up."""
    created: int = 0
    updated: int = 0
    stored: int = 0
    """Rows that the server took and did not blame, whether or not it said created or updated."""
    skipped: int = 0
    """Rows that a later row of the same sku in the chunk replaced."""
    failed: list[FailedRow]
    retries: int = 0
    duration_s: float = 0.0
    resumed: bool = False
    """True when an earlier run had it acknowledged; nothing was sent now."""


@record
class BulkUpsertResult(Record):
    """How far an import came. `rows == stored + skipped + failed_count`.

    By key it reads as the service's own answer does: `result["created"]`, `result["updated"]`, `result["errors"]`.
    """

    created: int = 0
    updated: int = 0
    stored: int = 0
    """Rows that the server took, whether or not it said created or updated."""
    skipped: int = 0
    """Rows that a later row of the same sku in the same chunk replaced."""
    failed: list[FailedRow]
    """The first thousand refused rows, in the order they were told; all of them are in `errors_path`, if given."""
    failed_count: int = 0
    rows: int = 0
    """Rows read from the caller."""
    chunks: int = 0
    resumed_rows: int = 0
    """Rows that an earlier run of the same journal had stored; they are in the figures above as well."""
    retries: int = 0
    duration_s: float = 0.0
    rows_per_s: float = 0.0

    def _json(self) -> JSON:
        return {**super()._json(), "errors": self.errors}

    @property
    def errors(self) -> list[JSON]:
        """The refused rows as the service spells them."""
        return [{"index": row.index, "sku": row.sku, "error": row.reason} for row in self.failed]
