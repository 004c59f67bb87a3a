"""AI landing pages and semantic product search. Source: segops-api.md 18."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal

from typing_extensions import TypedDict

from .base import JSON, Id, Record, record

BuilderStatus = Literal["draft", "building", "built", "published", "failed"] | str
PageFormat = Literal["html", "tsx", "json"] | str


class PageFields(TypedDict, total=False):
    """What can be set on an AI page."""

    slug: str
    """Unique in the workspace."""
    query: int | str
    """An AI query's id; usage examples pass its text (C13)."""
    title: str
    published: bool


class SearchQuery(TypedDict, total=False):
    """How far a product search goes."""

    limit: int
    """20 by default, at most 100."""
    segment_id: int
    """A product segment."""


@record
class GeneratedPage(Record):
    """An AI landing page. Source: segops-api.md 18.1 [docs]; `builder_status` [sdk], its values [inferred]."""

    id: Id | None = None
    """Absent from some public views."""
    slug: str | None = None
    query: Any = None
    """An AI query's id, or its text (C13)."""
    title: str | None = None
    published: bool | None = None
    builder_status: BuilderStatus | None = None
    intro_copy: str | None = None
    """Not in lists."""
    product_skus: list[str] | None = None
    """Not in lists."""
    view_count: int | None = None
    last_ai_crawl_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@record
class PageExport(Record):
    """A page on its way into a file. Source: segops-api.md 18.2 [sdk], [usage]; the poll [inferred]."""

    other_names: ClassVar[Mapping[str, tuple[str, ...]]] = {"id": ("export_id", "job_id")}

    id: Id
    status: str | None = None
    format: PageFormat | None = None
    download_url: str | None = None
    """None until the file is there."""
    error: str | None = None


@record
class ProductMatch(Record):
    """A product found by meaning. Source: segops-api.md 18.3 [docs]."""

    id: Id | None = None
    sku: str | None = None
    name: str | None = None
    data: JSON | None = None
    relevance_score: float | None = None
    """0 to 1."""


@record
class ProductSearch(Record):
    """Products found by meaning, best first. Source: segops-api.md 18.3 [docs]."""

    query: str | None = None
    products: list[ProductMatch]
    filters: JSON | None = None
    metadata: JSON | None = None
    """`match_count`, `latency_ms`."""
