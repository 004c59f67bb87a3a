"""Calls with a mistake in each line that is marked; both type checkers must see it, and nothing else. Never run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segops_admin import dsl, parse_webhook

if TYPE_CHECKING:
    from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin


async def wrong_names(segops: AsyncSegOpsAdmin) -> None:
    await segops.segments.create(nmae="Bakers")  # wrong
    await segops.segments.create(name="Bakers")
    await segops.segments.update(1, defnition={})  # wrong
    await segops.segments.list(pagesize=5)  # wrong
    segops.segments.iterate(pagesize=5)  # wrong
    await segops.segments.preview(limt=5)  # wrong
    await segops.segments.create(body={"name": "Bakers"})  # wrong
    await segops.product_segments.create(title="Rye")  # wrong
    await segops.products.create(sku="A", price=5)  # wrong
    await segops.products.set_schema(field=[])  # wrong
    await segops.products.confirm_import(1, confirmed=True)  # wrong
    await segops.schemas.create(event="x")  # wrong
    await segops.activations.create(segment_id=1)  # wrong
    await segops.users.search(query="ana")  # wrong
    await segops.users.events("ana", until="2026-01-01")  # wrong
    await segops.users.publish_sandbox(user="ana")  # wrong
    await segops.queries.create(text="best rye")  # wrong
    await segops.queries.simulate(provider="gemini")  # wrong
    await segops.competitors.create(alias="x")  # wrong
    await segops.pages.create(path="rye")  # wrong
    await segops.pages.query("rye", segment=1)  # wrong
    await segops.api_keys.create(tenant="northwind")  # wrong


def wrong_values(segops: SegOpsAdmin) -> None:
    segops.segments.create(name=5)  # wrong
    segops.segments.create(definition="x")  # wrong
    segops.segments.create(is_active="yes")  # wrong
    segops.segments.update(1, {}, method="POST")  # wrong
    segops.segments.update(1, {}, method="PUT")
    segops.segments.list(page="two")  # wrong
    segops.segments.iterate(page_size="2")  # wrong
    segops.segments.get(None)  # wrong
    segops.segments.export(1, format=5)  # wrong
    segops.segments.recompute_and_wait(1, timeout="5")  # wrong
    segops.product_segments.create(definition=5)  # wrong
    segops.products.create(data=[])  # wrong
    segops.products.set_schema(fields=[{"name": "grain"}])  # wrong
    segops.products.confirm_import(1, mapping={"Code": 5})  # wrong
    segops.products.import_csv("sku,name")  # wrong
    segops.products.bulk_upsert([], chunk_size="5")  # wrong
    segops.schemas.create(properties="minutes")  # wrong
    segops.activations.create(config="x")  # wrong
    segops.activations.update(1, status="error")  # wrong
    segops.users.get(5)  # wrong
    segops.users.search(limit="5")  # wrong
    segops.users.publish_sandbox(payload=5)  # wrong
    segops.queries.create(tags=5)  # wrong
    segops.queries.create(schedule=5)  # wrong
    segops.competitors.create(brand_aliases=5)  # wrong
    segops.pages.create(published="no")  # wrong
    segops.pages.query(5)  # wrong
    segops.identity.alias(5, "ana")  # wrong
    segops.with_options(timeout="5")  # wrong


def wrong_results(segops: SegOpsAdmin) -> str:
    number: int = segops.segments.get(1).name  # wrong
    pages: list[int] = segops.segments.list().results  # wrong
    segops.segments.get(1).rename("Bakers")  # wrong
    segops.segments.list().delete()  # wrong
    segops.segmnts.list()  # wrong
    return f"{number} {pages}"


def wrong_rules() -> None:
    dsl.EventCount("x", "gte", "four")  # wrong
    dsl.EventCount("x", "gte")  # wrong
    dsl.EventCount("x", "gte", 4) & {"type": "recency"}  # wrong
    dsl.EventSequence([5], window_days=1)  # wrong
    parse_webhook(b"", "", "secret", max_age="5")  # wrong
