"""What `--debug` shows on stderr: every request with its root and query, every answer, every wait; no secrets."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs
import click

from ..core.links import same_origin
from ..core.transport import Transport
from ..errors import SegOpsConnectionError
from .masking import masked, without_secrets

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from ..core.events import CallEvent
    from ..core.transport import Incoming, Outgoing, Stream


@attrs.define(kw_only=True, eq=False)
class TracedTransport(Transport):
    """Tells of each attempt as it goes out and as it is answered."""

    root: str
    """Ours; the query of a link to elsewhere may be a key of its own, and is not shown."""

    @classmethod
    def instead_of(cls, transport: Transport, root: str) -> TracedTransport:
        """Return a transport with another one's settings, before that has opened anything."""
        settings = {field.name: getattr(transport, field.name) for field in attrs.fields(Transport) if field.init}
        return cls(**settings, root=root)

    async def attempt(self, outgoing: Outgoing) -> Incoming:
        """Send once, and tell of it."""
        began = self._tell_of(outgoing)
        try:
            incoming = await Transport.attempt(self, outgoing)
        except SegOpsConnectionError as error:
            tell(f"← nothing in {time.monotonic() - began:.3f} s: {error}")
            raise
        tell(f"← {incoming.status} in {time.monotonic() - began:.3f} s, {len(incoming.body):,} bytes")
        return incoming

    @asynccontextmanager
    async def stream(self, outgoing: Outgoing) -> AsyncGenerator[Stream, None]:
        """Send once, and tell of it."""
        began = self._tell_of(outgoing)
        async with Transport.stream(self, outgoing) as response:
            tell(f"← {response.status} in {time.monotonic() - began:.3f} s")
            yield response

    def _tell_of(self, outgoing: Outgoing) -> float:
        size = f", {len(outgoing.body):,} bytes" if outgoing.body else ""
        tell(f"→ {outgoing.method} {shown(outgoing.url, self.root)}{size}")
        return time.monotonic()


def shown(url: str, root: str) -> str:
    """Return an address without secrets."""
    parts = urlsplit(url)
    if not parts.query:
        return url
    bare = parts._replace(query="", fragment="").geturl()
    if not same_origin(url, root):
        return f"{bare}?…"
    query = without_secrets(dict(parse_qsl(parts.query, keep_blank_values=True)))
    return f"{bare}?{urlencode(query, safe='*/:@,')}"


def tell_of_wait(event: CallEvent) -> None:
    """Tell of a wait; attempts and answers are told by the transport."""
    if event.kind == "waiting":
        tell(f"  waiting {event.delay_s or 0:.2f} s: {event.reason}")
    elif event.kind == "failed" and not event.status:
        tell(f"  given up after {event.elapsed_s:.3f} s: {event.reason}")


def tell(line: Any) -> None:
    """Write a line of the log."""
    click.echo(masked(f"debug: {line}"), err=True)
