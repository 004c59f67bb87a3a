"""Answers in the service's dialect (Django REST Framework): JSON bodies, errors, field checks, numbered pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import orjson
from aiohttp import web

from segops_admin.emulator.clock import parse_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")

MAX_ID = 2**63 - 1
DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE = 50, 200


class ApiError(Exception):
    """Ends a request with this status and JSON body."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status, self.body, self.headers = status, {"detail": body} if isinstance(body, str) else body, headers

    def response(self) -> web.Response:
        """Return the answer to send."""
        return reply(self.body, status=self.status, headers=self.headers)


def reply(data: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a JSON answer."""
    return web.Response(body=orjson.dumps(data), status=status, headers=headers, content_type="application/json")


def no_content() -> web.Response:
    """Return the empty 204 of a delete."""
    return web.Response(status=204)


def not_found(text: str = "Not found.") -> ApiError:
    """Return the 404 for an unknown id, and for another tenant's."""
    return ApiError(404, text)


def path_id(request: web.Request, name: str = "id") -> int:
    """Return an integer of the path; a number no row can have is a 404."""
    number = int(request.match_info[name])
    if number > MAX_ID:
        raise not_found()
    return number


async def json_body(request: web.Request) -> dict[str, Any]:
    """Return the JSON object of the body; none at all counts as `{}`."""
    body = await json_value(request)
    if not isinstance(body, dict):
        kind = "NoneType" if body is None else type(body).__name__  # pyright: ignore[reportUnknownArgumentType]
        raise ApiError(400, {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]})
    return body  # pyright: ignore[reportUnknownVariableType]


async def json_value(request: web.Request) -> Any:
    """Return the JSON value of the body, of any kind; none at all counts as `{}`."""
    raw = await request.read()
    if not raw.strip():
        return {}
    if request.content_type != "application/json" and not request.content_type.endswith("+json"):
        raise ApiError(415, f'Unsupported media type "{request.content_type}" in request.')
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ApiError(400, f"JSON parse error - {error}") from error


def truthy(text: str | None, *, default: bool = False) -> bool:
    """Read a boolean of a query string in any case (`True` of Python's str, `true`, `1`)."""
    return default if text is None else text.strip().lower() in {"true", "1", "yes", "on"}


def bounded_int(request: web.Request, name: str, *, default: int, maximum: int) -> int:
    """Return a positive integer of the query, clamped to `maximum`; anything else is the default."""
    text = request.query.get(name, "")
    return min(int(text), maximum) if text.isascii() and text.isdigit() and int(text) > 0 else default


def paged(
    request: web.Request,
    count: int,
    fetch: Callable[[int, int], Sequence[Any]],
    *,
    default: int = DEFAULT_PAGE_SIZE,
    maximum: int = MAX_PAGE_SIZE,
) -> web.Response:
    """Return the numbered page the query asks for; `fetch(limit, offset)` gives its items (sheet, section 4, P1)."""
    size = bounded_int(request, "page_size", default=default, maximum=maximum)
    last = max(1, -(-count // size))
    text = request.query.get("page", "1")
    page = last if text == "last" else int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    if not 1 <= page <= last:
        raise not_found("Invalid page.")
    return reply(
        {
            "count": count,
            "next": page_link(request, page + 1) if page < last else None,
            "previous": page_link(request, page - 1) if page > 1 else None,
            "results": list(fetch(size, (page - 1) * size)),
        }
    )


def page_link(request: web.Request, page: int) -> str:
    """Return the root-relative address of another page, all other query parameters kept."""
    rest = [(name, value) for name, value in request.query.items() if name != "page"]
    return f"{request.rel_url.raw_path}?{urlencode([*rest, ('page', str(page))])}"


class Fields:
    """Reads fields of a body and collects what is wrong with them; `done` raises all of it as one 400.

    A reader returns the value, or its default after noting the trouble. With `partial` (PATCH) nothing is required and
    `changes` holds only what was given.
    """

    def __init__(self, body: Mapping[str, Any], *, partial: bool = False) -> None:
        self.body, self.partial = body, partial
        self.errors: dict[str, Any] = {}
        self.changes: dict[str, Any] = {}

    def text(
        self, name: str, *, required: bool = False, default: str = "", blank: bool | None = None, max_length: int = 0
    ) -> str:
        """Read a string; numbers are taken as text, as the service's framework does."""
        value = self._given(name, required=required, default=default)
        if name not in self.changes:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return self.refuse(name, "Not a valid string.", default)
        text = str(value).strip()
        if not text and not (not required if blank is None else blank):
            return self.refuse(name, "This field may not be blank.", default)
        if max_length and len(text) > max_length:
            return self.refuse(name, f"Ensure this field has no more than {max_length} characters.", default)
        return self._keep(name, text)

    def choice(self, name: str, choices: Sequence[str], *, default: str, required: bool = False) -> str:
        """Read one of a few strings."""
        value = self._given(name, required=required, default=default)
        if name in self.changes and value not in choices:
            return self.refuse(name, f'"{value}" is not a valid choice.', default)
        return str(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """Read a boolean."""
        value = self._given(name, required=False, default=default)
        if not isinstance(value, bool):
            return self.refuse(name, "Must be a valid boolean.", default)
        return value

    def integer(self, name: str, *, required: bool = False, default: int | None = None, minimum: int = 0) -> int | None:
        """Read a whole number of at least `minimum`."""
        value = self._given(name, required=required, default=default)
        if name not in self.changes:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            return self.refuse(name, "A valid integer is required.", default)
        if value < minimum:
            return self.refuse(name, f"Ensure this value is greater than or equal to {minimum}.", default)
        return value

    def mapping(self, name: str, *, required: bool = False, nullable: bool = False) -> dict[str, Any]:
        """Read a JSON object; null is `{}` where allowed."""
        value = self._given(name, required=required, default={}, nullable=nullable)
        if value is None and nullable:
            return self._keep(name, dict[str, Any]())
        if not isinstance(value, dict):
            kind = type(value).__name__
            return self.refuse(name, f'Expected a dictionary of items but got type "{kind}".', dict[str, Any]())
        return value  # pyright: ignore[reportUnknownVariableType]

    def instant(self, name: str) -> float | None:
        """Read an ISO timestamp as unix seconds; absent or null is None."""
        value = self.body.get(name)
        if value is None:
            return None
        try:
            return parse_instant(value)
        except (ValueError, TypeError, AttributeError, OverflowError):
            return self.refuse(
                name, "Datetime has wrong format. Use YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].", None
            )

    def refuse(self, name: str, trouble: Any, instead: T) -> T:
        """Note what is wrong with a field and return `instead`, so that the other fields are still read."""
        self.errors[name] = [trouble] if isinstance(trouble, str) else trouble
        return instead

    def done(self) -> dict[str, Any]:
        """Raise the 400 if anything was wrong, else return the fields that were given."""
        if self.errors:
            raise ApiError(400, self.errors)
        return self.changes

    def _given(self, name: str, *, required: bool, default: Any, nullable: bool = False) -> Any:
        if name not in self.body:
            return self.refuse(name, "This field is required.", default) if required and not self.partial else default
        value = self.body[name]
        if value is None and not nullable:
            return self.refuse(name, "This field may not be null.", default)
        return self._keep(name, value)

    def _keep(self, name: str, value: T) -> T:
        self.changes[name] = value
        return value
