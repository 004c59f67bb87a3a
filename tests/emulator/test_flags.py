"""Faults can be switched on from the command line, for a service that a person starts by hand."""

import subprocess
import sys
import urllib.error
import urllib.request

import pytest

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
