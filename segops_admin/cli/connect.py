"""A client for the running command: whose key, which root, what is told of its calls, and whether anything is sent."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs
import click

from ..core.request import Request
from ..core.transport import Transport
from ..paging import Pager
from ..sync import SegOpsAdmin
from ..sync.base import SyncPager
from ..sync.portal import call
from .masking import keep_secret, masked
from .profiles import credentials

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from ..core.call import Caller
    from ..core.events import CallEvent
    from ..core.response import Response
    from ..core.transport import Outgoing
    from .options import Settings
    from .profiles import Credentials


class WouldSend(Exception):  # noqa: N818 -- no error: the end of a dry run
    """The request that a dry run came to."""

    def __init__(self, outgoing: Outgoing) -> None:
        super().__init__(f"{outgoing.method} {outgoing.url}")
        self.outgoing = outgoing


class DryTransport(Transport):
    """Sends nothing: the first request ends the command."""

    async def attempt(self, outgoing: Outgoing) -> Any:
        """Raise the request."""
        raise WouldSend(outgoing)

    def stream(self, outgoing: Outgoing) -> Any:
        """Raise the request."""
        raise WouldSend(outgoing)


@contextmanager
def connected(
    wanted: Settings, *, found: Credentials | None = None, **options: Any
) -> Generator[SegOpsAdmin, None, None]:
    """Give a client as the command's options, the environment or a profile say; close it behind.

    found: the credentials, where they are known already.
    """
    found = found or credentials(wanted)
    keep_secret(found.api_key or "")
    if wanted.debug:
        options["on_event"] = _log
    with SegOpsAdmin(found.api_key, base_url=found.base_url, **options) as client:
        if wanted.dry_run:
            _make_dry(client)
        try:
            yield client
        except WouldSend as dry:
            from .dry import show_request  # noqa: PLC0415 -- for dry runs only

            show_request(dry.outgoing)


def caller_of(client: SegOpsAdmin) -> Caller:
    """Return what a client sends with; the library has no public name for it."""
    return client._inner._call  # noqa: SLF001 -- see above  # pyright: ignore[reportPrivateUsage]


def get_raw(client: SegOpsAdmin, path: str) -> Response:
    """Return a whole answer, headers included."""
    return call(caller_of(client).send, Request("GET", path))


def read_all(client: SegOpsAdmin, path: str, query: Mapping[str, Any]) -> SyncPager[Any]:
    """Return a reader over any list of the API, as JSON data."""
    kind: Any = Any  # a type to cattrs, none to type checkers
    pager: Pager[Any] = Pager(caller_of(client), Request("GET", path, query=query), kind)
    return SyncPager(pager)


def _make_dry(client: SegOpsAdmin) -> None:
    """Put a transport that sends nothing below a client; there is no public argument for one."""
    dry = attrs.evolve(caller_of(client), transport=DryTransport())
    client._inner._call = dry  # noqa: SLF001 -- see above  # pyright: ignore[reportPrivateUsage]


def _log(event: CallEvent) -> None:
    words = {
        "sending": f"→ {event.method} {event.path}" + (f" (attempt {event.attempt})" if event.attempt > 1 else ""),
        "waiting": f"  wait {event.delay_s or 0:.2f} s: {event.reason}",
        "answered": f"← {event.status} after {event.elapsed_s:.3f} s",
        "failed": f"← {event.status or 'nothing'} after {event.elapsed_s:.3f} s: {event.reason}",
    }
    click.echo(masked(f"debug: {words[event.kind]}"), err=True)
