"""What happens to a segment behind its routes: evaluation, the compute job, membership, the export file."""

from __future__ import annotations

import csv
import importlib
import io
from typing import TYPE_CHECKING, Any

from segops_admin.emulator.clock import iso, later
from segops_admin.emulator.definition import CompiledQuery, DefinitionError, compile_definition
from segops_admin.emulator.jobs import JobFailedError, in_slices
from segops_admin.emulator.replies import ApiError, not_found
from segops_admin.emulator.store import from_json

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.jobs import Job
    from segops_admin.emulator.state import State
    from segops_admin.emulator.store import Store

LINK_S = 3600.0
"""How long a download link lives."""

_SLICE = 500
_PUT_MEMBER = """
INSERT INTO members (tenant_id, segment_id, user_id, computed_at) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET computed_at = excluded.computed_at"""
_DROP_STALE = """
DELETE FROM members WHERE (tenant_id, segment_id, user_id) IN (
    SELECT tenant_id, segment_id, user_id FROM members
    WHERE tenant_id=? AND segment_id=? AND computed_at<? LIMIT ?)"""
_COUNT_STALE = "SELECT COUNT(*) FROM members WHERE tenant_id=? AND segment_id=? AND computed_at<?"
_MEMBERS = "SELECT user_id, computed_at FROM members WHERE tenant_id=? AND segment_id=? ORDER BY user_id"


def segment_row(store: Store, tenant_id: int, segment_id: int) -> sqlite3.Row:
    """Return a tenant's segment, or raise the 404."""
    row = store.one("SELECT * FROM segments WHERE id=? AND tenant_id=?", segment_id, tenant_id)
    if row is None:
        raise not_found("No Segment matches the given query.")
    return row


def render_segment(row: sqlite3.Row) -> dict[str, Any]:
    """Return a segment as the wire has it."""
    return {
        "id": row["id"],
        "tenant": row["tenant_id"],
        "name": row["name"],
        "description": row["description"],
        "segment_type": row["segment_type"],
        "definition": from_json(row["definition"]),
        "is_active": bool(row["is_active"]),
        "member_count": row["member_count"],
        "last_computed_at": iso(row["last_computed_at"]),
        "status": row["status"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }


def compiled(definition: Any, *, tenant_id: int, now: float) -> CompiledQuery:
    """Return the query of a definition, or raise the 400 that says where it is wrong."""
    try:
        return compile_definition(definition, tenant_id=tenant_id, now=now)
    except DefinitionError as error:
        raise ApiError(400, {"definition": error.errors}) from error


async def matching_users(state: State, definition: Any, tenant_id: int) -> tuple[list[str], str]:
    """Return the ids of the users a definition matches now, in order, and the SQL that found them."""
    query = compiled(definition, tenant_id=tenant_id, now=state.clock.now())
    rows = await state.store.fetch(query.sql, query.params)
    return [row[0] for row in rows], query.sql


async def compute(state: State, job: Job) -> None:
    """Replace a segment's membership by who matches now.

    Rows are written in slices, so a reader sees old and new members mixed while `status` is "computing".
    """
    segment_id, store = job.payload["segment_id"], state.store
    row = store.one("SELECT * FROM segments WHERE id=? AND tenant_id=?", segment_id, job.tenant_id)
    if row is None:
        return
    store.update("segments", segment_id, status="computing")
    try:
        users, _ = await matching_users(state, from_json(row["definition"]), job.tenant_id)
    except ApiError as error:
        raise JobFailedError(str(error.body)) from error
    computed_at = later(state.clock.now(), row["last_computed_at"])
    async for part in in_slices(users, _SLICE):
        store.executemany(_PUT_MEMBER, [(job.tenant_id, segment_id, user, computed_at) for user in part])
    stale = store.scalar(_COUNT_STALE, job.tenant_id, segment_id, computed_at)
    async for _ in in_slices(range(0, stale, _SLICE), 1):
        store.execute(_DROP_STALE, job.tenant_id, segment_id, computed_at, _SLICE)
    store.update("segments", segment_id, status="computed", member_count=len(users), last_computed_at=computed_at)
    for follow_up in state.hooks.after_compute:
        await follow_up(state, job.tenant_id, segment_id)


def compute_failed(state: State, job: Job, _error: str) -> None:
    """Let a segment be computed again after a failed run; its old membership stays."""
    state.store.execute(
        "UPDATE segments SET status = iif(last_computed_at IS NULL, 'draft', 'computed') WHERE id=?",
        job.payload["segment_id"],
    )


def export_failed(state: State, job: Job, _error: str) -> None:
    """Show a failed export as failed."""
    state.store.update("exports", job.payload["export_id"], status="failed")


async def export(state: State, job: Job) -> None:
    """Write the membership to a file and open its link for an hour."""
    export_id, store = job.payload["export_id"], state.store
    row = store.one("SELECT * FROM exports WHERE id=?", export_id)
    if row is None:
        return
    store.update("exports", export_id, status="processing")
    write = write_csv if row["format"] == "csv" else write_parquet
    params = (job.tenant_id, row["segment_id"])
    content = await store.read(lambda connection: write(connection.execute(_MEMBERS, params)))
    store.update("exports", export_id, status="complete", content=content, expires_at=state.clock.now() + LINK_S)


def write_csv(members: sqlite3.Cursor) -> bytes:
    """Return members as CSV with a header row."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(("user_id", "computed_at"))
    writer.writerows((row["user_id"], iso(row["computed_at"])) for row in members)
    return text.getvalue().encode()


def write_parquet(members: sqlite3.Cursor) -> bytes:
    """Return members as Parquet with Snappy; needs pyarrow."""
    pyarrow: Any = importlib.import_module("pyarrow")  # optional, and without types
    parquet: Any = importlib.import_module("pyarrow.parquet")

    rows = members.fetchall()
    columns = {"user_id": [row["user_id"] for row in rows], "computed_at": [iso(row["computed_at"]) for row in rows]}
    sink = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), sink, compression="snappy")
    return sink.getvalue()
