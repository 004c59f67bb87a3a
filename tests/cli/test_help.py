"""What help says, and how: in words of a shell, with an example that can be pasted, and whole."""

import re
import shlex

import click
import pytest

from segops_admin.cli.app import command as root
from segops_admin.cli.method import MethodCommand
from segops_admin.cli.surface import namespaces

JARGON = re.compile(
    r"\w+Error\b|\(C\d|\[(inferred|docs|sdk|usage)\]|segops-api|\bNone\b|\bTrue\b|\bFalse\b|iterable|dictionary|[Rr]eturn"
)


def every_command(group=root, path=()):
    context = click.Context(group)
    for word in group.list_commands(context):
        found = group.get_command(context, word)
        yield (*path, word), found
        if isinstance(found, click.Group):
            yield from every_command(found, (*path, word))


COMMANDS = dict(every_command())


def help_of(words, width=80):
    found = COMMANDS[words]
    context = click.Context(found, info_name=f"segops-admin {' '.join(words)}", terminal_width=width)
    return found.get_help(context)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_is_for_people_and_ends_with_an_example_that_can_be_pasted(words):
    """No Python, no marks of the protocol sheet; the example on one line, quotes closed, of this very command."""
    text = help_of(words)
    lines = map(str.strip, text.splitlines())
    example = next(line for line in lines if line.startswith("Example: ")).removeprefix("Example: ")

    assert not (found := JARGON.search(text)), found
    assert shlex.split(example)[: 1 + len(words)] == ["segops-admin", *words]
    methods = {method for namespace in namespaces().values() for method in namespace.methods if "_" in method}
    assert methods.isdisjoint(re.findall(r"`(\w+)`", text))


METHODS = [words for words, found in COMMANDS.items() if isinstance(found, MethodCommand)]


@pytest.mark.parametrize("words", METHODS, ids=" ".join)
def test_arguments_are_explained(words):
    """JSON and files come in several ways, which nobody would guess."""
    arguments = [param for param in COMMANDS[words].derived.params if isinstance(param, click.Argument)]
    explained = re.findall(r"^  ([A-Z_]+) +\w", help_of(words).partition("Arguments:")[2], re.MULTILINE)

    assert explained[: len(arguments)] == [param.name.upper() for param in arguments]


def test_no_summary_is_cut(shell):
    """click ends them with dots where they are long."""
    for words in (["segments"], ["products"], ["webhooks"], []):
        assert "..." not in shell(*words, "--help").out.partition("Commands:")[2]


def test_help_of_a_command_is_its_own_help(shell):
    """`help segments list` as with git; an unknown word is told as elsewhere."""
    by_word, by_flag, of_group, unknown = shell.together(
        ["help", "segments", "list"],
        ["segments", "list", "--help"],
        ["help", "segments"],
        ["help", "segments", "lst"],
    )

    assert (by_word.status, by_word.out) == (0, by_flag.out)
    assert "recompute-and-wait" in of_group.out
    assert unknown.status == 2
    assert "Did you mean 'list'?" in unknown.complaint


def test_work_that_cannot_be_waited_for_says_so(shell):
    """And what shows its outcome instead."""
    scored, generated = shell.together(["products", "score-all", "--help"], ["pages", "bulk-generate", "--help"])

    assert "gives nothing to wait by: `segops-admin products list" in " ".join(scored.out.split())
    assert "gives nothing to wait by: `segops-admin pages list`" in " ".join(generated.out.split())
