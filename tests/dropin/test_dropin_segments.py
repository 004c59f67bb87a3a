"""Scripts about segments, product segments, connectors and users, as for the published package."""

import datetime as dt

import pytest

from segops_admin import SegOpsApiError

BOUGHT = {"type": "event_count", "event_type": "flour_bought", "operator": "gte", "value": 1}
BUYERS = {"logic": "AND", "conditions": [BOUGHT]}
RYE = {
    "logic": "AND",
    "conditions": [{"type": "product_attribute", "property": "grain", "operator": "eq", "value": "rye"}],
}


def test_a_segments_life(client):
    """Create, read, change, list, delete."""
    segment_id = client.segments.create({"name": "Bakers", "definition": BUYERS, "description": "Flour"})["id"]
    client.segments.update(segment_id, {"description": "Rye flour"})

    assert client.segments.get(segment_id)["definition"]["conditions"][0]["event_type"] == "flour_bought"
    assert client.segments.list({"page": 1})["results"][0]["name"] == "Bakers"
    assert client.segments.versions(segment_id)[0]["definition"] == BUYERS
    assert client.segments.delete(segment_id) is None
    with pytest.raises(SegOpsApiError):
        client.segments.get(segment_id)


def test_preview_takes_the_definition_itself(client, track):
    """The sheet names no signature; the published one is `preview(definition)`, seen by introspection."""
    track({"user_id": "ana", "event_type": "flour_bought"})
    preview = client.segments.preview(BUYERS)

    assert preview["matched_users"] == 1
    assert preview["sample_user_ids"] == ["ana"]
    assert "SELECT" in preview["sql"]


def test_compute_and_read_members(client, bakers):
    """The loop every script writes: start, look until the timestamp has moved, read."""
    members = client.segments.members(bakers["id"], {"page": 1})
    first = client.segments.members(bakers["id"], {"limit": 1})
    second = client.segments.members(bakers["id"], {"limit": 1, "cursor": first["next_cursor"]})

    assert bakers["member_count"] == 2
    assert sorted(member["user_id"] for member in members["results"]) == ["ana", "bo"]
    assert members["next_cursor"] is None
    assert {first["results"][0]["user_id"], second["results"][0]["user_id"]} == {"ana", "bo"}
    assert client.segments.recompute(bakers["id"])["status"] == "queued"


def test_estimate_and_membership(client, bakers):
    """Both shapes are inferred in the sheet."""
    membership = client.segments.membership("ana")

    assert client.segments.estimate(bakers["id"])["estimated_count"] == 2
    assert membership["segments"][0]["segment_name"] == "Lapsed bakers"
    assert client.segments.membership("nobody")["segments"] == []


def test_export_by_format_and_polled_by_hand(client, bakers, until):
    """The published package starts an export; poll and download go through the escape hatch."""
    export = client.segments.export(bakers["id"], format="csv")
    query = {"export_id": export.get("export_id") or export["id"]}
    path = f"/segments/{bakers['id']}/export/"
    done = until(lambda: client.http.request("GET", path, query=query), lambda job: job["status"] == "complete")
    text = client.http.request("GET", done["download_url"].removeprefix("/api"))

    assert export["status"] == "pending"
    assert text.splitlines()[0] == "user_id,computed_at"
    assert sorted(line.split(",")[0] for line in text.splitlines()[1:]) == ["ana", "bo"]


def test_a_product_segments_life(client, until):
    """The same surface over products."""
    client.products.bulk_upsert([{"sku": "RYE-05", "name": "Dark rye", "grain": "rye"}])
    made = client.product_segments.create({"name": "Rye", "definition": RYE})
    client.product_segments.update(made["id"], {"name": "All rye"})
    client.product_segments.update(made["id"], {"name": "All rye", "definition": RYE}, method="PUT")
    started = client.product_segments.recompute(made["id"])
    done = until(lambda: client.product_segments.get(made["id"]), lambda found: found["last_computed_at"])

    assert started["status"] == "queued"
    assert (done["name"], done["computed_count"]) == ("All rye", 1)
    assert [item["id"] for item in client.product_segments.iterate({"page_size": 1})] == [made["id"]]
    assert client.product_segments.list()["count"] == 1
    assert client.product_segments.delete(made["id"]) is None


def test_a_connectors_life(client, bakers, until):
    """Create, activate, sync, look; the secret never comes back."""
    config = {"list_id": "Qw9ZtB", "api_key": "pk_klaviyo"}
    made = client.activations.create({"segment": bakers["id"], "connector_type": "klaviyo", "config": config})
    active = client.activations.update(made["id"], {"status": "active"})
    started = client.activations.sync(made["id"])
    synced = until(lambda: client.activations.get(made["id"]), lambda found: found["last_synced_at"])

    assert made["config"] == {"list_id": "Qw9ZtB", "api_key": "***"}
    assert (made["status"], active["status"], started["status"]) == ("inactive", "active", "queued")
    assert (synced["last_error"], synced["segment"]) == ("", bakers["id"])
    assert [item["connector_type"] for item in client.activations.iterate()] == ["klaviyo"]
    assert client.activations.list()["results"][0]["id"] == made["id"]
    assert client.activations.delete(made["id"]) is None


def test_connector_that_was_read_is_written_back_by_put(client, bakers):
    """A script that reads, changes and puts back sends the mask: what is stored stays, and the call goes through."""
    config = {"list_id": "Qw9ZtB", "api_key": "pk_klaviyo"}
    made = client.activations.create({"segment": bakers["id"], "connector_type": "klaviyo", "config": config})
    body = {"segment": bakers["id"], "connector_type": "klaviyo", "config": made["config"], "status": "inactive"}

    assert client.activations.update(made["id"], body, method="PUT")["config"]["api_key"] == "***"


def test_users_are_searched_and_read(client, bakers):
    """Dictionaries of parameters, envelopes without links."""
    found = client.users.search({"q": "an", "limit": 5})

    assert found["results"][0]["user_id"] == "ana"
    assert found["count"] == 1
    assert len(client.users.search()["results"]) == 2
    assert client.users.get("ana")["event_count"] == 1
    assert client.users.segments("ana")[0]["segment_id"] == bakers["id"]


def test_events_of_a_user_are_read_with_parameters(client, track):
    """`event_type`, `limit` and `since` in one dictionary; `since` as a plain date."""
    track(
        {"user_id": "ana", "event_type": "loaf_baked", "occurred_at": "2026-01-01T00:00:00Z"},
        {"user_id": "ana", "event_type": "loaf_baked", "occurred_at": "2026-06-01T00:00:00Z", "payload": {"m": 4}},
        {"user_id": "ana", "event_type": "flour_bought"},
    )
    page = client.users.events("ana", {"event_type": "loaf_baked", "limit": 10, "since": "2026-03-01"})

    assert [event["payload"] for event in page["results"]] == [{"m": 4}]
    assert page["results"][0]["occurred_at"] == "2026-06-01T00:00:00Z"
    assert dt.datetime.fromisoformat(page["results"][0]["occurred_at"].replace("Z", "+00:00")).month == 6


@pytest.mark.parametrize("user_id", ["ana@example.net", "a/b", "a b", "100%", "ö", "a?b#c", "a+b"])
def test_user_id_is_one_part_of_the_path(client, track, user_id):
    """Percent-encoded with no safe characters."""
    track({"user_id": user_id, "event_type": "x"})

    assert client.users.get(user_id)["user_id"] == user_id
    assert client.users.events(user_id)["results"][0]["event_type"] == "x"


def test_explain_and_sandbox(client, bakers):
    """Bare list of conditions; the difference that an event would make."""
    item = client.users.explain("ana", bakers["id"])[0]
    result = client.users.publish_sandbox({"user_id": "cy", "event_type": "flour_bought", "payload": {}})

    assert (item["index"], item["type"], item["matches"]) == (0, "event_count", True)
    assert result["entered"][0]["id"] == bakers["id"]
    assert (result["exited"], result["published"]) == ([], True)
    assert result["unchanged_count"] >= 0


def test_ids_are_joined(client, track):
    """Two positional ids each, new in 0.2.2."""
    track({"user_id": "cust-2", "event_type": "x"}, {"user_id": "cust-1", "event_type": "x"})
    alias = client.identity.alias("7f3c", "cust-1")
    merge = client.identity.merge("cust-2", "cust-1")

    assert (alias["user_id"], alias["created"]) == ("cust-1", True)
    assert (merge["into_user_id"], merge["merged"]) == ("cust-1", True)
    assert client.users.get("cust-1")["event_count"] == 2
