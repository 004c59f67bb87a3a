"""`segops-admin api METHOD PATH`: any endpoint, with the retries, errors and output of the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from .confirm import confirm
from .ground import PROGRAM
from .options import Command, settings, shared_options
from .values import JsonValue

if TYPE_CHECKING:
    from collections.abc import Sequence


def _api(
    method: str, path: str, fields: Sequence[str], parameters: Sequence[str], body: Any, idempotent: bool, whole: bool
) -> None:
    from .connect import connected, read_all  # noqa: PLC0415 -- help does without the client
    from .output import show  # noqa: PLC0415

    wanted = settings()
    where = path if path.startswith("/") else f"/{path}"
    query = dict(_pair(word, "-q") for word in parameters)
    given = {name: _typed(value) for name, value in (_pair(word, "-f") for word in fields)}
    if whole and (method.upper() != "GET" or given or body is not None):
        raise click.UsageError("--all reads a list: it goes with GET, without -f and --body.")
    if given and body is not None:
        raise click.UsageError("Give the body by -f or by --body, not both.")
    if method.upper() == "DELETE":
        confirm(f"DELETE {where}? There is no way back.", wanted)
    with connected(wanted) as client:
        if whole:
            show(read_all(client, where, query), wanted)
            return
        answer = client.http.request(method, where, query=query or None, body=given or body, idempotent=idempotent)
        show(answer, wanted)


def _pair(word: str, flag: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not (equals and name):
        raise click.UsageError(f"{flag} takes name=value, not {word!r}.")
    return name, value


def _typed(value: str) -> Any:
    """Return a value as JSON where it is that, else as text."""
    if value == "-" or value.startswith("@"):
        return JsonValue().convert(value, None, None)
    try:
        return json.loads(value)
    except ValueError:
        return value


command = Command(
    "api",
    callback=_api,
    params=[
        click.Argument(["method"], metavar="METHOD"),
        click.Argument(["path"], metavar="PATH"),
        click.Option(
            ["-f", "--field", "fields"],
            multiple=True,
            metavar="NAME=VALUE",
            help="A field of the body: JSON where the value is that, else text; @file for a file's JSON.",
        ),
        click.Option(["-q", "--param", "parameters"], multiple=True, metavar="NAME=VALUE", help="A query parameter."),
        click.Option(["--body"], type=JsonValue(), metavar="JSON", help="The whole body: JSON, @file, or - for stdin."),
        click.Option(["--idempotent"], is_flag=True, help="A repeat does no harm: try again after unclear outcomes."),
        click.Option(["--all", "whole"], is_flag=True, help="Read every page of a list."),
        *shared_options(),
    ],
    help="Call any endpoint and show its answer.\n\nPATH is relative to the API root, with its exact trailing slash.",
    epilog=f"Example: {PROGRAM} api POST /segments/ -f name=New -f 'definition={{}}'",
)
