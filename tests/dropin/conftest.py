"""What a script for the published package starts with: a client, made from a key and a root."""

import time

import pytest

from segops_admin import SegOpsAdmin

BOUGHT = {"type": "event_count", "event_type": "flour_bought", "operator": "gte", "value": 1}


@pytest.fixture
def client(tenant, emulator):
    """The client as a script makes it; it is never closed there, but tests leave nothing behind."""
    client = SegOpsAdmin(tenant.api_key, base_url=emulator.base_url, max_retries=3)
    yield client
    client.close()


@pytest.fixture
def track(client):
    """Return a function that sends events, as a script does without a method of its own for it."""

    def send(*events):
        answer = client.http.request("POST", "/ingestion/track/batch/", body={"events": list(events)})
        assert answer["skipped"] == 0

    return send


@pytest.fixture
def until():
    """Return the loop every script has of its own: look, and look again, until something holds."""

    def look(get, holds):
        for _ in range(500):
            found = get()
            if holds(found):
                return found
            time.sleep(0.02)
        raise AssertionError(f"never got there: {found}")

    return look


@pytest.fixture
def bakers(client, track, until):
    """A computed segment that `ana` and `bo` are in."""
    track(*({"user_id": user, "event_type": "flour_bought", "payload": {"amount": 3.5}} for user in ("ana", "bo")))
    definition = {"logic": "AND", "conditions": [BOUGHT]}
    segment = client.segments.create({"name": "Lapsed bakers", "definition": definition})
    client.segments.recompute(segment["id"])
    return until(lambda: client.segments.get(segment["id"]), lambda found: found["last_computed_at"])
