"""Bytes to records and back, with errors that name the call, the record and the field. No I/O."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import orjson

from ..errors import BODY_EXCERPT, SegOpsDecodeError, SegOpsInputError
from ..records.base import Record
from ..records.wire import converter, is_record, parse

if TYPE_CHECKING:
    from .response import Response

T = TypeVar("T")


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
