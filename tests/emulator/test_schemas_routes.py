"""Section 12 of the sheet: event schemas over HTTP, and what they keep out at ingestion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segops_admin.emulator.event_schemas import infer, violations

MINUTES = {"name": "minutes", "type": "number", "required": True, "description": ""}
NOTE = {"name": "note", "type": "string", "required": False, "description": "free text"}

_values = st.sampled_from([None, True, 0, 4.5, "", "rye", "2026-06-11", "2026-06-11T07:45:10Z", "2026-99-99", [], {}])
_payloads = st.dictionaries(st.sampled_from("abc"), _values)


@pytest.fixture
async def loaf(api):
    """A schema for loaf_baked."""
    answer = await api.post("/schemas/", {"event_type": "loaf_baked", "properties": [MINUTES, NOTE]})
    assert answer.status == 201
    return answer.body


async def test_create_answers_the_whole_object(api, loaf):
    """What create answers is what get, list and a later reader see."""
    assert set(loaf) == {"id", "event_type", "properties", "description", "is_active", "created_at", "updated_at"}
    assert (loaf["properties"], loaf["description"], loaf["is_active"]) == ([MINUTES, NOTE], "", True)
    assert (await api.get(f"/schemas/{loaf['id']}/")).body == loaf
    assert (await api.get("/schemas/")).body == {"count": 1, "next": None, "previous": None, "results": [loaf]}


async def test_properties_may_be_an_object_by_name(api):
    """The sheet leaves the shape open; what comes back is always the list."""
    made = await api.post("/schemas/", {"event_type": "x", "properties": {"minutes": {"type": "number"}}})

    assert made.body["properties"] == [{"name": "minutes", "type": "number", "required": False, "description": ""}]


@pytest.mark.parametrize(
    ("properties", "where"),
    [
        ("minutes", None),
        (None, None),
        (["minutes"], "0"),
        ([MINUTES, MINUTES], "1"),
        ([{"type": "number"}], "0"),
        ([{"name": " "}], "0"),
        ([{"name": "a", "type": "bread"}], "0"),
        ([{"name": "a", "type": ["number"]}], "0"),
        ([{"name": "a", "required": "yes"}], "0"),
        ([{"name": "a", "description": 3}], "0"),
        ({"a": "number"}, "0"),
    ],
)
async def test_wrong_properties_are_refused_with_their_place(api, properties, where):
    """An error inside a list is an object by index, as Django REST Framework sends it."""
    answer = await api.post("/schemas/", {"event_type": "x", "properties": properties})

    assert answer.status == 400
    assert set(answer.body) == {"properties"}
    assert isinstance(answer.body["properties"], list) if where is None else set(answer.body["properties"]) == {where}


async def test_one_schema_per_event_type(api, loaf):
    """Two would contradict each other at ingestion; saving a schema under its own name is no second one."""
    again = await api.post("/schemas/", {"event_type": "loaf_baked"})

    assert (again.status, set(again.body)) == (400, {"event_type"})
    assert (await api.patch(f"/schemas/{loaf['id']}/", {"event_type": "loaf_baked"})).status == 200


async def test_patch_keeps_and_put_replaces(api, loaf):
    """PATCH leaves the rest alone, PUT sets it back to its defaults and needs the required field."""
    path = f"/schemas/{loaf['id']}/"

    assert (await api.patch(path, {"description": "Out of the oven"})).body["properties"] == [MINUTES, NOTE]
    replaced = (await api.put(path, {"event_type": "loaf_sold"})).body
    assert (replaced["event_type"], replaced["properties"], replaced["description"]) == ("loaf_sold", [], "")
    assert (await api.put(path, {})).body == {"event_type": ["This field is required."]}


async def test_another_tenants_schema_is_not_found(api, emu, connect, loaf):
    """Data never crosses tenants, and neither does a schema's effect."""
    stranger = connect(emu, emu.create_tenant())

    assert (await stranger.get(f"/schemas/{loaf['id']}/")).status == 404
    await stranger.track({"user_id": "ana", "event_type": "loaf_baked", "payload": {"minutes": "many"}})


async def test_batch_skips_what_breaks_an_active_schema(api, loaf):
    """The rest of the batch counts, and only what was stored can be found again."""
    events = [
        {"user_id": "ana", "event_type": "loaf_baked", "payload": {"minutes": 45}},
        {"user_id": "bo", "event_type": "loaf_baked", "payload": {"minutes": "long"}},
        {"user_id": "cy", "event_type": "loaf_baked"},
        {"user_id": "di", "event_type": "unregistered", "payload": {"minutes": "long"}},
        {"user_id": "", "event_type": "loaf_baked", "payload": {"minutes": 45}},
    ]
    answer = await api.post("/ingestion/track/batch/", {"events": events})

    assert answer.body == {"queued": 2, "skipped": 3}
    found = (await api.get("/explorer/users/")).body["results"]
    assert [user["user_id"] for user in found] == ["ana", "di"]


async def test_single_event_that_breaks_a_schema_is_refused(api, loaf):
    """With one event there is nothing to skip, so the caller is told why."""
    answer = await api.post("/ingestion/track/", {"user_id": "a", "event_type": "loaf_baked", "payload": {}})

    assert (answer.status, answer.body) == (400, {"payload": ["minutes: required property is missing"]})


@pytest.mark.parametrize("switch_off", ["patch", "delete"])
async def test_inactive_or_deleted_schema_checks_nothing(api, loaf, switch_off):
    """Only a registered, active schema guards ingestion."""
    path = f"/schemas/{loaf['id']}/"
    answer = await (api.delete(path) if switch_off == "delete" else api.patch(path, {"is_active": False}))

    assert answer.status in {200, 204}
    await api.track({"user_id": "ana", "event_type": "loaf_baked", "payload": {"minutes": "long"}})


async def test_validate_names_each_broken_property(api, loaf):
    """A dry run of ingestion: nothing is stored, and a broken payload is still a 200."""
    bad = await api.post("/schemas/validate/", {"event_type": "loaf_baked", "payload": {"minutes": True, "note": 7}})

    assert bad.status == 200
    assert bad.body == {
        "valid": False,
        "errors": [
            {"property": "minutes", "message": "expected number"},
            {"property": "note", "message": "expected string"},
        ],
    }
    fine = {"event_type": "loaf_baked", "payload": {"minutes": 4.5, "note": None, "other": []}}
    assert (await api.post("/schemas/validate/", fine)).body == {"valid": True, "errors": []}
    assert (await api.get("/explorer/users/")).body["count"] == 0


async def test_validate_lets_an_unknown_event_type_pass(api):
    """Ingestion takes it too."""
    assert (await api.post("/schemas/validate/", {"event_type": "x", "payload": {}})).body["valid"] is True
    assert (await api.post("/schemas/validate/", {"payload": {}})).status == 400


async def test_infer_gives_one_schema_per_event_type_and_create_takes_it(api):
    """`required` is what every sample has; the first event type also stands at the top level."""
    events = [
        {"user_id": "ana", "event_type": "loaf_baked", "payload": {"minutes": 45, "at": "2026-06-11T07:45:10Z"}},
        {"user_id": "bo", "event_type": "loaf_baked", "payload": {"minutes": 30.5, "tags": ["rye"]}},
        {"user_id": "bo", "event_type": "page_seen", "payload": {"first": True, "from": {"url": "x"}}},
    ]
    body = (await api.post("/schemas/infer/", {"events": events})).body

    assert [(p["name"], p["type"], p["required"]) for p in body["properties"]] == [
        ("minutes", "number", True),
        ("at", "datetime", False),
        ("tags", "array", False),
    ]
    assert [schema["event_type"] for schema in body["schemas"]] == ["loaf_baked", "page_seen"]
    assert body["schemas"][0] == {"event_type": body["event_type"], "properties": body["properties"]}
    assert [p["type"] for p in body["schemas"][1]["properties"]] == ["boolean", "object"]
    assert (await api.post("/schemas/", body)).body["properties"] == body["properties"]


@pytest.mark.parametrize(
    "events", [None, [], "x", ["x"], [{}], [{"event_type": " "}], [{"event_type": "x", "payload": []}]]
)
async def test_infer_refuses_what_is_no_list_of_events(api, events):
    """There is nothing to learn from it."""
    answer = await api.post("/schemas/infer/", {"events": events})

    assert (answer.status, set(answer.body)) == (400, {"events"})


@given(st.lists(_payloads, min_size=1))
def test_inferred_schema_takes_its_own_samples(payloads):
    """A schema learnt from events must not drop those same events, even where they contradict each other."""
    schema = infer({"x": payloads})[0]

    assert [violations(schema["properties"], payload) for payload in payloads] == [[] for _ in payloads]
