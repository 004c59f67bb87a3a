"""Writes events and reads one user's history. What arrives is checked here, so that the tables hold only good rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from segops_admin.emulator import identity
from segops_admin.emulator.clock import parse_instant
from segops_admin.emulator.store import to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from segops_admin.emulator.store import Store

TRAITS_EVENT = "context_identified"
_MAX_ID_LENGTH = 255

_INSERT = """
INSERT INTO events (tenant_id, user_id, event_type, occurred_at, payload, anonymous_id) VALUES (?, ?, ?, ?, ?, ?)"""


@attrs.frozen
class Event:
    """An event that passed the checks."""

    user_id: str
    event_type: str
    occurred_at: float
    payload: dict[str, Any]
    anonymous_id: str | None = None


def read_event(raw: Any, now: float, *, uid: str | None = None) -> tuple[Event | None, dict[str, list[str]]]:
    """Return the event in a body, or None and what is wrong by field. `uid` overrides the user, as session tokens do.

    An event with only an `anonymous_id` belongs to `anon_<anonymous_id>`.
    """
    if not isinstance(raw, dict):
        return None, {"non_field_errors": ["Invalid data. Expected a dictionary."]}
    body: dict[str, Any] = raw  # pyright: ignore[reportUnknownVariableType]
    errors: dict[str, list[str]] = {}
    anonymous_id = _identifier(body, "anonymous_id", errors) if body.get("anonymous_id") is not None else None
    if uid:
        user_id: str | None = uid
    elif body.get("user_id") is None and anonymous_id:
        user_id = identity.anonymous(anonymous_id)
    else:
        user_id = _identifier(body, "user_id", errors)
    event_type = _identifier(body, "event_type", errors)
    payload = body.get("payload")
    if payload is not None and not isinstance(payload, dict):
        errors["payload"] = ["Expected a dictionary of items."]
    occurred_at = now
    if body.get("occurred_at") is not None:
        try:
            occurred_at = parse_instant(body["occurred_at"])
        except (ValueError, TypeError, AttributeError, OverflowError):
            errors["occurred_at"] = ["Datetime has wrong format."]
    if errors or user_id is None or event_type is None:
        return None, errors
    properties: dict[str, Any] = payload or {}  # pyright: ignore[reportUnknownVariableType]
    return Event(user_id, event_type, occurred_at, properties, anonymous_id), {}


def add_events(store: Store, tenant_id: int, events: Sequence[Event]) -> None:
    """Store events, and the edge of each that names a user and an anonymous id together."""
    with store.transaction():
        store.executemany(
            _INSERT,
            [(tenant_id, e.user_id, e.event_type, e.occurred_at, to_json(e.payload), e.anonymous_id) for e in events],
        )
        for pair in {(e.anonymous_id, e.user_id) for e in events if e.anonymous_id}:
            note_identity(store, tenant_id, *pair)


def note_identity(store: Store, tenant_id: int, anonymous_id: str | None, user_id: str) -> None:
    """Record that both ids were seen together; a claim that contradicts an earlier one, or itself, is ignored."""
    if not anonymous_id or identity.anonymous(anonymous_id) == user_id:
        return
    try:
        identity.alias(store, tenant_id, anonymous_id, user_id)
    except identity.CycleError:
        return


def traits_of(connection: sqlite3.Connection, tenant_id: int, ids: Sequence[str]) -> str:
    """Return the JSON text of a user's current traits: the payload of the latest identify, replaced and not merged."""
    marks = ",".join("?" * len(ids))
    row = connection.execute(
        f"SELECT payload FROM events WHERE tenant_id=? AND event_type=? AND user_id IN ({marks})"  # noqa: S608  marks only
        " ORDER BY occurred_at DESC, id DESC LIMIT 1",
        (tenant_id, TRAITS_EVENT, *ids),
    ).fetchone()
    return str(row[0]) if row else "{}"


def _identifier(body: dict[str, Any], name: str, errors: dict[str, list[str]]) -> str | None:
    value = body.get(name)
    if value is None:
        errors[name] = ["This field is required."]
    elif isinstance(value, bool) or not isinstance(value, str | int):
        errors[name] = ["Not a valid string."]
    elif not str(value).strip():
        errors[name] = ["This field may not be blank."]
    elif len(str(value)) > _MAX_ID_LENGTH:
        errors[name] = [f"Ensure this field has no more than {_MAX_ID_LENGTH} characters."]
    else:
        return str(value)
    return None
