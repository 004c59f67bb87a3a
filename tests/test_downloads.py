"""A download: what its connection, its link and its disk may do to it (design, section 2, "Long work")."""

import os
import resource
import stat
import threading

import processes
import pytest
from anyio import to_thread
from rawserver import CLOSE, HANG, reply

from segops_admin import SegOpsConnectionError, SegOpsInputError, SegOpsRateLimitError, SegOpsServerError
from segops_admin.records.segments import SegmentExport

WHOLE = b"user_id,computed_at\nada,2026-11-23T00:00Z\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(WHOLE)
EXPORT = SegmentExport(id=1, status="complete", download_url="/files/1")

FULL_DISK = """
import asyncio, resource, sys
sys.dont_write_bytecode = True  # what is cut short there would be left to all later runs
from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin, SegOpsInputError
from segops_admin.records.segments import SegmentExport

face, target = sys.argv[1:]
export = SegmentExport(id=1, download_url="/files/1")

async def awaited():
    async with AsyncSegOpsAdmin() as segops:
        await segops.segments.download_export(export, target)

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
try:
    asyncio.run(awaited()) if face == "async" else SegOpsAdmin().segments.download_export(export, target)
except SegOpsInputError as error:
    print(error)
"""


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_FSIZE)[1] != resource.RLIM_INFINITY, reason="files are limited")
async def test_full_disk_is_told_at_once_and_leaves_nothing(face, raw, tmp_path):
    """It is no trouble of the connection, and four times the same file would not fit either."""
    raw.script(reply(200, b"x" * 300_000))
    done = await to_thread.run_sync(
        lambda: processes.script(
            FULL_DISK, face, str(tmp_path / "m.csv"), SEGOPS_API_KEY="sk_test", SEGOPS_API_URL=raw.url
        )
    )

    assert (done.stdout, done.stderr) == (f"{tmp_path / 'm.csv'} cannot be written: File too large.\n", "")
    assert len(raw.requests) == 1
    assert not list(tmp_path.iterdir())


STALLS = {"before the head": [HANG], "in the head": [b"HTTP/1.1 200 OK\r\nX-A: ", HANG], "in the body": [HEAD, HANG]}


@pytest.mark.parametrize("stall", STALLS.values(), ids=STALLS)
async def test_download_that_falls_silent_is_tried_again(at_raw, raw, tmp_path, stall):
    """A connection may die without a word; the client's timeout is how long it may say nothing."""
    raw.script(stall, reply(200, WHOLE))
    path = await at_raw(timeout=0.3).segments.download_export(EXPORT, tmp_path / "m.csv")

    assert path.read_bytes() == WHOLE
    assert len(raw.requests) == 2


async def test_download_that_always_falls_silent_is_a_connection_error(at_raw, raw, tmp_path):
    """And leaves nothing."""
    raw.script([HEAD, HANG])
    with pytest.raises(SegOpsConnectionError, match=r"(?i)timeout"):
        await at_raw(timeout=0.3, max_retries=0).segments.download_export(EXPORT, tmp_path / "m.csv")

    assert not list(tmp_path.iterdir())


async def test_file_may_take_longer_than_the_clients_timeout(at_raw, raw, tmp_path):
    """A large one does; only silence is limited."""
    steps = [step for number in range(len(WHOLE)) for step in (WHOLE[number : number + 1], 0.05)]
    raw.script([HEAD, *steps])
    path = await at_raw(timeout=1).segments.download_export(EXPORT, tmp_path / "m.csv")

    assert path.read_bytes() == WHOLE
    assert len(raw.requests) == 1


@pytest.mark.parametrize("status", [429, 503])
async def test_servers_hint_is_a_floor_for_the_next_attempt(at_raw, raw, tmp_path, status):
    """As for every other GET; and a 429 is no reason to give up."""
    raw.script(reply(status, {}, retry_after=0.3), reply(200, WHOLE))
    events = []
    path = await at_raw(on_event=events.append).segments.download_export(EXPORT, tmp_path / "m.csv")
    waits = [event.delay_s for event in events if event.kind == "waiting"]

    assert path.read_bytes() == WHOLE
    assert waits
    assert waits[0] >= 0.3
    assert {event.method for event in events} == {"GET"}


@pytest.mark.parametrize(("status", "kind"), [(429, SegOpsRateLimitError), (503, SegOpsServerError)])
async def test_hint_beyond_our_patience_raises_at_once(at_raw, raw, tmp_path, status, kind):
    """The caller decides, and knows by when; an hour is not slept."""
    raw.script(reply(status, {"detail": "Not now."}, retry_after=3600))
    with pytest.raises(kind, match=r"Not now\. The server asks to wait 3600 s") as caught:
        await at_raw().segments.download_export(EXPORT, tmp_path / "m.csv")

    assert (caught.value.retry_after, caught.value.attempts, len(raw.requests)) == (3600, 1, 1)
    assert not list(tmp_path.iterdir())


async def test_throttled_storage_host_does_not_hold_up_the_api(at_raw, raw, tmp_path):
    """A 429 of the API pauses all calls of the client; one of another host concerns its file only."""
    raw.script(reply(429, {}, retry_after=30), reply(200, {"id": 1, "name": "a"}))
    elsewhere = SegmentExport(id=1, download_url=raw.origin.replace("127.0.0.1", "localhost") + "/files/1")
    segops = at_raw(max_retries=0, timeout=10)
    with pytest.raises(SegOpsRateLimitError):
        await segops.segments.download_export(elsewhere, tmp_path / "m.csv")

    assert (await segops.segments.get(1)).id == 1


@pytest.mark.parametrize("steps", [CLOSE, reply(500, {}), reply(403, b"<Error/>")], ids=["cut", "500", "403"])
async def test_credentials_of_a_link_are_told_nowhere(at_raw, raw, tmp_path, steps):
    """A link to a storage host is signed, and whoever reads it in a log has the file."""
    raw.script(steps)
    events = []
    export = SegmentExport(id=1, download_url=f"{raw.origin}/files/1?X-Amz-Signature=hush")
    with pytest.raises(Exception, match="/files/1") as caught:
        await at_raw(max_retries=1, on_event=events.append).segments.download_export(export, tmp_path / "m.csv")

    assert raw.requests[0].target.endswith("?X-Amz-Signature=hush")
    assert "hush" not in f"{caught.value} {vars(caught.value)} {events}"


async def test_new_file_has_the_mode_that_the_umask_leaves(at_raw, raw, tmp_path):
    """As a file that a shell makes: not readable for its owner only."""
    raw.script(reply(200, WHOLE))
    before = os.umask(0o027)
    try:
        path = await at_raw().segments.download_export(EXPORT, tmp_path / "m.csv")
    finally:
        os.umask(before)

    assert stat.S_IMODE(path.stat().st_mode) == 0o640


async def test_umask_of_the_process_is_left_alone(at_raw, raw, tmp_path, monkeypatch):
    """It is all threads' at once: while it is read by setting it, another thread's file is open to everybody."""
    raw.script(reply(200, WHOLE))
    touched = []
    monkeypatch.setattr(os, "umask", lambda mask: touched.append(mask) or 0o022)
    await at_raw().segments.download_export(EXPORT, tmp_path / "m.csv")

    assert not touched


async def test_disk_is_waited_for_on_a_thread(at_raw, raw, tmp_path, monkeypatch):
    """Seconds for a large file on a busy disk, in which a loop would serve nobody."""
    raw.script(reply(200, WHOLE))
    names = []
    monkeypatch.setattr(os, "fsync", lambda _: names.append(threading.current_thread().name))
    await at_raw().segments.download_export(EXPORT, tmp_path / "m.csv")

    assert len(names) == 1
    assert names[0] not in (threading.main_thread().name, "segops-admin")


async def test_name_may_be_as_long_as_the_disk_allows(at_raw, raw, tmp_path):
    """What it is called until it is whole is no longer than that."""
    raw.script(reply(200, WHOLE))
    target = tmp_path / ("m" * (os.pathconf(tmp_path, "PC_NAME_MAX") - 4) + ".csv")

    assert (await at_raw().segments.download_export(EXPORT, target)).read_bytes() == WHOLE


TARGETS = {"too long": "m" * 300, "a NUL": "m\0.csv", "a device": os.devnull, "below a file": "file/m.csv"}


@pytest.mark.parametrize("name", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("space", ["segments", "pages"])
async def test_target_that_cannot_be_is_told_before_the_export_is_started(segops, seen, tmp_path, space, name):
    """No job, and no minutes of waiting, for a file that has no place."""
    (tmp_path / "file").touch()
    with pytest.raises(SegOpsInputError):
        await getattr(segops, space).export_to(1, tmp_path / name)

    assert not seen()


async def test_folder_that_takes_no_file_is_told_before_the_export_is_started(segops, seen, tmp_path, monkeypatch):
    """Root may write anywhere, so the system's answer is given here."""
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SegOpsInputError, match=tmp_path.name):
        await segops.segments.export_to(1, tmp_path / "m.csv")

    assert not seen()


async def test_file_is_asked_for_as_it_is(at_raw, raw, tmp_path):
    """The end of a compressed stream is checked nowhere and its length is not told: half would pass for the whole."""
    raw.script(reply(200, WHOLE))
    await at_raw().segments.download_export(EXPORT, tmp_path / "members.csv")

    assert raw.requests[0].headers["accept-encoding"] == "identity"
