"""One emulator for the whole run, a tenant of its own for every test, and both faces of the client on it."""

import importlib
import itertools
import pathlib
import signal

import faces
import pytest
from rawserver import RawServer

from segops_admin.emulator import Emulator

HERE = pathlib.Path(__file__).parent
PARTIAL = pytest.StashKey[list[str]]()
JOURNEYS = pytest.StashKey[list[tuple]]()
NOT_RUN = pytest.StashKey[list[str]]()


def pytest_configure(config):
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a run in a shell's background, and in all it starts
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for key in (PARTIAL, JOURNEYS, NOT_RUN):
        config.stash[key] = []


def pytest_deselected(items):
    for item in items:
        if item.get_closest_marker("nightly") is None:
            item.config.stash[PARTIAL].append(f"{item.name} was deselected")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    """Put last what judges all tests before it, and note what keeps this run from being a whole one."""
    items.sort(key=lambda item: "journeys" in getattr(item, "fixturenames", ()))
    if is_worker(config):
        items[:] = [item for item in items if "journeys" not in getattr(item, "fixturenames", ())]
    missing = {path.name for path in HERE.glob("test_*.py")} - {item.path.name for item in items}
    chosen = [argument for argument in config.args if "::" in argument]
    config.stash[PARTIAL] += [f"{name} was not collected" for name in sorted(missing)]
    config.stash[PARTIAL] += [f"only {argument} was asked for" for argument in chosen]


def is_worker(config):
    """Tell whether this process runs a share of the suite; what judges the whole is left to the one that hands out."""
    return hasattr(config, "workerinput")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Take what a worker's tests did; one that died has told nothing, and its tests have failed already."""
    told = getattr(node, "workeroutput", {})
    node.config.stash[PARTIAL] += told.get("partial", [])
    node.config.stash[JOURNEYS] += told.get("journeys", [])


def pytest_sessionfinish(session):
    """Hold what all workers' tests did together to the endpoint index, as tests/test_parity.py does in one process."""
    config = session.config
    if is_worker(config):
        config.workeroutput["partial"] = config.stash[PARTIAL]
        config.workeroutput["journeys"] = [
            [face, sorted(taken), sorted(requests)] for face, taken, requests in config.stash[JOURNEYS]
        ]
    elif config.getoption("numprocesses", None) and not config.stash[PARTIAL]:
        parity = importlib.import_module("test_parity")
        config.stash[NOT_RUN].append(f"of {len(parity.WRAPPED)} rows of the endpoint index, on each face:")
        for endpoint, face in itertools.product(parity.WRAPPED, faces.FACES):
            if not set(endpoint.methods) <= parity.ran(config.stash[JOURNEYS], endpoint, face):
                config.stash[NOT_RUN].append(f"{endpoint} was not run on the {face} face by any test")
        if len(config.stash[NOT_RUN]) > 1 and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    """Name the rows of the endpoint index that no test has run."""
    if config.stash[NOT_RUN]:
        head, *rows = config.stash[NOT_RUN]
        terminalreporter.write_line(f"{head} {len(rows)} without a test that ran it")
        for row in rows:
            terminalreporter.write_line(row, red=True)


@pytest.fixture(scope="session")
def _journeys(pytestconfig):
    return pytestconfig.stash[JOURNEYS]


@pytest.fixture
def journeys(_journeys, pytestconfig):
    """Return what every test did: its face, the methods it took, the requests of its tenant that went well.

    Tests that ask for this run last; where only a part of the suite runs they are skipped.
    """
    if pytestconfig.stash[PARTIAL]:
        pytest.skip(f"only a part of the suite ran: {pytestconfig.stash[PARTIAL][0]}")
    return _journeys


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
async def connect(face, emulator, tenant, _journeys):
    """Return a function that makes a client of this face with any options; all are closed at the end."""
    made, taken = [], set()

    def make(**options):
        options = {"api_key": tenant.api_key, "base_url": emulator.base_url, "poll_interval": 0.02, **options}
        made.append(faces.Noted(faces.client(face, **options), taken))
        return made[-1]

    yield make
    for client in made:
        await client.aclose()
    if taken:
        _journeys.append((face, taken, _went_well(emulator, tenant)))


def _went_well(emulator, tenant):
    """Return method and path, as sent, of each of the tenant's requests that was answered with 2xx or 3xx."""
    return {
        (entry.method, entry.raw_path.partition("?")[0].removeprefix("/api"))
        for entry in emulator.requests
        if entry.tenant == tenant.slug or (entry.tenant is None and f"/{tenant.slug}/" in entry.raw_path)
        if entry.status is not None and entry.status < 400
    }


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
