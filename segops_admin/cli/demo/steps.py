"""What the demo does, in order, each step with the calls that a user's own script would make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from . import catalogue as files
from . import visitors

if TYPE_CHECKING:
    from pathlib import Path

    from ... import SegOpsAdmin
    from ...records.product_segments import ProductSegment
    from ...records.products import ImportJob
    from ...records.segments import Segment
    from .report import Report

PAGE_SIZE = 200
"""The service's maximum."""

IMPORT_TIMEOUT_S = 600.0


@attrs.frozen
class Outcome:
    """What the demo is judged by."""

    rows_in: int
    rows_stored: int
    export: Path


def run(client: SegOpsAdmin, source: Path | None, *, scratch: Path, output: Path, report: Report) -> Outcome:
    """Do everything, and return what came of it."""
    catalogue = _import(client, source, scratch, report)
    with report.step("Walk the products", catalogue.rows) as step:
        skus = _walk_products(client, report)
        step.done("products, page by page", len(skus))
    _send_events(client, skus, report)
    segments = _create_segments(client, report)
    product_segment = _create_product_segment(client, segments[0], report)
    _compute(client, segments, product_segment, report)
    with report.step("Walk the segments") as step:
        step.done("segments, page by page", sum(1 for _ in client.segments.iterate(page_size=PAGE_SIZE)))
    export = _export(client, segments[0], output, report)
    return Outcome(catalogue.rows, len(set(skus)), export)


def _import(client: SegOpsAdmin, source: Path | None, scratch: Path, report: Report) -> files.Catalogue:
    with report.step("Read the catalogue") as step:
        path = files.unpacked(source, scratch)
        catalogue = files.look_into(path)
        step.done(f"rows in {path.name}", catalogue.rows)
    with report.step("Import the catalogue", catalogue.rows) as step:
        job = client.products.import_file(
            catalogue.path,
            lambda uploaded: files.mapping_for(catalogue, uploaded),
            timeout=IMPORT_TIMEOUT_S,
            on_progress=lambda seen: report.progress(seen.imported_count or 0, seen.row_count),
        )
        step.done(_imported(job), job.imported_count)
    return catalogue


def _imported(job: ImportJob) -> str:
    columns = {field: column for column, field in (job.mapping or {}).items()}
    name = f", name from {columns['name']}" if columns.get("name") else ""
    return f"rows imported: sku from {columns.get('sku')}{name}"


def _walk_products(client: SegOpsAdmin, report: Report) -> list[str]:
    skus: list[str] = []
    for page in client.products.iterate(page_size=PAGE_SIZE).pages():
        skus.extend(product.sku for product in page)
        report.progress(len(skus), page.count)
    return skus


def _send_events(client: SegOpsAdmin, skus: list[str], report: Report) -> None:
    with report.step("Send events") as step:
        queued = 0
        for events in visitors.batches(skus):
            answer = client.http.request("POST", "/ingestion/track/batch/", body={"events": events})
            queued += answer["queued"]
            report.progress(queued)
        step.done(f"events of {visitors.USERS} users", queued)


def _create_segments(client: SegOpsAdmin, report: Report) -> list[Segment]:
    with report.step("Create segments", len(visitors.SEGMENTS)) as step:
        created = [client.segments.create(fields) for fields in visitors.SEGMENTS]
        step.done(", ".join(segment.name or "" for segment in created), len(created))
    return created


def _create_product_segment(client: SegOpsAdmin, viewers: Segment, report: Report) -> ProductSegment:
    with report.step("Create a product segment", 1) as step:
        created = client.product_segments.create(visitors.product_segment(viewers.id))
        step.done(created.name or "", 1)
    return created


def _compute(client: SegOpsAdmin, segments: list[Segment], products: ProductSegment, report: Report) -> None:
    for segment in segments:
        with report.step("Compute a segment") as step:
            computed = client.segments.recompute_and_wait(segment.id)
            step.done(f"users in {segment.name}", computed.member_count)
    with report.step("Compute a product segment") as step:
        collection = client.product_segments.recompute_and_wait(products.id)
        step.done(f"products in {products.name}", collection.computed_count)


def _export(client: SegOpsAdmin, segment: Segment, folder: Path, report: Report) -> Path:
    with report.step("Export a segment") as step:
        target = client.segments.export_to(segment.id, folder / f"segment-{segment.id}.csv")
        lines = target.read_text("utf-8").splitlines()
        step.done(f"users in {target.name}", len(lines) - 1)
    return target
