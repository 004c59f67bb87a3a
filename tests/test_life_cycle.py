"""Clients are made, shared, cancelled, interrupted and forgotten; nothing stays behind and nothing is printed.

tests/test_portal.py has the everyday exits of the blocking face; here are the crowds, the limits and the long runs.
"""

import asyncio
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time

import processes
import pytest
from anyio import to_thread
from rawserver import HANG, reply

from segops_admin import AsyncSegOpsAdmin, SegOpsError

GOOD = reply(200, {"id": 1, "name": "a"})
HEAD = """
import asyncio, gc, os, threading, time
from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin, SegOpsError
def rss_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
def descriptors():
    return len(os.listdir("/proc/self/fd"))
"""
OK = (0, "ok\n", "")
on_linux = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors and memory in /proc")  # noqa: PTH112


def told(done):
    return (done.returncode, done.stdout, done.stderr)


async def run(code, root, *, timeout=50, **environment):
    """Run a strict process against a server of this test's loop."""
    return await to_thread.run_sync(
        lambda: processes.script(
            HEAD + textwrap.dedent(code), timeout=timeout, SEGOPS_API_KEY="sk_test", SEGOPS_API_URL=root, **environment
        )
    )


@on_linux
@pytest.mark.parametrize("count", [2_000, pytest.param(10_000, marks=[pytest.mark.nightly, pytest.mark.timeout(200)])])
@pytest.mark.parametrize("face", ["async", "sync"])
async def test_thousands_of_clients_leave_nothing_behind(face, count):
    """A client per request is a mistake, and must stay a cheap one: no thread, socket or memory is left."""
    code = """
        def crowd(count):
            if SYNC:
                for _ in range(count):
                    SegOpsAdmin().close()
            else:
                async def many():
                    for _ in range(count):
                        async with AsyncSegOpsAdmin() as segops:
                            await segops._call.transport._session()
                asyncio.run(many())
            gc.collect()
        crowd(300)
        before = (threading.active_count(), descriptors(), rss_mb())
        crowd(COUNT)
        after = (threading.active_count(), descriptors(), rss_mb())
        assert after[:2] == before[:2], (before, after)
        assert after[2] < before[2] + 10, (before, after)
        print("ok")
        """
    done = await run(
        f"SYNC, COUNT = {face == 'sync'}, {count}\n" + textwrap.dedent(code),
        "http://127.0.0.1:9/api",
        timeout=190,
        PYTHONASYNCIODEBUG="0",
    )

    assert told(done) == OK


@on_linux
@pytest.mark.parametrize("face", ["async", pytest.param("sync", marks=pytest.mark.nightly)])
async def test_two_thousand_calls_at_once_fit_into_256_descriptors(raw, face):
    """The pool is the limit, not the machine: calls wait for a connection, none fails for want of a file."""
    raw.script([0.001, GOOD])
    code = """
        import resource
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        SYNC = %r
        if SYNC:
            from concurrent.futures import ThreadPoolExecutor
            segops = SegOpsAdmin(timeout=60)
            with ThreadPoolExecutor(64) as pool:
                got = list(pool.map(segops.segments.get, range(2000)))
            segops.close()
        else:
            async def main():
                async with AsyncSegOpsAdmin(timeout=60) as segops:
                    return await asyncio.gather(*(segops.segments.get(number) for number in range(2000)))
            got = asyncio.run(main())
        assert [segment.id for segment in got] == [1] * 2000
        print("ok")
        """ % (face == "sync")
    done = await run(code, raw.url)

    assert told(done) == OK
    assert raw.connections <= 110


async def test_cancelled_calls_leave_the_pool_usable(raw):
    """At every stage: waiting for a connection, for the headers, in the body; a hundred times over."""
    slow = [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n",
        0.003,
        b'{"id": 1, "name": "a"}',
    ]
    raw.script([0.002, *slow])
    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url, max_connections=3, max_retries=0) as segops:
        for turn in range(100):
            tasks = [asyncio.ensure_future(segops.segments.get(number)) for number in range(6)]
            await asyncio.sleep(turn * 0.0001)
            for task in tasks[:: 1 + turn % 2]:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(end).__name__ for end in ended} <= {"Segment", "CancelledError"}
        connector = segops._call.transport._held[asyncio.get_running_loop()].session.connector
        assert connector is not None
        assert not connector._acquired
        results = await asyncio.wait_for(asyncio.gather(*(segops.segments.get(number) for number in range(12))), 20)

    assert [segment.id for segment in results] == [1] * 12


HALF = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"


async def test_closing_ends_who_reads_a_body(at_raw, raw):
    """Nothing wakes a reader whose connection is taken away, unless we do: it would wait until its deadline."""
    raw.script([HALF, HANG])
    segops = at_raw(timeout=60, max_retries=0)
    call = asyncio.ensure_future(segops.segments.get(1))
    await raw.arrived.wait()
    await asyncio.sleep(0.05)  # until the head is read
    await segops.aclose()

    with pytest.raises(SegOpsError):
        await asyncio.wait_for(call, 20)


async def test_closing_ends_a_download_and_leaves_no_file(raw, tmp_path):
    """A download has no end of its own at all."""
    raw.script(reply(200, {"id": 7, "status": "complete", "download_url": "/api/f/"}), [HALF, HANG])
    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url, max_retries=0) as segops:
        export = await segops.segments.export_status(5, 7)
        raw.arrived.clear()
        download = asyncio.ensure_future(segops.segments.download_export(export, tmp_path / "members.csv"))
        await raw.arrived.wait()
        await asyncio.sleep(0.05)
    with pytest.raises(SegOpsError):
        await asyncio.wait_for(download, 20)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.version_info < (3, 11), reason="3.10 cannot tell whose cancellation it is")
async def test_closing_while_calls_are_under_way_ends_them_as_ours(at_raw, raw):
    """A service that shuts down meets errors of the tree, and no hang; those who wait for a connection as well."""
    raw.script(HANG)
    segops = at_raw(max_connections=2, max_retries=1)
    tasks = [asyncio.ensure_future(segops.segments.get(number)) for number in range(6)]
    await raw.arrived.wait()
    await segops.aclose()
    ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)

    assert all(isinstance(end, SegOpsError) for end in ended), ended


async def test_second_loop_has_connections_of_its_own(raw):
    """One global client, one `asyncio.run` per job, in turn and side by side in threads."""
    raw.script(GOOD)
    code = """
        segops = AsyncSegOpsAdmin()
        async def job():
            return [(await segops.segments.get(number)).id for number in range(5)]
        for _ in range(3):
            assert asyncio.run(job()) == [1] * 5
        gone = []
        threads = [threading.Thread(target=lambda: gone.append(asyncio.run(job()))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert gone == [[1] * 5] * 8
        asyncio.run(segops.aclose())
        gc.collect()
        print("ok")
        """

    assert told(await run(code, raw.url)) == OK


async def test_loops_of_many_threads_share_a_client_without_a_race(raw):
    """A loop per job in a pool of threads, all on one global client: sessions come and go in all of them at once."""
    raw.script(GOOD)
    code = """
        sys.setswitchinterval(1e-5)
        segops = AsyncSegOpsAdmin(timeout=30)
        wrong = []
        def work():
            for _ in range(25):
                try:
                    asyncio.run(segops.segments.get(1))
                except BaseException as error:
                    wrong.append(repr(error))
        threads = [threading.Thread(target=work) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, wrong
        print("ok")
        """

    assert told(await run("import sys\n" + textwrap.dedent(code), raw.url, PYTHONASYNCIODEBUG="0")) == OK


async def test_worker_of_a_spawned_process_makes_its_own_client(raw, tmp_path):
    """Nothing but the config crosses; the same for a pool that is started under a running portal."""
    raw.script(GOOD)
    (tmp_path / "jobs.py").write_text(
        "from segops_admin import SegOpsAdmin\n"
        "def job(config):\n"
        "    with SegOpsAdmin.from_config(config) as segops:\n"
        "        return segops.segments.get(1).id\n"
    )
    (tmp_path / "main.py").write_text(
        textwrap.dedent("""
        import multiprocessing
        from segops_admin import SegOpsAdmin
        import jobs
        if __name__ == "__main__":
            with SegOpsAdmin() as segops:
                segops.segments.get(1)
                with multiprocessing.get_context("spawn").Pool(2) as pool:
                    assert pool.map(jobs.job, [segops.config] * 4) == [1] * 4
                    pool.close()
                    pool.join()
            print("ok")
        """)
    )
    environment = {
        "SEGOPS_API_KEY": "sk_test",
        "SEGOPS_API_URL": raw.url,
        "PYTHONPATH": f"{processes.ROOT}{os.pathsep}{tmp_path}",
    }
    done = await to_thread.run_sync(lambda: processes.run(str(tmp_path / "main.py"), timeout=50, **environment))

    assert told(done) == OK


async def test_loop_per_test_of_pytest_asyncio_needs_no_care(raw, tmp_path):
    """A module's client over tests with a loop each: the first framework everybody tries."""
    pytest.importorskip("pytest_asyncio", reason="pytest-asyncio is not installed")
    raw.script(GOOD)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent("""
        import pytest
        from segops_admin import AsyncSegOpsAdmin
        segops = AsyncSegOpsAdmin()
        @pytest.mark.parametrize("number", range(5))
        async def test_call(number):
            assert (await segops.segments.get(number)).id == 1
        async def test_walk_left_half_way():
            async for _ in AsyncSegOpsAdmin().segments.iterate():
                break
        async def test_close():
            await segops.aclose()
        """)
    )
    done = await to_thread.run_sync(
        lambda: processes.run(
            "-m", "pytest", "-q", "-p", "no:cacheprovider",
            "-p", "pytest_asyncio.plugin", "--rootdir", str(tmp_path), str(tmp_path),
            timeout=50, SEGOPS_API_KEY="sk_test", SEGOPS_API_URL=raw.url, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        )
    )  # fmt: skip

    assert done.returncode in (0, 1), done.stderr + done.stdout
    assert "Event loop is closed" not in done.stdout
    assert "Unclosed" not in done.stdout + done.stderr
    assert "6 passed" in done.stdout, done.stdout


async def test_threads_of_a_wsgi_server_share_a_client(raw):
    """A thread per request, short-lived, many at once, each with its own answer; some die in the middle."""
    raw.script(lambda request: [0.001, reply(200, {"id": int(request.target.split("/")[3]), "name": "a"})])
    code = """
        segops = SegOpsAdmin(timeout=30)
        wrong = []
        def request(number):
            if segops.segments.get(number).id != number:
                wrong.append(number)
            if number % 10 == 0:
                segops.with_options(timeout=20).segments.get(number)
        for start in range(0, 600, 60):
            threads = [threading.Thread(target=request, args=(start + n,)) for n in range(60)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert not wrong
        assert threading.active_count() <= 3, threading.enumerate()
        print("ok")
        """

    assert told(await run(code, raw.url)) == OK


SOAK = """
    CALLS = %d
    async def main():
        async with AsyncSegOpsAdmin(timeout=60, max_connections=16) as segops:
            async def batch(count):
                async def one():
                    for _ in range(count // 16):
                        await segops.segments.get(1)
                        try:
                            await segops.segments.get(404)
                        except SegOpsError:
                            pass
                await asyncio.gather(*(one() for _ in range(16)))
                gc.collect()
                return rss_mb(), descriptors(), len(asyncio.all_tasks())
            await batch(CALLS // 5)
            early = await batch(CALLS // 5)
            late = [await batch(CALLS // 5) for _ in range(3)][-1]
            assert late[0] < early[0] * 1.03 + 3, (early, late)
            assert late[1:] == early[1:], (early, late)
    asyncio.run(main())
    print("ok")
    """


def by_id(request):
    return reply(404, {"detail": "Not found."}) if "/404/" in request.target else GOOD


@on_linux
async def test_memory_is_flat_over_thousands_of_calls(raw):
    """5,000 here, 200,000 at night: answers and errors alike leave no trace."""
    raw.script(by_id)
    done = await run(SOAK % 2_500, raw.url, timeout=55, PYTHONASYNCIODEBUG="0")

    assert told(done) == OK


@on_linux
@pytest.mark.nightly
@pytest.mark.timeout(900)
async def test_memory_is_flat_over_two_hundred_thousand_calls(raw):
    """A worker that runs for weeks."""

    def forgetful(request):
        raw.requests.clear()
        return by_id(request)

    raw.script(forgetful)
    done = await run(SOAK % 100_000, raw.url, timeout=850, PYTHONASYNCIODEBUG="0")

    assert told(done) == OK


WORKING = """
import sys
segops = SegOpsAdmin()
print("begun", flush=True)
while True:
    for segment in segops.segments.iterate(page_size=2):
        pass
    segops.segments.get(1)
"""


@pytest.mark.parametrize("moment", [0.0, 0.003, 0.01, 0.03, 0.1, 0.25])
async def test_interrupt_at_any_moment_ends_a_script_as_python_does(raw, moment):
    """Between hops, in one, while pages are read ahead: KeyboardInterrupt, no hang, no word from us."""

    def answer(request):
        if "segments/1/" in request.target:
            return GOOD
        number = int(request.target.rpartition("page=")[2]) if "&page=" in request.target else 1
        following = f"/api/segments/?page_size=2&page={number + 1}" if number < 9 else None
        return [0.002, reply(200, {"count": 18, "next": following, "results": [{"id": number, "name": "a"}] * 2})]

    raw.script(answer)
    process = await to_thread.run_sync(
        lambda: processes.start(HEAD + WORKING, SEGOPS_API_KEY="sk_test", SEGOPS_API_URL=raw.url)
    )
    with process:
        await to_thread.run_sync(process.stdout.readline)
        await asyncio.sleep(moment)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        try:
            _, err = await to_thread.run_sync(lambda: process.communicate(timeout=20))
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    err = processes.said(err)

    assert time.monotonic() - started < 5
    assert process.returncode in (-signal.SIGINT, 130, 1)
    assert err.rstrip().endswith("KeyboardInterrupt"), err
    assert err.count("Traceback") <= 2, err
    assert "never retrieved" not in err
    assert "was destroyed" not in err


async def test_async_script_that_is_interrupted_says_nothing_of_ours(raw):
    """`asyncio.run` cancels and closes; a client nobody closed does not complain afterwards."""
    raw.script(HANG)
    code = """
        segops = AsyncSegOpsAdmin()
        async def main():
            await asyncio.gather(*(segops.segments.get(number) for number in range(5)))
        asyncio.run(main())
        """
    process = await to_thread.run_sync(
        lambda: processes.start(HEAD + textwrap.dedent(code), SEGOPS_API_KEY="sk_test", SEGOPS_API_URL=raw.url)
    )
    with process:
        # Before 3.11 an interrupt may strike in the middle of any line of a task; here all of them wait.
        while len(raw.requests) < 5:  # noqa: ASYNC110 -- there is an event for the first only
            await asyncio.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = await to_thread.run_sync(lambda: process.communicate(timeout=20))

    assert processes.said(err).rstrip().endswith("KeyboardInterrupt")
    assert "Unclosed" not in err
    assert "ResourceWarning" not in err


BOMB = """
    async def main():
        async with AsyncSegOpsAdmin(timeout=40, max_retries=0) as segops:
            try:
                await segops.http.request("GET", "/x/")
            except SegOpsError as error:
                assert "67,108,864 bytes" in str(error), error
                return
        raise AssertionError("the bomb was read")
    asyncio.run(main())
    with open("/proc/self/status") as file:  # ru_maxrss would be the peak of the process that started this one
        peak_mb = next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) / 1024
    assert peak_mb < 150, peak_mb
    print("ok")
    """


@on_linux
@pytest.mark.parametrize("encoding", ["deflate", "gzip of many members"])
async def test_bomb_stays_below_150_megabytes(raw, encoding):
    """Two megabytes that unpack to four hundred is cut at the default of 64 MB, and never held as more than that."""
    bomb = await to_thread.run_sync(_bomb, encoding)
    raw.script(reply(200, bomb, content_encoding=encoding.split()[0], content_type="application/json"))
    done = await run(BOMB, raw.url, timeout=50, PYTHONASYNCIODEBUG="0")

    assert told(done) == OK


def _bomb(encoding):
    import zlib  # noqa: PLC0415 -- beside its only use

    wbits, members = (15, 1) if encoding == "deflate" else (31, 10 if "many" in encoding else 1)
    packer = zlib.compressobj(1, zlib.DEFLATED, wbits)
    block = b" " * 2**20
    one = b"".join([*(packer.compress(block) for _ in range(400 // members)), packer.flush()])
    return one * members


def test_limit_of_this_process_is_as_it_was():
    """The tests above lower limits in processes of their own only."""
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 256
    assert sys.platform
