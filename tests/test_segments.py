"""Every method of the segments namespace, on both faces (sheet, sections 7 and 8)."""

import datetime as dt
import urllib.parse

import pytest
from rawserver import reply

from segops_admin import SegOpsBadRequestError, SegOpsInputError, SegOpsJobError, SegOpsNotFoundError

BUYERS = {"logic": "AND", "conditions": [{"type": "event_count", "event_type": "paid", "operator": "gte", "value": 2}]}
UTC = dt.timezone.utc


@pytest.fixture
async def users(segops):
    """Three users: `ana` and `bo` paid twice, `cy` once."""
    paid = [("ana", 2), ("bo", 2), ("cy", 1)]
    events = [{"user_id": user, "event_type": "paid"} for user, times in paid for _ in range(times)]
    await segops.http.request("POST", "/ingestion/track/batch/", body={"events": events})


async def test_create_takes_fields_by_keyword(segops):
    """An editor completes them."""
    made = await segops.segments.create(name="Buyers", description="Twice", definition=BUYERS, is_active=False)

    assert (made.name, made.description, made.definition, made.is_active) == ("Buyers", "Twice", BUYERS, False)
    assert made.segment_type == "rule"
    assert made.member_count in (0, None)


async def test_create_takes_a_dictionary(segops):
    """The published package's only form."""
    made = await segops.segments.create({"name": "Buyers", "definition": BUYERS})

    assert (made.name, made.definition) == ("Buyers", BUYERS)


async def test_dictionary_and_keywords_go_together(segops):
    """A template plus what is particular to this call."""
    made = await segops.segments.create({"name": "a", "description": "d"}, name="b")

    assert (made.name, made.description) == ("b", "d")


@pytest.mark.parametrize("body", ["name", [("name", "a")], 5])
async def test_body_that_is_no_object_is_refused_unsent(segops, seen, body):
    """The mistake is here, not at the server."""
    with pytest.raises(SegOpsInputError):
        await segops.segments.create(body)

    assert not seen()


async def test_get_reads_one_segment_back(segops):
    """What was created is what is read."""
    made = await segops.segments.create(name="a", definition=BUYERS)

    assert await segops.segments.get(made.id) == made


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_update_sends_the_method_asked_for(segops, seen, method):
    """PATCH unless said otherwise; `update(id, {...}, method="PUT")` is the published form."""
    made = await segops.segments.create(name="a")
    changed = await segops.segments.update(made.id, {"name": "b"}, method=method)

    assert changed.name == "b"
    assert len(seen(method=method)) == 1


async def test_update_takes_keywords_and_a_third_positional_method(segops, seen):
    """Both forms, as everywhere."""
    made = await segops.segments.create(name="a", description="d")

    assert (await segops.segments.update(made.id, name="b")).description == "d"
    assert (await segops.segments.update(made.id, {"name": "c"}, "PUT")).description == ""
    assert [r.method for r in seen()][1:] == ["PATCH", "PUT"]


async def test_update_refuses_other_methods_unsent(segops, seen):
    """`method` is no way to send anything else."""
    with pytest.raises(SegOpsInputError):
        await segops.segments.update(1, {"name": "b"}, method="DELETE")

    assert not seen()


async def test_delete_returns_nothing_and_the_segment_is_gone(segops):
    """204 is None, as published."""
    made = await segops.segments.create(name="a")

    assert await segops.segments.delete(made.id) is None
    with pytest.raises(SegOpsNotFoundError):
        await segops.segments.get(made.id)


async def test_list_takes_keywords_or_a_dictionary(segops):
    """A page has the envelope by attribute and by key, a length, and its items."""
    for name in "abc":
        await segops.segments.create(name=name)

    page = await segops.segments.list(page=2, page_size=2)
    same = await segops.segments.list({"page": 2, "page_size": 2})

    assert (page.count, len(page), [s.name for s in page], page.next) == (3, 1, ["c"], None)
    assert "page=1" in page.previous
    assert [s.name for s in page.results] == ["c"]
    assert same.to_dict() == page.to_dict()
    assert (page["count"], page["next"], page["results"][0]["name"]) == (3, None, "c")
    assert type(page["results"][0]) is dict
    assert page.get("nothing", 5) == 5
    assert "results" in page
    assert dict(page) == page.to_dict()


async def test_preview_matches_users_and_stores_nothing(segops, users):
    """A definition can be tried before it is saved."""
    preview = await segops.segments.preview(definition=BUYERS, limit=1)

    assert (preview.matched_users, len(preview.sample_user_ids)) == (2, 1)
    assert "SELECT" in preview.sql
    assert (await segops.segments.preview({"definition": BUYERS}))["matched_users"] == 2
    assert (await segops.segments.list()).count == 0


async def test_invalid_definition_tells_the_field(segops):
    """The server's word about the field is kept."""
    with pytest.raises(SegOpsBadRequestError) as caught:
        await segops.segments.create(name="a", definition={"logic": "AND", "conditions": [{"type": "no"}]})

    assert "definition" in caught.value.field_errors
    assert "definition" in str(caught.value)


async def test_estimate_tells_about_how_many(segops, users):
    """Before a compute."""
    made = await segops.segments.create(name="a", definition=BUYERS)
    estimate = await segops.segments.estimate(made.id)

    assert (estimate.segment_id, estimate.estimated_count) == (made.id, 2)


async def test_versions_are_the_saved_definitions_newest_first(segops):
    """One per save of a definition."""
    made = await segops.segments.create(name="a", definition=BUYERS)
    await segops.segments.update(made.id, definition={**BUYERS, "logic": "OR"})
    versions = await segops.segments.versions(made.id)

    assert [v.version for v in versions] == [2, 1]
    assert (versions[1].definition, versions[0]["definition"]["logic"]) == (BUYERS, "OR")
    assert versions[0].created_at.tzinfo is not None


async def test_recompute_returns_the_servers_word(segops):
    """It starts the run and does not wait for it."""
    made = await segops.segments.create(name="a", definition=BUYERS)
    started = await segops.segments.recompute(made.id)

    assert (started.status, started["status"]) == ("queued", "queued")


async def test_recompute_and_wait_returns_the_fresh_segment(segops, users):
    """Count and time are those of this run, also when there was one before."""
    made = await segops.segments.create(name="a", definition=BUYERS)
    first = await segops.segments.recompute_and_wait(made.id, timeout=20)
    second = await segops.segments.recompute_and_wait(made.id, timeout=20)

    assert (first.id, first.member_count) == (made.id, 2)
    assert first.last_computed_at.tzinfo is not None
    assert second.last_computed_at > first.last_computed_at


async def test_members_are_read_page_by_page_or_all(segops, users):
    """Cursor paging: one page with `.next_cursor`, or all of them."""
    made = await segops.segments.create(name="a", definition=BUYERS)
    await segops.segments.recompute_and_wait(made.id)

    first = await segops.segments.members(made.id, limit=1)
    second = await segops.segments.members(made.id, {"limit": 1, "cursor": first.next_cursor})
    everyone = [m.user_id async for m in segops.segments.iterate_members(made.id, limit=1)]

    assert [m.user_id for m in [*first, *second]] == ["ana", "bo"]
    assert second.next_cursor is None
    assert everyone == ["ana", "bo"]
    assert first.results[0].computed_at.utcoffset() == dt.timedelta(0)
    assert first["results"][0]["user_id"] == "ana"


async def test_membership_lists_the_segments_of_one_user(segops, users):
    """For run-time checks; an unknown user is in none."""
    made = await segops.segments.create(name="Buyers", definition=BUYERS)
    await segops.segments.recompute_and_wait(made.id)

    (entry,) = (await segops.segments.membership("ana")).segments
    assert (entry.segment_id, entry.segment_name) == (made.id, "Buyers")
    assert (await segops.segments.membership("nobody")).segments == []


async def test_membership_sends_any_user_id_whole(at_raw, raw):
    """An address, a plus sign or an ampersand is part of the id."""
    raw.script(reply(200, {"user_id": "", "segments": []}))
    user_id = "ana+b&c=d é@x.net"
    await at_raw().segments.membership(user_id)

    query = urllib.parse.urlsplit(raw.requests[0].target).query
    assert urllib.parse.parse_qs(query) == {"user_id": [user_id]}


async def test_timestamps_are_typed_by_attribute_and_raw_by_key(segops):
    """By attribute for arithmetic, by key as the published package gave them."""
    made = await segops.segments.create(name="a")

    assert isinstance(made.created_at, dt.datetime)
    assert made.created_at.utcoffset() == dt.timedelta(0)
    assert isinstance(made["created_at"], str)
    assert dt.datetime.fromisoformat(made["created_at"].replace("Z", "+00:00")) == made.created_at
    assert made.last_computed_at is None
    assert made["last_computed_at"] is None


async def test_compute_of_an_unknown_segment_is_the_apis_error(segops):
    """Nothing was started, so there is no job that could fail."""
    with pytest.raises(SegOpsNotFoundError):
        await segops.segments.recompute_and_wait(999_999_999)


async def test_compute_that_takes_too_long_ends_with_the_whole_wait(segops, emulator):
    """`timeout` of a waiting helper is the whole wait, and its error says that the run goes on."""
    made = await segops.segments.create(name="a", definition=BUYERS)
    emulator.hold_jobs()
    try:
        with pytest.raises(SegOpsJobError) as caught:
            await segops.segments.recompute_and_wait(made.id, timeout=0.3)
    finally:
        emulator.release_jobs()

    assert caught.value.reason == "timeout"
    assert str(made.id) in str(caught.value)
