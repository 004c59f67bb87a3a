"""The real command as a process of its own, against an emulator in this one, on pipes or on a terminal."""

import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from fcntl import ioctl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import attrs
import orjson
import pytest

from segops_admin.emulator import Emulator

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 30
PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


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

    def start(self, *words, **options):
        return subprocess.Popen(
            [sys.executable, "-m", "segops_admin", *map(str, words)], env=self.environment, cwd=ROOT, **options
        )

    def __call__(self, *words, stdin=b""):
        return _ended(self.start(*words, **PIPES), stdin)

    def together(self, *commands):
        """Run several commands at the same time; most of a short command is its start."""
        return [_ended(process) for process in [self.start(*words, **PIPES) for words in commands]]

    def on_terminal(self, *words, columns=100):
        """Run with stdout and stderr on a terminal; what it shows is in `out`."""
        ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        with self.start(*words, stdin=theirs, stdout=theirs, stderr=theirs) as process:
            os.close(theirs)
            shown = b""
            while piece := _read(ours):
                shown += piece
            status = process.wait(TIMEOUT_S)
        os.close(ours)
        return Ended(status, shown.decode(), "")

    def but(self, **environment):
        """Return a shell with some variables changed; None unsets one."""
        changed = {**self.environment, **environment}
        return Shell({name: value for name, value in changed.items() if value is not None})


def _ended(process, stdin=b""):
    with process:
        out, err = process.communicate(stdin, timeout=TIMEOUT_S)
    return Ended(process.returncode, out.decode(), err.decode())


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says so when the other side is closed
        return b""


@pytest.fixture(scope="session")
def cli_emulator():
    with Emulator(job_delay=0.01) as emulator:
        yield emulator


@pytest.fixture
def shell(cli_emulator):
    """The command with the key of a fresh workspace."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SEGOPS_", "NO_COLOR"))}
    key = cli_emulator.create_tenant().api_key
    return Shell({**inherited, "TERM": "xterm", "SEGOPS_API_URL": cli_emulator.base_url, "SEGOPS_API_KEY": key})


@pytest.fixture
def web_server():
    """A server of a few lines: give it what each request does, get its address."""
    servers = []

    def serve(answer):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                answer(self)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/api"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
