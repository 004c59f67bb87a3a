"""Writes cli.md from the command's own help; with `--check`, says whether it is current."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["NO_COLOR"] = "1"

import click

from segops_admin.cli.app import command as root
from segops_admin.cli.ground import PROGRAM
from segops_admin.cli.options import SHARED_TITLE, shared_options

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = Path(__file__).resolve().parent / "cli.md"
WIDTH = 100
SHARED = re.compile(rf"\n\n{SHARED_TITLE}:\n(?: .*(?:\n|$))+")
"""The section of options that every command has; it is written once, above."""

INTRODUCTION = """\
# The command `segops-admin`

Everything the SegOps dashboard can do, from a shell. `segops-admin NAMESPACE METHOD [ARGS] [--options]` calls the
library's method of that name; arguments and options come from its signature.

Written by `python docs/write_cli_reference.py` from the command's own help: do not edit.

## First steps

```console
$ segops-admin login                                    # asks for a secret key, tries it, keeps it
$ segops-admin doctor                                   # key, root, network, TLS, clock, versions
$ segops-admin segments list                            # a table on a terminal, JSON on a pipe
$ segops-admin products list --all -o jsonl | head -1   # every page, streamed
$ segops-admin segments recompute 31 --wait             # until the new membership is in
$ segops-admin segments delete 31 --dry-run             # the request, and nothing sent
$ eval "$(segops-admin completion bash)"                # words completed by the shell
```

## Input

A JSON argument is JSON text, the name of a file, `@file`, or `-` for stdin. Flags that a method with free query
parameters does not know become query parameters: `products list --grain=rye --page 2`. One that is close to a flag of
ours goes there too, with a warning: `--colums is sent as a query parameter; did you mean --columns?`

## Output

Results go to stdout, everything else to stderr. `-o` chooses `json`, `jsonl`, `table`, `csv` or `yaml`; without it the
variable `SEGOPS_OUTPUT` does; without that a terminal gets a table and everything else JSON. So a command of the
published command line behaves as published wherever a script could look: with stdout on a pipe or in a file and no
new option, it prints the JSON that it always printed. A person at a terminal gets a table, by `segments list` as by
any other command; `-o json` or `SEGOPS_OUTPUT=json` brings the JSON back.

A table shows names, counts and times first, and says on stderr how many columns it had no room for; nested data and
long text go first. `--columns id,data.grain` keeps the fields that are named, all of them.

`--query` takes a JMESPath expression over the page as `-o json` shows it: `results[].sku`. With `--all` the same
expression is asked of each page in turn, and what it takes of them is one list; so `--all --query` streams as well.
What is no list is an item: `--all --query 'length(results)' -o jsonl` is a line for each page. Colours follow
`NO_COLOR` and the terminal.

## Long work

`--wait` waits for the job that a command starts, `--timeout` says for how long, `--to FILE` fetches an export, `--all`
reads every page. The service gives nothing to wait by for `products score-all`, `pages bulk-generate` and, where it
has no `--wait`, `pages regenerate`; their help says what shows the outcome.

A terminal shows what is waited for after a second of silence: `GET /segments/ … waiting 2 s (429), attempt 2 of 4`;
elsewhere a line on stderr tells it every five seconds. Ctrl-C names the command that takes up the wait.

`products import FILE` uploads a catalogue, as published, and imports nothing yet. `--wait` does the whole of it in the
service's way, up to 100,000 rows. `--resume` sends the rows from here, without end, with a journal beside the file: run
the same command again after any end. Its columns are taken as the service's wizard would take them (`code` is the sku,
`title` the name, the rest in snake case), or as `--mapping '{"Number": "sku", "Note": null}'` says. It fails when a
row was refused, after all others are stored.

## Exit status

| Status | Meaning |
|---|---|
| 0 | done; also when the reader of a pipe had enough |
| 1 | the service, the network, a file or a value said no |
| 2 | the command line itself is wrong, or a question would have had to be asked without a terminal |
| 130 | Ctrl-C |

## Where the key comes from

First `--api-key` (others can see it: it warns), then `SEGOPS_API_KEY`, then the profile named by `--profile` or
`SEGOPS_PROFILE`, then the profile `default`. The root comes from `SEGOPS_API_URL`, else from the profile of the key,
else it is production's. Profiles are made by `segops-admin login`; keys are kept in the system's keyring with the extra
`segops_admin[keyring]`, else in a file that only you can read. No output ever holds a key.

## What asks first

Deletes, `products score-all`, `pages bulk-generate` and `apply` ask on a terminal; `--yes` answers. Without a terminal
they refuse without `--yes`, but for `segments delete` and `products score-all`, which existing scripts rely on.

## Options of every command

"""


def reference() -> str:
    """Return the text of the reference."""
    return INTRODUCTION + _shared() + "".join(_section(path, found) for path, found in _commands())


def _shared() -> str:
    rows = [record for option in shared_options() if (record := option.get_help_record(_context(root)))]
    return "".join(f"- `{words}`: {text}\n" for words, text in rows)


def _commands() -> Iterator[tuple[str, click.Command]]:
    """Give every command with its words, in the order of the alphabet."""
    context = _context(root)
    for word in root.list_commands(context):
        found = root.get_command(context, word)
        if found is not None:
            yield from _below(word, found)


def _below(path: str, found: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield path, found
    if isinstance(found, click.Group):
        context = _context(found)
        for word in found.list_commands(context):
            inner = found.get_command(context, word)
            if inner is not None:
                yield from _below(f"{path} {word}", inner)


def _section(path: str, found: click.Command) -> str:
    level = "##" if " " not in path else "###"
    if isinstance(found, click.Group):
        example = f"\n```console\n$ {found.epilog}\n```\n" if found.epilog else ""
        return f"\n{level} {path}\n\n{found.help}\n{example}"
    return f"\n{level} {path}\n\n```text\n{_help(path, found)}\n```\n"


def _help(path: str, found: click.Command) -> str:
    context = click.Context(
        found,
        info_name=f"{PROGRAM} {path}",
        max_content_width=WIDTH,
        terminal_width=WIDTH,
        help_option_names=["-h", "--help"],
    )
    return SHARED.sub("\n", found.get_help(context)).rstrip()


def _context(found: click.Command) -> click.Context:
    return click.Context(found, info_name=found.name)


def main(arguments: list[str]) -> int:
    """Write the reference, or with `--check` compare it with what is on disk."""
    text = reference()
    if "--check" not in arguments:
        TARGET.write_text(text, "utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text("utf-8") == text:
        return 0
    print(f"{TARGET.name} is stale: run python docs/write_cli_reference.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
