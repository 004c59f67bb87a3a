"""Whether to send again, and after how long: pure functions, and the loop that obeys them.

The only module that knows `backoff`.

    failure                              repeated for
    ───────────────────────────────────  ─────────────────────────────────────────────
    never left this machine              all calls but NEVER
    429, 503                             all calls but NEVER (the server did not act)
    cut off, 500, 502, 504, other 5xx    HARMLESS calls only (it may have acted)
    anything else                        nobody

The server's `Retry-After` is a floor on which jitter only adds; without one the wait is backoff's exponential with full
jitter. A hint beyond `max_retry_after_s` is not slept: the caller gets the error with `.retry_after`.
Source: segops-api.md 3.3 [inferred]; C22.
"""

from __future__ import annotations

import asyncio
import logging
import math
import random
import re
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

import attrs
import backoff

from ..errors import SegOpsApiError, SegOpsConnectionError, SegOpsTimeoutError
from .events import CallEvent, Kind, Observer, logger, tell
from .request import Repeat
from .response import Response

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from .pace import Pace
    from .request import Request

Refused = TypeVar("Refused", SegOpsApiError, SegOpsConnectionError, SegOpsTimeoutError)

NOT_ACTED_ON = frozenset({429, 503})
SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")
"""A hint as an integer or a decimal; Python's own reader takes `1_0` and other digits too."""
HINT_JITTER = 0.1
"""Share of the server's hint that is added at random, so that a fleet does not wake together."""


@attrs.frozen(kw_only=True)
class RetryPolicy:
    """How often, how long, and on what."""

    max_retries: int = 3
    base_s: float = 0.5
    cap_s: float = 30.0
    max_retry_after_s: float = 60.0

    def delays(self) -> Iterator[float]:
        """Give the waits between the attempts of one call, in seconds, as many as there may be retries."""
        ceilings = backoff.expo(base=2, factor=self.base_s, max_value=self.cap_s)
        next(ceilings)
        for _ in range(self.max_retries):
            yield backoff.full_jitter(next(ceilings))


def may_repeat(repeat: Repeat, outcome: Response | SegOpsConnectionError) -> bool:
    """Return whether a call with this outcome may be sent again."""
    if repeat is Repeat.NEVER:
        return False
    if isinstance(outcome, SegOpsConnectionError):
        return outcome.may_pass and (repeat is Repeat.HARMLESS or not outcome.outcome_unknown)
    if outcome.status in NOT_ACTED_ON:
        return True
    return outcome.status >= 500 and repeat is Repeat.HARMLESS


def outcome_unknown(response: Response) -> bool:
    """Return whether a refused mutation may have happened all the same."""
    return response.status >= 500 and response.status not in NOT_ACTED_ON and response.request.method != "GET"


def retry_after_s(response: Response) -> float | None:
    """Read `Retry-After` as seconds: an integer, a decimal or an HTTP date. None when absent, negative or garbage."""
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    if not SECONDS.fullmatch(text):
        return _seconds_until(text)
    seconds = float(text)
    return seconds if math.isfinite(seconds) else None


def above_hint(hint_s: float, left_s: float = math.inf) -> float:
    """Return a wait that is at least the server's hint; what is added does not use up the time that is left."""
    jitter_s = random.uniform(0, HINT_JITTER * hint_s + 0.05)  # noqa: S311 -- spreads load, guards nothing
    return hint_s + min(jitter_s, max(0.0, (left_s - hint_s) / 2))


def _seconds_until(text: str) -> float | None:
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=timezone.utc)
    return max(0.0, (when - datetime.now(timezone.utc)).total_seconds())


@attrs.define(kw_only=True)
class Course:
    """What has happened to one call so far; kept outside the loop, so that a timeout can tell of it."""

    request: Request
    started: float
    """Loop time, like `deadline`."""
    deadline: float
    observer: Observer | None = None
    attempts: int = 0
    on_the_wire: bool = False
    outcome_unknown: bool = False
    """True once an attempt may have reached the server without our hearing what it did."""
    last: str = ""
    """What the last attempt came to, in a few words."""
    waits_s: list[float] = attrs.field(factory=list[float])
    """All waits so far, in seconds: between attempts, for our quota, at the gate."""
    hint_s: float | None = None
    """How long the server last asked us to wait."""
    reasons: list[str] = attrs.field(factory=list[str])
    """What each failed attempt came to, in a few words."""

    def noted_on(self, error: Refused, idempotency_key: str | None) -> Refused:
        """Write on the error a call ends with how the call went, and return it."""
        error.idempotency_key = idempotency_key
        error.waits_s = tuple(self.waits_s)
        error.reasons = tuple(self.reasons)
        return error

    def waiting(self, delay_s: float, reason: str) -> None:
        """Take note of a wait that begins now."""
        self.waits_s.append(delay_s)
        self.tell("waiting", delay_s=delay_s, reason=reason)

    def tell(self, kind: Kind, *, status: int | None = None, delay_s: float | None = None, reason: str = "") -> None:
        """Tell observer and log what happens; costs next to nothing when nobody listens."""
        if self.observer is None and not logger.isEnabledFor(logging.DEBUG):
            return
        event = CallEvent(
            kind=kind,
            method=self.request.method,
            path=self.request.path,
            attempt=self.attempts,
            status=status,
            delay_s=delay_s,
            reason=reason,
            elapsed_s=asyncio.get_running_loop().time() - self.started,
        )
        tell(self.observer, event)


async def send_with_retries(
    course: Course, attempt: Callable[[], Awaitable[Response]], *, policy: RetryPolicy, pace: Pace
) -> Response:
    """Attempt a call until it is answered for good; raise its last connection error when it never is.

    The answer may still be a refusal (429, 5xx): making an error of it is the caller's step.
    """
    clock = asyncio.get_running_loop().time
    delays = policy.delays()
    while True:
        await wait_for_turn(course, pace)
        if clock() >= course.deadline:
            raise out_of_time(course)
        outcome = await _one_attempt(course, attempt)
        if isinstance(outcome, Response) and outcome.status < 429:
            pace.budget.succeeded()
            course.tell("answered", status=outcome.status)
            return outcome
        delay_s = _delay_before_the_next(course, outcome, next(delays, None), policy, pace, clock())
        if delay_s is None:
            return _give_up(course, outcome)
        if clock() + delay_s >= course.deadline:
            raise out_of_time(course, next_s=delay_s) from (outcome if isinstance(outcome, Exception) else None)
        course.waiting(delay_s, course.last)
        await asyncio.sleep(delay_s)


def _delay_before_the_next(
    course: Course,
    outcome: Response | SegOpsConnectionError,
    own_delay_s: float | None,
    policy: RetryPolicy,
    pace: Pace,
    now: float,
) -> float | None:
    """Return how long to wait before another attempt; None when there must not be one."""
    hint_s = course.hint_s = retry_after_s(outcome) if isinstance(outcome, Response) else None
    if isinstance(outcome, Response) and outcome.status == 429:
        closed_s = hint_s if hint_s is not None else own_delay_s or 0.0
        pace.gate.close(now + min(closed_s, policy.max_retry_after_s))
    if own_delay_s is None or not may_repeat(course.request.repeatable, outcome):
        return None
    if hint_s is not None and (hint_s > policy.max_retry_after_s or now + hint_s >= course.deadline):
        return None
    if not pace.budget.spend():
        course.last += " (no retry: the client's retry budget is spent)"
        return None
    return own_delay_s if hint_s is None else above_hint(hint_s, course.deadline - now)


def out_of_time(course: Course, *, next_s: float | None = None) -> SegOpsTimeoutError:
    """Say that a call's time is up, or would be before the next attempt, and what is known of its effect."""
    request = course.request
    unknown = request.method != "GET" and (course.outcome_unknown or course.on_the_wire)
    missing = "success" if course.reasons and not course.on_the_wire else "answer"
    what = f"no {missing} within {course.deadline - course.started:g} s"
    if next_s is not None:
        what = f"no success, and the next attempt in {next_s:.2g} s would be past the end of its time"
    return SegOpsTimeoutError(
        f"{request.method} {request.path}: {what}, "
        f"{_times(course.attempts)}{f' (last: {course.last})' if course.last else ''}. "
        + ("It may have taken effect: look before sending it again." if unknown else "Try again, or raise timeout=."),
        method=request.method,
        url=request.path,
        attempts=course.attempts,
        outcome_unknown=unknown,
        retry_after=course.hint_s,
    )


async def wait_for_turn(course: Course, pace: Pace) -> None:
    """Wait at the gate and for a place in our quota; raise SegOpsTimeoutError at once where the end comes first."""
    clock = asyncio.get_running_loop().time
    has_place = pace.quota is None
    while (wait_s := pace.gate.wait_s(clock())) > 0 or not has_place:
        if wait_s == 0 and pace.quota is not None:
            has_place = True
            wait_s = await pace.quota.take(course.deadline - clock(), lambda s: course.waiting(s, "our own quota"))
        if clock() + wait_s >= course.deadline:
            if wait_s > 0:
                course.last = course.last or f"our own quota or the server's asks for {wait_s:.1f} s of waiting"
            late = out_of_time(course)
            late.retry_after = wait_s
            raise late
        if wait_s > 0:
            course.waiting(wait_s, "rate limit")
            await asyncio.sleep(wait_s)


async def _one_attempt(course: Course, attempt: Callable[[], Awaitable[Response]]) -> Response | SegOpsConnectionError:
    course.attempts += 1
    course.on_the_wire = True
    course.tell("sending")
    try:
        response = await attempt()
    except SegOpsConnectionError as error:
        course.last = str(error)
        course.reasons.append(course.last)
        course.outcome_unknown |= error.outcome_unknown
        course.on_the_wire = False
        return error
    course.on_the_wire = False
    if not response.ok:
        course.last = f"status {response.status}"
        course.reasons.append(course.last)
        course.outcome_unknown |= outcome_unknown(response)
    return response


def _give_up(course: Course, outcome: Response | SegOpsConnectionError) -> Response:
    if isinstance(outcome, Response):
        course.tell("failed", status=outcome.status, reason=course.last)
        return outcome
    outcome.attempts = course.attempts
    outcome.outcome_unknown = course.outcome_unknown
    raise outcome


def _times(attempts: int) -> str:
    return "not sent at all" if attempts == 0 else f"sent {attempts} time{'s' if attempts > 1 else ''}"
