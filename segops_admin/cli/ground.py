"""What every part of the command may say: its name, and that something cannot be done."""

from __future__ import annotations

import click

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


def printable(text: str) -> str:
    """Return text on one line, without what terminals would obey."""
    return " ".join("".join(mark if mark.isprintable() else " " for mark in text).split())
