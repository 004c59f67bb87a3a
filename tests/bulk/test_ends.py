"""How imports end before their end: cancelled, interrupted, killed. What was acknowledged stays."""

import asyncio
import csv
import gzip
import json
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time

import processes
import pytest
from anyio import to_thread
from bulk.kit import BULK, rows, took
from rawserver import HANG, reply

from segops_admin import AsyncSegOpsAdmin, BulkUpsertError, SegOpsAdmin, deadline
from segops_admin.emulator import Emulator

CATALOGUE = pathlib.Path(__file__).parents[3] / "shared" / "data" / "debian-packages.csv.gz"
real_catalogue = pytest.mark.skipif(not CATALOGUE.is_file(), reason="the real catalogue is no part of the library")
CONCURRENCY = 8


def acknowledged(journal):
    """Return how many rows a journal has as stored, once it is closed."""
    with sqlite3.connect(journal) as connection:
        (count,) = connection.execute("SELECT coalesce(sum(stored), 0) FROM chunks").fetchone()
    connection.close()
    return count


@pytest.mark.parametrize("while_in", ["sending", "reading", "waiting for a retry"])
async def test_cancelled_import_ends_within_a_second_and_goes_on_later(raw, tmp_path, while_in):
    """The journal has what was acknowledged, no task is left, and the next call takes up from there."""
    journal = tmp_path / "import.journal"
    reached = asyncio.Event()

    async def source():
        for row in rows(100):
            if while_in == "reading" and row["sku"] == "S00050":
                reached.set()
                await asyncio.sleep(60)
            yield row

    def answer(request):
        if b"S00050" not in request.body:
            return took(request)
        reached.set()
        return HANG if while_in == "sending" else reply(503, retry_after=30)

    raw.script(answer)
    options = {"chunk_size": 10, "concurrency": 1, "journal": journal}
    async with AsyncSegOpsAdmin("sk_test_raw", base_url=raw.url) as client:
        before = asyncio.all_tasks()
        task = asyncio.create_task(client.products.bulk_upsert(source(), **options))
        await asyncio.wait_for(reached.wait(), 20)
        task.cancel()
        started = time.perf_counter()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.perf_counter() - started < 1
        assert not [left for left in asyncio.all_tasks() - before if "products" in repr(left) or "bulk" in repr(left)]
        assert acknowledged(journal) == 50

        raw.script(took)
        result = await client.products.bulk_upsert(rows(100), **options)
        assert (result.stored, result.resumed_rows) == (100, 50)


async def test_deadline_around_an_import_ends_it(raw):
    """`asyncio.wait_for` is how callers bound what they await."""
    raw.script(HANG)
    async with AsyncSegOpsAdmin("sk_test_raw", base_url=raw.url) as client:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.products.bulk_upsert(rows(10)), 0.2)


@pytest.mark.parametrize("concurrency", [1, 2])
async def test_deadline_that_passes_while_rows_are_read_ends_the_import(raw, concurrency):
    """Also where the next chunk is read while others are on their way."""

    def slow_rows():
        yield from rows(10 * concurrency)
        time.sleep(0.4)
        yield from rows(10, start=100)

    raw.script(took)
    async with AsyncSegOpsAdmin("sk_test_raw", base_url=raw.url) as client:
        with deadline(0.3), pytest.raises(BulkUpsertError) as caught:
            await asyncio.wait_for(client.products.bulk_upsert(slow_rows(), chunk_size=10, concurrency=concurrency), 20)
    assert caught.value.result.stored <= 10 * concurrency


async def test_file_that_breaks_off_tells_all_that_is_stored(raw, tmp_path):
    """What was read before the break has been sent, and is in the figures."""
    whole = gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in rows(3000)))
    broken = tmp_path / "rows.jsonl.gz"
    broken.write_bytes(whole[: len(whole) // 2])
    raw.script(took)
    async with AsyncSegOpsAdmin("sk_test_raw", base_url=raw.url) as client:
        for chunk_size in (100, 500):
            raw.requests.clear()
            with pytest.raises(BulkUpsertError) as caught:
                await client.products.bulk_upsert(broken, chunk_size=chunk_size, concurrency=1)
            assert caught.value.result.stored == chunk_size * len(raw.requests) > 0


async def test_closed_stream_cancels_what_is_in_flight_and_frees_the_journal(raw, tmp_path):
    """Leaving the loop early is an end as well; closing twice is fine, and a closed stream is at its end."""
    raw.script(took, took, HANG)
    journal = tmp_path / "import.journal"
    async with AsyncSegOpsAdmin("sk_test_raw", base_url=raw.url) as client:
        stream = client.products.bulk_upsert_stream(rows(100), chunk_size=10, journal=journal)
        async for _ in stream:
            break
        await stream.aclose()
        await stream.aclose()

        assert [chunk async for chunk in stream] == []
        assert acknowledged(journal) in (10, 20)


async def test_import_that_fails_leaves_no_request_in_flight(raw):
    """The others of the window are cancelled with it."""
    raw.script(took, took, took, HANG, reply(401), HANG)
    async with AsyncSegOpsAdmin("sk_test_raw", base_url=raw.url) as client:
        with pytest.raises(Exception, match="401"):
            await client.products.bulk_upsert(rows(100), chunk_size=10, concurrency=4)
        await asyncio.wait_for(raw.cut.wait(), 10)


INTERRUPTED = """
import sys, time
from segops_admin import SegOpsAdmin
told = []
def rows():
    for n in range(100_000):
        yield {"sku": f"S{n:05}", "name": "n"}
def progress(result):
    if result.chunks == 5:
        print("going", flush=True)
try:
    SegOpsAdmin().products.bulk_upsert(rows(), chunk_size=10, journal=sys.argv[1], on_progress=progress)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


async def test_interrupted_import_ends_within_a_second_with_a_good_journal(emulator, tenant, fault, tmp_path):
    """Ctrl-C in a script: no traceback of ours, no hang at exit, and the journal opens."""
    fault(method="POST", path=BULK, delay=0.05)
    journal = tmp_path / "import.journal"
    process = processes.start(
        "import sys\nsys.argv[1:] = [" + repr(str(journal)) + "]\n" + INTERRUPTED,
        SEGOPS_API_KEY=tenant.api_key,
        SEGOPS_API_URL=emulator.base_url,
    )
    with process:
        assert await to_thread.run_sync(process.stdout.readline) == "going\n"
        process.send_signal(signal.SIGINT)
        started = time.perf_counter()
        output, errors = await to_thread.run_sync(lambda: process.communicate(timeout=20))
        took_s = time.perf_counter() - started

    assert (process.returncode, output, processes.said(errors)) == (0, "interrupted\n", "")
    assert took_s < 3, "the import itself has a second; the rest is the interpreter's end under -X dev"
    assert acknowledged(journal) >= 50


IMPORTER = """
import csv, gzip, itertools, sys
from segops_admin import SegOpsAdmin

def rows(path, count):
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for row in itertools.islice(csv.DictReader(lines), count):
            yield {
                "sku": row["Package"], "name": row["Summary"] or row["Package"], "section": row["Section"],
                "version": row["Version"], "size": int(row["Installed-Size"] or 0), "tags": row["Tags"].split(", "),
            }

path, count, journal = sys.argv[1:]
result = SegOpsAdmin().products.bulk_upsert(
    rows(path, int(count)), chunk_size=200, concurrency=8, journal=journal,
    on_progress=lambda so_far: so_far.stored > so_far.resumed_rows and print(".", end="", flush=True),
)
print("", result.stored, result.failed_count, result.resumed_rows, flush=True)
"""


def catalogue_rows(count):
    with gzip.open(CATALOGUE, "rt", encoding="utf-8", newline="") as lines:
        for row, _ in zip(csv.DictReader(lines), range(count), strict=False):
            yield row


class Importer:
    """Runs the import in a process of its own, again and again."""

    def __init__(self, emulator, count, journal):
        self._emulator = emulator
        self._command = [sys.executable, "-c", IMPORTER, str(CATALOGUE), str(count), str(journal)]
        self.repeated = []
        """Per kill: how many chunks that had been on their way before it were sent again after it."""
        self.life_s = 0.0
        """How long the run that was left alone took from its first chunk on."""

    def run(self, kill_after_s=None):
        """Run until the end, or kill it so many seconds after the first chunk it brought in; return what it printed."""
        already = self._uses()
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, cwd=processes.ROOT, env=self._environment())
        with process:
            first = process.stdout.read(1)
            started = time.perf_counter()
            if kill_after_s is None:
                output = (first + process.stdout.read()).decode()
                self.life_s = time.perf_counter() - started
            else:
                time.sleep(kill_after_s)
                process.kill()
                output = ""
        self._note(already)
        return process.returncode, output

    def _note(self, already):
        """Count what this run sent again of what the run before it had sent."""
        again = [key for key, uses in self._uses().items() if 0 < already.get(key, 0) < uses]
        if already:
            self.repeated.append(len(again))

    def _uses(self):
        return {key: len(uses) for key, uses in dict(self._emulator.ledger).items()}

    def _environment(self):
        return processes._environment(
            {"SEGOPS_API_KEY": self._emulator.api_key, "SEGOPS_API_URL": self._emulator.base_url}
        )


def import_with_kills(folder, kills, count, seed):
    """Kill an import at random moments of its life, resume it each time, and hold what is stored to the catalogue."""
    dice = random.Random(seed)
    with faulty_emulator(seed) as emulator:
        undisturbed = Importer(emulator, count, folder / "undisturbed.journal")
        undisturbed.run()
        life_s = undisturbed.life_s
    with faulty_emulator(seed) as emulator:
        importer = Importer(emulator, count, folder / "import.journal")
        codes = [importer.run(kill_after_s=dice.uniform(0, life_s / (kills + 1)))[0] for _ in range(kills)]
        code, output = importer.run()
        with SegOpsAdmin(emulator.api_key, base_url=emulator.base_url) as segops:
            products = list(segops.products.iterate(page_size=200))
        bodies = [{use.body_hash for use in uses} for uses in emulator.ledger.values()]

    expected = list(catalogue_rows(count))
    assert codes == [-signal.SIGKILL] * kills, "the import ended before it could be killed"
    assert code == 0
    _, stored, failed, resumed = output.split(" ")
    assert (int(stored), int(failed)) == (len(expected), 0)
    assert int(resumed) > 0
    assert len(products) == len(expected)
    assert {p.sku: (p.name, p.data["version"], p.data["size"]) for p in products} == {
        row["Package"]: (row["Summary"] or row["Package"], row["Version"], int(row["Installed-Size"] or 0))
        for row in expected
    }
    assert len(bodies) == -(-len(expected) // 200), "one key per chunk"
    assert all(len(each) == 1 for each in bodies), "one body per key"
    print(f"{kills} kills in {life_s:.1f} s of life; chunks repeated per kill: {importer.repeated}")  # noqa: T201
    return importer.repeated


def faulty_emulator(seed):
    """Return an emulator where 5 % of the requests are refused and 5 % are cut off after they were processed."""
    emulator = Emulator()
    emulator.faults.add(method="POST", path=BULK, probability=0.05, seed=seed, status=503, retry_after=0)
    emulator.faults.add(method="POST", path=BULK, probability=0.05, seed=seed + 1, drop="after")
    return emulator


@real_catalogue
def test_killed_import_loses_nothing_and_doubles_nothing(tmp_path):
    """Three kills, 10 % faults (503, cut after processing): each row once, fewer than `concurrency` repeats."""
    assert max(import_with_kills(tmp_path, kills=3, count=16_000, seed=7)) < CONCURRENCY


@pytest.mark.nightly
@pytest.mark.timeout(600)
@real_catalogue
def test_import_killed_twenty_times_loses_nothing_and_doubles_nothing(tmp_path):
    """The whole catalogue, 20 kills at random moments."""
    assert max(import_with_kills(tmp_path, kills=20, count=100_000, seed=23)) < CONCURRENCY
