"""Runs a script in an interpreter of its own, as strict as the test run itself."""

import os
import pathlib
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).parent.parent
STRICT = ("-X", "dev", "-W", "error")


def run(*arguments, timeout=30, **environment):
    """Run Python with these arguments and return what became of it; a hang is a TimeoutExpired."""
    return subprocess.run(
        [sys.executable, *STRICT, *arguments],
        cwd=ROOT,
        env=_environment(environment),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def script(code, *, timeout=30, **environment):
    """Run a piece of code; see `run`."""
    return run("-c", textwrap.dedent(code), timeout=timeout, **environment)


def start(code, **environment):
    """Start a piece of code and return the process, its streams as pipes."""
    return subprocess.Popen(
        [sys.executable, *STRICT, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        env=_environment(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def quiet(done):
    """Tell whether a process ended well and said nothing but `ok`."""
    return (done.returncode, done.stdout.strip(), done.stderr) == (0, "ok", "")


def _environment(changes):
    names = {name: value for name, value in os.environ.items() if not name.startswith(("SEGOPS_", "PYTHON"))}
    return {**names, "PYTHONPATH": str(ROOT), **changes}
