"""A small HTTP server for webhook deliveries, and the client half that forwards or sends one."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import click

from ..errors import WebhookVerificationError
from ..webhook import MAX_BODY_BYTES, SIGNATURE_HEADER, parse_webhook
from .forms import dump
from .ground import CommandError
from .masking import masked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Self

READ_TIMEOUT_S = 30.0
"""For a sender that says nothing."""
FORWARD_TIMEOUT_S = 8.0
"""Below the ten seconds that the service waits for us."""
SHOWN_CHARS = 200


class _NoRedirect(HTTPRedirectHandler):
    """A signed body goes where it was sent, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing."""


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float) -> tuple[int, str]:
    """Send a body once and return the status and the beginning of the answer; CommandError when none comes."""
    request = Request(url, body, dict(headers), method="POST")  # noqa: S310 -- the scheme was checked
    try:
        with build_opener(_NoRedirect).open(request, timeout=timeout_s) as answer:
            return answer.status, _beginning(answer.read(4 * SHOWN_CHARS))
    except HTTPError as error:
        return error.code, _beginning(error.read(4 * SHOWN_CHARS))
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise CommandError(f"POST {url}: no answer ({reason}). Is the receiver up?") from error


def _beginning(data: bytes) -> str:
    return " ".join(data.decode("utf-8", "replace").split())[:SHOWN_CHARS]


class _Server(ThreadingHTTPServer):
    """One thread for each delivery."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of a sender that left or fell silent in one line."""
        del request
        click.echo(f"lost: {client_address[0]} left before it was answered ({sys.exc_info()[1]})", err=True)


class Receiver:
    """Listens until Ctrl-C; prints what verifies, refuses what does not."""

    def __init__(
        self,
        address: tuple[str, int],
        secrets: Sequence[str],
        *,
        forward_to: str | None = None,
        max_age_s: float | None = None,
    ) -> None:
        self._secrets = secrets
        self._forward_to = forward_to
        self._max_age_s = max_age_s
        self._printing = threading.Lock()
        self.accepted = 0
        self.refused = 0
        try:
            self._server = _Server(address, _handler_for(self))
        except OSError as error:
            raise CommandError(f"{address[0]} port {address[1]} cannot be listened on: {error.strerror}.") from error

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()

    def serve(self) -> None:
        """Serve until Ctrl-C."""
        with suppress(KeyboardInterrupt):
            self._server.serve_forever()

    def take(self, body: bytes, signature: str | None) -> int:
        """Verify one delivery, print it, pass it on; return the status to answer with."""
        try:
            event = parse_webhook(body, signature, self._secrets, max_age=self._max_age_s)
        except WebhookVerificationError as error:
            with self._printing:
                self.refused += 1
                click.echo(masked(f"refused: {error}"), err=True)
            return 401
        with self._printing:
            try:
                click.echo(dump(event.to_dict()))
            except BrokenPipeError:  # the reader had enough, so nobody would see what comes
                self._server.shutdown()
                return 503
            self.accepted += 1
        return self._forwarded(body, signature or "") if self._forward_to else 200

    def _forwarded(self, body: bytes, signature: str) -> int:
        headers = {"Content-Type": "application/json", SIGNATURE_HEADER: signature}
        try:
            status, _ = post(str(self._forward_to), body, headers, timeout_s=FORWARD_TIMEOUT_S)
        except CommandError as error:
            click.echo(masked(f"not forwarded: {error.message}"), err=True)
            return 502
        click.echo(f"forwarded: {self._forward_to} answered {status}", err=True)
        return status


def _handler_for(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Hands each POST to the receiver."""

        timeout = READ_TIMEOUT_S

        def do_POST(self) -> None:
            """Take a delivery."""
            size = self.headers.get("Content-Length", "")
            if not size.isdigit() or int(size) > MAX_BODY_BYTES:
                self._answer(411 if not size.isdigit() else 413)
                return
            self._answer(receiver.take(self.rfile.read(int(size)), self.headers.get(SIGNATURE_HEADER)))

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True

        def log_message(self, *_: Any, **__: Any) -> None:
            """Say nothing: the receiver does."""

    return Handler
