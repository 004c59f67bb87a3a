"""What the demo does, in order, each step with the calls that a user's own script would make."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import attrs

from ..border import CommandError
from . import catalogue as files
from . import visitors

if TYPE_CHECKING:
    from pathlib import Path

    from ... import SegOpsAdmin
    from ...records.products import ImportJob
    from ...records.segments import Segment
    from .report import Report

PAGE_SIZE = 200
"""The service's maximum."""

IMPORT_TIMEOUT_S = 600.0
COMPUTE_TIMEOUT_S = 120.0
POLL_S = 0.05


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
    segments = _compute(client, segments, product_segment, report)
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


def _create_product_segment(client: SegOpsAdmin, viewers: Segment, report: Report) -> int:
    with report.step("Create a product segment") as step:
        fields = visitors.product_segment(viewers.id)
        created = client.http.request("POST", "/product-segments/", body=fields)
        step.done(created["name"], 1)
    return int(created["id"])


def _compute(client: SegOpsAdmin, segments: list[Segment], product_segment: int, report: Report) -> list[Segment]:
    computed: list[Segment] = []
    for segment in segments:
        with report.step(f"Compute {segment.id}") as step:
            computed.append(client.segments.recompute_and_wait(segment.id))
            step.done(f"users: {segment.name}", computed[-1].member_count)
    with report.step("Compute products") as step:
        answer = _computed_products(client, product_segment)
        step.done(f"products: {answer['name']}", answer["computed_count"])
    return computed


def _computed_products(client: SegOpsAdmin, product_segment: int) -> Any:
    """Compute a product segment and return it once `last_computed_at` is set."""
    where = f"/product-segments/{product_segment}/"
    client.http.request("POST", f"{where}compute/", idempotent=True)
    until = time.monotonic() + COMPUTE_TIMEOUT_S
    while not (answer := client.http.request("GET", where))["last_computed_at"]:
        if time.monotonic() > until:
            raise CommandError(f"Product segment {product_segment} was not computed within {COMPUTE_TIMEOUT_S:g} s.")
        time.sleep(POLL_S)
    return answer


def _export(client: SegOpsAdmin, segment: Segment, folder: Path, report: Report) -> Path:
    with report.step("Export a segment") as step:
        target = client.segments.export_to(segment.id, folder / f"segment-{segment.id}.csv")
        lines = target.read_text("utf-8").splitlines()
        step.done(f"users in {target.name}", len(lines) - 1)
    return target
