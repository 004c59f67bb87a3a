"""Limits of section 3.2 of the sheet: calls per minute and tenant, and events per month and tenant."""

from __future__ import annotations

import math
from collections import deque
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from segops_admin.emulator.replies import ApiError

if TYPE_CHECKING:
    from segops_admin.emulator.clock import Clock
    from segops_admin.emulator.store import Store

_WINDOW_S = 60.0


class Throttle:
    """Counts the calls of each tenant over the last minute; a refused call does not count."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[object, deque[float]] = {}

    def admit(self, who: object, limit: int) -> None:
        """Let a call through, or raise the 429 that says how many seconds to wait."""
        now = self._clock.now()
        calls = self._calls.setdefault(who, deque())
        while calls and calls[0] <= now - _WINDOW_S:
            calls.popleft()
        if len(calls) >= limit:
            raise throttled(calls[0] + _WINDOW_S - now if calls else _WINDOW_S)
        calls.append(now)

    def reset(self) -> None:
        """Forget all calls."""
        self._calls.clear()


def throttled(wait_s: float) -> ApiError:
    """Return the 429 asking the caller to wait."""
    seconds = max(1, math.ceil(wait_s))
    unit = "second" if seconds == 1 else "seconds"
    detail = f"Request was throttled. Expected available in {seconds} {unit}."
    return ApiError(429, detail, {"Retry-After": str(seconds)})


def charge_events(store: Store, tenant_id: int, limit: int | None, events: int, now: float) -> None:
    """Count events against the month's quota, or raise the 429 whose wait reaches to the first of next month."""
    today = datetime.fromtimestamp(now, tz=timezone.utc)
    month = f"{today:%Y-%m}"
    used = store.scalar("SELECT events FROM usage WHERE tenant_id=? AND month=?", tenant_id, month) or 0
    if limit is not None and used + events > limit:
        reset = today.replace(
            year=today.year + today.month // 12, month=today.month % 12 + 1, day=1, hour=0, minute=0, second=0
        )
        raise throttled(reset.timestamp() - now)
    store.execute(
        "INSERT INTO usage VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET events = events + excluded.events",
        tenant_id,
        month,
        events,
    )
