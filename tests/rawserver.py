"""A byte-level HTTP server on loopback: answers what a test scripts, bytes and all, and remembers what it was sent.

    raw.script(reply(503), [reply(200, b"{}", length=10), CLOSE])

Each answer is a step or a list of steps, and serves one request: bytes are sent as they are, a number waits so many
seconds, an event until it is set, HANG says nothing more, CLOSE ends the connection, RESET aborts it. The last answer
serves all further requests. A function of the request may stand for an answer.
"""

import asyncio
import contextlib
import json
import socket
import struct

import attrs

HANG, CLOSE, RESET = "hang", "close", "reset"


@attrs.frozen
class RawRequest:
    """One request as it came in."""

    method: str
    target: str
    """Path and query exactly as sent."""
    headers: dict
    """By lower-case name."""
    body: bytes
    connection: int
    """Number of the connection it came on, from 1."""

    def json(self):
        return json.loads(self.body)


def reply(status=200, body=b"", *, length=None, reason="Reason", **headers):
    """Return the bytes of an answer; a body that is no bytes goes as JSON, `_` in header names stands for `-`."""
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
        headers.setdefault("content_type", "application/json")
    headers.setdefault("content_length", len(body) if length is None else length)
    lines = [f"HTTP/1.1 {status} {reason}"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode() + body


class RawServer:
    """The server; `url` is a root to give to a client."""

    def __init__(self):
        self.requests = []
        self.connections = 0
        self.most_in_flight = 0
        """Most requests that were waiting for their answers at once."""
        self._in_flight = 0
        self.arrived = asyncio.Event()
        """Set once the first request is in."""
        self.cut = asyncio.Event()
        """Set once a peer has closed a connection that a HANG answer held."""
        self._answers = [reply(200, {})]
        self._tasks = set()

    def script(self, *answers):
        self._answers = list(answers)

    @property
    def origin(self):
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def url(self):
        return f"{self.origin}/api"

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *exc):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader, writer):
        task = asyncio.current_task()
        self._tasks.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer, self.connections)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader, writer, number):
        while True:
            request = await _read(reader, number)
            self.requests.append(request)
            self.arrived.set()
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            answer = answer(request) if callable(answer) else answer
            try:
                for step in answer if isinstance(answer, list | tuple) else [answer]:
                    await self._take(step, reader, writer)
            finally:
                self._in_flight -= 1

    async def _take(self, step, reader, writer):
        if step == HANG:
            while await reader.read(65536):
                pass
            self.cut.set()
            raise ConnectionAbortedError
        if step in (CLOSE, RESET):
            if step == RESET:
                _abort(writer)
            raise ConnectionAbortedError
        if isinstance(step, asyncio.Event):
            await step.wait()
        elif isinstance(step, int | float):
            await asyncio.sleep(step)
        else:
            writer.write(step)
            await writer.drain()


def _abort(writer):
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _read(reader, number):
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = [line.partition(":") for line in lines]
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    body = b""
    if "chunked" in headers.get("transfer-encoding", ""):
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readline()
    elif length := int(headers.get("content-length", 0)):
        body = await reader.readexactly(length)
    return RawRequest(method, target, headers, body, number)
