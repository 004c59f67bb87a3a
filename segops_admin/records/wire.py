"""JSON to records: the one place that knows how the wire spells things, and the only one that knows cattrs.

One converter, built on first use. It is strict about primitives (no "12" for 12, no None for "None"), open about what
the server may add (unknown fields stay, unknown enum values pass), and exact about what it refuses.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import orjson

from .base import JSON, Id, Record, is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from cattrs import Converter

_AS_ZEROS = bytes(48 if chr(byte).isdigit() and byte < 128 else 45 if byte == 45 else 32 for byte in range(256))
"""Every digit a 0, a minus a minus, all else a space: finds long integers in a tenth of a regular expression's time."""


def parse(body: bytes) -> Any:
    """Read JSON bytes, every integer exact; raise ValueError when they are none."""
    data = orjson.loads(body)
    zeros = body.translate(_AS_ZEROS)
    return data if b"0" * 20 not in zeros and b"-" + b"0" * 19 not in zeros else _parse_exactly(body)


def _parse_exactly(body: bytes) -> Any:
    """Read integers that may not fit 64 bits, of which orjson makes floats."""
    import json  # noqa: PLC0415 -- only for the rare body with very long numbers

    try:
        return json.loads(body)
    except RecursionError as error:
        raise ValueError("integers beyond 64 bits in a body nested too deep to read them exactly") from error


@cache
def converter(*, detailed: bool = True) -> Converter:
    """Return the converter that knows the wire: one that explains what is wrong, or its quicker twin that fails."""
    from cattrs import Converter  # noqa: PLC0415 -- heavy; paid by the first answer, not by the import

    made = Converter(detailed_validation=detailed)
    for primitive in (str, bool, int):
        made.register_structure_hook(primitive, _strict(primitive))
    made.register_structure_hook(float, _structure_float)
    made.register_structure_hook_factory(_is_list, _list_hook)
    made.register_structure_hook_factory(_is_optional, _optional_hook)
    made.register_structure_hook_func(lambda kind: kind == Id, _structure_id)
    made.register_structure_hook_func(lambda kind: kind == JSON, _structure_object)
    made.register_structure_hook_func(_is_open_literal, _structure_open_literal)
    made.register_structure_hook(datetime, _structure_datetime)
    made.register_structure_hook(date, _structure_date)
    made.register_structure_hook_factory(is_record, _record_hook)
    return made


def is_record(kind: Any) -> bool:
    """Return whether a type is a record's class."""
    return isinstance(kind, type) and issubclass(kind, Record)


def _strict(kind: type) -> Callable[[Any, Any], Any]:
    def structure_primitive(value: Any, _: Any) -> Any:
        if type(value) is kind:
            return value
        raise TypeError(f"expected {kind.__name__}, got {_json_name(value)}")

    return structure_primitive


def _structure_float(value: Any, _: Any) -> float:
    if type(value) is float or type(value) is int:
        return float(value)
    raise TypeError(f"expected float, got {_json_name(value)}")


def _is_list(kind: Any) -> bool:
    origin: Any = get_origin(kind)
    return origin is list


def _list_hook(kind: Any, made: Converter) -> Callable[[Any, Any], list[Any]]:
    """Take an array only; cattrs' own takes anything that can be iterated, a string by its letters."""
    from cattrs.cols import list_structure_factory  # noqa: PLC0415 -- see converter()

    build = list_structure_factory(kind, made)

    def structure_list(value: Any, _: Any) -> list[Any]:
        if not is_array(value):
            raise TypeError(f"expected a list, got {_json_name(value)}")
        built: list[Any] = build(value, kind)
        return built

    return structure_list


def _is_optional(kind: Any) -> bool:
    return _is_union(kind) and len(get_args(kind)) == 2 and type(None) in get_args(kind)


def _optional_hook(kind: Any, made: Converter) -> Callable[[Any, Any], Any]:
    """Look the inner hook up once; cattrs' own looks it up for every value."""
    inner = next(arg for arg in get_args(kind) if arg is not type(None))
    build = made.get_structure_hook(inner)
    as_it_is = inner if inner in (str, bool, int) else type(None)

    def structure_optional(value: Any, _: Any) -> Any:
        return value if value is None or type(value) is as_it_is else build(value, inner)

    return structure_optional


def _structure_id(value: Any, _: Any) -> int:
    if type(value) is int:
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    raise TypeError(f"expected an integer id, got {_json_name(value)}")


def _structure_object(value: Any, _: Any) -> JSON:
    if type(value) is dict:
        return value  # pyright: ignore[reportUnknownVariableType]
    raise TypeError(f"expected an object, got {_json_name(value)}")


def _is_open_literal(kind: Any) -> bool:
    """Match `Literal["a", "b"] | str`, with or without None: known to the editor, open to the server."""
    args = get_args(kind)
    return (
        str in args
        and any(get_origin(arg) is Literal for arg in args)
        and not isinstance(kind, type)
        and _is_union(kind)
    )


def _is_union(kind: Any) -> bool:
    import types  # noqa: PLC0415

    return get_origin(kind) in (Union, types.UnionType)


def _structure_open_literal(value: Any, kind: Any) -> str | None:
    if type(value) is str or (value is None and type(None) in get_args(kind)):
        return value
    raise TypeError(f"expected str, got {_json_name(value)}")


FRACTION = re.compile(r"[.,](\d+)")


def _structure_datetime(value: Any, _: Any) -> datetime:
    if type(value) is not str:
        raise TypeError(f"expected a timestamp, got {_json_name(value)}")
    try:
        when = datetime.fromisoformat(value)
    except ValueError:
        when = _other_form(value)
    return when if when.tzinfo is not None else when.replace(tzinfo=timezone.utc)


def _other_form(text: str) -> datetime:
    """Read what this Python's own reader does not: 3.10 knows no Z and only three or six digits of a second."""
    plain = text[:-1] + "+00:00" if text[-1:] in "Zz" else text
    try:
        return datetime.fromisoformat(FRACTION.sub(lambda match: "." + match[1][:6].ljust(6, "0"), plain))
    except ValueError:
        raise ValueError(f"expected a timestamp, got {text[:40]!r}") from None


def _structure_date(value: Any, _: Any) -> date:
    if not isinstance(value, str):
        raise TypeError(f"expected a date, got {_json_name(value)}")
    return date.fromisoformat(value[:10])


def _record_hook(kind: type[Record], made: Converter) -> Callable[[Any, Any], Record]:
    from cattrs.gen import make_dict_structure_fn  # noqa: PLC0415 -- see converter()

    build = make_dict_structure_fn(kind, made)
    other_names = kind.other_names

    def structure_record(value: Any, _: Any) -> Record:
        raw: JSON = value if is_object(value) else _as_object(value, kind)
        record = build(_with_own_names(raw, other_names) if other_names else raw, kind)
        object.__setattr__(record, "_raw", raw)  # past the hook of ordinary setting
        return record

    return structure_record


def _as_object(value: Any, kind: type[Record]) -> JSON:
    """Read a plain string or a bare list as the one field it stands for, where the record knows such a form."""
    if isinstance(value, str) and kind.text_field:
        return {kind.text_field: value}
    if is_array(value) and kind.list_field:
        return {kind.list_field: value}
    raise TypeError(f"expected an object, got {_json_name(value)}")


def _with_own_names(value: JSON, other_names: Any) -> JSON:
    found = dict(value)
    for name, others in other_names.items():
        for other in others:
            if found.get(name) is None and found.get(other) is not None:
                found[name] = found[other]
    return found


def _json_name(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)  # pyright: ignore[reportUnknownArgumentType]
