"""Section 14 of the sheet: webhooks over HTTP, and what they are sent after a compute."""

import asyncio
import gc

import attrs
import orjson
import pytest
from aiohttp import web

from segops_admin.emulator import Emulator, deliveries

VECTOR = (
    b'{"event":"segment.recomputed","tenant_slug":"northwind","segment_id":31,"segment_name":"Lapsed bakers",'
    b'"member_count":208,"computed_at":"2026-06-11T07:45:10Z"}'
)


@attrs.define
class Receiver:
    """A webhook endpoint that keeps what it is sent."""

    origin: str = ""
    posts: list = attrs.field(factory=list)
    arrived: asyncio.Event = attrs.field(factory=asyncio.Event)
    go_on: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def take(self, request):
        """Keep the request, and answer what its path asks for."""
        self.posts.append((request.path, dict(request.headers), await request.read()))
        self.arrived.set()
        if request.path == "/hang":
            await self.go_on.wait()
        if request.path == "/cut":
            request.transport.abort()
        if request.path == "/away":
            return web.Response(status=307, headers={"Location": "/there"})
        return web.Response(status=500 if request.path == "/broken" else 200)


@pytest.fixture
async def receiver():
    """A receiver on loopback."""
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{anything}", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield receiver
    receiver.go_on.set()
    await runner.cleanup()


async def hook(api, url, **fields):
    """Create a webhook and return it."""
    answer = await api.post("/webhooks/", {"url": url, **fields})
    assert answer.status == 201
    return answer.body


async def computed(api, segment=None, name="Lapsed bakers"):
    """Compute a segment, a new one unless given, and return it when it is done."""
    segment = segment or (await api.post("/segments/", {"name": name})).body
    path = f"/segments/{segment['id']}/"
    await api.post(f"{path}compute/")
    return await api.poll(path, lambda body: body["last_computed_at"] not in {None, segment["last_computed_at"]})


async def delivered(api, number):
    """Return the tenant's deliveries once there are so many and all have ended."""
    url = f"{api.emu.origin}/__emulator__/deliveries?tenant={api.tenant.slug}"
    ended = await api.poll(
        url,
        lambda body: body["count"] >= number and all(row["status"] or row["error"] for row in body["results"]),
    )
    assert ended["count"] == number
    return ended["results"]


def test_body_and_signature_are_those_of_the_sheet():
    """The published vector, byte by byte: compact, keys in order, the secret taken as text."""
    body = deliveries.event_body("northwind", 31, "Lapsed bakers", 208, "2026-06-11T07:45:10Z")

    assert (len(body), body) == (159, VECTOR)
    assert (
        deliveries.sign(body, "whk-demo-secret")
        == "sha256=451ea68c2f3af4794ea34d26bc0dd915266740b0563d8983591606b2cbcc0a3e"
    )


async def test_secret_never_comes_back(api):
    """It can be set and replaced, but not read."""
    made = await hook(api, "https://example.net/hook", secret="s3cret", description="Nightly")
    path = f"/webhooks/{made['id']}/"

    assert set(made) == {"id", "url", "description", "is_active", "created_at"}
    assert (made["description"], made["is_active"]) == ("Nightly", True)
    assert (await api.get(path)).body == made
    assert (await api.get("/webhooks/")).body == {"count": 1, "next": None, "previous": None, "results": [made]}
    assert b"s3cret" not in (await api.patch(path, {"secret": "s3cret"})).content


_WRONG_URLS = """
    http://example.net/hook ftp://example.net example.net https:// http://10.0.0.1/ http://[::1
    http://localhost.example.net/ https://a:99999/"""


@pytest.mark.parametrize("url", [*_WRONG_URLS.split(), "https://a b/", "", None, 7])
async def test_url_must_be_https_unless_on_this_machine(api, url):
    """The service takes HTTPS only; a test's receiver has no certificate."""
    answer = await api.post("/webhooks/", {"url": url})

    assert (answer.status, set(answer.body)) == (400, {"url"})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]"])
async def test_plain_http_is_taken_on_loopback(api, host):
    """All names of this machine will do."""
    await hook(api, f"http://{host}:9/hook")


async def test_patch_keeps_and_put_replaces_all_but_the_secret(api, receiver):
    """Who reads a webhook and writes it back cannot know the secret, and must not lose it."""
    made = await hook(api, f"{receiver.origin}/hook", secret="s", description="d", is_active=False)
    path = f"/webhooks/{made['id']}/"

    assert (await api.patch(path, {"description": "e"})).body == {**made, "description": "e"}
    replaced = (await api.put(path, {"url": made["url"]})).body
    assert (replaced["description"], replaced["is_active"]) == ("", True)
    assert (await api.put(path, {})).status == 400
    await computed(api)
    assert (await delivered(api, 1))[0]["signature"] is not None
    assert (await api.patch(path, {"secret": ""})).status == 200
    await computed(api)
    assert (await delivered(api, 2))[1]["signature"] is None


async def test_another_tenants_webhook_is_not_found(api, emu, connect):
    """Data never crosses tenants."""
    made = await hook(api, "https://example.net/hook")
    stranger = connect(emu, emu.create_tenant())

    for method in ("GET", "PATCH", "DELETE"):
        assert (await stranger(method, f"/webhooks/{made['id']}/")).status == 404
    assert (await api.delete(f"/webhooks/{made['id']}/")).status == 204
    assert (await api.get(f"/webhooks/{made['id']}/")).status == 404


async def test_each_active_webhook_gets_one_signed_post(api, receiver):
    """Signed over the bytes that were sent, where a secret is set; inactive ones and other tenants' get nothing."""
    signed = await hook(api, f"{receiver.origin}/signed", secret="whk-demo-secret")
    await hook(api, f"{receiver.origin}/plain")
    await hook(api, f"{receiver.origin}/off", is_active=False)
    segment = await computed(api, name="Bäcker")
    records = await delivered(api, 2)

    by_path = {path: (headers, body) for path, headers, body in receiver.posts}
    assert (len(receiver.posts), set(by_path)) == (2, {"/signed", "/plain"})
    headers, body = by_path["/signed"]
    assert headers["X-SegOps-Signature"] == deliveries.sign(body, "whk-demo-secret")
    assert headers["Content-Type"] == "application/json"
    assert "X-SegOps-Signature" not in by_path["/plain"][0]
    assert body == by_path["/plain"][1]
    assert orjson.loads(body) == {
        "event": "segment.recomputed",
        "tenant_slug": api.tenant.slug,
        "segment_id": segment["id"],
        "segment_name": "Bäcker",
        "member_count": 0,
        "computed_at": segment["last_computed_at"],
    }
    assert (records[0]["webhook_id"], records[0]["url"]) == (signed["id"], signed["url"])
    assert (records[0]["body"].encode(), records[0]["signature"]) == (body, headers["X-SegOps-Signature"])
    assert [(row["status"], row["error"]) for row in records] == [(200, None)] * 2


async def test_every_recompute_is_delivered(api, receiver):
    """Two quick recomputes are told apart by (segment_id, computed_at)."""
    await hook(api, f"{receiver.origin}/hook")
    first = await computed(api)
    second = await computed(api, first)
    bodies = [orjson.loads(row["body"]) for row in await delivered(api, 2)]

    assert [body["computed_at"] for body in bodies] == [first["last_computed_at"], second["last_computed_at"]]


@pytest.mark.parametrize(("path", "status"), [("/broken", 500), ("/away", 307), ("/cut", None)])
async def test_delivery_is_attempted_once_and_its_end_recorded(api, receiver, path, status):
    """No retry on a bad status or a lost connection, and no redirect is followed."""
    await hook(api, receiver.origin + path)
    await computed(api)
    record = (await delivered(api, 1))[0]

    assert record["status"] == status
    assert bool(record["error"]) is (status is None)
    assert [post[0] for post in receiver.posts] == [path]


async def test_silent_receiver_is_given_up_and_holds_up_nobody(api, receiver, monkeypatch):
    """Deliveries go side by side: the other receiver and the compute do not wait for the silent one."""
    monkeypatch.setattr(deliveries, "TIMEOUT_S", 0.2)
    await hook(api, f"{receiver.origin}/hang")
    await hook(api, f"{receiver.origin}/hook")
    await computed(api)
    silent, other = await delivered(api, 2)

    assert (silent["status"], silent["error"]) == (None, "No answer within 0.2 s.")
    assert other["status"] == 200


async def test_failed_compute_or_delivery_job_sends_nothing(api, emu, receiver):
    """Only a successful compute is worth an event; the fault switch can keep one back."""
    await hook(api, f"{receiver.origin}/hook")
    segment = (await api.post("/segments/", {"name": "a"})).body
    faults = [
        emu.faults.add(job=job, tenant=api.tenant.slug, error="Down.", times=1)
        for job in ("segment_compute", "webhook_delivery")
    ]
    try:
        await api.post(f"/segments/{segment['id']}/compute/")
        await api.poll(f"/segments/{segment['id']}/", lambda body: body["status"] == "draft")
        segment = await computed(api, segment)
        segment = await computed(api, segment)
        record = (await delivered(api, 1))[0]
    finally:
        for fault in faults:
            emu.faults.remove(fault)

    assert orjson.loads(record["body"])["computed_at"] == segment["last_computed_at"]


async def test_emulator_stopped_meanwhile_neither_leaks_nor_sends_again(tmp_path, connect, receiver):
    """One attempt means one, over a restart too; and the session it was made with is closed."""
    async with Emulator(job_delay=0.01, db=str(tmp_path / "emulator.sqlite3")) as emulator:
        api = connect(emulator)
        await hook(api, f"{receiver.origin}/hang")
        segment = await computed(api)
        await receiver.arrived.wait()
    receiver.go_on.set()
    async with Emulator(job_delay=0.01, db=str(tmp_path / "emulator.sqlite3")) as emulator:
        api = connect(emulator)
        await computed(api, segment)
        url = f"{emulator.origin}/__emulator__/deliveries"
        ended = await api.poll(url, lambda body: body["count"] == 2 and body["results"][1]["status"])
    gc.collect()

    assert len(receiver.posts) == 2
    assert [row["status"] for row in ended["results"]] == [None, 200]
    assert "restart" in ended["results"][0]["error"]


async def test_deliveries_are_read_per_tenant_or_all(api, emu, connect, receiver):
    """Tests that share an emulator must not see each other's."""
    await hook(api, f"{receiver.origin}/hook")
    await computed(api)
    await delivered(api, 1)
    stranger = connect(emu, emu.create_tenant())

    await delivered(stranger, 0)
    assert (await api.get(f"{emu.origin}/__emulator__/deliveries")).body["count"] >= 1
