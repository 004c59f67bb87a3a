"""Life cycle, state over restarts, and what every path has in common."""

import asyncio
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import aiohttp
import pytest

from segops_admin.emulator import Emulator


def fetch(url, key):
    request = urllib.request.Request(url, headers={"Authorization": f"ApiKey {key}"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.status


def test_blocking_use_needs_no_loop():
    """`with` runs the emulator in a thread that is gone afterwards."""
    before = threading.active_count()
    with Emulator() as emu:
        assert emu.api_key.startswith("sk_test_")
        assert fetch(f"{emu.base_url}/segments/", emu.api_key) == 200
    assert threading.active_count() == before


def test_the_same_emulator_can_be_started_again_on_its_port():
    """A restart looks to a client like an outage, not like another server."""
    emu = Emulator()
    with emu:
        first = emu.base_url
    with emu:
        assert emu.base_url == first


def test_port_in_use_is_raised_by_the_with_statement():
    """A failure to start is the caller's, not a silent thread's."""
    with Emulator() as emu, pytest.raises(OSError, match="address"), Emulator(port=emu.port):
        pass


def test_using_it_before_it_runs_says_how_to():
    """No port, no tenants before `with`."""
    with pytest.raises(RuntimeError, match="with"):
        Emulator().create_tenant()


async def test_path_without_its_slash_is_a_json_404(api):
    """Section 1: exact paths only, no redirect."""
    for path in ("/segments", "/ai-pages/query/", "/nowhere/", "/segments/abc/"):
        answer = await api.get(path)
        assert (answer.status, answer.body) == (404, {"detail": "Not found."})


async def test_wrong_method_is_405(api):
    """As Django REST Framework answers it."""
    assert (await api.delete("/segments/")).status == 405


async def test_malformed_bodies_are_refused(api):
    """Broken JSON, a list where an object belongs, another media type."""
    json = {"headers": {"Content-Type": "application/json"}}
    assert (await api("POST", "/segments/", data=b"{", **json)).status == 400
    assert (await api("POST", "/segments/", data=b"[]", **json)).status == 400
    assert (await api("POST", "/segments/", data=b"x", headers={"Content-Type": "text/plain"})).status == 415


async def test_everything_survives_a_restart(tmp_path, connect):
    """With a file: data, keys, and a job that had only been queued."""
    db = str(tmp_path / "emu.sqlite3")
    async with Emulator(db=db, job_delay=60) as emu:
        tenant, key = emu.create_tenant("kept"), emu.api_key
        api = connect(emu, tenant)
        await api.track({"user_id": "ana", "event_type": "seen"})
        rule = {"type": "event_count", "event_type": "seen", "operator": "gte", "value": 1}
        segment = (
            await api.post("/segments/", {"name": "a", "definition": {"conditions": [rule], "logic": "AND"}})
        ).body
        await api.post(f"/segments/{segment['id']}/compute/")
    async with Emulator(db=db, job_delay=0) as emu:
        assert emu.api_key == key
        api = connect(emu, tenant)
        done = await api.poll(f"/segments/{segment['id']}/", lambda body: body["status"] == "computed")
        assert done["member_count"] == 1
        with pytest.raises(ValueError, match="kept"):
            emu.create_tenant("kept")


async def test_throttle_answers_429_until_a_minute_has_passed(connect):
    """Per tenant; the wait is in Retry-After, and the clock can be moved past it."""
    async with Emulator() as emu:
        api = connect(emu, emu.create_tenant(requests_per_minute=2))
        statuses = [(await api.get("/segments/")).status for _ in range(3)]
        refused = await api.get("/segments/")

        assert statuses == [200, 200, 429]
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert (await connect(emu).get("/segments/")).status == 200
        emu.clock.advance(60)
        assert (await api.get("/segments/")).status == 200


def test_command_announces_address_and_key():
    """`python -m segops_admin.emulator` prints what a client needs and ends on SIGTERM."""
    command = [
        sys.executable,
        "-W",
        "error",
        "-m",
        "segops_admin.emulator",
        "--port",
        "0",
        "--api-key",
        "sk_test_given",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip().partition("=")[2]
        key = process.stdout.readline().strip().partition("=")[2]
        assert key == "sk_test_given"
        assert fetch(f"{url}/segments/", key) == 200
        process.terminate()
        _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


async def test_leaving_cuts_off_what_is_still_going_on(connect):
    """Neither a slow answer nor a waiting job keeps the emulator alive."""
    async with Emulator(job_delay=3600) as emu:
        api = connect(emu)
        made = (await api.post("/segments/", {"name": "a"})).body
        await api.post(f"/segments/{made['id']}/compute/")
        rule = emu.faults.add(path="/segments/", delay=3600)
        slow = asyncio.ensure_future(api.get("/segments/"))
        for _ in range(5000):
            if rule.hits:
                break
            await asyncio.sleep(0.001)
    with pytest.raises(aiohttp.ClientError):
        await slow


async def test_request_log_tells_what_was_sent(api):
    """Method, paths as sent and decoded, size, status: enough to judge a client by."""
    await api.post("/segments/", {"name": "a"}, headers={"Idempotency-Key": "k-1"})
    await api.get("/explorer/users/a%2Fb/?x=1")
    [first] = api.emu.requests.matching(method="POST", tenant=api.tenant.slug)
    [second] = api.emu.requests.matching(method="GET", tenant=api.tenant.slug)

    assert (first.path, first.status, first.idempotency_key) == ("/api/segments/", 201, "k-1")
    assert first.body_size == len(b'{"name": "a"}')
    assert (second.raw_path, second.query["x"], second.status) == ("/api/explorer/users/a%2Fb/?x=1", "1", 404)
