"""What to ask for: the request value, and how paths and queries are written. No I/O.

Made by the namespaces, read by the steps below them.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, cast
from urllib.parse import quote, urlencode
from uuid import UUID

import attrs

from ..config import shown
from ..errors import SegOpsInputError


class Repeat(enum.Enum):
    """Whether a call may be sent again after its outcome became unclear (segops-api.md 3.3 [inferred])."""

    HARMLESS = "a repeat leaves the same state"
    UNSENT = "only when the server surely did not act on it"
    NEVER = "not even then: paid and slow"


BY_METHOD = {"GET": Repeat.HARMLESS, "HEAD": Repeat.HARMLESS, "PUT": Repeat.HARMLESS, "DELETE": Repeat.HARMLESS}
MUTATIONS = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@attrs.frozen
class File:
    """One file of a multipart form."""

    content: bytes
    filename: str
    content_type: str = "application/octet-stream"


@attrs.frozen(kw_only=True)
class Request:
    """One call as plain data; sending it twice is two attempts of the same call."""

    method: str = attrs.field(kw_only=False)
    path: str = attrs.field(kw_only=False)
    """Relative to the API root, percent-encoded, with its exact trailing slash."""
    query: Mapping[str, Any] | None = None
    body: Any = None
    """JSON-able data, or bytes that are JSON already; None sends no body."""
    form: Mapping[str, Any] | None = None
    """Multipart fields: text, bytes or `File`."""
    repeat: Repeat | None = None
    """None: as the method says."""
    idempotency_key: str | None = None
    """None: a mutation gets a fresh one, the same over all its attempts."""
    with_key: bool = True
    """False for what is open to the world."""
    secret_answer: bool = False
    """True where the answer holds a new key: no error quotes it."""
    timeout_s: float | None = None
    """None: the client's. Set by calls that the service itself lets run longer."""

    @property
    def repeatable(self) -> Repeat:
        """Whether this call may be repeated after an unclear outcome."""
        return self.repeat or BY_METHOD.get(self.method, Repeat.UNSENT)


def path(*segments: str | int, slash: bool = True) -> str:
    """Write a path of literal and caller-given segments, each exactly one segment of the URL.

    Refuses what would name another path: empty, `.`, `..`, control characters, None, booleans.
    """
    return "/" + "/".join([_segment(part) for part in segments]) + ("/" if slash else "")


def _segment(part: str | int) -> str:
    if isinstance(part, int) and not isinstance(part, bool):
        return _digits(part, "An id")
    if not isinstance(part, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SegOpsInputError(f"An id must be a string or an integer, not {type(part).__name__}.")
    if part.isalnum() and part.isascii():
        return part
    if part in ("", ".", ".."):
        raise SegOpsInputError(f"The id {part!r} cannot be asked for: it would name another path.")
    if not part.isprintable():
        raise SegOpsInputError(f"The id {shown(part)} holds control characters.")
    try:
        return quote(part, safe="")
    except UnicodeEncodeError as error:
        raise SegOpsInputError(f"The id {shown(part)} is not valid Unicode text.") from error


def _digits(number: int, what: str) -> str:
    try:
        return str(int(number))  # of an enumeration's member its value
    except ValueError as error:
        raise SegOpsInputError(f"{what} cannot be a number of so many digits.") from error


def query_string(query: Mapping[str, Any] | None) -> str:
    """Write a query: None is left out, booleans are lower case, lists repeat their name. Source: segops-api.md 23."""
    if not query:
        return ""
    pairs: list[tuple[str, str]] = []
    for key, value in query.items():
        name = key.value if isinstance(key, enum.Enum) else key
        if not isinstance(name, str):
            raise SegOpsInputError(f"The name of a query parameter must be text, not {shown(name)}.")
        pairs.extend((name, _query_value(name, one)) for one in _values(value) if one is not None)
    try:
        return urlencode(pairs, quote_via=quote)
    except UnicodeEncodeError as error:
        raise SegOpsInputError("The query holds text that is not valid Unicode.") from error


def _values(value: Any) -> Iterable[Any]:
    return cast("Iterable[Any]", value) if isinstance(value, (list, tuple, set, frozenset)) else (value,)


def _query_value(name: str, value: Any) -> str:
    if isinstance(value, enum.Enum):
        return _query_value(name, value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (float, Decimal)) and not _is_finite(value):
        raise SegOpsInputError(f"The query parameter {shown(name)} cannot be {value}.")
    if isinstance(value, int):
        return _digits(value, f"The query parameter {shown(name)}")
    if isinstance(value, (str, float, Decimal, UUID)):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise SegOpsInputError(f"The query parameter {shown(name)} cannot be a {type(value).__name__}.")


def _is_finite(number: float | Decimal) -> bool:
    return number.is_finite() if isinstance(number, Decimal) else math.isfinite(number)


def merged(given: Mapping[str, Any] | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Join the dictionary form and the keyword form of a query or body; a keyword wins."""
    if given is None:
        return _by_name(fields)
    if not isinstance(given, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SegOpsInputError(f"Expected a dictionary, got {type(given).__name__}.")
    return {**given, **fields}


def _by_name(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Read `body={…}` and `params={…}` as the dictionary form: scripts for the published package may name them."""
    for name in ("body", "params"):
        whole = fields.get(name)
        if isinstance(whole, Mapping):
            rest = {key: value for key, value in fields.items() if key != name}
            return {**cast("Mapping[str, Any]", whole), **rest}
    return dict(fields)
