"""One quota for all processes that name the same Redis, so that a fleet keeps to a plan's limit together.

    from segops_admin.integrations.redis import RedisQuota

    segops = AsyncSegOpsAdmin(rate_limit=RedisQuota("business", "redis://cache:6379", name="northwind"))

The counting is `limits`' moving window, asked on a thread: what it costs is nothing beside a call, and one connection
pool serves every event loop. Calls of one process leave in the order they came; between processes whoever asks first
is served. Without Redis each process keeps to the whole quota by itself, and says so once.
"""

from __future__ import annotations

import asyncio
import math
import time
from importlib import import_module
from typing import Any
from weakref import WeakKeyDictionary

from ..core.events import logger
from ..core.pace import OnWait, Quota, parse_rate_limit
from ..errors import SegOpsConfigError

AWAY_S = 5.0
"""Seconds for which a Redis that did not answer is not asked again."""
PAUSE_S = 0.005
"""Added to a wait for the next place, so that clocks that differ by a little do not ask twice."""


class RedisQuota:
    """A quota that several processes share; give it to clients as `rate_limit`.

    rate_limit: as the client's: `"60/min"`, a plan's name, or calls per second.
    url: `redis://`, `rediss://` or `unix://`. name: what the processes share; one per workspace.
    timeout: seconds for one question to Redis, after which it counts as away.
    Raises SegOpsConfigError for a rate or URL that means nothing, and where the extra `redis` is not installed.
    """

    def __init__(
        self,
        rate_limit: str | float,
        url: str = "redis://127.0.0.1:6379",
        *,
        name: str = "segops_admin",
        timeout: float = 0.5,
    ) -> None:
        quota = parse_rate_limit(rate_limit)
        if not isinstance(quota, Quota):
            raise SegOpsConfigError(f"rate_limit must be a rate, not {rate_limit!r}.")
        self._own = quota
        self._name = name
        limits = _limits()
        self._item = limits.RateLimitItemPerSecond(quota.count, math.ceil(quota.window_s))
        self._limiter = limits.strategies.MovingWindowRateLimiter(_storage(limits, url, timeout))
        self._away_error: type[Exception] = limits.errors.StorageError
        self._away_until = -math.inf
        self._is_away = False
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    async def take(self, patience_s: float, on_wait: OnWait) -> float:
        """Wait for a place, take it and return 0.0; where the next is not within `patience_s`, return how far it is."""
        end = time.monotonic() + patience_s
        async with self._turns.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            while (wait_s := await self._ask()) is not None:
                if wait_s == 0:
                    return 0.0
                if time.monotonic() + wait_s >= end:
                    return wait_s
                on_wait(wait_s)
                await asyncio.sleep(wait_s)
        return await self._own.take(end - time.monotonic(), on_wait)

    async def _ask(self) -> float | None:
        """Take a place now and return 0.0, or return the seconds after which to ask again; None while Redis is away."""
        if time.monotonic() < self._away_until:
            return None
        try:
            wait_s = await asyncio.to_thread(self._try_to_take)
        except self._away_error as error:
            self._note_away(error.__cause__ or error)
            return None
        self._note_back()
        return wait_s

    def _try_to_take(self) -> float:
        if self._limiter.hit(self._item, self._name):
            self._own.reserve(time.monotonic())  # an outage begins with what this process has used already
            return 0.0
        free_at: float = self._limiter.get_window_stats(self._item, self._name).reset_time
        return max(0.0, free_at - time.time()) + PAUSE_S

    def _note_away(self, error: BaseException) -> None:
        self._away_until = time.monotonic() + AWAY_S
        if not self._is_away:
            self._is_away = True
            logger.warning(
                "The Redis of the shared quota %r does not answer (%s). Until it does, this process keeps to %s calls "
                "in %g s of its own.",
                self._name,
                type(error).__name__,
                self._own.count,
                self._own.window_s,
            )

    def _note_back(self) -> None:
        if self._is_away:
            self._is_away = False
            logger.warning("The Redis of the shared quota %r answers again.", self._name)

    def __repr__(self) -> str:
        return f"<RedisQuota {self._name!r} {self._own.count} calls in {self._own.window_s:g} s>"


def _limits() -> Any:
    try:
        import_module("redis")
        for part in ("strategies", "storage", "errors"):
            import_module(f"limits.{part}")
        return import_module("limits")
    except ImportError as error:
        raise SegOpsConfigError("A shared quota needs limits and redis: pip install 'segops_admin[redis]'.") from error


def _storage(limits: Any, url: str, timeout_s: float) -> Any:
    if not isinstance(url, str) or not url.startswith(("redis://", "rediss://", "unix://")):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SegOpsConfigError("url must be a Redis URL: redis://, rediss:// or unix://.")  # it may hold a password
    no_retries = import_module("redis.retry").Retry(import_module("redis.backoff").NoBackoff(), 0)
    uri = url.replace("unix://", "redis+unix://", 1)
    try:
        return limits.storage.storage_from_string(
            uri, wrap_exceptions=True, socket_timeout=timeout_s, socket_connect_timeout=timeout_s, retry=no_retries
        )
    except (ValueError, TypeError, limits.errors.ConfigurationError):
        raise SegOpsConfigError("url is not a Redis URL that can be read.") from None
