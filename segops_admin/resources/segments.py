"""Segments of users: define them, compute them, read who is in them, take them out as a file."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from typing_extensions import Unpack

from .. import jobs
from ..core.request import Repeat, Request, merged, path
from ..download import check_target, download_to
from ..paging import Pager
from ..records.base import is_object
from ..records.jobs import JobStart
from ..records.page import Page
from ..records.segments import (
    Definition,
    ExportFormat,
    Membership,
    PreviewFields,
    Segment,
    SegmentEstimate,
    SegmentExport,
    SegmentFields,
    SegmentMember,
    SegmentPreview,
    SegmentVersion,
)
from .base import AsyncCollection


class AsyncSegments(AsyncCollection[Segment]):
    """Segments of users."""

    _collection = ("segments",)
    _kind = Segment

    async def create(
        self,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[SegmentFields],
    ) -> Segment:
        """Create a segment and return it; it has no members until it is computed.

        Not repeated by itself after an unclear outcome: the service keeps no idempotency keys yet.
        Source: segops-api.md 8.2 [docs] [sdk]; C2 for `definition` and `tenant`.
        """
        return await self._create(body, fields, idempotency_key)

    async def update(
        self,
        id: int,
        body: Mapping[str, Any] | None = None,
        /,
        method: Literal["PATCH", "PUT"] = "PATCH",
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[SegmentFields],
    ) -> Segment:
        """Change a segment and return it. A new definition makes a version; it does not compute.

        Source: segops-api.md 8.2 [docs] PATCH, [sdk] PUT.
        """
        return await self._update(id, body, method, fields, idempotency_key)

    async def preview(
        self,
        body: Definition | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[PreviewFields],
    ) -> SegmentPreview:
        """Return how many users a definition matches now, and a few of their ids; nothing is stored.

        body: a dictionary with `definition`, or the definition itself.
        limit: size of the sample, 10 by default [inferred]. The figure may be of a sample too [docs].
        Source: segops-api.md 8.3 [docs].
        """
        given = body if body is None or (is_object(body) and "definition" in body) else {"definition": body}
        request = Request(
            "POST",
            path("segments", "preview"),
            body=merged(given, fields),
            idempotency_key=idempotency_key,
            repeat=Repeat.HARMLESS,
        )
        return await self._call(request, SegmentPreview)

    async def estimate(self, id: int, *, idempotency_key: str | None = None) -> SegmentEstimate:
        """Return about how many users a segment would have after a compute.

        Source: segops-api.md 8.4 [sdk]; the answer's shape [inferred].
        """
        request = Request(
            "POST",
            path("segments", id, "estimate"),
            idempotency_key=idempotency_key,
            repeat=Repeat.HARMLESS,
        )
        return await self._call(request, SegmentEstimate)

    async def versions(self, id: int) -> builtins.list[SegmentVersion]:
        """Return the definitions a segment has had, newest first.

        Source: segops-api.md 8.5 [docs]; the items' shape [inferred].
        """
        return (await self._page(path("segments", id, "versions"), SegmentVersion, None, {})).results

    async def recompute(self, id: int, *, idempotency_key: str | None = None) -> JobStart:
        """Start a compute over the whole event history and return the server's word for it, `queued`.

        Do not start another while one runs. `recompute_and_wait` tells when it is done.
        Source: segops-api.md 8.6 [docs].
        """
        request = Request(
            "POST",
            path("segments", id, "compute"),
            idempotency_key=idempotency_key,
            repeat=Repeat.HARMLESS,
        )
        return await self._call(request, JobStart)

    async def recompute_and_wait(
        self, id: int, *, timeout: float = 120.0, on_progress: Callable[[Segment], Any] | None = None
    ) -> Segment:
        """Compute a segment and return it once the new membership is in.

        timeout: seconds for everything, looks and retries included.
        on_progress: called with the segment at every look.
        Raises SegOpsJobError when the run fails or the time is up; the run itself goes on at the server.
        Source: segops-api.md 6 [inferred]: done when `last_computed_at` has moved.
        """
        async with jobs.time_limit(f"The compute of segment {id}", timeout) as watch:
            before = await self.get(id)
            failed = jobs.failed_since(before, lambda segment: (segment.status, segment.updated_at))
            await self.recompute(id)
            return await jobs.wait(
                watch,
                lambda: self.get(id),
                done=jobs.computed_since(before.last_computed_at),
                failure=lambda segment: "" if failed(segment) else None,
                first_wait_s=self._call.config.poll_interval_s,
                on_progress=on_progress,
            )

    async def members(self, id: int, params: Mapping[str, Any] | None = None, /, **query: Any) -> Page[SegmentMember]:
        """Return one page of a segment's members at the last compute; `.next_cursor` leads to the next.

        limit: users per page, 1000 by default, at most 10,000 [inferred]. cursor: the previous page's `.next_cursor`.
        Source: segops-api.md 8.7 [docs]; C5.
        """
        return await self._page(path("segments", id, "members"), SegmentMember, params, query)

    def iterate_members(self, id: int, *, limit: int = 1000) -> Pager[SegmentMember]:
        """Return a reader over all members of a segment at the last compute, one page ahead.

        limit: users per page.
        Source: segops-api.md 8.7 [docs].
        """
        return self._pager(path("segments", id, "members"), SegmentMember, None, {"limit": limit})

    async def membership(self, user_id: str) -> Membership:
        """Return the segments one user is in; none for an unknown user.

        Source: segops-api.md 8.8 [docs]; the answer's shape [inferred].
        """
        return await self._call(Request("GET", path("segments", "membership"), query={"user_id": user_id}), Membership)

    async def export(
        self, id: int, format: ExportFormat = "csv", *, idempotency_key: str | None = None
    ) -> SegmentExport:
        """Start an export and return its job; `export_to` does the whole of it.

        format: `csv` or `parquet`.
        Source: segops-api.md 8.9 [docs].
        """
        request = Request(
            "POST", path("segments", id, "export"), body={"format": format}, idempotency_key=idempotency_key
        )
        return await self._call(request, SegmentExport)

    async def export_status(self, id: int, export_id: int) -> SegmentExport:
        """Return an export's job as it stands; `.download_url` is set once the file is there.

        Source: segops-api.md 8.9 [docs]; C8.
        """
        request = Request("GET", path("segments", id, "export"), query={"export_id": export_id})
        return await self._call(request, SegmentExport)

    async def wait_export(
        self,
        id: int,
        export_id: int,
        *,
        timeout: float = 300.0,
        on_progress: Callable[[SegmentExport], Any] | None = None,
    ) -> SegmentExport:
        """Return an export's job once its file is there; takes up the wait of an earlier process as well.

        timeout: seconds for all looks.
        Raises SegOpsJobError when it fails or the time is up.
        Source: segops-api.md 6 and 8.9 [docs]; the words for failure [inferred].
        """
        async with jobs.time_limit(f"Export {export_id} of segment {id}", timeout) as watch:
            watch.goes_on(f"segments.wait_export({id}, {export_id})")
            return await self._finished_export(watch, id, export_id, on_progress)

    async def download_export(self, export: SegmentExport, target: str | Path) -> Path:
        """Stream a finished export to a file and return its path; a cut connection leaves nothing under that name.

        The key is sent to the API's own origin only. The link dies an hour after the export.
        Source: segops-api.md 8.9 [docs].
        """
        return await download_to(self._call, export.download_url, target)

    async def export_to(
        self,
        id: int,
        target: str | Path,
        /,
        *,
        format: ExportFormat = "csv",
        timeout: float = 300.0,
        on_progress: Callable[[SegmentExport], Any] | None = None,
    ) -> Path:
        """Export a segment's members into a file and return its path: start, wait, stream, rename.

        timeout: seconds for everything.
        Raises SegOpsJobError when the export fails or the time is up.
        Source: segops-api.md 8.9 [docs]: two columns, `user_id` and `computed_at`.
        """
        check_target(target)
        async with jobs.time_limit(f"The export of segment {id}", timeout) as watch:
            watch.job = started = await self.export(id, format)
            watch.goes_on(f"segments.wait_export({id}, {started.id})")
            job = await self._finished_export(watch, id, started.id, on_progress)
            return await self.download_export(job, target)

    async def _finished_export(
        self,
        watch: jobs.Watch,
        id: int,
        export_id: int,
        on_progress: Callable[[SegmentExport], Any] | None,
    ) -> SegmentExport:
        return await jobs.wait(
            watch,
            lambda: self.export_status(id, export_id),
            done=lambda job: jobs.succeeded(job.status) and bool(job.download_url),
            failure=lambda job: (job.error or "") if jobs.failed(job.status) else None,
            first_wait_s=self._call.config.poll_interval_s,
            on_progress=on_progress,
        )
