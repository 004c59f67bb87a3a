"""Bytes to records and back, with errors that name the call, the record and the field. No I/O."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

import attrs
import orjson

from ..errors import BODY_EXCERPT, SegOpsDecodeError, SegOpsInputError
from ..records.base import is_object
from ..records.wire import converter, is_record, parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from .response import Response

T = TypeVar("T")

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
    if encoded.rfind(b"null") >= 0 and (trouble := _trouble(body, "body")) is not None:
        raise SegOpsInputError(f"The request cannot be written as JSON: {trouble[0]} {trouble[1]}.")
    return encoded


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
    if value.adjusted() < 20 and value == value.to_integral_value():
        return int(value)
    number = float(value)
    if value.is_finite() and not math.isfinite(number):
        raise TypeError("too large for a number of JSON")
    return number


def _trouble(value: Any, where: str, depth: int = 0) -> tuple[str, str] | None:
    """Return the first place in a body that has no JSON form, and what is wrong with it."""
    if depth > MAX_DEPTH:
        return where[:BODY_EXCERPT] + "…", f"is nested more than {MAX_DEPTH} deep, or holds itself"
    if not _is_finite(value):
        return where, f"is {value}, a number that JSON has no form for"
    if is_object(value):
        strange = next((key for key in value if not isinstance(key, str)), None)  # pyright: ignore[reportUnnecessaryIsInstance]
        if strange is not None:
            return where, f"has a key that is no text, {strange!r}"
        return next(
            (found for key, item in value.items() if (found := _trouble(item, f"{where}.{key}", depth + 1))), None
        )
    if isinstance(value, (list, tuple)):
        items: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
        return next(
            (found for at, item in enumerate(items) if (found := _trouble(item, f"{where}[{at}]", depth + 1))), None
        )
    why = _refusal(value)
    return None if why is None else (where, f"is a {type(value).__name__}: {why}")


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
    except Exception as error:
        raise _complaint(error, kind, response) from error


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
