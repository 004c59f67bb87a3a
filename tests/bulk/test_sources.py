"""What rows may come from, and how a row that cannot be read is told."""

import asyncio
import csv
import datetime as dt
import gzip
import json
import sys
import tracemalloc
from decimal import Decimal

import pytest
from bulk.kit import BULK, figures, rows, sent, stored, took

from segops_admin import BulkUpsertError, SegOpsInputError

BREADS = [
    {"sku": "RYE-05", "name": "Dark rye", "grain": "rye"},
    {"sku": "SPE-01", "name": 'Brød "av" spelt, lys', "grain": "spelt"},
    {"sku": "OAT-02", "name": "Line one\nline two", "grain": ""},
]


def as_csv(delimiter=","):
    quoted = [[f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in row.values()] for row in BREADS]
    return "\r\n".join([delimiter.join(BREADS[0]), *(delimiter.join(row) for row in quoted), ""])


FILES = {
    "breads.csv": as_csv(),
    "breads.tsv": as_csv("\t"),
    "breads.jsonl": "\n\n".join(json.dumps(row) for row in BREADS),
    "breads.ndjson": "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in BREADS),
    "BREADS.CSV": as_csv(),
    "summer.2026.csv": "\ufeff" + as_csv(),
}


async def arrived(raw):
    """Return the rows of all requests."""
    return [row for request in raw.requests for row in request.json()["products"]]


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("name", FILES)
async def test_rows_are_read_from_a_file(at_raw, raw, tmp_path, name, packed):
    """Quotes, commas, line breaks in cells, accents, a byte order mark; the kind is told by the name."""
    raw.script(took)
    path = tmp_path / (f"{name}.gz" if packed else name)
    content = FILES[name].encode()
    path.write_bytes(gzip.compress(content) if packed else content)
    result = await at_raw().products.bulk_upsert(path if packed else str(path))

    assert await arrived(raw) == BREADS
    assert figures(result) == (3, 0, 0)


async def test_file_is_read_as_fast_as_it_is_sent(at_raw, raw, tmp_path):
    """Not into memory first: a row that cannot be read at the end does not keep the first ones from being sent."""
    raw.script(took)
    path = tmp_path / "many.csv"
    path.write_bytes(b"sku,name\n" + b"".join(b"S%d,n\n" % n for n in range(50_000)) + b"S,\xff\n")
    with pytest.raises(BulkUpsertError, match="0xff") as caught:
        await at_raw().products.bulk_upsert(path, concurrency=1)

    assert len(raw.requests) > 50
    assert caught.value.result.stored > 25_000, "it says how far the import came"


async def test_lines_that_cannot_be_read_are_told_and_the_rest_goes_in(at_raw, raw, tmp_path):
    """One bad line of a million is the usual case; the line is named."""
    raw.script(took)
    path = tmp_path / "bad.csv"
    path.write_text("sku,name\nA,a\nB\nC,c,c\nD,d\n,no sku\n")
    result = await at_raw().products.bulk_upsert(path)

    assert sent(raw) == [["A", "D"]]
    assert [row.index for row in result.failed] == [1, 2, 4]
    assert "line 3" in result.failed[0].reason
    assert "line 4" in result.failed[1].reason


async def test_json_lines_that_are_no_rows_are_told(at_raw, raw, tmp_path):
    """Broken off, a list, a number."""
    raw.script(took)
    path = tmp_path / "bad.jsonl"
    path.write_text('{"sku": "A", "name": "a"}\n{"sku": "B", "na\n[1]\n7\nnull\n{"sku": "C", "name": "c"}\n')
    result = await at_raw().products.bulk_upsert(path)

    assert sent(raw) == [["A", "C"]]
    assert [row.index for row in result.failed] == [1, 2, 3, 4]
    assert "line 2 is not JSON" in result.failed[0].reason


BAD_FILES = {
    "missing.csv": (None, "no file"),
    "rows.xlsx": (b"PK", "none of"),
    "rows.csv.zip": (b"PK", "none of"),
    "noname": (b"sku,name\n", "none of"),
    "empty.csv": (b"", "no column named sku"),
    "nosku.csv": (b"code,name\nA,a\n", "no column named sku"),
    "latin.csv": ("sku,name\nA,Brød\n".encode("latin-1"), "not UTF-8: byte 0xf8"),
    "utf16.csv": ("sku,name\nA,a\n".encode("utf-16"), "not UTF-8: byte 0xff"),
    "plain.csv.gz": (b"sku,name\nA,a\n", "not a whole gzip"),
    "cut.csv.gz": (gzip.compress(b"sku,name\n" + b"A,a\n" * 100)[:-20], "not a whole gzip"),
    "damaged.csv.gz": (gzip.compress(b"sku,name\nA,a\n")[:10] + b"\xff" * 30, "not a whole gzip"),
    "plain.csv.zst": (b"sku,name\nA,a\n", "not a whole zstd"),
    "text.parquet": (b"sku,name\n", "not a Parquet file"),
}


@pytest.mark.parametrize("name", BAD_FILES)
async def test_file_that_cannot_be_read_is_told(at_raw, raw, tmp_path, name):
    """By its name and what is wrong with it; never an error of another library."""
    if name.endswith(("parquet", "zst")):
        pytest.importorskip("pyarrow")
    content, words = BAD_FILES[name]
    raw.script(took)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(SegOpsInputError, match=words) as caught:
        await at_raw().products.bulk_upsert(tmp_path / name)

    assert name in str(caught.value)


async def test_quote_that_is_never_closed_is_told(at_raw, tmp_path):
    """It would swallow the rest of the file; the csv module's limit on a cell notices."""
    (tmp_path / "open.csv").write_bytes(b"sku,name\nA," + b'"' + b"a" * 2000)
    limit = csv.field_size_limit(1000)
    try:
        with pytest.raises(SegOpsInputError, match="field larger"):
            await at_raw().products.bulk_upsert(tmp_path / "open.csv")
    finally:
        csv.field_size_limit(limit)


async def test_directory_is_told(segops, tmp_path):
    """A folder of files is many imports."""
    with pytest.raises(SegOpsInputError, match="no file"):
        await segops.products.bulk_upsert(tmp_path)


async def test_header_without_rows_is_an_empty_import(at_raw, raw, tmp_path):
    """A nightly delta may be empty."""
    (tmp_path / "delta.csv").write_text("sku,name\n")

    assert figures(await at_raw().products.bulk_upsert(tmp_path / "delta.csv")) == (0, 0, 0)
    assert raw.requests == []


async def test_rows_come_from_any_iterable_of_mappings(segops):
    """A generator, a tuple, an async generator, rows of other mapping types."""

    class Row(dict):
        pass

    async def asynchronous():
        for row in rows(10, start=20):
            await asyncio.sleep(0)
            yield row

    await segops.products.bulk_upsert(Row(row) for row in rows(10))
    await segops.products.bulk_upsert(tuple(rows(10, start=10)))
    await segops.products.bulk_upsert(asynchronous(), chunk_size=3)

    assert await stored(segops) == {row["sku"]: row["name"] for row in rows(30)}


class BeginsAnew:
    """An iterator that goes back to its first row whenever it is asked for an iterator, as hand-written ones do."""

    def __init__(self, count):
        self._rows = rows(count)
        self._at = 0

    def __iter__(self):
        self._at = 0
        return self

    __aiter__ = __iter__

    def __next__(self):
        self._at += 1
        if self._at > len(self._rows):
            raise StopIteration
        return self._rows[self._at - 1]

    async def __anext__(self):
        self._at += 1
        if self._at > len(self._rows):
            raise StopAsyncIteration
        return self._rows[self._at - 1]


@pytest.mark.parametrize("hidden", ["__aiter__", "__iter__"])
async def test_source_is_asked_for_its_iterator_once(at_raw, raw, hidden):
    """However many times its rows are asked for."""
    raw.script(took)
    kind = type("Rows", (), {name: what for name, what in vars(BeginsAnew).items() if name != hidden})
    result = await at_raw().products.bulk_upsert(kind(250), chunk_size=120)
    assert (result.stored, len(raw.requests)) == (250, 3)


async def test_values_that_json_can_express_are_written(at_raw, raw):
    """Dates, decimals and UUIDs come out of every database driver."""
    raw.script(took)
    day = dt.date(2026, 11, 23)
    await at_raw().products.bulk_upsert(
        [{"sku": "A", "name": "a", "day": day, "price": Decimal("1.5"), "n": Decimal(2)}]
    )

    assert (await arrived(raw))[0] == {"sku": "A", "name": "a", "day": "2026-11-23", "price": 1.5, "n": 2}


FRAME = {
    "sku": ["A", "B", "C"],
    "name": ["a", "b", "c"],
    "count": [1, 2, 3],
    "price": [1.5, None, 2.5],
    "stock": [True, False, True],
}
EXPECTED = [
    {"sku": "A", "name": "a", "count": 1, "price": 1.5, "stock": True},
    {"sku": "B", "name": "b", "count": 2, "price": None, "stock": False},
    {"sku": "C", "name": "c", "count": 3, "price": 2.5, "stock": True},
]


def without_missing(many):
    return [{name: value for name, value in row.items() if value is not None} for row in many]


async def test_pandas_frame_is_read_without_its_missing_values(at_raw, raw):
    """NaN is how pandas spells "no value": the field is left out, the row goes in, numbers stay numbers."""
    pandas = pytest.importorskip("pandas")
    raw.script(took)
    frame = pandas.DataFrame({**FRAME, "when": [pandas.Timestamp("2026-11-23"), pandas.NaT, pandas.NaT]})
    frame["whole"] = pandas.array([7, None, 9], dtype="Int64")
    result = await at_raw().products.bulk_upsert(frame, chunk_size=2, concurrency=1)

    expected = without_missing(EXPECTED)
    expected[0] |= {"when": "2026-11-23T00:00:00", "whole": 7}
    expected[2] |= {"whole": 9}
    assert await arrived(raw) == expected
    assert figures(result) == (3, 0, 0)


async def test_polars_frame_is_read(at_raw, raw):
    """In slices, never as a whole."""
    polars = pytest.importorskip("polars")
    raw.script(took)
    result = await at_raw().products.bulk_upsert(polars.DataFrame(FRAME), chunk_size=2, concurrency=1)

    assert without_missing(await arrived(raw)) == without_missing(EXPECTED)
    assert figures(result) == (3, 0, 0)


@pytest.mark.parametrize("kind", ["table", "reader", "batches"])
async def test_arrow_is_read(at_raw, raw, kind):
    """A table, or a reader that gives batches as they come."""
    pyarrow = pytest.importorskip("pyarrow")
    raw.script(took)
    table = pyarrow.table(FRAME)
    source = {"table": table, "reader": table.to_reader(2), "batches": table.to_batches()[0]}[kind]
    if kind == "batches":
        source = pyarrow.RecordBatchReader.from_batches(table.schema, table.to_batches())
    result = await at_raw().products.bulk_upsert(source, chunk_size=2, concurrency=1)

    assert without_missing(await arrived(raw)) == without_missing(EXPECTED)
    assert figures(result) == (3, 0, 0)


async def test_parquet_file_is_read(at_raw, raw, tmp_path):
    """In batches, from disk; nested values stay nested."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    raw.script(took)
    parquet.write_table(pyarrow.table({**FRAME, "tags": [["x"], [], ["y", "z"]]}), tmp_path / "rows.parquet")
    await at_raw().products.bulk_upsert(tmp_path / "rows.parquet")

    assert [row["tags"] for row in await arrived(raw)] == [["x"], [], ["y", "z"]]


async def test_times_of_a_nanosecond_column_are_written(at_raw, raw):
    """pyarrow makes pandas times of them where pandas is installed, which have no JSON form."""
    pyarrow = pytest.importorskip("pyarrow")
    raw.script(took)
    when = pyarrow.array([dt.datetime(2026, 11, 23, tzinfo=dt.timezone.utc), None], pyarrow.timestamp("ns", "UTC"))
    await at_raw().products.bulk_upsert(pyarrow.table({"sku": ["A", "B"], "name": ["a", "b"], "when": when}))

    assert [row["when"] for row in await arrived(raw)] == ["2026-11-23T00:00:00Z", None]


async def test_parquet_without_pyarrow_says_what_to_install(segops, seen, tmp_path, monkeypatch):
    """The extra is optional."""
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(SegOpsInputError, match=r"segops_admin\[parquet\]"):
        await segops.products.bulk_upsert(tmp_path / "rows.parquet")

    assert not seen(path=BULK)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl.gz", "rows.parquet"])
async def test_import_of_a_file_goes_on_from_its_journal(segops, fault, seen, tmp_path, name):
    """The chunks of a file are the same each time it is read."""
    path = tmp_path / name
    if name.endswith("parquet"):
        pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(rows(100)), path)
    elif name.endswith("gz"):
        path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows(100)).encode()))
    else:
        path.write_text("sku,name\n" + "".join(f"{row['sku']},{row['name']}\n" for row in rows(100)))
    rule = fault(method="POST", path=BULK, status=401, after=4)
    options = {"chunk_size": 10, "concurrency": 1, "journal": tmp_path / "import.journal"}
    with pytest.raises(Exception, match="40 of 40"):
        await segops.products.bulk_upsert(path, **options)
    rule.times = 0
    result = await segops.products.bulk_upsert(path, **options)

    assert (result.stored, result.resumed_rows) == (100, 40)
    assert len({entry.idempotency_key for entry in seen(path=BULK)}) == 10


@pytest.mark.parametrize("size", [2**64, -(2**63) - 1, 10**30])
async def test_json_lines_keep_integers_exact_or_refuse_them(at_raw, raw, tmp_path, size):
    """A barcode that comes out as 1.2345678901234568e+22 is lost without a word."""
    raw.script(took)
    path = tmp_path / "big.jsonl"
    path.write_text(f'{{"sku": "A", "ean": {size}}}\n{{"sku": "B", "ean": {2**63}}}\n')
    result = await at_raw().products.bulk_upsert(path)

    assert raw.requests[0].json() == {"products": [{"sku": "B", "ean": 2**63}]}
    assert [(row.index, row.sku) for row in result.failed] == [(0, "A")]


async def test_zstd_is_read_where_pyarrow_is_there(at_raw, raw, tmp_path):
    """The packing of today's exports; its reader comes with the extra `parquet`."""
    pyarrow = pytest.importorskip("pyarrow")
    raw.script(took)
    path = tmp_path / "rows.csv.zst"
    with pyarrow.output_stream(str(path), compression="zstd") as file:
        file.write("\ufeffsku,name\nA,Brød\n".encode())
    await at_raw().products.bulk_upsert(path)

    assert raw.requests[0].json() == {"products": [{"sku": "A", "name": "Brød"}]}


async def test_cells_that_are_arrays_are_lists(at_raw, raw):
    """`pandas.read_parquet` makes NumPy arrays of list columns, of one item too."""
    pandas, numpy = pytest.importorskip("pandas"), pytest.importorskip("numpy")
    raw.script(took)
    frame = pandas.DataFrame({"sku": ["A", "B"], "tags": [numpy.array(["z"]), numpy.array(["x", "y"])]})
    await at_raw().products.bulk_upsert(frame)

    assert raw.requests[0].json() == {"products": [{"sku": "A", "tags": ["z"]}, {"sku": "B", "tags": ["x", "y"]}]}


async def test_arrow_is_read_in_whatever_form_it_comes(at_raw, raw):
    """A table, a reader, a single batch and a data set are rows all the same."""
    pyarrow = pytest.importorskip("pyarrow")
    dataset = pytest.importorskip("pyarrow.dataset")
    table = pyarrow.table({"sku": ["A", "B", "C"], "name": ["a", "b", "c"]})
    for source in (table, table.to_reader(), table.to_batches()[0], dataset.dataset(table)):
        raw.script(took)
        raw.requests.clear()
        await at_raw().products.bulk_upsert(source, chunk_size=2, concurrency=1)
        assert sent(raw) == [["A", "B"], ["C"]]


@pytest.mark.parametrize("kind", ["reader", "parquet"])
async def test_batch_of_a_whole_table_is_not_taken_apart_at_once(at_raw, raw, tmp_path, kind):
    """A reader may give one batch of millions: its rows become Python's own a chunk at a time."""
    pyarrow = pytest.importorskip("pyarrow")
    raw.script(lambda request: (raw.requests.clear(), took(request))[1])
    table = pyarrow.table({"sku": [f"S{n}" for n in range(40_000)], **{f"c{n}": [1.5] * 40_000 for n in range(10)}})
    source = table.to_reader()
    if kind == "parquet":
        source = tmp_path / "rows.parquet"
        pytest.importorskip("pyarrow.parquet").write_table(table, source)
    segops = at_raw()
    await segops.products.bulk_upsert(rows(3))
    tracemalloc.start()
    try:
        await segops.products.bulk_upsert(source, chunk_size=200, concurrency=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 6_000_000, "the rows of 40,000 dictionaries take more than 15 MB"


async def test_pandas_column_is_refused(at_raw, raw):
    """Its values are no rows."""
    pandas = pytest.importorskip("pandas")
    with pytest.raises(SegOpsInputError, match="Series"):
        await at_raw().products.bulk_upsert(pandas.Series(["A"]))

    assert raw.requests == []
