"""The server's own wait: honoured within a cap, and told when it is beyond (design, "What is repeated")."""

import contextlib
import email.utils
import time

import pytest
from rawserver import reply

from segops_admin import SegOpsApiError, SegOpsRateLimitError, SegOpsServerError

EMPTY = reply(200, {"count": 0, "next": None, "previous": None, "results": []})
HANG_BOUND_S = 10  # far above what is asked to wait, far below a test's limit


def refusal(hint, status=429):
    return reply(status, {"detail": "Throttled."}, retry_after=hint)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("hint", ["0", "0.4"])
async def test_hint_in_seconds_is_the_least_that_is_waited(at_raw, raw, hint, status):
    """Jitter only adds: a fleet that comes back too early is throttled again."""
    raw.script(refusal(hint, status), EMPTY)
    started = time.monotonic()
    await at_raw().segments.list()

    assert len(raw.requests) == 2
    assert time.monotonic() - started >= float(hint)


async def test_hint_may_be_a_date(at_raw, raw):
    """The form is not documented; HTTP knows both."""
    raw.script(refusal(email.utils.formatdate(time.time() + 2, usegmt=True)), EMPTY)
    started = time.monotonic()
    await at_raw().segments.list()

    assert len(raw.requests) == 2
    assert 0.5 < time.monotonic() - started < HANG_BOUND_S


async def test_date_in_the_past_means_now(at_raw, raw):
    """Clocks differ."""
    raw.script(refusal("Sun, 06 Nov 1994 08:49:37 GMT"), EMPTY)
    await at_raw().segments.list()

    assert len(raw.requests) == 2


@pytest.mark.parametrize(
    "hint",
    ["", "soon", "-5", "nan", "inf", "1e400", "Mon, 99 Foo 2026 99:99:99 GMT", "9" * 400, "0x10", "\u00e9", "1 2"],
)
async def test_garbage_hint_breaks_nothing(at_raw, raw, hint):
    """A proxy's nonsense is as good as no hint, or it is a wait too long: never another exception."""
    raw.script(refusal(hint), EMPTY)
    started = time.monotonic()
    with contextlib.suppress(SegOpsRateLimitError):
        await at_raw().segments.list()

    assert time.monotonic() - started < HANG_BOUND_S


@pytest.mark.parametrize("hint", ["61", "86400", "2592000"])
async def test_hint_beyond_a_minute_raises_at_once_with_the_value(at_raw, raw, hint):
    """A used-up monthly quota asks for days: the caller decides, nothing sleeps."""
    raw.script(refusal(hint), EMPTY)
    started = time.monotonic()
    with pytest.raises(SegOpsRateLimitError, match=hint) as caught:
        await at_raw(timeout=10**7).segments.list()

    assert caught.value.retry_after == float(hint)
    assert len(raw.requests) == 1
    assert time.monotonic() - started < HANG_BOUND_S


async def test_date_far_away_raises_at_once_with_the_seconds(at_raw, raw):
    """`.retry_after` is in seconds whatever the form was."""
    raw.script(refusal(email.utils.formatdate(time.time() + 3600, usegmt=True)), EMPTY)
    with pytest.raises(SegOpsRateLimitError) as caught:
        await at_raw().segments.list()

    assert caught.value.retry_after == pytest.approx(3600, abs=30)
    assert len(raw.requests) == 1


async def test_hint_beyond_the_deadline_raises_at_once(at_raw, raw):
    """Sleeping into a certain time-out helps nobody."""
    raw.script(refusal("20"), EMPTY)
    started = time.monotonic()
    with pytest.raises(SegOpsRateLimitError) as caught:
        await at_raw(timeout=5).segments.list()

    assert caught.value.retry_after == 20
    assert time.monotonic() - started < 4


async def test_limit_for_hints_is_the_callers(at_raw, raw):
    """A nightly job may wait longer, a web request not at all."""
    raw.script(refusal("2", 503), EMPTY)
    with pytest.raises(SegOpsServerError) as caught:
        await at_raw(max_retry_after=1).segments.list()

    assert caught.value.retry_after == 2


async def test_error_without_hint_has_none(at_raw, raw):
    """Nothing is made up."""
    raw.script(reply(429, {"detail": "Throttled."}))
    with pytest.raises(SegOpsApiError) as caught:
        await at_raw(max_retries=0).segments.list()

    assert caught.value.retry_after is None


async def test_throttled_tenant_gets_through_in_the_end(connect, emulator):
    """The emulator's own throttle, with the hints it gives."""
    tenant = emulator.create_tenant(requests_per_minute=2)
    segops = connect(api_key=tenant.api_key, max_retry_after=0.5)
    await segops.segments.list()
    await segops.segments.list()
    with pytest.raises(SegOpsRateLimitError) as caught:
        await segops.segments.list()

    assert 0 < caught.value.retry_after <= 60
