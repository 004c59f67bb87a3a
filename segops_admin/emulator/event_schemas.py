"""Event schemas without the HTTP around them: read, inferred from samples, and held against a payload (sheet, 12).

Decisions where the sheet is silent: a property no schema names is allowed; null counts as absent; a property whose
samples disagree on the type is left out of an inferred schema, so that such a schema takes every one of its samples.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segops_admin.emulator.clock import parse_instant
from segops_admin.emulator.fragment import is_list, is_object

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_datetime(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        parse_instant(value)
    except (ValueError, OverflowError):
        return False
    return True


_FITS: dict[str, Callable[[Any], bool]] = {
    "datetime": _is_datetime,
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": _is_number,
    "array": is_list,
    "object": is_object,
}
"""What each type takes; the order is that of guessing, most specific first."""

TYPES = tuple(_FITS)


def violations(properties: Sequence[Mapping[str, Any]], payload: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what a payload breaks of a schema's properties: `{"property", "message"}` each, in schema order."""
    found: list[dict[str, str]] = []
    for item in properties:
        value = payload.get(item["name"])
        if value is None:
            message = "required property is missing" if item["required"] else ""
        else:
            message = "" if _FITS[item["type"]](value) else f"expected {item['type']}"
        if message:
            found.append({"property": item["name"], "message": message})
    return found


def infer(samples: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return one `{"event_type", "properties"}` per event type, in the order given."""
    return [{"event_type": event_type, "properties": _properties(payloads)} for event_type, payloads in samples.items()]


def _properties(payloads: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    seen: dict[str, list[Any]] = {}
    for payload in payloads:
        for name, value in payload.items():
            if value is not None:
                seen.setdefault(name, []).append(value)
    guesses = ((name, _guess(values), len(values) == len(payloads)) for name, values in seen.items())
    return [
        {"name": name, "type": guess, "required": required, "description": ""}
        for name, guess, required in guesses
        if guess is not None
    ]


def _guess(values: Sequence[Any]) -> str | None:
    return next((name for name, fits in _FITS.items() if all(map(fits, values))), None)


def read_samples(events: Any) -> tuple[dict[str, list[dict[str, Any]]], Any]:
    """Return the payloads of full events by event type, or what is wrong with the list."""
    if not is_list(events):
        return {}, [f'Expected a list of items but got type "{type(events).__name__}".']
    if not events:
        return {}, ["This list may not be empty."]
    samples: dict[str, list[dict[str, Any]]] = {}
    errors: dict[str, Any] = {}
    for index, event in enumerate(events):
        trouble = _sample_trouble(event)
        if trouble:
            errors[str(index)] = trouble
        else:
            samples.setdefault(str(event["event_type"]).strip(), []).append(event.get("payload") or {})
    return samples, errors


def _sample_trouble(event: Any) -> dict[str, list[str]]:
    if not is_object(event):
        return {"non_field_errors": ["Invalid data. Expected a dictionary."]}
    event_type, payload = event.get("event_type"), event.get("payload")
    if event_type is None:
        return {"event_type": ["This field is required."]}
    if isinstance(event_type, bool) or not isinstance(event_type, (str, int)) or not str(event_type).strip():
        return {"event_type": ["Not a valid string."]}
    if payload is not None and not is_object(payload):
        return {"payload": ["Expected a dictionary of items."]}
    return {}


def read_properties(value: Any) -> tuple[list[dict[str, Any]], Any]:
    """Return the properties in a body, or what is wrong with them: a list, or an object keyed by name."""
    if is_object(value):
        value = [{**item, "name": name} if is_object(item) else item for name, item in value.items()]
    if not is_list(value):
        return [], [f'Expected a list of items but got type "{type(value).__name__}".']
    properties: list[dict[str, Any]] = []
    errors: dict[str, Any] = {}
    for index, item in enumerate(value):
        trouble = _property_trouble(item, {known["name"] for known in properties})
        if trouble:
            errors[str(index)] = trouble
        else:
            properties.append(_whole(item))
    return properties, errors


def _whole(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": item["name"].strip(),
        "type": item.get("type", "string"),
        "required": item.get("required", False),
        "description": item.get("description") or "",
    }


def _property_trouble(item: Any, names: set[str]) -> dict[str, list[str]]:
    if not is_object(item):
        return {"non_field_errors": ["Invalid data. Expected a dictionary."]}
    errors: dict[str, list[str]] = {}
    name, kind = item.get("name"), item.get("type", "string")
    if name is None:
        errors["name"] = ["This field is required."]
    elif not isinstance(name, str) or not name.strip():
        errors["name"] = ["Not a valid string."]
    elif name.strip() in names:
        errors["name"] = ["This property is already listed."]
    if not isinstance(kind, str) or kind not in _FITS:
        errors["type"] = [f'"{kind}" is not a valid choice.']
    if not isinstance(item.get("required", False), bool):
        errors["required"] = ["Must be a valid boolean."]
    if not isinstance(item.get("description") or "", str):
        errors["description"] = ["Not a valid string."]
    return errors
