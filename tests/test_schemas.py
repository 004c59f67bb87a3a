"""Every method of the schemas namespace, on both faces (sheet, sections 7 and 12)."""

import datetime as dt

import pytest
from rawserver import reply

from segops_admin import SegOpsBadRequestError, SegOpsInputError, SegOpsNotFoundError

MINUTES = {"name": "minutes", "type": "number", "required": True, "description": ""}
BAKED = {"user_id": "ana", "event_type": "loaf_baked", "payload": {"minutes": 45}}


async def test_create_takes_keywords_a_dictionary_or_both(segops):
    """All forms, as everywhere; keywords win."""
    first = await segops.schemas.create(event_type="loaf_baked", properties=[MINUTES], description="Done")
    second = await segops.schemas.create({"event_type": "flour_bought", "properties": []})
    third = await segops.schemas.create({"event_type": "a", "description": "d"}, event_type="b")

    assert (first.event_type, first.properties, first.description) == ("loaf_baked", [MINUTES], "Done")
    assert (second["event_type"], second.is_active) == ("flour_bought", True)
    assert (third.event_type, third.description) == ("b", "d")


async def test_get_reads_what_was_created(segops):
    """Typed by attribute, raw by key."""
    made = await segops.schemas.create(event_type="loaf_baked", properties=[MINUTES])
    read = await segops.schemas.get(made.id)

    assert read == made
    assert read.created_at.utcoffset() == dt.timedelta(0)
    assert read["properties"][0]["name"] == "minutes"


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_update_sends_the_method_asked_for(segops, seen, method):
    """The published package offers PUT here too: it replaces, PATCH changes."""
    made = await segops.schemas.create(event_type="a", description="d")
    changed = await segops.schemas.update(made.id, {"event_type": "b"}, method=method)

    assert (changed.event_type, changed.description) == ("b", "d" if method == "PATCH" else "")
    assert [r.method for r in seen()][1:] == [method]


async def test_update_takes_keywords_and_a_third_positional_method(segops, seen):
    """Both forms, as everywhere."""
    made = await segops.schemas.create(event_type="a")

    assert (await segops.schemas.update(made.id, is_active=False)).is_active is False
    assert (await segops.schemas.update(made.id, {"event_type": "c"}, "PUT")).event_type == "c"
    assert [r.method for r in seen()][1:] == ["PATCH", "PUT"]


async def test_update_refuses_other_methods_unsent(segops, seen):
    """`method` is no way to send anything else."""
    with pytest.raises(SegOpsInputError):
        await segops.schemas.update(1, {"event_type": "b"}, method="POST")

    assert not seen()


async def test_delete_returns_nothing_and_the_schema_is_gone(segops):
    """204 is None, as published."""
    made = await segops.schemas.create(event_type="a")

    assert await segops.schemas.delete(made.id) is None
    with pytest.raises(SegOpsNotFoundError):
        await segops.schemas.get(made.id)


async def test_list_and_iterate_read_page_by_page(segops):
    """A page by keyword or dictionary, or all of them."""
    for name in "abc":
        await segops.schemas.create(event_type=name)
    page = await segops.schemas.list(page=2, page_size=2)
    same = await segops.schemas.list({"page": 2, "page_size": 2})

    assert (page.count, [s.event_type for s in page]) == (3, ["c"])
    assert same.to_dict() == page.to_dict()
    assert [s.event_type async for s in segops.schemas.iterate(page_size=2)] == ["a", "b", "c"]
    assert [s.event_type async for s in segops.schemas.iterate({"page_size": 1})] == ["a", "b", "c"]


async def test_second_schema_of_an_event_type_is_refused(segops):
    """The error tells the field."""
    await segops.schemas.create(event_type="a")
    with pytest.raises(SegOpsBadRequestError) as caught:
        await segops.schemas.create(event_type="a")

    assert "event_type" in caught.value.field_errors


async def test_registered_schema_guards_batches(segops):
    """An event that breaks it is skipped, the rest counts."""
    await segops.schemas.create(event_type="loaf_baked", properties=[MINUTES])
    bad = {**BAKED, "payload": {"minutes": "long"}}
    answer = await segops.http.request("POST", "/ingestion/track/batch/", body={"events": [BAKED, bad]})

    assert answer == {"queued": 1, "skipped": 1}


async def test_infer_takes_events_as_a_dictionary_a_list_or_by_keyword(segops):
    """The published form is the dictionary."""
    inferred = await segops.schemas.infer({"events": [BAKED]})

    assert inferred.event_type == "loaf_baked"
    assert [(p["name"], p["type"], p["required"]) for p in inferred.properties] == [("minutes", "number", True)]
    assert [entry["event_type"] for entry in inferred.schemas] == ["loaf_baked"]
    assert await segops.schemas.infer([BAKED]) == inferred
    assert await segops.schemas.infer(events=[BAKED]) == inferred


async def test_what_was_inferred_is_good_for_a_create(segops):
    """That is what it is for."""
    inferred = await segops.schemas.infer(events=[BAKED])
    made = await segops.schemas.create(event_type=inferred.event_type, properties=inferred["properties"])

    assert [p["name"] for p in made.properties] == ["minutes"]


async def test_infer_without_events_is_refused(segops):
    """By the client or by the server, but as an error that names what is missing."""
    with pytest.raises((SegOpsInputError, SegOpsBadRequestError), match="events"):
        await segops.schemas.infer({})


async def test_validate_takes_type_and_payload_or_a_dictionary(segops):
    """`validate(TYPE, payload)` is the published form."""
    await segops.schemas.create(event_type="loaf_baked", properties=[MINUTES])
    good = await segops.schemas.validate("loaf_baked", {"minutes": 45})
    bad = await segops.schemas.validate("loaf_baked", payload={"minutes": "long"})
    same = await segops.schemas.validate({"event_type": "loaf_baked", "payload": {"minutes": "long"}})

    assert (good.valid, good.errors) == (True, [])
    assert (bad.valid, [error.property for error in bad.errors], bad["errors"][0]["property"]) == (
        False,
        ["minutes"],
        "minutes",
    )
    assert bad.errors[0].message
    assert same == bad


async def test_validate_sends_exactly_type_and_payload(at_raw, raw):
    """What the sheet shows, and nothing beside it."""
    raw.script(reply(200, {"valid": True, "errors": []}))
    await at_raw().schemas.validate("loaf_baked", {"minutes": 45})

    assert raw.requests[0].json() == {"event_type": "loaf_baked", "payload": {"minutes": 45}}


async def test_event_type_without_a_schema_is_the_servers_to_judge(segops, at_raw, raw):
    """Unstated: a server may call it valid, or unknown; either is passed on as it is."""
    raw.script(reply(404, {"detail": "Not found."}))

    assert (await segops.schemas.validate("unheard_of", {})).valid is True
    with pytest.raises(SegOpsNotFoundError):
        await at_raw().schemas.validate("unheard_of", {})
