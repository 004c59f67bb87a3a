"""One `Idempotency-Key` per logical call, the same over its attempts, on every mutation (design, section 2)."""

import pytest
from rawserver import reply

from segops_admin import SegOpsApiError, SegOpsConfigError

GOOD = {
    "id": 1,
    "sku": "A",
    "name": "a",
    "fields": [],
    "status": "queued",
    "product_count": 0,
    "created": 1,
    "updated": 0,
    "errors": [],
    "matched_users": 0,
    "estimated_count": 0,
    "count": 0,
    "next": None,
    "results": [],
}
MUTATIONS = {
    "segments.create": lambda s, **k: s.segments.create(name="a", **k),
    "segments.update": lambda s, **k: s.segments.update(1, name="a", **k),
    "segments.put": lambda s, **k: s.segments.update(1, {"name": "a"}, method="PUT", **k),
    "segments.delete": lambda s, **k: s.segments.delete(1, **k),
    "segments.preview": lambda s, **k: s.segments.preview(definition={}, **k),
    "segments.estimate": lambda s, **k: s.segments.estimate(1, **k),
    "segments.recompute": lambda s, **k: s.segments.recompute(1, **k),
    "segments.export": lambda s, **k: s.segments.export(1, **k),
    "products.create": lambda s, **k: s.products.create(sku="A", name="a", **k),
    "products.update": lambda s, **k: s.products.update(1, name="a", **k),
    "products.delete": lambda s, **k: s.products.delete(1, **k),
    "products.bulk_upsert": lambda s, **k: s.products.bulk_upsert([{"sku": "A", "name": "a"}], **k),
    "products.score": lambda s, **k: s.products.score(1, **k),
    "products.score_all": lambda s, **k: s.products.score_all(**k),
    "products.set_schema": lambda s, **k: s.products.set_schema(fields=[], **k),
    "products.import_csv": lambda s, **k: s.products.import_csv(b"sku,name\nA,a\n", **k),
    "products.confirm_import": lambda s, **k: s.products.confirm_import(1, mapping={}, **k),
    "http.POST": lambda s, **k: s.http.request("POST", "/x/", body={}, **k),
    "http.PUT": lambda s, **k: s.http.request("PUT", "/x/", body={}, **k),
    "http.PATCH": lambda s, **k: s.http.request("PATCH", "/x/", body={}, **k),
    "http.DELETE": lambda s, **k: s.http.request("DELETE", "/x/", **k),
}
every_mutation = pytest.mark.parametrize("call", MUTATIONS.values(), ids=MUTATIONS.keys())


def keys_of(raw):
    return [r.headers.get("idempotency-key") for r in raw.requests]


@every_mutation
async def test_every_attempt_of_a_call_carries_the_same_key(at_raw, raw, call):
    """A new key per attempt would be a new call to a server that keeps keys."""
    raw.script(*[reply(503, {"detail": "Not now."}, retry_after=0)] * 2, reply(200, GOOD))
    await call(at_raw())

    first, second, third = keys_of(raw)
    assert first
    assert first == second == third


@every_mutation
async def test_every_call_has_a_key_of_its_own(at_raw, raw, call):
    """The same body twice may well be meant twice."""
    raw.script(reply(200, GOOD))
    segops = at_raw()
    await call(segops)
    await call(segops)

    assert len(set(keys_of(raw))) == 2


@every_mutation
async def test_callers_key_is_sent_as_it_is(at_raw, raw, call):
    """A job that starts over can send the key it sent before."""
    raw.script(reply(503, {}, retry_after=0), reply(200, GOOD))
    await call(at_raw(), idempotency_key="order-4711")

    assert keys_of(raw) == ["order-4711", "order-4711"]


async def test_key_is_on_the_error(at_raw, raw):
    """Who looks into an unclear outcome can name the call."""
    raw.script(reply(500, {"detail": "Crash."}))
    with pytest.raises(SegOpsApiError) as caught:
        await at_raw().segments.create(name="a")

    assert [caught.value.idempotency_key] == keys_of(raw)


async def test_reading_carries_no_key(at_raw, raw):
    """There is nothing to repeat by accident."""
    raw.script(reply(200, GOOD))
    await at_raw().segments.get(1)

    assert keys_of(raw) == [None]


async def test_key_that_fits_no_header_is_refused_unsent(at_raw, raw):
    """A key from outside must not inject a header."""
    with pytest.raises(SegOpsConfigError):
        await at_raw().segments.create(name="a", idempotency_key="a\r\nX-Evil: 1")

    assert not raw.requests


async def test_one_call_is_one_entry_in_the_servers_ledger(segops, emulator, fault):
    """The same on the emulator, which keeps every key with the body it came with."""
    fault(method="POST", path="/segments/", status=503, retry_after=0, times=2)
    await segops.segments.create(name="a", idempotency_key="ledger-test")

    uses = emulator.ledger["ledger-test"]
    assert len(uses) >= 1
    assert len({use.body_hash for use in uses}) == 1
