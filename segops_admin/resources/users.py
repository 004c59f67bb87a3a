"""Users as the event store knows them: search, profile, events, segments, and what an event would change."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from typing_extensions import Unpack

from ..core.request import Repeat, Request, merged, path
from ..records.page import Page
from ..records.segments import MembershipSegment
from ..records.users import (
    EventQuery,
    Explanation,
    SandboxFields,
    SandboxResult,
    User,
    UserEvent,
    UserQuery,
    UserSummary,
)
from .base import Namespace


class AsyncUsers(Namespace):
    """Users of the workspace, by the id their events carry."""

    async def search(
        self, params: str | Mapping[str, Any] | None = None, /, **query: Unpack[UserQuery]
    ) -> Page[UserSummary]:
        """Return users whose id contains a text, at most `limit`.

        params: the text, or a dictionary with `q` and `limit`.
        This list has no pages: raise `limit` for more (C4).
        Source: segops-api.md 15.1 [docs]; defaults [inferred].
        """
        given = {"q": params} if isinstance(params, str) else params
        return await self._page(path("explorer", "users"), UserSummary, given, query)

    async def get(self, user_id: str) -> User:
        """Return one user's profile; SegOpsNotFoundError for an unknown one [inferred].

        Source: segops-api.md 15.2 [docs].
        """
        return await self._call(Request("GET", path("explorer", "users", user_id)), User)

    async def events(
        self, user_id: str, params: Mapping[str, Any] | None = None, /, **query: Unpack[EventQuery]
    ) -> Page[UserEvent]:
        """Return a user's events, newest first [inferred], at most `limit`.

        Source: segops-api.md 15.3 [docs]; `since` [sdk]; C4.
        """
        return await self._page(path("explorer", "users", user_id, "events"), UserEvent, params, query)

    async def segments(self, user_id: str) -> builtins.list[MembershipSegment]:
        """Return the segments a user is in.

        Source: segops-api.md 15.4 [docs].
        """
        where = path("explorer", "users", user_id, "segments")
        return (await self._page(where, MembershipSegment, None, {})).results

    async def explain(self, user_id: str, segment_id: int) -> builtins.list[Explanation]:
        """Return how a user, member or not, stands to each condition of a segment, in order.

        Source: segops-api.md 15.5 [docs].
        """
        where = path("explorer", "users", user_id, "segments", segment_id, "explain")
        return (await self._page(where, Explanation, None, {})).results

    async def publish_sandbox(
        self,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[SandboxFields],
    ) -> SandboxResult:
        """Return which segments a user would enter and leave if an event happened; nothing is stored.

        Source: segops-api.md 15.6 [docs].
        """
        request = Request(
            "POST",
            path("explorer", "sandbox", "publish"),
            body=merged(body, fields),
            idempotency_key=idempotency_key,
            repeat=Repeat.HARMLESS,
        )
        return await self._call(request, SandboxResult)
