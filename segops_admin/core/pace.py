"""When a call may go out: a client's own quota, and the gate that a 429 closes for all its calls together.

Arithmetic over a clock value, and the wait for a place. One `Pace` is shared by a client and its copies.
"""

from __future__ import annotations

import asyncio
import math
import random
import re
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, cast

import attrs

from ..config import shown
from ..errors import SegOpsConfigError

PLANS_PER_MINUTE = {"free": 60, "starter": 300, "business": 1000}
"""Source: segops-api.md 3.2 [docs]."""

UNIT_S = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600}
RETRY_TOKENS = 100.0
TOKENS_PER_SUCCESS = 0.1

MOST = 10**9
"""Calls a second, or seconds a call: beyond it, somebody mistyped."""

STAGGER_S = 0.5
"""Calls leave an opened gate spread over this long, not together."""


class Quota:
    """At most `count` calls in any `window_s` seconds, first come, first served."""

    def __init__(self, count: int, window_s: float) -> None:
        self.count = count
        self.window_s = window_s
        self._starts: deque[float] = deque()
        """When the places of the last window and the next ones begin, in order."""

    async def take(self, patience_s: float, on_wait: OnWait) -> float:
        """Wait for the next place and take it; one that is not waited for to the end is given back."""
        wait_s = self.reserve(time.monotonic(), patience_s)
        if 0 < wait_s < patience_s:
            place = self._starts[-1]
            on_wait(wait_s)
            try:
                await asyncio.sleep(wait_s)
            except BaseException:
                self.give_back(place)
                raise
        return wait_s if wait_s >= patience_s else 0.0

    def reserve(self, now: float, patience_s: float = math.inf) -> float:
        """Take the next place after a clock value, if it begins within `patience_s`; return the seconds until then."""
        while self._starts and self._starts[0] <= now - self.window_s:
            self._starts.popleft()
        full = len(self._starts) >= self.count
        start = max(now, self._starts[-self.count] + self.window_s) if full else now
        if start - now < patience_s:
            self._starts.append(start)
        return start - now

    def give_back(self, start: float) -> None:
        """Free the place that begins then."""
        with suppress(ValueError):  # it may have begun and passed meanwhile
            self._starts.remove(start)


OnWait = Callable[[float], object]
"""Told of a wait, in seconds, before it begins."""


class Limiter(Protocol):
    """A quota: `Quota` here, or one shared with other processes (`segops_admin.integrations.redis`)."""

    async def take(self, patience_s: float, on_wait: OnWait) -> float:
        """Wait for a place, take it and return 0.0; where the next is not within `patience_s`, return how far it is."""
        ...


class Budget:
    """What retries may cost a struggling server: each takes a token, each success gives a tenth of one back.

    A server that fails everything sees the full number of retries until the tokens are gone, and then some 10 % more
    requests than calls, however many callers there are.
    """

    def __init__(self, tokens: float = RETRY_TOKENS) -> None:
        self._most = tokens
        self._tokens = tokens

    def succeeded(self) -> None:
        """Take note of an answer that was no failure."""
        self._tokens = min(self._most, self._tokens + TOKENS_PER_SUCCESS)

    def spend(self) -> bool:
        """Take a token for a retry; False when there is none, and the failure must stand."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Gate:
    """What a 429 closes for all calls of a client together."""

    def __init__(self) -> None:
        self._closed_until = 0.0

    def close(self, until: float) -> None:
        """Hold all calls until this clock value; a later one wins."""
        self._closed_until = max(self._closed_until, until)

    def wait_s(self, now: float) -> float:
        """Return the seconds a call has to wait, staggered."""
        closed_s = self._closed_until - now
        return closed_s + random.uniform(0, STAGGER_S) if closed_s > 0 else 0.0  # noqa: S311 -- spreads load


@attrs.frozen
class Pace:
    """The quota, the gate and the retry budget of one client."""

    quota: Limiter | None = None
    gate: Gate = attrs.field(factory=Gate)
    budget: Budget = attrs.field(factory=Budget)

    def is_open(self, now: float) -> bool:
        """Whether a call may go out at this clock value without any wait."""
        return self.quota is None and self.gate.wait_s(now) == 0

    def without_quota(self) -> Pace:
        """Return the same gate and budget for a caller who takes the places in the quota itself."""
        return attrs.evolve(self, quota=None)


def parse_rate_limit(rate_limit: str | float | Limiter | None) -> Limiter | None:
    """Read `"60/min"`, a plan's name, a number of calls per second, or a limiter; None means no quota of our own."""
    if rate_limit is None or hasattr(rate_limit, "take"):
        return cast("Limiter | None", rate_limit)
    if isinstance(rate_limit, str):
        return _parse_text(rate_limit.strip().lower())
    if isinstance(rate_limit, bool) or not isinstance(rate_limit, (int, float)) or not 1 / MOST <= rate_limit <= MOST:
        raise SegOpsConfigError(f"rate_limit must be positive and at most {MOST:,} calls/s, not {shown(rate_limit)}.")
    return Quota(int(rate_limit), 1.0) if rate_limit >= 1 else Quota(1, 1 / rate_limit)


def _parse_text(text: str) -> Quota:
    if text in PLANS_PER_MINUTE:
        return Quota(PLANS_PER_MINUTE[text], 60.0)
    match = re.fullmatch(r"(\d{1,9})\s*(?:/|per)\s*(\d{0,9})\s*([a-z]+?)", text)
    unit = match and UNIT_S.get(match[3], UNIT_S.get(match[3].rstrip("s")))
    if not match or not unit or not int(match[1]) * int(match[2] or 1):
        plans = ", ".join(PLANS_PER_MINUTE)
        raise SegOpsConfigError(f'rate_limit must look like "60/min" or name a plan ({plans}), not {shown(text)}.')
    return Quota(int(match[1]), float(unit * int(match[2] or 1)))
