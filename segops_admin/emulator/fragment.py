"""Pieces of SQL and of errors that the two definition compilers pass around.

A definition is turned into readable SQL, because previews return it: column names and JSON paths stand in the text,
values stay parameters. Both compilers report faults the way Django REST Framework does, nested by field and index.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DEPTH = 12
"""Groups inside groups; deeper ones are refused before they exhaust the stack."""

_HOLE_OR_TEXT = re.compile(r"'(?:[^']|'')*'|\?")


class DefinitionError(ValueError):
    """A definition that cannot be evaluated; `errors` is the JSON body, relative to the definition."""

    def __init__(self, errors: Any) -> None:
        super().__init__(json.dumps(errors))
        self.errors: Any = errors


@frozen
class Fragment:
    """A bit of SQL and the values of its question marks, in order."""

    sql: str
    params: tuple[Any, ...] = ()


@frozen
class CompiledQuery:
    """A whole statement: `sql` with question marks, `params` in their order."""

    sql: str
    params: list[Any] = field(factory=list[Any])

    def readable(self) -> str:
        """Return the statement with its values written in, for people to read; never for execution."""
        values = iter(self.params)

        def fill(match: re.Match[str]) -> str:
            return match[0] if match[0] != "?" else literal(next(values))

        return _HOLE_OR_TEXT.sub(fill, self.sql)


@frozen
class Group:
    """A checked `{"logic", "conditions"}` frame; `items` are what the leaf function made, and nested groups."""

    logic: str
    items: tuple[Any, ...]


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Tell whether a JSON value is a list, in words that both type checkers understand."""
    return isinstance(value, list)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether a JSON value is an object."""
    return isinstance(value, dict)


def literal(value: Any) -> str:
    """Write the value as SQL text."""
    if value is None:
        return "NULL"
    if isinstance(value, (int, float)):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def json_path(name: str) -> str:
    """Return the JSON path to one key of an object, as an SQL literal; dots are part of the name."""
    return literal('$."' + json.dumps(name, ensure_ascii=False)[1:-1] + '"')


def property_name(condition: Mapping[str, Any], key: str = "property") -> str:
    """Return the JSON key a condition names; SQLite's paths cannot express a quote or a NUL in one."""
    name = text_field(condition, key)
    if '"' in name or "\0" in name:
        raise DefinitionError({key: ["This name contains a character that cannot be looked up."]})
    return name


def text_field(condition: Mapping[str, Any], key: str) -> str:
    """Return a required, non-blank string of a condition."""
    value = required(condition, key)
    if not isinstance(value, str):
        raise DefinitionError({key: ["Not a valid string."]})
    if not value.strip():
        raise DefinitionError({key: ["This field may not be blank."]})
    return value


def required(condition: Mapping[str, Any], key: str) -> Any:
    """Return a field that must be there and not null."""
    if key not in condition:
        raise DefinitionError({key: ["This field is required."]})
    if condition[key] is None:
        raise DefinitionError({key: ["This field may not be null."]})
    return condition[key]


def choice(value: object, allowed: tuple[str, ...], key: str) -> str:
    """Return `value` if it is one of the allowed words, else the field error of DRF."""
    if not isinstance(value, str) or value not in allowed:
        shown = value if isinstance(value, str) else json.dumps(value)
        raise DefinitionError({key: [f'"{shown}" is not a valid choice.']})
    return value


def gather(steps: Mapping[str, Callable[[], Any]]) -> dict[str, Any]:
    """Run every step and raise their field errors together, so that a person sees all of them at once."""
    results: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for name, step in steps.items():
        try:
            results[name] = step()
        except DefinitionError as error:
            errors.update(error.errors)
    if errors:
        raise DefinitionError(errors)
    return results


def read_group(definition: object, leaf: Callable[[Mapping[str, Any]], Any], depth: int = 0) -> Group:
    """Check the frame of a definition and hand each condition to `leaf`; all faults are collected.

    A condition that itself has `conditions` is a nested group: an extension, the sheet documents none.
    """
    if not isinstance(definition, Mapping):
        kind = type(definition).__name__
        raise DefinitionError({"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]})
    frame = cast("Mapping[str, Any]", definition)
    if depth > MAX_DEPTH:
        raise DefinitionError({"conditions": [f"Groups may be nested {MAX_DEPTH} deep at most."]})
    parts = gather({"logic": lambda: _logic(frame), "items": lambda: _items(frame, leaf, depth)})
    return Group(parts["logic"], parts["items"])


def _logic(frame: Mapping[str, Any]) -> str:
    logic = frame.get("logic", "AND")
    return choice(logic.upper() if isinstance(logic, str) else logic, ("AND", "OR"), "logic")


def _items(frame: Mapping[str, Any], leaf: Callable[[Mapping[str, Any]], Any], depth: int) -> tuple[Any, ...]:
    conditions: Any = frame.get("conditions") or []
    if not is_list(conditions):
        raise DefinitionError({"conditions": [f'Expected a list of items but got type "{type(conditions).__name__}".']})
    items: list[Any] = []
    errors: dict[str, Any] = {}
    for index, condition in enumerate(conditions):
        try:
            items.append(_item(condition, leaf, depth))
        except DefinitionError as error:
            errors[str(index)] = error.errors
    if errors:
        raise DefinitionError({"conditions": errors})
    return tuple(items)


def _item(condition: object, leaf: Callable[[Mapping[str, Any]], Any], depth: int) -> Any:
    if not isinstance(condition, Mapping):
        return read_group(condition, leaf)
    if "type" in condition:
        return leaf(cast("Mapping[str, Any]", condition))
    if "conditions" not in condition:
        raise DefinitionError({"type": ["This field is required."]})
    return read_group(cast("object", condition), leaf, depth + 1)


def join(logic: str, tests: list[Fragment]) -> Fragment:
    """Put the tests under one AND or OR; none at all is false, so an empty definition matches nothing."""
    if not tests:
        return Fragment("0")
    sql = f"\n  {logic} ".join(test.sql for test in tests)
    return Fragment(sql, tuple(value for test in tests for value in test.params))
