"""CSV imports: upload, confirm the mapping, wait (sheet, section 11.4; design, "Long work")."""

import asyncio
import json
import os
import tracemalloc

import pytest
from rawserver import CLOSE, HANG, reply

from segops_admin import (
    AsyncSegOpsAdmin,
    SegOpsBadRequestError,
    SegOpsConfigError,
    SegOpsConnectionError,
    SegOpsError,
    SegOpsInputError,
    SegOpsJobError,
)
from segops_admin.catalogue import MAX_LINE, PIECE_BYTES, read_catalogue

CSV = "Code,Title,Grain,Note\nRYE-05,Dark rye 500 g,rye,\nSPE-01,Brød av spelt,spelt,try it\n"
MAPPING = {"Code": "sku", "Title": "name", "Grain": "grain", "Note": None}
UPLOADED = {"job_id": 9, "status": "mapping", "suggested_mapping": MAPPING, "suggested_schema": []}
FINISHED = {"id": 9, "status": "done", "row_count": 2, "imported_count": 2}


@pytest.fixture
def catalogue(tmp_path):
    path = tmp_path / "rye.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


async def stored(segops):
    return [(p.sku, p.name, p.data) async for p in segops.products.iterate()]


async def test_import_file_brings_in_every_row_and_returns_the_finished_job(segops, catalogue):
    """Upload, suggestion, confirm, done: one call."""
    job = await segops.products.import_file(catalogue)

    assert (job.status, job.row_count, job.imported_count) == ("done", 2, 2)
    assert job["filename"] == "rye.csv"
    products = await stored(segops)
    assert [(sku, name) for sku, name, _ in products] == [("RYE-05", "Dark rye 500 g"), ("SPE-01", "Brød av spelt")]
    assert products[0][2]["grain"] == "rye"


async def test_mapping_may_be_given(segops, catalogue):
    """What is mapped to None stays out."""
    await segops.products.import_file(str(catalogue), MAPPING)

    assert [data for _, _, data in await stored(segops)] == [{"grain": "rye"}, {"grain": "spelt"}]


async def test_mapping_may_be_decided_on_the_suggestion(segops, catalogue):
    """A review step of one's own."""
    asked = []

    def review(job):
        asked.append(job)
        return {**job.suggested_mapping, "Note": None, "Grain": "cereal"}

    await segops.products.import_file(catalogue, mapping=review)

    assert (asked[0].headers, asked[0].sample_rows[0]["Code"]) == (["Code", "Title", "Grain", "Note"], "RYE-05")
    assert [data for _, _, data in await stored(segops)] == [{"cereal": "rye"}, {"cereal": "spelt"}]


async def test_schema_may_be_given(segops, catalogue):
    """The fields become the tenant's schema."""
    fields = [{"name": "grain", "type": "string", "required": True, "description": "Grain family"}]
    await segops.products.import_file(catalogue, MAPPING, fields)

    assert [(f.name, f.required) for f in (await segops.products.schema()).fields] == [("grain", True)]


async def test_progress_is_told_and_ends_with_done(segops, catalogue):
    """For a bar on a terminal."""
    looks = []
    await segops.products.import_file(catalogue, on_progress=looks.append)

    assert looks[-1].status == "done"
    assert looks[-1].imported_count == looks[-1].row_count == 2


async def test_byte_order_mark_is_no_part_of_the_first_column(segops, tmp_path):
    """Spreadsheets write one, and the service accepts it."""
    path = tmp_path / "bom.csv"
    path.write_bytes(b"\xef\xbb\xbf" + CSV.encode())

    assert (await segops.products.import_file(path)).imported_count == 2


async def test_the_steps_can_be_taken_one_by_one(segops):
    """The published package's way, with bytes."""
    uploaded = await segops.products.import_csv(CSV.encode(), filename="steps.csv")
    confirmed = await segops.products.confirm_import(uploaded.id, {"mapping": MAPPING})
    done = await segops.products.wait_import(uploaded.id, timeout=20)
    status = await segops.products.import_status(uploaded.id)

    assert (uploaded.status, uploaded["job_id"]) == ("mapping", uploaded.id)
    assert confirmed.id == done.id == status.id == uploaded.id
    assert (status.status, status["filename"], status.error) == ("done", "steps.csv", "")


async def test_confirm_takes_keywords_and_the_published_form(segops):
    """`{"confirmed": True}` of the published README means: as suggested (sheet, C10)."""
    first = await segops.products.import_csv(CSV.encode())
    await segops.products.confirm_import(first.id, mapping=MAPPING)
    await segops.products.wait_import(first.id)
    second = await segops.products.import_csv(CSV.encode())
    await segops.products.confirm_import(second.id, {"confirmed": True})

    assert (await segops.products.wait_import(second.id)).status == "done"


@pytest.mark.parametrize("name", ["id", "job_id"])
async def test_job_id_is_read_under_either_name(segops, catalogue, fault, name):
    """The sources disagree (sheet, C10)."""
    fault(path="/pim/import/**", id_key=name)

    assert (await segops.products.import_file(catalogue)).status == "done"


async def test_file_is_sent_as_one_part_named_file(at_raw, raw):
    """The form the service reads."""
    await at_raw().http.request("POST", "/pim/import/csv/", form={"file": ("rye.csv", CSV.encode(), "text/csv")})

    (request,) = raw.requests
    assert request.headers["content-type"].startswith("multipart/form-data; boundary=")
    assert b'name="file"; filename="rye.csv"' in request.body
    assert b"Content-Type: text/csv" in request.body
    assert CSV.encode() in request.body


BAD_FILES = {
    "missing": (None, "rye.csv"),
    "empty": (b"", "empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", "empty"),
    "header without rows": (b"sku,name\n", "row"),
    "latin-1": ("sku,name\nA,Rug\nB,Br\u00f8d\n".encode("latin-1"), "line 3"),
    "utf-16": ("sku,name\nA,Rug\n".encode("utf-16"), "UTF-8"),
    "utf-16 without a mark": ("sku,name\nA,Rug\n".encode("utf-16-le"), "UTF-8: line 1, byte 0x00 at 1"),
    "utf-16, the other way round": ("sku,name\nA,Rug\n".encode("utf-16-be"), "UTF-8: line 1, byte 0x00 at 0"),
    "a NUL in a row": (b"sku,name\nA,Rug\nB,R\0g\n", "line 3, byte 0x00 at 18"),
    "no lines": (b"x" * (MAX_LINE + 1), "not a CSV file"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "UTF-8"),
    "too many rows": (b"sku,name\n" + b"A,a\n" * 100_001, "100,?000"),
}


@pytest.mark.parametrize(("content", "hint"), BAD_FILES.values(), ids=BAD_FILES.keys())
async def test_file_that_cannot_be_imported_is_refused_before_anything_is_sent(segops, seen, tmp_path, content, hint):
    """The message tells the file and what is wrong with it."""
    path = tmp_path / "rye.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SegOpsInputError, match=hint) as caught:
        await segops.products.import_file(path)

    assert isinstance(caught.value, SegOpsConfigError)
    assert "rye.csv" in str(caught.value)
    assert not seen()


BAD_BYTES = {
    "after a mark": (b"\xef\xbb\xbfsku,name\nA,R\xf8g\n", "line 2, byte 0xf8 at 15"),
    "first of its line": (b"sku,name\nA,Rug\n\xf8,b\n", "line 3, byte 0xf8 at 15"),
    "first of its line, after a mark": (b"\xef\xbb\xbfsku,name\nA,Rug\n\xf8,b\n", "line 3, byte 0xf8 at 18"),
    "last of the file": (b"sku,name\nA,Rug\nB,\xc3", "line 3, byte 0xc3 at 17"),
    "a mark and nothing but it": (b"\xef\xbb\xbf\xff", "line 1, byte 0xff at 3"),
}


@pytest.mark.parametrize(("content", "place"), BAD_BYTES.values(), ids=BAD_BYTES)
def test_byte_that_does_not_decode_is_told_with_its_place(tmp_path, content, place):
    """Counted in the file as it is, so that an editor or `xxd` finds it."""
    path = tmp_path / "rye.csv"
    path.write_bytes(content)
    with pytest.raises(SegOpsInputError, match=place):
        read_catalogue(path)


@pytest.mark.parametrize("at", [PIECE_BYTES - 2, PIECE_BYTES - 1, PIECE_BYTES, 3 * PIECE_BYTES - 1])
def test_place_of_a_bad_byte_does_not_depend_on_how_the_file_is_read(tmp_path, at):
    """The first byte of a letter may end one piece, and what should not follow it begin the next."""
    path = tmp_path / "rye.csv"
    lines = b"sku,name\n" + ("A," + "ø" * 500 + "\n").encode() * (at // 1003 - 1)
    path.write_bytes(lines + b"x" * (at - len(lines)) + b"\xc3(\n")
    with pytest.raises(SegOpsInputError, match=rf"line {at // 1003 + 1}, byte 0xc3 at {at}\."):
        read_catalogue(path)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_are_counted_whatever_ends_their_lines(tmp_path, end):
    """A line break inside a cell begins no row, an empty line is none."""
    path = tmp_path / "rye.csv"
    path.write_bytes(end.join(["sku,name", f'A,"a{end}b"', "", "B,\u2028b", ""]).encode())

    assert read_catalogue(path) == ("rye.csv", path.read_bytes())


def test_file_that_is_too_long_is_read_no_further_than_shows_it(tmp_path):
    """Gigabytes given by mistake must not fill a worker's memory before they are refused."""
    path = tmp_path / "rye.csv"
    with path.open("wb") as file:
        file.write(b"sku,name\n" + b"A,a\n" * 100_001)
        file.writelines([b"A," + b"a" * 1_000 + b"\n"] * 2**15)
    tracemalloc.start()
    try:
        with pytest.raises(SegOpsInputError, match="more than 100,000 rows"):
            read_catalogue(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 16 * 2**20


def test_bytes_to_upload_are_held_once(tmp_path):
    """Neither a second copy nor their text beside them."""
    path = tmp_path / "rye.csv"
    path.write_bytes(b"sku,name\n" + (b"A," + b"a" * 9_997 + b"\n") * 4_000)
    tracemalloc.start()
    try:
        _, data = read_catalogue(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(data) == path.stat().st_size > 2**25
    assert peak < 1.5 * len(data)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
async def test_loop_goes_on_while_a_catalogue_is_read(segops, tmp_path):
    """A slow disk is waited for on a thread: here one that gives nothing before the loop has run."""
    pipe = tmp_path / "rye.csv"
    os.mkfifo(pipe)
    importing = asyncio.ensure_future(segops.products.import_file(pipe))
    for _ in range(1000):
        await asyncio.sleep(0.01)
        if (end := _opened(pipe)) is not None:
            os.write(end, CSV.encode())
            os.close(end)
            break

    assert (await importing).imported_count == 2


def _opened(pipe):
    """Return the writing end of a pipe once somebody reads it."""
    try:
        return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


async def test_folder_is_refused_before_anything_is_sent(segops, seen, tmp_path):
    """A shell's completion stops there easily."""
    with pytest.raises(SegOpsInputError, match=tmp_path.name):
        await segops.products.import_file(tmp_path)

    assert not seen()


async def test_exactly_as_many_rows_as_allowed_are_not_refused(segops, tmp_path, fault, seen):
    """100,000 is inside the limit; the header is no row."""
    path = tmp_path / "rye.csv"
    path.write_bytes(b"sku,name\n" + b"A,a\n" * 100_000)
    fault(method="POST", path="/pim/import/csv/", status=403)
    with pytest.raises(SegOpsError):
        await segops.products.import_file(path)

    assert len(seen(path="/pim/import/csv/")) == 1


@pytest.mark.parametrize("mapping", [{"Title": "name"}, {"Code": None, "sku": "name"}, {}, ["sku"]], ids=str)
async def test_mapping_without_a_sku_is_refused_before_anything_is_sent(segops, catalogue, seen, mapping):
    """Rows without a sku have no identity; an upload would be of no use."""
    with pytest.raises(SegOpsInputError, match="mapping"):
        await segops.products.import_file(catalogue, mapping)

    assert not seen()


async def test_review_without_a_sku_confirms_nothing(segops, catalogue, seen):
    """The file is up by then, so the error says how to go on with it."""
    with pytest.raises(SegOpsInputError, match="sku") as caught:
        await segops.products.import_file(catalogue, lambda _: {"Title": "name"})
    job = caught.value.job
    await segops.products.confirm_import(job.id, mapping=MAPPING)

    assert f"products.confirm_import({job.id})" in str(caught.value)
    assert len(seen(path=f"/pim/import/{job.id}/confirm/")) == 1
    assert (await segops.products.wait_import(job.id)).imported_count == 2


async def test_upload_may_take_as_long_as_the_whole(at_raw, raw, catalogue):
    """A large file over a thin line takes longer than a client gives its usual calls."""
    raw.script([1.5, reply(201, UPLOADED)], reply(202, FINISHED))
    job = await at_raw(timeout=1, max_retries=0).products.import_file(catalogue, timeout=30)

    assert job.imported_count == 2


async def test_upload_that_hangs_ends_with_the_whole(at_raw, raw, catalogue):
    """Not with the client's timeout, and not never."""
    raw.script(HANG)
    with pytest.raises(SegOpsJobError) as caught:
        await at_raw(timeout=60).products.import_file(catalogue, timeout=0.3)

    assert caught.value.reason == "timeout"


@pytest.mark.parametrize("confirm", [[CLOSE], reply(502, b"<html>")], ids=["cut off", "502"])
async def test_confirm_without_an_answer_leaves_a_job_to_go_on_with(at_raw, raw, catalogue, confirm):
    """The upload is at the server, and the import may be running: a second one would be twice the work."""
    raw.script(reply(201, UPLOADED), confirm, reply(200, FINISHED))
    segops = at_raw()
    with pytest.raises(SegOpsError, match=r"products\.wait_import\(9\)") as caught:
        await segops.products.import_file(catalogue)

    assert not isinstance(caught.value, SegOpsJobError)
    assert (caught.value.job.id, caught.value.job.status) == (9, "mapping")
    assert (await segops.products.wait_import(9)).imported_count == 2


async def test_cut_confirm_is_a_connection_error_as_elsewhere(at_raw, raw, catalogue):
    """Whoever handles lost connections goes on to do so."""
    raw.script(reply(201, UPLOADED), [CLOSE])
    with pytest.raises(SegOpsConnectionError) as caught:
        await at_raw().products.import_file(catalogue)

    assert caught.value.outcome_unknown


async def test_exception_of_a_review_comes_out_unchanged(segops, catalogue):
    """Also where a clock's kind is what it raises."""
    mine = TimeoutError("mine")

    def review(_):
        raise mine

    with pytest.raises(TimeoutError) as caught:
        await segops.products.import_file(catalogue, review)

    assert caught.value is mine


async def test_cancelled_upload_is_cut_off(raw, catalogue):
    """Nothing goes on behind the caller's back."""
    raw.script(HANG)
    async with AsyncSegOpsAdmin("sk_test_raw", base_url=raw.url) as segops:
        task = asyncio.create_task(segops.products.import_file(catalogue))
        await raw.arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await raw.cut.wait()

    assert len(raw.requests) == 1


async def test_failed_import_is_a_job_error_with_the_servers_reason(segops, catalogue, fault):
    """`.reason` tells it from one that takes too long."""
    fault(job="csv_import", error="Disk full.")
    with pytest.raises(SegOpsJobError, match="Disk full") as caught:
        await segops.products.import_file(catalogue)

    assert caught.value.reason == "failed"


async def test_import_that_takes_too_long_can_be_waited_for_again(segops, emulator, catalogue):
    """The run goes on at the server; another process can take up the wait by the id."""
    emulator.hold_jobs()
    try:
        with pytest.raises(SegOpsJobError) as caught:
            await segops.products.import_file(catalogue, timeout=0.5)
    finally:
        emulator.release_jobs()

    assert caught.value.reason == "timeout"
    assert (await segops.products.wait_import(caught.value.job.id, timeout=20)).status == "done"


async def test_confirming_twice_is_the_servers_error(segops):
    """Nothing comes in twice."""
    job = await segops.products.import_csv(CSV.encode())
    await segops.products.confirm_import(job.id, mapping=MAPPING)
    with pytest.raises(SegOpsBadRequestError):
        await segops.products.confirm_import(job.id, mapping=MAPPING)


async def test_job_reads_like_a_dictionary(segops):
    """Results of jobs read as all others."""
    job = await segops.products.import_csv(CSV.encode())

    assert json.loads(json.dumps(job.to_dict()))["suggested_mapping"]["Code"] == "sku"
    assert dict(job) == job.to_dict()
