"""One chunk on its way: sent until the server has taken or refused each of its rows, or until it is gone for good.

answer                        what happens
────────────────────────────  ──────────────────────────────────────────────────────────
2xx                           rows it lists under `errors` have failed, the rest is stored
413                           the chunk is sent in halves; a single row fails
400 that blames rows          those fail, the rest is sent again without them
400 that blames nothing       all its rows fail with that reason
429, 5xx, lost connection     waits and tries again, the same key, until patience ends
anything else                 stops the import (key revoked, not allowed, moved)
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs

from ..core import codec
from ..core.refusal import words
from ..core.request import Repeat, Request, path
from ..core.retry import RetryPolicy, above_hint
from ..errors import (
    SegOpsApiError,
    SegOpsBadRequestError,
    SegOpsConnectionError,
    SegOpsRateLimitError,
    SegOpsServerError,
)
from ..records.base import is_array, is_object
from ..records.bulk import ChunkResult, FailedRow

if TYPE_CHECKING:
    from ..core.call import Caller
    from .chunks import Chunk
    from .window import Window

PATIENCE = 3
"""How many times the client's own retries a chunk is tried; imports outlast a server's restart."""


@attrs.define
class Sender:
    """Sends chunks of one import."""

    call: Caller
    """Without retries of its own: every attempt is seen here, and moves the window."""
    window: Window
    identity: str
    policy: RetryPolicy
    only_key: str | None = None
    """The caller's own key, when the whole import is one request."""

    @classmethod
    def over(cls, call: Caller, window: Window, identity: str, only_key: str | None) -> Sender:
        """Make a sender whose patience comes from the client's retries."""
        single = attrs.evolve(call, config=attrs.evolve(call.config, max_retries=0))
        policy = attrs.evolve(call.policy, max_retries=PATIENCE * call.config.max_retries)
        return cls(single, window, identity, policy, only_key)

    async def store(self, chunk: Chunk) -> ChunkResult:
        """Bring a chunk's rows in and return what became of them."""
        clock = asyncio.get_running_loop().time
        started = clock()
        result = ChunkResult(first=chunk.first, rows=chunk.rows, skipped=chunk.replaced, failed=list(chunk.refused))
        await self._store(chunk, result)
        result.failed.sort(key=lambda row: row.index)
        result.duration_s = clock() - started
        return result

    async def _store(self, chunk: Chunk, result: ChunkResult) -> None:
        if not chunk.places:
            return
        try:
            answer = await self._send(chunk, result)
        except SegOpsBadRequestError as error:
            await self._store_the_rest(chunk, result, error)
        except SegOpsApiError as error:
            if error.status != 413:
                raise
            await self._store_halves(chunk, result, error)
        else:
            _take(answer, chunk, result)

    async def _store_halves(self, chunk: Chunk, result: ChunkResult, error: SegOpsApiError) -> None:
        if len(chunk.places) == 1:
            result.failed.append(_failed(chunk, 0, f"too large for the server: {error}"))
            return
        for half in chunk.halves():
            await self._store(half, result)

    async def _store_the_rest(self, chunk: Chunk, result: ChunkResult, error: SegOpsBadRequestError) -> None:
        blamed = blamed_rows(error.body, len(chunk.places))
        if not blamed:
            result.failed.extend(_failed(chunk, position, str(error)) for position in range(len(chunk.places)))
            return
        result.failed.extend(_failed(chunk, position, reason) for position, reason in blamed.items())
        await self._store(chunk.without(set(blamed)), result)

    async def _send(self, chunk: Chunk, result: ChunkResult) -> Any:
        request = Request(
            "POST",
            path("pim", "products", "bulk"),
            body=chunk.body,
            idempotency_key=self._key(chunk, result),
            repeat=Repeat.HARMLESS,
        )
        clock = asyncio.get_running_loop().time
        delays = self.policy.delays()
        while True:
            async with self.window.turn():
                started = clock()
                try:
                    response = await self.call.send(request)
                except (SegOpsConnectionError, SegOpsRateLimitError, SegOpsServerError) as error:
                    self.window.narrow(clock(), clock() - started)
                    objection = error
                else:
                    self.window.succeeded(clock(), clock() - started)
                    return codec.decode_promised(response)
            await self._pause(objection, next(delays, None))
            result.retries += 1

    def _key(self, chunk: Chunk, result: ChunkResult) -> str:
        whole = self.only_key is not None and chunk.rows == result.rows
        return self.only_key if whole and self.only_key else chunk.key(self.identity)

    async def _pause(self, error: SegOpsConnectionError | SegOpsApiError, delay_s: float | None) -> None:
        """Wait before the next attempt; raise the error when patience ends or the wait asked for is too long."""
        hint_s = error.retry_after
        if delay_s is None or (hint_s is not None and hint_s > self.policy.max_retry_after_s):
            raise error
        await asyncio.sleep(delay_s if hint_s is None else above_hint(hint_s))


def _take(answer: Any, chunk: Chunk, result: ChunkResult) -> None:
    """Add what the server says of a chunk; a row it does not blame is stored, whatever it counts."""
    body = answer if is_object(answer) else {}
    failed = [_blame(row, chunk) for row in filter(is_object, body.get("errors") or [])]
    result.failed.extend(failed)
    result.stored += len(chunk.places) - len(failed)
    result.created += _count(body.get("created"))
    result.updated += _count(body.get("updated"))


def _count(value: Any) -> int:
    return value if type(value) is int else 0


def _blame(row: dict[str, Any], chunk: Chunk) -> FailedRow:
    """Find the caller's row that the server blames, by its position in the request or else by its sku."""
    reason = str(row.get("error") or row.get("reason") or row.get("detail") or "refused without a reason")
    position = row.get("index")
    if isinstance(position, int) and 0 <= position < len(chunk.places):
        return _failed(chunk, position, reason)
    found = [
        place for place, product in zip(chunk.places, chunk.products, strict=True) if product["sku"] == row.get("sku")
    ]
    return FailedRow(index=found[0] if found else -1, sku=row.get("sku"), reason=reason)


def _failed(chunk: Chunk, position: int, reason: str) -> FailedRow:
    return FailedRow(index=chunk.places[position], sku=str(chunk.products[position]["sku"]), reason=reason)


def blamed_rows(body: Any, count: int) -> dict[int, str]:
    """Read which rows a 400 blames: errors by index, an object or a list (segops-api.md 3.1 [inferred])."""
    products = body.get("products") if is_object(body) else None
    if is_array(products) and len(products) == count:
        pairs = list(enumerate(products))
    elif is_object(products):
        pairs = [(int(index), what) for index, what in products.items() if index.isascii() and index.isdigit()]
    else:
        return {}
    return {index: words(what) for index, what in pairs if what and 0 <= index < count}
