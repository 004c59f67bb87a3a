"""Waiting for work that goes on at the server: one loop of looks, with waits that grow and an end.

Called by the `…_and_wait` methods, which say how to look and how to tell the end. Giving up waiting does not stop the
work, and a look that fails says nothing of it: the next one is taken until the time of the wait is up. Whatever ends a
wait tells the job and how to take it up again. Source: segops-api.md 6 [inferred] for the classes of status and the
pace.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import attrs

from .config import check_number
from .core.deadline import remaining_s, timeout_at
from .core.retry import above_hint
from .errors import (
    SegOpsConnectionError,
    SegOpsError,
    SegOpsJobError,
    SegOpsRateLimitError,
    SegOpsServerError,
    SegOpsTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
    from datetime import datetime

J = TypeVar("J")

SUCCEEDED = frozenset({"complete", "completed", "ready", "done", "success", "succeeded"})
FAILED = frozenset({"failed", "failure", "error", "cancelled", "canceled", "expired"})

RUNNING = frozenset({"queued", "pending", "computing", "running", "processing"})

PASSING = (SegOpsConnectionError, SegOpsServerError, SegOpsRateLimitError)
"""What a look may fail with, all its own retries included, without that another one would fail as well."""

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
    ends: float
    """Loop time."""
    way_back: str = ""
    """Says how to take up the wait again, where the job's id is known."""
    waiting: bool = False
    """Whether the job was started; before that, nothing goes on at the server."""
    job: Any = None
    trouble: SegOpsConnectionError | SegOpsServerError | SegOpsRateLimitError | None = None
    """What the last look failed with; None when it went well."""
    raised_by_caller: BaseException | None = None
    """What the caller's own functions raised; it comes out unchanged."""

    def goes_on(self, call: str) -> None:
        """Note the call, as text, that takes up the wait again."""
        self.way_back = f"{self.what} goes on at the server; {call} takes it up again."

    @contextmanager
    def calling_out(self) -> Generator[None, None, None]:
        """Surround a call of a function that the caller gave."""
        try:
            yield
        except BaseException as error:
            self.raised_by_caller = error
            raise

    def note_on(self, error: SegOpsError) -> None:
        """Write on an error of ours that ends the wait which job that leaves behind, and how to go on with it."""
        if error is self.raised_by_caller or isinstance(error, SegOpsJobError):
            return
        error.job = self.job
        if self.way_back:
            error.args = (f"{error} {self.way_back}", *error.args[1:])


@asynccontextmanager
async def time_limit(what: str, timeout: float) -> AsyncGenerator[Watch, None]:
    """End a whole procedure of several calls after `timeout` seconds with SegOpsJobError."""
    check_number("timeout", timeout, least=0)
    within_s = remaining_s(timeout)
    clock = asyncio.get_running_loop().time
    watch = Watch(what, within_s, ends=clock() + within_s)
    raised: Exception | None = None
    try:
        async with timeout_at(watch.ends):
            try:
                yield watch
            except Exception as error:
                raised = error
                raise
    except asyncio.TimeoutError as error:
        if error is raised:  # somebody else's time was up, not this wait's
            raise
        raise _stopped_waiting(watch) from watch.trouble
    except SegOpsError as error:
        # A call of ours ends with the same scope as the wait, and may be the first to notice.
        if isinstance(error, SegOpsTimeoutError) and error is not watch.raised_by_caller and clock() >= watch.ends:
            raise _stopped_waiting(watch) from error
        watch.note_on(error)
        raise


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
    watch.waiting = True
    wait_s = first_wait_s
    while True:
        pause_s = wait_s * random.uniform(0.8, 1.2)  # noqa: S311 -- spreads load, guards nothing
        try:
            job = watch.job = await look()
        except PASSING as error:
            watch.trouble = error
            pause_s = max(pause_s, _asked_for_s(watch, error.retry_after))
        else:
            watch.trouble = None
            if on_progress is not None:
                with watch.calling_out():
                    on_progress(job)
            if (why := failure(job)) is not None:
                reason = why.rstrip(".") or "the server gives no reason"
                raise SegOpsJobError(f"{watch.what} failed: {reason}.", reason="failed", job=job)
            if done(job):
                return job
        await asyncio.sleep(pause_s)
        wait_s = min(wait_s * GROWTH, first_wait_s * SLOWEST)


def _asked_for_s(watch: Watch, hint_s: float | None) -> float:
    """Return how long the server asks us not to look; end a wait that would be over by then."""
    if hint_s is None:
        return 0.0
    left_s = watch.ends - asyncio.get_running_loop().time()
    if hint_s >= left_s:
        raise _stopped_waiting(watch, hint_s) from watch.trouble
    return above_hint(hint_s, left_s)


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


def failed_since(before: J, state: Callable[[J], tuple[Any, ...]]) -> Callable[[J], bool]:
    """Return a test for a failure other than the one an object was in before: that stays until the new run begins.

    state: the status word, then what a new failure would change: its text, a time of update.
    """
    known = state(before)
    moved = not failed(known[0])

    def failed_again(job: J) -> bool:
        nonlocal moved
        now = state(job)
        moved = moved or now != known
        return moved and failed(now[0])

    return failed_again


def _stopped_waiting(watch: Watch, hint_s: float | None = None) -> SegOpsJobError:
    status = watch.job.get("status") if watch.job is not None else None
    sentences = [
        f"{watch.what} did not end within {watch.timeout:.4g} s{f', last seen as {status!r}' if status else ''}."
        if hint_s is None
        else f"{watch.what} cannot be waited for: the server asks not to look for {hint_s:.0f} s, beyond the time left."
    ]
    if watch.trouble is not None:
        sentences.append(f"The last look failed: {watch.trouble}")
    going_on = "It goes on at the server" if watch.waiting else "Whether it was started is not known"
    sentences.append(watch.way_back or f"{going_on}; look later, or raise timeout=.")
    return SegOpsJobError(" ".join(sentences), reason="timeout", job=watch.job, retry_after=hint_s)
