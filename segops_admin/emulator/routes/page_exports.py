"""A page as a file: start, poll, download (sheet, section 18.2; poll and path by analogy with segment exports).

A page that was never built is exported as it would be built now; the link lives an hour.
"""

from __future__ import annotations

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator import auth, page_building, pages
from segops_admin.emulator.clock import iso
from segops_admin.emulator.replies import MAX_ID, ApiError, Fields, json_body, not_found, path_id, reply
from segops_admin.emulator.state import state_of, tenant_of
from segops_admin.emulator.store import from_json

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.jobs import Job
    from segops_admin.emulator.state import State

SCHEMA = """
CREATE TABLE IF NOT EXISTS page_exports (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, page_id INTEGER NOT NULL, format TEXT NOT NULL,
    status TEXT NOT NULL, error TEXT, filename TEXT, content BLOB, token TEXT NOT NULL, expires_at REAL,
    created_at REAL NOT NULL);
"""

_LINK_LIFE_S = 3600.0
_EXPORT = "page_export"


async def start(request: web.Request) -> web.Response:
    """POST /ai-pages/pages/{id}/export/: queues the file."""
    state, tenant = state_of(request), tenant_of(request)
    fields = Fields(await json_body(request))
    format_ = fields.choice("format", tuple(page_building.CONTENT_TYPES), default="html")
    fields.done()
    page, now = pages.page_row(state.store, tenant.id, path_id(request)), state.clock.now()
    export_id = state.store.insert(
        "page_exports",
        tenant_id=tenant.id,
        page_id=page["id"],
        format=format_,
        status="pending",
        token=secrets.token_urlsafe(24),
        created_at=now,
    )
    state.jobs.start(_EXPORT, tenant.id, now, export_id=export_id)
    return reply(_rendered(_export(state, tenant.id, export_id), now), status=202)


async def poll(request: web.Request) -> web.Response:
    """GET /ai-pages/pages/{id}/export/?export_id=: how far it is."""
    state, tenant = state_of(request), tenant_of(request)
    page = pages.page_row(state.store, tenant.id, path_id(request))
    text = request.query.get("export_id", "")
    if not (text.isascii() and text.isdigit()):
        raise ApiError(400, {"export_id": ["A valid integer is required."]})
    row = _export(state, tenant.id, min(int(text), MAX_ID))
    if row["page_id"] != page["id"]:
        raise not_found()
    return reply(_rendered(row, state.clock.now()))


async def download(request: web.Request) -> web.Response:
    """GET /ai-pages/pages/exports/{export_id}/download/: the file, or with `redirect_downloads` the way to it."""
    state, tenant = state_of(request), tenant_of(request)
    row = _export(state, tenant.id, path_id(request, "export_id"))
    if row["status"] != "complete":
        raise not_found()
    if row["expires_at"] <= state.clock.now():
        raise ApiError(410, "This export has expired.")
    if state.files_url:
        location = f"{state.files_url}/api/ai-pages/pages/exports/files/{row['token']}/"
        return web.Response(status=302, headers={"Location": location})
    return _file(row)


@auth.access()
async def stored_file(request: web.Request) -> web.Response:
    """Serve an export by its token, as a storage host does: a second credential is one too many."""
    state = state_of(request)
    sql = "SELECT * FROM page_exports WHERE token=? AND status='complete' AND expires_at>?"
    row = state.store.one(sql, request.match_info["token"], state.clock.now())
    if row is None:
        raise not_found()
    if "Authorization" in request.headers:
        raise ApiError(400, "Only one auth mechanism allowed.")
    return _file(row)


async def write_file(state: State, job: Job) -> None:
    """Write the file of an export."""
    store, export_id = state.store, job.payload["export_id"]
    row = store.one("SELECT * FROM page_exports WHERE id=? AND tenant_id=?", export_id, job.tenant_id)
    page = pages.find_page(store, job.tenant_id, row["page_id"]) if row else None
    if row is None or page is None:
        return
    blocks = from_json(page["blocks"])
    if blocks is None:
        written = dict(page) if page["intro_copy"] else {**dict(page), **await pages.write_copy(state, page)}
        blocks = pages.current_blocks(store, written)
    parts = {"slug": page["slug"], "title": pages.heading(page), "template": page["template"], "blocks": blocks}
    store.update(
        "page_exports",
        export_id,
        status="complete",
        content=page_building.export(row["format"], parts),
        filename=f"{page['slug']}.{row['format']}",
        expires_at=state.clock.now() + _LINK_LIFE_S,
    )


def export_failed(state: State, job: Job, error: str) -> None:
    """Show the tenant that the export failed."""
    state.store.update("page_exports", job.payload["export_id"], status="failed", error=error)


def _export(state: State, tenant_id: int, export_id: int) -> sqlite3.Row:
    row = state.store.one("SELECT * FROM page_exports WHERE id=? AND tenant_id=?", export_id, tenant_id)
    if row is None:
        raise not_found()
    return row


def _rendered(row: sqlite3.Row, now: float) -> dict[str, Any]:
    """Return an export under both names of its id, as the segment exports have it (C8)."""
    ready, expired = row["status"] == "complete", (row["expires_at"] or 0) <= now
    open_ = ready and not expired
    return {
        "id": row["id"],
        "export_id": row["id"],
        "status": "expired" if ready and expired else row["status"],
        "format": row["format"],
        "download_url": f"/api/ai-pages/pages/exports/{row['id']}/download/" if open_ else None,
        "expires_at": iso(row["expires_at"]) if open_ else None,
        "error": row["error"],
    }


def _file(row: sqlite3.Row) -> web.Response:
    headers = {"Content-Disposition": f'attachment; filename="{row["filename"]}"'}
    content_type = page_building.CONTENT_TYPES[row["format"]]
    return web.Response(body=row["content"], content_type=content_type, charset="utf-8", headers=headers)


def setup(state: State) -> None:
    """Register the export job."""
    state.jobs.register(_EXPORT, partial(write_file, state), on_failure=partial(export_failed, state))


routes = [
    web.post(r"/ai-pages/pages/{id:\d+}/export/", start),
    web.get(r"/ai-pages/pages/{id:\d+}/export/", poll),
    web.get(r"/ai-pages/pages/exports/{export_id:\d+}/download/", download),
    web.get("/ai-pages/pages/exports/files/{token}/", stored_file),
]
