"""`python -m segops_admin.emulator`: runs an emulator until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING

from segops_admin.emulator.server import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FAULT_HELP = 'switch on a fault, e.g. {"path": "/segments/", "status": 503, "times": 2}; may be repeated'


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
    """Return the options of the command."""
    options = argparse.ArgumentParser(prog="python -m segops_admin.emulator", description="Run a local SegOps API.")
    options.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    options.add_argument("--port", type=int, default=8000, help="port, 0 for a free one (default: %(default)s)")
    options.add_argument("--db", default=":memory:", help="file that keeps the data (default: in memory)")
    options.add_argument("--api-key", help="secret key of the default tenant (default: a fresh one)")
    options.add_argument(
        "--throttle", type=int, metavar="N", help="API calls per minute and tenant (default: no limit)"
    )
    options.add_argument("--job-delay", type=float, default=0.5, metavar="S", help="seconds a job stays queued")
    options.add_argument("--idempotency", action="store_true", help="replay answers by Idempotency-Key")
    options.add_argument("--redirect-downloads", action="store_true", help="send downloads on to a second port")
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
    options = parser().parse_args(arguments)
    emulator = Emulator(
        host=options.host,
        port=options.port,
        db=options.db,
        api_key=options.api_key,
        throttle_per_minute=options.throttle,
        job_delay=options.job_delay,
        idempotency=options.idempotency,
        redirect_downloads=options.redirect_downloads,
    )
    try:
        add_faults(emulator, options.fault)
    except ValueError as error:
        parser().error(f"--fault: {error}")
    serve(emulator, on_ready=_announce)


def _announce(emulator: Emulator) -> None:
    sys.stdout.write(f"SEGOPS_API_URL={emulator.base_url}\nSEGOPS_API_KEY={emulator.api_key}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
