"""The command `segops-admin`: parse, call the library, print. What it can do, the library can do.

app        the words at the top: namespaces and the command's own
surface    which namespaces and methods there are, read from the mirror's source
derive     a method's signature → arguments and options, and back to a call
values     JSON, files and instants as they are typed in a shell
docs       docstrings → help for people
method     one derived command: its words and its help; `perform` calls it
signs      what is waited for, on stderr, after a second of silence
output     results on stdout: JSON, JSON lines, tables
border     every exception → one line on stderr and an exit status, worded by `wording`
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0, 1 for anything that failed, 2 for a wrong command line."""
    try:
        from .border import run  # noqa: PLC0415 -- `import segops_admin.cli` loads no click

        return run(arguments)
    except KeyboardInterrupt:  # while the border itself was loading
        sys.stderr.write("segops-admin: interrupted.\n")
        return 130
