"""The async client: configuration, shared connections, and the namespaces that send over them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from .config import (
    ClientConfig,
    check_flag,
    check_number,
    checked_headers,
    masked,
    masked_headers,
    resolve_api_key,
    resolve_base_url,
    shown,
)
from .core.call import Caller
from .core.lazy import cached_property
from .core.pace import Pace, parse_rate_limit
from .core.transport import Transport
from .errors import SegOpsConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from ssl import SSLContext
    from types import TracebackType

    import aiohttp
    from typing_extensions import Self

    from .core.events import CallEvent
    from .core.pace import Limiter
    from .resources.activations import AsyncActivations
    from .resources.analytics import AsyncAnalytics
    from .resources.api_keys import AsyncApiKeys
    from .resources.competitors import AsyncCompetitors
    from .resources.http import AsyncHttp
    from .resources.identity import AsyncIdentity
    from .resources.pages import AsyncPages
    from .resources.product_segments import AsyncProductSegments
    from .resources.products import AsyncProducts
    from .resources.queries import AsyncQueries
    from .resources.schemas import AsyncSchemas
    from .resources.segments import AsyncSegments
    from .resources.users import AsyncUsers


class AsyncSegOpsAdmin:
    """Everything the SegOps dashboard can do, awaited. One client serves a whole process; share it.

    api_key: a secret key (`sk_…`); SEGOPS_API_KEY when left out.
    base_url: the API root, ending in `/api`; SEGOPS_API_URL or production when left out.
    timeout: seconds for one whole call: waiting for a connection, every attempt, every sleep, reading the answer.
    max_retries: attempts after the first one. max_connections: open at once; more calls wait.
    rate_limit: a quota of our own, as `"60/min"`, a plan's name, calls per second, or a shared limiter.
    on_event: called with a `CallEvent` at every attempt, wait and end.
    session: an aiohttp session to borrow; it is not closed by us.
    max_retry_after: the longest wait in seconds that a server may ask for before we raise instead.
    max_body_bytes: the largest answer read into memory. poll_interval: seconds between the first two looks at a job.
    headers: sent with every call. ssl_context: for a private certificate authority; no part of `.config`.
    trust_env: take proxies from the environment. allow_insecure: allow `http://` beyond this machine.
    Raises SegOpsConfigError before anything is sent. Source: segops-api.md 1, 2.2 and 23.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 3,
        max_connections: int = 100,
        rate_limit: str | float | Limiter | None = None,
        on_event: Callable[[CallEvent], object] | None = None,
        session: aiohttp.ClientSession | None = None,
        max_retry_after: float = 60.0,
        max_body_bytes: int = 64 * 1024 * 1024,
        poll_interval: float = 0.5,
        headers: Mapping[str, str] | None = None,
        ssl_context: SSLContext | None = None,
        trust_env: bool = False,
        allow_insecure: bool = False,
    ) -> None:
        api_key, headers = masked(api_key), masked_headers(headers)  # before anything can fail with them in sight
        api_key = resolve_api_key(api_key)
        config = ClientConfig(
            api_key=api_key,
            base_url=resolve_base_url(base_url, allow_insecure=allow_insecure),
            timeout_s=check_number("timeout", timeout, least=0.001),
            max_retries=int(check_number("max_retries", max_retries, least=0)),
            max_retry_after_s=check_number("max_retry_after", max_retry_after, least=0),
            max_body_bytes=int(check_number("max_body_bytes", max_body_bytes, least=1)),
            poll_interval_s=check_number("poll_interval", poll_interval, least=0.001),
            headers=checked_headers(headers),
            on_event=on_event,
            max_connections=int(check_number("max_connections", max_connections, least=1)),
            rate_limit=rate_limit,
            trust_env=check_flag("trust_env", trust_env),
        )
        if on_event is not None and not callable(on_event):
            raise SegOpsConfigError(f"on_event must be a function of a CallEvent, not {shown(on_event)}.")
        if ssl_context is not None and not hasattr(ssl_context, "verify_mode"):
            raise SegOpsConfigError(f"ssl_context must be an ssl.SSLContext, not {shown(ssl_context)}.")
        if session is not None and not (hasattr(session, "closed") and hasattr(session, "request")):
            raise SegOpsConfigError(f"session must be an aiohttp.ClientSession, not {shown(session)}.")
        self._call = _caller(config, borrowed=session, ssl_context=ssl_context)
        self._owns_connections = True

    @classmethod
    def from_config(cls, config: ClientConfig, *, api_key: str | None = None) -> Self:
        """Return a client of the same configuration as another one's `.config`, for a process of its own.

        api_key: left out, it is the config's, or SEGOPS_API_KEY where the config travelled without.
        What is no data stays behind: `ssl_context` and `session` always, `on_event` on the way through a pickle.
        """
        api_key = masked(api_key)
        if not isinstance(config, ClientConfig):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SegOpsConfigError(f"Expected a client's .config, got {type(config).__name__}.")
        api_key = key = resolve_api_key(api_key or config.api_key or None)
        blank = ", ".join(name for name, value in config.headers.items() if not value)
        if blank:
            raise SegOpsConfigError(
                f"The configuration has no value for {blank}: secrets stay behind when it is pickled. Pickle "
                "config.with_key(), or set the headers where it arrives with attrs.evolve(config, headers=…)."
            )
        client = object.__new__(cls)
        client._call = _caller(attrs.evolve(config, api_key=key, headers=checked_headers(config.headers)))
        client._owns_connections = True
        return client

    @property
    def config(self) -> ClientConfig:
        """The configuration as plain data. It is pickled without key and secret headers; `.with_key()` keeps them."""
        return self._call.config

    @cached_property
    def activations(self) -> AsyncActivations:
        """Connectors from segments to platforms."""
        from .resources.activations import AsyncActivations  # noqa: PLC0415 -- a namespace is loaded when it is first used

        return AsyncActivations(self._call)

    @cached_property
    def analytics(self) -> AsyncAnalytics:
        """Figures over the whole workspace."""
        from .resources.analytics import AsyncAnalytics  # noqa: PLC0415 -- see activations

        return AsyncAnalytics(self._call)

    @cached_property
    def api_keys(self) -> AsyncApiKeys:
        """API keys of a workspace; needs a user's token."""
        from .resources.api_keys import AsyncApiKeys  # noqa: PLC0415 -- see activations

        return AsyncApiKeys(self._call)

    @cached_property
    def competitors(self) -> AsyncCompetitors:
        """Brands we are compared with."""
        from .resources.competitors import AsyncCompetitors  # noqa: PLC0415 -- see activations

        return AsyncCompetitors(self._call)

    @cached_property
    def http(self) -> AsyncHttp:
        """Calls to endpoints that have no method of their own."""
        from .resources.http import AsyncHttp  # noqa: PLC0415 -- see activations

        return AsyncHttp(self._call)

    @cached_property
    def identity(self) -> AsyncIdentity:
        """Joins the ids of one person."""
        from .resources.identity import AsyncIdentity  # noqa: PLC0415 -- see activations

        return AsyncIdentity(self._call)

    @cached_property
    def pages(self) -> AsyncPages:
        """AI landing pages."""
        from .resources.pages import AsyncPages  # noqa: PLC0415 -- see activations

        return AsyncPages(self._call)

    @cached_property
    def product_segments(self) -> AsyncProductSegments:
        """Named collections of products."""
        from .resources.product_segments import AsyncProductSegments  # noqa: PLC0415 -- see activations

        return AsyncProductSegments(self._call)

    @cached_property
    def products(self) -> AsyncProducts:
        """The product catalogue."""
        from .resources.products import AsyncProducts  # noqa: PLC0415 -- see activations

        return AsyncProducts(self._call)

    @cached_property
    def queries(self) -> AsyncQueries:
        """Questions put to AI systems."""
        from .resources.queries import AsyncQueries  # noqa: PLC0415 -- see activations

        return AsyncQueries(self._call)

    @cached_property
    def schemas(self) -> AsyncSchemas:
        """The registry of event schemas."""
        from .resources.schemas import AsyncSchemas  # noqa: PLC0415 -- see activations

        return AsyncSchemas(self._call)

    @cached_property
    def segments(self) -> AsyncSegments:
        """Segments of users."""
        from .resources.segments import AsyncSegments  # noqa: PLC0415 -- see activations

        return AsyncSegments(self._call)

    @cached_property
    def users(self) -> AsyncUsers:
        """Users of the workspace, by the id their events carry."""
        from .resources.users import AsyncUsers  # noqa: PLC0415 -- see activations

        return AsyncUsers(self._call)

    def with_options(
        self,
        *,
        timeout: float | None = None,
        max_retries: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Self:
        """Return a light copy with other options, on the same connections and quota; what is left out stays.

        Closing a copy closes nothing: the connections belong to the client it was made from.
        """
        headers = masked_headers(headers)
        config = self._call.config
        copy = object.__new__(type(self))
        copy._call = attrs.evolve(
            self._call,
            config=attrs.evolve(
                config,
                timeout_s=config.timeout_s if timeout is None else check_number("timeout", timeout, least=0.001),
                max_retries=config.max_retries
                if max_retries is None
                else int(check_number("max_retries", max_retries, least=0)),
                headers={**config.headers, **checked_headers(headers)},
            ),
        )
        copy._owns_connections = False
        return copy

    async def aclose(self) -> None:
        """Close the connections that are ours. A later call raises SegOpsConfigError; closing twice is fine."""
        if self._owns_connections:
            await self._call.transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        call: Caller | None = self.__dict__.get("_call")  # a client that was refused is shown in its own traceback
        return (
            f"<{type(self).__name__}>" if call is None else f"<{type(self).__name__} {call.config.base_url} key sk_…>"
        )

    def __reduce__(self) -> str:
        raise TypeError(
            f"{type(self).__name__} holds connections and a key and cannot be pickled. "
            "Pickle its .config and make a client of it with from_config() in each process."
        )


def _caller(
    config: ClientConfig, *, borrowed: aiohttp.ClientSession | None = None, ssl_context: SSLContext | None = None
) -> Caller:
    transport = Transport(
        max_connections=config.max_connections,
        borrowed=borrowed,
        ssl_context=ssl_context,
        trust_env=config.trust_env,
    )
    return Caller(config=config, transport=transport, pace=Pace(parse_rate_limit(config.rate_limit)))
