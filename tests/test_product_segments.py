"""Every method of the product_segments namespace, on both faces (sheet, sections 7 and 10)."""

import datetime as dt

import pytest
from rawserver import reply

from segops_admin import SegOpsBadRequestError, SegOpsInputError, SegOpsJobError, SegOpsNotFoundError

RYE = {
    "logic": "AND",
    "conditions": [
        {"type": "product_attribute", "property": "grain", "operator": "eq", "value": "rye", "value_type": "string"}
    ],
}
COMPUTED = {"id": 5, "name": "a", "computed_count": 1, "last_computed_at": "2026-06-09T22:00:03Z"}


@pytest.fixture
async def catalogue(segops):
    """Three products, two of them rye."""
    rows = [{"sku": sku, "name": sku, "grain": grain} for sku, grain in [("A", "rye"), ("B", "rye"), ("C", "oat")]]
    await segops.http.request("POST", "/pim/products/bulk/", body={"products": rows})


async def test_create_takes_keywords_a_dictionary_or_both(segops):
    """All forms, as everywhere; keywords win."""
    first = await segops.product_segments.create(name="Rye", description="All of it", definition=RYE)
    second = await segops.product_segments.create({"name": "Oat"})
    third = await segops.product_segments.create({"name": "a", "description": "d"}, name="b")

    assert (first.name, first.description, first.definition) == ("Rye", "All of it", RYE)
    assert (second["name"], second.last_computed_at, second.computed_count) == ("Oat", None, second["computed_count"])
    assert (third.name, third.description) == ("b", "d")


async def test_get_reads_what_was_created(segops):
    """Typed by attribute, raw by key."""
    made = await segops.product_segments.create(name="Rye", definition=RYE)
    read = await segops.product_segments.get(made.id)

    assert read == made
    assert read.created_at.utcoffset() == dt.timedelta(0)
    assert isinstance(read["created_at"], str)


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_update_sends_the_method_asked_for(segops, seen, method):
    """The published package offers PUT here too: it replaces, PATCH changes."""
    made = await segops.product_segments.create(name="a", description="d")
    changed = await segops.product_segments.update(made.id, {"name": "b"}, method=method)

    assert (changed.name, changed.description) == ("b", "d" if method == "PATCH" else "")
    assert [r.method for r in seen()][1:] == [method]


async def test_update_takes_keywords_and_a_third_positional_method(segops, seen):
    """Both forms, as everywhere."""
    made = await segops.product_segments.create(name="a")

    assert (await segops.product_segments.update(made.id, definition=RYE)).definition == RYE
    assert (await segops.product_segments.update(made.id, {"name": "c"}, "PUT")).name == "c"
    assert [r.method for r in seen()][1:] == ["PATCH", "PUT"]


async def test_update_refuses_other_methods_unsent(segops, seen):
    """`method` is no way to send anything else."""
    with pytest.raises(SegOpsInputError):
        await segops.product_segments.update(1, {"name": "b"}, method="DELETE")

    assert not seen()


async def test_delete_returns_nothing_and_the_object_is_gone(segops):
    """204 is None, as published."""
    made = await segops.product_segments.create(name="a")

    assert await segops.product_segments.delete(made.id) is None
    with pytest.raises(SegOpsNotFoundError):
        await segops.product_segments.get(made.id)


async def test_list_and_iterate_read_page_by_page(segops):
    """A page by keyword or dictionary, or all of them."""
    for name in "abc":
        await segops.product_segments.create(name=name)
    page = await segops.product_segments.list(page=2, page_size=2)
    same = await segops.product_segments.list({"page": 2, "page_size": 2})

    assert (page.count, [s.name for s in page], page["results"][0]["name"]) == (3, ["c"], "c")
    assert same.to_dict() == page.to_dict()
    assert [s.name async for s in segops.product_segments.iterate(page_size=2)] == ["a", "b", "c"]
    assert [s.name async for s in segops.product_segments.iterate({"page_size": 1})] == ["a", "b", "c"]


async def test_wrong_definition_tells_the_field(segops):
    """The server's word about the field is kept."""
    with pytest.raises(SegOpsBadRequestError) as caught:
        await segops.product_segments.create(name="a", definition={"logic": "AND", "conditions": [{"type": "no"}]})

    assert "definition" in caught.value.field_errors


async def test_recompute_returns_the_servers_word(segops, seen):
    """It starts the run, with no body, and does not wait for it."""
    made = await segops.product_segments.create(name="a", definition=RYE)
    started = await segops.product_segments.recompute(made.id)

    assert (started.status, started["status"]) == ("queued", "queued")
    assert seen(method="POST", path=f"/product-segments/{made.id}/compute/")[0].body_size == 0


async def test_recompute_and_wait_returns_the_fresh_collection(segops, catalogue):
    """Count and time are those of this run, also when there was one before."""
    made = await segops.product_segments.create(name="Rye", definition=RYE)
    looks = []
    first = await segops.product_segments.recompute_and_wait(made.id, timeout=20, on_progress=looks.append)
    second = await segops.product_segments.recompute_and_wait(made.id)

    assert (first.id, first.computed_count) == (made.id, 2)
    assert second.last_computed_at > first.last_computed_at
    assert looks[-1] == first


async def test_failed_compute_is_a_job_error_where_the_server_tells(at_raw, raw):
    """A caller can tell it from one that takes too long."""
    raw.script(
        reply(200, {**COMPUTED, "status": "computed"}),
        reply(202, {"status": "queued"}),
        reply(200, {**COMPUTED, "status": "computing"}),
        reply(200, {**COMPUTED, "status": "failed"}),
    )
    with pytest.raises(SegOpsJobError) as caught:
        await at_raw().product_segments.recompute_and_wait(5, timeout=20)

    assert caught.value.reason == "failed"
    assert caught.value.job.status == "failed"


async def test_compute_that_takes_too_long_ends_with_the_whole_wait(segops, emulator):
    """The run itself goes on at the server, and the error is no other than that of segments."""
    made = await segops.product_segments.create(name="a", definition=RYE)
    emulator.hold_jobs()
    try:
        with pytest.raises(SegOpsJobError) as caught:
            await segops.product_segments.recompute_and_wait(made.id, timeout=0.3)
    finally:
        emulator.release_jobs()

    assert caught.value.reason == "timeout"
    assert str(made.id) in str(caught.value)


async def test_compute_of_an_unknown_object_is_the_apis_error(segops):
    """Nothing was started, so there is no job that could fail."""
    with pytest.raises(SegOpsNotFoundError):
        await segops.product_segments.recompute_and_wait(999_999_999)
