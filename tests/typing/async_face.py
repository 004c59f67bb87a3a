"""What every method of `AsyncSegOpsAdmin` returns. Checked by both type checkers, never run."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

from typing_extensions import assert_type

from segops_admin import AsyncSegOpsAdmin, BulkUpsertResult, Page, dsl
from segops_admin.bulk.engine import ChunkStream
from segops_admin.paging import Pager
from segops_admin.records.activations import Activation
from segops_admin.records.analytics import ConnectorHealth, Overlap, Overview, SegmentTrend, Usage
from segops_admin.records.api_keys import ApiKey
from segops_admin.records.identity import Alias, Merge
from segops_admin.records.jobs import JobStart
from segops_admin.records.pages import GeneratedPage, PageExport, ProductSearch
from segops_admin.records.product_segments import ProductSegment
from segops_admin.records.products import ImportJob, Product, ProductSchema, ProductScore, ScoreAllStart
from segops_admin.records.queries import (
    AIQuery,
    Competitor,
    QueryResult,
    QueryRun,
    Simulation,
    VisibilityDashboard,
    WinRate,
)
from segops_admin.records.schemas import EventSchema, InferredSchema, SchemaValidation
from segops_admin.records.segments import (
    Membership,
    MembershipSegment,
    Segment,
    SegmentEstimate,
    SegmentExport,
    SegmentMember,
    SegmentPreview,
    SegmentVersion,
)
from segops_admin.records.users import Explanation, SandboxResult, User, UserEvent, UserSummary


async def activations(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.activations.list(), Page[Activation])
    assert_type(await segops.activations.list({"page": 1}), Page[Activation])
    assert_type(await segops.activations.list(page=1, page_size=50), Page[Activation])
    assert_type(segops.activations.iterate(), Pager[Activation])
    assert_type(segops.activations.iterate({"page_size": 2}, concurrency=1), Pager[Activation])
    assert_type(await segops.activations.get(1), Activation)
    assert_type(await segops.activations.create({}), Activation)
    assert_type(
        await segops.activations.create(segment=1, connector_type="klaviyo", config={"list_id": "Q"}), Activation
    )
    assert_type(await segops.activations.update(1, {}, "PUT"), Activation)
    assert_type(await segops.activations.update(1, status="active"), Activation)
    assert_type(await segops.activations.delete(1), None)
    assert_type(await segops.activations.sync(1), JobStart)
    assert_type(await segops.activations.sync_and_wait(1, timeout=5), Activation)


async def analytics(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.analytics.overview(), Overview)
    assert_type(await segops.analytics.segments(), list[SegmentTrend])
    assert_type(await segops.analytics.overlap(), list[Overlap])
    assert_type(await segops.analytics.activations(), list[ConnectorHealth])
    assert_type(await segops.analytics.usage(), Usage)


async def api_keys(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.api_keys.list(), list[ApiKey])
    assert_type(await segops.api_keys.create(name="nightly", tenant_slug="northwind"), ApiKey)
    assert_type(await segops.api_keys.delete(1), None)


async def competitors(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.competitors.list(), Page[Competitor])
    assert_type(await segops.competitors.list({"page": 1}), Page[Competitor])
    assert_type(await segops.competitors.list(page=1, page_size=50), Page[Competitor])
    assert_type(segops.competitors.iterate(), Pager[Competitor])
    assert_type(segops.competitors.iterate({"page_size": 2}, concurrency=1), Pager[Competitor])
    assert_type(await segops.competitors.get(1), Competitor)
    assert_type(await segops.competitors.create({}), Competitor)
    assert_type(await segops.competitors.create(name="Millstone & Co", brand_aliases=["Millstone"]), Competitor)
    assert_type(await segops.competitors.update(1, {}), Competitor)
    assert_type(await segops.competitors.update(1, is_active=False), Competitor)
    assert_type(await segops.competitors.delete(1), None)


async def http(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.http.request("GET", "/segments/", query={"page": 1}), Any)
    assert_type(segops.http.paginate("/segments/", {"page": 1}), Pager[Any])


async def identity(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.identity.alias("7f3c", "cust-1"), Alias)
    assert_type(await segops.identity.alias({"anonymous_id": "7f3c", "user_id": "cust-1"}), Alias)
    assert_type(await segops.identity.merge("cust-2", "cust-1"), Merge)


async def pages(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.pages.list(), Page[GeneratedPage])
    assert_type(await segops.pages.list({"page": 1}), Page[GeneratedPage])
    assert_type(await segops.pages.list(page=1, page_size=50), Page[GeneratedPage])
    assert_type(segops.pages.iterate(), Pager[GeneratedPage])
    assert_type(segops.pages.iterate({"page_size": 2}, concurrency=1), Pager[GeneratedPage])
    assert_type(await segops.pages.get(1), GeneratedPage)
    assert_type(await segops.pages.create({}), GeneratedPage)
    assert_type(await segops.pages.create(slug="rye", query=8, published=True), GeneratedPage)
    assert_type(await segops.pages.update(1, {}), GeneratedPage)
    assert_type(await segops.pages.update(1, title="Rye"), GeneratedPage)
    assert_type(await segops.pages.delete(1), None)
    assert_type(await segops.pages.regenerate(1), JobStart)
    assert_type(await segops.pages.bulk_generate(), JobStart)
    assert_type(await segops.pages.bulk_generate({"segment_id": 3}), JobStart)
    assert_type(await segops.pages.build(1, {"template": "default"}), JobStart)
    assert_type(await segops.pages.build_and_wait(1), GeneratedPage)
    assert_type(await segops.pages.publish(1), GeneratedPage)
    assert_type(await segops.pages.export(1, format="json"), PageExport)
    assert_type(await segops.pages.export_status(1, 2), PageExport)
    assert_type(await segops.pages.wait_export(1, 2, timeout=5), PageExport)
    assert_type(await segops.pages.download_export(PageExport(id=2), "page.html"), Path)
    assert_type(await segops.pages.export_to(1, "page.html"), Path)
    assert_type(await segops.pages.query("rye"), ProductSearch)
    assert_type(await segops.pages.query("rye", limit=5, segment_id=1), ProductSearch)
    assert_type(await segops.pages.public("northwind", "rye"), GeneratedPage)


async def product_segments(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.product_segments.list(), Page[ProductSegment])
    assert_type(await segops.product_segments.list({"page": 1}), Page[ProductSegment])
    assert_type(await segops.product_segments.list(page=1, page_size=50), Page[ProductSegment])
    assert_type(segops.product_segments.iterate(), Pager[ProductSegment])
    assert_type(segops.product_segments.iterate({"page_size": 2}, concurrency=1), Pager[ProductSegment])
    assert_type(await segops.product_segments.get(1), ProductSegment)
    assert_type(await segops.product_segments.create({}), ProductSegment)
    assert_type(
        await segops.product_segments.create(name="Rye", definition={"logic": "AND", "conditions": []}), ProductSegment
    )
    assert_type(await segops.product_segments.update(1, {}, "PUT"), ProductSegment)
    assert_type(
        await segops.product_segments.update(1, definition=dsl.ProductAttribute("grain", "is_set")), ProductSegment
    )
    assert_type(await segops.product_segments.delete(1), None)
    assert_type(await segops.product_segments.recompute(1), JobStart)
    assert_type(await segops.product_segments.recompute_and_wait(1), ProductSegment)


async def products(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.products.list(), Page[Product])
    assert_type(await segops.products.list({"page": 1}), Page[Product])
    assert_type(await segops.products.list(page=1, page_size=50), Page[Product])
    assert_type(segops.products.iterate(), Pager[Product])
    assert_type(segops.products.iterate({"page_size": 2}, concurrency=1), Pager[Product])
    assert_type(await segops.products.get(1), Product)
    assert_type(await segops.products.create({}), Product)
    assert_type(await segops.products.create(sku="RYE-05", name="Dark rye", data={"grain": "rye"}), Product)
    assert_type(await segops.products.update(1, {}), Product)
    assert_type(await segops.products.update(1, name="Pale rye"), Product)
    assert_type(await segops.products.delete(1), None)
    assert_type(await segops.products.bulk_upsert([{"sku": "A", "name": "a"}]), BulkUpsertResult)
    assert_type(segops.products.bulk_upsert_stream([{"sku": "A", "name": "a"}]), ChunkStream)
    assert_type(await segops.products.facets(), dict[str, Any])
    assert_type(await segops.products.schema(), ProductSchema)
    assert_type(await segops.products.set_schema(fields=[{"name": "grain", "type": "string"}]), ProductSchema)
    assert_type(await segops.products.import_csv(b"sku,name\n"), ImportJob)
    assert_type(await segops.products.confirm_import(1, {"confirmed": True}), ImportJob)
    assert_type(await segops.products.confirm_import(1, mapping={"Code": "sku", "Note": None}), ImportJob)
    assert_type(await segops.products.import_status(1), ImportJob)
    assert_type(await segops.products.wait_import(1), ImportJob)
    assert_type(await segops.products.import_file("rye.csv", {"Code": "sku"}), ImportJob)
    assert_type(await segops.products.import_file(Path("rye.csv"), lambda job: job.suggested_mapping or {}), ImportJob)
    assert_type(await segops.products.score(1), JobStart)
    assert_type(await segops.products.get_score(1), ProductScore)
    assert_type(await segops.products.score_all(), ScoreAllStart)
    assert_type(await segops.products.score_and_wait(1), ProductScore)


async def queries(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.queries.list(), Page[AIQuery])
    assert_type(await segops.queries.list({"page": 1}), Page[AIQuery])
    assert_type(await segops.queries.list(page=1, page_size=50), Page[AIQuery])
    assert_type(segops.queries.iterate(), Pager[AIQuery])
    assert_type(segops.queries.iterate({"page_size": 2}, concurrency=1), Pager[AIQuery])
    assert_type(await segops.queries.get(1), AIQuery)
    assert_type(await segops.queries.create({}), AIQuery)
    assert_type(await segops.queries.create(query_text="best rye", providers=["gemini"], schedule="weekly"), AIQuery)
    assert_type(await segops.queries.update(1, {}), AIQuery)
    assert_type(await segops.queries.update(1, is_active=False), AIQuery)
    assert_type(await segops.queries.delete(1), None)
    assert_type(await segops.queries.run(1), QueryRun)
    assert_type(await segops.queries.results(1), list[QueryResult])
    assert_type(await segops.queries.run_and_wait(1), list[QueryResult])
    assert_type(await segops.queries.simulate(query_text="best rye"), Simulation)
    assert_type(await segops.queries.dashboard(), VisibilityDashboard)
    assert_type(await segops.queries.win_rate(), list[WinRate])


async def schemas(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.schemas.list(), Page[EventSchema])
    assert_type(await segops.schemas.list({"page": 1}), Page[EventSchema])
    assert_type(await segops.schemas.list(page=1, page_size=50), Page[EventSchema])
    assert_type(segops.schemas.iterate(), Pager[EventSchema])
    assert_type(segops.schemas.iterate({"page_size": 2}, concurrency=1), Pager[EventSchema])
    assert_type(await segops.schemas.get(1), EventSchema)
    assert_type(await segops.schemas.create({}), EventSchema)
    assert_type(
        await segops.schemas.create(event_type="loaf_baked", properties=[{"name": "minutes", "type": "number"}]),
        EventSchema,
    )
    assert_type(await segops.schemas.update(1, {}, "PUT"), EventSchema)
    assert_type(await segops.schemas.update(1, description="Bread"), EventSchema)
    assert_type(await segops.schemas.delete(1), None)
    assert_type(await segops.schemas.infer([{"user_id": "ana", "event_type": "loaf_baked"}]), InferredSchema)
    assert_type(await segops.schemas.infer(events=[{"user_id": "ana"}]), InferredSchema)
    assert_type(await segops.schemas.validate("loaf_baked", {"minutes": 4}), SchemaValidation)


async def segments(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.segments.list(), Page[Segment])
    assert_type(await segops.segments.list({"page": 1}), Page[Segment])
    assert_type(await segops.segments.list(page=1, page_size=50), Page[Segment])
    assert_type(segops.segments.iterate(), Pager[Segment])
    assert_type(segops.segments.iterate({"page_size": 2}, concurrency=1), Pager[Segment])
    assert_type(await segops.segments.get(1), Segment)
    assert_type(await segops.segments.create({}), Segment)
    assert_type(await segops.segments.create(name="Bakers", definition=dsl.Recency("x", "gt", 60)), Segment)
    assert_type(await segops.segments.update(1, {}, "PUT"), Segment)
    assert_type(await segops.segments.update(1, description="Quiet"), Segment)
    assert_type(await segops.segments.delete(1), None)
    assert_type(await segops.segments.preview({"logic": "AND", "conditions": []}), SegmentPreview)
    assert_type(await segops.segments.preview(definition=dsl.EventCount("x", "gte", 1), limit=5), SegmentPreview)
    assert_type(await segops.segments.estimate(1), SegmentEstimate)
    assert_type(await segops.segments.versions(1), list[SegmentVersion])
    assert_type(await segops.segments.recompute(1), JobStart)
    assert_type(await segops.segments.recompute_and_wait(1, timeout=120, on_progress=print), Segment)
    assert_type(await segops.segments.members(1, limit=5), Page[SegmentMember])
    assert_type(segops.segments.iterate_members(1), Pager[SegmentMember])
    assert_type(await segops.segments.membership("ana"), Membership)
    assert_type(await segops.segments.export(1, format="parquet"), SegmentExport)
    assert_type(await segops.segments.export_status(1, 2), SegmentExport)
    assert_type(await segops.segments.wait_export(1, 2), SegmentExport)
    assert_type(await segops.segments.download_export(SegmentExport(id=2), "members.csv"), Path)
    assert_type(await segops.segments.export_to(1, Path("members.csv"), format="csv"), Path)


async def users(segops: AsyncSegOpsAdmin) -> None:
    assert_type(await segops.users.search("ana"), Page[UserSummary])
    assert_type(await segops.users.search({"q": "ana"}), Page[UserSummary])
    assert_type(await segops.users.search(q="ana", limit=5), Page[UserSummary])
    assert_type(await segops.users.get("ana"), User)
    assert_type(await segops.users.events("ana", event_type="x", since=date(2026, 6, 1)), Page[UserEvent])
    assert_type(await segops.users.segments("ana"), list[MembershipSegment])
    assert_type(await segops.users.explain("ana", 1), list[Explanation])
    assert_type(await segops.users.publish_sandbox(user_id="ana", event_type="x"), SandboxResult)


async def client() -> None:
    async with AsyncSegOpsAdmin() as segops:
        assert_type(segops, AsyncSegOpsAdmin)
        assert_type(segops.with_options(timeout=5, max_retries=0), AsyncSegOpsAdmin)
    assert_type(await segops.aclose(), None)


async def what_is_inside(segops: AsyncSegOpsAdmin) -> None:
    async for segment in segops.segments.iterate(page_size=100):
        assert_type(segment, Segment)
        assert_type(segment.id, int)
        assert_type(segment.name, str | None)
        assert_type(segment.last_computed_at, datetime | None)
        assert_type(segment["name"], Any)
        assert_type(segment.extra, dict[str, Any])
    async for page in segops.segments.iterate().pages():
        assert_type(page, Page[Segment])
    assert_type(await segops.segments.iterate().collect(), list[Segment])
    listed = await segops.segments.list()
    assert_type(listed.results, list[Segment])
    assert_type(listed.count, int | None)
    assert_type([user.user_id for user in await segops.users.search("ana")], list[str])
