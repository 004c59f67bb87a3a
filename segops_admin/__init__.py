"""Typed, async-first admin SDK for SegOps, with a blocking mirror.

    from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin

Names are loaded when they are first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from .client import AsyncSegOpsAdmin
    from .core.events import CallEvent
    from .errors import (
        BulkUpsertError,
        SegOpsApiError,
        SegOpsAuthenticationError,
        SegOpsBadRequestError,
        SegOpsConfigError,
        SegOpsConflictError,
        SegOpsConnectionError,
        SegOpsDecodeError,
        SegOpsError,
        SegOpsInputError,
        SegOpsJobError,
        SegOpsNotFoundError,
        SegOpsPermissionError,
        SegOpsRateLimitError,
        SegOpsServerError,
        SegOpsTimeoutError,
        WebhookVerificationError,
    )
    from .records.page import Page
    from .sync import SegOpsAdmin

__all__ = [
    "AsyncSegOpsAdmin",
    "BulkUpsertError",
    "CallEvent",
    "Page",
    "SegOpsAdmin",
    "SegOpsApiError",
    "SegOpsAuthenticationError",
    "SegOpsBadRequestError",
    "SegOpsConfigError",
    "SegOpsConflictError",
    "SegOpsConnectionError",
    "SegOpsDecodeError",
    "SegOpsError",
    "SegOpsInputError",
    "SegOpsJobError",
    "SegOpsNotFoundError",
    "SegOpsPermissionError",
    "SegOpsRateLimitError",
    "SegOpsServerError",
    "SegOpsTimeoutError",
    "WebhookVerificationError",
    "__version__",
]

HOMES = {
    "AsyncSegOpsAdmin": "client",
    "CallEvent": "core.events",
    "Page": "records.page",
    "SegOpsAdmin": "sync",
}
"""Where a public name lives; all others are errors."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{HOMES.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
