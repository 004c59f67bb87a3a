"""Analytics: figures over everything, for reading."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from ..core.request import Request, merged, path
from ..records.analytics import ConnectorHealth, Overlap, Overview, SegmentTrend, Usage
from .base import Namespace


class AsyncAnalytics(Namespace):
    """Figures over the whole workspace. The documents show no parameters; what is given is passed on."""

    async def overview(self, params: Mapping[str, Any] | None = None, /, **query: Any) -> Overview:
        """Return the workspace at a glance.

        Source: segops-api.md 19 [docs].
        """
        return await self._call(Request("GET", path("analytics", "overview"), query=merged(params, query)), Overview)

    async def segments(self, params: Mapping[str, Any] | None = None, /, **query: Any) -> builtins.list[SegmentTrend]:
        """Return each active segment's size over the last 30 days.

        Source: segops-api.md 19 [docs].
        """
        return (await self._page(path("analytics", "segments"), SegmentTrend, params, query)).results

    async def overlap(self, params: Mapping[str, Any] | None = None, /, **query: Any) -> builtins.list[Overlap]:
        """Return the 20 pairs of segments that share most members.

        Source: segops-api.md 19 [docs].
        """
        return (await self._page(path("analytics", "overlap"), Overlap, params, query)).results

    async def activations(
        self, params: Mapping[str, Any] | None = None, /, **query: Any
    ) -> builtins.list[ConnectorHealth]:
        """Return how each connector has been doing.

        Source: segops-api.md 19 [docs].
        """
        return (await self._page(path("analytics", "activations"), ConnectorHealth, params, query)).results

    async def usage(self, params: Mapping[str, Any] | None = None, /, **query: Any) -> Usage:
        """Return what the current period has used of the plan.

        Source: segops-api.md 19 [sdk]; the shape [inferred].
        """
        return await self._call(Request("GET", path("analytics", "usage"), query=merged(params, query)), Usage)
