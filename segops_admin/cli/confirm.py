"""Calls that ask first: what cannot be undone, and what costs much.

On a terminal all of them ask. Without one there is nobody to ask, so they refuse without `--yes`; but words of the
published command, which never asked, go on doing what scripts expect of them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from .ground import CommandError, printable
from .surface import PUBLISHED_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..sync import SegOpsAdmin
    from .options import Settings
    from .surface import MethodInfo

QUESTIONS = {
    ("products", "score_all"): "Score every product of the workspace?",
    ("pages", "bulk_generate"): "Generate pages in bulk?",
}

KINDS = {
    "activations": "connector",
    "api_keys": "API key",
    "competitors": "competitor",
    "pages": "page",
    "product_segments": "product segment",
    "products": "product",
    "queries": "query",
    "schemas": "schema",
    "segments": "segment",
}
"""What one object of a namespace is called."""

NAMES = ("name", "title", "slug", "query_text", "event_type", "sku", "connector_type")
"""Fields that say which object it is, the first that is there."""

NAME_CHARS = 60


def confirm_call(client: SegOpsAdmin, method: MethodInfo, args: Sequence[Any], wanted: Settings) -> None:
    """Ask before a method that needs it."""
    question = _question(method, args)
    if question is None:
        return
    unasked = method.name.replace("_", "-") in PUBLISHED_WORDS.get(method.namespace, ())
    name = (lambda: _name(client, method, args[0])) if method.name == "delete" else None
    confirm(question, wanted, unasked=unasked, name=name)


def confirm(question: str, wanted: Settings, *, unasked: bool = False, name: Callable[[], str] | None = None) -> None:
    """Ask on a terminal; raise on a no, and where nobody can be asked.

    unasked: go on where nobody can be asked. name: what to add before the question mark, where it takes a call to know.
    """
    if wanted.yes or wanted.dry_run:
        return
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        if unasked:
            return
        raise click.UsageError(
            f"{question} Nobody can be asked without a terminal: add --yes.", ctx=click.get_current_context()
        )
    if not click.confirm(question if name is None else question.replace("?", f"{name()}?", 1), err=True):
        raise CommandError("nothing was done.")


def _question(method: MethodInfo, args: Sequence[Any]) -> str | None:
    if method.name == "delete":
        return f"Delete {KINDS.get(method.namespace, method.namespace)} {args[0]}? There is no way back."
    if (method.namespace, method.name) == ("http", "request") and str(args[0]).upper() == "DELETE":
        return f"DELETE {args[1]}? There is no way back."
    return QUESTIONS.get((method.namespace, method.name))


def _name(client: SegOpsAdmin, method: MethodInfo, key: Any) -> str:
    """Return what people call the object, where one look tells it; the deletion itself tells of what is wrong."""
    from ..errors import SegOpsError  # noqa: PLC0415 -- help does without

    get = getattr(getattr(client, method.namespace), "get", None)
    if get is None:
        return ""
    try:
        found = get(key)
    except SegOpsError:
        return ""
    name = next((found.get(field) for field in NAMES if found.get(field)), "")
    return f' "{printable(str(name))[:NAME_CHARS]}"' if name else ""
