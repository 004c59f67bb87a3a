"""Rows per second and peak memory of a bulk import, beside a hand-written loop and the published package.

    python benchmarks/bulk.py [--rows 10000 100000 1000000] [--latency 0 20] [--rounds 3] [--concurrency 8]

Every import runs in a process of its own, all kinds in turn, against the emulator's null sink in one more process.
Prints medians over the rounds; the ratios are of rows per second, medians of those within a round. Quote the ratios:
rows per second depend on the machine, and on a busy one the processor's time per row is the steadier figure. The
published package is installed into an environment of its own, as it has our import name; `--no-published` leaves it
out. Ten million rows on demand: `--rows 10000000 --no-published`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import venv

CHUNK = 500
PUBLISHED = "segops-admin==0.2.2"
KEY = "sk_test_bench"


def rows(count):
    """Give rows of about 200 bytes, one by one."""
    for number in range(count):
        yield {
            "sku": f"SKU-{number:08}",
            "name": f"Product number {number}",
            "section": "bakery",
            "version": f"1.{number % 97}.0",
            "size": number % 5000,
            "price": number % 1000 / 10,
            "homepage": "https://shop.example/products/",
            "tags": ["dark", "whole grain", "organic"],
        }


def chunks(count):
    """Give the rows in lists of a chunk's size."""
    source = rows(count)
    while chunk := list(itertools.islice(source, CHUNK)):
        yield chunk


async def ours(options):
    """Import with this library."""
    from segops_admin import AsyncSegOpsAdmin  # noqa: PLC0415 -- each kind's process has only its own

    async with AsyncSegOpsAdmin(KEY, base_url=options.root) as segops:
        result = await segops.products.bulk_upsert(
            rows(options.count), chunk_size=CHUNK, concurrency=options.concurrency, journal=options.journal
        )
        return result.stored


async def by_hand(options):
    """Import with what one would write without a library: no retries, no checks, no errors told."""
    import aiohttp  # noqa: PLC0415 -- see ours()
    import orjson  # noqa: PLC0415

    url = f"{options.root}/pim/products/bulk/"
    headers = {"Authorization": f"ApiKey {KEY}", "Content-Type": "application/json"}
    stored = 0
    async with aiohttp.ClientSession(headers=headers) as session:
        free = asyncio.Semaphore(options.concurrency)

        async def send(chunk):
            nonlocal stored
            async with session.post(url, data=orjson.dumps({"products": chunk})) as response:
                response.raise_for_status()
                stored += orjson.loads(await response.read())["created"]
            free.release()

        async with asyncio.TaskGroup() as tasks:
            for chunk in chunks(options.count):
                await free.acquire()
                tasks.create_task(send(chunk))
    return stored


async def published(options):
    """Import with the published package, chunk after chunk, as its users do."""
    from segops_admin import SegOpsAdmin  # noqa: PLC0415 -- see ours()

    segops = SegOpsAdmin(api_key=KEY, base_url=options.root)
    return sum(segops.products.bulk_upsert(chunk)["created"] for chunk in chunks(options.count))


KINDS = {"ours": ours, "ours, journal": ours, "by hand": by_hand, "published": published}


def peak_mb():
    """Return this process's peak memory; `ru_maxrss` would count the parent's before `exec`."""
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


def one(options):
    """Run one import and print its figures."""
    asyncio.run(KINDS[options.kind](argparse.Namespace(**{**vars(options), "count": 1, "journal": None})))  # loads all
    started, busy = time.perf_counter(), time.process_time()
    stored = asyncio.run(KINDS[options.kind](options))
    took_s, cpu_s = time.perf_counter() - started, time.process_time() - busy
    if stored != options.count:
        raise SystemExit(f"{options.kind} stored {stored} of {options.count} rows")
    print(json.dumps({"rows_per_s": stored / took_s, "cpu_us": cpu_s / stored * 1e6, "peak_mb": peak_mb()}))


def measured(kind, python, root, count, options, folder):
    """Return the figures of one import in a process of its own."""
    command = [python, __file__, "--kind", kind, "--root", root, "--count", str(count)]
    command += ["--concurrency", str(options.concurrency)]
    if kind == "ours, journal":
        command += ["--journal", str(pathlib.Path(folder) / f"{time.monotonic_ns()}.journal")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if python == sys.executable:
        environment["PYTHONPATH"] = str(pathlib.Path(__file__).parents[1])
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout)


def published_python(folder):
    """Return an interpreter that has the published package."""
    place = pathlib.Path(folder) / "published"
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", PUBLISHED], check=True)
    return python


def compare(origin, latency_ms, count, pythons, options, folder):
    """Measure all kinds in turn and print their medians."""
    root = f"{origin}/__emulator__/null/{latency_ms}/api"
    rounds = [
        {kind: measured(kind, python, root, count, options, folder) for kind, python in pythons.items()}
        for _ in range(options.rounds)
    ]
    for kind in pythons:
        names = ("rows_per_s", "cpu_us", "peak_mb")
        rate, cpu, peak = (statistics.median(each[kind][name] for each in rounds) for name in names)
        ratios = [
            statistics.median(each[kind]["rows_per_s"] / each[other]["rows_per_s"] for each in rounds)
            for other in ("by hand", "published")
            if other in pythons
        ]
        shown = "".join(f"{ratio:>13.2f}" for ratio in ratios)
        print(f"{count:>10,}{latency_ms:>7}  {kind:<15}{rate:>12,.0f}{cpu:>12.2f}{peak:>10.0f}{shown}", flush=True)


def main():
    """Run the emulator in a process of its own, and the imports against it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--latency", type=int, nargs="+", default=[0, 20], metavar="MS")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--concurrency", type=int, default=8)
    parser.add_argument("--no-published", action="store_true")
    for name in ("kind", "root", "journal"):
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kind:
        one(options)
        return
    pythons = dict.fromkeys(("ours", "ours, journal", "by hand"), sys.executable)
    server = [sys.executable, "-m", "segops_admin.emulator", "--port", "0"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(server, stdout=subprocess.PIPE, text=True, cwd=pathlib.Path(__file__).parents[1]) as emulator,
    ):
        try:
            origin = emulator.stdout.readline().strip().partition("=")[2].removesuffix("/api")
            if not options.no_published:
                pythons["published"] = published_python(folder)
            ratios = f"{'/ by hand':>13}" + ("" if options.no_published else f"{'/ published':>13}")
            print(f"{'rows':>10}{'ms':>7}  {'import':<15}{'rows/s':>12}{'cpu us/row':>12}{'peak MB':>10}{ratios}")
            for latency_ms, count in itertools.product(options.latency, options.rows):
                compare(origin, latency_ms, count, pythons, options, folder)
        finally:
            emulator.terminate()


if __name__ == "__main__":
    main()
