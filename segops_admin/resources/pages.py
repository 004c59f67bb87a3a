"""AI landing pages: create, build, publish, export; and the search by meaning that feeds them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from typing_extensions import Unpack

from .. import jobs
from ..core.request import Request, merged, path
from ..download import check_target, download_to
from ..records.jobs import JobStart
from ..records.pages import GeneratedPage, PageExport, PageFields, PageFormat, ProductSearch, SearchQuery
from .base import AsyncCollection

BUILT = frozenset({"built", "published"})


class AsyncPages(AsyncCollection[GeneratedPage]):
    """AI landing pages."""

    _collection = ("ai-pages", "pages")
    _kind = GeneratedPage

    async def create(
        self,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[PageFields],
    ) -> GeneratedPage:
        """Create a page and return it; its title is the query's text unless given.

        Source: segops-api.md 18.2 [docs]; C13 for `query`.
        """
        return await self._create(body, fields, idempotency_key)

    async def update(
        self,
        id: int,
        body: Mapping[str, Any] | None = None,
        /,
        method: str = "PATCH",
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[PageFields],
    ) -> GeneratedPage:
        """Change a page's slug, title or whether it is published, and return it.

        Source: segops-api.md 18.2 [docs]; there is no PUT.
        """
        return await self._update(id, body, method, fields, idempotency_key)

    async def regenerate(self, id: int, *, idempotency_key: str | None = None) -> JobStart:
        """Start a new product search and new copy for a page.

        Source: segops-api.md 18.2 [docs].
        """
        return await self._call(self._post(id, "regenerate", None, idempotency_key), JobStart)

    async def bulk_generate(
        self, body: Mapping[str, Any] | None = None, /, *, idempotency_key: str | None = None
    ) -> JobStart:
        """Start pages for all active AI queries.

        body: nothing, or what other places of the docs show: `segment_id`, `queries` (C13).
        Source: segops-api.md 18.2 [docs].
        """
        where = path("ai-pages", "pages", "bulk-generate")
        return await self._call(Request("POST", where, body=body, idempotency_key=idempotency_key), JobStart)

    async def build(
        self, id: int, body: Mapping[str, Any] | None = None, /, *, idempotency_key: str | None = None
    ) -> JobStart:
        """Start assembling a page's blocks; `builder_status` of the page tells how it goes.

        body: free; examples show `{}` and `{"template": "default"}`.
        Source: segops-api.md 18.2 [usage] [sdk]; the answer [inferred].
        """
        return await self._call(self._post(id, "build", dict(body or {}), idempotency_key), JobStart)

    async def build_and_wait(
        self,
        id: int,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        timeout: float = 180.0,
        on_progress: Callable[[GeneratedPage], Any] | None = None,
    ) -> GeneratedPage:
        """Assemble a page's blocks and return the page once it is built.

        timeout: seconds for everything. on_progress: called with the page at every look.
        Raises SegOpsJobError when the build fails or the time is up.
        Source: segops-api.md 6 [sdk], [usage].
        """
        async with jobs.time_limit(f"The build of page {id}", timeout) as watch:
            before = await self.get(id)
            failed = jobs.failed_since(before, lambda page: (page.builder_status, page.updated_at))
            await self.build(id, body)
            return await jobs.wait(
                watch,
                lambda: self.get(id),
                done=_built_since(before),
                failure=lambda page: "" if failed(page) else None,
                first_wait_s=self._call.config.poll_interval_s,
                on_progress=on_progress,
            )

    async def publish(self, id: int, *, idempotency_key: str | None = None) -> GeneratedPage:
        """Publish a page and return it; one that was never built is refused [inferred].

        Source: segops-api.md 18.2 [sdk]; the answer [inferred].
        """
        return await self._call(self._post(id, "publish", None, idempotency_key), GeneratedPage)

    async def export(self, id: int, format: PageFormat = "html", *, idempotency_key: str | None = None) -> PageExport:
        """Start an export and return its job; `export_to` does the whole of it.

        format: `html` with inline CSS, `tsx`, or `json` with the raw blocks.
        Source: segops-api.md 18.2 [sdk], [docs].
        """
        request = Request(
            "POST",
            path("ai-pages", "pages", id, "export"),
            body={"format": format},
            idempotency_key=idempotency_key,
        )
        return await self._call(request, PageExport)

    async def export_status(self, id: int, export_id: int) -> PageExport:
        """Return an export's job as it stands.

        Source: segops-api.md 6 [inferred]: by analogy with segments.
        """
        request = Request("GET", path("ai-pages", "pages", id, "export"), query={"export_id": export_id})
        return await self._call(request, PageExport)

    async def wait_export(
        self,
        id: int,
        export_id: int,
        *,
        timeout: float = 180.0,
        on_progress: Callable[[PageExport], Any] | None = None,
    ) -> PageExport:
        """Return an export's job once its file is there; takes up the wait of an earlier process as well.

        timeout: seconds for all looks.
        Raises SegOpsJobError when it fails or the time is up.
        Source: segops-api.md 6 [inferred]: by analogy with segments.
        """
        async with jobs.time_limit(f"Export {export_id} of page {id}", timeout) as watch:
            watch.goes_on(f"pages.wait_export({id}, {export_id})")
            return await self._finished_export(watch, id, export_id, on_progress)

    async def download_export(self, export: PageExport, target: str | Path) -> Path:
        """Stream a finished export to a file and return its path; a cut connection leaves nothing under that name.

        The key is sent to the API's own origin only.
        Source: segops-api.md 18.2 [sdk] for the link.
        """
        return await download_to(self._call, export.download_url, target)

    async def export_to(
        self,
        id: int,
        target: str | Path,
        /,
        *,
        format: PageFormat = "html",
        timeout: float = 180.0,
        on_progress: Callable[[PageExport], Any] | None = None,
    ) -> Path:
        """Export a page into a file and return its path: start, wait, stream, rename.

        timeout: seconds for everything.
        Raises SegOpsJobError when the export fails or the time is up.
        Source: segops-api.md 18.2 [sdk]; the poll [inferred].
        """
        check_target(target)
        async with jobs.time_limit(f"The export of page {id}", timeout) as watch:
            watch.job = started = await self.export(id, format)
            watch.goes_on(f"pages.wait_export({id}, {started.id})")
            job = await self._finished_export(watch, id, started.id, on_progress)
            return await self.download_export(job, target)

    async def query(
        self, q: str, params: Mapping[str, Any] | None = None, /, **query: Unpack[SearchQuery]
    ) -> ProductSearch:
        """Return the products whose meaning is nearest to a text, best first. Its own limit: 100 calls a minute.

        Source: segops-api.md 18.3 [docs]; the one path without a trailing slash.
        """
        request = Request("GET", path("ai-pages", "query", slash=False), query={"q": q, **merged(params, query)})
        return await self._call(request, ProductSearch)

    async def public(self, tenant_slug: str, page_slug: str) -> GeneratedPage:
        """Return a published page as the world sees it; this counts as a view.

        Source: segops-api.md 18.2 [docs]; an unpublished page is a SegOpsNotFoundError [inferred].
        """
        where = path("ai-pages", "public", "pages", tenant_slug, page_slug)
        return await self._call(Request("GET", where, with_key=False), GeneratedPage)

    async def _finished_export(
        self, watch: jobs.Watch, id: int, export_id: int, on_progress: Callable[[PageExport], Any] | None
    ) -> PageExport:
        return await jobs.wait(
            watch,
            lambda: self.export_status(id, export_id),
            done=lambda job: bool(job.download_url),
            failure=lambda job: (job.error or "") if jobs.failed(job.status) else None,
            first_wait_s=self._call.config.poll_interval_s,
            on_progress=on_progress,
        )

    def _post(self, id: int, action: str, body: Any, idempotency_key: str | None) -> Request:
        where = path("ai-pages", "pages", id, action)
        return Request("POST", where, body=body, idempotency_key=idempotency_key)


def _built_since(before: GeneratedPage) -> Callable[[GeneratedPage], bool]:
    """Return a test for "built again": it was not built before, another state was seen since, or it has changed."""
    moved = before.builder_status not in BUILT

    def done(page: GeneratedPage) -> bool:
        nonlocal moved
        moved = moved or page.builder_status not in BUILT or page.updated_at != before.updated_at
        return moved and page.builder_status in BUILT

    return done
