"""`segops-admin analytics report`: the workspace's figures, fetched and handed to the page."""

from __future__ import annotations

from pathlib import Path

import click

from .ground import PROGRAM, CommandError
from .options import Command, settings, shared_options


def _report(html: Path) -> None:
    try:
        from .report_page import Figures, page  # noqa: PLC0415 -- the extra is loaded here only
    except ModuleNotFoundError as error:
        if error.name and error.name.partition(".")[0] == "plotly":
            raise CommandError("Charts need the extra: pip install 'segops_admin[report]'.") from error
        raise
    from .connect import caller_of, connected  # noqa: PLC0415

    with connected(settings()) as client:
        figures = Figures(
            root=caller_of(client).config.base_url,
            overview=client.analytics.overview(),
            segments=client.analytics.segments(),
            overlaps=client.analytics.overlap(),
            connectors=client.analytics.activations(),
        )
        html.write_text(page(figures), "utf-8")
        click.echo(f"The report is in {html} ({html.stat().st_size / 1e6:.1f} MB).", err=True)


command = Command(
    "report",
    callback=_report,
    params=[
        click.Option(
            ["--html"], required=True, type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="The page."
        ),
        *shared_options(),
    ],
    help="Write the overview, the overlap of segments, their 30-day trends and the connectors' health as one page of "
    "charts.\n\nThe page needs no network. Needs the extra `report`.",
    epilog=f"Example: {PROGRAM} analytics report --html report.html",
)
