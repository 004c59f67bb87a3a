"""Tells a tenant's webhooks about a finished compute: body, signature, one POST each, and what came of it.

Sheet, sections 14.2, 14.3 and 26. Each compute with somebody to tell queues a job, so that a slow receiver holds up
nothing else and a test can hold, delay or fail it. A delivery is recorded before it is sent: a job that is run again
after a restart finds it and does not send a second time.
"""

from __future__ import annotations

import asyncio
import hmac
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson

from segops_admin.emulator.clock import iso

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from segops_admin.emulator.jobs import Job
    from segops_admin.emulator.state import State
    from segops_admin.emulator.store import Store

JOB = "webhook_delivery"
SIGNATURE_HEADER = "X-SegOps-Signature"
TIMEOUT_S = 10.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS webhooks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, url TEXT NOT NULL,
    secret TEXT NOT NULL DEFAULT '', description TEXT NOT NULL DEFAULT '', is_active INTEGER NOT NULL DEFAULT 1,
    created_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS webhooks_by_tenant ON webhooks (tenant_id, id);

CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, job_id INTEGER NOT NULL,
    webhook_id INTEGER NOT NULL, url TEXT NOT NULL, body TEXT NOT NULL, signature TEXT, status INTEGER, error TEXT,
    sent_at REAL NOT NULL, UNIQUE (job_id, webhook_id));
"""

_ACTIVE = "SELECT * FROM webhooks WHERE tenant_id=? AND is_active ORDER BY id"
_SUBJECT = """
SELECT s.id, s.name, s.member_count, s.last_computed_at, t.slug FROM segments s JOIN tenants t ON t.id = s.tenant_id
WHERE s.id=? AND s.tenant_id=?"""
_NOTE = """
INSERT OR IGNORE INTO deliveries (tenant_id, job_id, webhook_id, url, body, signature, sent_at)
VALUES (?, ?, ?, ?, ?, ?, ?)"""

_INTERRUPTED = """
UPDATE deliveries SET error = 'Interrupted by a restart of the emulator.'
WHERE job_id=? AND webhook_id=? AND status IS NULL AND error IS NULL"""


def sign(body: bytes, secret: str) -> str | None:
    """Return the signature header of a body, None without a secret."""
    return f"sha256={hmac.digest(secret.encode(), body, 'sha256').hex()}" if secret else None


def event_body(tenant_slug: str, segment_id: int, name: str, member_count: int, computed_at: str | None) -> bytes:
    """Return the body of a delivery: compact JSON, the keys in the sheet's order."""
    return orjson.dumps(
        {
            "event": "segment.recomputed",
            "tenant_slug": tenant_slug,
            "segment_id": segment_id,
            "segment_name": name,
            "member_count": member_count,
            "computed_at": computed_at,
        }
    )


async def queue_after_compute(state: State, tenant_id: int, segment_id: int) -> None:
    """Queue the deliveries of one compute, if anybody listens."""
    if state.store.one(_ACTIVE, tenant_id) is not None:
        computed_at = state.store.scalar("SELECT last_computed_at FROM segments WHERE id=?", segment_id)
        state.jobs.start(JOB, tenant_id, state.clock.now(), segment_id=segment_id, computed_at=computed_at)


async def run(state: State, job: Job) -> None:
    """Send one compute's deliveries side by side; the member count is the one stored now."""
    segment = state.store.one(_SUBJECT, job.payload["segment_id"], job.tenant_id)
    webhooks = state.store.all(_ACTIVE, job.tenant_id)
    if segment is None or not webhooks:
        return
    computed_at = iso(job.payload["computed_at"])
    body = event_body(segment["slug"], segment["id"], segment["name"], segment["member_count"], computed_at)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        await asyncio.gather(*(_deliver(state, session, job, webhook, body) for webhook in webhooks))


async def _deliver(state: State, session: aiohttp.ClientSession, job: Job, webhook: sqlite3.Row, body: bytes) -> None:
    """Send one delivery, once, and record the answer's status or what kept it from coming."""
    signature = sign(body, webhook["secret"])
    noted = state.store.execute(
        _NOTE, job.tenant_id, job.id, webhook["id"], webhook["url"], body.decode(), signature, state.clock.now()
    )
    if not noted.rowcount:
        state.store.execute(_INTERRUPTED, job.id, webhook["id"])
        return
    headers = {"Content-Type": "application/json", **({SIGNATURE_HEADER: signature} if signature else {})}
    status, error = None, None
    try:
        async with session.post(webhook["url"], data=body, headers=headers, allow_redirects=False) as response:
            status = response.status
    except asyncio.TimeoutError:
        error = f"No answer within {TIMEOUT_S:g} s."
    except (aiohttp.ClientError, OSError, ValueError) as trouble:
        error = f"{type(trouble).__name__}: {trouble}"
    state.store.update("deliveries", noted.lastrowid or 0, status=status, error=error)


def delivered(store: Store, tenant_slug: str | None) -> Sequence[dict[str, Any]]:
    """Return the deliveries so far, oldest first, of one tenant if named; status and error are null in flight."""
    rows = store.all(
        "SELECT d.*, t.slug FROM deliveries d JOIN tenants t ON t.id = d.tenant_id"
        " WHERE ?1 IS NULL OR t.slug=?1 ORDER BY d.id",
        tenant_slug,
    )
    return [
        {
            "id": row["id"],
            "tenant": row["slug"],
            "webhook_id": row["webhook_id"],
            "url": row["url"],
            "body": row["body"],
            "signature": row["signature"],
            "status": row["status"],
            "error": row["error"],
            "at": iso(row["sent_at"]),
        }
        for row in rows
    ]
