"""What the emulator remembers about requests, for tests to read: the log and the ledger of keys.

The ledger is always kept, so that a test can prove that one logical call used one key with one body. Replaying an
answer (sheet, section 5) is another matter and off unless asked for: the published service keeps no keys yet.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import attrs
from aiohttp import web

from segops_admin.emulator.replies import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from segops_admin.emulator.store import Store

_REPLAY_WINDOW_S = 24 * 3600.0


@attrs.define
class LoggedRequest:
    """One request as it came in, and how it was answered."""

    method: str
    path: str
    """Decoded path, with `/api`."""
    raw_path: str
    """Path and query exactly as sent."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    at: float
    """Unix seconds on the emulator's clock."""
    body_size: int = 0
    tenant: str | None = None
    """Slug, once the credential was accepted."""
    idempotency_key: str | None = None
    status: int | None = None
    """None while in flight, and for good when the connection was dropped."""
    handled: bool = False
    """Whether the handler ran to its end, whatever the client then saw of it."""
    replayed: bool = False


@attrs.frozen
class LedgerEntry:
    """One use of an idempotency key."""

    method: str
    path: str
    body_hash: str
    at: float


class RequestLog(Sequence[LoggedRequest]):
    """The latest requests, oldest first. May be read while more come in: iteration walks a snapshot."""

    def __init__(self, maximum: int) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=maximum)

    def append(self, entry: LoggedRequest) -> None:
        """Add a request; the oldest gives way when there are too many."""
        self._entries.append(entry)

    def clear(self) -> None:
        """Forget all requests."""
        self._entries.clear()

    def matching(
        self, *, method: str | None = None, path: str | None = None, tenant: str | None = None
    ) -> list[LoggedRequest]:
        """Return the requests with this method, decoded path without `/api`, and tenant slug."""
        wanted = path and f"/api{path}"
        return [
            entry
            for entry in self
            if method in {None, entry.method} and wanted in {None, entry.path} and tenant in {None, entry.tenant}
        ]

    @overload
    def __getitem__(self, index: int) -> LoggedRequest: ...
    @overload
    def __getitem__(self, index: slice) -> list[LoggedRequest]: ...
    def __getitem__(self, index: int | slice) -> LoggedRequest | list[LoggedRequest]:
        return list(self._entries)[index]

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)


class Journal:
    """The bounded request log and the bounded ledger."""

    def __init__(self, *, max_requests: int = 20_000, max_keys: int = 200_000) -> None:
        self.requests = RequestLog(max_requests)
        self.ledger: OrderedDict[str, list[LedgerEntry]] = OrderedDict()
        self._max_keys = max_keys

    def note_key(self, key: str, entry: LedgerEntry) -> None:
        """Record one use of a key."""
        self.ledger.setdefault(key, []).append(entry)
        if len(self.ledger) > self._max_keys:
            self.ledger.popitem(last=False)

    def clear(self) -> None:
        """Forget all requests and keys."""
        self.requests.clear()
        self.ledger.clear()


def body_hash(body: bytes) -> str:
    """Return a short fingerprint of a request body."""
    return hashlib.blake2b(body, digest_size=16).hexdigest()


def stored_answer(store: Store, scope: tuple[int, str, str, str], fingerprint: str, now: float) -> web.Response | None:
    """Return the answer kept for (tenant, method, path, key), None for a new key; a changed body is a 422."""
    row = store.one(
        "SELECT * FROM idempotency WHERE tenant_id=? AND method=? AND path=? AND key=? AND created_at>?",
        *scope,
        now - _REPLAY_WINDOW_S,
    )
    if row is None:
        return None
    if row["body_hash"] != fingerprint:
        raise ApiError(422, "This Idempotency-Key was used with a different request body.")
    headers = {"Idempotency-Replayed": "true"}
    if not row["body"]:
        return web.Response(status=row["status"], headers=headers)
    headers["Content-Type"] = row["content_type"]
    return web.Response(status=row["status"], body=row["body"], headers=headers)


def keep_answer(
    store: Store, scope: tuple[int, str, str, str], fingerprint: str, now: float, response: web.Response
) -> None:
    """Keep an answer for replay, unless it is one a retry should be able to better (429, 5xx)."""
    if response.status == 429 or response.status >= 500:
        return
    body = response.body if isinstance(response.body, bytes) else b""
    store.execute(
        "INSERT OR REPLACE INTO idempotency VALUES (?,?,?,?,?,?,?,?,?)",
        *scope,
        fingerprint,
        response.status,
        response.headers.get("Content-Type", ""),
        body,
        now,
    )
