"""Section 8 of the sheet: segments over HTTP."""

import csv
import io
import urllib.parse

import pytest

from segops_admin.emulator import Emulator

ACTIVE = {
    "logic": "AND",
    "conditions": [{"type": "event_count", "event_type": "loaf_baked", "operator": "gte", "value": 2}],
}


@pytest.fixture
async def bakers(api):
    """Three users; two of them baked at least twice."""
    loaf = {"event_type": "loaf_baked", "payload": {"minutes": 45}}
    await api.track(*({"user_id": user, **loaf} for user in ("ana", "ana", "bo", "bo", "bo", "cy")))


async def computed(api, segment_id):
    """Compute a segment and return it when it is done."""
    before = (await api.get(f"/segments/{segment_id}/")).body["last_computed_at"]
    assert (await api.post(f"/segments/{segment_id}/compute/")).status == 202
    return await api.poll(f"/segments/{segment_id}/", lambda body: body["last_computed_at"] not in {None, before})


async def test_create_fills_in_what_is_not_given(api):
    """A name is enough; the tenant comes from the key, whatever the body says (C2)."""
    made = await api.post("/segments/", {"name": "Lapsed", "tenant": 999, "id": 5, "colour": "red"})

    assert made.status == 201
    assert made.body["tenant"] == api.tenant.id
    assert made.body["segment_type"] == "rule"
    assert made.body["definition"] == {}
    assert made.body["is_active"] is True
    assert made.body["last_computed_at"] is None
    assert (await api.get(f"/segments/{made.body['id']}/")).body == made.body


async def test_create_names_every_wrong_field(api):
    """Field errors are lists by field, as Django REST Framework sends them."""
    answer = await api.post("/segments/", {"segment_type": "magic", "is_active": "perhaps"})

    assert answer.status == 400
    assert answer.body["name"] == ["This field is required."]
    assert set(answer.body) == {"name", "segment_type", "is_active"}


async def test_definition_is_checked_before_it_is_stored(api):
    """A condition of an unknown type is a 400 under `definition`."""
    answer = await api.post("/segments/", {"name": "x", "definition": {"logic": "AND", "conditions": [{"type": "no"}]}})

    assert answer.status == 400
    assert "definition" in answer.body


async def test_patch_changes_only_what_is_given_and_put_replaces(api):
    """PATCH merges fields, PUT sets the missing ones back to their defaults."""
    made = (await api.post("/segments/", {"name": "a", "description": "d", "definition": ACTIVE})).body
    path = f"/segments/{made['id']}/"

    patched = (await api.patch(path, {"name": "b"})).body
    assert (patched["name"], patched["description"], patched["definition"]) == ("b", "d", ACTIVE)
    replaced = (await api.put(path, {"name": "c"})).body
    assert (replaced["name"], replaced["description"], replaced["definition"]) == ("c", "", {})
    assert (await api.put(path, {})).status == 400


async def test_delete_answers_204_and_then_404(api):
    """Deleting is final, and has no body."""
    made = (await api.post("/segments/", {"name": "a"})).body
    gone = await api.delete(f"/segments/{made['id']}/")

    assert (gone.status, gone.content) == (204, b"")
    assert (await api.get(f"/segments/{made['id']}/")).status == 404


async def test_another_tenants_segment_is_not_found(api, emu, connect):
    """Data never crosses tenants, and 404 does not tell that the id exists."""
    made = (await api.post("/segments/", {"name": "a"})).body
    stranger = connect(emu, emu.create_tenant())

    assert (await stranger.get(f"/segments/{made['id']}/")).status == 404
    assert (await stranger.delete(f"/segments/{made['id']}/")).status == 404
    assert (await stranger.get("/segments/")).body["count"] == 0


async def test_pages_link_root_relative_and_keep_the_query(api):
    """`next` already contains /api and every other parameter; following its query reaches all items once."""
    for number in range(5):
        await api.post("/segments/", {"name": f"s{number}"})
    first = (await api.get("/segments/?page_size=2&search=a%26b")).body

    assert first["count"] == 5
    assert first["previous"] is None
    assert first["next"].startswith("/api/segments/?")
    assert urllib.parse.parse_qs(first["next"].partition("?")[2])["search"] == ["a&b"]
    names, link = [s["name"] for s in first["results"]], first["next"]
    while link:
        page = (await api.get("/segments/?" + link.partition("?")[2])).body
        names, link = names + [s["name"] for s in page["results"]], page["next"]
    assert names == ["s0", "s1", "s2", "s3", "s4"]


@pytest.mark.parametrize("page", ["2", "0", "-1", "x"])
async def test_page_out_of_range_is_404(api, page):
    """Past the end there is no empty page but a 404."""
    answer = await api.get(f"/segments/?page={page}")

    assert (answer.status, answer.body) == (404, {"detail": "Invalid page."})


async def test_page_size_is_clamped(api):
    """More than the maximum is not refused; nonsense is the default."""
    assert (await api.get("/segments/?page_size=100000")).status == 200
    assert (await api.get("/segments/?page_size=many")).status == 200


async def test_preview_counts_samples_and_stores_nothing(api, bakers):
    """The sample is at most `limit`; the SQL is shown."""
    answer = (await api.post("/segments/preview/", {"definition": ACTIVE, "limit": 1})).body

    assert (answer["matched_users"], answer["sample_user_ids"]) == (2, ["ana"])
    assert "SELECT" in answer["sql"]
    assert (await api.get("/segments/")).body["count"] == 0


async def test_preview_of_an_empty_definition_matches_nobody(api, bakers):
    """A draft without conditions is not everybody."""
    assert (await api.post("/segments/preview/", {"definition": {}})).body["matched_users"] == 0
    assert (await api.post("/segments/preview/", {})).status == 400


async def test_each_save_of_a_definition_is_a_version(api):
    """Newest first; a save without a definition is none."""
    made = (await api.post("/segments/", {"name": "a", "definition": ACTIVE})).body
    await api.patch(f"/segments/{made['id']}/", {"name": "b"})
    await api.patch(f"/segments/{made['id']}/", {"definition": {}})
    versions = (await api.get(f"/segments/{made['id']}/versions/")).body

    assert [v["version"] for v in versions] == [2, 1]
    assert versions[1]["definition"] == ACTIVE


async def test_compute_passes_through_computing_and_sets_members(api, bakers):
    """Saving does not compute; computing does, after a state that is not final."""
    made = (await api.post("/segments/", {"name": "a", "definition": ACTIVE})).body
    assert (made["member_count"], made["status"]) == (0, "draft")

    started = await api.post(f"/segments/{made['id']}/compute/")
    assert (started.status, started.body) == (202, {"status": "queued"})
    done = await api.poll(f"/segments/{made['id']}/", lambda body: body["status"] == "computed")
    assert done["member_count"] == 2
    members = (await api.get(f"/segments/{made['id']}/members/")).body
    assert [m["user_id"] for m in members["results"]] == ["ana", "bo"]
    assert (await api.post(f"/segments/{made['id']}/estimate/")).body == {
        "segment_id": made["id"],
        "estimated_count": 2,
    }


async def test_two_computes_in_one_second_show_different_times(api, bakers):
    """Watchers compare `last_computed_at`, which has whole seconds on the wire."""
    made = (await api.post("/segments/", {"name": "a", "definition": ACTIVE})).body
    first = await computed(api, made["id"])
    second = await computed(api, made["id"])

    assert second["last_computed_at"] > first["last_computed_at"]


async def test_compute_replaces_the_membership(api, bakers):
    """Who no longer matches is no longer a member."""
    made = (await api.post("/segments/", {"name": "a", "definition": ACTIVE})).body
    await computed(api, made["id"])
    stricter = {"logic": "AND", "conditions": [{**ACTIVE["conditions"][0], "value": 3}]}
    await api.patch(f"/segments/{made['id']}/", {"definition": stricter})
    done = await computed(api, made["id"])

    assert done["member_count"] == 1
    assert [m["user_id"] for m in (await api.get(f"/segments/{made['id']}/members/")).body["results"]] == ["bo"]


async def test_second_compute_while_one_runs_starts_nothing(api, bakers, emu):
    """Same answer, no second run."""
    made = (await api.post("/segments/", {"name": "a", "definition": ACTIVE})).body
    answers = [await api.post(f"/segments/{made['id']}/compute/") for _ in range(3)]

    assert {a.status for a in answers} == {202}
    await api.poll(f"/segments/{made['id']}/", lambda body: body["status"] == "computed")
    store = emu._state.store
    assert store.scalar("SELECT COUNT(*) FROM jobs WHERE tenant_id=?", api.tenant.id) == 1


async def test_members_are_walked_by_cursor(api, bakers):
    """The cursor is opaque and needs percent-encoding; null ends the walk."""
    made = (await api.post("/segments/", {"name": "a", "definition": ACTIVE})).body
    await computed(api, made["id"])
    path = f"/segments/{made['id']}/members/"
    first = (await api.get(path, params={"limit": 1, "page": 7})).body
    second = (await api.get(path, params={"limit": 1, "cursor": first["next_cursor"]})).body

    assert [first["results"][0]["user_id"], second["results"][0]["user_id"]] == ["ana", "bo"]
    assert second["next_cursor"] is None
    assert (await api.get(path, params={"cursor": "?"})).status == 404


async def test_membership_lists_the_segments_of_a_user(api, bakers):
    """An unknown user belongs to nothing; no user at all is a 400."""
    made = (await api.post("/segments/", {"name": "a", "definition": ACTIVE})).body
    done = await computed(api, made["id"])

    assert (await api.get("/segments/membership/?user_id=ana")).body == {
        "user_id": "ana",
        "segments": [{"segment_id": made["id"], "segment_name": "a", "computed_at": done["last_computed_at"]}],
    }
    assert (await api.get("/segments/membership/?user_id=nobody")).body["segments"] == []
    assert (await api.get("/segments/membership/")).status == 400


async def exported(api, segment_id):
    """Start an export and return its poll path and its final state."""
    started = await api.post(f"/segments/{segment_id}/export/", {"format": "csv"})
    assert (started.status, started.body["status"]) == (202, "pending")
    path = f"/segments/{segment_id}/export/?export_id={started.body['export_id']}"
    return path, await api.poll(path, lambda body: body["status"] == "complete")


async def test_export_gives_a_csv_of_the_members(api, emu, bakers):
    """The link is root-relative, joined to the origin, and needs the credential."""
    made = (await api.post("/segments/", {"name": "a", "definition": ACTIVE})).body
    done = await computed(api, made["id"])
    _, export = await exported(api, made["id"])
    file = await api.get(emu.origin + export["download_url"])

    assert list(csv.reader(io.StringIO(file.content.decode()))) == [
        ["user_id", "computed_at"],
        ["ana", done["last_computed_at"]],
        ["bo", done["last_computed_at"]],
    ]
    assert (await api.get(emu.origin + export["download_url"], headers={"Authorization": None})).status == 401


async def test_export_of_an_unknown_format_is_refused(api):
    """Only csv and parquet."""
    made = (await api.post("/segments/", {"name": "a"})).body

    assert (await api.post(f"/segments/{made['id']}/export/", {"format": "xlsx"})).status == 400
    assert (await api.get(f"/segments/{made['id']}/export/?export_id=99999999999999999999999")).status == 404


async def test_failed_export_says_so(api, emu):
    """A client must see that waiting is over without a file."""
    made = (await api.post("/segments/", {"name": "a"})).body
    rule = emu.faults.add(job="segment_export", error="Disk full.", tenant=api.tenant.slug)
    started = (await api.post(f"/segments/{made['id']}/export/")).body
    path = f"/segments/{made['id']}/export/?export_id={started['export_id']}"
    failed = await api.poll(path, lambda body: body["status"] not in {"pending", "processing"})
    emu.faults.remove(rule)

    assert (failed["status"], failed["download_url"]) == ("failed", None)


async def test_failed_compute_keeps_the_old_membership_and_can_be_repeated(api, emu, bakers):
    """`last_computed_at` does not move, and the next run is not blocked."""
    made = (await api.post("/segments/", {"name": "a", "definition": ACTIVE})).body
    path = f"/segments/{made['id']}/"
    done = await computed(api, made["id"])
    rule = emu.faults.add(job="segment_compute", error="Warehouse down.", tenant=api.tenant.slug)
    await api.post(f"{path}compute/")
    assert (await api.get(path)).body["status"] == "computing"
    assert (await api.poll(path, lambda body: body["status"] != "computing")) == done
    emu.faults.remove(rule)
    assert (await computed(api, made["id"]))["member_count"] == 2


async def test_held_jobs_stay_queued_until_released(connect):
    """A test of waiting decides itself when the wait is over."""
    async with Emulator(job_delay=0) as emu:
        api = connect(emu)
        emu.hold_jobs()
        made = (await api.post("/segments/", {"name": "a"})).body
        await api.post(f"/segments/{made['id']}/compute/")
        for _ in range(5):
            assert (await api.get(f"/segments/{made['id']}/")).body["status"] == "computing"
        emu.release_jobs()
        await api.poll(f"/segments/{made['id']}/", lambda body: body["status"] == "computed")
