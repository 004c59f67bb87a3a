"""AI queries, what AI systems answered, and competitors. Source: segops-api.md 17."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from typing_extensions import TypedDict

from .base import JSON, Id, Record, record

Provider = Literal["chatgpt", "perplexity", "claude", "gemini", "grok"] | str
Schedule = Literal["hourly", "daily", "weekly"] | str
Sentiment = Literal["positive", "neutral", "negative"] | str


class QueryFields(TypedDict, total=False):
    """What can be set on an AI query."""

    query_text: str
    """At most 1,000 characters, unique in the workspace."""
    category: str
    tags: Sequence[str]
    providers: Sequence[Provider]
    """Empty for all five."""
    is_active: bool
    schedule: Schedule


class SimulateFields(TypedDict, total=False):
    """What a simulation takes."""

    query_text: str
    providers: Sequence[Provider]
    """Empty or absent for all five."""


class CompetitorFields(TypedDict, total=False):
    """What can be set on a competitor."""

    name: str
    domain: str
    brand_aliases: Sequence[str]
    is_active: bool


@record
class AIQuery(Record):
    """A question put to AI systems on a schedule. Source: segops-api.md 17.1 [docs]."""

    id: Id
    query_text: str | None = None
    category: str | None = None
    tags: list[str] | None = None
    providers: list[Provider] | None = None
    is_active: bool | None = None
    schedule: Schedule | None = None
    last_run_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@record
class QueryRun(Record):
    """A run that has been queued. Source: segops-api.md 17.2 [docs]."""

    status: str | None = None
    query_id: Id | None = None


@record
class BrandMention(Record):
    """A brand in an answer. Source: segops-api.md 17.2 [docs]."""

    name: str | None = None
    position: int | None = None
    """From 1."""
    sentiment: Sentiment | None = None


@record
class QueryResult(Record):
    """What one AI system answered once. Source: segops-api.md 17.2 [docs]."""

    id: Id
    query: Id | None = None
    """None for a simulation."""
    provider: Provider | None = None
    raw_response: str | None = None
    mentioned_brands: list[BrandMention] | None = None
    mentioned_products: list[JSON] | None = None
    position: int | None = None
    """Own brand's rank, from 1; None when it is not named."""
    sentiment: Sentiment | None = None
    is_simulated: bool | None = None
    """Shown as sent; what it means is not settled (C14)."""
    captured_at: datetime | None = None


@record
class Simulation(Record):
    """Answers asked for at once. Source: segops-api.md 17.3 [docs]."""

    query_text: str | None = None
    providers: list[Provider] | None = None
    timed_out: bool | None = None
    """True when at least one provider was cut off; the rest is still here."""
    results: list[QueryResult] | None = None
    diff: list[JSON] | None = None
    """One entry per brand; only `brand_name` is certain."""


@record
class VisibilityDashboard(Record):
    """The workspace's standing with AI systems. Source: segops-api.md 17.4; shape [inferred]."""

    total_queries: int | None = None
    total_results: int | None = None
    mention_rate: float | None = None
    """0 to 1."""
    avg_position: float | None = None
    """From 1."""
    share_of_voice: float | None = None
    """0 to 1."""
    sentiment_score: float | None = None
    """0 to 1; 0.5 is neutral."""
    by_provider: list[JSON] | None = None
    trend: list[JSON] | None = None


@record
class WinRate(Record):
    """How we fare against one competitor. Source: segops-api.md 17.4; shape [inferred]."""

    competitor_id: Id | None = None
    name: str | None = None
    wins: int | None = None
    losses: int | None = None
    ties: int | None = None
    win_rate: float | None = None
    """0 to 1; None when nothing was comparable."""


@record
class Competitor(Record):
    """A brand we are compared with. Source: segops-api.md 17.5 [docs]; `id` and `created_at` [inferred]."""

    id: Id
    name: str | None = None
    domain: str | None = None
    brand_aliases: list[str] | None = None
    is_active: bool | None = None
    created_at: datetime | None = None
