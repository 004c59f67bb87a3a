"""One clock for the whole emulator, which a test may stop or move, and the one way instants are written on the wire.

Inside, an instant is a float: unix seconds, UTC. On the wire it is `2026-06-11T07:45:10Z` (sheet, section 1).
"""

from __future__ import annotations

import math
import re
import time
from datetime import datetime, timezone
from functools import lru_cache

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(\.\d+)?)?(Z|z|[+-]\d\d:?\d\d)?\Z")


class Clock:
    """Tells the emulator's time: the machine's, shifted by what a test asked for, or stopped."""

    def __init__(self) -> None:
        self._offset_s = 0.0
        self._frozen_at: float | None = None

    def now(self) -> float:
        """Return the emulator's time in unix seconds."""
        return time.time() + self._offset_s if self._frozen_at is None else self._frozen_at

    def advance(self, seconds: float) -> float:
        """Move the clock forward (or back, when negative) and return the new time."""
        if self._frozen_at is not None:
            self._frozen_at += seconds
        else:
            self._offset_s += seconds
        return self.now()

    def set(self, instant: float | str) -> float:
        """Set the clock to an instant (unix seconds or ISO text); it runs on from there unless frozen."""
        target = parse_instant(instant) if isinstance(instant, str) else float(instant)
        if self._frozen_at is not None:
            self._frozen_at = target
        else:
            self._offset_s = target - time.time()
        return target

    def freeze(self, instant: float | str | None = None) -> float:
        """Stop the clock, at `instant` if given; only `advance` and `set` move it from then on."""
        self._frozen_at = self.now()
        return self._frozen_at if instant is None else self.set(instant)

    def reset(self) -> None:
        """Follow the machine's clock again."""
        self._offset_s, self._frozen_at = 0.0, None


@lru_cache(8192)  # a page of rows often shares its instants
def iso(instant: float | None) -> str | None:
    """Write an instant as the wire has it, whole seconds with `Z`; None stays None."""
    if instant is None:
        return None
    return datetime.fromtimestamp(math.floor(instant), tz=timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> float:
    """Read an ISO 8601 date or timestamp (no zone means UTC) as unix seconds; raises ValueError."""
    found = _INSTANT.match(text.strip())
    if not found:
        raise ValueError(f"not an ISO 8601 timestamp: {text!r}")
    day, hour, fraction, zone = found.groups()
    offset = "+00:00" if zone is None or zone in "Zz" else f"{zone[:3]}:{zone[-2:]}"
    whole = datetime.fromisoformat(f"{day}T{hour or '00:00'}{offset}").timestamp()
    return whole + (float(fraction) if fraction else 0.0)


def later(now: float, previous: float | None) -> float:
    """Return `now`, moved on where needed so that it also reads later than `previous` on the wire.

    Clients see a finished compute by `last_computed_at` having changed; two runs within one second must differ too.
    """
    return now if previous is None else max(now, math.floor(previous) + 1.0)
