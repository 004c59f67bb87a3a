"""The blocking face survives what scripts, notebooks and servers do to it (design, "The portal")."""

import os
import signal
import subprocess
import sys
import time

import processes
import pytest
from anyio import to_thread
from rawserver import HANG, RawServer

HEAD = "from segops_admin import SegOpsAdmin, SegOpsError\nsegops = SegOpsAdmin()\n"


@pytest.fixture
def env(emulator, tenant):
    return {"SEGOPS_API_KEY": tenant.api_key, "SEGOPS_API_URL": emulator.base_url, **processes.measured()}


@pytest.fixture
def crowd(emulator, tenant):
    """Enough segments for several pages."""
    done = processes.script(
        HEAD + 'for number in range(60):\n    segops.segments.create(name=f"s{number}")\n',
        SEGOPS_API_KEY=tenant.api_key,
        SEGOPS_API_URL=emulator.base_url,
    )
    assert done.returncode == 0, done.stderr


def told(done):
    """What a process came to: exit status, output, complaints."""
    return (done.returncode, done.stdout, done.stderr)


OK = (0, "ok\n", "")
OPEN_AT_EXIT = {
    "never used": 'print("ok")',
    "used": 'segops.segments.list()\nprint("ok")',
    "in a global list": 'kept = [segops]\nsegops.segments.list()\nprint("ok")',
    "in a reference cycle": 'class A: pass\na = A(); a.a = a; a.s = segops\nsegops.segments.list()\nprint("ok")',
    "several": 'kept = [SegOpsAdmin() for _ in range(3)]\n_ = [s.segments.list() for s in kept]\nprint("ok")',
    "made for one call": 'SegOpsAdmin().segments.list()\nprint("ok")',
    "made for one walk": 'assert not [s for s in SegOpsAdmin().segments.iterate()]\nprint("ok")',
    "closed": 'segops.segments.list()\nsegops.close()\nsegops.close()\nprint("ok")',
    "in a with block": 'with SegOpsAdmin() as s:\n    s.segments.list()\nprint("ok")',
    "dropped": 'segops.segments.list()\ndel segops\nimport gc; gc.collect()\nprint("ok")',
    "in an exit handler": 'import atexit\natexit.register(lambda: (segops.segments.list(), print("ok")))',
}


@pytest.mark.parametrize("code", OPEN_AT_EXIT.values(), ids=OPEN_AT_EXIT.keys())
def test_client_left_open_at_exit_neither_hangs_nor_prints(env, code):
    """Nobody closes anything in a ten-line script."""
    assert told(processes.script(HEAD + code, **env)) == OK


def test_abandoned_readers_leave_nothing(env, crowd):
    """Half-read walks, dropped, kept or left by an exception, with pages still on their way."""
    code = """
import gc
for s in segops.segments.iterate(page_size=5):
    break
half = segops.segments.iterate(page_size=5)
next(iter(half))
kept = iter(segops.segments.iterate(page_size=5))
for _ in range(17):
    next(kept)
del half
gc.collect()
try:
    for s in segops.segments.iterate(page_size=5):
        1 / 0
except ZeroDivisionError:
    print("ok")
"""
    assert told(processes.script(HEAD + code, **env)) == OK


def test_script_that_fails_ends_with_its_own_traceback(env):
    """The client adds no words of its own."""
    done = processes.script(HEAD + "segops.segments.list()\n1 / 0", **env)

    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("ZeroDivisionError: division by zero")
    assert done.stderr.count("Traceback") == 1


def test_blocking_face_works_inside_a_running_loop(env):
    """A notebook runs one always."""
    code = """
import asyncio
async def cell():
    made = segops.segments.create(name="a")
    return [s.id for s in segops.segments.iterate()] == [made.id]
assert asyncio.run(cell())
print("ok")
"""
    assert told(processes.script(HEAD + code, **env)) == OK


def test_one_client_serves_many_threads(env):
    """A threaded server shares it; each call gets its own answer."""
    code = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(16) as pool:
    made = list(pool.map(lambda n: segops.segments.create(name=f"s{n}"), range(80)))
    read = list(pool.map(lambda m: segops.segments.get(m.id), made))
assert [m.name for m in made] == [f"s{n}" for n in range(80)]
assert read == made
print("ok")
"""
    assert told(processes.script(HEAD + code, **env)) == OK


def test_all_clients_share_one_thread(env):
    """A client per request must not mean a thread per request."""
    code = """
import threading
clients = [SegOpsAdmin() for _ in range(10)]
for client in clients:
    client.segments.list()
assert threading.active_count() <= 3, threading.enumerate()
print("ok")
"""
    assert told(processes.script(HEAD + code, **env)) == OK


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="forking with threads is a warning from 3.12 on, here an error")
def test_child_of_a_fork_has_its_own_loop_and_connections(env):
    """Pre-forking servers make the client first; parent and child then go on side by side."""
    code = """
import os, sys
segops.segments.create(name="parent")
child = os.fork()
if child == 0:
    segops.segments.create(name="child")
    with SegOpsAdmin() as fresh:
        assert fresh.segments.list().count >= 2
    sys.stdout.write("child\\n")
    sys.exit(0)
segops.segments.create(name="parent again")
_, status = os.waitpid(child, 0)
assert status == 0
assert sorted(s.name for s in segops.segments.iterate()) == ["child", "parent", "parent again"]
print("ok")
"""
    done = processes.script(HEAD + code, **env)

    assert (done.returncode, sorted(done.stdout.split()), done.stderr) == (0, ["child", "ok"], "")


def test_call_on_its_own_loops_thread_is_refused_in_plain_words(env):
    """It would wait for itself for ever."""
    code = """
from segops_admin import SegOpsConfigError
def progress(look):
    try:
        segops.segments.list()
    except SegOpsConfigError as error:
        told.append(str(error))
told = []
made = segops.segments.create(name="a")
segops.segments.recompute_and_wait(made.id, on_progress=progress)
assert told and all("Async" in text or "await" in text for text in told), told
print("ok")
"""
    assert told(processes.script(HEAD + code, **env)) == OK


LEAVING = {"sys.exit": "SystemExit(3)", "Ctrl-C": "KeyboardInterrupt()", "another": "GeneratorExit()"}


@pytest.mark.parametrize("leaving", LEAVING.values(), ids=LEAVING)
def test_leaving_from_a_callback_leaves_one_call_only(env, leaving):
    """Callbacks run on the shared loop: what ends a thread elsewhere comes out of the call, and others go on."""
    code = f"""
import threading
mine = {leaving}
told = []
def leave(_):
    raise mine
def others():
    began.set()
    told.extend(segops.segments.recompute_and_wait(made.id).id for _ in range(5))
made = segops.segments.create(name="a")
began = threading.Event()
other = threading.Thread(target=others)
other.start()
began.wait()
for _ in range(3):
    try:
        segops.segments.recompute_and_wait(made.id, on_progress=leave)
    except BaseException as error:
        assert error is mine
try:
    segops.products.bulk_upsert([{{"sku": "A", "name": "a"}}], on_progress=leave)
except BaseException as error:
    assert error is mine
other.join()
assert told == [made.id] * 5
assert segops.segments.get(made.id).id == made.id
print("ok")
"""
    assert told(processes.script(HEAD + code, **env)) == OK


def test_leaving_from_an_observer_in_a_task_of_ours_leaves_one_call_only(env, crowd):
    """Pages are read ahead in tasks of their own, where it would end the loop itself."""
    code = """
events = []
def observe(event):
    events.append(event)
    if len(events) == 5:
        raise SystemExit(3)
segops.segments.list()
try:
    for s in SegOpsAdmin(on_event=observe).segments.iterate(page_size=5):
        pass
except SystemExit as error:
    assert error.code == 3
else:
    raise AssertionError(len(events))
assert segops.segments.list().count == 60
print("ok")
"""
    assert told(processes.script(HEAD + code, **env)) == OK


async def test_interrupt_in_a_slow_call_ends_it_and_cancels_it():
    """Ctrl-C: KeyboardInterrupt in the caller, and the server sees the call go, at once."""
    async with RawServer() as raw:
        raw.script(HANG)
        process = processes.start(
            HEAD
            + """
import sys
try:
    segops.segments.list()
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.stdin.readline()
""",
            SEGOPS_API_KEY="sk_test",
            SEGOPS_API_URL=raw.url,
        )
        with process:
            await raw.arrived.wait()
            process.send_signal(signal.SIGINT)
            await raw.cut.wait()
            out, err = await _ended(process)

    assert (process.returncode, out, err) == (0, "interrupted\n", "")


async def test_interrupted_script_ends_in_about_a_second():
    """No thread, retry or handler holds it; the traceback is Python's own."""
    async with RawServer() as raw:
        raw.script(HANG)
        process = processes.start(
            HEAD + "segops.segments.list()", SEGOPS_API_KEY="sk_t", SEGOPS_API_URL=raw.url, **processes.measured()
        )
        with process:
            await raw.arrived.wait()
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, err = await _ended(process)
            took = time.monotonic() - started

    assert process.returncode in (-signal.SIGINT, 130, 1)
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert took < 3


async def test_interrupt_in_a_walk_ends_it():
    """The same between pages."""
    async with RawServer() as raw:
        raw.script(HANG)
        process = processes.start(
            HEAD + "for s in segops.segments.iterate():\n    pass", SEGOPS_API_KEY="sk_t", SEGOPS_API_URL=raw.url
        )
        with process:
            await raw.arrived.wait()
            process.send_signal(signal.SIGINT)
            _, err = await _ended(process)

    assert err.rstrip().endswith("KeyboardInterrupt")


async def _ended(process):
    """Wait for a process off the loop, so that the server can see its connection go."""
    try:
        out, err = await to_thread.run_sync(lambda: process.communicate("\n", timeout=20))
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return out, processes.said(err)


AT_EXIT = {
    "generator": "pages = segops.segments.iterate().pages()\nfor page in pages: break\n",
    "close in __del__": "class Job:\n    def __del__(self): segops.close()\njob = Job()\nsegops.segments.list()\n",
    "call in __del__": (
        "class Job:\n    def __del__(self):\n        try: segops.segments.list()\n"
        "        except Exception as error: print(type(error).__name__, flush=True)\n"
        "job = Job()\nsegops.segments.list()\n"
    ),
}


@pytest.mark.parametrize("code", AT_EXIT.values(), ids=AT_EXIT)
def test_what_is_collected_at_exit_hangs_nothing(env, code):
    """A global that calls or closes when the interpreter takes it apart: no loop can be started any more then."""
    done = processes.script(HEAD + "segops.segments.create(name='a')\n" + code, **env)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in ("", "SegOpsConfigError\n")


def test_loop_that_cannot_start_is_told_and_tried_again(env):
    """A process out of file descriptors: an error of ours, and the next call works once there are some again."""
    code = """
from segops_admin import SegOpsConnectionError
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
import segops_admin.client, segops_admin.resources.segments, anyio, anyio.from_thread, anyio._backends._asyncio, aiohttp
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
try:
    segops.segments.list()
except SegOpsConnectionError as error:
    assert "event loop" in str(error), error
else:
    raise AssertionError
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
segops.segments.list()
print("ok")
"""
    done = processes.script(HEAD + code, **env)  # asyncio itself complains of the loop that it could not make

    assert (done.returncode, done.stdout) == (0, "ok\n")


def test_call_that_is_interrupted_before_it_begins_is_not_made(env):
    """The interrupt comes while the loop is busy with something else: what waits its turn is cancelled there."""
    code = """
import os, signal, threading, time
from segops_admin.sync.portal import portal
segops.segments.list()
busy = threading.Event()
def hold():
    busy.set()
    time.sleep(0.3)
portal().soon(hold)
busy.wait()
threading.Timer(0.05, os.kill, [os.getpid(), signal.SIGINT]).start()
made = []
async def make():
    made.append(1)
try:
    portal().call(make)
except KeyboardInterrupt:
    pass
segops.segments.list()
assert not made
print("ok")
"""
    assert told(processes.script(HEAD + code, **env)) == OK
