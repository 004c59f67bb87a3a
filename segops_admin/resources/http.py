"""The escape hatch: any endpoint, with the retries and errors of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from urllib.parse import parse_qsl, quote

from ..config import check_flag, shown
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
            _method(method),
            bare,
            query=_joined(inline, query),
            body=body,
            form=_form(form) if isinstance(form, tuple) else form,
            repeat=Repeat.HARMLESS if check_flag("idempotent", idempotent) else None,
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
        request = Request("GET", bare, query=_joined(inline, query))
        return Pager(self._call, request, anything, concurrency=concurrency)


def _method(method: str) -> str:
    if not (isinstance(method, str) and method.isascii() and method.isalpha()):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SegOpsInputError(f"The method must be a word such as GET, not {shown(method)}.")
    return method.upper()


def _joined(inline: dict[str, str], query: Mapping[str, Any] | None) -> dict[str, Any]:
    """Join the query behind a path and the one given beside it, which wins."""
    return {**inline, **merged(query, {})}


def _form(form: tuple[Any, ...]) -> dict[str, Any]:
    """Read one file, given as (field, filename, bytes)."""
    if len(form) < 3 or not isinstance(form[0], str):
        raise SegOpsInputError("A form that is one file must be (field, filename, bytes).")
    return {form[0]: form[1:]}


def _split(path: str) -> tuple[str, dict[str, str]]:
    """Part a path from the query written behind it; refuse what names another path than it shows."""
    if not isinstance(path, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SegOpsInputError(f"The path must be text, not {type(path).__name__}.")
    bare, _, inline = path.partition("?")
    if not bare.startswith("/") or any(part in (".", "..") for part in bare.split("/")):
        raise SegOpsInputError(f"The path {shown(bare)} must begin with / and hold no . or .. segment.")
    try:
        return quote(bare, safe=PATH_CHARACTERS), dict(parse_qsl(inline, keep_blank_values=True))
    except ValueError as error:  # no valid Unicode, or more parameters than the standard library reads
        raise SegOpsInputError(f"The path {shown(bare)} or its query cannot be written in a URL.") from error
