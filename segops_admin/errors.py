"""Every exception a caller can meet, in one tree.

    SegOpsError
    ├── SegOpsConfigError            a key, root or option that cannot work; nothing was sent
    │   └── SegOpsInputError         an argument, body or file that cannot be used; also a ValueError
    ├── SegOpsConnectionError        no whole answer arrived
    │   └── SegOpsTimeoutError       the call's time was up
    ├── SegOpsApiError               the server answered, and refused
    │   ├── SegOpsBadRequestError        400
    │   ├── SegOpsAuthenticationError    401
    │   ├── SegOpsPermissionError        403
    │   ├── SegOpsNotFoundError          404
    │   ├── SegOpsConflictError          409
    │   ├── SegOpsRateLimitError         429
    │   └── SegOpsServerError            5xx
    ├── SegOpsDecodeError            the server answered something other than the object promised
    ├── SegOpsJobError               a job failed, or we stopped waiting for it
    ├── BulkUpsertError              an import stopped before its end
    └── WebhookVerificationError     a delivery that must not be trusted

Split by what the caller can do: fix the input, log in, wait, give up. Facts are attributes; the message says what was
tried, what came back and what to do. Errors survive pickling, so that they can cross a process pool.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from .records.base import is_object

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .records.bulk import BulkUpsertResult

BODY_EXCERPT = 300
"""Characters of an unexpected body that a message quotes."""


def _rebuild(cls: type[SegOpsError], args: tuple[Any, ...], state: dict[str, Any]) -> SegOpsError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class SegOpsError(Exception):
    """The root of all errors of this library."""

    job: Any = None
    """The job as it was last seen, of an error in the middle of long work; its id is the way back to it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


class SegOpsConfigError(SegOpsError):
    """A key, root or option that cannot work. Raised before anything is sent."""


class SegOpsInputError(SegOpsConfigError, ValueError):
    """An argument, body or file that cannot be sent, or a file that cannot be written."""


class SegOpsConnectionError(SegOpsError):
    """No whole answer arrived: refused, unresolved, cut, or not HTTP."""

    outcome_unknown: bool
    """True when the request may have reached the server, so its effect may have happened."""
    may_pass: bool = True
    """False where trying again cannot help: a certificate that is not trusted."""
    waits_s: tuple[float, ...] = ()
    """Seconds of each wait: between attempts, for our own quota, at the server's gate."""
    reasons: tuple[str, ...] = ()
    """What each failed attempt came to, oldest first."""

    def __init__(
        self,
        message: str,
        *,
        method: str = "",
        url: str = "",
        attempts: int = 0,
        idempotency_key: str | None = None,
        outcome_unknown: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.method = method
        self.url = url
        self.attempts = attempts
        self.idempotency_key = idempotency_key
        self.outcome_unknown = outcome_unknown
        self.retry_after = retry_after


class SegOpsTimeoutError(SegOpsConnectionError):
    """The call's whole time was up: waiting for a connection, attempts, sleeps and reading included."""


class SegOpsApiError(SegOpsError):
    """The server answered with a status outside 2xx."""

    waits_s: tuple[float, ...] = ()
    """Seconds of each wait: between attempts, for our own quota, at the server's gate."""
    reasons: tuple[str, ...] = ()
    """What each failed attempt came to, oldest first."""

    def __init__(
        self,
        message: str,
        status: int,
        body: Any = None,
        *,
        method: str = "",
        url: str = "",
        headers: Mapping[str, str] | None = None,
        attempts: int = 1,
        retry_after: float | None = None,
        idempotency_key: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        """The parsed JSON of the answer, or its text."""
        self.method = method
        self.url = url
        self.headers: Mapping[str, str] = headers if headers is not None else {}
        self.attempts = attempts
        """How often the request was sent in all."""
        self.retry_after = retry_after
        """Seconds the server asked us to wait, if it did."""
        self.idempotency_key = idempotency_key


class SegOpsBadRequestError(SegOpsApiError):
    """400: the server found the input malformed or invalid."""

    @property
    def field_errors(self) -> dict[str, Any]:
        """Complaints by field, as the server nested them; empty when it blamed no field."""
        body = self.body if is_object(self.body) else {}
        return {name: what for name, what in body.items() if name != "detail"}


class SegOpsAuthenticationError(SegOpsApiError):
    """401: no key, an unknown one, or a revoked one."""


class SegOpsPermissionError(SegOpsApiError):
    """403: the key is good, but its role or plan does not allow this."""


class SegOpsNotFoundError(SegOpsApiError):
    """404: no such object in the key's tenant."""


class SegOpsConflictError(SegOpsApiError):
    """409: the object is in a state that does not allow this."""


class SegOpsRateLimitError(SegOpsApiError):
    """429: a rate or quota limit; `.retry_after` says for how long."""


class SegOpsServerError(SegOpsApiError):
    """5xx: the server, or something before it, failed."""


BY_STATUS: Mapping[int, type[SegOpsApiError]] = {
    400: SegOpsBadRequestError,
    401: SegOpsAuthenticationError,
    403: SegOpsPermissionError,
    404: SegOpsNotFoundError,
    409: SegOpsConflictError,
    429: SegOpsRateLimitError,
}

ADVICE: Mapping[int, str] = {
    400: "Correct the fields named and send it again.",
    401: "Check that SEGOPS_API_KEY holds a live sk_ key of this workspace.",
    403: "The key's role or plan does not allow this; ask a workspace admin.",
    404: "Check the id: objects of other workspaces look the same as none.",
    405: "This object does not take that method; updates of it go by PATCH.",
    409: "Read the object again, then decide.",
    413: "Send less in one request.",
    429: "Wait as long as asked, or send less.",
    503: "Try again later.",
}


def class_for_status(status: int) -> type[SegOpsApiError]:
    """Return the error class of an HTTP status; an unknown status falls to the nearest parent."""
    return BY_STATUS.get(status) or (SegOpsServerError if 500 <= status < 600 else SegOpsApiError)


def advice_for_status(status: int) -> str:
    """Return what a person can do about a status; empty when there is nothing to say."""
    return ADVICE.get(status, "Try again later; if it stays, tell the service's support." if status >= 500 else "")


class SegOpsDecodeError(SegOpsError):
    """The answer is not the object promised; the message names record and field."""

    def __init__(
        self, message: str, *, record: str = "", path: str = "", method: str = "", url: str = "", body: str = ""
    ) -> None:
        super().__init__(message)
        self.record = record
        """Name of the record that could not be built."""
        self.path = path
        """Where in it, as in `$.results[3].name`; empty when the whole body is wrong."""
        self.method = method
        self.url = url
        self.body = body
        """The first characters of what came."""


class SegOpsJobError(SegOpsError):
    """A job failed (`reason == "failed"`) or did not end in time (`reason == "timeout"`; it goes on at the server)."""

    def __init__(
        self,
        message: str,
        *,
        reason: Literal["failed", "timeout"],
        job: Any = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.job = job
        """The job's last known record, if any was seen."""
        self.retry_after = retry_after
        """Seconds the server asked us not to look for, where that is why we stopped waiting."""


class BulkUpsertError(SegOpsError):
    """An import stopped before its end; `.result` says how far it came."""

    def __init__(self, message: str, *, result: BulkUpsertResult) -> None:
        super().__init__(message)
        self.result = result


class WebhookVerificationError(SegOpsError):
    """A webhook delivery that must not be trusted, whatever was wrong with it."""
