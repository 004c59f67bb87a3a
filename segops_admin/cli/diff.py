"""`segops-admin segments diff FILE ID`: a segment as a file has it, against the one in the workspace."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..records.base import is_object
from .ground import PROGRAM, CommandError
from .options import Command, settings, shared_options
from .values import JsonValue, read_bytes

DIFFERENT = 1
YAML_FILES = (".yaml", ".yml")


class DocumentValue(JsonValue):
    """JSON as elsewhere, or YAML from a file or stdin."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read what a word stands for."""
        from .desired import parsed  # noqa: PLC0415 -- help does without the records

        if value == "-":
            return parsed(sys.stdin.buffer.read(), "stdin")
        if isinstance(value, str) and value.endswith(YAML_FILES):
            name = value.removeprefix("@")
            return parsed(read_bytes(Path(name)), name)
        return super().convert(value, param, ctx)


def _diff(file: Any, segment_id: int, exit_code: bool) -> None:
    from .connect import connected  # noqa: PLC0415 -- help does without the client
    from .desired import KINDS, settable  # noqa: PLC0415
    from .output import show  # noqa: PLC0415
    from .plan import diff, same, wants_data  # noqa: PLC0415

    if not is_object(file):
        raise CommandError("A segment is one object with its fields; the file holds something else.")
    here = settable(KINDS[0], file)
    if not here:
        raise CommandError(f"The file has no field of a segment: {', '.join(KINDS[0].fields)}.")
    wanted = settings()
    with connected(wanted) as client:
        there = settable(KINDS[0], client.segments.get(segment_id))
        names = [name for name, value in here.items() if not same(there.get(name), value)]
        if wants_data(wanted):
            show([{"field": name, "workspace": there.get(name), "file": here[name]} for name in names], wanted)
        else:
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
        click.Argument(["file"], type=DocumentValue(), metavar="FILE"),
        click.Argument(["segment_id"], type=click.INT, metavar="ID"),
        click.Option(["--exit-code"], is_flag=True, help="Exit with 1 when there is a difference."),
        *shared_options(),
    ],
    help="Compare a segment in a JSON or YAML file with the one in the workspace.\n\nLines with - are the workspace's, "
    "lines with + the file's; with -o json each difference is an object. Fields that the file does not have are not "
    "compared.",
    epilog=f"Example: {PROGRAM} segments diff segment.yaml 31",
)
