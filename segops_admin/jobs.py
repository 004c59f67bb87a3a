"""Waiting for work that goes on at the server: one loop of looks, with waits that grow and an end.

Called by the `…_and_wait` methods, which say how to look and how to tell the end. Giving up waiting does not stop the
work. Source: segops-api.md 6 [inferred] for the classes of status and the pace.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs

from .config import check_number
from .core.deadline import remaining_s, timeout_at
from .errors import SegOpsJobError, SegOpsTimeoutError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from datetime import datetime

J = TypeVar("J")

SUCCEEDED = frozenset({"complete", "completed", "ready", "done", "success", "succeeded"})
FAILED = frozenset({"failed", "failure", "error", "cancelled", "canceled", "expired"})

RUNNING = frozenset({"queued", "pending", "computing", "running", "processing"})

GROWTH = 1.5
SLOWEST = 10
"""The longest wait between two looks, in first waits: 5 s when the first is 0.5 s."""


class Computed(Protocol):
    """What a compute changes on the object it belongs to."""

    status: str | None
    last_computed_at: datetime | None


def succeeded(status: str | None) -> bool:
    """Return whether a status word means success; unknown words mean still running."""
    return (status or "").lower() in SUCCEEDED


def failed(status: str | None) -> bool:
    """Return whether a status word means failure."""
    return (status or "").lower() in FAILED


@attrs.define
class Watch:
    """One wait: what for, how long, and the job as it was last seen."""

    what: str
    """Names the job in messages."""
    timeout: float
    """Seconds for the whole of it."""
    job: Any = None


@asynccontextmanager
async def time_limit(what: str, timeout: float) -> AsyncGenerator[Watch, None]:
    """End a whole procedure of several calls after `timeout` seconds with SegOpsJobError."""
    check_number("timeout", timeout, least=0)
    watch = Watch(what, timeout)
    clock = asyncio.get_running_loop().time
    ends = clock() + remaining_s(timeout)
    try:
        async with timeout_at(ends):
            yield watch
    except asyncio.TimeoutError:
        raise _stopped_waiting(watch) from None
    except SegOpsTimeoutError as error:
        # A look ends with the same scope as the wait, and may be the first to notice.
        if clock() < ends:
            raise
        raise _stopped_waiting(watch) from error


async def wait(
    watch: Watch,
    look: Callable[[], Awaitable[J]],
    *,
    done: Callable[[J], bool],
    failure: Callable[[J], str | None],
    first_wait_s: float,
    on_progress: Callable[[J], Any] | None = None,
) -> J:
    """Look at a job until it is done; the end of its time is `time_limit`'s.

    failure: says why a job failed; None while it has not.
    Raises SegOpsJobError (`reason="failed"`) when the job fails.
    """
    wait_s = first_wait_s
    while True:
        job = watch.job = await look()
        if on_progress is not None:
            on_progress(job)
        if (why := failure(job)) is not None:
            reason = why.rstrip(".") or "the server gives no reason"
            raise SegOpsJobError(f"{watch.what} failed: {reason}.", reason="failed", job=job)
        if done(job):
            return job
        await asyncio.sleep(wait_s * random.uniform(0.8, 1.2))  # noqa: S311 -- spreads load, guards nothing
        wait_s = min(wait_s * GROWTH, first_wait_s * SLOWEST)


def computed_since(before: datetime | None) -> Callable[[Computed], bool]:
    """Return a test for "computed again": `last_computed_at` moved, or a state that is told went back to computed."""
    was_running = False

    def done(job: Computed) -> bool:
        nonlocal was_running
        status = (job.status or "").lower()
        was_running = was_running or status in RUNNING
        moved = job.last_computed_at is not None and job.last_computed_at != before
        return status not in RUNNING and (moved or (was_running and status == "computed"))

    return done


def _stopped_waiting(watch: Watch) -> SegOpsJobError:
    status = watch.job.get("status") if watch.job is not None else None
    seen = f", last seen as {status!r}" if status else ""
    return SegOpsJobError(
        f"{watch.what} did not end within {watch.timeout:g} s{seen}. "
        "It goes on at the server; look later, or raise timeout=.",
        reason="timeout",
        job=watch.job,
    )
