"""One attempt on the wire: cut, slow, redirected, swollen (design, sections 2 and 3)."""

import asyncio
import gzip
import time
import zlib

import aiohttp
import processes
import pytest
from rawserver import CLOSE, HANG, RESET, RawServer, reply

from segops_admin import (
    AsyncSegOpsAdmin,
    SegOpsConfigError,
    SegOpsConnectionError,
    SegOpsDecodeError,
    SegOpsError,
    SegOpsNotFoundError,
    SegOpsTimeoutError,
)

SEGMENT = reply(200, {"id": 1, "name": "a"})
HANG_BOUND_S = 10


async def test_unreachable_server_is_a_connection_error_with_its_address(connect):
    """The first thing that goes wrong on a new machine."""
    async with RawServer() as closed:
        url = closed.url
    with pytest.raises(SegOpsConnectionError, match=r"127\.0\.0\.1") as caught:
        await connect(base_url=url, max_retries=0).segments.get(1)

    assert not isinstance(caught.value, SegOpsTimeoutError)
    assert isinstance(caught.value.__cause__, Exception)


async def test_unknown_host_is_a_connection_error(connect):
    """A typing error in the address."""
    with pytest.raises(SegOpsConnectionError, match=r"no-such-host\.invalid"):
        await connect(base_url="https://no-such-host.invalid/api", max_retries=0).segments.get(1)


NOT_HTTP = b"\x16\x03\x01 not HTTP at all\r\n\r\n"
CUT_BODY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"
CUT_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"
BAD_GZIP = reply(200, b"this is not gzip", content_encoding="gzip", content_type="application/json")
BROKEN = {
    "closed": [CLOSE],
    "reset": [RESET],
    "closed in the headers": [b"HTTP/1.1 200 OK\r\nContent-", CLOSE],
    "closed in the body": [CUT_BODY, CLOSE],
    "reset in the body": [CUT_BODY, RESET],
    "closed in a chunk": [CUT_CHUNK, CLOSE],
    "not HTTP": [NOT_HTTP, CLOSE],
    "bad chunk size": [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n", CLOSE],
    "endless header": [b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n", CLOSE],
    "bad status": [b"HTTP/1.1 2x0 OK\r\n\r\n", CLOSE],
    "bad gzip": [BAD_GZIP, CLOSE],
}


@pytest.mark.parametrize("steps", BROKEN.values(), ids=BROKEN.keys())
async def test_broken_answer_is_a_connection_error(at_raw, raw, steps):
    """Half an answer is never taken for a whole one, and no foreign exception comes through."""
    raw.script(steps)
    with pytest.raises((SegOpsConnectionError, SegOpsDecodeError)) as caught:
        await at_raw(max_retries=0).http.request("GET", "/segments/1/")

    assert "/segments/1/" in str(caught.value)


@pytest.mark.parametrize(
    "steps",
    [
        [HANG],
        [b"HTTP/1.1 200 OK\r\n", HANG],
        [CUT_BODY, HANG],
        [CUT_BODY, *[0.05, b" "] * 90, HANG],
    ],
    ids=["silence", "slow headers", "slow body", "dripping body"],
)
async def test_slow_answer_hits_the_timeout(at_raw, raw, steps):
    """`timeout` is the whole call: a byte now and then does not keep it alive."""
    raw.script(steps)
    started = time.monotonic()
    with pytest.raises(SegOpsTimeoutError, match=r"0\.3") as caught:
        await at_raw(timeout=0.3).segments.get(1)

    assert time.monotonic() - started < HANG_BOUND_S
    assert caught.value.attempts >= 1


async def test_timeout_covers_all_attempts_together(at_raw, raw):
    """Not each of them."""
    raw.script([0.1, reply(503, {}, retry_after=0)])
    started = time.monotonic()
    with pytest.raises(SegOpsError):
        await at_raw(timeout=0.5, max_retries=10_000).segments.get(1)

    assert time.monotonic() - started < HANG_BOUND_S
    assert len(raw.requests) < 10


async def test_timeout_covers_the_wait_for_a_connection(at_raw, raw):
    """More calls than connections: those who wait, wait no longer than agreed."""
    raw.script(HANG)
    segops = at_raw(timeout=0.3, max_connections=1, max_retries=0)
    calls = [segops.segments.get(number) for number in range(5)]
    results = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), HANG_BOUND_S)

    assert {type(result) for result in results} == {SegOpsTimeoutError}


async def test_no_more_connections_than_allowed(at_raw, raw):
    """More calls wait for their turn."""
    raw.script([0.01, SEGMENT])
    segops = at_raw(max_connections=2)
    await asyncio.gather(*(segops.segments.get(1) for _ in range(12)))

    assert raw.most_in_flight <= 2
    assert raw.connections <= 2


async def test_connections_are_used_again(at_raw, raw):
    """A copy with other options shares them; a handshake per call would be the slowest part of it."""
    raw.script(SEGMENT)
    segops = at_raw()
    for client in (segops, segops.with_options(timeout=5), segops.with_options(headers={"X-A": "1"}), segops):
        await client.segments.get(1)

    assert raw.connections == 1
    assert [r.headers.get("x-a") for r in raw.requests] == [None, None, "1", None]


async def test_closing_a_copy_closes_nothing(at_raw, raw):
    """The connections belong to the client it was made from."""
    raw.script(SEGMENT)
    segops = at_raw()
    await segops.with_options(timeout=5).aclose()

    assert (await segops.segments.get(1)).id == 1


async def test_use_after_close_is_a_clear_error(at_raw, raw):
    """Not a foreign exception out of a closed loop or session; closing twice is fine."""
    raw.script(SEGMENT)
    segops = at_raw()
    copy = segops.with_options(timeout=5)
    await segops.segments.get(1)
    await segops.aclose()
    await segops.aclose()

    for client in (segops, copy):
        with pytest.raises(SegOpsConfigError, match="closed"):
            await client.segments.get(1)


async def test_requests_without_a_body_have_no_content_type(at_raw, raw):
    """A server asked to parse nothing as something answers 415 or 400 (sheet, section 7)."""
    raw.script(reply(200, {"status": "queued", "id": 1}))
    segops = at_raw()
    await segops.segments.recompute(1)
    await segops.http.request("PUT", "/x/")
    await segops.segments.delete(1)

    assert [(r.body, r.headers.get("content-type")) for r in raw.requests] == [(b"", None)] * 3


async def test_request_says_who_sends_it_and_what_it_takes(at_raw, raw):
    """JSON both ways, and only encodings that can be bounded."""
    raw.script(SEGMENT)
    await at_raw().segments.create(name="å")
    (request,) = raw.requests

    assert request.headers["accept"] == "application/json"
    assert request.headers["content-type"].startswith("application/json")
    assert "segops" in request.headers["user-agent"].lower()
    assert set(request.headers["accept-encoding"].replace(" ", "").split(",")) <= {"gzip", "deflate"}
    assert request.body.decode("utf-8") == '{"name":"å"}'


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_packed_answer_is_unpacked(at_raw, raw, encoding, pack):
    """As asked for."""
    raw.script(reply(200, pack(b'{"id": 1, "name": "a"}'), content_encoding=encoding, content_type="application/json"))

    assert (await at_raw().segments.get(1)).name == "a"


async def test_gzip_bomb_is_refused(at_raw, raw):
    """A few kilobytes must not become gigabytes of memory: the limit counts what was unpacked."""
    bomb = gzip.compress(b'["' + b"a" * 50_000_000 + b'"]')
    raw.script(reply(200, bomb, content_encoding="gzip", content_type="application/json"))
    with pytest.raises(SegOpsError, match=r"1,?000,?000|bytes|large|long"):
        await at_raw(max_retries=0, max_body_bytes=1_000_000).http.request("GET", "/x/")


async def test_answer_at_the_limit_is_read_and_one_byte_more_is_not(at_raw, raw):
    """The limit is exact, and also holds where no length is announced."""
    raw.script(reply(200, b'"' + b"a" * 98 + b'"'))
    assert len(await at_raw(max_body_bytes=100).http.request("GET", "/x/")) == 98

    raw.script([b'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"' + b"a" * 99 + b'"', CLOSE])
    with pytest.raises(SegOpsError):
        await at_raw(max_body_bytes=100, max_retries=0).http.request("GET", "/x/")


def test_two_event_loops_in_a_row_work_and_leave_nothing(emulator, tenant):
    """A script with two `asyncio.run` dies neither of "Event loop is closed" nor of an unclosed session's warning."""
    done = processes.script(
        """
        import asyncio, gc
        from segops_admin import AsyncSegOpsAdmin

        segops = AsyncSegOpsAdmin()

        async def last():
            async with segops:
                await segops.segments.list()

        asyncio.run(segops.segments.list())
        asyncio.run(segops.segments.list())
        asyncio.run(last())
        gc.collect()
        print("ok")
        """,
        SEGOPS_API_KEY=tenant.api_key,
        SEGOPS_API_URL=emulator.base_url,
    )

    assert (done.stdout, done.stderr) == ("ok\n", "")


async def test_borrowed_session_is_used_and_left_open(raw):
    """Who opened it closes it."""
    raw.script(SEGMENT)
    async with aiohttp.ClientSession(headers={"X-Session": "mine"}) as session:
        async with AsyncSegOpsAdmin("sk_test", base_url=raw.url, session=session) as segops:
            await segops.segments.get(1)

        assert raw.requests[0].headers["x-session"] == "mine"
        assert not session.closed


async def test_cancelled_call_lets_go_of_its_connection(raw):
    """What is cancelled is cancelled on the wire too."""
    raw.script(HANG)
    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url) as segops:
        call = asyncio.create_task(segops.segments.get(1))
        await raw.arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(raw.cut.wait(), HANG_BOUND_S)


async def test_borrowed_session_is_used_by_our_rules(raw):
    """It may raise for statuses and have time limits of its own: what a call means must not depend on it."""
    raw.script(reply(404, {"detail": "Not found."}), [0.3, reply(200, {"id": 1, "name": "a"})])
    limits = aiohttp.ClientTimeout(total=0.1)
    async with aiohttp.ClientSession(raise_for_status=True, timeout=limits) as session:
        segops = AsyncSegOpsAdmin("sk_test", base_url=raw.url, session=session, max_retries=0)
        with pytest.raises(SegOpsNotFoundError):
            await segops.segments.get(1)
        assert (await segops.segments.get(1)).id == 1


async def test_call_that_never_left_is_told_as_unsent(raw):
    """A create that waited for a connection until its end has had no effect, and may be sent again."""
    raw.script(HANG)
    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url, max_connections=1) as segops:
        first = asyncio.ensure_future(segops.with_options(timeout=5).segments.create(name="a"))
        await raw.arrived.wait()
        with pytest.raises(SegOpsTimeoutError) as waiting:
            await segops.with_options(timeout=0.1).segments.create(name="b")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url) as segops:
        with pytest.raises(SegOpsTimeoutError) as on_its_way:
            await segops.with_options(timeout=0.2).segments.create(name="b")

    assert not waiting.value.outcome_unknown
    assert "taken effect" not in str(waiting.value)
    assert on_its_way.value.outcome_unknown


async def test_netrc_of_the_machine_is_not_read(raw, tmp_path, monkeypatch):
    """With proxies of the environment aiohttp reads it as well, and its passwords go to whoever is asked."""
    (tmp_path / "netrc").write_text("default login me password hush\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    raw.script(reply(200, {"id": 1, "name": "a"}))
    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url, trust_env=True) as segops:
        await segops.segments.get(1)

    assert raw.requests[0].headers["authorization"] == "ApiKey sk_test"


async def test_proxy_of_the_environment_is_asked_when_trusted(raw, monkeypatch):
    """By the names every tool knows."""
    monkeypatch.setenv("http_proxy", raw.origin)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    raw.script(reply(200, {"id": 1, "name": "a"}))
    root = "http://segops.invalid/api"
    async with AsyncSegOpsAdmin("sk_test", base_url=root, trust_env=True, allow_insecure=True) as segops:
        await segops.segments.get(1)

    assert raw.requests[0].target == "http://segops.invalid/api/segments/1/"
