"""`segops-admin help`: every command of every namespace on one line each, or one command's own help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from . import docs
from .ground import PROGRAM
from .options import Command
from .surface import namespaces

if TYPE_CHECKING:
    from collections.abc import Sequence


def _help(words: Sequence[str]) -> None:
    from .app import OWN, OWN_OF  # noqa: PLC0415 -- app lists this module
    from .app import command as root  # noqa: PLC0415

    if words:
        with root.make_context(PROGRAM, [*words, "--help"]) as context:
            root.invoke(context)
        return
    formatter = click.HelpFormatter(max_width=100, width=click.formatting.FORCED_WIDTH or 100)
    formatter.write_usage(PROGRAM, "NAMESPACE METHOD [ARGS] [--options]")
    for name, namespace in namespaces().items():
        with formatter.section(docs.summary(namespace.doc).rstrip(".")):
            methods = {word: docs.summary(method.doc) for word, method in namespace.words.items()}
            methods |= {word: own.summary for word, own in OWN_OF.get(name, {}).items()}
            group = name.replace("_", "-")
            formatter.write_dl([(f"{group} {word}", summary) for word, summary in sorted(methods.items())])
    with formatter.section("More"):
        formatter.write_dl([(word, own.summary) for word, own in sorted(OWN.items())])
    click.echo(formatter.getvalue().rstrip("\n"))


command = Command(
    "help",
    callback=_help,
    params=[click.Argument(["words"], nargs=-1, metavar="[NAMESPACE [METHOD]]")],
    help="List all commands, or explain one.",
    short_help="List all commands.",
    epilog=f"Example: {PROGRAM} help segments list",
)
