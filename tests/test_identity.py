"""Every method of the identity namespace, on both faces (sheet, sections 7 and 16)."""

import pytest
from rawserver import CLOSE, reply

from segops_admin import SegOpsBadRequestError, SegOpsConnectionError, SegOpsInputError


async def test_alias_takes_two_ids_or_a_dictionary(segops):
    """The first identify wins: a later claim is answered with the user that is kept."""
    first = await segops.identity.alias("7f3c", "cust-9001")
    later = await segops.identity.alias({"anonymous_id": "7f3c", "user_id": "cust-2"})
    named = await segops.identity.alias(anonymous_id="8a1b", user_id="cust-3")

    assert (first.anonymous_id, first.user_id, first.created) == ("7f3c", "cust-9001", True)
    assert (later.user_id, later.created, later["created"]) == ("cust-9001", False, False)
    assert named.user_id == "cust-3"


async def test_aliased_events_count_for_the_user(segops):
    """Resolution happens when events are read."""
    event = {"user_id": "anon_7f3c", "anonymous_id": "7f3c", "event_type": "seen"}
    await segops.http.request("POST", "/ingestion/track/", body=event)
    await segops.identity.alias("7f3c", "ana")

    assert [e.event_type for e in await segops.users.events("ana")] == ["seen"]


@pytest.mark.parametrize("anonymous_id", ["7f3c", "anon_7f3c"])
async def test_anonymous_id_goes_as_it_was_given(at_raw, raw, anonymous_id):
    """Whether the prefix belongs to it is the caller's to know."""
    raw.script(reply(200, {}))
    await at_raw().identity.alias(anonymous_id, "ana")

    assert raw.requests[0].json() == {"anonymous_id": anonymous_id, "user_id": "ana"}


async def test_merge_takes_two_ids_or_a_dictionary(segops):
    """One known user goes into another, and this overrides."""
    first = await segops.identity.merge("cust-2", "cust-9001")
    second = await segops.identity.merge({"from_user_id": "cust-3", "into_user_id": "cust-9001"})
    third = await segops.identity.merge(from_user_id="cust-3", into_user_id="cust-1")

    assert (first.from_user_id, first.into_user_id, first.merged) == ("cust-2", "cust-9001", True)
    assert (second["into_user_id"], third.into_user_id) == ("cust-9001", "cust-1")


async def test_merged_users_are_read_as_one(segops):
    """Both histories are the second one's."""
    events = [{"user_id": user, "event_type": "paid"} for user in ("ana", "bo")]
    await segops.http.request("POST", "/ingestion/track/batch/", body={"events": events})
    await segops.identity.merge("ana", "bo")

    assert (await segops.users.get("bo")).event_count == 2
    assert [u.user_id for u in await segops.users.search()] == ["bo"]


async def test_merging_an_id_into_itself_is_refused(segops):
    """Nothing to do, so most likely a mistake."""
    with pytest.raises((SegOpsInputError, SegOpsBadRequestError)):
        await segops.identity.merge("ana", "ana")


@pytest.mark.parametrize("method", ["alias", "merge"])
async def test_half_a_pair_is_refused(segops, method):
    """By the client or by the server, but as an error of this library."""
    with pytest.raises((SegOpsInputError, SegOpsBadRequestError)):
        await getattr(segops.identity, method)("ana")


async def test_alias_is_repeated_after_an_unclear_outcome_and_merge_is_not(at_raw, raw):
    """An alias twice is an alias; a merge overrides what was joined since."""
    raw.script(CLOSE, reply(200, {"anonymous_id": "a", "user_id": "b", "created": True}), CLOSE)
    segops = at_raw()

    assert (await segops.identity.alias("a", "b")).created is True
    with pytest.raises(SegOpsConnectionError):
        await segops.identity.merge("a", "b")
    assert [request.target for request in raw.requests] == ["/api/identity/alias/"] * 2 + ["/api/identity/merge/"]
    assert len({request.headers["idempotency-key"] for request in raw.requests[:2]}) == 1
