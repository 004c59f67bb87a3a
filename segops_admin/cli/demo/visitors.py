"""Made-up visitors of the catalogue: who they are and what they viewed and bought. The same seed, the same visitors."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

USERS = 300
SEED = 2026
BATCH = 500
"""Events in one request: the most the service takes (segops-api.md 20)."""

COUNTRIES = ("DE", "FR", "NO", "PL", "SE")
LONGEST_HISTORY_DAYS = 120

SEGMENTS: Sequence[dict[str, Any]] = (
    {
        "name": "Active viewers",
        "description": "Looked at five products or more in 30 days",
        "definition": {
            "logic": "AND",
            "conditions": [
                {
                    "type": "event_count",
                    "event_type": "product_viewed",
                    "operator": "gte",
                    "value": 5,
                    "window_days": 30,
                }
            ],
        },
    },
    {
        "name": "Big spenders",
        "description": "Spent 200 or more in all",
        "definition": {
            "logic": "AND",
            "conditions": [
                {
                    "type": "monetary",
                    "event_type": "order_completed",
                    "property": "amount",
                    "metric": "sum",
                    "operator": "gte",
                    "value": 200,
                }
            ],
        },
    },
    {
        "name": "Nordic, and quiet",
        "description": "From Norway or Sweden, no order for 30 days",
        "definition": {
            "logic": "AND",
            "conditions": [
                {"type": "user_property", "property": "country", "operator": "in", "value": ["NO", "SE"]},
                {"type": "recency", "event_type": "order_completed", "operator": "gt", "window_days": 30},
            ],
        },
    },
)


def product_segment(viewers: int) -> dict[str, Any]:
    """Return the product segment: whatever the members of one user segment looked at."""
    condition = {"type": "user_behavior_signal", "signal": "viewed_by_segment", "segment_id": viewers}
    return {"name": "Seen by active viewers", "definition": {"logic": "AND", "conditions": [condition]}}


def batches(skus: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """Yield all events, as many at a time as one request takes."""
    dice = random.Random(SEED)  # noqa: S311 -- repeatable, guards nothing
    now = datetime.now(timezone.utc)
    waiting: list[dict[str, Any]] = []
    for number in range(USERS):
        waiting.extend(_history(dice, f"visitor-{number:04}", now, skus))
        while len(waiting) >= BATCH:
            yield waiting[:BATCH]
            waiting = waiting[BATCH:]
    if waiting:
        yield waiting


def _history(dice: random.Random, user_id: str, now: datetime, skus: Sequence[str]) -> Iterator[dict[str, Any]]:
    def event(kind: str, days_ago: float, **payload: Any) -> dict[str, Any]:
        at = now - timedelta(days=days_ago)
        return {"user_id": user_id, "event_type": kind, "occurred_at": at.isoformat(), "payload": payload}

    joined = dice.uniform(1, LONGEST_HISTORY_DAYS)
    yield event("context_identified", joined, country=dice.choice(COUNTRIES), newsletter=dice.random() < 0.5)
    for _ in range(dice.randrange(1, 12)):
        yield event("product_viewed", dice.uniform(0, joined), product_id=dice.choice(skus))
    for _ in range(dice.randrange(4)):
        amount = round(dice.uniform(5, 150), 2)
        yield event("order_completed", dice.uniform(0, joined), product_id=dice.choice(skus), amount=amount)
