"""The emulator started by hand: two commands with the same options, faults among them."""

import inspect
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import click
import pytest

from segops_admin.cli.emulate import _derived, command
from segops_admin.emulator import Emulator
from segops_admin.emulator.__main__ import parser

PROGRAMS = {"emulator": ["segops_admin.emulator"], "command": ["segops_admin", "emulator"]}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_fault_given_as_a_flag_strikes(program):
    """The same rule as from code and over HTTP."""
    rule = '{"path": "/segments/", "status": 503, "times": 1}'
    command = [sys.executable, "-m", *program, "--port", "0", "--fault", rule]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL) as running:
        try:
            root = running.stdout.readline().strip().partition("=")[2]
            key = running.stdout.readline().strip().partition("=")[2]
            request = urllib.request.Request(f"{root}/segments/", headers={"Authorization": f"ApiKey {key}"})
            with pytest.raises(urllib.error.HTTPError) as struck:
                urllib.request.urlopen(request, timeout=10)
            struck.value.close()
            with urllib.request.urlopen(request, timeout=10) as answer:
                spared = answer.status
        finally:
            running.terminate()

    assert (struck.value.code, spared) == (503, 200)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
@pytest.mark.parametrize("rule", ["no json", '{"no_such_field": 1}', "[]"])
def test_fault_that_is_none_is_refused(program, rule):
    """A typing mistake must not look like a service without faults."""
    ended = subprocess.run(
        [sys.executable, "-m", *program, "--fault", rule], capture_output=True, text=True, timeout=30, check=False
    )

    assert ended.returncode == 2
    assert "--fault" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_both_commands_have_the_same_words():
    """An older word among them."""
    known = {flag for action in parser()._actions for flag in action.option_strings} - {"-h", "--help"}
    params = [param for param in command.get_params(click.Context(command)) if not getattr(param, "hidden", False)]
    words = {flag for param in params for flag in [*param.opts, *param.secondary_opts]} - {"--help"}

    assert known == words
    assert {"--throttle", "--throttle-per-minute", "--fault", "--no-idempotency"} <= known
    assert parser().parse_args(["--throttle", "5"]).throttle_per_minute == 5


def test_both_commands_have_the_defaults_of_the_class():
    """They are written there and nowhere else."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(Emulator.__init__).parameters.items()
        if name != "self"
    }
    asked = vars(parser().parse_args([]))

    assert {**asked, "fault": []} == {**defaults, "fault": []}
    assert {slot.parameter.name: slot.parameter.default for slot in _derived().slots} == defaults


def test_a_dry_run_starts_nothing():
    """As with every command; the port is not even looked at."""
    command = [sys.executable, "-m", "segops_admin", "emulator", "--port", "99999", "--dry-run"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "Dry run: nothing was started.\n")


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_a_port_that_is_taken_is_one_line(program):
    """Not a stack trace."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-m", *program, "--port", port], capture_output=True, text=True, timeout=30, check=False
        )

    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert "in use" in ended.stderr
