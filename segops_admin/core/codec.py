"""Bytes to records and back. No I/O; the only module that knows orjson and cattrs.

One converter, built on first use. It is strict about primitives (no "12" for 12, no None for "None"), open about what
the server may add (unknown fields stay, unknown enum values pass), and exact about complaints: which field of which
record.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timezone
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

import orjson

from ..errors import BODY_EXCERPT, SegOpsDecodeError, SegOpsInputError
from ..records.base import JSON, Id, Record, is_array, is_object

if TYPE_CHECKING:
    from collections.abc import Callable

    from cattrs import Converter

    from .response import Response

T = TypeVar("T")

LONG_DIGITS = re.compile(rb"\d{19}")
"""Integers that may not fit 64 bits; orjson would make floats of them."""


def encode(body: Any) -> bytes:
    """Write a request body as JSON; bytes are taken as JSON already."""
    if isinstance(body, bytes):
        return body
    try:
        return orjson.dumps(body, default=_encode_other, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError as error:
        raise SegOpsInputError(f"The body cannot be written as JSON: {error}.") from error


def _encode_other(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_dict()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (set, frozenset)):
        raise TypeError("a set has no order; pass a list")
    to_dict = getattr(value, "to_dict", None)
    if to_dict is not None:
        return to_dict()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def parse(body: bytes) -> Any:
    """Read JSON bytes; raise ValueError when they are none."""
    if LONG_DIGITS.search(body):
        return _parse_exactly(body)
    return orjson.loads(body)


def _parse_exactly(body: bytes) -> Any:
    import json  # noqa: PLC0415 -- only for the rare body with very long numbers

    data = orjson.loads(body)
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return data


def decode_json(response: Response) -> Any:
    """Return an answer as the published SDK does: None when empty, JSON, or the text itself."""
    if not response.body:
        return None
    try:
        return parse(response.body)
    except ValueError:
        return response.body.decode("utf-8", "replace")


def decode(response: Response, kind: type[T]) -> T:
    """Return an answer as the record (or list of records) promised; raise `SegOpsDecodeError` otherwise."""
    if not response.body and _is_record(kind):
        return structure({}, kind, response)
    return structure(decode_promised(response), kind, response)


def decode_promised(response: Response) -> Any:
    """Return an answer's JSON; raise `SegOpsDecodeError` when it is none."""
    try:
        return parse(response.body)
    except ValueError as error:
        what = (
            "no body" if not response.body else f"no JSON ({response.headers.get('Content-Type', 'no content type')})"
        )
        raise SegOpsDecodeError(
            f"{response.request.method} {response.url} answered {response.status} with {what}"
            f"{f': {excerpt(response.body)!r}' if response.body else ''}. Does the API root end in /api?",
            method=response.request.method,
            url=response.url,
            body=excerpt(response.body),
        ) from error


def structure(data: Any, kind: type[T], response: Response) -> T:
    """Build the record promised from parsed JSON."""
    try:
        return converter().structure(data, kind)
    except Exception as error:
        raise _complaint(error, kind, response) from error


def excerpt(body: bytes) -> str:
    """Return the first characters of a body on one line."""
    return " ".join(body[: 4 * BODY_EXCERPT].decode("utf-8", "replace").split())[:BODY_EXCERPT]


def _complaint(error: Exception, kind: Any, response: Response) -> SegOpsDecodeError:
    from cattrs import transform_error  # noqa: PLC0415 -- see converter()

    name = kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).rpartition(".")[2].rstrip("]")
    first = str(transform_error(error, format_exception=lambda exc, _: _reason(exc))[0])
    reason, _, where = first.rpartition(" @ ")
    return SegOpsDecodeError(
        f"{response.request.method} {response.url} answered {response.status}, "
        f"but not with the {name} promised: {reason} at {where}.",
        record=name,
        path=where,
        method=response.request.method,
        url=response.url,
        body=excerpt(response.body),
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"the field {error.args[0]!r} is missing"
    return str(error) or type(error).__name__


@cache
def converter() -> Converter:
    """Return the one converter that knows the wire."""
    from cattrs import Converter  # noqa: PLC0415 -- heavy; paid by the first answer, not by the import

    made = Converter(detailed_validation=True)
    for primitive, accepted in {str: (str,), bool: (bool,), int: (int,), float: (int, float)}.items():
        made.register_structure_hook(primitive, _strict(primitive, accepted))
    made.register_structure_hook_factory(_is_optional, _optional_hook)
    made.register_structure_hook_func(lambda kind: kind == Id, _structure_id)
    made.register_structure_hook_func(lambda kind: kind == JSON, _structure_object)
    made.register_structure_hook_func(_is_open_literal, _structure_open_literal)
    made.register_structure_hook(datetime, _structure_datetime)
    made.register_structure_hook(date, _structure_date)
    made.register_structure_hook_factory(_is_record, _record_hook)
    return made


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Record)


def _strict(kind: type, accepted: tuple[type, ...]) -> Callable[[Any, Any], Any]:
    def structure_primitive(value: Any, _: Any) -> Any:
        if type(value) in accepted:
            return kind(value) if type(value) is not kind else value
        raise TypeError(f"expected {kind.__name__}, got {_json_name(value)}")

    return structure_primitive


def _is_optional(kind: Any) -> bool:
    return _is_union(kind) and len(get_args(kind)) == 2 and type(None) in get_args(kind)


def _optional_hook(kind: Any, made: Converter) -> Callable[[Any, Any], Any]:
    """Look the inner hook up once; cattrs' own looks it up for every value."""
    inner = next(arg for arg in get_args(kind) if arg is not type(None))
    build = made.get_structure_hook(inner)

    def structure_optional(value: Any, _: Any) -> Any:
        return None if value is None else build(value, inner)

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
    if not isinstance(value, str):
        raise TypeError(f"expected a timestamp, got {_json_name(value)}")
    text = value[:-1] + "+00:00" if value[-1:] in "Zz" else value
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        # Python 3.10 reads three or six digits of a second only, none reads more than six to the end.
        digits = FRACTION.sub(lambda match: "." + match[1][:6].ljust(6, "0"), text)
        try:
            when = datetime.fromisoformat(digits)
        except ValueError:
            raise ValueError(f"expected a timestamp, got {value[:40]!r}") from None
    return when if when.tzinfo is not None else when.replace(tzinfo=timezone.utc)


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
