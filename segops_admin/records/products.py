"""Products, their schema, imports and scores. Source: segops-api.md 11."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from typing_extensions import Required, TypedDict

from .base import JSON, Id, Record, record

FieldType = Literal["string", "number", "boolean", "array", "url", "price", "multi_price", "datetime"] | str
"""Open (C11): seven types on one page of the docs, `datetime` on another."""


class ProductFields(TypedDict, total=False):
    """What can be set on a product."""

    sku: str
    name: str
    data: Mapping[str, Any]


class ProductFieldSpec(TypedDict, total=False):
    """One attribute of the products' schema."""

    name: Required[str]
    type: Required[FieldType]
    required: bool
    description: str


class ProductSchemaFields(TypedDict, total=False):
    """What can be set on the products' schema."""

    fields: list[ProductFieldSpec]
    default_currency: str
    default_locale: str


class ConfirmFields(TypedDict, total=False):
    """What confirms an import."""

    mapping: Mapping[str, str | None]
    schema: list[ProductFieldSpec]


@record
class Product(Record):
    """One product. Source: segops-api.md 11.2 [docs]."""

    id: Id
    """The internal id, which paths take; not the sku."""
    sku: str
    name: str | None = None
    data: JSON | None = None
    """Everything but sku and name, by the schema's field names."""
    source: str | None = None
    ai_readability_score: float | None = None
    """0 to 100; None before the first scoring."""
    raw_data: JSON | None = None
    """The row as it was imported; not in lists."""
    created_at: datetime | None = None
    updated_at: datetime | None = None


@record
class ProductField(Record):
    """One attribute of the products' schema."""

    name: str
    type: FieldType | None = None
    required: bool | None = None
    description: str | None = None


@record
class ProductSchema(Record):
    """The attributes products have. Source: segops-api.md 11.1 [docs]."""

    id: Id | None = None
    fields: list[ProductField]
    """Empty when no schema is defined."""
    default_currency: str | None = None
    default_locale: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@record
class ProductScore(Record):
    """How well AI systems can read a product. Source: segops-api.md 11.5 [docs]."""

    id: Id | None = None
    score: float
    """0 to 100: the sum of four dimensions of 0 to 25."""
    dimension_scores: JSON | None = None
    recommendations: list[JSON] | None = None
    scored_at: datetime | None = None


@record
class ScoreAllStart(Record):
    """The answer to scoring everything. Source: segops-api.md 11.5 [docs]."""

    product_count: int | None = None
    status: str | None = None


@record
class ImportJob(Record):
    """A CSV import, from upload to done. Source: segops-api.md 11.4 [docs]; inner shapes [inferred]; C10 for the id.

    `status` goes `pending` → `mapping` (waits for `confirm_import`) → `importing` → `done` or `failed`.
    """

    other_names: ClassVar[Mapping[str, tuple[str, ...]]] = {"id": ("job_id",)}

    id: Id
    status: str | None = None
    filename: str | None = None
    row_count: int | None = None
    imported_count: int | None = None
    mapping: JSON | None = None
    """Source column → field name; None skips the column."""
    error: str | None = None
    headers: list[str] | None = None
    sample_rows: list[JSON] | None = None
    """The first five rows."""
    suggested_schema: Any = None
    """A list of fields, or an object with `fields`."""
    suggested_mapping: JSON | None = None
    created_at: datetime | None = None

    @property
    def suggested_fields(self) -> list[JSON]:
        """The suggested schema as a list of fields, whichever form it came in."""
        suggested = self.suggested_schema
        return list(suggested.get("fields") or []) if isinstance(suggested, dict) else list(suggested or [])  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType, reportUnknownVariableType]
