"""The escape hatch: any endpoint, with the retries and errors of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

from ..core.request import Repeat, Request, merged
from ..errors import SegOpsInputError
from .base import Namespace

PATH_CHARACTERS = "/%:@!$&'()*+,;=~-._"


class AsyncHttp(Namespace):
    """Calls to endpoints that have no method of their own."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Any = None,
        form: Mapping[str, Any] | None = None,
        idempotent: bool = False,
        idempotency_key: str | None = None,
    ) -> Any:
        """Return the decoded JSON of any endpoint; None when the answer is empty, the text itself when it is no JSON.

        path: relative to the API root, with its exact trailing slash.
        form: multipart fields: text, bytes, or (filename, bytes, content type).
        idempotent: True says that repeating this call does no harm, so that it is repeated after an unclear outcome
        too.
        Source: segops-api.md 23 [sdk].
        """
        bare, _, inline = path.partition("?")
        if not bare.startswith("/") or any(part in (".", "..") for part in bare.split("/")):
            raise SegOpsInputError(f"The path {path!r} must begin with / and hold no . or .. segment.")
        request = Request(
            method.upper(),
            quote(bare, safe=PATH_CHARACTERS),
            query=merged(dict(parse_qsl(inline, keep_blank_values=True)), query or {}),
            body=body,
            form=form,
            repeat=Repeat.HARMLESS if idempotent else None,
            idempotency_key=idempotency_key,
        )
        return await self._call.json(request)
