"""One emulator for the whole run, a tenant of its own for every test, and both faces of the client on it."""

import faces
import pytest
from rawserver import RawServer

from segops_admin.emulator import Emulator


@pytest.fixture(scope="session")
def anyio_backend():
    return "asyncio"


@pytest.fixture(scope="session")
def emulator():
    with Emulator(job_delay=0.01) as running:
        yield running


@pytest.fixture
def tenant(emulator):
    return emulator.create_tenant()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    """Key and root of whoever runs the tests stay out of them."""
    for name in ("SEGOPS_API_KEY", "SEGOPS_API_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def fault(emulator, tenant):
    """Add fault rules that concern this test's tenant only; they go with the test."""
    added = []

    def add(**rule):
        added.append(emulator.faults.add(tenant=tenant.slug, **rule))
        return added[-1]

    yield add
    for rule in added:
        emulator.faults.remove(rule)


@pytest.fixture
def seen(emulator, tenant):
    """Return the requests that arrived from this test's tenant, oldest first."""

    def matching(method=None, path=None):
        return emulator.requests.matching(method=method, path=path, tenant=tenant.slug)

    return matching


@pytest.fixture(params=faces.FACES)
def face(request):
    """Both faces, by name; one test body runs on each."""
    return request.param


@pytest.fixture
async def connect(face, emulator, tenant):
    """Return a function that makes a client of this face with any options; all are closed at the end."""
    made = []

    def make(**options):
        options = {"api_key": tenant.api_key, "base_url": emulator.base_url, "poll_interval": 0.02, **options}
        made.append(faces.client(face, **options))
        return made[-1]

    yield make
    for client in made:
        await client.aclose()


@pytest.fixture
def segops(connect):
    """A client of this face on this test's tenant."""
    return connect()


@pytest.fixture
async def raw():
    """A server on loopback that answers with exactly the bytes a test scripts."""
    async with RawServer() as server:
        yield server


@pytest.fixture
def at_raw(connect, raw):
    """Return a function that makes a client of this face on the scripted server."""

    def make(**options):
        return connect(api_key="sk_test_raw", base_url=raw.url, **options)

    return make
