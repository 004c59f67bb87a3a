"""`segops-admin completion SHELL`: the script that asks this command for the words that may follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .border import COMPLETING, PROGRAM

if TYPE_CHECKING:
    from click.shell_completion import ShellComplete

INSTALL = {
    "bash": f'eval "$({PROGRAM} completion bash)"        in ~/.bashrc',
    "zsh": f'eval "$({PROGRAM} completion zsh)"         in ~/.zshrc',
    "fish": f"{PROGRAM} completion fish | source        in ~/.config/fish/config.fish",
}


def complete(shell: str) -> int:
    """Answer a shell that asks for words, and return the exit status."""
    from .app import command as root  # noqa: PLC0415 -- it lists this module

    click.echo(_for_shell(shell, root).complete())
    return 0


def _for_shell(shell: str, root: click.Command) -> ShellComplete:
    from click.shell_completion import get_completion_class  # noqa: PLC0415 -- rarely needed

    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"There is no completion for {shell!r}; known: {', '.join(INSTALL)}.")
    return found(root, {}, PROGRAM, COMPLETING)


def _print(shell: str) -> None:
    from .app import command as root  # noqa: PLC0415

    maker = _for_shell(shell, root)
    click.echo(maker.source_template % maker.source_vars())


command = click.Command(
    "completion",
    callback=_print,
    params=[click.Argument(["shell"], type=click.Choice(list(INSTALL)))],
    help="Print the script that completes words in a shell.\n\n\b\n" + "\n".join(INSTALL.values()),
    epilog=f"Example: {PROGRAM} completion bash",
)
