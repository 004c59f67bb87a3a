"""Flags that lead to a sibling of a method: the whole list, a job's end, an export's file, an import taken up again.

    flag       stands for                                   as in
    ─────────  ───────────────────────────────────────────  ─────────────────────────────────────
    --all      `iterate`, `iterate_…`; a list that has no   segments list --all
               pages: itself
    --wait     `…_and_wait`; or the method, then `wait_…`   segments recompute 31 --wait
    --to FILE  `export_to`                                  segments export 31 --to members.csv
    --resume   `bulk_upsert` with a journal                 products import catalogue.csv --resume

A sibling's own options (`--timeout`) are options of the word too.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .derive import Derived, Role, bind, derive
from .values import FileContent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .surface import MethodInfo, NamespaceInfo

ALL = "--all"
WAIT = "--wait"
RESUME = "--resume"
SIBLINGS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("segments", "export"): {WAIT: "wait_export"},
    ("pages", "export"): {WAIT: "wait_export"},
    ("products", "confirm_import"): {WAIT: "wait_import"},
    ("products", "import_csv"): {WAIT: "import_file", RESUME: "bulk_upsert"},
}
"""Siblings whose names do not follow from the method's own."""

SAME = {"target": "to", "source": "data", "rows": "data"}
"""A sibling's parameter → the word's, where the two are named differently."""

FOLLOWED_HERE = {RESUME: "mapping"}
"""An option of another sibling that goes with a flag too, because the command itself follows it."""

HELP = {
    ALL: "Read every page, not only one.",
    WAIT: "Wait until the job is done, and show what came of it.",
    "--to": "Wait, and write the file here.",
    RESUME: "Import row by row, with a journal beside the file: run again to go on where it stopped.",
}


class Route(NamedTuple):
    """A flag and the sibling it leads to."""

    flag: str
    method: MethodInfo
    first: bool
    """Whether the word's own method is called first, and the sibling with the id of what it returned."""

    @property
    def name(self) -> str:
        """The flag's name among what was typed."""
        return {ALL: "all_pages"}.get(self.flag, self.flag.lstrip("-"))

    def option(self) -> click.Option:
        """Return the flag."""
        if self.flag == "--to":
            return click.Option([self.flag, self.name], metavar="FILE", help=HELP[self.flag])
        return click.Option([self.flag, self.name], is_flag=True, help=HELP[self.flag])


class Routes:
    """The siblings of one method."""

    def __init__(self, method: MethodInfo, namespace: NamespaceInfo) -> None:
        self._derived: dict[str, Derived] = {}
        known = namespace.methods
        name = method.name
        named = {
            ALL: "iterate" if name in ("list", "search") else f"iterate_{name}",
            WAIT: f"{name}_and_wait",
            **({"--to": f"{name}_to"} if name == "export" else {}),
            **SIBLINGS.get((namespace.name, name), {}),
        }
        self.routes = [
            Route(flag, known[sibling], sibling.startswith("wait_"))
            for flag, sibling in named.items()
            if sibling in known
        ]
        if method.returns_page and not self.has(ALL):
            self.routes.append(Route(ALL, method, first=False))

    def has(self, flag: str) -> bool:
        """Whether a flag leads anywhere."""
        return any(route.flag == flag for route in self.routes)

    def derived(self, route: Route) -> Derived:
        """Return a sibling as the shell sees it."""
        if route.flag not in self._derived:
            self._derived[route.flag] = derive(route.method.load(), route.method.doc)
        return self._derived[route.flag]

    @cached_property
    def extras(self) -> dict[str, tuple[Route, click.Option]]:
        """Return the options that only a sibling has, by name."""
        found: dict[str, tuple[Route, click.Option]] = {}
        for route in self.routes:
            if route.flag == ALL:  # what is unknown to `list` is a query parameter
                continue
            for param in self.derived(route).params:
                if isinstance(param, click.Option) and param.name not in (None, "journal", "idempotency_key"):
                    found.setdefault(str(param.name), (route, param))
        return found

    def options(self, taken: Sequence[click.Parameter]) -> list[click.Parameter]:
        """Return the flags, and the siblings' options that the word lacks."""
        known = {param.name for param in taken}
        extras = [option for name, (_, option) in self.extras.items() if name not in known]
        return [*(route.option() for route in self.routes), *extras]

    def chosen(self, typed: dict[str, Any]) -> Route | None:
        """Return the route that was asked for, and take the flags out of what was typed, but for a flag's value."""
        asked = [(route, value) for route in self.routes if (value := typed.pop(route.name, None))]
        if not asked:
            return None
        route, value = asked[-1]
        if value is not True:
            typed[route.name] = value
        return route

    def bound(
        self, route: Route, own: Derived, typed: Mapping[str, Any], free: Mapping[str, str]
    ) -> tuple[list[Any], dict[str, Any]]:
        """Return the sibling's arguments; refuse options it does not have."""
        sibling = self.derived(route)
        renamings = {theirs: typed[ours] for theirs, ours in SAME.items() if typed.get(ours) is not None}
        named = {**typed, **{name: _as_path(value) for name, value in renamings.items()}}
        names = {slot.parameter.name for slot in sibling.slots} | {param.name for param in sibling.params}
        renamed = set(SAME.values()) | {slot.parameter.name for slot in own.slots if slot.role is Role.ARGUMENT}
        for name, value in typed.items():
            if value is not None and name not in names | renamed:
                raise click.UsageError(
                    f"--{name.replace('_', '-')} does not go with {route.flag}.", ctx=click.get_current_context()
                )
        return bind(sibling, named, free)

    def refuse_extras(self, own: Derived, typed: dict[str, Any]) -> None:
        """Take out options that only a sibling has; refuse them where its flag is missing."""
        known = {param.name for param in own.params}
        for name, (route, _) in self.extras.items():
            if name not in known and typed.pop(name, None) is not None:
                flags = [route.flag, *(flag for flag, followed in FOLLOWED_HERE.items() if followed == name)]
                raise click.UsageError(
                    f"--{name.replace('_', '-')} goes with {' or '.join(flags)}.", ctx=click.get_current_context()
                )


def _as_path(value: Any) -> Any:
    """Return the file that bytes were read from."""
    if not isinstance(value, FileContent):
        return value
    if value.path is None:
        raise click.UsageError("This needs a file; stdin cannot be read twice.", ctx=click.get_current_context())
    return str(value.path)
