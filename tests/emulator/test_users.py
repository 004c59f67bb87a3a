"""Sections 15, 16 and 20 of the sheet: events in, users out, ids joined."""

import hmac
from base64 import b64encode
from urllib.parse import quote

import pytest
from yarl import URL

SEEN = {"event_type": "seen"}


async def test_profile_has_the_latest_traits_only(api):
    """Traits are replaced by each identify, not merged."""
    await api.track(
        {
            "user_id": "ana@example.net",
            "event_type": "context_identified",
            "payload": {"country": "NO"},
            "occurred_at": "2026-02-01T08:30:00Z",
        },
        {
            "user_id": "ana@example.net",
            "event_type": "context_identified",
            "payload": {"plan": "home"},
            "occurred_at": "2026-02-02T08:30:00+00:00",
        },
        {"user_id": "ana@example.net", "event_type": "loaf_baked", "occurred_at": "2026-02-03T08:30:00.5Z"},
    )

    assert (await api.get("/explorer/users/ana%40example.net/")).body == {
        "user_id": "ana@example.net",
        "event_count": 3,
        "event_type_count": 2,
        "first_seen": "2026-02-01T08:30:00Z",
        "last_seen": "2026-02-03T08:30:00Z",
        "properties": {"plan": "home"},
    }


async def test_user_id_with_a_slash_is_one_segment_of_the_path(api):
    """`a/b` is sent as `a%2Fb`; so are other awkward ids."""
    for user_id in ("a/b", "100%", "é ?#", "+1"):
        await api.track({"user_id": user_id, **SEEN})
        url = URL(f"{api.emu.base_url}/explorer/users/{quote(user_id, safe='')}/", encoded=True)
        async with api.session.get(url, headers={"X-API-Key": api.tenant.api_key}) as response:
            assert (await response.json())["user_id"] == user_id


async def test_unknown_user_is_404_but_has_an_empty_history(api):
    """The profile of nobody is 404; lists are empty."""
    assert (await api.get("/explorer/users/nobody/")).status == 404
    assert (await api.get("/explorer/users/nobody/events/")).body == {"count": 0, "results": []}
    assert (await api.get("/explorer/users/nobody/segments/")).body == []


async def test_search_counts_all_and_returns_up_to_limit(api):
    """Count and results without next or previous (C4); substring in any case."""
    await api.track(*({"user_id": f"Cust-{n}", **SEEN} for n in range(5)), {"user_id": "other", **SEEN})
    found = (await api.get("/explorer/users/?q=cust&limit=2")).body

    assert set(found) == {"count", "results"}
    assert (found["count"], [u["user_id"] for u in found["results"]]) == (5, ["Cust-0", "Cust-1"])


async def test_events_are_newest_first_and_filtered(api):
    """By type, and since a date or a timestamp."""
    for day in (1, 2, 3):
        await api.track(
            {"user_id": "ana", "event_type": "odd" if day % 2 else "even", "occurred_at": f"2026-02-0{day}T00:00:00Z"}
        )
    path = "/explorer/users/ana/events/"

    assert [e["occurred_at"][8:10] for e in (await api.get(path)).body["results"]] == ["03", "02", "01"]
    assert (await api.get(path + "?event_type=odd&limit=1")).body["count"] == 2
    assert (await api.get(path + "?since=2026-02-02")).body["count"] == 2
    assert (await api.get(path + "?since=yesterday")).status == 400


async def test_batch_skips_bad_events_and_counts_them(api):
    """The rest still counts."""
    good, no_user = {"user_id": "ana", **SEEN}, {"user_id": "", **SEEN}
    answer = await api.post("/ingestion/track/batch/", {"events": [good, no_user, 7, {"user_id": "ana"}, good]})

    assert (answer.status, answer.body) == (202, {"queued": 2, "skipped": 3})


async def test_more_than_500_events_are_refused(api):
    """The documented limit of a batch; a list is required."""
    event = {"user_id": "ana", **SEEN}
    assert (await api.post("/ingestion/track/batch/", {"events": [event] * 501})).status == 400
    assert (await api.post("/ingestion/track/batch/", {"events": [event] * 500})).body["queued"] == 500
    assert (await api.post("/ingestion/track/batch/", {})).status == 400


async def test_single_event_is_checked_by_field(api):
    """What a batch skips, a single call refuses."""
    answer = await api.post("/ingestion/track/", {"payload": [], "occurred_at": "soon"})

    assert answer.status == 400
    assert set(answer.body) == {"user_id", "event_type", "payload", "occurred_at"}


async def test_monthly_quota_asks_to_wait_for_next_month(emu, connect):
    """Retry-After then points at the reset, which can be days away."""
    api = connect(emu, emu.create_tenant(events_per_month=2))
    event = {"user_id": "ana", **SEEN}
    await api.track(event, event)
    refused = await api.post("/ingestion/track/", event)

    assert refused.status == 429
    assert 0 < int(refused.headers["Retry-After"]) <= 31 * 86400


async def test_first_alias_wins(api):
    """A later, different claim is answered with the user that was kept; a leading anon_ is not doubled."""
    first = await api.post("/identity/alias/", {"anonymous_id": "7f3c", "user_id": "ana"})
    second = await api.post("/identity/alias/", {"anonymous_id": "anon_7f3c", "user_id": "bo"})

    assert first.body == {"anonymous_id": "7f3c", "user_id": "ana", "created": True}
    assert second.body == {"anonymous_id": "anon_7f3c", "user_id": "ana", "created": False}


async def test_stitched_and_merged_events_count_for_the_final_user(api):
    """Chains resolve when read, whatever order they were made in: anonymous → user → merged user."""
    await api.track({"anonymous_id": "x1", **SEEN}, {"user_id": "ana", **SEEN}, {"user_id": "old", **SEEN})
    await api.post("/identity/alias/", {"anonymous_id": "x1", "user_id": "old"})
    assert (await api.post("/identity/merge/", {"from_user_id": "old", "into_user_id": "ana"})).body["merged"] is True

    profile = (await api.get("/explorer/users/ana/")).body
    assert profile["event_count"] == 3
    assert (await api.get("/explorer/users/anon_x1/")).body["user_id"] == "ana"
    assert (await api.get("/explorer/users/")).body["count"] == 1


async def test_ids_seen_together_are_stitched(api):
    """An event with both ids records the edge itself."""
    await api.track({"anonymous_id": "x2", **SEEN}, {"anonymous_id": "x2", "user_id": "ana", **SEEN})

    assert (await api.get("/explorer/users/ana/")).body["event_count"] == 2


async def test_merge_overrides_and_refuses_cycles(api):
    """Merge is authoritative, but never into itself, directly or around a corner."""
    for into in ("b", "c"):
        assert (await api.post("/identity/merge/", {"from_user_id": "a", "into_user_id": into})).status == 200
    await api.track({"user_id": "a", **SEEN})

    assert (await api.get("/explorer/users/a/")).body["user_id"] == "c"
    for pair in (("c", "a"), ("a", "a")):
        assert (
            await api.post("/identity/merge/", dict(zip(("from_user_id", "into_user_id"), pair, strict=True)))
        ).status == 400
    assert (await api.post("/identity/merge/", {})).status == 400


async def test_segments_of_a_user_and_explain(api):
    """Explain has one item per condition, for members and others."""
    await api.track({"user_id": "ana", **SEEN})
    rule = {"type": "event_count", "event_type": "seen", "operator": "gte", "value": 1}
    segment = (await api.post("/segments/", {"name": "a", "definition": {"logic": "AND", "conditions": [rule]}})).body
    await api.post(f"/segments/{segment['id']}/compute/")
    await api.poll(f"/segments/{segment['id']}/", lambda body: body["status"] == "computed")

    [membership] = (await api.get("/explorer/users/ana/segments/")).body
    assert (membership["segment_id"], membership["member_count"]) == (segment["id"], 1)
    for user_id, matches in (("ana", True), ("nobody", False)):
        [item] = (await api.get(f"/explorer/users/{user_id}/segments/{segment['id']}/explain/")).body
        assert (item["index"], item["type"], item["matches"]) == (0, "event_count", matches)


@pytest.mark.parametrize("user_id", ["ana", "hypothetical"])
async def test_sandbox_tells_what_one_event_would_change_and_stores_nothing(api, user_id):
    """A made-up user starts from an empty history; nobody's real history changes."""
    await api.track({"user_id": "ana", **SEEN}, {"user_id": "bo", **SEEN}, {"user_id": "bo", "event_type": "bought"})
    made = {}
    for name, operator, value in (("buyers", "gte", 1), ("lookers", "lt", 1), ("heavy", "gte", 9)):
        rule = {"type": "event_count", "event_type": "bought", "operator": operator, "value": value}
        body = {"name": name, "definition": {"logic": "AND", "conditions": [rule]}}
        made[name] = (await api.post("/segments/", body)).body["id"]
    answer = (await api.post("/explorer/sandbox/publish/", {"user_id": user_id, "event_type": "bought"})).body

    assert answer["published"] is True
    assert answer["entered"] == [{"id": made["buyers"], "name": "buyers"}]
    exited = [{"id": made["lookers"], "name": "lookers"}] if user_id == "ana" else []  # without events nobody looks
    assert (answer["exited"], answer["unchanged_count"]) == (exited, 2 - len(exited))
    assert (await api.get("/explorer/users/ana/")).body["event_count"] == 1
    assert (await api.get("/explorer/users/hypothetical/")).status == 404


async def test_shop_webhooks_become_events(api):
    """Signed by the shop, no API key; the user is the customer's e-mail."""
    raw = b'{"customer": {"id": 7, "email": "ana@example.net"}, "total_price": "9.00"}'
    signature = b64encode(hmac.digest(api.tenant.signing_secret.encode(), raw, "sha256")).decode()
    headers = {"Authorization": None, "X-Shopify-Topic": "orders/paid", "X-Shopify-Hmac-SHA256": signature}
    path = f"/ingestion/shopify/{api.tenant.slug}/"

    assert (await api("POST", path, data=raw, headers=headers)).status == 200
    assert (await api("POST", path, data=raw + b" ", headers=headers)).status == 401
    [event] = (await api.get("/explorer/users/ana%40example.net/events/")).body["results"]
    assert event["event_type"] == "order_paid"
