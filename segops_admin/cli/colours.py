"""Colours for lines that people read: not where NO_COLOR is set; click takes them out of what goes into a pipe."""

from __future__ import annotations

import os

import click


def paint(text: str, colour: str, *, bold: bool = False) -> str:
    """Return text in a colour."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=colour, bold=bold or None)
