"""Section 19 of the sheet: figures over what other routes did."""

import pytest

from segops_admin.emulator import Emulator

DAY = 86400


def baked(at_least):
    """Return the definition of everybody with that many loaves."""
    condition = {"type": "event_count", "event_type": "loaf_baked", "operator": "gte", "value": at_least}
    return {"logic": "AND", "conditions": [condition]}


async def create(api, name, at_least=1, **fields):
    """Create a segment and return its id."""
    return (await api.post("/segments/", {"name": name, "definition": baked(at_least), **fields})).body["id"]


async def computed(api, segment):
    """Compute a segment and wait."""
    path = f"/segments/{segment}/"
    before = (await api.get(path)).body["last_computed_at"]
    await api.post(f"{path}compute/")
    await api.poll(path, lambda body: body["last_computed_at"] not in {None, before})


@pytest.fixture
async def bakers(api):
    """Four users with one to four loaves."""
    users = {"ana": 1, "bo": 2, "cy": 3, "di": 4}
    events = [user for user, loaves in users.items() for _ in range(loaves)]
    await api.track(*({"user_id": user, "event_type": "loaf_baked"} for user in events))


@pytest.fixture
async def dated(connect):
    """Plain HTTP to an emulator of its own, whose clock stands at 10:00 on 11 June 2026."""
    async with Emulator(job_delay=0.01) as emulator:
        emulator.clock.freeze("2026-06-11T10:00:00Z")
        yield connect(emulator)


async def test_empty_tenant_has_zeros_and_empty_lists(api):
    """A client must meet the same shapes before there is any data."""
    overview = (await api.get("/analytics/overview/")).body

    assert overview == {
        "segment_count": 0,
        "total_members": 0,
        "events_30d": 0,
        "ai_credits_used": 0,
        "ai_credits_limit": 1000,
    }
    for path in ("segments", "overlap", "activations"):
        assert (await api.get(f"/analytics/{path}/")).body == []


async def test_overview_adds_up_active_segments_and_recent_events(api, bakers):
    """Old events and inactive segments are left out."""
    await api.track({"user_id": "old", "event_type": "page_seen", "occurred_at": "2020-01-01"})
    for segment in (await create(api, "all"), await create(api, "keen", 3)):
        await computed(api, segment)
    await create(api, "off", is_active=False)
    overview = (await api.get("/analytics/overview/")).body

    assert (overview["segment_count"], overview["total_members"], overview["events_30d"]) == (2, 6, 10)


async def test_plan_without_a_credit_limit_says_minus_one(emu, connect):
    """-1 is the sheet's word for unlimited."""
    boss = connect(emu, emu.create_tenant(plan="enterprise"))

    assert (await boss.get("/analytics/overview/")).body["ai_credits_limit"] == -1
    assert (await boss.get("/analytics/usage/")).body["events_limit"] == -1


async def test_paid_calls_use_credits_and_refused_ones_do_not(api):
    """The emulator's price list: one credit per call that asks an AI provider or writes pages."""
    assert (await api.post("/ai-reach/simulate/", {"query_text": "good rye"})).status == 200
    assert (await api.post("/ai-reach/simulate/", {})).status == 400

    assert (await api.get("/analytics/overview/")).body["ai_credits_used"] == 1
    assert (await api.get("/analytics/usage/")).body["ai_credits_used"] == 1


async def test_trend_is_empty_until_the_first_compute_is_two_days_old(dated):
    """One point draws no line; inactive segments are not listed at all."""
    segment = await create(dated, "all")
    await create(dated, "off", is_active=False)
    never = (await dated.get("/analytics/segments/")).body
    await computed(dated, segment)
    at_once = (await dated.get("/analytics/segments/")).body
    dated.emu.clock.advance(DAY)
    next_day = (await dated.get("/analytics/segments/")).body

    assert never == [{"id": segment, "name": "all", "member_count": 0, "last_computed_at": None, "trend": []}]
    assert at_once[0]["last_computed_at"] == "2026-06-11T10:00:00Z"
    assert [row["trend"] for row in at_once + next_day] == [[], []]


async def test_trend_has_a_count_for_every_day(dated):
    """The last compute of a day counts, and stands until the next one."""
    segment = await create(dated, "all")
    for user in ("ana", "bo"):
        await dated.track({"user_id": user, "event_type": "loaf_baked"})
        await computed(dated, segment)
    dated.emu.clock.advance(2 * DAY)
    await dated.track({"user_id": "cy", "event_type": "loaf_baked"})
    await computed(dated, segment)
    dated.emu.clock.advance(DAY)

    assert (await dated.get("/analytics/segments/")).body[0]["trend"] == [
        {"day": "2026-06-11", "count": 2},
        {"day": "2026-06-12", "count": 2},
        {"day": "2026-06-13", "count": 3},
        {"day": "2026-06-14", "count": 3},
    ]


async def test_trend_ends_today_and_spans_thirty_days(dated):
    """Older computes only show as the count they left behind."""
    segment = await create(dated, "all")
    await dated.track({"user_id": "ana", "event_type": "loaf_baked"})
    await computed(dated, segment)
    dated.emu.clock.advance(40 * DAY)
    trend = (await dated.get("/analytics/segments/")).body[0]["trend"]

    assert (len(trend), trend[0], trend[-1]["day"]) == (30, {"day": "2026-06-22", "count": 1}, "2026-07-21")


async def test_overlap_compares_with_the_smaller_segment(api, bakers):
    """Most shared members first; a segment that was never computed shares nothing."""
    ids = [await create(api, name, loaves) for name, loaves in (("one", 1), ("two", 2), ("three", 3))]
    await create(api, "never")
    for segment in ids:
        await computed(api, segment)
    pairs = (await api.get("/analytics/overlap/")).body

    assert [(pair["seg_a_name"], pair["seg_b_name"], pair["overlap"], pair["overlap_pct"]) for pair in pairs] == [
        ("one", "two", 3, 100.0),
        ("one", "three", 2, 100.0),
        ("two", "three", 2, 100.0),
    ]
    assert (pairs[0]["seg_a_id"], pairs[0]["seg_b_id"]) == (ids[0], ids[1])


async def test_overlap_in_part_and_for_active_segments_only(api, bakers):
    """Two of the three shared by the smaller one is 66.67 %; switching a segment off takes its pairs away."""
    some = {"logic": "OR", "conditions": [{**baked(2)["conditions"][0], "operator": "lte"}]}
    few = (await api.post("/segments/", {"name": "few", "definition": some})).body["id"]
    many = await create(api, "many", 2)
    for segment in (few, many):
        await computed(api, segment)
    sizes = [(await api.get(f"/segments/{segment}/")).body["member_count"] for segment in (few, many)]
    pair = (await api.get("/analytics/overlap/")).body[0]

    assert (sizes, pair["overlap"], pair["overlap_pct"]) == ([2, 3], 1, 50.0)
    await api.patch(f"/segments/{few}/", {"is_active": False})
    assert (await api.get("/analytics/overlap/")).body == []


async def test_overlap_lists_twenty_pairs(api, bakers):
    """Seven equal segments make 21 pairs."""
    for number in range(7):
        await computed(api, await create(api, f"s{number}"))

    assert len((await api.get("/analytics/overlap/")).body) == 20


async def test_activations_tell_their_success_rate_and_newest_syncs(api, emu, bakers):
    """Without a sync there is no rate; then failures lower it, and the five newest are listed, newest first."""
    segment = await create(api, "all")
    await computed(api, segment)
    body = {"segment": segment, "connector_type": "custom", "config": {}}
    connector = (await api.post("/activations/", body)).body
    before = (await api.get("/analytics/activations/")).body
    fault = emu.faults.add(job="activation_sync", tenant=api.tenant.slug, error="Gateway down.", times=2)
    try:
        for done in range(1, 7):
            await api.post(f"/activations/{connector['id']}/sync/")
            await api.poll("/analytics/activations/", lambda rows, done=done: len(rows[0]["sync_logs"]) == min(done, 5))
            await api.poll(
                "/analytics/activations/",
                lambda rows, done=done: rows[0]["success_rate"] == round(100 * max(done - 2, 0) / done),
            )
    finally:
        emu.faults.remove(fault)
    row = (await api.get("/analytics/activations/")).body[0]

    assert before == [
        {
            "id": connector["id"],
            "segment_id": segment,
            "segment_name": "all",
            "connector_type": "custom",
            "status": "inactive",
            "last_synced_at": None,
            "last_error": "",
            "member_count": 4,
            "success_rate": None,
            "sync_logs": [],
        }
    ]
    assert (row["success_rate"], row["status"]) == (67, "active")
    assert [log["status"] for log in row["sync_logs"]] == ["success"] * 4 + ["error"]
    assert row["sync_logs"][-1]["error_message"] == "Gateway down."
    assert row["sync_logs"][0]["synced_at"] == row["last_synced_at"]


async def test_usage_counts_the_month(dated):
    """Events by when they came in, users by what they did this month, passers-by from three events on."""
    events = [
        {"user_id": "ana", "event_type": "loaf_baked"},
        {"user_id": "bo", "event_type": "loaf_baked", "occurred_at": "2026-05-31T23:59:59Z"},
        {"anonymous_id": "x", "event_type": "page_seen"},
        *[{"anonymous_id": "y", "event_type": "page_seen"}] * 3,
    ]
    await dated.track(*events)

    assert (await dated.get("/analytics/usage/")).body == {
        "period_start": "2026-06-01",
        "period_end": "2026-06-30",
        "plan": "business",
        "events_used": 6,
        "events_limit": 50_000_000,
        "mtu_computed": 2,
        "ai_credits_used": 0,
        "ai_credits_limit": 1000,
    }
    dated.emu.clock.set("2026-12-31T23:59:59Z")
    assert (await dated.get("/analytics/usage/")).body["period_end"] == "2026-12-31"
    assert (await dated.get("/analytics/usage/")).body["events_used"] == 0


async def test_usage_shows_the_tenants_own_quota(emu, connect):
    """A tenant may have another quota than its plan; that one is enforced, so that one is shown."""
    small = connect(emu, emu.create_tenant(events_per_month=7))

    assert (await small.get("/analytics/usage/")).body["events_limit"] == 7


async def test_copilot_answers_for_the_month(dated):
    """The announced sixth endpoint; path and shape are a guess."""
    body = (await dated.get("/analytics/copilot/")).body

    assert (body["period_start"], body["messages"]) == ("2026-06-01", 0)


async def test_figures_are_read_only_and_the_tenants_own(api, emu, connect, bakers):
    """Nothing of another tenant shows, and nothing can be posted."""
    await computed(api, await create(api, "all"))
    stranger = connect(emu, emu.create_tenant())

    assert (await stranger.get("/analytics/segments/")).body == []
    assert (await stranger.get("/analytics/overview/")).body["events_30d"] == 0
    assert (await api.post("/analytics/overview/", {})).status == 405
