"""Bytes to records and back, with errors that name the call, the record and the field. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

import attrs
import orjson

from ..errors import BODY_EXCERPT, SegOpsDecodeError, SegOpsInputError
from ..records.base import is_array, is_object
from ..records.wire import converter, is_record, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from .response import Response

T = TypeVar("T")

PLAIN = frozenset({str, int, bool, type(None)})
"""What a body is mostly made of, and what hides no number."""

MAX_DEPTH = 250
"""Deepest nesting of a body: a little less than what orjson writes."""


def encode(body: Any) -> bytes:
    """Write a request body as JSON; bytes are taken as JSON already.

    Dates, UUIDs, decimals, records and `dsl` definitions are written as their JSON form. Raises SegOpsInputError, with
    the place, for what has none: bytes, sets, unknown objects, NaN, integers beyond 64 bits, keys that are no text.
    """
    if isinstance(body, bytes):
        return body
    try:
        encoded = orjson.dumps(body, default=_encode_other, option=orjson.OPT_UTC_Z)
    except orjson.JSONEncodeError as error:
        where, why = _trouble(body, "body") or ("body", str(error))
        raise SegOpsInputError(f"The request cannot be written as JSON: {where} {why}.") from error
    # A number that JSON lacks is written as null without a word: worth a look only where there is a null at all. Sought
    # from the end, as that takes half the time.
    if encoded.rfind(b"null") >= 0 and _hides_number(body):
        where, why = _trouble(body, "body") or ("body", "holds a number that has no JSON form")
        raise SegOpsInputError(f"The request cannot be written as JSON: {where} {why}.")
    return encoded


def _hides_number(value: Any) -> bool:
    """Return whether a body that could be written holds NaN or an infinity; quick, as many bodies hold a null."""
    opened = value if isinstance(value, float) else _opened(value)
    if isinstance(opened, float):
        return not math.isfinite(opened)
    items = opened.values() if is_object(opened) else opened if is_array(opened) else ()
    return any(type(item) not in PLAIN and _hides_number(item) for item in items)


def _opened(value: Any) -> Any:
    """Return the dictionary, list or plain value that a value is written as; itself where it is none of ours to say."""
    if isinstance(value, (dict, list)):
        return value  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, tuple):
        return list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    with suppress(Exception):  # whatever it is, writing it tells
        return _encode_other(value)
    return value


def _encode_other(value: Any) -> Any:
    if isinstance(value, Decimal):
        return _number(value)
    to_dict = getattr(value, "to_dict", None)
    if to_dict is not None:
        return to_dict()
    if attrs.has(type(value)):  # pyright: ignore[reportUnknownArgumentType]
        return attrs.asdict(value, recurse=False)
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Any]", value))
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _number(value: Decimal) -> int | float:
    if not value.is_finite():
        raise TypeError("a number that JSON has no form for")
    if value.adjusted() < 20 and value == value.to_integral_value():
        return int(value)
    number = float(value)
    if not math.isfinite(number):
        raise TypeError("too large for a number of JSON")
    return number


def _trouble(value: Any, where: str, depth: int = 0) -> tuple[str, str] | None:
    """Return the first place in a body that has no JSON form, and what is wrong with it."""
    if depth > MAX_DEPTH:
        return where[:BODY_EXCERPT] + "…", f"is nested more than {MAX_DEPTH} deep, or holds itself"
    opened = _opened(value)
    if not _is_finite(opened):
        return where, f"is {opened}, a number that JSON has no form for"
    if is_object(opened):
        strange = next((key for key in opened if not isinstance(key, str)), None)  # pyright: ignore[reportUnnecessaryIsInstance]
        if strange is not None:
            return where, f"has a key that is no text, {strange!r}"
        inner = [(f"{where}.{key}", item) for key, item in opened.items()]
    elif is_array(opened):
        inner = [(f"{where}[{at}]", item) for at, item in enumerate(opened)]
    else:
        why = _refusal(value)
        return None if why is None else (where, f"is a {type(value).__name__}: {why}")
    return next((found for place, item in inner if (found := _trouble(item, place, depth + 1))), None)


def _is_finite(value: Any) -> bool:
    return value.is_finite() if isinstance(value, Decimal) else not isinstance(value, float) or math.isfinite(value)


def _refusal(value: Any) -> str | None:
    try:
        orjson.dumps(value, default=_encode_other)
    except orjson.JSONEncodeError as error:
        return str(error.__cause__ or error)
    return None


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
    if not response.body and is_record(kind):
        with suppress(Exception):  # a record that needs fields finds no body below, and says so
            return converter(detailed=False).structure({}, kind)
    return decode_framed(response, kind, lambda body: body, lambda body: body)[1]


def decode_framed(
    response: Response, kind: type[T], frame: Callable[[Any], Any], part: Callable[[Any], Any]
) -> tuple[Any, T]:
    """Return an answer's JSON in its frame, and the part of it that records are promised for as those records.

    The quick way fails without a word, so what fails is tried again the exact way, which says which field of which
    record is wrong.
    """
    framed = frame(decode_promised(response))
    with suppress(Exception):  # whatever it is, the exact way tells
        return framed, converter(detailed=False).structure(part(framed), kind)
    try:
        return framed, converter().structure(part(framed), kind)
    except Exception as error:  # noqa: BLE001 -- whatever it is, it becomes ours
        trouble = error
    del framed  # a traceback with locals would show it
    raise _complaint(trouble, kind, response) from _tellable(trouble, response)


def decode_promised(response: Response) -> Any:
    """Return an answer's JSON; raise `SegOpsDecodeError` when it is none."""
    try:
        return parse(response.body)
    except ValueError as error:
        trouble = error
    what = "no body" if not response.body else f"no JSON ({response.headers.get('Content-Type', 'no content type')})"
    raise SegOpsDecodeError(
        f"{response.request.method} {response.place} answered {response.status} with {what}"
        f"{f': {told(response)!r}' if told(response) else ''}. Does the API root end in /api?",
        method=response.request.method,
        url=response.url,
        body=told(response),
    ) from _tellable(trouble, response)


def _tellable(trouble: Exception, response: Response) -> Exception | None:
    """Return what an error may come from: the reader's own exception holds the whole text, a new key as well."""
    return None if response.request.secret_answer else trouble


def told(response: Response) -> str:
    """Return what an error may quote of an answer: its first characters, or nothing where it holds a secret."""
    return "" if response.request.secret_answer else excerpt(response.body)


def excerpt(body: bytes) -> str:
    """Return the first characters of a body on one line."""
    return " ".join(body[: 4 * BODY_EXCERPT].decode("utf-8", "replace").split())[:BODY_EXCERPT]


def _complaint(error: Exception, kind: Any, response: Response) -> SegOpsDecodeError:
    from cattrs import transform_error  # noqa: PLC0415 -- see converter()

    name = kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind).rpartition(".")[2].rstrip("]")
    first = str(transform_error(error, format_exception=lambda exc, _: _reason(exc))[0])
    reason, _, where = first.rpartition(" @ ")
    return SegOpsDecodeError(
        f"{response.request.method} {response.place} answered {response.status}, "
        f"but not with the {name} promised: {reason} at {where}.",
        record=name,
        path=where,
        method=response.request.method,
        url=response.url,
        body=told(response),
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, KeyError):
        return f"the field {error.args[0]!r} is missing"
    return str(error) or type(error).__name__
