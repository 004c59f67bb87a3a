"""Background work: queued in the database, run a little later on the loop, resumed after a restart.

A job is never done before the answer that started it is sent: it waits `job_delay` first, so every watcher can meet a
state that is not final. Handlers may be interrupted at any await (shutdown) and are then run again from the start, so
they must be repeatable; they give the loop back between slices (`in_slices`) and do long reads through `Store.read`.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from segops_admin.emulator.store import from_json, to_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

    from segops_admin.emulator.faults import Fault, Faults
    from segops_admin.emulator.store import Store

    JobHandler = Callable[["Job"], Awaitable[None]]
    FailureHandler = Callable[["Job", str], None]

T = TypeVar("T")

logger = logging.getLogger(__name__)


class JobFailedError(Exception):
    """Raised by a job's handler for a failure the tenant gets to see; the text is stored as the job's error."""


@attrs.frozen
class Job:
    """One queued piece of work."""

    id: int
    tenant_id: int
    kind: str
    payload: dict[str, Any]


class Jobs:
    """Starts, holds and resumes jobs. `handlers` maps a kind to what runs it; route modules register theirs."""

    def __init__(self, store: Store, faults: Faults, *, delay_s: float) -> None:
        self.delay_s = delay_s
        self._store, self._faults = store, faults
        self._loop = asyncio.get_running_loop()
        self._handlers: dict[str, JobHandler] = {}
        self._on_failure: dict[str, FailureHandler] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._go = asyncio.Event()
        self._go.set()

    def register(self, kind: str, handler: JobHandler, *, on_failure: FailureHandler | None = None) -> None:
        """Say what runs jobs of this kind, and what shows their failure to the tenant."""
        self._handlers[kind] = handler
        if on_failure is not None:
            self._on_failure[kind] = on_failure

    def start(self, kind: str, tenant_id: int, now: float, **payload: Any) -> int:
        """Queue a job and return its id."""
        job_id = self._store.insert(
            "jobs", tenant_id=tenant_id, kind=kind, payload=to_json(payload), status="pending", created_at=now
        )
        self._schedule(Job(job_id, tenant_id, kind, payload))
        return job_id

    def resume(self) -> None:
        """Queue again what an earlier process left unfinished."""
        for row in self._store.all("SELECT * FROM jobs WHERE status IN ('pending', 'running') ORDER BY id"):
            self._schedule(Job(row["id"], row["tenant_id"], row["kind"], from_json(row["payload"])))

    def hold(self) -> None:
        """Keep jobs queued, from any thread, until `release`; a job that already runs goes on."""
        self._loop.call_soon_threadsafe(self._go.clear)

    def release(self) -> None:
        """Let held jobs run, from any thread."""
        self._loop.call_soon_threadsafe(self._go.set)

    async def close(self) -> None:
        """Stop everything; unfinished jobs stay in the database."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _schedule(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(self._run(job), name=f"segops-emulator-job-{job.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, job: Job) -> None:
        await asyncio.sleep(self.delay_s)
        await self._go.wait()
        self._store.update("jobs", job.id, status="running")
        status, error = "done", None
        try:
            await _suffer(self._striking(job))
            await self._handlers[job.kind](job)
        except JobFailedError as failure:
            status, error = "failed", str(failure)
        except Exception as crash:
            logger.exception("emulator job %s (%s) crashed", job.id, job.kind)
            status, error = "failed", repr(crash)
        if error is not None and job.kind in self._on_failure:
            self._on_failure[job.kind](job, error)
        self._store.update("jobs", job.id, status=status, error=error)

    def _striking(self, job: Job) -> list[Fault]:
        slug = self._store.scalar("SELECT slug FROM tenants WHERE id=?", job.tenant_id)
        return self._faults.striking_job(job.kind, slug)


async def _suffer(faults: list[Fault]) -> None:
    for fault in faults:
        await asyncio.sleep(fault.delay)
        if fault.error is not None:
            raise JobFailedError(fault.error)


async def in_slices(rows: Iterable[T], size: int = 1000) -> AsyncIterator[list[T]]:
    """Yield the rows in lists of at most `size`, giving the loop back before each."""
    iterator = iter(rows)
    while part := list(islice(iterator, size)):
        await asyncio.sleep(0)
        yield part
