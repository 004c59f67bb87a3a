"""CSV imports (sheet, 11.4): upload, confirm, watch, and the history as a natural extension."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aiohttp import BodyPartReader, web

from segops_admin.emulator import imports
from segops_admin.emulator.imports import import_row, render_import
from segops_admin.emulator.replies import ApiError, json_body, paged, path_id, reply
from segops_admin.emulator.state import state_of, tenant_of

if TYPE_CHECKING:
    from segops_admin.emulator.jobs import Job
    from segops_admin.emulator.state import State

_PAGE = "SELECT * FROM import_jobs WHERE tenant_id=? ORDER BY id LIMIT ? OFFSET ?"


async def upload(request: web.Request) -> web.Response:
    """POST /pim/import/csv/: one part named `file`; answers with the suggestions."""
    if request.content_type != "multipart/form-data":
        raise ApiError(415, f'Unsupported media type "{request.content_type}" in request.')
    filename, content = await _file_part(request)
    answer = await imports.upload(state_of(request), tenant_of(request).id, filename, content)
    return reply(answer, status=201)


async def _file_part(request: web.Request) -> tuple[str, bytes]:
    """Return name and bytes of the part `file`."""
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if isinstance(part, BodyPartReader) and part.name == "file":
                return part.filename or "products.csv", bytes(await part.read(decode=True))
    except (ValueError, AssertionError) as error:
        raise ApiError(400, f"Multipart form parse error - {error}") from error
    raise ApiError(400, {"file": ["No file was submitted."]})


async def confirm(request: web.Request) -> web.Response:
    """POST /pim/import/{id}/confirm/: starts the import."""
    state, row = state_of(request), import_row(state_of(request).store, tenant_of(request).id, path_id(request))
    imports.confirm(state, row, await json_body(request))
    return reply({"id": row["id"], "job_id": row["id"], "status": "importing"}, status=202)


async def status(request: web.Request) -> web.Response:
    """GET /pim/import/{id}/: how far it is."""
    return reply(render_import(import_row(state_of(request).store, tenant_of(request).id, path_id(request))))


async def history(request: web.Request) -> web.Response:
    """GET /pim/import/: all imports of the tenant, in numbered pages. An extension: the path is not documented."""
    store, tenant = state_of(request).store, tenant_of(request)
    count = store.scalar("SELECT COUNT(*) FROM import_jobs WHERE tenant_id=?", tenant.id)
    return paged(
        request, count, lambda limit, offset: [render_import(row) for row in store.all(_PAGE, tenant.id, limit, offset)]
    )


def import_failed(state: State, job: Job, error: str) -> None:
    """Show a failed import as failed, with what went wrong; what was written before stays."""
    state.store.update("import_jobs", job.payload["import_id"], status="failed", error=error)


def setup(state: State) -> None:
    """Register the import job."""
    state.jobs.register(imports.JOB, partial(imports.run, state), on_failure=partial(import_failed, state))


routes = [
    web.get("/pim/import/", history),
    web.post("/pim/import/csv/", upload),
    web.get(r"/pim/import/{id:\d+}/", status),
    web.post(r"/pim/import/{id:\d+}/confirm/", confirm),
]
