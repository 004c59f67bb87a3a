"""What a handler may reach: the parts of one running emulator, under one application key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs
from aiohttp import web

from segops_admin.emulator.auth import Credential, TenantRow

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from segops_admin.emulator.clock import Clock
    from segops_admin.emulator.faults import Faults
    from segops_admin.emulator.jobs import Jobs
    from segops_admin.emulator.journal import Journal
    from segops_admin.emulator.store import Store
    from segops_admin.emulator.throttle import Throttle

    EventCheck = Callable[["State", int, dict[str, Any]], "str | None"]
    AfterCompute = Callable[["State", int, int], Awaitable[None]]


@attrs.frozen
class Config:
    """The choices made when the emulator was built."""

    throttle_per_minute: int | None = None
    """API calls per minute and tenant when the tenant has no figure of its own; None switches throttling off."""
    job_delay: float = 0.05
    """Seconds a background job stays queued before it runs."""
    idempotency: bool = False
    """Replay answers by Idempotency-Key; the published service does not yet (sheet, section 5)."""
    redirect_downloads: bool = False
    """Answer an export download with 302 to a token URL on a second port (sheet, section 24 point 9)."""


@attrs.define
class Hooks:
    """Where features of later files join in without the earlier files knowing them."""

    event_checks: list[EventCheck] = attrs.field(factory=list["EventCheck"])
    """(state, tenant id, event) → why this event is refused, or None."""
    after_compute: list[AfterCompute] = attrs.field(factory=list["AfterCompute"])
    """Awaited with (state, tenant id, segment id) once a segment's new membership is stored."""


@attrs.define
class State:
    """One running emulator, as handlers and jobs see it."""

    store: Store
    clock: Clock
    jobs: Jobs
    faults: Faults
    journal: Journal
    throttle: Throttle
    config: Config
    hooks: Hooks = attrs.field(factory=Hooks)
    files_url: str = ""
    """Origin of the second port, set while downloads are redirected."""


STATE: web.AppKey[State] = web.AppKey("segops_emulator_state", State)
TENANT: web.RequestKey[TenantRow] = web.RequestKey("segops_emulator_tenant", TenantRow)
CREDENTIAL: web.RequestKey[Credential] = web.RequestKey("segops_emulator_credential", Credential)


def state_of(request: web.Request) -> State:
    """Return the emulator this request came to."""
    return request.app[STATE]


def tenant_of(request: web.Request) -> TenantRow:
    """Return the tenant whose credential this request carries."""
    return request[TENANT]


def credential_of(request: web.Request) -> Credential:
    """Return the credential this request carries."""
    return request[CREDENTIAL]
