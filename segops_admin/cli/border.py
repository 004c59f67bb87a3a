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
from io import BytesIO, TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

from .ground import COMPLETING, INTERRUPTED, PROGRAM, printable
from .masking import masked

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these words, or the process's, and return its exit status."""
    if not _has_standard_files():
        return _complain("stdout is closed, so no result could be shown; nothing was done.", 1)
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


def _has_standard_files() -> bool:
    """Return whether results can be shown. A closed stdin reads as an empty one, a closed stderr takes all."""
    nowhere: Any = None  # type checkers take standard files for always there; `>&-` and `<&-` of a shell close them
    if sys.stdin is nowhere:
        sys.stdin = TextIOWrapper(BytesIO())
    if sys.stderr is nowhere:
        sys.stderr = TextIOWrapper(BytesIO())
    return sys.stdout is not nowhere


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
    if isinstance(error, OSError):
        return _complain(_os_trouble(error), 1)
    from .wording import told  # noqa: PLC0415 -- help does without the library

    return _complain(told(error), 1)


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
    click.echo(f"{PROGRAM}: {masked(printable(message))}", err=True)
    return status


def _leave_pipe() -> None:
    """End quietly: what is still buffered for the closed pipe goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
