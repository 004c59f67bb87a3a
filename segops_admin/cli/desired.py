"""A workspace's definitions as a file says they should be: which kinds there are, reading the file, writing one.

    segments:          told apart by name
    product_segments:  by name
    schemas:           by event_type
    queries:           by query_text

Only what can be set is in such a file: no ids, no counts, no times.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..records.base import is_array, is_object
from ..records.product_segments import ProductSegmentFields
from ..records.queries import QueryFields
from ..records.schemas import SchemaFields
from ..records.segments import SegmentFields
from .ground import CommandError
from .values import read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..sync import SegOpsAdmin


class Kind(NamedTuple):
    """One kind of object that a file can hold."""

    name: str
    """The section in the file, and the client's namespace."""
    one: str
    """What one of them is called."""
    identity: str
    """The field that tells one from another."""
    fields: tuple[str, ...]
    """What can be set."""


def _kind(name: str, one: str, identity: str, fields: Any) -> Kind:
    return Kind(name, one, identity, tuple(field for field in fields.__annotations__ if field != "tenant"))


KINDS = (
    _kind("segments", "segment", "name", SegmentFields),
    _kind("product_segments", "product segment", "name", ProductSegmentFields),
    _kind("schemas", "schema", "event_type", SchemaFields),
    _kind("queries", "query", "query_text", QueryFields),
)
"""In the order in which they are applied."""

Desired = dict[str, list[dict[str, Any]]]
"""Section → objects."""


def read_desired(name: str) -> Desired:
    """Return what a file says, checked; CommandError tells the place of what is wrong."""
    data = sys.stdin.buffer.read() if name == "-" else read_bytes(Path(name))
    document = parsed(data, name)
    known = {kind.name: kind for kind in KINDS}
    if not is_object(document) or not document:
        raise CommandError(f"{name} holds no definitions; it needs sections such as {', '.join(known)}.")
    for section in document:
        if section not in known:
            raise CommandError(f"{name}: unknown section {section!r}.{_nearest(section, known)}")
    return {section: _checked(known[section], document[section] or [], name) for section in document}


def dumped(client: SegOpsAdmin) -> Desired:
    """Return the workspace's definitions as a file would hold them."""
    return {kind.name: [settable(kind, item) for item in stored(client, kind)] for kind in KINDS}


def stored(client: SegOpsAdmin, kind: Kind) -> Iterable[Mapping[str, Any]]:
    """Read all objects of a kind."""
    return getattr(client, kind.name).iterate(page_size=200) if kind.name != "queries" else client.queries.iterate()


def repeated(found: Desired) -> list[str]:
    """Return what cannot be told apart in a file, and so cannot be applied."""
    return [
        f"{count} {kind.name} with the {kind.identity} {identity!r}"
        for kind in KINDS
        for identity, count in Counter(item.get(kind.identity) for item in found[kind.name]).items()
        if count > 1
    ]


def settable(kind: Kind, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an object that can be set, without what is empty."""
    return {field: item[field] for field in kind.fields if field in item and item[field] is not None}


def parsed(data: bytes, name: str) -> Any:
    """Return JSON or YAML as JSON data; CommandError tells the place of what is wrong."""
    try:
        return json.loads(data)
    except json.JSONDecodeError as error:
        if name.endswith(".json"):
            raise CommandError(
                f"Bad JSON in {name}, line {error.lineno}, column {error.colno}: {error.msg}."
            ) from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{name} is not UTF-8.") from error
    except RecursionError as error:
        raise CommandError(f"{name} is nested too deeply.") from error
    return _from_yaml(data, name)


def _from_yaml(data: bytes, name: str) -> Any:
    import yaml  # noqa: PLC0415 -- for these files only

    try:
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(data)
        loader.yaml_implicit_resolvers = _without_dates(loader.yaml_implicit_resolvers)
        return json.loads(json.dumps(loader.get_single_data(), allow_nan=False))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise CommandError(f"Bad YAML in {name}{place}: {error.problem or error.context}.") from error
    except yaml.YAMLError as error:
        raise CommandError(f"{name} is no YAML: {error}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise CommandError(f"{name} holds what JSON cannot say: {error}.") from error


def _without_dates(resolvers: Mapping[str, list[tuple[str, Any]]]) -> dict[str, list[tuple[str, Any]]]:
    """Return YAML's rules for bare words without the one for dates: JSON has none, so they are the text they look."""
    return {
        first: [(tag, pattern) for tag, pattern in rules if not tag.endswith(":timestamp")]
        for first, rules in resolvers.items()
    }


def _checked(kind: Kind, given: Any, name: str) -> list[dict[str, Any]]:
    if not is_array(given):
        raise CommandError(f"{name}: {kind.name} must be a list.")
    items = [_trimmed(item) for item in given]
    seen: set[str] = set()
    for number, item in enumerate(items, 1):
        where = f"{name}: {kind.name}, item {number}"
        if not is_object(item) or not isinstance(item.get(kind.identity), str) or not item[kind.identity]:
            raise CommandError(f"{where} needs a {kind.identity}, which tells it from others.")
        for field in item:
            if field not in kind.fields:
                raise CommandError(f"{where}: unknown field {field!r}.{_nearest(field, kind.fields)}")
        if item[kind.identity] in seen:
            raise CommandError(f"{where}: {item[kind.identity]!r} is there twice.")
        seen.add(item[kind.identity])
    return items


def _trimmed(item: Any) -> Any:
    """Return an object with its texts as the service keeps them: without space around them."""
    if not is_object(item):
        return item
    return {name: value.strip() if isinstance(value, str) else value for name, value in item.items()}


def _nearest(word: Any, known: Iterable[str]) -> str:
    near = get_close_matches(str(word), list(known), n=1)
    return f" Did you mean {near[0]!r}?" if near else f" Known: {', '.join(known)}."
