"""The demo as a command: an emulator in this process, a client to it, the steps, the verdict."""

from __future__ import annotations

import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..ground import PROGRAM, CommandError
from ..options import Command

if TYPE_CHECKING:
    from .steps import Outcome

POLL_INTERVAL_S = 0.05
"""The emulator is near and quick."""


@click.command(cls=Command, epilog=f"Example: {PROGRAM} demo --catalogue catalogue.csv")
@click.option(
    "--catalogue",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV to import, .csv or .csv.gz. Default: a sample.",
)
@click.option(
    "--output-dir",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Where the export goes. Default: a new folder.",
)
@click.option("--keep-open", is_flag=True, help="Leave the emulator running at the end, until Ctrl-C.")
def command(catalogue: Path | None, output_dir: Path | None, keep_open: bool) -> None:
    """Run the whole way through the API on a local emulator, and show what happened.

    Imports a catalogue, sends events, creates and computes segments, walks every page and exports one segment. Nothing
    leaves this machine. The exit status is 0 only if as many rows are stored as the catalogue has.
    """
    from ... import SegOpsAdmin  # noqa: PLC0415 -- help does without client and emulator
    from ...emulator import Emulator  # noqa: PLC0415
    from . import steps  # noqa: PLC0415
    from .report import Report  # noqa: PLC0415

    output = _folder(output_dir)
    report = Report()
    with (
        Emulator() as emulator,
        SegOpsAdmin(emulator.api_key, base_url=emulator.base_url, poll_interval=POLL_INTERVAL_S) as client,
        tempfile.TemporaryDirectory() as scratch,
    ):
        with report:
            outcome = steps.run(client, catalogue, scratch=Path(scratch), output=output, report=report)
        report.table()
        _tell(outcome)
        if keep_open:
            click.echo(f"SEGOPS_API_URL={emulator.base_url}\nSEGOPS_API_KEY={emulator.api_key}")
            click.echo("The emulator stays open. Ctrl-C ends it.", err=True)
            with suppress(KeyboardInterrupt):
                threading.Event().wait()


def _folder(wanted: Path | None) -> Path:
    if wanted is None:
        return Path(tempfile.mkdtemp(prefix="segops-demo-"))
    wanted.mkdir(parents=True, exist_ok=True)
    return wanted


def _tell(outcome: Outcome) -> None:
    click.echo(f"Exported to {outcome.export}")
    click.echo(f"Rows in: {outcome.rows_in:,}. Rows stored: {outcome.rows_stored:,}.")
    if outcome.rows_in != outcome.rows_stored:
        raise CommandError(
            f"{outcome.rows_in:,} rows went in, but {outcome.rows_stored:,} products are stored. "
            "Rows without a sku are left out, and rows with the same sku become one product."
        )
