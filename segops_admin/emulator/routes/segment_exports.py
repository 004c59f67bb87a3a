"""A segment's membership as a file: start, poll, download (sheet, section 8.9)."""

from __future__ import annotations

import importlib.util
import secrets
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from segops_admin.emulator import segments
from segops_admin.emulator.clock import iso
from segops_admin.emulator.replies import MAX_ID, ApiError, Fields, json_body, not_found, path_id, reply
from segops_admin.emulator.state import state_of, tenant_of

if TYPE_CHECKING:
    from segops_admin.emulator.state import State

_CONTENT_TYPES = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}


async def start(request: web.Request) -> web.Response:
    """POST /segments/{id}/export/: queues the file; parquet needs pyarrow on the emulator's side."""
    state, tenant = state_of(request), tenant_of(request)
    row = segments.segment_row(state.store, tenant.id, path_id(request))
    fields = Fields(await json_body(request))
    format_ = fields.choice("format", tuple(_CONTENT_TYPES), default="csv")
    if format_ == "parquet" and importlib.util.find_spec("pyarrow") is None:
        fields.refuse("format", "Parquet exports need pyarrow, which is not installed here.", None)
    fields.done()
    now = state.clock.now()
    export_id = state.store.insert(
        "exports",
        tenant_id=tenant.id,
        segment_id=row["id"],
        format=format_,
        status="pending",
        token=secrets.token_urlsafe(24),
        created_at=now,
    )
    state.jobs.start("segment_export", tenant.id, now, export_id=export_id)
    return reply({"export_id": export_id, "status": "pending"}, status=202)


async def poll(request: web.Request) -> web.Response:
    """GET /segments/{id}/export/?export_id=: how far it is; the link, once complete, lives an hour."""
    state, tenant = state_of(request), tenant_of(request)
    segment = segments.segment_row(state.store, tenant.id, path_id(request))
    text = request.query.get("export_id", "")
    if not (text.isascii() and text.isdigit()):
        raise ApiError(400, {"export_id": ["A valid integer is required."]})
    sql = "SELECT id, status, format, expires_at FROM exports WHERE id=? AND segment_id=? AND tenant_id=?"
    row = state.store.one(sql, min(int(text), MAX_ID), segment["id"], tenant.id)
    if row is None:
        raise not_found()
    ready, expired = row["status"] == "complete", (row["expires_at"] or 0) <= state.clock.now()
    open_ = ready and not expired
    return reply(
        {
            "id": row["id"],
            "status": "expired" if ready and expired else row["status"],
            "format": row["format"],
            "download_url": f"/api/segments/exports/{row['id']}/download/" if open_ else None,
            "expires_at": iso(row["expires_at"]) if open_ else None,
        }
    )


async def download(request: web.Request) -> web.Response:
    """GET /segments/exports/{export_id}/download/: the file, or with `redirect_downloads` the way to it."""
    state, tenant = state_of(request), tenant_of(request)
    sql = "SELECT * FROM exports WHERE id=? AND tenant_id=? AND status='complete'"
    row = state.store.one(sql, path_id(request, "export_id"), tenant.id)
    if row is None:
        raise not_found()
    if row["expires_at"] <= state.clock.now():
        raise ApiError(410, "This export has expired.")
    if state.files_url:
        location = f"{state.files_url}/__emulator__/files/{row['token']}"
        return web.Response(status=302, headers={"Location": location})
    name = f"segment-{row['segment_id']}.{row['format']}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=row["content"], content_type=_CONTENT_TYPES[row["format"]], headers=headers)


def setup(state: State) -> None:
    """Register the export job."""
    state.jobs.register(
        "segment_export", partial(segments.export, state), on_failure=partial(segments.export_failed, state)
    )


routes = [
    web.post(r"/segments/{id:\d+}/export/", start),
    web.get(r"/segments/{id:\d+}/export/", poll),
    web.get(r"/segments/exports/{export_id:\d+}/download/", download),
]
