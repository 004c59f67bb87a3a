"""A wait for a job at the server: what ends it, what does not, and what is known of the job then.

One mechanism serves all `…_and_wait` methods, so most rules are shown on one of them.
"""

import asyncio
import pickle

import pytest
from rawserver import CLOSE, HANG, RESET, reply

from segops_admin import (
    AsyncSegOpsAdmin,
    SegOpsAuthenticationError,
    SegOpsConfigError,
    SegOpsConnectionError,
    SegOpsJobError,
    SegOpsNotFoundError,
    SegOpsServerError,
)

OLD, NEW = "2026-06-11T07:45:10Z", "2026-06-11T08:00:00Z"
QUEUED = reply(202, {"status": "queued"})


def segment(status, computed=OLD, **more):
    return reply(200, {"id": 1, "name": "a", "status": status, "last_computed_at": computed, **more})


BEFORE, RUNNING, DONE = segment("computed"), segment("computing"), segment("computed", NEW)


@pytest.fixture
def impatient(at_raw):
    """A client that looks often and repeats nothing by itself, so that each look fails at its first trouble."""
    return at_raw(poll_interval=0.01, max_retries=0)


TROUBLES = {
    "503": reply(503, {"detail": "Deploying."}),
    "502 in HTML": reply(502, b"<html>"),
    "500": reply(500, {}),
    "429": reply(429, {"detail": "Throttled."}),
    "closed": [CLOSE],
    "reset": [RESET],
    "cut": [reply(200, b"{", length=99), CLOSE],
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES)
async def test_looks_that_fail_do_not_end_the_wait(impatient, raw, trouble):
    """The server is deployed anew and the job goes on: who has five minutes for it does not give up after a second."""
    raw.script(BEFORE, QUEUED, RUNNING, *[trouble] * 8, DONE)
    looks = []
    done = await impatient.segments.recompute_and_wait(1, timeout=30, on_progress=looks.append)

    assert [look.status for look in looks] == ["computing", "computed"]
    assert done == looks[-1]
    assert len(raw.requests) == 12


async def test_look_that_hangs_is_one_that_fails(at_raw, raw):
    """It has the client's timeout; the wait has its own."""
    raw.script(BEFORE, QUEUED, HANG, DONE)
    segops = at_raw(poll_interval=0.01, timeout=0.3, max_retries=0)

    assert (await segops.segments.recompute_and_wait(1, timeout=30)).status == "computed"


async def test_time_that_is_up_tells_the_last_trouble_and_keeps_the_job(impatient, raw):
    """Whether the job was slow or the server away are two things to look into."""
    raw.script(BEFORE, QUEUED, RUNNING, TROUBLES["503"])
    with pytest.raises(SegOpsJobError, match=r"last seen as 'computing'.*last look failed: .*Deploying\.") as caught:
        await impatient.segments.recompute_and_wait(1, timeout=0.5)

    assert (caught.value.reason, caught.value.job.status) == ("timeout", "computing")
    assert isinstance(caught.value.__cause__, SegOpsServerError)


async def test_trouble_that_is_over_is_not_told(impatient, raw):
    """The last look went well; nobody should search for a failure that is none."""
    raw.script(BEFORE, QUEUED, TROUBLES["503"], RUNNING)
    with pytest.raises(SegOpsJobError) as caught:
        await impatient.segments.recompute_and_wait(1, timeout=0.5)

    assert "Deploying" not in str(caught.value)


async def test_servers_hint_is_a_floor_for_the_next_look(impatient, raw):
    """A server that asks for a second of rest gets it."""
    at = []

    def noting(answer):
        return lambda _: at.append(asyncio.get_running_loop().time()) or answer

    raw.script(BEFORE, QUEUED, noting(reply(503, {}, retry_after=1)), noting(DONE))
    await impatient.segments.recompute_and_wait(1, timeout=30)

    assert at[1] - at[0] > 0.99


async def test_hint_beyond_the_wait_ends_it_at_once(impatient, raw):
    """There is no sense in sleeping into a certain end; the caller learns when to come back."""
    raw.script(BEFORE, QUEUED, RUNNING, reply(429, {"detail": "Throttled."}, retry_after=3600))
    with pytest.raises(SegOpsJobError, match=r"3600 s.*Throttled\.") as caught:
        await impatient.segments.recompute_and_wait(1, timeout=600)

    assert (caught.value.reason, caught.value.retry_after, caught.value.job.status) == ("timeout", 3600, "computing")
    assert len(raw.requests) == 4


RESUMED = {"segments": "segments.wait_export(7, 14)", "pages": "pages.wait_export(7, 14)"}


@pytest.mark.parametrize("space", RESUMED)
@pytest.mark.parametrize("method", ["export_to", "wait_export"])
async def test_what_ends_an_export_says_how_to_take_it_up_again(at_raw, raw, tmp_path, space, method):
    """The job is there, whatever came in between: its id must not be lost with the error."""
    pending = {"id": 14, "status": "pending", "format": "csv"}
    raw.script(*[reply(202, pending)] * (2 if method == "export_to" else 1), reply(401, {"detail": "Revoked."}))
    given = {"export_to": tmp_path / "m.csv", "wait_export": 14}[method]
    with pytest.raises(SegOpsAuthenticationError, match=r"Revoked\.") as caught:
        await getattr(getattr(at_raw(poll_interval=0.01), space), method)(7, given)
    travelled = pickle.loads(pickle.dumps(caught.value))

    assert RESUMED[space] in str(caught.value)
    assert (caught.value.job.id, caught.value.status) == (14, 401)
    assert (str(travelled), travelled.job) == (str(caught.value), caught.value.job)


@pytest.mark.parametrize("space", RESUMED)
async def test_export_is_taken_up_by_its_id(at_raw, raw, tmp_path, space):
    """And its file fetched as a step of its own."""
    raw.script(
        reply(200, {"id": 14, "status": "processing"}),
        reply(200, {"id": 14, "status": "complete", "download_url": "/files/14"}),
        reply(200, b"whole"),
    )
    namespace = getattr(at_raw(poll_interval=0.01), space)
    looks = []
    export = await namespace.wait_export(7, 14, timeout=30, on_progress=looks.append)
    path = await namespace.download_export(export, tmp_path / "file")

    assert [look.status for look in looks] == ["processing", "complete"]
    assert path.read_bytes() == b"whole"
    assert raw.requests[2].target == "/files/14"


async def test_wait_that_never_began_does_not_claim_that_a_job_goes_on(impatient, raw):
    """The first call already hung: nothing was started."""
    raw.script(HANG)
    with pytest.raises(SegOpsJobError, match="Whether it was started is not known") as caught:
        await impatient.segments.recompute_and_wait(1, timeout=0.2)

    assert caught.value.job is None


@pytest.mark.parametrize("kind", [TimeoutError, asyncio.TimeoutError, SegOpsConnectionError, ZeroDivisionError])
async def test_exception_of_the_callers_own_comes_out_unchanged(impatient, raw, kind):
    """Also where it is of a kind that this library raises, or that a clock does: only its own time is up for a wait."""
    raw.script(BEFORE, QUEUED, RUNNING)
    mine = kind("mine")

    def stop(_):
        raise mine

    with pytest.raises(kind) as caught:
        await impatient.segments.recompute_and_wait(1, timeout=30, on_progress=stop)

    assert caught.value is mine
    assert str(caught.value) == "mine"


async def test_clients_own_end_ends_the_wait(impatient, raw):
    """A closed client looks no more."""
    looked = asyncio.Event()
    raw.script(BEFORE, QUEUED, lambda _: looked.set() or RUNNING)
    waiting = asyncio.ensure_future(impatient.segments.recompute_and_wait(1, timeout=30))
    await looked.wait()
    await impatient.aclose()
    with pytest.raises(SegOpsConfigError, match="closed"):
        await waiting


def page(status, updated=OLD):
    return reply(200, {"id": 1, "slug": "a", "builder_status": status, "updated_at": updated})


def connector(status, synced=None, updated=OLD):
    error = "Refused." if status == "error" else ""
    fields = {"id": 1, "status": status, "last_error": error, "last_synced_at": synced, "updated_at": updated}
    return reply(200, fields)


STALE = {
    "segments.recompute_and_wait": (segment("failed"), segment("computing"), segment("computed", NEW)),
    "product_segments.recompute_and_wait": (segment("failed"), segment("computing"), segment("computed", NEW)),
    "pages.build_and_wait": (page("failed"), page("building"), page("built", NEW)),
    "activations.sync_and_wait": (connector("error"), connector("active"), connector("active", NEW)),
}


@pytest.fixture(params=STALE)
def stale(request, impatient):
    """A method, and its object as an earlier run left it, under way, and done."""
    space, method = request.param.split(".")
    return getattr(getattr(impatient, space), method), *STALE[request.param]


async def test_earlier_failure_does_not_end_a_new_run(raw, stale):
    """The object shows it until the new run has begun, which may be after the first looks."""
    method, failed, running, done = stale
    raw.script(failed, QUEUED, failed, failed, running, done)
    await method(1, timeout=30)

    assert len(raw.requests) == 6


async def test_failure_after_an_earlier_one_is_a_failure(raw, stale):
    """The same state again, but with another one in between."""
    method, failed, running, _ = stale
    raw.script(failed, QUEUED, failed, running, failed)
    with pytest.raises(SegOpsJobError) as caught:
        await method(1, timeout=30)

    assert caught.value.reason == "failed"
    assert len(raw.requests) == 5


@pytest.mark.parametrize("failed", [segment("failed", updated_at=NEW), segment("error", updated_at=OLD)])
async def test_failure_that_reads_otherwise_than_the_earlier_one_is_new(impatient, raw, failed):
    """It came and went between two looks."""
    raw.script(segment("failed", updated_at=OLD), QUEUED, failed)
    with pytest.raises(SegOpsJobError) as caught:
        await impatient.segments.recompute_and_wait(1, timeout=30)

    assert caught.value.reason == "failed"


CANCELLED = {
    "recompute": lambda segops: segops.segments.recompute_and_wait(1),
    "score": lambda segops: segops.products.score_and_wait(1),
    "sync": lambda segops: segops.activations.sync_and_wait(1),
    "run": lambda segops: segops.queries.run_and_wait(1),
    "build": lambda segops: segops.pages.build_and_wait(1),
    "wait_import": lambda segops: segops.products.wait_import(1),
    "wait_export": lambda segops: segops.pages.wait_export(1, 2),
}


@pytest.mark.parametrize("call", CANCELLED.values(), ids=CANCELLED)
@pytest.mark.parametrize("where", ["in a call", "between looks"])
async def test_cancelled_wait_passes_it_on_and_leaves_nothing(raw, call, where):
    """No task, no connection, no request; the cancellation is not told as anything else."""
    anything = {"id": 1, "status": "computing", "slug": "a", "score": 1, "results": []}
    raw.script(HANG if where == "in a call" else reply(200, anything))
    async with AsyncSegOpsAdmin("sk_test_raw", base_url=raw.url, poll_interval=60) as segops:
        before = asyncio.all_tasks()
        task = asyncio.create_task(call(segops))
        await raw.arrived.wait()
        if where == "between looks":
            await asyncio.sleep(0.3)  # the looks are a minute apart
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        if where == "in a call":
            await raw.cut.wait()

        assert {task for task in asyncio.all_tasks() - before if "RawServer" not in repr(task)} == set()


async def test_refusal_to_start_is_the_apis_error(impatient, raw):
    """Nothing was started, so there is no job that could fail."""
    raw.script(BEFORE, reply(404, {"detail": "Not found."}))
    with pytest.raises(SegOpsNotFoundError) as caught:
        await impatient.segments.recompute_and_wait(1)

    assert caught.value.job is None
