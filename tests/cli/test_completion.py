"""What a shell is given to complete words with, and that a key press is not answered late."""

import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SHELLS = ["bash", "zsh", "fish"]

ALL_WORDS = """
import os, sys
import click
from segops_admin.cli.app import command
from segops_admin.cli.completion import complete

def ask(*words):
    os.environ.update(COMP_WORDS=" ".join(["segops-admin", *words]), COMP_CWORD=str(len(words)))
    complete("bash")

context = click.Context(command)
for group in command.list_commands(context):
    ask(group, "--")
    found = command.get_command(context, group)
    for word in found.list_commands(click.Context(found)) if isinstance(found, click.Group) else ():
        ask(group, word, "--")
        ask(group, word, "")
ask("")
sys.exit(f"loaded: {sorted({'aiohttp', 'rich', 'yaml', 'plotly', 'anyio'} & sys.modules.keys())}")
"""


def asking(shell, words, *, of="bash"):
    """Return a shell whose next command answers as to a TAB after these words."""
    return shell.but(
        _SEGOPS_ADMIN_COMPLETE=f"{of}_complete", COMP_WORDS=words, COMP_CWORD=str(len(words.split(" ")) - 1)
    )


def offered(shell, words, *, of="bash"):
    ended = asking(shell, words, of=of)()
    assert (ended.status, ended.err) == (0, "")
    return ended.out.splitlines()


@pytest.mark.parametrize("of", SHELLS)
def test_each_shell_gets_its_script(shell, of):
    """The same through a pipe and on a terminal, where one may want to look at it."""
    piped, shown = shell("completion", of), shell.on_terminal("completion", of)

    assert (piped.status, piped.err, shown.status) == (0, "", 0)
    assert f"_SEGOPS_ADMIN_COMPLETE={of}_complete" in piped.out
    assert shown.out.replace("\r\n", "\n") == piped.out


@pytest.mark.parametrize("of", SHELLS)
def test_the_script_is_one_that_its_shell_reads(shell, of):
    """Where that shell is installed."""
    if not shutil.which(of):
        pytest.skip(f"no {of}")
    script = shell("completion", of).out

    subprocess.run([of, "-n"], input=script, text=True, check=True, timeout=20)


def test_words_and_options_are_offered(shell):
    """Of namespaces, of methods, of the emulator, and the forms there are."""
    assert {"plain,segments", "plain,apply"} <= set(offered(shell, "segops-admin "))
    assert offered(shell, "segops-admin segments exp") == [
        f"plain,{word}" for word in ("export", "export-status", "export-to")
    ]
    assert offered(shell, "segops-admin emulator --po") == ["plain,--port"]
    assert offered(shell, "segops-admin segments list -o ")[0] == "plain,json"
    assert offered(shell, "segops-admin completion f", of="zsh") == ["plain", "fish", "_"]


FILES = [
    "segops-admin segments create ",
    "segops-admin products bulk-upsert cata",
    "segops-admin products import ",
    "segops-admin segments export 31 --to ",
    "segops-admin segments diff ",
    "segops-admin apply work",
    "segops-admin analytics report --html ",
    "segops-admin webhooks verify ",
]


@pytest.mark.parametrize(
    ("of", "answer"), [("bash", "file,{}"), ("zsh", "file\n{}\n_"), ("fish", "file,{}")], ids=SHELLS
)
def test_files_are_offered_where_no_word_is_known(shell, of, answer):
    """By the shell itself, which is told so; fish gets the beginning with it."""
    for words in FILES:
        typed = words.split(" ")[-1]
        asked = asking(shell, words, of=of)
        asked = asked.but(COMP_CWORD=typed) if of == "fish" else asked
        assert asked().out == answer.format(typed) + "\n", words


def test_profiles_are_offered_by_name(shell):
    """At any place, also as bash takes --profile=NAME apart; a damaged file offers none."""
    for name in ("default", "staging"):
        shell("login", "--profile", name, stdin=shell.environment["SEGOPS_API_KEY"].encode())

    assert offered(shell, "segops-admin --profile ") == ["plain,default", "plain,staging"]
    assert offered(shell, "segops-admin segments list --profile s") == ["plain,staging"]
    assert offered(shell, "segops-admin whoami --profile = s") == ["plain,staging"]
    Path(shell.environment["XDG_CONFIG_HOME"], "segops-admin", "profiles.json").write_text("[]")
    assert offered(shell, "segops-admin --profile ") == [""]


def test_a_wrong_word_or_a_key_on_the_way_is_passed_over_in_silence(shell):
    """A shell would write it into the line that is being typed; stdin is not read either."""
    assert offered(shell, "segops-admin segmets li") == [""]
    assert offered(shell, "segops-admin segments list --api-key sk_x --colum") == ["plain,--columns"]
    assert offered(shell, "segops-admin segments create - --na") == ["plain,--name"]


def test_no_word_of_any_command_loads_more_than_words(shell):
    """Neither aiohttp nor what draws tables: a key press must be answered at once."""
    ended = subprocess.run(
        [sys.executable, "-c", ALL_WORDS],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=shell.environment,
    )

    assert ended.stderr == "loaded: []\n"
    assert ended.stdout.count("plain,--") > 500


def test_the_emulators_options_are_offered_without_aiohttp(shell):
    """In a process of its own, with every import in the log."""
    asked = asking(shell, "segops-admin emulator --po")
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "segops_admin"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env=asked.environment,
    )

    assert ended.stdout == "plain,--port\n"
    assert "segops_admin.cli.derive" in ended.stderr
    assert "aiohttp" not in ended.stderr


def test_bash_completes_words_and_files_as_they_are_typed(shell, tmp_path):
    """In a real one, on a terminal, with the real script."""
    if not shutil.which("bash"):
        pytest.skip("no bash")
    program = tmp_path / "bin" / "segops-admin"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m segops_admin "$@"\n')
    program.chmod(0o755)
    (tmp_path / "bread.json").write_text("{}")
    environment = {**shell.environment, "PATH": f"{program.parent}:{shell.environment['PATH']}", "PS1": "$ "}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        cwd=tmp_path,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        os.write(ours, b'eval "$(segops-admin completion bash)"; echo re""ady\n')
        read_until(ours, b"ready")
        os.write(ours, b"segops-admin segments cre\t")
        read_until(ours, b"segments create ")
        os.write(ours, b"bre\t")
        read_until(ours, b"bread.json ")
        os.write(ours, b"\x15exit\n")
        assert process.wait(20) == 0
    os.close(ours)


def read_until(terminal, end):
    shown = b""
    while end not in shown:
        shown += os.read(terminal, 4096)
    return shown
