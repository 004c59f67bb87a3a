"""What a typed call costs over a hand-written aiohttp + orjson one: both in turn in one run, against one emulator.

    python benchmarks/calls.py [--rounds 15]

Prints the median time of each and the median of the ratios; quote the ratio, a single time depends on the machine. The
emulator runs in a process of its own, so that only the client's side is compared.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import time

import aiohttp
import orjson

from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin
from segops_admin.emulator import Emulator

ROWS = 100


async def per_call_us(call, count, clock):
    """Return the microseconds that one call takes, on average over `count`."""
    started = clock()
    for _ in range(count):
        await call()
    return (clock() - started) / count * 1e6


async def compare(name, typed, by_hand, count, rounds):
    """Measure two calls in turn and print them side by side, by the wall and by the processor's time."""
    for label, clock in (("wall", time.perf_counter), ("cpu", time.process_time)):
        pairs = [
            (await per_call_us(typed, count, clock), await per_call_us(by_hand, count, clock)) for _ in range(rounds)
        ]
        mine = statistics.median(pair[0] for pair in pairs)
        other = statistics.median(pair[1] for pair in pairs)
        ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
        print(f"{name:<22}{label:<6}{mine:>10.0f} us{other:>14.0f} us{ratio:>10.2f}")


async def measure(base_url, api_key, rounds):
    """Compare the calls that most programs make."""
    headers = {"Authorization": f"ApiKey {api_key}"}
    async with (
        AsyncSegOpsAdmin(api_key, base_url=base_url) as segops,
        aiohttp.ClientSession(headers=headers) as session,
    ):
        made = [await segops.segments.create(name=f"segment {number}") for number in range(ROWS)]

        async def fetch(url):
            async with session.get(url) as response:
                return orjson.loads(await response.read())

        one = f"{base_url}/segments/{made[0].id}/"
        page = f"{base_url}/segments/?page_size={ROWS}"
        print(f"{'call':<22}{'time':<6}{'typed':>13}{'by hand':>17}{'ratio':>10}")
        await compare("get", lambda: segops.segments.get(made[0].id), lambda: fetch(one), 200, rounds)
        await compare("list of 100", lambda: segops.segments.list(page_size=ROWS), lambda: fetch(page), 40, rounds)
    blocking(base_url, api_key, made[0].id, rounds)


def blocking(base_url, api_key, segment_id, rounds):
    """Print what a blocking call takes, through the portal."""
    with SegOpsAdmin(api_key, base_url=base_url) as segops:
        segops.segments.get(segment_id)
        times = []
        for _ in range(rounds):
            started = time.perf_counter()
            for _ in range(100):
                segops.segments.get(segment_id)
            times.append((time.perf_counter() - started) / 100 * 1e6)
        print(f"{'get, blocking':<22}{'wall':<6}{statistics.median(times):>10.0f} us")


def main():
    """Run the emulator here and the measurement in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--against", nargs=2, metavar=("ROOT", "KEY"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.against:
        asyncio.run(measure(*options.against, options.rounds))
        return
    with Emulator() as emulator:
        command = [sys.executable, __file__, "--rounds", str(options.rounds)]
        subprocess.run([*command, "--against", emulator.base_url, emulator.api_key], check=True)


if __name__ == "__main__":
    main()
