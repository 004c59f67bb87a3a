"""`segops-admin segments diff FILE ID`: a segment as a file has it, against the one in the workspace."""

from __future__ import annotations

from typing import Any

import click

from ..records.base import is_object
from .border import PROGRAM, CommandError
from .options import Command, settings, shared_options
from .values import JsonValue

DIFFERENT = 1


def _diff(file: Any, segment_id: int, exit_code: bool) -> None:
    from .connect import connected  # noqa: PLC0415 -- help does without the client
    from .desired import KINDS, settable  # noqa: PLC0415
    from .plan import diff, same  # noqa: PLC0415

    if not is_object(file):
        raise CommandError("A segment is a JSON object; the file holds something else.")
    with connected(settings()) as client:
        there = settable(KINDS[0], client.segments.get(segment_id))
        here = settable(KINDS[0], file)
        names = [name for name, value in here.items() if not same(there.get(name), value)]
        for line in diff({name: there.get(name) for name in names}, {name: here[name] for name in names}):
            click.echo(line)
        if not names:
            click.echo("No difference.", err=True)
        elif exit_code:
            click.get_current_context().exit(DIFFERENT)


command = Command(
    "diff",
    callback=_diff,
    params=[
        click.Argument(["file"], type=JsonValue(), metavar="FILE"),
        click.Argument(["segment_id"], type=click.INT, metavar="ID"),
        click.Option(["--exit-code"], is_flag=True, help="Exit with 1 when there is a difference."),
        *shared_options(),
    ],
    help="Compare a segment in a file with the one in the workspace.\n\nLines with - are the workspace's, lines with + "
    "the file's. Fields that the file does not have are not compared.",
    epilog=f"Example: {PROGRAM} segments diff segment.json 31",
)
