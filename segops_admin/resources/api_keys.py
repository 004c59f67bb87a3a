"""API keys. A key cannot make keys: these calls need a dashboard login's token.

keys = client.with_options(headers={"Authorization": f"Bearer {token}"}).api_keys
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

from typing_extensions import Unpack

from ..core.request import Request, merged, path
from ..records.api_keys import ApiKey, ApiKeyFields
from .base import Namespace


class AsyncApiKeys(Namespace):
    """API keys of a workspace; needs a user's token, given with `with_options(headers=…)`."""

    async def list(self) -> builtins.list[ApiKey]:
        """Return the workspace's keys, without the keys themselves.

        Source: segops-api.md 2.4 [inferred].
        """
        return (await self._page(path("auth", "api-keys"), ApiKey, None, {})).results

    async def create(
        self,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[ApiKeyFields],
    ) -> ApiKey:
        """Create a secret key and return it: `.key` is shown this once.

        Source: segops-api.md 2.4 [docs].
        """
        request = Request(
            "POST",
            path("auth", "api-keys"),
            body=merged(body, fields),
            idempotency_key=idempotency_key,
            secret_answer=True,
        )
        return await self._call(request, ApiKey)

    async def delete(self, id: int, *, idempotency_key: str | None = None) -> None:
        """Revoke a key; it stops working at once.

        Source: segops-api.md 2.4 [docs].
        """
        await self._call.send(Request("DELETE", path("auth", "api-keys", id), idempotency_key=idempotency_key))
