"""AI queries: questions put to AI systems on a schedule, and what they answered."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from typing_extensions import Unpack

from .. import jobs
from ..core.request import Repeat, Request, merged, path
from ..records.queries import (
    AIQuery,
    QueryFields,
    QueryResult,
    QueryRun,
    SimulateFields,
    Simulation,
    VisibilityDashboard,
    WinRate,
)
from .base import AsyncCollection

SIMULATE_TIMEOUT_S = 45.0
"""The service lets a simulation run up to 30 s. Source: segops-api.md 17.3 [docs]."""

PROVIDERS = frozenset({"chatgpt", "perplexity", "claude", "gemini", "grok"})
"""Whom a query asks that names nobody. Source: segops-api.md 17.1 [docs]."""
SETTLED_LOOKS = 3
"""Looks without a further result, after which a provider that has not answered is no longer waited for."""


class AsyncQueries(AsyncCollection[AIQuery]):
    """Questions put to AI systems."""

    _collection = ("ai-reach", "queries")
    _kind = AIQuery

    async def create(
        self,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[QueryFields],
    ) -> AIQuery:
        """Create an AI query and return it.

        Source: segops-api.md 17.1 [docs].
        """
        return await self._create(body, fields, idempotency_key)

    async def update(
        self,
        id: int,
        body: Mapping[str, Any] | None = None,
        /,
        method: str = "PATCH",
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[QueryFields],
    ) -> AIQuery:
        """Change an AI query and return it.

        Source: segops-api.md 17.1 [docs]; there is no PUT.
        """
        return await self._update(id, body, method, fields, idempotency_key)

    async def run(self, id: int, *, idempotency_key: str | None = None) -> QueryRun:
        """Put the question to its providers now; the answer comes before they have replied.

        Source: segops-api.md 17.2 [docs]; C21.
        """
        where = path("ai-reach", "queries", id, "run")
        return await self._call(
            Request("POST", where, idempotency_key=idempotency_key, repeat=Repeat.HARMLESS), QueryRun
        )

    async def results(self, id: int) -> builtins.list[QueryResult]:
        """Return the 50 newest results, one per provider and run.

        Source: segops-api.md 17.2 [docs].
        """
        return (await self._page(path("ai-reach", "queries", id, "results"), QueryResult, None, {})).results

    async def run_and_wait(
        self, id: int, *, timeout: float = 180.0, on_progress: Callable[[AIQuery], Any] | None = None
    ) -> builtins.list[QueryResult]:
        """Put the question to its providers and return this run's results once they are in.

        A provider that says nothing, while the results of others stand for three looks, is not waited for.
        timeout: seconds for everything. on_progress: called with the query at every look.
        Raises SegOpsJobError when the time is up; the run itself goes on at the server.
        Source: segops-api.md 6 [docs]: done when `last_run_at` has moved and new results are there [inferred].
        """
        async with jobs.time_limit(f"The run of query {id}", timeout) as watch:
            known = {result.id for result in await self.results(id)}
            before = await self.get(id)
            arrivals = _Arrivals()

            async def look() -> AIQuery:
                query = await self.get(id)
                if query.last_run_at not in (None, before.last_run_at):
                    arrivals.take([result for result in await self.results(id) if result.id not in known])
                return query

            await self.run(id)
            await jobs.wait(
                watch,
                look,
                done=arrivals.are_all_of,
                failure=lambda _: None,
                first_wait_s=self._call.config.poll_interval_s,
                on_progress=on_progress,
            )
            return arrivals.results

    async def simulate(
        self,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[SimulateFields],
    ) -> Simulation:
        """Put a question to AI systems at once and return their answers. Paid and slow: never repeated by itself.

        Waits at least 45 s, whatever the client's timeout.
        Source: segops-api.md 17.3 [docs]; C14 for what `is_simulated` means.
        """
        request = Request(
            "POST",
            path("ai-reach", "simulate"),
            body=merged(body, fields),
            idempotency_key=idempotency_key,
            repeat=Repeat.NEVER,
            timeout_s=SIMULATE_TIMEOUT_S,
        )
        return await self._call(request, Simulation)

    async def dashboard(self, params: Mapping[str, Any] | None = None, /, **query: Any) -> VisibilityDashboard:
        """Return the workspace's standing with AI systems; numbers are 0 or None without data.

        Source: segops-api.md 17.4 [sdk]; the shape [inferred].
        """
        request = Request("GET", path("ai-reach", "dashboard"), query=merged(params, query))
        return await self._call(request, VisibilityDashboard)

    async def win_rate(self, params: Mapping[str, Any] | None = None, /, **query: Any) -> builtins.list[WinRate]:
        """Return the active competitors, the one we beat most first.

        Source: segops-api.md 17.4 [docs]; the shape [inferred].
        """
        return (await self._page(path("ai-reach", "win-rate"), WinRate, params, query)).results


@attrs.define
class _Arrivals:
    """The results of one run, as they come in; a server may tell of the run before them."""

    results: builtins.list[QueryResult] = attrs.field(factory=builtins.list[QueryResult])
    _same: int = 0

    def take(self, results: builtins.list[QueryResult]) -> None:
        """Take what a look has found."""
        self._same = self._same + 1 if len(results) == len(self.results) else 0
        self.results = results

    def are_all_of(self, query: AIQuery) -> bool:
        """Return whether no further result is to be expected."""
        answered = {result.provider for result in self.results}
        return bool(self.results) and (answered >= set(query.providers or PROVIDERS) or self._same >= SETTLED_LOOKS)
