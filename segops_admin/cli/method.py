"""One derived command: what it takes, how its words are read, what its help says. `perform` does what it is for."""

from __future__ import annotations

from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from . import docs
from .derive import Derived, Role, derive
from .examples import example_of
from .ground import PROGRAM
from .options import Command, shared_options, write_example
from .routes import WAIT, Routes

if TYPE_CHECKING:
    from collections.abc import Collection

    from .surface import MethodInfo, NamespaceInfo

FREE = "segops_admin.cli.free_flags"
"""Where a context keeps the flags that become query parameters."""


class MethodCommand(Command):
    """`segops-admin NAMESPACE METHOD`; the signature is read when the command is asked for, not when it is listed."""

    def __init__(self, word: str, method: MethodInfo, namespace: NamespaceInfo) -> None:
        summary = docs.summary(method.doc)
        super().__init__(
            word,
            callback=self._run,
            help=summary,
            short_help=summary,
            context_settings={"allow_extra_args": True},
        )
        self._method = method
        self._routes = Routes(method, namespace)

    @cached_property
    def derived(self) -> Derived:
        """The method as the shell sees it."""
        return derive(self._method.load(), self._method.doc)

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the method's arguments and options, its siblings' flags, and what every command has."""
        own = self.derived.params
        taken = {word for param in own for word in param.opts}
        return [*own, *self._routes.options(own), *shared_options(taken), *super().get_params(ctx)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take out the flags that become query parameters, then parse the rest as click does."""
        known = {
            opt: param for param in self.get_params(ctx) if isinstance(param, click.Option) for opt in _words(param)
        }
        rest, free = _split_flags(args, known)
        if free and not self.derived.takes_free_flags:
            raise click.NoSuchOption(f"--{next(iter(free))}", possibilities=sorted(known), ctx=ctx)
        _warn_of_likely_slips(free, known)
        ctx.meta[FREE] = free
        return self._fill_optional(ctx, super().parse_args(ctx, rest))

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Name the optional last arguments too."""
        return [*super().collect_usage_pieces(ctx), *(f"[{name.upper()}]" for name in self.derived.optional_arguments)]

    def _fill_optional(self, ctx: click.Context, words: list[str]) -> list[str]:
        """Give words beyond the arguments to the options that may be arguments too, in their order."""
        options = {param.name: param for param in self.derived.params if isinstance(param, click.Option)}
        open_names = [name for name in self.derived.optional_arguments if ctx.params.get(name) is None]
        if len(words) > len(open_names):
            raise click.UsageError(f"Unexpected argument {words[len(open_names)]!r}.", ctx=ctx)
        for name, word in zip(open_names, words, strict=False):
            ctx.params[name] = options[name].type_cast_value(ctx, word)
        ctx.args = []
        return []

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's
        """Write the summary, and what the docstring says beyond the parameters."""
        text = [self.derived.doc.summary, *self.derived.doc.rest]
        look = docs.NO_WAIT.get((self._method.namespace, self._method.name))
        if look is not None and not self._routes.has(WAIT):
            text.append(f"The service gives nothing to wait by: `{PROGRAM} {look}.")
        if self.derived.takes_free_flags:
            text.append("Any other --name=value is sent as a query parameter.")
        for paragraph in filter(None, text):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(paragraph)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the arguments are, then the options."""
        rows = [
            (name.upper(), self._about(name))
            for name in [str(param.name) for param in self.derived.params if isinstance(param, click.Argument)]
        ]
        if rows:
            with formatter.section("Arguments"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)

    def _about(self, name: str) -> str:
        """Say what an argument is."""
        text = docs.ARGUMENTS.get(name) or self.derived.doc.parameters.get(name, "")
        has_fields = any(slot.role is Role.FIELDS for slot in self.derived.slots)
        return f"{text} The options say the same, field by field." if name == "body" and has_fields else text

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write an example."""
        write_example(example_of(ctx.command_path, self._method, self.derived), formatter)

    def _run(self, **typed: Any) -> None:
        from .perform import perform  # noqa: PLC0415 -- help and completion do without the client

        perform(self._method, self.derived, self._routes, typed, click.get_current_context().meta[FREE])


def _words(option: click.Option) -> list[str]:
    return [*option.opts, *option.secondary_opts]


def _warn_of_likely_slips(free: Collection[str], known: Collection[str]) -> None:
    """Say so when a flag that goes to the server may have been meant for us; it goes there all the same."""
    for name in free:
        near = get_close_matches(f"--{name}", known, n=1, cutoff=0.8)
        if near:
            click.echo(f"--{name} is sent as a query parameter; did you mean {near[0]}?", err=True)


def _split_flags(args: list[str], known: dict[str, click.Option]) -> tuple[list[str], dict[str, str]]:
    """Return the words for click, and the flags it does not know with their values.

    A flag takes the next word as its value unless that is a flag too; alone it means true, so `--fresh -o csv` is two.
    `--page_size` is read as `--page-size` where that is declared.
    """
    rest: list[str] = []
    free: dict[str, str] = {}
    words = iter(range(len(args)))
    for at in words:
        flag, equals, value = args[at].partition("=")
        flag = flag.replace("_", "-") if flag.replace("_", "-") in known else flag
        following = args[at + 1] if at + 1 < len(args) else None
        if args[at] == "--":
            rest.extend(args[at:])
            break
        if flag in known:
            rest.append(flag + equals + value)
            if not equals and not known[flag].is_flag and following is not None:
                rest.append(following)
                next(words)
        elif not flag.startswith("--"):
            rest.append(args[at])
        elif equals or following is None or following.startswith("--") or following[:2] in known:
            free[flag[2:]] = value if equals else "true"
        else:
            free[flag[2:]] = following
            next(words)
    return rest, free
