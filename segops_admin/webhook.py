"""Webhook deliveries: is this one from SegOps, and what does it say? Pure functions over bytes, secrets and a clock.

A delivery is signed with HMAC-SHA256 over its raw body, with the secret's UTF-8 bytes as the key (segops-api.md 14.3
[docs]). There is no replay protection on the wire: a receiver dedupes on (`segment_id`, `computed_at`).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from .errors import WebhookVerificationError
from .records.webhooks import SegmentRecomputed
from .records.wire import converter, parse

SIGNATURE_HEADER = "X-SegOps-Signature"
PREFIX = "sha256="
MAX_BODY_BYTES = 1024 * 1024
"""No real delivery comes near; a larger body is refused before it is hashed."""


def sign_webhook(body: bytes | str, secret: str) -> str:
    """Return the signature header's value for a body, as the service computes it. For tests of your own handler."""
    return PREFIX + hmac.new(secret.encode(), _as_bytes(body), hashlib.sha256).hexdigest()


def verify_webhook(body: bytes | str, signature: str | None, secret: str | None) -> bool:
    """Return whether a body was signed with a secret; never raises.

    signature: the header's value, with or without `sha256=` (C20). False when it or the secret is missing.
    Source: segops-api.md 14.3 [docs] [sdk].
    """
    if not isinstance(signature, str) or not isinstance(secret, str) or not signature or not secret:
        return False
    try:
        return _matches(_checked_body(body), signature, secret)
    except WebhookVerificationError:
        return False


def parse_webhook(
    body: bytes | str,
    signature: str | None,
    secrets: str | Iterable[str],
    *,
    max_age: float | None = None,
    now: datetime | None = None,
) -> SegmentRecomputed:
    """Return the event a delivery tells of, once it is sure to come from SegOps.

    body: the raw bytes as received; parsing and writing them again would break the signature.
    secrets: one, or several while they are being rotated.
    max_age: seconds that `computed_at` may lie in the past or in the future; None for any age.
    Raises WebhookVerificationError, and nothing else, whatever the input.
    Source: segops-api.md 14.2 and 14.3 [docs].
    """
    raw = _checked_body(body)
    known = _checked_secrets(secrets)
    if not _is_age(max_age):
        raise WebhookVerificationError("max_age must be a number of seconds from 0 up, or None for any age.")
    if not isinstance(signature, str) or not signature.strip():
        raise WebhookVerificationError(f"The delivery has no {SIGNATURE_HEADER} header; it is not signed.")
    if sum(_matches(raw, signature, secret) for secret in known) == 0:  # all are tried: time tells nothing
        raise WebhookVerificationError(
            f"The signature matches none of the {len(known)} secret(s). Is the raw body passed, and the right secret?"
        )
    event = _read_event(raw)
    if max_age is not None:
        _check_age(event, max_age, datetime.now(timezone.utc) if now is None else now)
    return event


def _checked_body(body: object) -> bytes:
    if not isinstance(body, (bytes, bytearray, str)):
        raise WebhookVerificationError(f"The body must be the raw bytes received, not {type(body).__name__}.")
    try:
        raw = _as_bytes(body)
    except UnicodeError as error:
        raise WebhookVerificationError("The body is not valid Unicode text; pass the raw bytes received.") from error
    if len(raw) > MAX_BODY_BYTES:
        raise WebhookVerificationError(f"The body has {len(raw):,} bytes; no delivery is that large.")
    return raw


def _checked_secrets(secrets: object) -> list[str]:
    given: Iterable[Any] = [secrets] if isinstance(secrets, str) else secrets if isinstance(secrets, Iterable) else []  # pyright: ignore[reportUnknownVariableType]
    known: list[str] = []
    with suppress(Exception):  # an iterable that breaks is no good one, whatever it raises
        known = [secret for secret in given if isinstance(secret, str) and secret]
    if not known:
        raise WebhookVerificationError("No secret to verify with: pass one, or several while they are rotated.")
    return known


def _matches(body: bytes, signature: str, secret: str) -> bool:
    """Compare in constant time; text that is not ASCII matches nothing."""
    try:
        given = signature.strip().encode("ascii")
        key = secret.encode()
    except UnicodeError:
        return False
    expected = hmac.new(key, body, hashlib.sha256).hexdigest().encode()
    return hmac.compare_digest(given.removeprefix(PREFIX.encode()), expected)


def _as_bytes(body: bytes | bytearray | str) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)


def _read_event(raw: bytes) -> SegmentRecomputed:
    try:
        event = converter().structure(parse(raw), SegmentRecomputed)
    except Exception as error:
        raise WebhookVerificationError("The delivery is signed, but its body is not an event we know.") from error
    if event.event != "segment.recomputed":
        raise WebhookVerificationError(f"The delivery is signed, but tells of an unknown event, {event.event[:40]!r}.")
    return event


def _is_age(max_age: object) -> bool:
    return max_age is None or (
        isinstance(max_age, (int, float)) and not isinstance(max_age, bool) and max_age >= 0  # not so NaN
    )


def _check_age(event: SegmentRecomputed, max_age: float, now: datetime) -> None:
    try:
        age_s = (now - event.computed_at).total_seconds()
    except Exception as error:
        raise WebhookVerificationError("now must be a datetime with a time zone.") from error
    if not abs(age_s) <= max_age:
        when = f"{age_s:.0f} s old" if age_s > 0 else f"{-age_s:.0f} s in the future"
        raise WebhookVerificationError(f"The delivery is {when}; {max_age:g} s are allowed.")
