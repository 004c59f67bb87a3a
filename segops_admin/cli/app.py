"""The words at the top: one group for each namespace of the client, and the commands that are the command's own."""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

import click

from .. import __version__
from . import docs
from .ground import PROGRAM
from .options import EXAMPLE, shared_options, write_example
from .surface import namespaces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .surface import NamespaceInfo


class OwnCommand(NamedTuple):
    """A command that is no method of the library, loaded when it is called."""

    module: str
    summary: str
    name: str = "command"
    """What it is called in its module."""

    def load(self) -> click.Command:
        """Import it."""
        command: click.Command = getattr(import_module(f".{self.module}", __package__), self.name)
        return command


OWN: Mapping[str, OwnCommand] = {
    "demo": OwnCommand("demo", "Run the whole way through the API on a local emulator, and show what happened."),
    "emulator": OwnCommand("emulate", "Run a local SegOps API until Ctrl-C."),
    "help": OwnCommand("overview", "List all commands, or explain one."),
    "api": OwnCommand("api", "Call any endpoint of the API."),
    "apply": OwnCommand("apply", "Make the workspace as a file says; shows the plan and asks."),
    "completion": OwnCommand("completion", "Print the script that completes words in a shell."),
    "doctor": OwnCommand("doctor", "Check key, root, network, clock and versions, and name the fixes."),
    "dump": OwnCommand("dump", "Write the workspace's definitions to a file for `apply`."),
    "login": OwnCommand("login", "Try a secret key and keep it under a profile's name."),
    "logout": OwnCommand("login", "Forget a profile and its key.", "logout"),
    "webhooks": OwnCommand("webhooks", "Receive, send and verify webhook deliveries."),
    "whoami": OwnCommand("whoami", "Show which key and root are used, and what the server says."),
}

OWN_OF: Mapping[str, Mapping[str, OwnCommand]] = {
    "analytics": {"report": OwnCommand("report", "Write the workspace's figures as one page of charts.")},
    "segments": {"diff": OwnCommand("diff", "Compare a segment in a file with the one in the workspace.")},
}
"""Commands of our own among a namespace's methods."""


GROUP_EXAMPLES: Mapping[str, str] = {
    "activations": "sync 31 --wait",
    "analytics": "overview",
    "http": "request GET /segments/",
    "identity": "alias 7f3c ana@example.net",
    "products": "list --grain rye",
    "segments": "list --all -o csv",
    "users": "search --q ana",
}
"""What follows a namespace's name in the example of its group; for the others, `list`."""

WHOLE = 10_000
"""Characters of a summary, for click: all of them."""


class Words(click.Group):
    """A group that knows the nearest word when one is unknown."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one was probably meant."""
        word = args[0]
        if not word.startswith("-") and self.get_command(ctx, word) is None:
            near = get_close_matches(word.replace("_", "-"), self.list_commands(ctx), n=1, cutoff=0.5)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"There is no command {word!r}.{hint}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def rows(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Return the commands with what they do."""
        found = ((word, self.get_command(ctx, word)) for word in self.list_commands(ctx))
        return [(word, command.get_short_help_str(WHOLE)) for word, command in found if command is not None]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands, each with all of its summary."""
        with formatter.section("Commands"):
            formatter.write_dl(self.rows(ctx))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write an example: the group's own, or that of its first command."""
        commands = (self.get_command(ctx, word) for word in self.list_commands(ctx))
        example = self.epilog or next((command.epilog for command in commands if command and command.epilog), "")
        if example:
            write_example(str(example).removeprefix(EXAMPLE), formatter)


class NamespaceGroup(Words):
    """`segops-admin NAMESPACE`: a command for every public method."""

    def __init__(self, namespace: NamespaceInfo) -> None:
        name = namespace.name.replace("_", "-")
        shared = shared_options(hidden=True)
        summary = docs.summary(namespace.doc)
        example = f"{PROGRAM} {name} {GROUP_EXAMPLES.get(namespace.name, 'list')}"
        super().__init__(name, help=summary, short_help=summary, epilog=example, params=shared)
        self._namespace = namespace
        self._own = OWN_OF.get(namespace.name, {})

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Return the words of all methods, and our own."""
        return sorted([*self._namespace.words, *self._own])

    def rows(self, ctx: click.Context) -> list[tuple[str, str]]:  # noqa: ARG002
        """Return the commands with what they do, without loading them."""
        methods = [(word, docs.summary(method.doc)) for word, method in self._namespace.words.items()]
        return sorted([*methods, *((word, own.summary) for word, own in self._own.items())])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return one method's command; underscores are taken too."""
        word = cmd_name.replace("_", "-")
        if word in self._own:
            return self._own[word].load()
        method = self._namespace.words.get(word)
        from .method import MethodCommand  # noqa: PLC0415 -- lists of words do without signatures

        return None if method is None else MethodCommand(word, method, self._namespace)


class Root(Words):
    """`segops-admin`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return namespaces and own commands."""
        return sorted([*(name.replace("_", "-") for name in namespaces()), *OWN])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a namespace's group, or one of the own commands."""
        if cmd_name in OWN:
            return OWN[cmd_name].load()
        namespace = namespaces().get(cmd_name.replace("-", "_"))
        return None if namespace is None else NamespaceGroup(namespace)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List namespaces and own commands apart, loading neither."""
        rows = [(name.replace("_", "-"), docs.summary(info.doc)) for name, info in namespaces().items()]
        with formatter.section("Namespaces"):
            formatter.write_dl(sorted(rows))
        with formatter.section("Commands"):
            formatter.write_dl([(name, own.summary) for name, own in sorted(OWN.items())])


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"{PROGRAM} {__version__}")
        ctx.exit()


VERSION = click.Option(
    ["-V", "--version"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)

command = Root(
    PROGRAM,
    help="Everything the SegOps dashboard can do, from a shell: `segops-admin NAMESPACE METHOD [ARGS] [--options]`.\n\n"
    "The key is read from SEGOPS_API_KEY or a profile, the API root from SEGOPS_API_URL. "
    f"`{PROGRAM} help` lists all commands, `{PROGRAM} help NAMESPACE METHOD` explains one.",
    epilog=f"{PROGRAM} segments list --all -o csv",
    params=[VERSION, *shared_options()],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
)
