"""Misbehaviour on request: a list of rules a test sets, each saying which requests go wrong and how.

    emu.faults.add(method="GET", path="/segments/", status=503, times=2, headers={"Retry-After": "1"}, body="<html>")
    emu.faults.add(path="/pim/**", delay=0.2)
    emu.faults.add(method="POST", path="/pim/products/bulk/", drop="after", probability=0.1, seed=7)
    emu.faults.add(job="segment_export", error="Disk full.", times=1)

Paths are written without `/api`; `*` and `{name}` stand for one segment, `**` for any rest. Every matching rule counts,
but of those that answer in place of the handler (`status`, `drop="before"`) the first one wins.
"""

from __future__ import annotations

import random
import re
import threading
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Literal

import attrs
import orjson
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segops_admin.emulator.clock import Clock

Drop = Literal["before", "after", "reset"]


@attrs.define(eq=False)
class Fault:
    """One rule: which requests, how often, and what happens to them."""

    job: str | None = None
    """Kind of background job (`segment_compute`, `segment_export`, …) it concerns instead of requests."""
    error: str | None = None
    """What such a job fails with; without it the job is only delayed."""
    method: str | None = None
    path: str | None = None
    tenant: str | None = None
    """Slug of the only tenant concerned, so that tests can share an emulator."""
    times: int | None = None
    """How many requests it hits; None is without end."""
    after: int = 0
    """How many matching requests pass unharmed first."""
    probability: float = 1.0
    seed: int = 0
    status: int | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str])
    body: Any = None
    """Text or bytes go out as they are (HTML unless `headers` says otherwise), anything else as JSON."""
    retry_after: float | str | None = None
    """Seconds, or ready text, for a `Retry-After` header."""
    retry_after_date: bool = False
    """Write those seconds as an HTTP date."""
    delay: float = 0.0
    """Seconds to wait before the request is handled."""
    drop: Drop | None = None
    """Close the connection: before or after the request is processed; `reset` aborts it before (TCP RST)."""
    truncate: int | None = None
    """Send only so many bytes of the answer, then close."""
    rewrite_next: str | None = None
    """Origin put before `next` and `previous`, as a proxy with a wrong idea of its host does."""
    swap: bool = False
    """Send an envelope as a bare list and a bare list as an envelope."""
    id_key: str | None = None
    """Rename the answer's `id`, `job_id` or `export_id` to this."""
    hits: int = 0
    """How many requests it has hit so far."""
    _seen: int = attrs.field(default=0, init=False)
    _dice: random.Random = attrs.field(init=False, repr=False)
    _pattern: re.Pattern[str] | None = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._dice = random.Random(self.seed)  # noqa: S311  repeatable, not secret
        self._pattern = None if self.path is None else _compile(self.path)

    def strikes(self, method: str, path: str, tenant: str | None) -> bool:
        """Tell whether this request is hit, and count it."""
        if self.job is not None or (self.method and self.method.upper() != method):
            return False
        if self._pattern and not self._pattern.fullmatch(path):
            return False
        return self._counts(tenant)

    def strikes_job(self, kind: str, tenant: str | None) -> bool:
        """Tell whether this job is hit, and count it."""
        return self.job == kind and self._counts(tenant)

    def _counts(self, tenant: str | None) -> bool:
        if self.tenant and self.tenant != tenant:
            return False
        self._seen += 1
        if self._seen <= self.after or (self.times is not None and self.hits >= self.times):
            return False
        if self.probability < 1.0 and self._dice.random() >= self.probability:
            return False
        self.hits += 1
        return True

    def answer(self, clock: Clock) -> web.Response:
        """Return the answer sent in the handler's place."""
        headers = dict(self.headers)
        if self.retry_after is not None:
            headers["Retry-After"] = self._retry_after(clock)
        if isinstance(self.body, str | bytes):
            content = self.body.encode() if isinstance(self.body, str) else self.body
            headers.setdefault("Content-Type", "text/html; charset=utf-8")
        else:
            content = orjson.dumps({"detail": "Fault."} if self.body is None else self.body)
            headers.setdefault("Content-Type", "application/json")
        return web.Response(status=self.status or 500, body=content, headers=headers)

    def reshape(self, response: web.Response) -> None:
        """Change a JSON answer the way `rewrite_next`, `swap` and `id_key` say."""
        if response.content_type != "application/json" or not isinstance(response.body, bytes) or not response.body:
            return
        data: Any = orjson.loads(response.body)
        if isinstance(data, dict):
            data = self._renamed(data)  # pyright: ignore[reportUnknownArgumentType]
        response.body = orjson.dumps(_swapped(data) if self.swap else data)

    def _renamed(self, data: dict[str, Any]) -> dict[str, Any]:
        if self.rewrite_next:
            links = {name: data[name] for name in ("next", "previous") if data.get(name)}
            data = {**data, **{name: self.rewrite_next.rstrip("/") + link for name, link in links.items()}}
        if self.id_key:
            data = {self.id_key if name in _ID_KEYS else name: value for name, value in data.items()}
        return data

    def _retry_after(self, clock: Clock) -> str:
        if self.retry_after_date and not isinstance(self.retry_after, str):
            return formatdate(clock.now() + float(self.retry_after or 0), usegmt=True)
        return str(self.retry_after)


class Faults:
    """The rules in force. Safe to change from any thread; `handler` sees each change with the next request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: tuple[Fault, ...] = ()

    def add(self, **rule: Any) -> Fault:
        """Add a rule (the fields of `Fault`) and return it; its `hits` tells how often it struck."""
        fault = Fault(**rule)
        with self._lock:
            self._rules = (*self._rules, fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take one rule back."""
        with self._lock:
            self._rules = tuple(rule for rule in self._rules if rule is not fault)

    def clear(self) -> None:
        """Take all rules back."""
        with self._lock:
            self._rules = ()

    def striking(self, method: str, path: str, tenant: str | None) -> list[Fault]:
        """Return the rules that hit this request, counting each."""
        if not self._rules:
            return []
        with self._lock:
            return [rule for rule in self._rules if rule.strikes(method, path, tenant)]

    def striking_job(self, kind: str, tenant: str | None) -> list[Fault]:
        """Return the rules that hit a background job about to run, counting each."""
        with self._lock:
            return [rule for rule in self._rules if rule.strikes_job(kind, tenant)]

    def __len__(self) -> int:
        return len(self._rules)


_ID_KEYS = frozenset({"id", "job_id", "export_id"})
_PATTERN_PARTS = re.compile(r"(\*\*|\*|\{\w+\})")


def _compile(path: str) -> re.Pattern[str]:
    parts = _PATTERN_PARTS.split(path)
    wild = {"**": ".*"}
    return re.compile(
        "".join(re.escape(part) if i % 2 == 0 else wild.get(part, "[^/]+") for i, part in enumerate(parts))
    )


def _swapped(data: Any) -> Any:
    if isinstance(data, list):
        items: list[Any] = data  # pyright: ignore[reportUnknownVariableType]
        return {"count": len(items), "next": None, "previous": None, "results": items}
    if isinstance(data, dict):
        envelope: dict[str, Any] = data  # pyright: ignore[reportUnknownVariableType]
        return envelope["results"] if isinstance(envelope.get("results"), list) else envelope
    return data
