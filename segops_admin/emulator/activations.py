"""What happens to an activation behind its routes: the sync job and its logs.

`audience` holds what the platform has been told, so that a sync pushes only the difference (sheet, 13.4). Syncs run
one after the other: two of one connector side by side would push each other's differences.

Decisions where the sheet is silent: a log's `user_count` is the number of users pushed, entered and exited; a success
clears `error`, but does not wake a paused connector; one in `error` waits for a sync by hand or to be activated again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from segops_admin.emulator import connectors
from segops_admin.emulator.clock import iso, later
from segops_admin.emulator.jobs import JobFailedError, in_slices
from segops_admin.emulator.store import from_json

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.jobs import Job
    from segops_admin.emulator.state import State
    from segops_admin.emulator.store import Store

JOB = "activation_sync"

SCHEMA = """
CREATE TABLE IF NOT EXISTS activations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, segment_id INTEGER NOT NULL,
    connector_type TEXT NOT NULL, config TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'inactive', last_synced_at REAL,
    last_error TEXT NOT NULL DEFAULT '', created_at REAL NOT NULL, updated_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS activations_by_tenant ON activations (tenant_id, id);
CREATE INDEX IF NOT EXISTS activations_by_segment ON activations (segment_id);

CREATE TABLE IF NOT EXISTS audience (
    activation_id INTEGER NOT NULL, user_id TEXT NOT NULL, PRIMARY KEY (activation_id, user_id)) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS sync_logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, activation_id INTEGER NOT NULL, status TEXT NOT NULL,
    user_count INTEGER NOT NULL, error_message TEXT NOT NULL, synced_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS sync_logs_by_activation ON sync_logs (activation_id, id);

CREATE TRIGGER IF NOT EXISTS activations_of_segment AFTER DELETE ON segments BEGIN
    DELETE FROM activations WHERE segment_id = OLD.id;
END;
CREATE TRIGGER IF NOT EXISTS traces_of_activation AFTER DELETE ON activations BEGIN
    DELETE FROM audience WHERE activation_id = OLD.id;
    DELETE FROM sync_logs WHERE activation_id = OLD.id;
END;
"""

ROWS = """
SELECT a.*, s.name AS segment_name FROM activations a LEFT JOIN segments s ON s.id = a.segment_id WHERE a.tenant_id=?"""

_SLICE = 500
_OPEN = """
SELECT 1 FROM jobs WHERE kind=? AND tenant_id=? AND json_extract(payload, '$.activation_id')=?
    AND status IN (SELECT value FROM json_each(?))"""
_ENTERED = """
SELECT user_id FROM members WHERE tenant_id=?1 AND segment_id=?2
EXCEPT SELECT user_id FROM audience WHERE activation_id=?3"""
_EXITED = """
SELECT user_id FROM audience WHERE activation_id=?3
EXCEPT SELECT user_id FROM members WHERE tenant_id=?1 AND segment_id=?2"""


def render(row: sqlite3.Row) -> dict[str, Any]:
    """Return an activation as the wire has it, its secrets masked."""
    return {
        "id": row["id"],
        "segment": row["segment_id"],
        "segment_name": row["segment_name"],
        "connector_type": row["connector_type"],
        "config": connectors.masked(from_json(row["config"])),
        "status": row["status"],
        "last_synced_at": iso(row["last_synced_at"]),
        "last_error": row["last_error"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def start_sync(state: State, tenant_id: int, activation_id: int) -> None:
    """Queue a sync; while one is queued or runs, that one answers for both."""
    _start_unless(state, tenant_id, activation_id, '["pending", "running"]')


async def sync_after_compute(state: State, tenant_id: int, segment_id: int) -> None:
    """Queue a sync of every active connector of a segment, beside one that runs: it may have read too early."""
    sql = "SELECT id FROM activations WHERE segment_id=? AND status='active' ORDER BY id"
    for row in state.store.all(sql, segment_id):
        _start_unless(state, tenant_id, row["id"], '["pending"]')


def _start_unless(state: State, tenant_id: int, activation_id: int, statuses: str) -> None:
    if not state.store.scalar(_OPEN, JOB, tenant_id, activation_id, statuses):
        state.jobs.start(JOB, tenant_id, state.clock.now(), activation_id=activation_id)


class Syncs:
    """Runs the sync jobs of one emulator, one at a time."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._turn = asyncio.Lock()

    async def run(self, job: Job) -> None:
        """Push who entered and who left since the last sync."""
        async with self._turn:
            row = _row(self._state.store, job)
            if row is not None:
                await self._push(row)

    async def _push(self, row: sqlite3.Row) -> None:
        store, activation_id = self._state.store, row["id"]
        trouble = connectors.refusal(row["connector_type"], from_json(row["config"]))
        if trouble:
            raise JobFailedError(trouble)
        params = (row["tenant_id"], row["segment_id"], activation_id)
        entered, exited = await store.fetch(_ENTERED, params), await store.fetch(_EXITED, params)
        async for part in in_slices(entered, _SLICE):
            store.executemany("INSERT OR IGNORE INTO audience VALUES (?, ?)", [(activation_id, *user) for user in part])
        async for part in in_slices(exited, _SLICE):
            store.executemany(
                "DELETE FROM audience WHERE activation_id=? AND user_id=?", [(activation_id, *user) for user in part]
            )
        synced_at = later(self._state.clock.now(), row["last_synced_at"])
        with store.transaction():
            store.execute(
                "UPDATE activations SET last_synced_at=?, last_error='', status=iif(status='error', 'active', status)"
                " WHERE id=?",
                synced_at,
                activation_id,
            )
            _log(store, activation_id, "success", len(entered) + len(exited), "", synced_at)

    def failed(self, job: Job, error: str) -> None:
        """Show a failed sync on the connector and in its log."""
        store = self._state.store
        if _row(store, job) is not None:
            activation_id = job.payload["activation_id"]
            store.update("activations", activation_id, status="error", last_error=error)
            _log(store, activation_id, "error", 0, error, self._state.clock.now())


def _row(store: Store, job: Job) -> sqlite3.Row | None:
    return store.one(
        "SELECT * FROM activations WHERE id=? AND tenant_id=?", job.payload["activation_id"], job.tenant_id
    )


def _log(store: Store, activation_id: int, status: str, user_count: int, error: str, now: float) -> None:
    """Add a line to a connector's log, unless it was deleted meanwhile."""
    store.execute(
        "INSERT INTO sync_logs (activation_id, status, user_count, error_message, synced_at)"
        " SELECT id, ?, ?, ?, ? FROM activations WHERE id=?",
        status,
        user_count,
        error,
        now,
        activation_id,
    )
