"""Typed, async-first admin SDK for SegOps, with a blocking mirror.

    from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin

Names are loaded when they are first used, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from . import dsl, errors, webhook
    from .client import AsyncSegOpsAdmin
    from .core.deadline import deadline
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
    from .records.activations import Activation
    from .records.bulk import BulkUpsertResult
    from .records.page import Page, Paginated
    from .records.pages import GeneratedPage
    from .records.product_segments import ProductSegment
    from .records.products import Product
    from .records.queries import AIQuery
    from .records.schemas import EventSchema
    from .records.segments import ExportJob, Segment
    from .records.webhooks import SegmentRecomputed
    from .sync import SegOpsAdmin
    from .webhook import parse_webhook, sign_webhook, verify_webhook

__all__ = [
    "AIQuery",
    "Activation",
    "AsyncSegOpsAdmin",
    "BulkUpsertError",
    "BulkUpsertResult",
    "CallEvent",
    "EventSchema",
    "ExportJob",
    "GeneratedPage",
    "Page",
    "Paginated",
    "Product",
    "ProductSegment",
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
    "Segment",
    "SegmentRecomputed",
    "WebhookVerificationError",
    "__version__",
    "deadline",
    "dsl",
    "errors",
    "parse_webhook",
    "sign_webhook",
    "verify_webhook",
    "webhook",
]

MODULES = ("dsl", "errors", "webhook")
"""Modules that are reached without an import of their own."""

HOMES = {
    "AIQuery": "records.queries",
    "Activation": "records.activations",
    "AsyncSegOpsAdmin": "client",
    "BulkUpsertResult": "records.bulk",
    "CallEvent": "core.events",
    "EventSchema": "records.schemas",
    "ExportJob": "records.segments",
    "GeneratedPage": "records.pages",
    "Page": "records.page",
    "Paginated": "records.page",
    "Product": "records.products",
    "ProductSegment": "records.product_segments",
    "SegOpsAdmin": "sync",
    "Segment": "records.segments",
    "SegmentRecomputed": "records.webhooks",
    "deadline": "core.deadline",
    "parse_webhook": "webhook",
    "sign_webhook": "webhook",
    "verify_webhook": "webhook",
}
"""Where a public name lives; all others are errors."""


def __getattr__(name: str) -> Any:
    if name in MODULES:
        return import_module(f".{name}", __name__)
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{HOMES.get(name, 'errors')}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
