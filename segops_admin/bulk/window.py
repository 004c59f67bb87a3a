"""How many chunks may be in flight: additive increase, multiplicative decrease (AIMD), as TCP does it.

It begins as wide as the caller allows. A 429, a 503, a lost connection or a latency far above the usual one halves it,
at most once per round trip; success widens it again, by one per windowful. Pure arithmetic over a clock value; who
sends asks for a turn.
"""

from __future__ import annotations

import asyncio

NARROWER = 0.5
FAR_ABOVE = 4.0
"""A round trip this many times the usual one, and this many seconds longer, means a queue at the server."""
FAR_ABOVE_S = 0.25
ADAPTS = 0.1
"""How far one slower round trip moves what is usual; a quicker one moves it at once. A single quick request (a chunk
of one row) would otherwise make all others look late."""


class Window:
    """The present bound on chunks in flight, between 1 and `most`."""

    def __init__(self, most: int) -> None:
        self._most = float(most)
        self._size = self._most
        self.usual_s = float("inf")
        """What a round trip takes; infinite until one is over."""
        self._calm_until = 0.0
        self._taken = 0
        self._freed = asyncio.Event()

    @property
    def size(self) -> int:
        """Chunks that may be in flight now."""
        return int(self._size)

    async def enter(self) -> None:
        """Wait for a free place and take it, so that repeats do not crowd a server that has just objected."""
        while self._taken >= self.size:
            self._freed.clear()
            await self._freed.wait()
        self._taken += 1

    def leave(self) -> None:
        """Free the place again."""
        self._taken -= 1
        self._freed.set()

    def succeeded(self, now: float, took_s: float) -> None:
        """Take note of a chunk that was acknowledged."""
        usual_s, self.usual_s = self.usual_s, min(took_s, self.usual_s + ADAPTS * (took_s - self.usual_s))
        if took_s > max(FAR_ABOVE * usual_s, usual_s + FAR_ABOVE_S):
            self.narrow(now, took_s)
            return
        self._size = min(self._size + 1.0 / self._size, self._most)

    def narrow(self, now: float, took_s: float) -> None:
        """Take note of an objection; further ones within one round trip are the same objection."""
        if now < self._calm_until:
            return
        self._calm_until = now + took_s
        self._size = max(1.0, self._size * NARROWER)
