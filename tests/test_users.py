"""Every method of the users namespace, on both faces (sheet, sections 7 and 15)."""

import datetime as dt

import pytest
from rawserver import reply

from segops_admin import SegOpsBadRequestError, SegOpsError, SegOpsInputError, SegOpsNotFoundError

BAKER = {"type": "event_count", "event_type": "loaf_baked", "operator": "gte", "value": 2}
BAKERS = {"logic": "AND", "conditions": [BAKER]}
ODD_ID = "a/b c+d?e#f%20é@x.net"


@pytest.fixture
def track(segops):
    """Return a function that stores events."""

    async def send(*events):
        await segops.http.request("POST", "/ingestion/track/batch/", body={"events": list(events)})

    return send


@pytest.fixture
async def ana(track):
    """A user with two loaves, a trait, and events a day apart."""
    loaf = {"user_id": "ana@example.net", "event_type": "loaf_baked"}
    await track(
        {**loaf, "occurred_at": "2026-06-09T20:11:00Z", "payload": {"minutes": 40}},
        {**loaf, "occurred_at": "2026-06-10T20:11:00Z", "payload": {"minutes": 45}},
        {
            "user_id": "ana@example.net",
            "event_type": "context_identified",
            "occurred_at": "2026-06-08T00:00:00Z",
            "payload": {"country": "NO"},
        },
    )
    return "ana@example.net"


async def test_search_takes_a_text_a_dictionary_or_keywords(segops, ana, track):
    """The dictionary is the published form; there is no `next` on this list (C4)."""
    await track({"user_id": "bo", "event_type": "x"})
    page = await segops.users.search({"q": "ana", "limit": 20})

    assert [(u.user_id, u.event_count) for u in page] == [(ana, 3)]
    assert page.results[0].first_seen == dt.datetime(2026, 6, 8, tzinfo=dt.timezone.utc)
    assert page.results[0].last_seen.utcoffset() == dt.timedelta(0)
    assert (page.count, page.next, page.previous, page["results"][0]["user_id"]) == (1, None, None, ana)
    assert (await segops.users.search("ana")).to_dict() == page.to_dict()
    assert (await segops.users.search(q="ana", limit=20)).to_dict() == page.to_dict()
    assert [u.user_id for u in await segops.users.search()] == [ana, "bo"]
    assert [u.user_id for u in await segops.users.search(limit=1)] == [ana]


async def test_get_returns_the_profile(segops, ana):
    """Traits are those of the latest `context_identified` event."""
    user = await segops.users.get(ana)

    assert (user.user_id, user.event_count, user.event_type_count) == (ana, 3, 2)
    assert (user.properties, user["properties"]["country"]) == ({"country": "NO"}, "NO")


async def test_unknown_user_is_not_found(segops):
    """There is nothing to show of them."""
    with pytest.raises(SegOpsNotFoundError):
        await segops.users.get("nobody")


async def test_events_come_newest_first_and_filtered(segops, ana):
    """By keyword or dictionary."""
    page = await segops.users.events(ana, {"event_type": "loaf_baked", "limit": 1})

    assert [(e.event_type, e.payload) for e in page] == [("loaf_baked", {"minutes": 45})]
    assert page.results[0].occurred_at == dt.datetime(2026, 6, 10, 20, 11, tzinfo=dt.timezone.utc)
    assert page["results"][0]["occurred_at"] == "2026-06-10T20:11:00Z"
    assert (await segops.users.events(ana, event_type="loaf_baked", limit=1)).to_dict() == page.to_dict()
    assert len(await segops.users.events(ana)) == 3


@pytest.mark.parametrize(
    "since",
    [
        "2026-06-10",
        dt.date(2026, 6, 10),
        dt.datetime(2026, 6, 10, tzinfo=dt.timezone.utc),
        dt.datetime(2026, 6, 10, 2, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    ],
    ids=["text", "date", "instant", "other_zone"],
)
async def test_since_takes_text_dates_and_instants(segops, ana, since):
    """Whatever the caller has at hand names the same moment."""
    assert len(await segops.users.events(ana, since=since)) == 1


async def test_segments_are_those_of_the_last_compute(segops, ana):
    """A bare list of records."""
    made = await segops.segments.create(name="Bakers", definition=BAKERS)
    assert await segops.users.segments(ana) == []
    await segops.segments.recompute_and_wait(made.id)
    (entry,) = await segops.users.segments(ana)

    assert (entry.segment_id, entry.segment_name, entry.member_count) == (made.id, "Bakers", 1)
    assert entry.computed_at.utcoffset() == dt.timedelta(0)


async def test_explain_tells_each_condition_in_order(segops, ana):
    """It works for members and for others."""
    rules = {"logic": "AND", "conditions": [BAKER, {"type": "user_property", "property": "age", "operator": "is_set"}]}
    made = await segops.segments.create(name="a", definition=rules)
    first, second = await segops.users.explain(ana, made.id)

    assert (first.index, first.type, first.actual_value, first.threshold, first.matches) == (
        0,
        "event_count",
        2,
        2,
        True,
    )
    assert (second.index, second.matches) == (1, False)
    assert first.label
    assert [e.matches for e in await segops.users.explain("nobody", made.id)] == [False, False]
    with pytest.raises(SegOpsNotFoundError):
        await segops.users.explain(ana, 999_999_999)


async def test_sandbox_tells_what_would_change_and_stores_nothing(segops, ana):
    """By keyword or dictionary, with an instant of the caller's."""
    made = await segops.segments.create(
        name="Bakers of three", definition={"logic": "AND", "conditions": [{**BAKER, "value": 3}]}
    )
    event = {"user_id": ana, "event_type": "loaf_baked", "payload": {"minutes": 1}}
    result = await segops.users.publish_sandbox(event)
    same = await segops.users.publish_sandbox(**event, occurred_at=dt.datetime(2026, 6, 11, tzinfo=dt.timezone.utc))

    assert result.published is True
    assert [(s.id, s.name) for s in result.entered] == [(made.id, "Bakers of three")]
    assert (result.exited, result.unchanged_count) == ([], 0)
    assert same == result
    assert (await segops.users.get(ana)).event_count == 3


async def test_sandbox_without_a_user_is_refused(segops):
    """By the client or by the server, but as an error that names what is missing."""
    with pytest.raises((SegOpsBadRequestError, SegOpsInputError), match="user_id"):
        await segops.users.publish_sandbox(event_type="x")


@pytest.mark.parametrize("call", ["get", "events", "segments", "explain"])
async def test_user_id_is_percent_encoded_whole(at_raw, raw, call):
    """A slash, a plus or a percent sign is part of the id; no character is safe (sheet, section 1)."""
    raw.script(reply(200, {"user_id": ODD_ID, "results": []} if call in ("get", "events") else []))
    await getattr(at_raw().users, call)(ODD_ID, *([7] if call == "explain" else []))

    encoded = "a%2Fb%20c%2Bd%3Fe%23f%2520%C3%A9%40x.net"
    rest = {"get": "", "events": "events/", "segments": "segments/", "explain": "segments/7/explain/"}[call]
    assert raw.requests[0].target == f"/api/explorer/users/{encoded}/{rest}"


@pytest.mark.parametrize("user_id", [".", "..", ""])
@pytest.mark.parametrize("call", ["get", "events", "segments"])
async def test_id_that_leads_elsewhere_is_refused_unsent(segops, seen, call, user_id):
    """`..` survives encoding, and is then resolved to another path."""
    with pytest.raises(SegOpsInputError):
        await getattr(segops.users, call)(user_id)

    assert not seen()


async def test_any_other_id_reads_its_own_user(segops, track):
    """What was tracked under an odd id is found under it."""
    await track({"user_id": ODD_ID, "event_type": "x"})

    assert (await segops.users.get(ODD_ID)).user_id == ODD_ID
    assert [e.event_type for e in await segops.users.events(ODD_ID)] == ["x"]
    assert [u.user_id for u in await segops.users.search(ODD_ID)] == [ODD_ID]


@pytest.mark.parametrize("user_id", [None, 5.5, ["ana"]])
async def test_id_that_is_no_text_goes_nowhere(segops, seen, user_id):
    """`None` would be the user "None"."""
    with pytest.raises(SegOpsError):
        await segops.users.get(user_id)

    assert not seen()
