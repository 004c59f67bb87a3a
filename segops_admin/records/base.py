"""What all records share: typed by attribute, plain JSON by key, nothing of the answer lost.

A record keeps the JSON object it was built from. `record["created_at"]` gives that JSON value, `record.created_at` the
typed one; fields that the server adds later are in `.extra`. Setting an attribute changes both views.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timezone
from typing import Annotated, Any, ClassVar, TypeGuard, TypeVar

import attrs
from typing_extensions import dataclass_transform

T = TypeVar("T")

Id = Annotated[int, "id"]
"""An integer id; one that arrives as a string of digits is read all the same."""

JSON = dict[str, Any]
"""An open JSON object, kept as it came."""


def is_object(value: Any) -> TypeGuard[JSON]:
    """Return whether parsed JSON is an object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Return whether parsed JSON is an array."""
    return isinstance(value, list)


SHOWN_CHARS = 60
"""Longest value in a repr."""


def to_json(value: Any) -> Any:
    """Return JSON-ready data for a typed value: a record's own JSON, an instant as RFC 3339 in UTC."""
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if is_object(value):
        return {str(key): to_json(item) for key, item in value.items()}
    if is_array(value):
        return [to_json(item) for item in value]
    return value


def _keep_in_step(record: Record, attribute: attrs.Attribute[Any], value: Any) -> Any:
    raw = record._raw  # noqa: SLF001 -- a record's own hook  # pyright: ignore[reportPrivateUsage]
    if raw is not None:
        record._raw = {**raw, attribute.name: to_json(value)}  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return value


@dataclass_transform(kw_only_default=True, eq_default=False, field_specifiers=(attrs.field,))
def record(cls: type[T]) -> type[T]:
    """Make a class a record: slots, keyword arguments, both views kept in step."""
    return attrs.define(kw_only=True, eq=False, repr=False, on_setattr=_keep_in_step)(cls)


@attrs.define(kw_only=True, eq=False, repr=False)
class Record(Mapping[str, Any]):
    """A JSON object of the service. Reads like a dictionary and like a typed value."""

    other_names: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Field name → names under which the service may send it instead (segops-api.md 22)."""
    text_field: ClassVar[str] = ""
    """The field that a plain string in place of the object stands for."""
    list_field: ClassVar[str] = ""
    """The field that a bare list in place of the object stands for."""

    _raw: JSON | None = attrs.field(default=None, init=False, on_setattr=attrs.setters.NO_OP)

    @property
    def extra(self) -> JSON:
        """What the server sent beyond the typed fields."""
        known = {
            name for field in attrs.fields(type(self)) for name in (field.name, *self.other_names.get(field.name, ()))
        }
        return {key: value for key, value in self._json().items() if key not in known}

    def to_dict(self) -> JSON:
        """Return the object as JSON-ready data, with nothing lost. A copy at the top level."""
        return dict(self._json())

    def _json(self) -> JSON:
        if self._raw is None:
            fields = attrs.fields(type(self))
            return {field.name: to_json(getattr(self, field.name)) for field in fields if field.init}
        return self._raw

    def __getitem__(self, key: str) -> Any:
        return self._json()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._json())

    def __len__(self) -> int:
        return len(self._json())

    def __bool__(self) -> bool:
        return True

    def __contains__(self, key: object) -> bool:
        return key in self._json()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Record):
            return type(other) is type(self) and other._json() == self._json()
        return self._json() == other if isinstance(other, dict) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        typed = [
            (field.name, getattr(self, field.name)) for field in attrs.fields(type(self)) if field.init and field.repr
        ]
        shown = ", ".join(f"{name}={_short(value)}" for name, value in typed if value is not None)
        return f"{type(self).__name__}({shown})"


def _short(value: Any) -> str:
    text = str(value) if isinstance(value, datetime) else repr(value)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
