"""`segops-admin emulator`: the local API in the foreground, with the options its class has."""

from __future__ import annotations

import inspect
import sqlite3
from typing import Any

import click

from .border import CommandError
from .derive import bind, derive


class EmulatorCommand(click.Command):
    """Options come from the emulator's own signature."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the emulator's options."""
        from ..emulator.__main__ import FAULT_HELP  # noqa: PLC0415 -- loads aiohttp

        fault = click.Option(
            ["--fault"], multiple=True, metavar="JSON", help=FAULT_HELP[0].upper() + FAULT_HELP[1:] + "."
        )
        return [*_derived().params, fault, *super().get_params(ctx)]


def _derived() -> Any:
    from ..emulator import Emulator  # noqa: PLC0415 -- loads aiohttp

    return derive(Emulator.__init__, inspect.getdoc(Emulator.__init__) or "")


def _run(fault: tuple[str, ...] = (), **typed: Any) -> None:
    from ..emulator import Emulator  # noqa: PLC0415
    from ..emulator.__main__ import add_faults, serve  # noqa: PLC0415

    _, given = bind(_derived(), typed, {})
    emulator = Emulator(**given)
    try:
        add_faults(emulator, fault)
    except ValueError as error:
        raise click.UsageError(f"--fault: {error}") from error
    try:
        serve(emulator, on_ready=_announce)
    except sqlite3.Error as error:
        raise CommandError(f"The database {emulator.db} cannot be used: {error}.") from error
    except OverflowError as error:
        raise click.UsageError(f"--port: {error}") from error


def _announce(emulator: Any) -> None:
    click.echo(f"SEGOPS_API_URL={emulator.base_url}\nSEGOPS_API_KEY={emulator.api_key}")
    click.echo("Set both in another shell to use it. Ctrl-C ends it.", err=True)


command = EmulatorCommand("emulator", callback=_run, help="Run a local SegOps API until Ctrl-C.")
