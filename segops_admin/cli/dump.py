"""`segops-admin dump`: the workspace's definitions, as `apply` takes them."""

from __future__ import annotations

from pathlib import Path

import click

from .ground import PROGRAM
from .options import Command, settings, shared_options


def _dump(file: Path | None) -> None:
    from .connect import connected  # noqa: PLC0415 -- help does without the client
    from .desired import dumped, repeated  # noqa: PLC0415
    from .forms import PRETTY, dump, yaml_text  # noqa: PLC0415

    wanted = settings()
    if wanted.output not in (None, "json", "yaml"):
        raise click.UsageError(f"-o {wanted.output}: such a file is yaml or json.", ctx=click.get_current_context())
    with connected(wanted) as client:
        found = dumped(client)
        as_json = (wanted.output or (file.suffix[1:] if file else "")) == "json"
        text = dump(found, options=PRETTY).decode() + "\n" if as_json else yaml_text(found)
        if file is None:
            click.echo(text, nl=False)
        else:
            file.write_text(text, "utf-8")
            click.echo(f"{sum(map(len, found.values()))} definitions are in {file}.", err=True)
        for what in repeated(found):
            click.echo(f"There are {what}: rename all but one, for `apply` tells them apart by it.", err=True)


command = Command(
    "dump",
    callback=_dump,
    params=[
        click.Argument(["file"], required=False, type=click.Path(path_type=Path), metavar="[FILE]"),
        *shared_options(),
    ],
    help="Write the workspace's segments, product segments, schemas and queries for `apply`.\n\nTo stdout as YAML; "
    "with -o json, or to a file that ends in .json, as JSON.",
    epilog=f"Example: {PROGRAM} dump workspace.yaml",
)
