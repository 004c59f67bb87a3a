"""The one border where exceptions end: each becomes one line on stderr and an exit status.

    0    done; also when the reader of a pipe had enough
    1    the service, the network, a file or a value said no
    2    the command line itself is wrong
    130  Ctrl-C

Anything not listed here is a bug of ours and shows itself as one.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from .masking import masked

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "segops-admin"

COMPLETING = "_SEGOPS_ADMIN_COMPLETE"
"""The variable by which the script of `completion` asks for words, as `bash_complete`."""

INTERRUPTED = 130
"""What shells report of a program that SIGINT ended: 128 + 2."""


class CommandError(click.ClickException):
    """A value, file or state that the command cannot work with; the text says what to try."""


class Stopped(click.ClickException):
    """Ctrl-C, with what was done until then and how to go on."""

    exit_code = INTERRUPTED


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these words, or the process's, and return its exit status."""
    try:
        if os.environ.get(COMPLETING, "").endswith("_complete"):
            return _complete()
        _invoke(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except BrokenPipeError:
        _leave_pipe()
    except _expected() as error:
        return _refuse(error)
    return 0


def _expected() -> tuple[type[BaseException], ...]:
    """Return what a user can meet; the library's errors are loaded only once something was raised."""
    from ..errors import SegOpsError  # noqa: PLC0415 -- help does without

    return (click.ClickException, click.Abort, KeyboardInterrupt, SegOpsError, OSError)


def _refuse(error: BaseException) -> int:
    """Say in one line what went wrong and return the exit status; bare `segops-admin` gets its help instead."""
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return error.exit_code
    if isinstance(error, click.ClickException):
        return _complain(
            _usage(error) if isinstance(error, click.UsageError) else error.format_message(), error.exit_code
        )
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return _complain("interrupted.", INTERRUPTED)
    return _complain(_os_trouble(error) if isinstance(error, OSError) else str(error), 1)


def _invoke(arguments: list[str]) -> None:
    from .app import command  # noqa: PLC0415 -- loaded inside the border, so that Ctrl-C is quiet from the start

    with command.make_context(PROGRAM, arguments) as context:
        command.invoke(context)


def _complete() -> int:
    from .completion import complete  # noqa: PLC0415 -- only when a shell asks

    return complete(os.environ[COMPLETING].partition("_")[0])


def _usage(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx else PROGRAM
    return f"{error.format_message()} See `{path} --help`."


def _os_trouble(error: OSError) -> str:
    what = error.strerror or str(error)
    return f"{error.filename}: {what}." if error.filename else f"{what}."


def _complain(message: str, status: int) -> int:
    """Write one line to stderr, without a key that a server may have sent back."""
    line = "".join(mark if mark.isprintable() else " " for mark in message)
    click.echo(f"{PROGRAM}: {masked(' '.join(line.split()))}", err=True)
    return status


def _leave_pipe() -> None:
    """End quietly: what is still buffered for the closed pipe goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
