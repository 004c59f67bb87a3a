"""Runs a script in an interpreter of its own, as strict as the test run itself."""

import os
import pathlib
import re
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).parent.parent
STRICT = ("-X", "dev", "-W", "error")
_SLOW_STEP = re.compile(r"^Executing <.*> took \d+\.\d+ seconds\n", re.MULTILINE)


def run(*arguments, timeout=30, **environment):
    """Run Python with these arguments and return what became of it; a hang is a TimeoutExpired."""
    done = subprocess.run(
        [sys.executable, *STRICT, *arguments],
        cwd=ROOT,
        env=_environment(environment),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    done.stderr = said(done.stderr)
    return done


def said(stderr):
    """Return what a process complained of, without the slow steps that asyncio's debug mode tells on a busy machine."""
    return _SLOW_STEP.sub("", stderr)


def script(code, *arguments, timeout=30, **environment):
    """Run a piece of code; see `run`."""
    return run("-c", textwrap.dedent(code), *arguments, timeout=timeout, **environment)


def start(code, **environment):
    """Start a piece of code and return the process, its streams as pipes."""
    return subprocess.Popen(
        [sys.executable, *STRICT, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        env=_environment(environment),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def measured():
    """Return what has a process measured where coverage is: not those that count modules or fill disks."""
    return {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}


def _environment(changes):
    outside = ("SEGOPS_", "PYTHON", "COVERAGE_")
    names = {name: value for name, value in os.environ.items() if not name.startswith(outside)}
    return {**names, "PYTHONPATH": str(ROOT), **changes}
