"""Competitors: the brands we are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from typing_extensions import Unpack

from ..records.queries import Competitor, CompetitorFields
from .base import AsyncCollection


class AsyncCompetitors(AsyncCollection[Competitor]):
    """Brands we are compared with."""

    _collection = ("ai-reach", "competitors")
    _kind = Competitor

    async def create(
        self,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[CompetitorFields],
    ) -> Competitor:
        """Create a competitor and return it; its name is unique in the workspace.

        Source: segops-api.md 17.5 [docs].
        """
        return await self._create(body, fields, idempotency_key)

    async def update(
        self,
        id: int,
        body: Mapping[str, Any] | None = None,
        /,
        method: str = "PATCH",
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[CompetitorFields],
    ) -> Competitor:
        """Change a competitor and return it; `is_active=False` stops tracking and keeps the history.

        Source: segops-api.md 17.5 [docs]; the path [inferred].
        """
        return await self._update(id, body, method, fields, idempotency_key)
