"""`python -m segops_admin.emulator`: runs an emulator until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import signal
import sys
from typing import TYPE_CHECKING, Any

from segops_admin.emulator.server import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

FAULT_HELP = 'switch on a fault, e.g. {"path": "/segments/", "status": 503, "times": 2}; may be repeated'

ALIASES = {"throttle_per_minute": ["--throttle"]}
"""Older words for options, by the parameter they stand for."""

TYPES: Mapping[str, type] = {"str": str, "int": int, "float": float, "bool": bool}


def serve(emulator: Emulator, *, on_ready: Callable[[Emulator], None] = lambda _: None) -> None:
    """Run an emulator until SIGINT or SIGTERM; `on_ready` is called once it listens."""
    asyncio.run(_serve(emulator, on_ready))


async def _serve(emulator: Emulator, on_ready: Callable[[Emulator], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":  # there, Ctrl-C cancels the loop's main task instead
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    async with emulator:
        on_ready(emulator)
        await stop.wait()


def parser() -> argparse.ArgumentParser:
    """Return the options of the command: those of the class, with its defaults and what it says of them."""
    options = argparse.ArgumentParser(prog="python -m segops_admin.emulator", description="Run a local SegOps API.")
    text = " ".join((Emulator.__init__.__doc__ or "").split())
    for name, parameter in list(inspect.signature(Emulator.__init__).parameters.items())[1:]:
        flags = [f"--{name.replace('_', '-')}", *ALIASES.get(name, ())]
        said = text.partition(f" {name}: ")[2].partition(".")[0]
        how: dict[str, Any] = {"type": TYPES[parameter.annotation.partition(" ")[0]]}
        if parameter.annotation == "bool":
            how = {"action": argparse.BooleanOptionalAction}
        shown = "" if parameter.default is None else " (default: %(default)s)"
        options.add_argument(*flags, dest=name, default=parameter.default, help=said + shown, **how)
    options.add_argument("--fault", action="append", default=[], metavar="JSON", help=FAULT_HELP)
    return options


def add_faults(emulator: Emulator, rules: Sequence[str]) -> None:
    """Switch on faults given as JSON objects; raise ValueError, naming the rule, for one that is none."""
    for rule in rules:
        try:
            emulator.faults.add(**json.loads(rule))
        except (TypeError, ValueError) as error:
            raise ValueError(f"the fault {rule!r} cannot be used: {error}") from error


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the options and serve."""
    options = vars(parser().parse_args(arguments))
    faults = options.pop("fault")
    emulator = Emulator(**options)
    try:
        add_faults(emulator, faults)
    except ValueError as error:
        parser().error(f"--fault: {error}")
    try:
        serve(emulator, on_ready=_announce)
    except OSError as error:
        parser().exit(1, f"python -m segops_admin.emulator: {error.strerror or error}\n")


def _announce(emulator: Emulator) -> None:
    sys.stdout.write(f"SEGOPS_API_URL={emulator.base_url}\nSEGOPS_API_KEY={emulator.api_key}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
