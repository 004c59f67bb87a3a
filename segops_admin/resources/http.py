"""The escape hatch: any endpoint, with the retries and errors of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, quote

from ..core.request import Repeat, Request, merged
from ..errors import SegOpsInputError
from ..paging import Pager
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
        form: Mapping[str, Any] | tuple[str, str, bytes] | None = None,
        idempotent: bool = False,
        idempotency_key: str | None = None,
    ) -> Any:
        """Return the decoded JSON of any endpoint; None when the answer is empty, the text itself when it is no JSON.

        path: relative to the API root, with its exact trailing slash.
        form: multipart fields: text, bytes, or (filename, bytes, content type); or one file as (field, filename,
        bytes).
        idempotent: True says that repeating this call does no harm, so that it is repeated after an unclear outcome
        too.
        Source: segops-api.md 23 [sdk].
        """
        bare, inline = _split(path)
        request = Request(
            method.upper(),
            bare,
            query=merged(inline, query or {}),
            body=body,
            form={form[0]: form[1:]} if isinstance(form, tuple) else form,
            repeat=Repeat.HARMLESS if idempotent else None,
            idempotency_key=idempotency_key,
        )
        return await self._call.json(request)

    def paginate(self, path: str, query: Mapping[str, Any] | None = None, *, concurrency: int = 4) -> Pager[Any]:
        """Return a reader over any list, of any style of paging; its items are JSON data.

        path: relative to the API root, with its exact trailing slash.
        Source: segops-api.md 4 and 23 [sdk].
        """
        bare, inline = _split(path)
        anything = cast("type[Any]", Any)
        request = Request("GET", bare, query=merged(inline, query or {}))
        return Pager(self._call, request, anything, concurrency=concurrency)


def _split(path: str) -> tuple[str, dict[str, str]]:
    """Part a path from the query written behind it; refuse what names another path than it shows."""
    bare, _, inline = path.partition("?")
    if not bare.startswith("/") or any(part in (".", "..") for part in bare.split("/")):
        raise SegOpsInputError(f"The path {path!r} must begin with / and hold no . or .. segment.")
    try:
        return quote(bare, safe=PATH_CHARACTERS), dict(parse_qsl(inline, keep_blank_values=True))
    except UnicodeEncodeError as error:
        raise SegOpsInputError(f"The path {path!r} is not valid Unicode text.") from error
