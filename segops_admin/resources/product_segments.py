"""Product segments: named collections of products, computed from rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from typing_extensions import Unpack

from .. import jobs
from ..core.request import Repeat, Request, path
from ..records.jobs import JobStart
from ..records.product_segments import ProductSegment, ProductSegmentFields
from .base import AsyncCollection


class AsyncProductSegments(AsyncCollection[ProductSegment]):
    """Named collections of products."""

    _collection = ("product-segments",)
    _kind = ProductSegment

    async def create(
        self,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[ProductSegmentFields],
    ) -> ProductSegment:
        """Create a product segment and return it; it holds nothing until it is computed.

        Source: segops-api.md 10.1 [sdk].
        """
        return await self._create(body, fields, idempotency_key)

    async def update(
        self,
        id: int,
        body: Mapping[str, Any] | None = None,
        /,
        method: Literal["PATCH", "PUT"] = "PATCH",
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[ProductSegmentFields],
    ) -> ProductSegment:
        """Change a product segment and return it.

        Source: segops-api.md 10.1 [sdk].
        """
        return await self._update(id, body, method, fields, idempotency_key)

    async def recompute(self, id: int, *, idempotency_key: str | None = None) -> JobStart:
        """Start a compute and return the server's word for it, `queued`.

        Source: segops-api.md 10.1 [sdk]; the answer [inferred].
        """
        where = path("product-segments", id, "compute")
        return await self._call(
            Request("POST", where, idempotency_key=idempotency_key, repeat=Repeat.HARMLESS), JobStart
        )

    async def recompute_and_wait(
        self, id: int, *, timeout: float = 120.0, on_progress: Callable[[ProductSegment], Any] | None = None
    ) -> ProductSegment:
        """Compute a product segment and return it once the new collection is in.

        timeout: seconds for everything. on_progress: called with the product segment at every look.
        Raises SegOpsJobError when the run fails or the time is up; the run itself goes on at the server.
        Source: segops-api.md 6 [sdk]: done when `last_computed_at` has moved.
        """
        async with jobs.time_limit(f"The compute of product segment {id}", timeout) as watch:
            before = await self.get(id)
            failed = jobs.failed_since(before, lambda segment: (segment.status, segment.updated_at))
            await self.recompute(id)
            return await jobs.wait(
                watch,
                lambda: self.get(id),
                done=jobs.computed_since(before.last_computed_at),
                failure=lambda segment: "" if failed(segment) else None,
                first_wait_s=self._call.config.poll_interval_s,
                on_progress=on_progress,
            )
