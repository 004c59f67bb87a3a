"""Section 24 point 10 of the sheet: the service misbehaves on request, and only as asked."""

import email.utils
import uuid

import aiohttp
import pytest

from segops_admin.emulator import Emulator


@pytest.fixture
def fault(emu, tenant):
    """Add rules that concern this test's tenant only."""
    added = []

    def add(**rule):
        added.append(emu.faults.add(tenant=tenant.slug, **rule))
        return added[-1]

    yield add
    for rule in added:
        emu.faults.remove(rule)


async def test_status_fault_answers_html_so_many_times(api, fault):
    """Proxies answer 5xx in HTML; then the service is back."""
    rule = fault(method="GET", path="/segments/", status=503, times=2, headers={"X-Proxy": "1"}, body="<html>")
    answers = [await api.get("/segments/") for _ in range(3)]

    assert [a.status for a in answers] == [503, 503, 200]
    assert (answers[0].content, answers[0].headers["X-Proxy"]) == (b"<html>", "1")
    assert answers[0].headers["Content-Type"].startswith("text/html")
    assert rule.hits == 2


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_in_seconds_or_as_date(api, fault, emu, as_date):
    """The form is not documented: clients must read both."""
    fault(path="/segments/", status=429, retry_after=120, retry_after_date=as_date)
    value = (await api.get("/segments/")).headers["Retry-After"]

    if as_date:
        wait = email.utils.parsedate_to_datetime(value).timestamp() - emu.clock.now()
        assert 100 < wait <= 121
    else:
        assert value == "120"


async def test_fault_matches_method_and_path_only(api, fault):
    """`*` is one segment, `**` any rest; other calls go through."""
    made = (await api.post("/segments/", {"name": "a"})).body
    fault(method="GET", path="/segments/*/", status=500)
    fault(path="/explorer/**", status=502)

    assert (await api.get(f"/segments/{made['id']}/")).status == 500
    assert (await api.get("/segments/")).status == 200
    assert (await api.patch(f"/segments/{made['id']}/", {"name": "b"})).status == 200
    assert (await api.get("/explorer/users/x/events/")).status == 502


async def test_fault_can_start_late_and_strike_at_random_but_repeatably(api, fault):
    """`after` lets the first ones pass; the dice are seeded."""
    fault(path="/segments/", status=500, after=1, times=1)
    assert [(await api.get("/segments/")).status for _ in range(3)] == [200, 500, 200]

    async def run():
        fault(path="/segments/membership/", status=500, probability=0.5, seed=3)
        return [(await api.get("/segments/membership/?user_id=x")).status for _ in range(12)]

    rule_1 = await run()
    assert {200, 500} == set(rule_1)


@pytest.mark.parametrize(("drop", "stored"), [("before", 0), ("reset", 0), ("after", 1)])
async def test_dropped_connection_leaves_the_outcome_open(api, fault, drop, stored):
    """Nobody can tell from the cut line whether the create happened: with `after` it did."""
    fault(method="POST", path="/segments/", drop=drop, times=10)
    with pytest.raises(aiohttp.ClientError):
        await api.post("/segments/", {"name": "a"})

    assert (await api.get("/segments/")).body["count"] == stored
    assert next(entry for entry in api.emu.requests if entry.tenant == api.tenant.slug).status is None


async def test_truncated_answer_breaks_off(api, fault):
    """The length was promised, the body is not complete."""
    fault(path="/segments/", truncate=5, times=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await api.get("/segments/")


async def test_next_can_point_to_a_foreign_host(api, fault):
    """Clients must take its query only, and never send the key there."""
    for name in "ab":
        await api.post("/segments/", {"name": name})
    fault(path="/segments/", rewrite_next="http://internal.invalid:8000")

    assert (
        (await api.get("/segments/?page_size=1")).body["next"].startswith("http://internal.invalid:8000/api/segments/?")
    )


async def test_list_and_envelope_can_be_swapped(api, fault):
    """The sources disagree on the shape of several lists (C6, C7)."""
    made = (await api.post("/segments/", {"name": "a"})).body
    fault(method="GET", swap=True)

    assert isinstance((await api.get("/segments/")).body, list)
    assert (await api.get(f"/segments/{made['id']}/versions/")).body["results"] == []


async def test_id_key_can_be_renamed(api, fault):
    """`id`, `job_id` and `export_id` are used for the same thing (C8, C10)."""
    made = (await api.post("/segments/", {"name": "a"})).body
    fault(path="/segments/*/export/", id_key="id", times=1)

    assert "id" in (await api.post(f"/segments/{made['id']}/export/")).body


async def test_idempotency_keys_are_recorded_but_not_replayed(api, emu):
    """As the published service: two creates with one key are two segments; the ledger shows what was sent."""
    key = str(uuid.uuid4())
    for _ in range(2):
        await api.post("/segments/", {"name": "a"}, headers={"Idempotency-Key": key})

    assert (await api.get("/segments/")).body["count"] == 2
    first, second = emu.ledger[key]
    assert first.body_hash == second.body_hash
    assert (first.method, first.path) == ("POST", "/api/segments/")


async def test_idempotent_emulator_replays_answers(connect):
    """Same key and body: the stored answer, marked; other body: 422; 5xx and other tenants' keys: not replayed."""
    async with Emulator(idempotency=True) as emu:
        api, other = connect(emu), connect(emu, emu.create_tenant())
        sent = {"headers": {"Idempotency-Key": "k1"}}
        emu.faults.add(method="POST", status=500, times=1)
        assert (await api.post("/segments/", {"name": "a"}, **sent)).status == 500
        first = await api.post("/segments/", {"name": "a"}, **sent)
        again = await api.post("/segments/", {"name": "a"}, **sent)

        assert (first.status, first.headers.get("Idempotency-Replayed")) == (201, None)
        assert (again.status, again.body, again.headers["Idempotency-Replayed"]) == (201, first.body, "true")
        assert (await api.post("/segments/", {"name": "b"}, **sent)).status == 422
        assert (await other.post("/segments/", {"name": "b"}, **sent)).status == 201
        emu.clock.advance(25 * 3600)
        assert (await api.post("/segments/", {"name": "b"}, **sent)).status == 201


async def test_control_over_http_does_what_the_object_does(connect):
    """Tests in other processes set faults, move the clock, seed, read the log and reset."""
    async with Emulator() as emu:
        api, control = connect(emu), emu.origin + "/__emulator__"
        assert (await api.post(f"{control}/faults", {"path": "/segments/", "status": 503})).status == 201
        assert (await api.post(f"{control}/faults", {"colour": "red"})).status == 400
        assert (await api.get("/segments/")).status == 503
        assert (await api.delete(f"{control}/faults")).status == 204
        assert (await api.post(f"{control}/clock", {"freeze": "2026-06-11T07:45:10Z"})).body[
            "now"
        ] == "2026-06-11T07:45:10Z"
        assert (await api.post(f"{control}/clock", {"advance": 50})).body["now"] == "2026-06-11T07:46:00Z"
        assert (await api.post("/segments/", {"name": "a"})).body["created_at"] == "2026-06-11T07:46:00Z"
        assert (await api.post(f"{control}/seed", {"users": 5, "products": 3})).body["products"] == 3
        assert (await api.get("/explorer/users/")).body["count"] == 5
        log = (await api.get(f"{control}/requests")).body["results"]
        assert [entry["path"] for entry in log[:2]] == ["/api/segments/", "/api/segments/"]
        assert all("Authorization" not in entry["headers"] for entry in log)
        assert (await api.post(f"{control}/reset")).status == 204
        assert (await api.get("/explorer/users/")).body["count"] == 0


async def test_download_can_be_redirected_to_another_port(connect):
    """A presigned link is on another host, dies after an hour, and refuses a second credential."""
    async with Emulator(redirect_downloads=True, job_delay=0) as emu:
        api = connect(emu)
        segment = (await api.post("/segments/", {"name": "a"})).body
        started = (await api.post(f"/segments/{segment['id']}/export/")).body
        poll = f"/segments/{segment['id']}/export/?export_id={started['export_id']}"
        link = emu.origin + (await api.poll(poll, lambda body: body["status"] == "complete"))["download_url"]
        target = (await api.get(link, allow_redirects=False)).headers["Location"]

        assert target.startswith(emu.files_origin)
        assert (await api.get(target, headers={"Authorization": None})).content.startswith(b"user_id,computed_at")
        assert (await api.get(target)).status == 400
        emu.clock.advance(3601)
        assert (await api.get(target, headers={"Authorization": None})).status == 404
        assert (await api.get(link)).status == 410
        assert (await api.get(poll)).body["status"] == "expired"
