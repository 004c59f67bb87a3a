"""CSV imports: upload, confirm the mapping, wait (sheet, section 11.4; design, "Long work")."""

import json

import pytest

from segops_admin import SegOpsBadRequestError, SegOpsConfigError, SegOpsError, SegOpsInputError, SegOpsJobError

CSV = "Code,Title,Grain,Note\nRYE-05,Dark rye 500 g,rye,\nSPE-01,Brød av spelt,spelt,try it\n"
MAPPING = {"Code": "sku", "Title": "name", "Grain": "grain", "Note": None}


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


async def test_mapping_without_a_sku_is_an_error_of_the_tree(segops, catalogue, seen):
    """Rows without a sku have no identity; nothing may come in."""
    with pytest.raises((SegOpsInputError, SegOpsBadRequestError)):
        await segops.products.import_file(catalogue, {"Title": "name"})

    assert await stored(segops) == []


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
