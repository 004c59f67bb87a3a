"""One chunk on its way: sent until the server has taken or refused each of its rows, or until it is gone for good.

answer                        what happens
────────────────────────────  ──────────────────────────────────────────────────────────
2xx                           rows it lists under `errors` have failed, the rest is stored
413                           the chunk is sent in halves; a single row fails
400 that blames rows          those fail, the rest is sent again without them
400 that blames nothing       all its rows fail with that reason
429, 5xx, lost connection     waits and tries again, the same key, until patience ends
2xx that is no object         stops the import: what became of the rows is not known
anything else                 stops the import (key revoked, not allowed, moved)
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

import attrs

from ..core import codec
from ..core.deadline import remaining_s
from ..core.refusal import words
from ..core.request import Repeat, Request, path
from ..core.retry import Course, RetryPolicy, above_hint, wait_for_turn
from ..errors import (
    SegOpsApiError,
    SegOpsBadRequestError,
    SegOpsConnectionError,
    SegOpsDecodeError,
    SegOpsRateLimitError,
    SegOpsServerError,
)
from ..records.base import is_array, is_object
from ..records.bulk import ChunkResult, FailedRow
from .chunks import sku_of

if TYPE_CHECKING:
    from ..core.call import Caller
    from ..core.pace import Pace
    from ..core.response import Response
    from ..records.base import JSON
    from .chunks import Chunk
    from .window import Window

PATH = path("pim", "products", "bulk")
PATIENCE = 3
"""How many times the client's own retries a chunk is tried; imports outlast a server's restart."""


@attrs.define
class Sender:
    """Sends chunks of one import."""

    call: Caller
    """Without retries and quota of its own: every attempt is seen here, and moves the window."""
    pace: Pace
    window: Window
    policy: RetryPolicy

    @classmethod
    def over(cls, call: Caller, window: Window) -> Sender:
        """Make a sender whose patience comes from the client's retries."""
        single = attrs.evolve(call, config=attrs.evolve(call.config, max_retries=0), pace=call.pace.without_quota())
        policy = attrs.evolve(call.policy, max_retries=PATIENCE * call.config.max_retries)
        return cls(single, call.pace, window, policy)

    async def store(self, chunk: Chunk, own_key: str | None = None) -> ChunkResult:
        """Bring a chunk's rows in and return what became of them. own_key: the caller's, for a chunk that is all."""
        clock = asyncio.get_running_loop().time
        started = clock()
        result = ChunkResult(first=chunk.first, rows=chunk.rows, skipped=chunk.replaced, failed=list(chunk.refused))
        unsent = [chunk] if chunk.places else []
        while unsent:
            part = unsent.pop()
            key = own_key if own_key is not None and part is chunk else part.key
            unsent += reversed(await self._try(part, key, result))
        result.failed.sort(key=lambda row: row.index)
        result.duration_s = clock() - started
        return result

    async def _try(self, chunk: Chunk, key: str, result: ChunkResult) -> list[Chunk]:
        """Send a chunk, note what became of its rows, and return what of them must be sent anew."""
        try:
            answer = await self._send(chunk, key, result)
        except SegOpsBadRequestError as error:
            blamed = blamed_rows(error.body, len(chunk.places)) or dict.fromkeys(range(len(chunk.places)), str(error))
            result.failed.extend(_failed(chunk, position, reason) for position, reason in blamed.items())
            return [chunk.without(set(blamed))] if len(blamed) < len(chunk.places) else []
        except SegOpsApiError as error:
            if error.status != 413:
                raise
            if len(chunk.places) > 1:
                return chunk.halves()
            result.failed.append(_failed(chunk, 0, f"too large for the server: {error}"))
            return []
        _take(answer, chunk, result)
        return []

    async def _send(self, chunk: Chunk, key: str, result: ChunkResult) -> JSON:
        request = Request("POST", PATH, body=chunk.body, idempotency_key=key, repeat=Repeat.HARMLESS)
        clock = asyncio.get_running_loop().time
        delays = self.policy.delays()
        while True:
            await self.window.enter()
            try:
                await self._wait_for_turn(request)
                started = clock()
                try:
                    response = await self.call.send(request)
                except (SegOpsConnectionError, SegOpsRateLimitError, SegOpsServerError) as error:
                    self.window.narrow(clock(), clock() - started)
                    objection = error
                else:
                    self.window.succeeded(clock(), clock() - started)
                    return _promised(response)
            finally:
                self.window.leave()
            await self._pause(objection, next(delays, None))
            result.retries += 1

    async def _wait_for_turn(self, request: Request) -> None:
        """Wait for our own quota and the gate, as long as there is time at all: neither is the server's objection."""
        now = asyncio.get_running_loop().time()
        if self.pace.is_open(now):
            return
        course = Course(
            request=request, started=now, deadline=now + remaining_s(math.inf), observer=self.call.config.on_event
        )
        await wait_for_turn(course, self.pace)

    async def _pause(self, error: SegOpsConnectionError | SegOpsApiError, delay_s: float | None) -> None:
        """Wait before the next attempt; raise the error when patience or time ends, or too long a wait is asked for."""
        hint_s = error.retry_after
        if delay_s is None or (hint_s is not None and hint_s > self.policy.max_retry_after_s):
            raise error
        # Other calls are not repeated once the client's budget is spent; an import goes on, as slowly as may be.
        slowest_s = 0.0 if self.pace.budget.spend() else self.policy.cap_s
        wait_s = max(slowest_s, delay_s if hint_s is None else above_hint(hint_s))
        if wait_s >= remaining_s(math.inf):
            raise error
        await asyncio.sleep(wait_s)


def _promised(response: Response) -> JSON:
    """Return the object an answer must be: anything else says nothing of the rows, so they must not count as stored."""
    answer = codec.decode_promised(response)
    if is_object(answer):
        return answer
    raise SegOpsDecodeError(
        f"POST {response.request.path} answered {response.status}, but not with an object: whether the rows are stored "
        "is not known.",
        method="POST",
        url=response.url,
        body=codec.told(response),
    )


def _take(body: JSON, chunk: Chunk, result: ChunkResult) -> None:
    """Add what the server says of a chunk; a row it does not blame is stored, whatever it counts."""
    failed = _failures(body.get("errors"), chunk)
    result.failed.extend(failed)
    result.stored += max(0, len(chunk.places) - len(failed))
    result.created += _count(body.get("created"))
    result.updated += _count(body.get("updated"))


def _count(value: Any) -> int:
    return value if type(value) is int and 0 <= value < 2**63 else 0


def _failures(errors: Any, chunk: Chunk) -> list[FailedRow]:
    """Read which rows an answer blames: a list, or an object by index. A row blamed twice is one that failed.

    What blames no row that was sent is told all the same, at the place -1.
    """
    if is_object(errors):
        items = [{"index": int(at) if at.isascii() and at.isdigit() else None, "error": errors[at]} for at in errors]
    else:
        items = errors if is_array(errors) else [errors] if errors else []
    by_place: dict[int, FailedRow] = {}
    unplaced: list[FailedRow] = []
    for item in items:
        blamed = item if is_object(item) else {"error": item}
        what = blamed.get("error") or blamed.get("reason") or blamed.get("detail") or "refused without a reason"
        reason = words(what)
        position = _position(blamed, chunk)
        if position is None:
            sku = blamed.get("sku")
            unplaced.append(FailedRow(index=-1, sku=None if sku is None else str(sku), reason=reason))
        else:
            by_place.setdefault(position, _failed(chunk, position, reason))
    return [*by_place.values(), *unplaced]


def _position(blamed: dict[str, Any], chunk: Chunk) -> int | None:
    """Find the blamed row by its position in the request, or else by its sku."""
    position = blamed.get("index")
    if type(position) is int and 0 <= position < len(chunk.places):
        return position
    sku = str(blamed.get("sku", "")).strip()
    return next((at for at, product in enumerate(chunk.products) if sku and sku_of(product) == sku), None)


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
