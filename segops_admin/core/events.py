"""What an observer is told about calls: one small value per attempt, wait and end. Never holds a header or a body."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Literal

import attrs

logger = logging.getLogger("segops_admin")

Kind = Literal["sending", "waiting", "answered", "failed"]
"""`sending` an attempt, `waiting` before the next one, `answered` for good, `failed` for good."""


@attrs.frozen(kw_only=True)
class CallEvent:
    """One moment in the life of a call."""

    kind: Kind
    method: str
    path: str
    attempt: int
    """From 1."""
    status: int | None = None
    delay_s: float | None = None
    """Seconds until the next attempt."""
    reason: str = ""
    """Why we wait or gave up."""
    elapsed_s: float = 0.0
    """Seconds since the call began."""


Observer = Callable[[CallEvent], object]


def tell(observer: Observer | None, event: CallEvent) -> None:
    """Log an event and hand it to the observer; an observer that fails is logged and does not harm the call."""
    logger.debug("%s %s: %s (attempt %d) %s", event.method, event.path, event.kind, event.attempt, event.reason)
    if observer is None:
        return
    try:
        observer(event)
    except Exception:
        logger.exception("on_event failed; the call goes on")
