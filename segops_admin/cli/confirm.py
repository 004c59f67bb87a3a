"""Calls that ask first: what cannot be undone, and what costs much.

On a terminal all of them ask. Without one there is nobody to ask, so they refuse without `--yes`; but words of the
published command, which never asked, go on doing what scripts expect of them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from .border import CommandError
from .surface import PUBLISHED_WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .options import Settings
    from .surface import MethodInfo

QUESTIONS = {
    ("products", "score_all"): "Score every product of the workspace?",
    ("pages", "bulk_generate"): "Generate pages in bulk?",
}


def confirm_call(method: MethodInfo, args: Sequence[Any], wanted: Settings) -> None:
    """Ask before a method that needs it."""
    question = _question(method, args)
    if question is not None:
        confirm(question, wanted, unasked=method.name.replace("_", "-") in PUBLISHED_WORDS.get(method.namespace, ()))


def confirm(question: str, wanted: Settings, *, unasked: bool = False) -> None:
    """Ask on a terminal; raise on a no, and where nobody can be asked. unasked: go on where nobody can be asked."""
    if wanted.yes or wanted.dry_run:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        if unasked:
            return
        raise click.UsageError(
            f"{question} Nobody can be asked without a terminal: add --yes.", ctx=click.get_current_context()
        )
    if not click.confirm(question, err=True):
        raise CommandError("nothing was done.")


def _question(method: MethodInfo, args: Sequence[Any]) -> str | None:
    if method.name == "delete":
        return f"Delete {method.namespace} {args[0]}? There is no way back."
    if (method.namespace, method.name) == ("http", "request") and str(args[0]).upper() == "DELETE":
        return f"DELETE {args[1]}? There is no way back."
    return QUESTIONS.get((method.namespace, method.name))
