"""What has to change so that the workspace is as a file says: found, shown as a diff, carried out."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..records.base import is_array, is_object
from .colours import paint
from .desired import KINDS, stored
from .forms import yaml_text
from .ground import CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..sync import SegOpsAdmin
    from .desired import Desired, Kind
    from .options import Settings


class Change(NamedTuple):
    """One object to create, or to change."""

    kind: Kind
    identity: str
    id: int | None
    """None for one to create."""
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    """The fields that differ, as they are and as they should be."""

    @property
    def as_data(self) -> dict[str, Any]:
        """The change as JSON data."""
        what = {"action": "create" if self.id is None else "change", "kind": self.kind.name, "name": self.identity}
        return {**what, "id": self.id, "before": self.before, "after": self.after}


def changes(client: SegOpsAdmin, desired: Desired) -> Iterator[Change]:
    """Compare what is desired with what is stored, in the order in which it is applied."""
    for kind in KINDS:
        wanted = desired.get(kind.name)
        if not wanted:
            continue
        known = _by_identity(client, kind, {item[kind.identity] for item in wanted})
        for item in wanted:
            identity = item[kind.identity]
            there = known.get(identity)
            if there is None:
                yield Change(kind, identity, None, {}, item)
                continue
            differing = {name: value for name, value in item.items() if not same(there.get(name), value)}
            if differing:
                yield Change(kind, identity, there["id"], {name: there.get(name) for name in differing}, differing)


def wants_data(wanted: Settings) -> bool:
    """Return whether differences are asked for as data, not as lines to read."""
    return bool(wanted.output or wanted.query or wanted.columns)


def carry_out(client: SegOpsAdmin, change: Change) -> None:
    """Create or change one object."""
    namespace = getattr(client, change.kind.name)
    if change.id is None:
        namespace.create(change.after)
    else:
        namespace.update(change.id, change.after)


def show_change(change: Change) -> None:
    """Print one change as a coloured diff."""
    if change.id is None:
        click.echo(paint(f"+ {change.kind.one} {change.identity!r}", "green", bold=True))
    else:
        click.echo(paint(f"~ {change.kind.one} {change.identity!r} (id {change.id})", "yellow", bold=True))
    for line in diff(change.before, change.after):
        click.echo(f"    {line}")


def diff(before: Any, after: Any) -> Iterator[str]:
    """Compare two values as YAML, line by line, in colours."""
    old = yaml_text(before).splitlines() if before else []
    new = yaml_text(after).splitlines() if after else []
    colours = {"-": "red", "+": "green"}
    for line in list(difflib.unified_diff(old, new, lineterm="", n=3))[2:]:
        if line.startswith("@@"):
            continue
        yield paint(line, colours[line[0]]) if line[0] in colours else line


def same(stored_value: Any, wanted: Any) -> bool:
    """Return whether a stored value is what is wanted.

    What the service adds by itself (an empty text, false, null) equals what was left out, at any depth. A list of named
    things equals an object by those names, in any order.
    """
    if is_object(stored_value) and is_object(wanted):
        return all(same(stored_value.get(name), wanted.get(name)) for name in {**stored_value, **wanted})
    one, other = _by_name(stored_value), _by_name(wanted)
    if one is not None and other is not None:
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if is_array(stored_value) and is_array(wanted):
        return len(stored_value) == len(wanted) and all(map(same, stored_value, wanted))
    return stored_value == wanted or (_is_empty(stored_value) and _is_empty(wanted))


def _is_empty(value: Any) -> bool:
    return value is None or value is False or value == "" or ((is_array(value) or is_object(value)) and not value)


def _by_name(value: Any) -> dict[str, Any] | None:
    """Return named things in one of the two forms that schemas may have (segops-api.md 12); one without a type is text.

    [inferred]: the service answers with the type in full.
    """
    if is_object(value) and all(is_object(item) for item in value.values()):
        things = [{**item, "name": name} for name, item in value.items()]
    elif is_array(value) and all(is_object(item) and isinstance(item.get("name"), str) for item in value):
        things = value
    else:
        return None
    named = {thing["name"]: {"type": "string", **thing} for thing in things}
    return named if len(named) == len(things) else None


def _by_identity(client: SegOpsAdmin, kind: Kind, wanted: set[str]) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for item in stored(client, kind):
        identity = item.get(kind.identity)
        if identity in found and identity in wanted:
            raise CommandError(
                f"The workspace has several {kind.name} with the {kind.identity} {identity!r}; rename all but one."
            )
        found[str(identity)] = item
    return found
