"""One attempt on the wire. It knows aiohttp, as `foreign` knows its exceptions, and keeps the client's connections.

A session belongs to the event loop that made it, so there is one per loop, made when it is first needed. Sessions of
our own are closed by us; a borrowed one is left alone. Bodies are read in pieces under a byte cap, redirects are
followed only to the same origin and only for GET, and every failure leaves as one of our own errors.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import cache, partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import SegOpsConfigError, SegOpsConnectionError, SegOpsDecodeError
from .foreign import foreign_errors, translated, without_headers
from .links import MAX_REDIRECTS, REDIRECTS, origin, redirect_location, same_origin

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Mapping
    from contextlib import AbstractContextManager
    from ssl import SSLContext

    import aiohttp

CONNECT_TIMEOUT_S = 10.0
KEEPALIVE_S = 15.0
"""Shorter than the idle limits servers commonly choose, so that we rarely meet a connection being closed."""
LARGE_BODY = 2**20
"""Bytes above which aiohttp warns."""
UNTYPED = ("Content-Type",)
"""What aiohttp would make up for a body that is not there."""


@attrs.define(kw_only=True)
class Outgoing:
    """One attempt's bytes, ready for the wire."""

    method: str
    url: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)
    max_body_bytes: int
    silence_s: float | None = None
    """The longest the server may send nothing, before a streamed answer and within it."""
    left: bool = False
    """Whether this attempt got as far as a connection: from then on the server may have seen it."""

    @property
    def place(self) -> str:
        """Where it goes, for messages: query values may be somebody's data."""
        return self.url.partition("?")[0]

    def without_query(self) -> Outgoing:
        """Return it as an error may keep it: the query of a link to a file may be its credentials."""
        return attrs.evolve(self, url=self.place)


@attrs.define(kw_only=True)
class Incoming:
    """What one attempt brought."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = attrs.field(repr=False)


@attrs.frozen
class Stream:
    """An answer whose body is still to be read. What reading it raises leaves as one of our own errors."""

    status: int
    headers: Mapping[str, str]
    """Case-insensitive."""
    length: int | None
    """How many bytes the body will have; None where that is not told, or told of its compressed form."""
    _response: aiohttp.ClientResponse
    _max_body_bytes: int
    _translating: Callable[[], AbstractContextManager[None]]

    async def read(self, max_bytes: int) -> bytes:
        """Return the next bytes of the body, at most so many; none at its end."""
        with self._translating():
            return await self._response.content.read(max_bytes)

    async def read_all(self) -> bytes:
        """Return the rest of the body, under the cap for what is kept in memory."""
        with self._translating():
            return await _read(self._response, self._max_body_bytes)


@attrs.frozen(eq=False)
class Held:
    """A session, and what is under way on it."""

    session: aiohttp.ClientSession
    ending: AsyncGenerator[None, None] | None
    """Closes it when its loop or we end; None for a borrowed one."""
    reading: set[aiohttp.ClientResponse] = attrs.field(factory=set["aiohttp.ClientResponse"])
    """Answers that are being read: whoever reads one does not notice by itself that the session is closed."""


@attrs.define(kw_only=True, eq=False)
class Transport:
    """The connections of a client and its copies."""

    max_connections: int = 100
    borrowed: aiohttp.ClientSession | None = None
    ssl_context: SSLContext | None = None
    trust_env: bool = False
    closed: bool = False
    _held: dict[asyncio.AbstractEventLoop, Held] = attrs.field(
        factory=dict["asyncio.AbstractEventLoop", "Held"], init=False
    )

    async def attempt(self, outgoing: Outgoing) -> Incoming:
        """Send once and read the whole answer; raise `SegOpsConnectionError` when none arrives."""
        url = outgoing.url
        for _ in range(MAX_REDIRECTS + 1):
            held = self._held_session() or await self._session()
            try:
                async with self._request(held, outgoing, url) as response:
                    target = _redirect_target(outgoing.method, url, response) if response.status in REDIRECTS else None
                    if response.status == 101:
                        response.close()  # nobody asked for it: whatever follows on this connection is no HTTP
                    if target is None:
                        held.reading.add(response)
                        try:
                            body = await _read(response, outgoing.max_body_bytes)
                        finally:
                            held.reading.discard(response)
                        return Incoming(url=url, status=response.status, headers=response.headers, body=body)
            except foreign_errors() as error:
                raise translated(error, outgoing) from without_headers(error)
            except asyncio.CancelledError as error:
                if not self._was_closed_meanwhile():
                    raise
                raise _closed_meanwhile(outgoing) from error
            url = target
        raise _redirected_too_often(outgoing)

    @asynccontextmanager
    async def stream(self, outgoing: Outgoing) -> AsyncGenerator[Stream, None]:
        """Send once and hand out the answer, whatever it is, before its body is read."""
        held = await self._session()
        translating = partial(self._translating, outgoing)
        with translating():
            response: aiohttp.ClientResponse = await self._request(held, outgoing, outgoing.url)
        held.reading.add(response)
        length = None if "Content-Encoding" in response.headers else response.content_length
        try:
            yield Stream(response.status, response.headers, length, response, outgoing.max_body_bytes, translating)
        finally:
            held.reading.discard(response)
            response.release()

    @contextmanager
    def _translating(self, outgoing: Outgoing) -> Generator[None, None, None]:
        """Surround what talks to the server, and nothing else: an OSError may be anybody's."""
        try:
            yield
        except foreign_errors() as error:
            raise translated(error, outgoing.without_query()) from without_headers(error)
        except asyncio.CancelledError as error:
            if not self._was_closed_meanwhile():
                raise
            raise _closed_meanwhile(outgoing.without_query()) from error

    async def aclose(self) -> None:
        """Close the sessions that are ours, on the loops they belong to. Calling it twice is fine."""
        self.closed = True
        running = asyncio.get_running_loop()
        for loop in list(self._held):
            held = self._held.pop(loop, None)
            if held is None or held.ending is None:
                continue
            if loop is running:
                await held.ending.aclose()
            elif loop.is_running():
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(held.ending.aclose(), loop))

    def forget_sessions(self) -> None:
        """Let go of sessions that a fork has copied: their sockets are the parent's."""
        _FORGOTTEN.extend(self._held.values())
        self._held.clear()

    def _was_closed_meanwhile(self) -> bool:
        """Return whether a cancellation is no one's wish: a closing pool cancels those who wait for a connection.

        Python 3.10 cannot tell the two apart; there it stays a cancellation.
        """
        if not self.closed or sys.version_info < (3, 11):
            return False
        task = asyncio.current_task()
        return task is not None and task.cancelling() == 0

    def _held_session(self) -> Held | None:
        """Return the session that the usual call finds: our own, of this loop, still open."""
        return None if self.closed else self._held.get(asyncio.get_running_loop())

    async def _session(self) -> Held:
        if self.closed:
            raise SegOpsConfigError("This client is closed. Make a new one, or close it later.")
        if self.borrowed is not None:
            _check_borrowed(self.borrowed)
            return Held(self.borrowed, None)
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is None:
            for other in list(self._held):  # other threads do the same meanwhile
                if other.is_closed():
                    self._held.pop(other, None)
            held = self._held[loop] = await _hold(self._new_session())
        return held

    def _request(self, held: Held, outgoing: Outgoing, url: str) -> Any:
        """Begin an attempt, by our rules whatever those of a borrowed session are."""
        outgoing.left = held.ending is None  # where the connector is not ours, nobody can tell
        _present.set(outgoing)
        return held.session.request(
            outgoing.method,
            _as_url(url),
            headers=outgoing.headers,
            data=_in_pieces(outgoing.body),
            allow_redirects=False,
            skip_auto_headers=UNTYPED if outgoing.body is None else None,
            raise_for_status=False,
            timeout=_timeout(outgoing.silence_s),
            proxy=_proxy_of_the_environment(url) if self.trust_env else None,
        )

    def _new_session(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415 -- see foreign_errors()

        connector = _connector_class()(
            limit=self.max_connections,
            keepalive_timeout=KEEPALIVE_S,
            ssl=self.ssl_context if self.ssl_context is not None else True,
        )
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # aiohttp sends GET, PUT and DELETE again by itself when a kept connection turns out closed: uncounted, unseen
        # by our policy. There is no public switch; tests/test_retry.py notices should this one go.
        session._retry_connection = False  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        return session


async def _hold(session: aiohttp.ClientSession) -> Held:
    """Tie a session's end to its loop's, or to ours if that comes first.

    The loop ends every started async generator before it closes, and one that was dropped. So a client that nobody
    closed leaves nothing open behind, and "Unclosed client session" is never heard of.
    """

    async def until_the_end() -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            for response in list(reading):
                response.close()
            await session.close()

    reading: set[aiohttp.ClientResponse] = set()
    ending = until_the_end()  # it holds the session and not what holds it: dropped together they end in this order
    await anext(ending)
    return Held(session, ending, reading)


_FORGOTTEN: list[Held] = []
"""Kept, so that collecting them does not close or complain of the parent's sockets."""


def _check_borrowed(session: aiohttp.ClientSession) -> None:
    if session.closed:
        raise SegOpsConfigError("The session this client was given is closed.")
    if getattr(session, "_loop", None) is not asyncio.get_running_loop():
        raise SegOpsConfigError(
            "The session this client was given belongs to another event loop. Make it in the loop that awaits. "
            "The blocking client has a loop of its own and takes no session."
        )


def _as_url(url: str) -> Any:
    from yarl import URL  # noqa: PLC0415 -- comes with aiohttp

    return URL(url, encoded=True)


_present: ContextVar[Outgoing] = ContextVar("segops_outgoing")
"""The attempt that the connector is asked for a connection by."""


@cache
def _connector_class() -> type[aiohttp.TCPConnector]:
    """Return a connector that notes when an attempt has got its connection."""
    import aiohttp  # noqa: PLC0415 -- see foreign_errors()

    class Connector(aiohttp.TCPConnector):
        async def connect(self, *args: Any, **kwargs: Any) -> Any:
            connection = await super().connect(*args, **kwargs)
            _present.get().left = True
            return connection

    return Connector


@cache
def _timeout(silence_s: float | None) -> aiohttp.ClientTimeout:
    import aiohttp  # noqa: PLC0415 -- see foreign_errors()

    return aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S, sock_read=silence_s)


def _proxy_of_the_environment(url: str) -> str | None:
    """Return the proxy that HTTPS_PROXY and its like name for a URL. aiohttp's own look would read netrc as well."""
    from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 -- asked for by few

    scheme, host, _ = origin(url)
    proxies = getproxies()
    return None if proxy_bypass(host or "") else proxies.get(scheme) or proxies.get("all")


def _in_pieces(body: bytes | None) -> bytes | BytesIO | None:
    """Return a large body as a stream: aiohttp writes that piece by piece, and warns of bytes in one go."""
    return body if body is None or len(body) <= LARGE_BODY else BytesIO(body)


def _closed_meanwhile(outgoing: Outgoing) -> SegOpsConnectionError:
    return SegOpsConnectionError(
        f"{outgoing.method} {outgoing.place}: the client was closed while the call was under way.",
        method=outgoing.method,
        url=outgoing.url,
        outcome_unknown=True,
    )


def _redirected_too_often(outgoing: Outgoing) -> SegOpsConnectionError:
    return SegOpsConnectionError(
        f"{outgoing.method} {outgoing.place}: redirected more than {MAX_REDIRECTS} times.",
        method=outgoing.method,
        url=outgoing.url,
    )


def _redirect_target(method: str, url: str, response: aiohttp.ClientResponse) -> str | None:
    target = redirect_location(url, response.status, response.headers)
    return target if target is not None and method == "GET" and same_origin(url, target) else None


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    size = response.content_length
    if size is not None and size <= max_bytes and "Content-Encoding" not in response.headers:
        return await response.read()
    pieces: list[bytes] = []
    total = 0
    async for piece in response.content.iter_any():
        total += len(piece)
        if total > max_bytes:
            raise SegOpsDecodeError(
                f"{response.method} {response.url.with_query(None)}: the answer is larger than {max_bytes:,} bytes; "
                "not read further.",
                method=response.method,
                url=str(response.url),
            )
        pieces.append(piece)
    return b"".join(pieces)
