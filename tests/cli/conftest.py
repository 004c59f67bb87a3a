"""The command as a process of its own, against an emulator in this one, on pipes or on a terminal."""

import contextlib
import os
import pty
import socket
import struct
import subprocess
import sys
import termios
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from fcntl import ioctl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import attrs
import orjson
import pytest

from segops_admin import SegOpsAdmin
from segops_admin.emulator import Emulator

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 30
AT_ONCE = 8
NO_KEYRING = "keyring.backends.fail.Keyring"


@attrs.frozen
class Ended:
    """What a finished command left behind."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return orjson.loads(self.out)

    @property
    def lines(self):
        """The result as JSON lines."""
        return [orjson.loads(line) for line in self.out.splitlines()]

    @property
    def complaint(self):
        """The one line on stderr; fails when there is more, or a stack trace."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("segops-admin: ")
        return lines[0]


@attrs.frozen
class Shell:
    """Runs `segops-admin` with an environment."""

    environment: dict
    forker: str
    """The socket of the process that starts commands; see forker.py."""
    tenant: str
    """The workspace's slug."""

    def start(self, *words, **options):
        """Start a command from nothing, as a user does."""
        return subprocess.Popen(
            [sys.executable, "-m", "segops_admin", *map(str, words)], env=self.environment, cwd=ROOT, **options
        )

    def __call__(self, *words, stdin=b""):
        return self._started(words, stdin).ended()

    def together(self, *commands):
        """Run several commands, some at the same time."""
        ended = []
        for first in range(0, len(commands), AT_ONCE):
            started = [self._started(words) for words in commands[first : first + AT_ONCE]]
            ended += [running.ended() for running in started]
        return ended

    def on_terminal(self, *words, columns=100, typed=b""):
        """Run with stdin, stdout and stderr on a terminal; what it shows is in `out`. typed: at the keyboard."""
        ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        connection = self._fork(words, [theirs, theirs, theirs])
        os.close(theirs)
        os.write(ours, typed)
        shown = b""
        while piece := _read(ours):
            shown += piece
        os.close(ours)
        return Ended(_status(connection), shown.decode(), "")

    def but(self, **environment):
        """Return a shell with some variables changed; None unsets one."""
        changed = {**self.environment, **environment}
        return attrs.evolve(self, environment={name: value for name, value in changed.items() if value is not None})

    def _started(self, words, stdin=b""):
        pipes = [os.pipe() for _ in range(3)]
        (into, feed), (out, out_end), (err, err_end) = pipes
        connection = self._fork(words, [into, out_end, err_end])
        for file in (into, out_end, err_end):
            os.close(file)
        return Running(
            connection, [READERS.submit(_all_of, out), READERS.submit(_all_of, err)], READERS.submit(_feed, feed, stdin)
        )

    def _fork(self, words, files):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(TIMEOUT_S)
        connection.connect(self.forker)
        message = {"words": [str(word) for word in words], "environment": self.environment}
        socket.send_fds(connection, [orjson.dumps(message)], files)
        return connection


@attrs.frozen
class Running:
    """A command under way on three pipes."""

    connection: socket.socket
    outputs: list
    feeding: Future

    def ended(self):
        status = _status(self.connection)
        self.feeding.result(TIMEOUT_S)
        out, err = (output.result(TIMEOUT_S).decode() for output in self.outputs)
        return Ended(status, out, err)


READERS = ThreadPoolExecutor(60)


def _status(connection):
    with connection:
        return int(connection.recv(20))


def _all_of(file):
    with os.fdopen(file, "rb") as pipe:
        return pipe.read()


def _feed(file, data):
    with contextlib.suppress(BrokenPipeError), os.fdopen(file, "wb") as pipe:
        pipe.write(data)


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other side is closed
        return b""


@pytest.fixture(scope="session")
def cli_emulator():
    with Emulator(job_delay=0.01) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def forker(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("forker") / "socket")
    words = [sys.executable, str(Path(__file__).with_name("forker.py")), path]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment, cwd=ROOT, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield path
        process.terminate()


@pytest.fixture
def shell(cli_emulator, forker, tmp_path):
    """The command with the key of a fresh workspace, and no profiles but those the test makes."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SEGOPS_", "NO_COLOR"))}
    tenant = cli_emulator.create_tenant()
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "PYTHON_KEYRING_BACKEND": NO_KEYRING}
    return Shell(
        {
            **inherited,
            **home,
            "TERM": "xterm",
            "SEGOPS_API_URL": cli_emulator.base_url,
            "SEGOPS_API_KEY": tenant.api_key,
        },
        forker,
        tenant.slug,
    )


@pytest.fixture
def workspace(shell):
    """The same workspace through the library, for what a test needs to be there."""
    with SegOpsAdmin(shell.environment["SEGOPS_API_KEY"], base_url=shell.environment["SEGOPS_API_URL"]) as client:
        yield client


@pytest.fixture
def web_server():
    """A server of a few lines: give it what each request does, get its address."""
    servers = []

    def serve(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                answer(self)

            do_POST = do_GET  # noqa: N815 -- the name that the base class looks for

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.handle_error = lambda *_: None  # a command that was stopped hangs up
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/api"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
