"""Section 13 of the sheet: connectors over HTTP, and what they push."""

import pytest

KLAVIYO = {"list_id": "Qw9ZtB", "api_key": "pk_klaviyo_1"}
BRAZE = {"rest_endpoint": "https://rest.fra-01.braze.eu", "api_key": "b"}
TALON = {"base_url": "https://bakery.europe-west1.talon.one", "api_key": "t", "audience_id": 7}


@pytest.fixture
async def segment(api):
    """A segment of everybody who baked a loaf, with two members once computed."""
    await api.track(*({"user_id": user, "event_type": "loaf_baked"} for user in ("ana", "bo")))
    condition = {"type": "event_count", "event_type": "loaf_baked", "operator": "gte", "value": 1}
    definition = {"logic": "AND", "conditions": [condition]}
    return (await api.post("/segments/", {"name": "Bakers", "definition": definition})).body["id"]


@pytest.fixture
def create(api, segment):
    """Return a function that creates a Klaviyo connector and returns its path."""

    async def make(**config):
        body = {"segment": segment, "connector_type": "klaviyo", "config": {**KLAVIYO, **config}}
        answer = await api.post("/activations/", body)
        assert answer.status == 201
        return f"/activations/{answer.body['id']}/"

    return make


async def computed(api, segment):
    """Compute the segment and wait."""
    path = f"/segments/{segment}/"
    before = (await api.get(path)).body["last_computed_at"]
    await api.post(f"{path}compute/")
    await api.poll(path, lambda body: body["last_computed_at"] not in {None, before})


async def synced(api, path):
    """Sync a connector and return it when that is done."""
    before = (await api.get(path)).body["last_synced_at"]
    assert (await api.post(f"{path}sync/")).body == {"status": "queued"}
    return await api.poll(path, lambda body: body["last_synced_at"] not in {None, before})


async def log_of(api, path):
    """Return a connector's sync logs, newest first."""
    connector_id = int(path.split("/")[2])
    rows = (await api.get("/analytics/activations/")).body
    return next(row["sync_logs"] for row in rows if row["id"] == connector_id)


async def test_created_inactive_with_masked_secret(api, segment):
    """Activating before the first compute would empty the outside audience, so it takes a step of its own."""
    body = {"segment": segment, "connector_type": "klaviyo", "config": KLAVIYO, "status": "active"}
    made = await api.post("/activations/", body)

    assert made.status == 201
    assert made.body["config"] == {"list_id": "Qw9ZtB", "api_key": "***"}
    assert (made.body["segment"], made.body["segment_name"]) == (segment, "Bakers")
    assert (made.body["status"], made.body["last_synced_at"], made.body["last_error"]) == ("inactive", None, "")
    listed = (await api.get("/activations/")).body
    assert listed == {"count": 1, "next": None, "previous": None, "results": [made.body]}


@pytest.mark.parametrize(
    ("connector_type", "config", "wrong"),
    [
        ("klaviyo", {}, {"list_id", "api_key"}),
        ("klaviyo", {"list_id": "short", "api_key": ""}, {"list_id", "api_key"}),
        ("klaviyo", {"list_id": "Qw9ZtB", "api_key": "***"}, {"api_key"}),
        ("klaviyo", {"list_id": "Qw9ZtB", "api_key": None}, {"api_key"}),
        ("braze", {}, {"rest_endpoint", "api_key"}),
        ("braze", {**BRAZE, "rest_endpoint": "https://rest.braze.eu/"}, {"rest_endpoint"}),
        ("braze", {**BRAZE, "rest_endpoint": "http://rest.braze.eu"}, {"rest_endpoint"}),
        ("braze", {**BRAZE, "segment_id": [1]}, {"segment_id"}),
        ("talonone", {}, {"base_url", "api_key", "audience_id"}),
        ("talonone", {**TALON, "base_url": "bakery"}, {"base_url"}),
    ],
)
async def test_wrong_settings_are_named_under_config(api, segment, connector_type, config, wrong):
    """Each platform has its own required settings; a mask is no secret while none is stored."""
    body = {"segment": segment, "connector_type": connector_type, "config": config}
    answer = await api.post("/activations/", body)

    assert answer.status == 400
    assert set(answer.body) == {"config"}
    assert set(answer.body["config"]) == wrong


@pytest.mark.parametrize(
    ("connector_type", "config"), [("braze", BRAZE), ("talonone", TALON), ("hubspot", {"client_secret": "s", "n": [1]})]
)
async def test_other_platforms_are_taken(api, segment, connector_type, config):
    """Further types may exist, so an unknown one takes any config; its secrets are masked like the others'."""
    body = {"segment": segment, "connector_type": connector_type, "config": config}
    answer = await api.post("/activations/", body)

    assert answer.status == 201
    secrets = {"api_key", "client_secret"} & config.keys()
    assert answer.body["config"] == {**config, **dict.fromkeys(secrets, "***")}


async def test_segment_must_be_the_tenants_own(api, emu, connect, create):
    """Another tenant's segment is as unknown as one that does not exist, and so is its connector."""
    path, stranger = await create(), connect(emu, emu.create_tenant())
    theirs = (await stranger.post("/segments/", {"name": "x"})).body["id"]

    for wrong in (theirs, 2**70, "x", None):
        answer = await api.patch(path, {"segment": wrong})
        assert (answer.status, set(answer.body)) == (400, {"segment"})
    assert (await stranger.get(path)).status == 404
    assert (await stranger.post(f"{path}sync/")).status == 404


async def test_masked_value_sent_back_keeps_the_stored_secret(api, create):
    """Reading a connector and writing its config back must not store the mask."""
    path = await create(api_key="invalid-key")
    config = (await api.get(path)).body["config"]
    for answer in (
        await api.patch(path, {"config": {**config, "list_id": "AbCd12"}}),
        await api.put(path, {**(await api.get(path)).body, "status": "inactive"}),
    ):
        assert (answer.status, answer.body["config"]) == (200, {"list_id": "AbCd12", "api_key": "***"})

    await api.post(f"{path}sync/")
    failed = await api.poll(path, lambda body: body["status"] == "error")
    assert "refused" in failed["last_error"]


async def test_config_patch_merges_and_put_replaces(api, segment):
    """A rotated key is sent alone; null takes an optional setting away."""
    body = {"segment": segment, "connector_type": "braze", "config": {**BRAZE, "segment_id": "b1"}}
    path = f"/activations/{(await api.post('/activations/', body)).body['id']}/"

    merged = (await api.patch(path, {"config": {"api_key": "new"}})).body["config"]
    assert merged == {**BRAZE, "api_key": "***", "segment_id": "b1"}
    assert "segment_id" not in (await api.patch(path, {"config": {"segment_id": None}})).body["config"]
    assert (await api.put(path, {**body, "config": {"api_key": "***"}})).status == 400
    assert (await api.put(path, {**body, "config": BRAZE})).status == 200
    assert (await api.patch(path, {"connector_type": "klaviyo"})).status == 400


@pytest.mark.parametrize("status", ["error", "paused", None, 1])
async def test_only_active_and_inactive_can_be_set(api, create, status):
    """`error` is the server's to set."""
    answer = await api.patch(await create(), {"status": status})

    assert (answer.status, set(answer.body)) == (400, {"status"})


async def test_sync_pushes_only_the_difference(api, create, segment):
    """Who entered is added, who left is removed, the rest is untouched."""
    path = await create()
    await computed(api, segment)
    first = await synced(api, path)
    again = await synced(api, path)
    await api.post("/identity/merge/", {"from_user_id": "bo", "into_user_id": "cy"})
    await computed(api, segment)
    await synced(api, path)

    assert (first["status"], first["last_error"]) == ("inactive", "")
    assert again["last_synced_at"] > first["last_synced_at"]
    log = await log_of(api, path)
    assert [(line["status"], line["user_count"]) for line in log] == [("success", 2), ("success", 0), ("success", 2)]


async def test_active_connectors_sync_after_each_compute(api, create, segment):
    """A paused one is left alone."""
    paused, active = await create(), await create()
    assert (await api.patch(active, {"status": "active"})).body["last_synced_at"] is None
    await computed(api, segment)
    first = await api.poll(active, lambda body: body["last_synced_at"])
    await computed(api, segment)
    await api.poll(active, lambda body: body["last_synced_at"] != first["last_synced_at"])

    assert len(await log_of(api, active)) == 2
    assert await log_of(api, paused) == []
    assert (await api.get(paused)).body["last_synced_at"] is None


async def test_second_sync_while_one_is_queued_starts_no_other(api, emu, create):
    """The answer is the same; one run stands for both."""
    path = await create()
    emu.hold_jobs()
    try:
        answers = [await api.post(f"{path}sync/") for _ in range(3)]
    finally:
        emu.release_jobs()
    await api.poll(path, lambda body: body["last_synced_at"])

    assert [(answer.status, answer.body) for answer in answers] == [(202, {"status": "queued"})] * 3
    assert len(await log_of(api, path)) == 1


async def test_refused_key_is_an_error_until_a_sync_succeeds(api, create):
    """A key with "invalid" in it is refused by its platform; a new key and a sync make it active again."""
    path = await create(api_key="invalid")
    assert (await api.patch(path, {"status": "active"})).status == 200
    await api.post(f"{path}sync/")
    failed = await api.poll(path, lambda body: body["status"] == "error")
    assert (failed["last_synced_at"], bool(failed["last_error"])) == (None, True)

    assert (await api.patch(path, {"config": {"api_key": "good"}})).body["status"] == "error"
    healed = await synced(api, path)
    assert (healed["status"], healed["last_error"]) == ("active", "")
    log = await log_of(api, path)
    assert [(line["status"], line["error_message"]) for line in log] == [
        ("success", ""),
        ("error", failed["last_error"]),
    ]


async def test_activating_again_forgets_the_error(api, create):
    """An active connector with an error would contradict itself."""
    path = await create(api_key="invalid")
    await api.post(f"{path}sync/")
    await api.poll(path, lambda body: body["status"] == "error")

    assert (await api.patch(path, {"status": "active"})).body["last_error"] == ""


async def test_injected_failure_shows_on_the_connector(api, emu, create):
    """The fault switch for jobs reaches syncs as it does computes."""
    path = await create()
    fault = emu.faults.add(job="activation_sync", tenant=api.tenant.slug, error="Gateway down.", times=1)
    try:
        await api.post(f"{path}sync/")
        failed = await api.poll(path, lambda body: body["status"] == "error")
    finally:
        emu.faults.remove(fault)

    assert failed["last_error"] == "Gateway down."


async def test_deleted_with_its_segment(api, create, segment):
    """A connector without a segment has nothing to push."""
    first, second = await create(), await create()

    assert (await api.delete(first)).status == 204
    assert (await api.delete(f"/segments/{segment}/")).status == 204
    assert (await api.get(second)).status == 404
    assert (await api.get("/activations/")).body["count"] == 0
