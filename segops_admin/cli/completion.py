"""`segops-admin completion SHELL`: the script that asks this command for the words that may follow.

What follows is what click finds from the commands' own arguments and options, the names of profiles after `--profile`,
and files where no word is known, as a shell does by itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from .ground import COMPLETING, PROGRAM
from .options import Command

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from click.shell_completion import CompletionItem, ShellComplete

INSTALL = {
    "bash": f'eval "$({PROGRAM} completion bash)"        in ~/.bashrc',
    "zsh": f'eval "$({PROGRAM} completion zsh)"         in ~/.zshrc',
    "fish": f"{PROGRAM} completion fish | source        in ~/.config/fish/config.fish",
}


def complete(shell: str) -> int:
    """Answer a shell that asks for words, and return the exit status."""
    from .app import command as root  # noqa: PLC0415 -- it lists this module

    _close_stdin()
    asking = _for_shell(shell, root)
    items = _items(asking, *asking.get_completion_args())
    click.echo("\n".join(map(asking.format_completion, items)))
    return 0


def _items(asking: ShellComplete, args: Sequence[str], incomplete: str) -> Iterable[CompletionItem[Any]]:
    from click.shell_completion import CompletionItem  # noqa: PLC0415 -- rarely needed

    before = [word for word in args if word != "="]  # bash takes --profile=NAME apart
    try:
        if before[-1:] == ["--profile"]:
            return [CompletionItem(name) for name in _profiles() if name.startswith(incomplete.removeprefix("="))]
        found = asking.get_completions(list(args), incomplete)
    except click.ClickException:  # a wrong word before this one, a damaged file: the command says so when it is run
        return []
    return found if found or incomplete.startswith("-") else [CompletionItem(incomplete, type="file")]


def _profiles() -> list[str]:
    from .profiles import profile_names  # noqa: PLC0415 -- needs the library's records

    return profile_names()


def _close_stdin() -> None:
    """Leave the terminal alone: the words so far are read as the command reads them, and `-` among them is stdin."""
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)


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


command = Command(
    "completion",
    callback=_print,
    params=[click.Argument(["shell"], type=click.Choice(list(INSTALL)))],
    help="Print the script that completes words in a shell.\n\n\b\n" + "\n".join(INSTALL.values()),
    epilog=f"Example: {PROGRAM} completion bash",
)
