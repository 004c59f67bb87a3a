"""An answer outside 2xx, made an error that says what was tried, what came back and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import BODY_EXCERPT, SegOpsApiError, advice_for_status, class_for_status
from ..records.base import is_array, is_object
from .codec import decode_json, excerpt
from .retry import outcome_unknown, retry_after_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .response import Response


MAX_DEPTH = 32
"""A definition within a definition, and then some."""


def error_from(response: Response, *, attempts: int, advice: Mapping[int, str] | None = None) -> SegOpsApiError:
    """Build the error of a refusal; the body may be JSON, HTML or nothing (segops-api.md 3.1).

    advice: what to do, by status, where that is not what it is for other calls.
    """
    request = response.request
    body = decode_json(response)
    hint_s = retry_after_s(response)
    sentences = [f"{request.method} {request.path} answered {response.status}: {_complaint(body, response)}"]
    if attempts > 1:
        sentences.append(f"Sent {attempts} times.")
    if hint_s is not None:
        sentences.append(f"The server asks to wait {hint_s:.0f} s.")
    if outcome_unknown(response):
        sentences.append("It may have taken effect: look before sending it again.")
    sentences.append((advice or {}).get(response.status) or advice_for_status(response.status))
    return class_for_status(response.status)(
        " ".join(sentence for sentence in sentences if sentence),
        status=response.status,
        body=body,
        method=request.method,
        url=response.url,
        headers=LowerCaseHeaders(response.headers),
        attempts=attempts,
        retry_after=hint_s,
    )


class LowerCaseHeaders(dict[str, str]):
    """Headers that survive pickling; names in lower case, looked up in any case."""

    def __init__(self, headers: Any = ()) -> None:
        super().__init__({name.lower(): value for name, value in dict(headers).items()})

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """Return a header whatever the case of its name."""
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(name.lower())


def _complaint(body: Any, response: Response) -> str:
    """Say in words what the server complains about."""
    if is_object(body):
        detail = body.get("detail")
        text = str(detail) if isinstance(detail, str) else words(body)
    elif isinstance(body, str) and "<" in body[:100]:
        text = f"a page of {response.headers.get('Content-Type', 'unknown type')}, not the API's JSON"
    else:
        text = excerpt(response.body) or "no explanation"
    if 300 <= response.status < 400:
        text = f"a redirect to {response.headers.get('Location', 'nowhere')!r}, which is not followed"
    text = text[:BODY_EXCERPT]
    return text if text.endswith((".", "!", "?")) else text + "."


def words(errors: Any) -> str:
    """Say nested field errors in one line."""
    return "; ".join(_flattened(errors, ""))


def _flattened(errors: Any, where: str, depth: int = 0) -> list[str]:
    """Give nested field errors as `conditions.0.operator: text`; what is nested beyond all reason stays unread."""
    if depth > MAX_DEPTH:
        return [f"{where}: …"]
    if is_object(errors):
        return [
            line
            for name, inner in errors.items()
            for line in _flattened(inner, f"{where}.{name}" if where else str(name), depth + 1)
        ]
    if is_array(errors) and any(is_object(item) or is_array(item) for item in errors):
        return [line for index, inner in enumerate(errors) for line in _flattened(inner, f"{where}.{index}", depth + 1)]
    texts = errors if is_array(errors) else [errors]
    said = " ".join(str(text) for text in texts)
    return [f"{where}: {said}" if where else said] if texts else []
