"""What a server may say of a chunk, and what becomes of its rows (the table of `bulk/send.py`)."""

import json
import pathlib

import pytest
from bulk.kit import BULK, figures, rows, sent, stored, took
from rawserver import reply

from segops_admin import BulkUpsertError, SegOpsAuthenticationError, SegOpsDecodeError, SegOpsRateLimitError


def limited_to(size):
    """Return a server that finds more than so many rows too large."""
    return lambda request: reply(413, b"") if len(request.json()["products"]) > size else took(request)


async def test_chunk_too_large_for_the_server_is_split(at_raw, raw):
    """Nobody can know a proxy's limit beforehand; the halves keep their order."""
    raw.script(limited_to(3))
    result = await at_raw().products.bulk_upsert(rows(10), concurrency=1)

    assert [len(skus) for skus in sent(raw)] == [10, 5, 2, 3, 5, 2, 3]
    assert figures(result) == (10, 0, 0)
    assert result.created == 10


async def test_single_row_too_large_for_the_server_fails_alone(at_raw, raw):
    """Split to the end, what remains is the culprit."""
    raw.script(lambda request: reply(413, b"") if b"S00005" in request.body else took(request))
    result = await at_raw().products.bulk_upsert(rows(10))

    assert figures(result) == (9, 0, 1)
    assert [(row.index, row.sku) for row in result.failed] == [(5, "S00005")]
    assert "too large" in result.failed[0].reason


def blaming(form):
    """Return a server that refuses a request for its rows with an odd number, and says so in this form."""

    def answer(request):
        products = request.json()["products"]
        wrong = {place: {"name": ["Odd."]} for place, row in enumerate(products) if int(row["sku"][1:]) % 2}
        if not wrong:
            return took(request)
        if form == "object":
            return reply(400, {"products": {str(place): what for place, what in wrong.items()}})
        return reply(400, {"products": [wrong.get(place, {}) for place in range(len(products))]})

    return answer


@pytest.mark.parametrize("form", ["object", "list"])
async def test_rows_that_a_400_blames_are_told_and_the_rest_goes_in(at_raw, raw, form):
    """Newer servers blame by index, older ones by a list (sheet, 3.1)."""
    raw.script(blaming(form))
    result = await at_raw().products.bulk_upsert(rows(10), chunk_size=5, concurrency=1)

    assert figures(result) == (5, 0, 5)
    assert [(row.index, row.sku) for row in result.failed] == [(n, f"S0000{n}") for n in (1, 3, 5, 7, 9)]
    assert all("Odd." in row.reason for row in result.failed)
    assert sent(raw)[-1] == ["S00006", "S00008"]


async def test_repeat_without_the_blamed_rows_has_a_key_of_its_own(at_raw, raw):
    """The same key with another body would be a 422 once the server keeps keys (sheet, 5)."""
    raw.script(blaming("object"))
    await at_raw().products.bulk_upsert(rows(4), idempotency_key="mine")

    first, second = (request.headers["idempotency-key"] for request in raw.requests)
    assert first == "mine" != second


@pytest.mark.parametrize("body", [b"<html>", {"detail": "No."}, {"products": ["This field is required."]}, {}])
async def test_400_that_blames_no_row_fails_them_all_and_the_import_goes_on(at_raw, raw, body):
    """Guessing which row was meant would lose one in silence."""
    raw.script(reply(400, body), took)
    result = await at_raw().products.bulk_upsert(rows(6), chunk_size=3, concurrency=1)

    assert figures(result) == (3, 0, 3)
    assert [row.index for row in result.failed] == [0, 1, 2]


async def test_row_that_the_server_blames_in_a_200_is_told_with_the_callers_index(segops):
    """The emulator refuses rows without a name; places count over all chunks."""
    many = [{"sku": f"S{n}"} if n in (2, 5, 11) else {"sku": f"S{n}", "name": "n"} for n in range(12)]
    result = await segops.products.bulk_upsert(many, chunk_size=4)

    assert sorted((row.index, row.sku) for row in result.failed) == [(2, "S2"), (5, "S5"), (11, "S11")]
    assert {row.reason for row in result.failed} == {"name is required"}
    assert len(await stored(segops)) == 9


@pytest.mark.parametrize(
    ("blame", "expected"),
    [
        ({"index": 1, "error": "Bad."}, (1, "S00001", "Bad.")),
        ({"sku": "S00002", "error": "Bad."}, (2, "S00002", "Bad.")),
        ({"sku": "S00002", "reason": "Bad."}, (2, "S00002", "Bad.")),
        ({"index": 99, "sku": "S00000", "detail": "Bad."}, (0, "S00000", "Bad.")),
        ({"sku": "another"}, (-1, "another", "refused without a reason")),
    ],
)
async def test_blame_is_found_by_place_or_by_sku(at_raw, raw, blame, expected):
    """The shape is not documented."""
    raw.script(reply(200, {"created": 2, "updated": 0, "errors": [blame]}))
    result = await at_raw().products.bulk_upsert(rows(3))

    assert [(row.index, row.sku, row.reason) for row in result.failed] == [expected]
    assert result.stored == 2


async def test_raise_stops_at_the_first_refused_row_and_says_how_far_it_came(segops):
    """For callers to whom one bad row means a bad file."""
    many = [{"sku": f"S{n}"} if n == 25 else {"sku": f"S{n}", "name": "n"} for n in range(200)]
    with pytest.raises(BulkUpsertError, match=r"Row 25 \(sku S25\)") as caught:
        await segops.products.bulk_upsert(many, chunk_size=10, concurrency=1, on_error="raise")

    assert figures(caught.value.result) == (29, 0, 1)
    assert len(await stored(segops)) < 200


async def test_every_refused_row_is_written_to_errors_path(segops, tmp_path):
    """The result keeps a thousand; a file keeps a million."""
    target = tmp_path / "errors.jsonl"
    result = await segops.products.bulk_upsert([{"sku": f"S{n}"} for n in range(1500)], errors_path=target)

    assert result.failed_count == 1500
    assert len(result.failed) == 1000
    told = [json.loads(line) for line in target.read_text().splitlines()]
    assert sorted(row["index"] for row in told) == list(range(1500))
    assert told[0].keys() == {"index", "sku", "reason"}


async def test_errors_path_that_cannot_be_written_is_told_before_anything_is_sent(segops, seen, tmp_path):
    """Not after an hour."""
    with pytest.raises(ValueError, match="cannot be written"):
        await segops.products.bulk_upsert(rows(3), errors_path=tmp_path / "no" / "folder" / "errors.jsonl")

    assert not seen(path=BULK)


async def test_stream_that_is_never_read_touches_no_file(segops, tmp_path):
    """Nothing happens before the first chunk is asked for: last night's errors stay as they are."""
    target = tmp_path / "errors.jsonl"
    target.write_text("last night's")
    segops.products.bulk_upsert_stream(rows(3), errors_path=target, journal=tmp_path / "import.journal")

    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("errors.jsonl", "last night's")]


async def test_progress_is_told_after_every_chunk(segops):
    """A bar that moves; the last call has the final figures."""
    looks = []
    result = await segops.products.bulk_upsert(
        rows(50), chunk_size=10, on_progress=lambda so_far: looks.append((so_far.chunks, so_far.stored))
    )

    assert looks == [(n, 10 * n) for n in range(1, 6)]
    assert looks[-1][1] == result.stored


async def test_exception_out_of_on_progress_stops_the_import_and_comes_out_unchanged(segops):
    """It is the caller's own code."""
    with pytest.raises(ZeroDivisionError):
        await segops.products.bulk_upsert(rows(500), chunk_size=10, on_progress=lambda _: 1 / 0)

    assert len(await stored(segops)) < 500


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_exception_out_of_the_callers_rows_comes_out_unchanged(segops, kind):
    """It is not ours to wrap; what went in before it stays in."""

    class OwnError(Exception):
        pass

    def source():
        yield from rows(35)
        raise OwnError("mine")

    async def asynchronous():
        for row in source():
            yield row

    with pytest.raises(OwnError, match=r"^mine$"):
        await segops.products.bulk_upsert(source() if kind == "sync" else asynchronous(), chunk_size=10, concurrency=1)

    assert set(await stored(segops)) >= {f"S{n:05}" for n in range(20)}


async def test_revoked_key_stops_the_import_and_says_how_far_it_came(segops, fault):
    """Nothing that follows could go in."""
    fault(method="POST", path=BULK, status=401, after=3)
    with pytest.raises(BulkUpsertError, match="30 of 30") as caught:
        await segops.products.bulk_upsert(rows(100), chunk_size=10, concurrency=1)

    assert isinstance(caught.value.__cause__, SegOpsAuthenticationError)
    assert figures(caught.value.result) == (30, 0, 0)
    assert len(await stored(segops)) == 30


async def test_hint_longer_than_we_would_wait_stops_the_import(segops, fault):
    """An hour's pause is the caller's decision; the error carries the hint."""
    fault(method="POST", path=BULK, status=429, retry_after=3600, after=1)
    with pytest.raises(BulkUpsertError) as caught:
        await segops.products.bulk_upsert(rows(100), chunk_size=10, concurrency=1)

    assert isinstance(caught.value.__cause__, SegOpsRateLimitError)
    assert caught.value.__cause__.retry_after == 3600
    assert caught.value.result.stored == 10


async def test_result_reads_like_the_services_answer(segops):
    """As the published package returns it: counts, and errors by index, sku and text."""
    result = await segops.products.bulk_upsert([*rows(2), {"sku": "bad"}])

    assert (result["created"], result["updated"]) == (2, 0)
    assert result["errors"] == [{"index": 2, "sku": "bad", "error": "name is required"}]
    assert result.to_dict()["stored"] == 2
    assert result.duration_s > 0
    assert result.rows_per_s > 0


ODD_ERRORS = {
    "an object by index": ({"1": ["Odd."], "x": "?"}, [(-1, None), (1, "S00001")]),
    "texts": (["Odd."], [(-1, None)]),
    "a number": (5, [(-1, None)]),
    "one index twice": ([{"index": 1, "error": "a"}, {"index": 1, "error": "b"}], [(1, "S00001")]),
    "a sku of another type": ([{"sku": 7, "error": "a"}], [(2, "7")]),
    "more than were sent": (
        [{"index": n, "error": "a"} for n in range(9)],
        [(-1, None)] * 6 + [(0, "S00000"), (1, "S00001"), (2, "7")],
    ),
    "nothing": (None, []),
}


@pytest.mark.parametrize(("errors", "expected"), ODD_ERRORS.values(), ids=ODD_ERRORS)
async def test_blame_of_an_odd_shape_is_told_all_the_same(at_raw, raw, errors, expected):
    """The shape is not documented: what is not understood must not count as stored, nor end the import."""
    raw.script(reply(200, {"created": 3, "updated": 10**22, "errors": errors}))
    result = await at_raw().products.bulk_upsert([*rows(2), {"sku": "7"}])

    assert [(row.index, row.sku) for row in result.failed] == expected
    assert result.stored == max(0, 3 - len(expected))
    assert all(row.reason for row in result.failed)
    assert result.updated == 0


async def test_rows_blamed_one_request_at_a_time_are_all_told(at_raw, raw):
    """A server that stops at the first wrong row is asked again for the rest, however many are wrong."""

    def first_only(request):
        raw.requests.clear()
        products = request.json()["products"]
        return reply(400, {"products": {"0": {"name": ["Odd."]}}}) if products[0]["sku"] < "S00700" else took(request)

    raw.script(first_only)
    result = await at_raw().products.bulk_upsert(rows(750), chunk_size=750)

    assert figures(result) == (50, 0, 700)


async def test_refused_row_is_written_whatever_its_text(at_raw, raw, tmp_path):
    """Half a surrogate pair has no UTF-8 form; journal and errors_path keep the row that has it."""
    many = [{"sku": "A\ud800", "name": "a"}]
    options = {"journal": tmp_path / "import.journal", "errors_path": tmp_path / "errors.jsonl"}
    for _ in range(2):
        result = await at_raw().products.bulk_upsert(many, **options)
        assert [row.sku for row in result.failed] == ["A\ud800"]

    assert json.loads((tmp_path / "errors.jsonl").read_text())["sku"] == "A\ud800"


@pytest.mark.skipif(not pathlib.Path("/dev/full").exists(), reason="there is no /dev/full here")
async def test_full_disk_under_errors_path_stops_the_import_and_frees_the_journal(at_raw, raw, tmp_path):
    """A refused row that cannot be written down would be lost; the journal goes on once there is room."""
    raw.script(took)
    journal = tmp_path / "import.journal"
    many = [*rows(20), {"sku": ""}, *rows(20, start=20)]
    with pytest.raises(BulkUpsertError, match="/dev/full cannot be written") as caught:
        await at_raw().products.bulk_upsert(
            many, chunk_size=10, concurrency=1, journal=journal, errors_path="/dev/full"
        )
    assert caught.value.result.stored >= 20

    result = await at_raw().products.bulk_upsert(many, chunk_size=10, journal=journal)
    assert figures(result) == (40, 0, 1)


async def test_row_that_stopped_an_import_can_be_mended(at_raw, raw, tmp_path):
    """With `raise` and a journal: the chunk of the refused row is sent again, what else is stored is not."""
    raw.script(took)
    options = {"chunk_size": 10, "concurrency": 1, "journal": tmp_path / "import.journal", "on_error": "raise"}
    many = [*rows(25), {"sku": ""}, *rows(10, start=26)]
    for _ in range(2):
        with pytest.raises(BulkUpsertError, match="Row 25"):
            await at_raw().products.bulk_upsert(many, **options)
    raw.requests.clear()
    result = await at_raw().products.bulk_upsert(rows(36), **options)

    assert figures(result) == (36, 0, 0)
    assert sent(raw)[0][0] == "S00020"


@pytest.mark.parametrize("body", [b"5", b'"stored"', b"true", b"null", b"[]"])
async def test_answer_that_is_no_object_does_not_count_as_stored(at_raw, raw, body):
    """It says nothing of the rows; the import stops and says that it is not known what became of them."""
    raw.script(reply(200, body, content_type="application/json"))
    with pytest.raises(BulkUpsertError, match="not known") as caught:
        await at_raw().products.bulk_upsert(rows(3))

    assert isinstance(caught.value.__cause__, SegOpsDecodeError)
    assert caught.value.result.stored == 0
