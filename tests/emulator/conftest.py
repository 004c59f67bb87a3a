"""One emulator for all tests, in a thread of its own; every test gets a tenant of its own and plain HTTP to it."""

import asyncio
from typing import Any

import aiohttp
import attrs
import pytest

from segops_admin.emulator import Emulator, Tenant


@attrs.frozen
class Answer:
    """What came back."""

    status: int
    headers: Any
    content: bytes
    body: Any


@attrs.frozen
class Api:
    """Plain HTTP to the emulator, with one tenant's credentials."""

    emu: Emulator
    tenant: Tenant
    session: aiohttp.ClientSession

    async def __call__(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Send one request; `path` is relative to the API root unless it is a whole address."""
        headers = {"Authorization": f"ApiKey {self.tenant.api_key}", **options.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        if body is not None:
            options["json"] = body
        url = path if path.startswith("http") else self.emu.base_url + path
        async with self.session.request(method, url, headers=headers, **options) as response:
            content = await response.read()
            is_json = response.content_type == "application/json" and content
            return Answer(response.status, response.headers, content, await response.json() if is_json else None)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Answer:
        return await self("POST", path, body, **options)

    async def patch(self, path: str, body: Any = None, **options: Any) -> Answer:
        return await self("PATCH", path, body, **options)

    async def put(self, path: str, body: Any = None, **options: Any) -> Answer:
        return await self("PUT", path, body, **options)

    async def delete(self, path: str, **options: Any) -> Answer:
        return await self("DELETE", path, **options)

    async def poll(self, path: str, until: Any, *, timeout: float = 10.0) -> Any:
        """Return the body at `path` once `until(body)` holds."""
        for _ in range(int(timeout / 0.005)):
            body = (await self.get(path)).body
            if until(body):
                return body
            await asyncio.sleep(0.005)
        raise AssertionError(f"{path} never got there; last seen: {body}")

    async def track(self, *events: dict[str, Any]) -> None:
        """Ingest events; each needs at least user_id and event_type."""
        for start in range(0, len(events), 500):
            answer = await self.post("/ingestion/track/batch/", {"events": events[start : start + 500]})
            assert answer.status == 202
            assert answer.body["skipped"] == 0


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def emu():
    with Emulator(job_delay=0.01) as emulator:
        yield emulator


@pytest.fixture
def tenant(emu):
    return emu.create_tenant()


@pytest.fixture
async def api(emu, tenant):
    async with aiohttp.ClientSession() as session:
        yield Api(emu, tenant, session)


@pytest.fixture
async def connect():
    """Return a function that gives plain HTTP to any emulator, as its default tenant or another."""
    async with aiohttp.ClientSession() as session:
        yield lambda emulator, tenant=None: Api(emulator, tenant or emulator.tenant, session)
