"""What came back: status, headers, bytes. No I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .request import Request


@attrs.define(kw_only=True)
class Response:
    """A whole answer of the server, whatever its status."""

    request: Request
    url: str
    """Where the answer came from, without user info."""
    status: int
    headers: Mapping[str, str]
    """Case-insensitive."""
    body: bytes = attrs.field(repr=False)
    attempts: int = 1
    idempotency_key: str | None = None

    @property
    def place(self) -> str:
        """Where it came from, for messages: query values may be somebody's data."""
        return self.url.partition("?")[0]

    @property
    def ok(self) -> bool:
        """True for 2xx."""
        return 200 <= self.status < 300
