"""`segops-admin apply FILE`: the workspace becomes as the file says. What the file does not name is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .confirm import confirm
from .ground import PROGRAM, CommandError, Stopped
from .options import Command, settings, shared_options

if TYPE_CHECKING:
    from ..sync import SegOpsAdmin
    from .plan import Change


def _apply(file: str) -> None:
    from .connect import connected  # noqa: PLC0415 -- help does without the client
    from .desired import read_desired  # noqa: PLC0415
    from .output import show  # noqa: PLC0415
    from .plan import changes, show_change, wants_data  # noqa: PLC0415

    wanted = settings()
    as_data = wants_data(wanted)
    desired = read_desired(file)
    with connected(wanted._replace(dry_run=False)) as client:
        plan = list(changes(client, desired))
        if as_data:
            show([change.as_data for change in plan], wanted)
        else:
            for change in plan:
                show_change(change)
        click.echo(_summary(plan, sum(map(len, desired.values()))), err=as_data)
        if not plan or wanted.dry_run:
            return
        confirm(f"Apply {len(plan)} change{'s' if len(plan) > 1 else ''}?", wanted)
        _carry_out_all(client, plan)


def _summary(plan: list[Change], whole: int) -> str:
    created = sum(change.id is None for change in plan)
    if not plan:
        return f"Nothing to change: {whole} as they should be."
    return f"{created} to create, {len(plan) - created} to change, {whole - len(plan)} as they should be."


def _carry_out_all(client: SegOpsAdmin, plan: list[Change]) -> None:
    from ..errors import SegOpsError  # noqa: PLC0415
    from .plan import carry_out  # noqa: PLC0415

    for done, change in enumerate(plan):
        try:
            carry_out(client, change)
        except SegOpsError as error:
            raise CommandError(
                f"{change.kind.one} {change.identity!r}: {error} {done} of {len(plan)} changes are in; correct it and "
                "run again: what is done is not done twice."
            ) from error
        except KeyboardInterrupt:
            raise Stopped(f"interrupted. {done} of {len(plan)} changes are in; run again to go on.") from None
        click.echo(f"{'created' if change.id is None else 'changed'} {change.kind.one} {change.identity!r}", err=True)


command = Command(
    "apply",
    callback=_apply,
    params=[click.Argument(["file"], metavar="FILE.yaml|FILE.json|-"), *shared_options()],
    help="Make the workspace as a file says.\n\nThe file has the sections segments, product_segments, schemas and "
    "queries, as `dump` writes them. Shows what would change, asks, and applies it in that order; a second run changes "
    "nothing. What the file does not name is left alone. With --dry-run it reads, shows the plan, and stops; -o json "
    "shows the plan as data.",
    epilog=f"Example: {PROGRAM} apply workspace.yaml --yes",
)
