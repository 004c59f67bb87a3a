"""Every method of the analytics namespace, on both faces (sheet, sections 7 and 19)."""

import datetime as dt

import pytest
from rawserver import reply

from segops_admin import SegOpsJobError

METHODS = ["overview", "segments", "overlap", "activations", "usage"]
KLAVIYO = {"list_id": "Qw9ZtB", "api_key": "k"}


def doers_of(event_type):
    condition = {"type": "event_count", "event_type": event_type, "operator": "gte", "value": 1}
    return {"logic": "AND", "conditions": [condition]}


@pytest.fixture
async def segments(segops):
    """Two computed segments: `ana` and `bo` in the first, `bo` alone in the second."""
    pairs = [("ana", "seen"), ("bo", "seen"), ("bo", "paid")]
    events = [{"user_id": user, "event_type": event_type} for user, event_type in pairs]
    await segops.http.request("POST", "/ingestion/track/batch/", body={"events": events})
    made = [await segops.segments.create(name=name, definition=doers_of(name)) for name in ("seen", "paid")]
    return [await segops.segments.recompute_and_wait(segment.id) for segment in made]


async def test_overview_counts_the_workspace(segops, segments):
    """An object."""
    overview = await segops.analytics.overview()

    assert (overview.segment_count, overview.total_members, overview.events_30d) == (2, 3, 3)
    assert overview.ai_credits_used == overview["ai_credits_used"] == 0
    assert overview.ai_credits_limit != 0


async def test_unlimited_credits_are_minus_one(emulator, connect):
    """As the service says it; no arithmetic is done with it."""
    tenant = emulator.create_tenant(plan="enterprise")

    assert (await connect(api_key=tenant.api_key).analytics.overview()).ai_credits_limit == -1


async def test_segments_have_a_trend_of_days(segops, segments):
    """Empty for one computed less than two days ago."""
    first, second = await segops.analytics.segments()

    assert [(s.id, s.name, s.member_count, s.trend) for s in (first, second)] == [
        (segments[0].id, "seen", 2, []),
        (segments[1].id, "paid", 1, []),
    ]
    assert first.last_computed_at == segments[0].last_computed_at


async def test_days_of_a_trend_are_dates(at_raw, raw):
    """Plain `YYYY-MM-DD` by key, a date by attribute."""
    raw.script(reply(200, [{"id": 1, "name": "a", "trend": [{"day": "2026-06-01", "count": 199}]}]))
    (segment,) = await at_raw().analytics.segments()

    assert [(point.day, point.count) for point in segment.trend] == [(dt.date(2026, 6, 1), 199)]
    assert segment["trend"] == [{"day": "2026-06-01", "count": 199}]


async def test_overlap_is_a_share_of_the_smaller_segment(segops, segments):
    """One of one: all of it."""
    (pair,) = await segops.analytics.overlap()

    assert {pair.seg_a_name, pair.seg_b_name} == {"seen", "paid"}
    assert {pair.seg_a_id, pair.seg_b_id} == {segment.id for segment in segments}
    assert (pair.overlap, pair.overlap_pct) == (1, 100)


async def test_overlap_is_empty_without_two_segments(segops):
    """A list all the same."""
    assert await segops.analytics.overlap() == []


async def test_activations_tell_how_syncs_went(segops, segments, fault):
    """The newest first; the rate is in percent, and None without any."""
    fields = {"segment": segments[0].id, "connector_type": "klaviyo", "config": KLAVIYO}
    made, idle = [await segops.activations.create(fields) for _ in range(2)]
    await segops.activations.sync_and_wait(made.id)
    fault(job="activation_sync", error="Refused.", times=1)
    with pytest.raises(SegOpsJobError):
        await segops.activations.sync_and_wait(made.id)
    first, second = await segops.analytics.activations()

    assert (first.id, first.segment_id, first.segment_name, first.connector_type) == (
        made.id,
        segments[0].id,
        "seen",
        "klaviyo",
    )
    assert (first.success_rate, first.last_error, first.member_count) == (50, "Refused.", 2)
    assert [(log.status, log.user_count, log.error_message) for log in first.sync_logs] == [
        ("error", 0, "Refused."),
        ("success", 2, ""),
    ]
    assert first.sync_logs[0].synced_at.utcoffset() == dt.timedelta(0)
    assert (second.id, second.success_rate, second.sync_logs) == (idle.id, None, [])


async def test_usage_shows_events_and_tracked_users(segops, segments):
    """The shape is inferred; the month is given by dates."""
    usage = await segops.analytics.usage()

    assert (usage.plan, usage.events_used, usage.mtu_computed) == ("business", 3, 2)
    assert (usage.period_start.day, usage["period_start"]) == (1, usage.period_start.isoformat())
    assert usage.period_end > usage.period_start
    assert usage.events_limit == 50_000_000


@pytest.mark.parametrize("method", METHODS)
async def test_parameters_are_passed_on(segops, seen, method):
    """None are documented, and yet the published package takes a dictionary."""
    call = getattr(segops.analytics, method)
    plain, given, named = await call(), await call({"days": 7, "none": None}), await call(days=7)

    assert plain == given == named
    assert [dict(request.query) for request in seen()] == [{}, {"days": "7"}, {"days": "7"}]
