"""Read-only figures (sheet, section 19), and the daily history that a segment's trend is drawn from."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import web

from segops_admin.emulator import analytics
from segops_admin.emulator.clock import iso
from segops_admin.emulator.replies import reply
from segops_admin.emulator.state import state_of, tenant_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from segops_admin.emulator.auth import TenantRow
    from segops_admin.emulator.state import State

SCHEMA = analytics.HISTORY_SCHEMA

UNLIMITED = -1
_EVENTS = {"free": 500_000, "starter": 5_000_000, "business": 50_000_000}
_CREDITS = {"free": 10, "starter": 100, "business": 1000}
_TREND_DAYS = 30
_MIN_AGE_DAYS = 2
_PAID = re.compile(r"/api/(?:ai-reach/(?:simulate|queries/\d+/run)|ai-pages/pages/(?:bulk-generate|\d+/regenerate))/\Z")


@attrs.frozen
class Month:
    """The calendar month, UTC, that is being billed."""

    first: date
    last: date

    @classmethod
    def of(cls, now: float) -> Month:
        """Return the month an instant falls into."""
        first = datetime.fromtimestamp(now, tz=timezone.utc).date().replace(day=1)
        return cls(first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))

    @property
    def bounds(self) -> tuple[float, float]:
        """Start, and start of the month after, in unix seconds."""
        start = datetime(self.first.year, self.first.month, 1, tzinfo=timezone.utc)
        return start.timestamp(), (start + timedelta(days=self.last.day)).timestamp()

    @property
    def period(self) -> dict[str, str]:
        """The month as the wire has it."""
        return {"period_start": self.first.isoformat(), "period_end": self.last.isoformat()}


async def overview(request: web.Request) -> web.Response:
    """GET /analytics/overview/."""
    state, tenant, now = state_of(request), tenant_of(request), state_of(request).clock.now()
    figures = state.store.all(analytics.OVERVIEW, tenant.id)[0]
    since = now - 30 * analytics.DAY_S
    events = await state.store.fetch(analytics.EVENTS_SINCE, (tenant.id, since, now))
    return reply({**dict(figures), "events_30d": events[0][0], **_credits(state, tenant, now)})


async def segments(request: web.Request) -> web.Response:
    """GET /analytics/segments/: active segments by id, each with its last 30 days."""
    state, tenant = state_of(request), tenant_of(request)
    today = datetime.fromtimestamp(state.clock.now(), tz=timezone.utc).date()
    rows = groupby(state.store.all(analytics.HISTORY, tenant.id), itemgetter("segment_id"))
    history = {segment_id: list(days) for segment_id, days in rows}
    return reply(
        [
            {
                **dict(row),
                "last_computed_at": iso(row["last_computed_at"]),
                "trend": _trend(history.get(row["id"], []), today),
            }
            for row in state.store.all(analytics.SEGMENTS, tenant.id)
        ]
    )


async def overlap(request: web.Request) -> web.Response:
    """GET /analytics/overlap/: the 20 pairs of active segments that share most members."""
    rows = await state_of(request).store.fetch(analytics.OVERLAP, (tenant_of(request).id,))
    return reply([dict(row) for row in rows])


async def activations(request: web.Request) -> web.Response:
    """GET /analytics/activations/: every connector by id, with its newest five syncs, newest first."""
    store, tenant = state_of(request).store, tenant_of(request)
    rows = groupby(store.all(analytics.SYNC_LOGS, tenant.id), itemgetter("activation_id"))
    logs = {activation_id: [_sync_log(line) for line in lines] for activation_id, lines in rows}
    return reply(
        [
            {**dict(row), "last_synced_at": iso(row["last_synced_at"]), "sync_logs": logs.get(row["id"], [])}
            for row in store.all(analytics.ACTIVATIONS, tenant.id)
        ]
    )


async def usage(request: web.Request) -> web.Response:
    """GET /analytics/usage/: the month so far; the shape is inferred."""
    state, tenant, now = state_of(request), tenant_of(request), state_of(request).clock.now()
    month = Month.of(now)
    tracked = await state.store.fetch(analytics.TRACKED_USERS, (tenant.id, *month.bounds))
    limit = _EVENTS.get(tenant.plan, UNLIMITED) if tenant.events_per_month is None else tenant.events_per_month
    return reply(
        {
            **month.period,
            "plan": tenant.plan,
            "events_used": state.store.scalar(analytics.EVENTS_USED, tenant.id, f"{month.first:%Y-%m}"),
            "events_limit": limit,
            "mtu_computed": tracked[0][0],
            **_credits(state, tenant, now),
        }
    )


async def copilot(request: web.Request) -> web.Response:
    """GET /analytics/copilot/: path and shape are inferred. A dashboard's copilot: here nobody ever used it."""
    month = Month.of(state_of(request).clock.now())
    return reply({**month.period, "conversations": 0, "messages": 0, "ai_credits_used": 0})


async def note_count(state: State, _tenant_id: int, segment_id: int) -> None:
    """Keep the count of a segment that was just computed."""
    state.store.execute(analytics.NOTE_COUNT, segment_id)


def _credits(state: State, tenant: TenantRow, now: float) -> dict[str, int]:
    """Return the AI credits of the month: one per paid call that was answered, as far as the request log goes back."""
    start, end = Month.of(now).bounds
    calls = state.journal.requests.matching(method="POST", tenant=tenant.slug)
    used = sum(call.handled and start <= call.at < end and bool(_PAID.match(call.path)) for call in calls)
    return {"ai_credits_used": used, "ai_credits_limit": _CREDITS.get(tenant.plan, UNLIMITED)}


def _trend(history: Iterable[sqlite3.Row], today: date) -> list[dict[str, Any]]:
    """Return a count for each of the last 30 days since the first compute; a day without one keeps the count before.

    Empty while the first compute is less than two days old.
    """
    counts = {date.fromisoformat(row["day"]): row["count"] for row in history}
    if not counts or today - min(counts) < timedelta(days=_MIN_AGE_DAYS):
        return []
    start = today - timedelta(days=_TREND_DAYS - 1)
    count = next((counts[day] for day in sorted(counts, reverse=True) if day < start), None)
    trend: list[dict[str, Any]] = []
    for day in (start + timedelta(days=number) for number in range(_TREND_DAYS)):
        count = counts.get(day, count)
        if count is not None:
            trend.append({"day": day.isoformat(), "count": count})
    return trend


def _sync_log(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "status": row["status"],
        "user_count": row["user_count"],
        "error_message": row["error_message"],
        "synced_at": iso(row["synced_at"]),
    }


def setup(state: State) -> None:
    """Have each compute leave its mark in the history."""
    state.hooks.after_compute.append(note_count)


routes = [
    web.get("/analytics/overview/", overview),
    web.get("/analytics/segments/", segments),
    web.get("/analytics/overlap/", overlap),
    web.get("/analytics/activations/", activations),
    web.get("/analytics/usage/", usage),
    web.get("/analytics/copilot/", copilot),
]
