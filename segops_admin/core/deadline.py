"""The end of a call's time: its own timeout, and a scope's over several calls. On every Python we support.

A scope is a context variable, so that it reaches into tasks and through the portal.
"""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING

from ..config import check_number

if sys.version_info >= (3, 11):
    from asyncio import timeout_at
else:
    from async_timeout import timeout_at

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["deadline", "remaining_s", "timeout_at", "without_scope"]

_ends: ContextVar[float | None] = ContextVar("segops_deadline", default=None)
"""`time.monotonic()` at which the innermost scope ends."""


@contextmanager
def deadline(seconds: float) -> Generator[None, None, None]:
    """Give all calls within this block, together, at most so many seconds; each keeps its own timeout as well.

    with segops_admin.deadline(30):
        segment = await segops.segments.create(...)
        await segops.segments.recompute_and_wait(segment.id)

    Scopes nest: the earliest end holds. What runs out raises SegOpsTimeoutError, of a job SegOpsJobError.
    """
    ends = time.monotonic() + check_number("seconds", seconds, least=0)
    outer = _ends.get()
    token = _ends.set(ends if outer is None else min(ends, outer))
    try:
        yield
    finally:
        _ends.reset(token)


def remaining_s(timeout_s: float) -> float:
    """Return a call's time in seconds: its timeout, or what is left of the scope around it if that is less."""
    ends = _ends.get()
    return timeout_s if ends is None else max(0.0, min(timeout_s, ends - time.monotonic()))


def without_scope() -> Context:
    """Return a copy of the present context in which no scope holds: for work that may outlive the scope around it."""
    context = copy_context()
    context.run(_ends.set, None)
    return context
