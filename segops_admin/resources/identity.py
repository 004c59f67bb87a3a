"""Identity: whose events are whose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.request import Repeat, Request, path
from ..errors import SegOpsInputError
from ..records.identity import Alias, Merge
from .base import Namespace


class AsyncIdentity(Namespace):
    """Joins the ids of one person. Events are never rewritten: ids are resolved when they are read."""

    async def alias(
        self,
        anonymous_id: str | Mapping[str, Any],
        user_id: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Alias:
        """Give an anonymous id to a user and return who has it now: the first identify wins, a later one is ignored.

        anonymous_id: the id, or a dictionary with `anonymous_id` and `user_id`.
        Source: segops-api.md 16 [docs] [sdk]; the answer [inferred].
        """
        body = _pair("anonymous_id", anonymous_id, "user_id", user_id)
        request = Request(
            "POST",
            path("identity", "alias"),
            body=body,
            idempotency_key=idempotency_key,
            repeat=Repeat.HARMLESS,
        )
        return await self._call(request, Alias)

    async def merge(
        self,
        from_user_id: str | Mapping[str, Any],
        into_user_id: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Merge:
        """Fold one known user into another and return both; this overrides what was joined before.

        from_user_id: the id, or a dictionary with `from_user_id` and `into_user_id`.
        Not repeated by itself after an unclear outcome.
        Source: segops-api.md 16 [docs] [sdk]; the answer [inferred].
        """
        body = _pair("from_user_id", from_user_id, "into_user_id", into_user_id)
        return await self._call(
            Request("POST", path("identity", "merge"), body=body, idempotency_key=idempotency_key), Merge
        )


def _pair(first: str, value: str | Mapping[str, Any], second: str, other: str | None) -> Mapping[str, Any]:
    """Read two ids given one by one, or together in a dictionary."""
    if isinstance(value, Mapping):
        return value
    if other is None:
        raise SegOpsInputError(f"{second} is missing beside {first}.")
    return {first: value, second: other}
