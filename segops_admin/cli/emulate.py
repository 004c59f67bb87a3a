"""`segops-admin emulator`: the local API in the foreground, with the options its class has.

They are read from the text of the emulator's modules, as `surface` reads the library's: help and completion do without
aiohttp, which those modules load.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import sqlite3
from functools import cache
from typing import TYPE_CHECKING, Any

import click

from .derive import bind, derive
from .ground import PROGRAM, CommandError
from .options import Command, settings, shared_options

if TYPE_CHECKING:
    from .derive import Derived

CLASS = "emulator/server.py"
COMMAND = "emulator/__main__.py"
"""Where the emulator's class is, and its command of its own, whose words are ours too."""


class EmulatorCommand(Command):
    """Options come from the emulator's own signature."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the emulator's options."""
        said: str = _constant("FAULT_HELP")
        fault = click.Option(["--fault"], multiple=True, metavar="JSON", help=f"{said[0].upper()}{said[1:]}.")
        own = [*_derived().params, fault]
        taken = {word for param in own for word in param.opts}
        return [*own, *shared_options(taken, hidden=True), *super().get_params(ctx)]


@cache
def _derived() -> Derived:
    """Return the emulator's constructor as the shell sees it."""
    constructor = next(
        node
        for owner in _text(CLASS).body
        if isinstance(owner, ast.ClassDef) and owner.name == "Emulator"
        for node in owner.body
        if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    place: dict[str, Any] = {}
    exec(compile(ast.Module([constructor], []), CLASS, "exec"), place)  # noqa: S102 -- text of our own
    found = derive(place["__init__"], inspect.getdoc(place["__init__"]) or "")
    for param in found.params:
        param.opts.extend(_constant("ALIASES").get(param.name, ()))
    return found


def _constant(name: str) -> Any:
    """Return a constant of the emulator's own command."""
    return next(
        ast.literal_eval(node.value)
        for node in _text(COMMAND).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
    )


def _text(file: str) -> ast.Module:
    return ast.parse(pkgutil.get_data("segops_admin", file) or b"")


def _run(fault: tuple[str, ...] = (), **typed: Any) -> None:
    if settings().dry_run:
        click.echo("Dry run: nothing was started.", err=True)
        return
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
    except OSError as error:
        raise CommandError(f"Nothing is served: {error.strerror or error}. --port 0 takes a free port.") from error


def _announce(emulator: Any) -> None:
    click.echo(f"SEGOPS_API_URL={emulator.base_url}\nSEGOPS_API_KEY={emulator.api_key}")
    click.echo("Set both in another shell to use it. Ctrl-C ends it.", err=True)


command = EmulatorCommand(
    "emulator",
    callback=_run,
    help="Run a local SegOps API until Ctrl-C.\n\nPrints the root and the key to use it with.",
    epilog=f"Example: {PROGRAM} emulator --port 8000 --db segops.sqlite",
)
