"""`segops-admin help`: every command of every namespace on one line each."""

from __future__ import annotations

import click

from . import docs
from .border import PROGRAM
from .surface import namespaces


@click.command(name="help", short_help="List all commands.")
def command() -> None:
    """List all commands."""
    from .app import OWN, OWN_OF  # noqa: PLC0415 -- app lists this module

    formatter = click.HelpFormatter(max_width=100, width=click.formatting.FORCED_WIDTH or 100)
    formatter.write_usage(PROGRAM, "NAMESPACE METHOD [ARGS] [--options]")
    for name, namespace in namespaces().items():
        with formatter.section(docs.summary(namespace.doc).rstrip(".")):
            words = {word: docs.summary(method.doc) for word, method in namespace.words.items()}
            words |= {word: own.summary for word, own in OWN_OF.get(name, {}).items()}
            group = name.replace("_", "-")
            formatter.write_dl([(f"{group} {word}", summary) for word, summary in sorted(words.items())])
    with formatter.section("More"):
        formatter.write_dl([(word, own.summary) for word, own in sorted(OWN.items())])
    click.echo(formatter.getvalue().rstrip("\n"))
