"""What every command can be told, at any place after `segops-admin`: how to print, with which key, how careful.

Each level of words takes these options and keeps what was given in the context; the last one wins. A method that has an
option of the same name keeps its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import click

from .ground import PROGRAM
from .masking import keep_secret

if TYPE_CHECKING:
    from collections.abc import Collection

Form = Literal["json", "jsonl", "table", "csv", "yaml"]
FORMS: tuple[Form, ...] = ("json", "jsonl", "table", "csv", "yaml")

OUTPUT_VARIABLE = "SEGOPS_OUTPUT"
OUTPUT_HELP = f"Default: {OUTPUT_VARIABLE}; without it table on a terminal, else json."

SHARED_TITLE = "Options of every command"

EXAMPLE = "Example: "

STORE = "segops_admin.cli.settings"


class Settings(NamedTuple):
    """The options of every command, resolved."""

    output: Form | None = None
    columns: tuple[str, ...] | None = None
    query: str | None = None
    profile: str | None = None
    api_key: str | None = None
    yes: bool = False
    dry_run: bool = False
    debug: bool = False


class Command(click.Command):
    """A command whose help lists its own options apart from those of every command."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in two sections."""
        own: list[tuple[str, str]] = []
        shared: list[tuple[str, str]] = []
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                (shared if isinstance(param, SharedOption) else own).append(record)
        for title, rows in (("Options", own), (SHARED_TITLE, shared)):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example whole, so that it can be pasted."""
        if (self.epilog or "").startswith(EXAMPLE):
            write_example(str(self.epilog).removeprefix(EXAMPLE), formatter)
        else:
            super().format_epilog(ctx, formatter)


def write_example(line: str, formatter: click.HelpFormatter) -> None:
    """Write a command line on a line of its own, however long: what is wrapped cannot be pasted."""
    formatter.write_paragraph()
    formatter.write(f"{EXAMPLE}{line}\n")


class SharedOption(click.Option):
    """An option of every command."""


def settings() -> Settings:
    """Return what the running command was told."""
    return Settings(**click.get_current_context().meta.get(STORE, {}))


def form_of_environment() -> Form | None:
    """Return the form of output that the environment asks for."""
    named = os.environ.get(OUTPUT_VARIABLE)
    if not named:
        return None
    for form in FORMS:
        if form == named.strip().lower():
            return form
    raise click.UsageError(f"{OUTPUT_VARIABLE} is {named!r}; it must be one of {', '.join(FORMS)}.")


def words_typed() -> str:
    """Return the words of the running command, without its arguments."""
    return " ".join(click.get_current_context().command_path.split()[1:])


def shared_options(taken: Collection[str] = (), *, hidden: bool = False) -> list[click.Parameter]:
    """Return the options of every command, without those whose words are taken."""
    options: list[SharedOption] = [
        _option("-o", "--output", type=click.Choice(FORMS), help=OUTPUT_HELP),
        _option("--columns", metavar="A,B.C", callback=_keep_columns, help="Only these fields, in this order."),
        _option("--query", metavar="JMESPATH", help="What to take of the result; see jmespath.org."),
        _option("--profile", metavar="NAME", help="Which stored key to use; see `segops-admin login`."),
        _option("--api-key", metavar="KEY", callback=_keep_key, help="Shows the key to others: better use login."),
        _option("-y", "--yes", is_flag=True, help="Do not ask."),
        _option("--dry-run", is_flag=True, help="Print the request that would be sent, and send nothing."),
        _option("--debug", is_flag=True, help="Log requests to stderr, without secrets."),
    ]
    free = [option for option in options if not set(option.opts) & set(taken)]
    for option in free:
        option.hidden = hidden
    return list(free)


def _option(*words: str, **how: Any) -> SharedOption:
    how.setdefault("callback", _keep)
    return SharedOption(words, expose_value=False, **how)


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value not in (None, False):
        ctx.meta.setdefault(STORE, {})[param.name] = value


def _keep_columns(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    names = tuple(name.strip() for name in (value or "").split(",") if name.strip())
    if value is not None and not names:
        raise click.BadParameter("name one or more fields, as in id,name.", ctx=ctx, param=param)
    _keep(ctx, param, names or None)


def _keep_key(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is not None and not ctx.resilient_parsing:  # which is how completion reads words
        click.echo(
            "Warning: --api-key shows the key in the list of processes and the shell's history. "
            f"Better: `{PROGRAM} login`, or SEGOPS_API_KEY.",
            err=True,
        )
    _keep(ctx, param, keep_secret(value) if value is not None else None)
