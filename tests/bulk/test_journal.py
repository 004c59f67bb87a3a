"""The journal: what was acknowledged is never sent again, what was not goes again with the same key."""

import resource
import shutil
import sqlite3

import processes
import pytest
from bulk.kit import BULK, figures, rows, sent, stored, took
from rawserver import reply

from segops_admin import BulkUpsertError, SegOpsInputError


class OwnError(Exception):
    pass


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "import.journal"


def failing_after(count, many):
    """Give so many rows, then fail as a caller's source may."""
    yield from many[:count]
    raise OwnError


async def test_finished_import_called_again_sends_nothing(segops, seen, journal):
    """A scheduler that starts it twice does no harm, and gets the same figures."""
    many = [*rows(40), {"sku": "bad"}, {"sku": "S00000", "name": "again"}]
    first = await segops.products.bulk_upsert(many, chunk_size=10, journal=journal)
    before = len(seen(path=BULK))
    second = await segops.products.bulk_upsert(many, chunk_size=10, journal=journal)

    assert len(seen(path=BULK)) == before == 5
    assert figures(first) == figures(second) == (41, 0, 1)
    assert [row.to_dict() for row in first.failed] == [row.to_dict() for row in second.failed]
    assert (first.resumed_rows, second.resumed_rows) == (0, 41)
    assert (first.created, first.updated) == (second.created, second.updated)


async def test_journal_is_taken_as_text_too(segops, journal):
    """A path is a path."""
    await segops.products.bulk_upsert(rows(3), journal=str(journal))

    assert journal.is_file()


async def test_refused_rows_of_an_earlier_run_are_written_to_errors_path_again(segops, journal, tmp_path):
    """The file tells of the whole import, not of its last run."""
    for _ in range(2):
        await segops.products.bulk_upsert([{"sku": "bad"}], journal=journal, errors_path=tmp_path / "errors.jsonl")

    assert len((tmp_path / "errors.jsonl").read_text().splitlines()) == 1


ENDS = ("own exception", "key revoked", "server gone", "refused row", "left early")


@pytest.mark.parametrize("end", ENDS)
async def test_import_goes_on_after_every_kind_of_end(segops, seen, fault, journal, end):
    """What was acknowledged is skipped, the rest goes in, each chunk under one key in both runs."""
    many = rows(200)
    options = {"chunk_size": 10, "concurrency": 4, "journal": journal}
    products = segops.with_options(max_retries=0).products
    rule = {"key revoked": {"status": 401}, "server gone": {"status": 503}}.get(end)
    rule = rule and fault(method="POST", path=BULK, after=7, **rule)
    if end == "left early":
        stream = products.bulk_upsert_stream(many, **options)
        for _ in range(5):
            await stream.__anext__()
        await stream.aclose()
    else:
        source = failing_after(95, many) if end == "own exception" else iter(many)
        if end == "refused row":
            many[66] = {"sku": "S00066"}
        with pytest.raises((OwnError, BulkUpsertError)):
            await products.bulk_upsert(source, on_error="raise", **options)
    acknowledged = {entry.idempotency_key for entry in seen(path=BULK) if entry.status == 200}
    before = len(seen(path=BULK))
    if rule:
        rule.times = 0

    result = await segops.products.bulk_upsert(iter(many), **options)

    again = {entry.idempotency_key for entry in seen(path=BULK)[before:]}
    assert result.stored + result.failed_count == 200
    assert result.resumed_rows >= 10
    if end == "refused row":  # its chunk, the only one that lacks a name, is not acknowledged: its row is to be mended
        refused = min(seen(path=BULK), key=lambda entry: entry.body_size).idempotency_key
        assert refused in again
        acknowledged.discard(refused)
    assert len(acknowledged & again) < 4
    assert len({entry.idempotency_key for entry in seen(path=BULK)}) == 20
    assert await stored(segops) == {row["sku"]: row["name"] for row in many if "name" in row}


async def test_finished_chunks_need_not_be_a_prefix(at_raw, raw, journal):
    """The first chunk hangs while later ones come back; what is resumed is the first alone."""
    segops = at_raw(max_retries=0)
    raw.script(lambda request: reply(503, b"") if b"S00000" in request.body else took(request))
    with pytest.raises(BulkUpsertError):
        await segops.products.bulk_upsert(iter(rows(50)), chunk_size=10, concurrency=1, journal=journal)
    raw.script(lambda request: [0.2, reply(503, b"")] if b"S00000" in request.body else took(request))
    with pytest.raises(BulkUpsertError):
        await segops.products.bulk_upsert(iter(rows(50)), chunk_size=10, concurrency=2, journal=journal)
    before = len(raw.requests)
    raw.script(took)
    result = await segops.products.bulk_upsert(iter(rows(50)), chunk_size=10, concurrency=2, journal=journal)

    assert result.resumed_rows == 40
    assert [skus[0] for skus in sent(raw)[before:]] == ["S00000"]
    assert len({request.headers["idempotency-key"] for request in raw.requests if b"S00000" in request.body}) == 1


async def test_concurrency_may_be_another_when_an_import_goes_on(segops, seen, journal):
    """It does not change the chunks."""
    with pytest.raises(OwnError):
        await segops.products.bulk_upsert(failing_after(35, rows(60)), chunk_size=10, concurrency=1, journal=journal)
    before = len(seen(path=BULK))
    result = await segops.products.bulk_upsert(rows(60), chunk_size=10, concurrency=8, journal=journal)

    assert result.resumed_rows == 10 * before
    assert len(seen(path=BULK)) == 6


@pytest.mark.parametrize("change", [{"chunk_size": 20}, {"max_bytes": 5000}])
async def test_journal_of_other_options_is_refused(segops, seen, journal, change):
    """Other chunks have other keys: nothing of the journal would fit."""
    options = {"chunk_size": 10, "max_bytes": 10_000}
    await segops.products.bulk_upsert(rows(30), journal=journal, **options)
    before = len(seen(path=BULK))
    with pytest.raises(SegOpsInputError, match=f"{next(iter(change))} is .*, now it is"):
        await segops.products.bulk_upsert(rows(30), journal=journal, **{**options, **change})

    assert len(seen(path=BULK)) == before
    assert (await segops.products.bulk_upsert(rows(30), journal=journal, **options)).resumed_rows == 30


async def test_journal_of_another_server_is_refused(segops, at_raw, raw, journal):
    """What staging has stored, production has not."""
    await segops.products.bulk_upsert(rows(3), journal=journal)
    with pytest.raises(SegOpsInputError, match="root"):
        await at_raw().products.bulk_upsert(rows(3), journal=journal)

    assert raw.requests == []


OTHERS = {
    "another value": [{"sku": "S00000", "name": "changed"}, *rows(29, start=1)],
    "a row more in front": [{"sku": "X", "name": "x"}, *rows(30)],
    "rows in another order": rows(30)[::-1],
    "a row more at the end": rows(29 + 2),
    "fewer rows": rows(25),
    "one chunk fewer": rows(20),
    "nothing": [],
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
async def test_journal_of_other_rows_is_refused(segops, seen, journal, other):
    """To skip by place what differs in content would lose rows; the true source still goes on afterwards."""
    await segops.products.bulk_upsert(rows(28), chunk_size=10, journal=journal)
    before = len(seen(path=BULK))
    with pytest.raises(SegOpsInputError, match="other rows"):
        await segops.products.bulk_upsert(other, chunk_size=10, journal=journal)

    assert len(seen(path=BULK)) == before
    assert (await segops.products.bulk_upsert(rows(28), chunk_size=10, journal=journal)).resumed_rows == 28


NOT_JOURNALS = {
    "text": b"sku,name\nA,a\n" * 100,
    "zeros": bytes(8192),
    "half a header": b"SQLite format 3\x00" + bytes(10),
}


@pytest.mark.parametrize("content", NOT_JOURNALS.values(), ids=NOT_JOURNALS)
async def test_file_that_is_no_journal_is_refused_and_left_alone(segops, seen, journal, content):
    """A slip in the path must not cost a file."""
    journal.write_bytes(content)
    with pytest.raises(SegOpsInputError, match="no journal, or a damaged one"):
        await segops.products.bulk_upsert(rows(3), journal=journal)

    assert journal.read_bytes() == content
    assert not seen(path=BULK)


async def test_sqlite_file_of_somebody_else_is_refused_and_left_alone(segops, journal):
    """Not even its mode is changed."""
    with sqlite3.connect(journal) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    connection.close()
    content = journal.read_bytes()
    with pytest.raises(SegOpsInputError, match="no import journal"):
        await segops.products.bulk_upsert(rows(3), journal=journal)

    assert journal.read_bytes() == content


async def test_damaged_journal_is_refused(segops, seen, journal):
    """Bytes overwritten in the middle, as a failing disk does."""
    await segops.products.bulk_upsert(rows(300), chunk_size=1, journal=journal)
    content = bytearray(journal.read_bytes())
    for place in range(4096, len(content), 4096):
        content[place : place + 200] = b"\xa5" * 200
    journal.write_bytes(content)
    before = len(seen(path=BULK))
    with pytest.raises(SegOpsInputError, match="damaged"):
        await segops.products.bulk_upsert(rows(300), chunk_size=1, journal=journal)

    assert len(seen(path=BULK)) == before


async def test_truncated_journal_is_refused(segops, journal):
    """A copy that broke off."""
    await segops.products.bulk_upsert(rows(300), chunk_size=1, journal=journal)
    journal.write_bytes(journal.read_bytes()[:9000])
    with pytest.raises(SegOpsInputError, match="damaged"):
        await segops.products.bulk_upsert(rows(300), chunk_size=1, journal=journal)


@pytest.mark.parametrize("place", ["folder", "missing/import.journal"])
async def test_place_where_no_journal_can_be_is_told(segops, seen, tmp_path, place):
    """A directory, or a folder that is not there."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(SegOpsInputError, match="journal"):
        await segops.products.bulk_upsert(rows(3), journal=tmp_path / place)

    assert not seen(path=BULK)


async def test_journal_in_use_is_refused(segops, journal):
    """Two workers on one journal would each send what the other has in flight."""
    stream = segops.products.bulk_upsert_stream(rows(30), chunk_size=10, journal=journal)
    await stream.__anext__()
    try:
        with pytest.raises(SegOpsInputError, match="in use"):
            await segops.products.bulk_upsert(rows(30), chunk_size=10, journal=journal)
    finally:
        await stream.aclose()

    assert (await segops.products.bulk_upsert(rows(30), chunk_size=10, journal=journal)).stored == 30


async def test_finished_journal_is_one_file(segops, tmp_path, journal):
    """It can be moved, kept or deleted as one."""
    await segops.products.bulk_upsert(rows(30), chunk_size=10, journal=journal)
    moved = shutil.move(journal, tmp_path / "kept")

    assert [entry.name for entry in tmp_path.iterdir()] == ["kept"]
    assert (await segops.products.bulk_upsert(rows(30), chunk_size=10, journal=moved)).resumed_rows == 30


async def test_journal_that_was_begun_but_not_written_is_begun_again(segops, journal):
    """Killed between the creation of the file and its first write."""
    journal.touch()

    assert (await segops.products.bulk_upsert(rows(3), journal=journal)).stored == 3


FULL_DISK = """
import resource, sys
sys.dont_write_bytecode = True  # what is cut short there would be left to all later runs
from segops_admin import BulkUpsertError, SegOpsAdmin
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
rows = [{"sku": f"S{n:05}", "name": f"row {n}"} for n in range(150)]
try:
    done = SegOpsAdmin().products.bulk_upsert(rows, chunk_size=1, concurrency=4, journal=sys.argv[1])
except BulkUpsertError as error:
    print("stopped", error.result.stored, error)
else:
    print("done", done.stored, done.resumed_rows)
"""


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_FSIZE)[1] != resource.RLIM_INFINITY, reason="files are limited")
@pytest.mark.parametrize("limit", [0, 20_000])
def test_full_disk_stops_the_import_and_leaves_a_journal_that_resumes(emulator, tenant, seen, journal, limit):
    """Stood for by a limit on the size of files; what went in unrecorded is repeated under its key, no more of it."""
    where = {"SEGOPS_API_KEY": tenant.api_key, "SEGOPS_API_URL": emulator.base_url}
    first = processes.run("-c", FULL_DISK, str(journal), str(limit), **where)
    before = len(seen(path=BULK))
    again = processes.run("-c", FULL_DISK, str(journal), str(1 << 30), **where)

    assert (first.returncode, first.stderr) == (again.returncode, again.stderr) == (0, "")
    assert first.stdout.startswith("stopped")
    assert "journal could not be written" in first.stdout
    assert "same rows and journal" in first.stdout
    word, total, resumed = again.stdout.split()
    assert (word, total) == ("done", "150")
    assert before - 4 <= int(resumed) <= before
    assert len({entry.idempotency_key for entry in seen(path=BULK)}) == 150
