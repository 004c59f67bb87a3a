"""Work that goes on at the server: how often it is looked at, how waiting ends, and files that are whole or not there.

The methods themselves are tried one by one beside their namespaces; here are the rules that hold for all of them.
"""

import asyncio
import csv
import datetime as dt
import io
import itertools

import pytest
from rawserver import CLOSE, reply

from segops_admin import AsyncSegOpsAdmin, SegOpsApiError, SegOpsConnectionError, SegOpsError, SegOpsJobError, jobs
from segops_admin.emulator import Emulator

EVERYONE = {"logic": "AND", "conditions": [{"type": "event_count", "event_type": "x", "operator": "gte", "value": 1}]}
USERS = [f"user-{number:03}" for number in range(120)]


async def computed_segment(segops):
    events = [{"user_id": user, "event_type": "x"} for user in USERS]
    await segops.http.request("POST", "/ingestion/track/batch/", body={"events": events})
    made = await segops.segments.create(name="Everyone", definition=EVERYONE)
    return await segops.segments.recompute_and_wait(made.id)


@pytest.fixture
async def segment(segops):
    return await computed_segment(segops)


def users_in(path):
    return sorted(row["user_id"] for row in csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))


STATES = {
    **dict.fromkeys(["complete", "completed", "ready", "done", "success", "Succeeded", "DONE"], "succeeded"),
    **dict.fromkeys(["failed", "Failure", "error", "cancelled", "canceled", "EXPIRED"], "failed"),
    **dict.fromkeys(["pending", "queued", "processing", "importing", "mapping", "something new", "", None], "goes on"),
}


@pytest.mark.parametrize(("word", "meaning"), STATES.items())
def test_status_words_are_classified_whatever_their_case(word, meaning):
    """An unknown word means: still running (sheet, 6)."""
    expected = {"succeeded": (True, False), "failed": (False, True), "goes on": (False, False)}[meaning]

    assert (jobs.succeeded(word), jobs.failed(word)) == expected


async def looked_at(first_wait_s, times):
    """Wait for a job that ends at its n-th look, and return the gaps between the looks."""
    at = []
    clock = asyncio.get_running_loop().time

    async def look():
        at.append(clock())
        return len(at)

    async with jobs.time_limit("A job", 30) as watch:
        await jobs.wait(
            watch, look, done=lambda number: number == times, failure=lambda _: None, first_wait_s=first_wait_s
        )
    return [later - earlier for earlier, later in itertools.pairwise(at)]


async def test_looks_become_rarer_up_to_ten_first_waits():
    """A job of a minute is no reason for a hundred calls of the quota: 0.5 s grows to 5 s, less 20 % of jitter."""
    gaps = await looked_at(first_wait_s=0.01, times=12)

    ceilings = [0.01 * min(1.5**step, 10) for step in range(11)]
    early_s = 0.002  # a loop's clock may be so coarse
    assert all(gap >= 0.8 * ceiling - early_s for gap, ceiling in zip(gaps, ceilings, strict=True))


async def test_waits_of_a_fleet_differ():
    """Workers that started together must not look together."""
    runs = await asyncio.gather(*(looked_at(first_wait_s=0.02, times=3) for _ in range(8)))

    assert len({round(sum(run), 4) for run in runs}) > 1


async def test_job_that_is_done_at_the_first_look_is_not_waited_for():
    """Most small ones are."""
    assert await looked_at(first_wait_s=100, times=1) == []


async def test_progress_hears_of_every_look(segops, segment, seen, tmp_path):
    """Once per look, none invented."""
    looks = []
    await segops.segments.export_to(segment.id, tmp_path / "m.csv", on_progress=looks.append)

    assert len(looks) == len(seen(method="GET", path=f"/segments/{segment.id}/export/"))
    assert [jobs.succeeded(look.status) for look in looks] == [False] * (len(looks) - 1) + [True]


async def test_exception_out_of_on_progress_ends_the_wait_and_comes_out_unchanged(segops, segment, tmp_path):
    """The caller's own way to stop waiting."""
    with pytest.raises(ZeroDivisionError):
        await segops.segments.export_to(segment.id, tmp_path / "m.csv", on_progress=lambda _: 1 / 0)

    assert not list(tmp_path.iterdir())


async def test_giving_up_is_told_apart_from_failing(segops, segment, emulator, fault, tmp_path):
    """One is worth looking again later, the other is not; both say which job, and carry it as last seen."""
    emulator.hold_jobs()
    try:
        with pytest.raises(SegOpsJobError, match="goes on at the server") as gave_up:
            await segops.segments.export_to(segment.id, tmp_path / "m.csv", timeout=0.2)
    finally:
        emulator.release_jobs()
    fault(job="segment_export", error="Disk full.")
    with pytest.raises(SegOpsJobError, match=r"(?i)failed") as failed:
        await segops.segments.export_to(segment.id, tmp_path / "m.csv", timeout=20)

    assert (gave_up.value.reason, gave_up.value.job.status) == ("timeout", "pending")
    assert (failed.value.reason, failed.value.job.status) == ("failed", "failed")
    assert gave_up.value.job.id != failed.value.job.id


async def test_export_that_we_stopped_waiting_for_is_taken_up_by_its_id(segops, segment, connect, emulator, tmp_path):
    """By another client, in another process, a while later: the id is all that is needed."""
    emulator.hold_jobs()
    try:
        with pytest.raises(SegOpsJobError) as gave_up:
            await segops.segments.export_to(segment.id, tmp_path / "m.csv", timeout=0.2)
    finally:
        emulator.release_jobs()
    other = connect()
    done = await other.segments.wait_export(segment.id, gave_up.value.job.id, timeout=20)

    assert users_in(await other.segments.download_export(done, tmp_path / "m.csv")) == USERS


@pytest.mark.parametrize("where", ["waiting", "downloading"])
async def test_cancelled_export_leaves_no_file_and_no_request(emulator, tenant, fault, seen, tmp_path, where):
    """The task is gone at once; nothing keeps looking."""
    reached = asyncio.Event()
    async with AsyncSegOpsAdmin(tenant.api_key, base_url=emulator.base_url, poll_interval=0.01) as segops:
        segment = await computed_segment(segops)
        if where == "waiting":
            fault(job="segment_export", delay=60)
        else:
            fault(path="/segments/exports/*/download/", delay=60)

        def note(look):
            if where == "waiting" or look.status == "complete":
                reached.set()

        task = asyncio.create_task(segops.segments.export_to(segment.id, tmp_path / "m.csv", on_progress=note))
        await asyncio.wait_for(reached.wait(), 20)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
        await asyncio.sleep(0.1)  # what was on its way is counted on another thread
        looks = len(seen())
        await asyncio.sleep(0.2)

        assert len(seen()) == looks
    assert not list(tmp_path.iterdir())


CUTS = {
    "in the head": [b"HTTP/1.1 200 OK\r\nContent-Le", CLOSE],
    "before the body": [b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n", CLOSE],
    "in the body": [reply(200, b"user_id,computed_at\n", length=40), CLOSE],
    "in a chunk": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\nuser_id,comp", CLOSE],
    "between chunks": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nuser\r\n", CLOSE],
}
WHOLE = b"user_id,computed_at\nada,2026-11-23T00:00Z\n"


EXPORT = {"id": 1, "status": "complete", "format": "csv", "download_url": "/files/1"}


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
async def test_download_that_is_cut_is_never_taken_for_the_whole(at_raw, raw, tmp_path, cut):
    """Wherever the line breaks, nothing takes the name; the next try fetches all of it."""
    segops = at_raw(max_retries=0)
    raw.script(reply(200, EXPORT), cut)
    export = await segops.segments.export_status(7, 1)
    with pytest.raises(SegOpsConnectionError):
        await segops.segments.download_export(export, tmp_path / "m.csv")
    assert not list(tmp_path.iterdir())

    raw.script(cut, reply(200, WHOLE))
    path = await at_raw().segments.download_export(export, tmp_path / "m.csv")
    assert path.read_bytes() == WHOLE
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.csv"]


async def test_link_that_has_died_says_to_start_a_new_export(segops, segment, emulator, tmp_path):
    """It lives an hour (sheet, 8.9)."""
    started = await segops.segments.export(segment.id)
    export = await segops.segments.wait_export(segment.id, started.id)
    emulator.clock.advance(3700)
    try:
        with pytest.raises(SegOpsApiError, match="new export") as caught:
            await segops.segments.download_export(export, tmp_path / "m.csv")
    finally:
        emulator.clock.reset()

    assert caught.value.status == 410
    assert not list(tmp_path.iterdir())


@pytest.fixture
async def redirecting():
    """An emulator whose downloads lie on another origin, as in production."""
    async with Emulator(job_delay=0.01, redirect_downloads=True) as running:
        yield running


async def test_key_is_not_sent_to_where_a_download_is_redirected(redirecting, connect, tmp_path):
    """Storage hosts refuse a request with two credentials; worse, one that does not would have our key."""
    segops = connect(api_key=redirecting.api_key, base_url=redirecting.base_url)
    segment = await computed_segment(segops)
    path = await segops.segments.export_to(segment.id, tmp_path / "m.csv")

    assert redirecting.files_origin != redirecting.origin
    assert users_in(path) == USERS


@pytest.mark.parametrize("kind", ["csv", "parquet"])
async def test_both_formats_come_whole(segops, segment, tmp_path, kind):
    """Two columns, every member."""
    if kind == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
    path = await segops.segments.export_to(segment.id, tmp_path / f"m.{kind}", format=kind)

    if kind == "csv":
        assert users_in(path) == USERS
    else:
        table = parquet.read_table(path)
        assert sorted(table.column("user_id").to_pylist()) == USERS
        assert table.column_names == ["user_id", "computed_at"]
        assert all(dt.datetime.fromisoformat(str(at).replace("Z", "+00:00")) for at in table["computed_at"].to_pylist())


async def test_members_are_walked_to_the_last(segops, segment):
    """By cursor, page after page, without an export."""
    found = [member.user_id async for member in segops.segments.iterate_members(segment.id, limit=25)]

    assert sorted(found) == USERS


async def test_import_without_a_mapping_to_sku_is_one_clear_error(segops, tmp_path):
    """Told by the server's review, with the column that is missing."""
    path = tmp_path / "breads.csv"
    path.write_text("Title,Grain\nDark rye,rye\n")
    with pytest.raises(SegOpsError, match="sku"):
        await segops.products.import_file(path)

    assert (await segops.products.list()).count == 0


async def test_files_within_the_limit_are_not_judged_by_their_lines(segops, tmp_path):
    """A line break inside a cell begins no row."""
    path = tmp_path / "breads.csv"
    path.write_bytes('\ufeffsku,name\r\nA,"Brød\nav rug"\r\n'.encode())
    job = await segops.products.import_file(path)

    assert (job.row_count, job.imported_count) == (1, 1)
    assert [p.name async for p in segops.products.iterate()] == ["Brød\nav rug"]
