"""Exports: start, poll, stream into a file that is whole or not there (design, section 2, "Long work")."""

import csv
import pathlib

import pytest

from segops_admin import SegOpsError, SegOpsInputError, SegOpsJobError

EVERYONE = {"logic": "AND", "conditions": [{"type": "event_count", "event_type": "x", "operator": "gte", "value": 1}]}


@pytest.fixture
async def segment(segops):
    """A computed segment of 120 users."""
    events = [{"user_id": f"user-{number:03}", "event_type": "x"} for number in range(120)]
    await segops.http.request("POST", "/ingestion/track/batch/", body={"events": events})
    made = await segops.segments.create(name="Everyone", definition=EVERYONE)
    return await segops.segments.recompute_and_wait(made.id)


def rows_of(path):
    with pathlib.Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


async def test_export_to_writes_every_member_and_returns_the_path(segops, segment, tmp_path):
    """Start, wait, stream: one call."""
    target = tmp_path / "members.csv"
    path = await segops.segments.export_to(segment.id, target)

    assert pathlib.Path(path) == target
    assert sorted(row["user_id"] for row in rows_of(target)) == [f"user-{number:03}" for number in range(120)]
    assert [entry.name for entry in tmp_path.iterdir()] == ["members.csv"]


async def test_export_to_takes_a_string_and_replaces_an_older_file(segops, segment, tmp_path):
    """A nightly job writes to the same name each time."""
    target = tmp_path / "members.csv"
    target.write_text("old")
    await segops.segments.export_to(segment.id, str(target), format="csv")

    assert len(rows_of(target)) == 120


async def test_progress_is_told_at_every_look(segops, segment, tmp_path):
    """A caller can show what goes on."""
    looks = []
    await segops.segments.export_to(segment.id, tmp_path / "m.csv", on_progress=looks.append)

    assert looks
    assert all(look.status for look in looks)


async def test_the_steps_can_be_taken_one_by_one(segops, segment, tmp_path):
    """Start here, fetch elsewhere: the id is all that is needed."""
    started = await segops.segments.export(segment.id, format="csv")
    waited = await segops.segments.wait_export(segment.id, started.id, timeout=20)
    status = await segops.segments.export_status(segment.id, started.id)
    path = await segops.segments.download_export(status, tmp_path / "m.csv")

    assert waited.id == started.id == status.id
    assert status.status == "complete"
    assert started["export_id"] == started.id
    assert len(rows_of(path)) == 120


@pytest.mark.parametrize("name", ["id", "export_id"])
async def test_export_id_is_read_under_every_name(segops, segment, fault, name):
    """The sources disagree (sheet, C8)."""
    fault(method="POST", path="/segments/*/export/", id_key=name)

    assert isinstance((await segops.segments.export(segment.id)).id, int)


async def test_failed_export_is_a_job_error_and_leaves_no_file(segops, segment, fault, tmp_path):
    """A caller can tell it from one that takes too long."""
    fault(job="segment_export", error="Disk full.")
    with pytest.raises(SegOpsJobError, match="fail") as caught:
        await segops.segments.export_to(segment.id, tmp_path / "m.csv")

    assert caught.value.reason == "failed"
    assert not list(tmp_path.iterdir())


async def test_export_that_takes_too_long_is_a_job_error(segops, segment, emulator, tmp_path):
    """The whole wait is bounded."""
    emulator.hold_jobs()
    try:
        with pytest.raises(SegOpsJobError) as caught:
            await segops.segments.export_to(segment.id, tmp_path / "m.csv", timeout=0.3)
    finally:
        emulator.release_jobs()

    assert caught.value.reason == "timeout"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("old", [None, "old"])
async def test_cut_download_leaves_what_was_there_before(segops, segment, fault, tmp_path, old):
    """Half a file under the right name would be taken for the whole."""
    target = tmp_path / "m.csv"
    if old:
        target.write_text(old)
    fault(path="/segments/exports/*/download/", truncate=100)
    with pytest.raises(SegOpsError):
        await segops.with_options(max_retries=0).segments.export_to(segment.id, target)

    assert [entry.read_text() for entry in tmp_path.iterdir()] == ([old] if old else [])


async def test_download_cut_once_is_fetched_again_from_its_start(segops, segment, fault, tmp_path):
    """A GET is repeated, and a repeat must not append to what came before."""
    rule = fault(path="/segments/exports/*/download/", truncate=100, times=1)
    path = await segops.segments.export_to(segment.id, tmp_path / "m.csv")

    assert rule.hits == 1
    assert sorted(row["user_id"] for row in rows_of(path)) == [f"user-{number:03}" for number in range(120)]


async def test_target_that_cannot_be_written_is_told_before_the_export_starts(segops, segment, seen, tmp_path):
    """No job for a file that has no place."""
    with pytest.raises((SegOpsInputError, OSError)):
        await segops.segments.export_to(segment.id, tmp_path / "no" / "such" / "folder" / "m.csv")

    assert not seen(path=f"/segments/{segment.id}/export/", method="POST")


async def test_unknown_format_is_refused(segops, segment):
    """By the client or by the server, but as an error of this library."""
    with pytest.raises(SegOpsError):
        await segops.segments.export(segment.id, format="docx")
