"""One call, there and back: request → bytes → retries over the transport → answer → record or error.

`Caller` is what a client hands to its namespaces. It is a value over shared connections, so a copy with other options
costs nothing and owns nothing.
"""

from __future__ import annotations

import asyncio
import math
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from .._version import __version__
from ..config import Secret
from ..errors import SegOpsConnectionError, SegOpsDecodeError, SegOpsInputError
from . import codec
from .deadline import remaining_s, timeout_at
from .links import MAX_REDIRECTS, link_target, redirect_location, same_origin
from .pace import Pace
from .refusal import LowerCaseHeaders, error_from
from .request import MUTATIONS, Request, query_string
from .response import Response
from .retry import Course, RetryPolicy, out_of_time, send_with_retries
from .transport import Outgoing, Transport

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

    from ..config import ClientConfig
    from .transport import Stream

T = TypeVar("T")

AS_IT_IS = {"Accept-Encoding": "identity"}
"""For files: of a compressed one that ends early nobody notices, and its length is not told."""

MASK = "***"
SHORTEST_MASKED = 12
"""Characters; real keys are longer."""

USER_AGENT = f"segops-admin-python/{__version__}"
LINK_ADVICE: Mapping[int, str] = dict.fromkeys((403, 404, 410), "Start a new export: links die after an hour.")
"""What to do about a link that does not lead to its file, by status. Source: segops-api.md 8.9 [docs]."""
COMMON_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip, deflate", "User-Agent": USER_AGENT}


@attrs.frozen(kw_only=True)
class Caller:
    """Sends requests with one configuration."""

    config: ClientConfig
    transport: Transport
    pace: Pace = attrs.field(factory=Pace)
    policy: RetryPolicy = attrs.field(
        init=False, default=attrs.Factory(lambda call: _policy(call.config), takes_self=True)
    )
    """How often, how long, and on what calls are repeated."""
    _standing: Mapping[str, str] = attrs.field(
        init=False, repr=False, default=attrs.Factory(lambda call: _standing_headers(call.config), takes_self=True)
    )
    """The headers that all signed calls share."""
    _key_bytes: bytes = attrs.field(
        init=False, repr=False, default=attrs.Factory(lambda call: _to_mask(call.config.api_key), takes_self=True)
    )
    """What is masked in answers; empty for a key so short that it may be part of a word."""

    async def __call__(self, request: Request, kind: type[T]) -> T:
        """Send a request and return its answer as the record promised."""
        return codec.decode(await self.send(request), kind)

    async def json(self, request: Request) -> Any:
        """Send a request and return its answer as JSON data; None when it is empty, text when it is no JSON."""
        return codec.decode_json(await self.send(request))

    async def send(self, request: Request) -> Response:
        """Send a request, with retries, within its deadline; raise what was refused as `SegOpsApiError`."""
        config = self.config
        key = (
            _checked_key(self._own_key() if request.idempotency_key is None else request.idempotency_key)
            if request.method in MUTATIONS
            else None
        )
        body, content_type = _body(request)
        outgoing = Outgoing(
            method=request.method,
            url=self._url(request),
            headers=self._headers(content_type, key, with_key=request.with_key),
            body=body,
            max_body_bytes=config.max_body_bytes,
        )

        async def attempt() -> Response:
            try:
                incoming = await self.transport.attempt(outgoing)
            finally:
                course.on_the_wire = outgoing.left
            return self._response(request, incoming.url, incoming.status, incoming.headers, incoming.body)

        now = asyncio.get_running_loop().time()
        timeout_s = remaining_s(max(request.timeout_s or 0.0, config.timeout_s))
        course = Course(request=request, started=now, deadline=now + timeout_s, observer=config.on_event)
        response = await self._answer(course, attempt, self.pace, key)
        if not response.ok:
            raise course.noted_on(error_from(response, attempts=course.attempts), key)
        return response

    async def download(self, url: str, receive: Callable[[Stream], Awaitable[None]]) -> None:
        """Fetch a file the server links to: root-relative, or absolute on another host, which never sees our headers.

        receive: reads an answer to its end; called anew for each attempt that is answered with the file.
        Repeated as any GET. The client's timeout is not for the whole, which may be of any size, but for its silences.
        Source: segops-api.md 8.9 [docs] for both forms.
        """
        target = link_target(self.config.origin, self.config.origin + url if url.startswith("/") else url)
        if target is None:
            raise SegOpsDecodeError(f"The download link {url[:200]!r} leads nowhere we could go.", path="download_url")
        where = target.partition("?")[0]  # what follows may be the link's own credentials
        request = Request("GET", where.removeprefix(self.config.base_url))

        async def attempt() -> Response:
            async with self._opened(target) as answer:
                body = b""
                if answer.status == 200:
                    await receive(answer)
                else:
                    body = await answer.read_all()
                return self._response(request, where, answer.status, answer.headers, body)

        now = asyncio.get_running_loop().time()
        ends = now + remaining_s(math.inf)
        course = Course(request=request, started=now, deadline=ends, observer=self.config.on_event)
        pace = self.pace if same_origin(target, self.config.base_url) else Pace()
        response = await self._answer(course, attempt, pace)
        if response.status != 200:
            raise course.noted_on(error_from(response, attempts=course.attempts, advice=LINK_ADVICE), None)

    @asynccontextmanager
    async def _opened(self, target: str) -> AsyncGenerator[Stream, None]:
        """Open what a link leads to, over redirects to any origin."""
        for _ in range(MAX_REDIRECTS + 1):
            ours = same_origin(target, self.config.base_url)
            headers = {**(self._headers(None, None, with_key=True) if ours else {"User-Agent": USER_AGENT}), **AS_IT_IS}
            outgoing = Outgoing(
                method="GET",
                url=target,
                headers=headers,
                max_body_bytes=self.config.max_body_bytes,
                silence_s=self.config.timeout_s,
            )
            async with self.transport.stream(outgoing) as answer:
                following = redirect_location(target, answer.status, answer.headers)
                if following is None:
                    yield answer
                    return
            target = following
        raise SegOpsConnectionError(f"The download was redirected more than {MAX_REDIRECTS} times.", method="GET")

    async def _answer(
        self, course: Course, attempt: Callable[[], Awaitable[Response]], pace: Pace, key: str | None = None
    ) -> Response:
        """Attempt a call until it is answered or its time is up; an error it ends with tells how it went."""
        try:
            async with timeout_at(None if course.deadline == math.inf else course.deadline):
                return await send_with_retries(course, attempt, policy=self.policy, pace=pace)
        except SegOpsConnectionError as error:
            course.tell("failed", reason=course.last or "timeout")
            course.noted_on(error, key)
            raise
        except SegOpsDecodeError:
            course.tell("failed", reason="an answer too large to read")
            raise
        except asyncio.TimeoutError:
            course.tell("failed", reason="timeout")
            raise course.noted_on(out_of_time(course), key) from None

    def _response(self, request: Request, url: str, status: int, headers: Mapping[str, str], body: bytes) -> Response:
        if self._key_bytes:
            body = body.replace(self._key_bytes, MASK.encode())
        return Response(request=request, url=url, status=status, headers=self._without_key(headers), body=body)

    def _without_key(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Mask our key where a server quotes it, as some do when they refuse it."""
        if not self._key_bytes or self.config.api_key not in "\n".join(headers.values()):
            return headers
        return LowerCaseHeaders({name: value.replace(self.config.api_key, MASK) for name, value in headers.items()})

    def _url(self, request: Request) -> str:
        if not request.path.startswith("/") or "?" in request.path or "#" in request.path:
            raise SegOpsInputError(
                f"The path {request.path!r} must begin with / and hold no query; pass query= instead."
            )
        query = query_string(request.query)
        return f"{self.config.base_url}{request.path}{'?' if query else ''}{query}"

    def _headers(self, content_type: str | None, key: str | None, *, with_key: bool) -> dict[str, str]:
        headers = dict(self._standing) if with_key else {**COMMON_HEADERS, **self.config.headers}
        if content_type is not None:
            headers.setdefault("Content-Type", content_type)
        if key is not None:
            headers["Idempotency-Key"] = key
        return headers

    def _own_key(self) -> str:
        given = next((value for name, value in self.config.headers.items() if name.lower() == "idempotency-key"), None)
        return given or str(uuid.uuid4())


def _policy(config: ClientConfig) -> RetryPolicy:
    return RetryPolicy(max_retries=config.max_retries, max_retry_after_s=config.max_retry_after_s)


def _standing_headers(config: ClientConfig) -> Mapping[str, str]:
    return {**COMMON_HEADERS, "Authorization": Secret(f"ApiKey {config.api_key}"), **config.headers}


def _to_mask(api_key: str) -> bytes:
    return api_key.encode() if len(api_key) >= SHORTEST_MASKED else b""


def _checked_key(key: str) -> str:
    if not isinstance(key, str) or not key or not (key.isascii() and key.isprintable()) or key != key.strip():  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SegOpsInputError("An idempotency key must be printable ASCII text, without spaces around it.")
    return key


def _body(request: Request) -> tuple[bytes | None, str | None]:
    if request.form is not None:
        from .multipart import encode_form  # noqa: PLC0415 -- uploads are rare

        return encode_form(request.form)
    if request.body is None:
        return None, None
    return codec.encode(request.body), "application/json"
