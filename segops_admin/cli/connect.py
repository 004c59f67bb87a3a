"""A client for the running command: whose key, which root, what is told of its calls, and whether anything is sent."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from ..core.request import Request
from ..core.transport import Transport
from ..errors import SegOpsAuthenticationError
from ..paging import Pager
from ..sync import SegOpsAdmin
from ..sync.base import SyncPager
from ..sync.portal import call
from .masking import keep_secret
from .profiles import credentials
from .signs import signs_of_life
from .trace import TracedTransport, tell_of_wait
from .wording import about_the_key

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from ..core.call import Caller
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
    with signs_of_life(plain=wanted.debug) as shown:
        options["on_event"] = tell_of_wait if wanted.debug else shown.heard
        with SegOpsAdmin(found.api_key, base_url=found.base_url, **options) as client:
            shown.attempts = caller_of(client).config.max_retries + 1
            if wanted.debug:
                _put_below(client, TracedTransport.instead_of(caller_of(client).transport, _root_of(client)))
            if wanted.dry_run:
                _put_below(client, DryTransport())
            try:
                yield client
            except WouldSend as dry:
                from .dry import show_request  # noqa: PLC0415 -- for dry runs only

                show_request(dry.outgoing)
            except SegOpsAuthenticationError as error:
                error.args = (about_the_key(error, found.source),)
                raise


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


def _put_below(client: SegOpsAdmin, transport: Transport) -> None:
    """Let a client send by another transport; there is no public argument for one."""
    caller = attrs.evolve(caller_of(client), transport=transport)
    client._inner._call = caller  # noqa: SLF001 -- see above  # pyright: ignore[reportPrivateUsage]


def _root_of(client: SegOpsAdmin) -> str:
    return caller_of(client).config.base_url
