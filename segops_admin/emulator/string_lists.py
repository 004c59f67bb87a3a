"""Reads fields that hold lists of strings: tags, providers, aliases, query texts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segops_admin.emulator.fragment import is_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from segops_admin.emulator.replies import Fields


def read_strings(fields: Fields, name: str, *, choices: Sequence[str] = ()) -> list[str]:
    """Return a field's strings without repeats; absent is none, anything else is noted at its index."""
    if name not in fields.body:
        return []
    value = fields.changes[name] = fields.body[name]
    if value is None:
        return fields.refuse(name, "This field may not be null.", list[str]())
    if not is_list(value):
        return fields.refuse(name, f'Expected a list of items but got type "{type(value).__name__}".', list[str]())
    errors = {str(index): [trouble] for index, item in enumerate(value) if (trouble := _trouble(item, choices))}
    if errors:
        return fields.refuse(name, errors, list[str]())
    return list(dict.fromkeys(item.strip() for item in value))


def _trouble(item: object, choices: Sequence[str]) -> str | None:
    if not isinstance(item, str):
        return "Not a valid string."
    if not item.strip():
        return "This field may not be blank."
    return f'"{item}" is not a valid choice.' if choices and item.strip() not in choices else None
