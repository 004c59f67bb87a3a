"""What every method of `SegOpsAdmin` returns. Checked by both type checkers, never run."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

from typing_extensions import assert_type

from segops_admin import BulkUpsertResult, Page, SegOpsAdmin, dsl
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
from segops_admin.sync.base import SyncChunkStream, SyncPager


def activations(segops: SegOpsAdmin) -> None:
    assert_type(segops.activations.list(), Page[Activation])
    assert_type(segops.activations.list({"page": 1}), Page[Activation])
    assert_type(segops.activations.list(page=1, page_size=50), Page[Activation])
    assert_type(segops.activations.iterate(), SyncPager[Activation])
    assert_type(segops.activations.iterate({"page_size": 2}, concurrency=1), SyncPager[Activation])
    assert_type(segops.activations.get(1), Activation)
    assert_type(segops.activations.create({}), Activation)
    assert_type(segops.activations.create(segment=1, connector_type="klaviyo", config={"list_id": "Q"}), Activation)
    assert_type(segops.activations.update(1, {}, "PUT"), Activation)
    assert_type(segops.activations.update(1, status="active"), Activation)
    assert_type(segops.activations.delete(1), None)
    assert_type(segops.activations.sync(1), JobStart)
    assert_type(segops.activations.sync_and_wait(1, timeout=5), Activation)


def analytics(segops: SegOpsAdmin) -> None:
    assert_type(segops.analytics.overview(), Overview)
    assert_type(segops.analytics.segments(), list[SegmentTrend])
    assert_type(segops.analytics.overlap(), list[Overlap])
    assert_type(segops.analytics.activations(), list[ConnectorHealth])
    assert_type(segops.analytics.usage(), Usage)


def api_keys(segops: SegOpsAdmin) -> None:
    assert_type(segops.api_keys.list(), list[ApiKey])
    assert_type(segops.api_keys.create(name="nightly", tenant_slug="northwind"), ApiKey)
    assert_type(segops.api_keys.delete(1), None)


def competitors(segops: SegOpsAdmin) -> None:
    assert_type(segops.competitors.list(), Page[Competitor])
    assert_type(segops.competitors.list({"page": 1}), Page[Competitor])
    assert_type(segops.competitors.list(page=1, page_size=50), Page[Competitor])
    assert_type(segops.competitors.iterate(), SyncPager[Competitor])
    assert_type(segops.competitors.iterate({"page_size": 2}, concurrency=1), SyncPager[Competitor])
    assert_type(segops.competitors.get(1), Competitor)
    assert_type(segops.competitors.create({}), Competitor)
    assert_type(segops.competitors.create(name="Millstone & Co", brand_aliases=["Millstone"]), Competitor)
    assert_type(segops.competitors.update(1, {}), Competitor)
    assert_type(segops.competitors.update(1, is_active=False), Competitor)
    assert_type(segops.competitors.delete(1), None)


def http(segops: SegOpsAdmin) -> None:
    assert_type(segops.http.request("GET", "/segments/", query={"page": 1}), Any)
    assert_type(segops.http.paginate("/segments/", {"page": 1}), SyncPager[Any])


def identity(segops: SegOpsAdmin) -> None:
    assert_type(segops.identity.alias("7f3c", "cust-1"), Alias)
    assert_type(segops.identity.alias({"anonymous_id": "7f3c", "user_id": "cust-1"}), Alias)
    assert_type(segops.identity.merge("cust-2", "cust-1"), Merge)


def pages(segops: SegOpsAdmin) -> None:
    assert_type(segops.pages.list(), Page[GeneratedPage])
    assert_type(segops.pages.list({"page": 1}), Page[GeneratedPage])
    assert_type(segops.pages.list(page=1, page_size=50), Page[GeneratedPage])
    assert_type(segops.pages.iterate(), SyncPager[GeneratedPage])
    assert_type(segops.pages.iterate({"page_size": 2}, concurrency=1), SyncPager[GeneratedPage])
    assert_type(segops.pages.get(1), GeneratedPage)
    assert_type(segops.pages.create({}), GeneratedPage)
    assert_type(segops.pages.create(slug="rye", query=8, published=True), GeneratedPage)
    assert_type(segops.pages.update(1, {}), GeneratedPage)
    assert_type(segops.pages.update(1, title="Rye"), GeneratedPage)
    assert_type(segops.pages.delete(1), None)
    assert_type(segops.pages.regenerate(1), JobStart)
    assert_type(segops.pages.bulk_generate(), JobStart)
    assert_type(segops.pages.bulk_generate({"segment_id": 3}), JobStart)
    assert_type(segops.pages.build(1, {"template": "default"}), JobStart)
    assert_type(segops.pages.build_and_wait(1), GeneratedPage)
    assert_type(segops.pages.publish(1), GeneratedPage)
    assert_type(segops.pages.export(1, format="json"), PageExport)
    assert_type(segops.pages.export_status(1, 2), PageExport)
    assert_type(segops.pages.wait_export(1, 2, timeout=5), PageExport)
    assert_type(segops.pages.download_export(PageExport(id=2), "page.html"), Path)
    assert_type(segops.pages.export_to(1, "page.html"), Path)
    assert_type(segops.pages.query("rye"), ProductSearch)
    assert_type(segops.pages.query("rye", limit=5, segment_id=1), ProductSearch)
    assert_type(segops.pages.public("northwind", "rye"), GeneratedPage)


def product_segments(segops: SegOpsAdmin) -> None:
    assert_type(segops.product_segments.list(), Page[ProductSegment])
    assert_type(segops.product_segments.list({"page": 1}), Page[ProductSegment])
    assert_type(segops.product_segments.list(page=1, page_size=50), Page[ProductSegment])
    assert_type(segops.product_segments.iterate(), SyncPager[ProductSegment])
    assert_type(segops.product_segments.iterate({"page_size": 2}, concurrency=1), SyncPager[ProductSegment])
    assert_type(segops.product_segments.get(1), ProductSegment)
    assert_type(segops.product_segments.create({}), ProductSegment)
    assert_type(
        segops.product_segments.create(name="Rye", definition={"logic": "AND", "conditions": []}), ProductSegment
    )
    assert_type(segops.product_segments.update(1, {}, "PUT"), ProductSegment)
    assert_type(segops.product_segments.update(1, definition=dsl.ProductAttribute("grain", "is_set")), ProductSegment)
    assert_type(segops.product_segments.delete(1), None)
    assert_type(segops.product_segments.recompute(1), JobStart)
    assert_type(segops.product_segments.recompute_and_wait(1), ProductSegment)


def products(segops: SegOpsAdmin) -> None:
    assert_type(segops.products.list(), Page[Product])
    assert_type(segops.products.list({"page": 1}), Page[Product])
    assert_type(segops.products.list(page=1, page_size=50), Page[Product])
    assert_type(segops.products.iterate(), SyncPager[Product])
    assert_type(segops.products.iterate({"page_size": 2}, concurrency=1), SyncPager[Product])
    assert_type(segops.products.get(1), Product)
    assert_type(segops.products.create({}), Product)
    assert_type(segops.products.create(sku="RYE-05", name="Dark rye", data={"grain": "rye"}), Product)
    assert_type(segops.products.update(1, {}), Product)
    assert_type(segops.products.update(1, name="Pale rye"), Product)
    assert_type(segops.products.delete(1), None)
    assert_type(segops.products.bulk_upsert([{"sku": "A", "name": "a"}]), BulkUpsertResult)
    assert_type(segops.products.bulk_upsert_stream([{"sku": "A", "name": "a"}]), SyncChunkStream)
    assert_type(segops.products.facets(), dict[str, Any])
    assert_type(segops.products.schema(), ProductSchema)
    assert_type(segops.products.set_schema(fields=[{"name": "grain", "type": "string"}]), ProductSchema)
    assert_type(segops.products.import_csv(b"sku,name\n"), ImportJob)
    assert_type(segops.products.confirm_import(1, {"confirmed": True}), ImportJob)
    assert_type(segops.products.confirm_import(1, mapping={"Code": "sku", "Note": None}), ImportJob)
    assert_type(segops.products.import_status(1), ImportJob)
    assert_type(segops.products.wait_import(1), ImportJob)
    assert_type(segops.products.import_file("rye.csv", {"Code": "sku"}), ImportJob)
    assert_type(segops.products.import_file(Path("rye.csv"), lambda job: job.suggested_mapping or {}), ImportJob)
    assert_type(segops.products.score(1), JobStart)
    assert_type(segops.products.get_score(1), ProductScore)
    assert_type(segops.products.score_all(), ScoreAllStart)
    assert_type(segops.products.score_and_wait(1), ProductScore)


def queries(segops: SegOpsAdmin) -> None:
    assert_type(segops.queries.list(), Page[AIQuery])
    assert_type(segops.queries.list({"page": 1}), Page[AIQuery])
    assert_type(segops.queries.list(page=1, page_size=50), Page[AIQuery])
    assert_type(segops.queries.iterate(), SyncPager[AIQuery])
    assert_type(segops.queries.iterate({"page_size": 2}, concurrency=1), SyncPager[AIQuery])
    assert_type(segops.queries.get(1), AIQuery)
    assert_type(segops.queries.create({}), AIQuery)
    assert_type(segops.queries.create(query_text="best rye", providers=["gemini"], schedule="weekly"), AIQuery)
    assert_type(segops.queries.update(1, {}), AIQuery)
    assert_type(segops.queries.update(1, is_active=False), AIQuery)
    assert_type(segops.queries.delete(1), None)
    assert_type(segops.queries.run(1), QueryRun)
    assert_type(segops.queries.results(1), list[QueryResult])
    assert_type(segops.queries.run_and_wait(1), list[QueryResult])
    assert_type(segops.queries.simulate(query_text="best rye"), Simulation)
    assert_type(segops.queries.dashboard(), VisibilityDashboard)
    assert_type(segops.queries.win_rate(), list[WinRate])


def schemas(segops: SegOpsAdmin) -> None:
    assert_type(segops.schemas.list(), Page[EventSchema])
    assert_type(segops.schemas.list({"page": 1}), Page[EventSchema])
    assert_type(segops.schemas.list(page=1, page_size=50), Page[EventSchema])
    assert_type(segops.schemas.iterate(), SyncPager[EventSchema])
    assert_type(segops.schemas.iterate({"page_size": 2}, concurrency=1), SyncPager[EventSchema])
    assert_type(segops.schemas.get(1), EventSchema)
    assert_type(segops.schemas.create({}), EventSchema)
    assert_type(
        segops.schemas.create(event_type="loaf_baked", properties=[{"name": "minutes", "type": "number"}]), EventSchema
    )
    assert_type(segops.schemas.update(1, {}, "PUT"), EventSchema)
    assert_type(segops.schemas.update(1, description="Bread"), EventSchema)
    assert_type(segops.schemas.delete(1), None)
    assert_type(segops.schemas.infer([{"user_id": "ana", "event_type": "loaf_baked"}]), InferredSchema)
    assert_type(segops.schemas.infer(events=[{"user_id": "ana"}]), InferredSchema)
    assert_type(segops.schemas.validate("loaf_baked", {"minutes": 4}), SchemaValidation)


def segments(segops: SegOpsAdmin) -> None:
    assert_type(segops.segments.list(), Page[Segment])
    assert_type(segops.segments.list({"page": 1}), Page[Segment])
    assert_type(segops.segments.list(page=1, page_size=50), Page[Segment])
    assert_type(segops.segments.iterate(), SyncPager[Segment])
    assert_type(segops.segments.iterate({"page_size": 2}, concurrency=1), SyncPager[Segment])
    assert_type(segops.segments.get(1), Segment)
    assert_type(segops.segments.create({}), Segment)
    assert_type(segops.segments.create(name="Bakers", definition=dsl.Recency("x", "gt", 60)), Segment)
    assert_type(segops.segments.update(1, {}, "PUT"), Segment)
    assert_type(segops.segments.update(1, description="Quiet"), Segment)
    assert_type(segops.segments.delete(1), None)
    assert_type(segops.segments.preview({"logic": "AND", "conditions": []}), SegmentPreview)
    assert_type(segops.segments.preview(definition=dsl.EventCount("x", "gte", 1), limit=5), SegmentPreview)
    assert_type(segops.segments.estimate(1), SegmentEstimate)
    assert_type(segops.segments.versions(1), list[SegmentVersion])
    assert_type(segops.segments.recompute(1), JobStart)
    assert_type(segops.segments.recompute_and_wait(1, timeout=120, on_progress=print), Segment)
    assert_type(segops.segments.members(1, limit=5), Page[SegmentMember])
    assert_type(segops.segments.iterate_members(1), SyncPager[SegmentMember])
    assert_type(segops.segments.membership("ana"), Membership)
    assert_type(segops.segments.export(1, format="parquet"), SegmentExport)
    assert_type(segops.segments.export_status(1, 2), SegmentExport)
    assert_type(segops.segments.wait_export(1, 2), SegmentExport)
    assert_type(segops.segments.download_export(SegmentExport(id=2), "members.csv"), Path)
    assert_type(segops.segments.export_to(1, Path("members.csv"), format="csv"), Path)


def users(segops: SegOpsAdmin) -> None:
    assert_type(segops.users.search("ana"), Page[UserSummary])
    assert_type(segops.users.search({"q": "ana"}), Page[UserSummary])
    assert_type(segops.users.search(q="ana", limit=5), Page[UserSummary])
    assert_type(segops.users.get("ana"), User)
    assert_type(segops.users.events("ana", event_type="x", since=date(2026, 6, 1)), Page[UserEvent])
    assert_type(segops.users.segments("ana"), list[MembershipSegment])
    assert_type(segops.users.explain("ana", 1), list[Explanation])
    assert_type(segops.users.publish_sandbox(user_id="ana", event_type="x"), SandboxResult)


def client() -> None:
    with SegOpsAdmin() as segops:
        assert_type(segops, SegOpsAdmin)
        assert_type(segops.with_options(timeout=5, max_retries=0), SegOpsAdmin)
    assert_type(segops.close(), None)


def what_is_inside(segops: SegOpsAdmin) -> None:
    for segment in segops.segments.iterate(page_size=100):
        assert_type(segment, Segment)
        assert_type(segment.id, int)
        assert_type(segment.name, str | None)
        assert_type(segment.last_computed_at, datetime | None)
        assert_type(segment["name"], Any)
        assert_type(segment.extra, dict[str, Any])
    for page in segops.segments.iterate().pages():
        assert_type(page, Page[Segment])
    assert_type(segops.segments.iterate().collect(), list[Segment])
    listed = segops.segments.list()
    assert_type(listed.results, list[Segment])
    assert_type(listed.count, int | None)
    assert_type([user.user_id for user in segops.users.search("ana")], list[str])
