"""Which words there are: all of the library's methods, and the published command's."""

import inspect
import os
import subprocess
import sys

import click
import pytest

from segops_admin import AsyncSegOpsAdmin
from segops_admin.cli.app import command
from segops_admin.cli.method import MethodCommand
from segops_admin.cli.surface import namespaces

PUBLISHED = {
    "segments": ["list", "get", "create", "recompute", "members", "membership", "export", "delete"],
    "products": ["list", "get", "import", "bulk-upsert", "score", "score-all", "facets"],
    "schemas": ["list", "validate"],
    "activations": ["list", "sync"],
    "queries": ["list", "run", "simulate", "dashboard"],
    "pages": ["list", "get", "export", "publish", "regenerate"],
    "users": ["search", "get", "events"],
    "analytics": ["overview", "usage"],
}


def public_namespaces():
    names = [name for name in vars(AsyncSegOpsAdmin) if not name.startswith("_")]
    client = AsyncSegOpsAdmin("sk_test")
    return {name: getattr(client, name) for name in names if hasattr(getattr(client, name), "_call")}


def test_every_public_method_of_every_namespace_is_a_command():
    """Nothing is written down twice, so nothing can be forgotten."""
    context = click.Context(command)
    for name, namespace in public_namespaces().items():
        group = command.get_command(context, name)
        methods = {key for key, _ in inspect.getmembers(namespace, inspect.isroutine) if not key.startswith("_")}
        reached = {group.get_command(context, method.replace("_", "-")) for method in methods}
        assert None not in reached, name
        assert methods == set(namespaces()[name].methods)


@pytest.mark.parametrize("namespace", sorted(namespaces()))
def test_every_parameter_of_every_method_can_be_given(namespace):
    """A parameter without a word in the shell would be a gap; functions are filled by the command itself."""
    group = command.get_command(click.Context(command), namespace)
    for word in namespaces()[namespace].words:
        method = group.get_command(click.Context(group), word)
        assert isinstance(method, MethodCommand)
        typed = {param.name for param in method.derived.params}
        wanted = set(inspect.signature(method._method.load()).parameters)
        assert wanted - typed <= {"self", "params", "query", "fields", "on_progress", *method_progress(method)}, word
        words = [opt for param in method.get_params(click.Context(method)) for opt in param.opts]
        assert len(words) == len(set(words)), word


def method_progress(method):
    return [slot.parameter.name for slot in method.derived.slots if slot.role.value == "hidden"]


@pytest.mark.parametrize(("namespace", "words"), PUBLISHED.items())
def test_published_words_stay(namespace, words):
    """Scripts written for the published command go on."""
    assert set(words) <= set(namespaces()[namespace].words)


def test_help_lists_all_commands(shell):
    """`segops-admin help` is the published word for it."""
    ended = shell("help")

    assert ended.status == 0
    for name, namespace in namespaces().items():
        for word in namespace.words:
            assert f"  {name.replace('_', '-')} {word}" in ended.out


HEAVY = ("aiohttp", "anyio", "cattrs", "rich", "segops_admin.resources.products", "segops_admin.sync")
RECORDS = ("attr", "attrs", "orjson", "segops_admin.records.base")


def loaded(names, words, environment=()):
    """Return which of these modules the command loads for these words."""
    code = (
        "import sys; from segops_admin.cli import main; main(sys.argv[2:]); "
        "sys.stderr.write(' '.join(name for name in sys.argv[1].split() if name in sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, " ".join(names), *words],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
        env={**os.environ, **dict(environment)},
    )
    assert ended.stdout
    return ended.stderr.split()


@pytest.mark.parametrize("words", [["--help"], ["help"], ["segments", "--help"], ["--version"]])
def test_lists_of_words_load_no_library(words):
    """What is typed all day must be quick: names and summaries are read from source text."""
    assert loaded([*HEAVY, *RECORDS], words) == []


def test_help_of_a_method_loads_no_client():
    """Only the namespace asked for is imported."""
    assert loaded(HEAVY, ["segments", "create", "--help"]) == []


@pytest.mark.parametrize(
    ("typed", "names"),
    [("seg", [*HEAVY, *RECORDS]), ("segments rec", [*HEAVY, *RECORDS]), ("segments recompute --", HEAVY)],
)
def test_completion_loads_no_client(typed, names):
    """It runs at every press of the key."""
    words = {"COMP_WORDS": f"segops-admin {typed}", "COMP_CWORD": str(1 + typed.count(" "))}

    assert loaded(names, [], {"_SEGOPS_ADMIN_COMPLETE": "bash_complete", **words}.items()) == []


def test_help_of_a_method_comes_from_signature_and_docstrings(shell):
    """Types, defaults, known values and what the docstring says of a parameter."""
    ended = shell("segments", "wait-export", "--help")

    assert "ID EXPORT_ID" in ended.out
    assert "Seconds for all looks. [default: 300.0]" in " ".join(ended.out.split())
    assert "[csv|parquet]" in shell("segments", "export", "--help").out


def test_no_words_at_all_is_a_usage_error_with_help(shell):
    """As published: the help on stderr, and status 2."""
    ended = shell()

    assert (ended.status, ended.out) == (2, "")
    assert "Usage: segops-admin" in ended.err
