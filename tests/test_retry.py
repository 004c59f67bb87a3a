"""What is repeated, and after what (design, "What is repeated"; sheet, 3.3)."""

import pytest
from rawserver import CLOSE, RESET, RawServer, reply

from segops_admin import SegOpsApiError, SegOpsConnectionError, SegOpsError

ALWAYS = [
    ("GET", lambda s: s.segments.list()),
    ("GET", lambda s: s.segments.get(1)),
    ("PUT", lambda s: s.segments.update(1, {"name": "a"}, method="PUT")),
    ("PUT", lambda s: s.products.set_schema(fields=[])),
    ("DELETE", lambda s: s.segments.delete(1)),
    ("DELETE", lambda s: s.products.delete(1)),
    ("POST", lambda s: s.segments.recompute(1)),
    ("POST", lambda s: s.products.score(1)),
    ("POST", lambda s: s.products.score_all()),
    ("POST", lambda s: s.products.bulk_upsert([{"sku": "A", "name": "a"}])),
    ("POST", lambda s: s.http.request("POST", "/identity/alias/", body={}, idempotent=True)),
]
ONLY_WHEN_REFUSED = [
    ("POST", lambda s: s.segments.create(name="a")),
    ("POST", lambda s: s.products.create(sku="A", name="a")),
    ("POST", lambda s: s.http.request("POST", "/schemas/", body={})),
]
OUTCOME_UNKNOWN = "unknown|may have taken effect"
UNCLEAR = [500, 502, 504]
REFUSED = [429, 503]
CUT = [b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", CLOSE]
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
    "count": 0,
    "next": None,
    "results": [],
}


def named(calls):
    return [pytest.param(method, call, id=f"{number}-{method}") for number, (method, call) in enumerate(calls)]


@pytest.mark.parametrize("status", [*UNCLEAR, *REFUSED])
@pytest.mark.parametrize(("method", "call"), named(ALWAYS))
async def test_harmless_repeat_is_made_after_every_passing_failure(at_raw, raw, method, call, status):
    """Reads, replacements and deletes, and the POSTs that only start or upsert something."""
    raw.script(reply(status, {"detail": "Not now."}, retry_after=0), reply(200, GOOD))
    await call(at_raw())

    assert [r.method for r in raw.requests] == [method, method]


@pytest.mark.parametrize("status", REFUSED)
@pytest.mark.parametrize(("method", "call"), named(ONLY_WHEN_REFUSED))
async def test_create_is_repeated_when_the_server_says_it_did_nothing(at_raw, raw, method, call, status):
    """429 and 503 are refusals: nothing was made yet."""
    raw.script(reply(status, {"detail": "Not now."}, retry_after=0), reply(201, GOOD))
    await call(at_raw())

    assert len(raw.requests) == 2


@pytest.mark.parametrize("status", UNCLEAR)
@pytest.mark.parametrize(("method", "call"), named(ONLY_WHEN_REFUSED))
async def test_create_is_not_repeated_after_an_unclear_outcome(at_raw, raw, method, call, status):
    """The server keeps no keys yet: a repeat could make a second one, so the error says that nobody knows."""
    raw.script(reply(status, {"detail": "Crash."}, retry_after=0), reply(201, GOOD))
    with pytest.raises(SegOpsApiError, match=OUTCOME_UNKNOWN) as caught:
        await call(at_raw())

    assert len(raw.requests) == caught.value.attempts == 1


@pytest.mark.parametrize("step", [CLOSE, RESET])
@pytest.mark.parametrize(("method", "call"), named(ONLY_WHEN_REFUSED))
async def test_create_is_not_repeated_after_a_cut_connection(at_raw, raw, method, call, step):
    """The request may have been carried out."""
    raw.script(step, reply(201, GOOD))
    with pytest.raises(SegOpsConnectionError, match=OUTCOME_UNKNOWN) as caught:
        await call(at_raw())

    assert caught.value.outcome_unknown
    assert len(raw.requests) == 1


@pytest.mark.parametrize("step", [CLOSE, RESET, CUT], ids=["close", "reset", "cut"])
@pytest.mark.parametrize(("method", "call"), named(ALWAYS[1::3]))
async def test_harmless_repeat_is_made_after_a_cut_connection(at_raw, raw, method, call, step):
    """Whether it was carried out or not, once more does no harm."""
    raw.script(step, reply(200, GOOD))
    await call(at_raw())

    assert len(raw.requests) == 2


@pytest.mark.parametrize("cut", ["before", "reset"])
async def test_repeated_create_makes_no_second_segment(segops, fault, cut):
    """The same on the real emulator: what was asked once exists at most once."""
    fault(method="POST", path="/segments/", drop=cut, times=1)
    with pytest.raises(SegOpsConnectionError):
        await segops.segments.create(name="a")

    assert (await segops.segments.list()).count == 0


async def test_create_whose_answer_was_lost_is_not_doubled(segops, fault):
    """It was made, the answer was cut, and nothing is sent twice by accident."""
    fault(method="POST", path="/segments/", drop="after", times=1)
    with pytest.raises(SegOpsConnectionError) as caught:
        await segops.segments.create(name="a")

    assert caught.value.outcome_unknown
    assert (await segops.segments.list()).count == 1


async def test_create_is_repeated_when_it_provably_never_left(connect):
    """A refused connection sent nothing, so even a create is tried again."""
    async with RawServer() as closed:
        url = closed.url
    with pytest.raises(SegOpsConnectionError) as caught:
        await connect(base_url=url, max_retries=1).segments.create(name="a")

    assert caught.value.attempts == 2
    assert not caught.value.outcome_unknown


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 410, 413, 415, 422])
async def test_answer_that_will_not_change_is_not_asked_for_again(at_raw, raw, status):
    """The caller has to do something first."""
    raw.script(reply(status, {"detail": "No."}, retry_after=0))
    with pytest.raises(SegOpsApiError) as caught:
        await at_raw().segments.get(1)

    assert len(raw.requests) == caught.value.attempts == 1


@pytest.mark.parametrize("max_retries", [0, 1, 3, 5])
async def test_attempts_are_bounded_and_told(at_raw, raw, max_retries):
    """`max_retries` counts the repeats; the error counts the attempts."""
    raw.script(reply(503, {"detail": "Not now."}, retry_after=0))
    with pytest.raises(SegOpsApiError) as caught:
        await at_raw(max_retries=max_retries).segments.list()

    assert len(raw.requests) == caught.value.attempts == max_retries + 1


@pytest.mark.parametrize("step", [CLOSE, RESET])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_cut_attempts_are_all_counted(at_raw, raw, method, step):
    """The HTTP library's hidden re-send would double what the error tells and what the server gets."""
    raw.script(step)
    with pytest.raises(SegOpsConnectionError) as caught:
        await at_raw(max_retries=1).http.request(method, "/segments/1/")

    assert len(raw.requests) == caught.value.attempts == 2


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_max_retries_zero_sends_once(at_raw, raw, method):
    """Who asks for no repeats gets none, stale connections included."""
    segops = at_raw(max_retries=0)
    raw.script(reply(200, {}), CLOSE)
    await segops.http.request("GET", "/warm/")
    with pytest.raises(SegOpsError):
        await segops.http.request(method, "/segments/1/")

    assert len(raw.requests) == 2


async def test_copy_may_have_its_own_number_of_repeats(at_raw, raw):
    """`with_options` changes the copy only."""
    raw.script(reply(503, {}, retry_after=0))
    segops = at_raw(max_retries=1)
    with pytest.raises(SegOpsApiError) as caught:
        await segops.with_options(max_retries=0).segments.list()
    assert caught.value.attempts == 1

    with pytest.raises(SegOpsApiError) as caught:
        await segops.segments.list()
    assert caught.value.attempts == 2
