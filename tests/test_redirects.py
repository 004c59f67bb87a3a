"""Redirects are followed on the same origin only; the key goes nowhere else (sheet, 8.9; field notes)."""

import contextlib

import pytest
from rawserver import RawServer, reply

from segops_admin import SegOpsConnectionError, SegOpsError

SEGMENT = reply(200, {"id": 1, "name": "a"})


@pytest.fixture
async def foreign():
    """A second server: another port is another origin."""
    async with RawServer() as server:
        server.script(SEGMENT)
        yield server


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("absolute", [False, True])
async def test_redirected_get_is_followed_on_the_same_origin(at_raw, raw, status, absolute):
    """With the key, as it goes to the same server."""
    location = (raw.origin if absolute else "") + "/api/segments/2/?x=a%2Fb"
    raw.script(reply(status, location=location), SEGMENT)

    assert (await at_raw().segments.get(1)).id == 1
    assert raw.requests[1].target == "/api/segments/2/?x=a%2Fb"
    assert raw.requests[1].headers["authorization"] == "ApiKey sk_test_raw"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", ["get", "delete"])
async def test_key_never_goes_to_a_foreign_origin(at_raw, raw, foreign, status, call):
    """Whatever the status and method, and under whatever header."""
    raw.script(reply(status, location=f"{foreign.url}/segments/1/"))
    with contextlib.suppress(SegOpsError):
        await getattr(at_raw(max_retries=0, headers={"X-Own": "secret-word"}).segments, call)(1)

    for request in foreign.requests:
        assert "sk_test_raw" not in repr(request)
        assert not {"authorization", "x-api-key", "idempotency-key", "x-own"} & set(request.headers)


async def test_body_never_goes_to_a_foreign_origin(at_raw, raw, foreign):
    """A 307 asks to send it again, elsewhere."""
    raw.script(reply(307, location=f"{foreign.url}/segments/"))
    with pytest.raises(SegOpsError):
        await at_raw(max_retries=0).segments.create(name="a")

    assert foreign.connections == 0


@pytest.mark.parametrize("status", [301, 302])
async def test_redirected_mutation_does_not_turn_into_a_read(at_raw, raw, status):
    """The missing-slash trap: a POST that becomes a GET has lost its body and looks like a success."""
    raw.script(reply(status, location="/api/segments/x/"), SEGMENT)
    with pytest.raises(SegOpsError):
        await at_raw(max_retries=0).segments.create(name="a")

    assert [r.method for r in raw.requests] == ["POST"]


async def test_circle_of_redirects_ends(at_raw, raw):
    """After a few of them."""
    raw.script(reply(302, location="/api/segments/1/"))
    with pytest.raises(SegOpsError):
        await at_raw(max_retries=0).segments.get(1)

    assert len(raw.requests) <= 25


@pytest.mark.parametrize("location", [None, "", "http://", "ftp://127.0.0.1/x", "http://[::1", "\x01"], ids=str)
async def test_redirect_to_nowhere_is_an_error_of_the_tree(at_raw, raw, location):
    """A proxy's mistake is not ours to crash on."""
    raw.script(reply(302, location=location))
    with pytest.raises(SegOpsError):
        await at_raw(max_retries=0).segments.get(1)


async def test_downgrade_to_plain_http_counts_as_foreign(at_raw, raw):
    """Scheme, host and port make an origin."""
    raw.script(reply(302, location=raw.url.replace("127.0.0.1", "localhost") + "/segments/1/"), SEGMENT)
    with contextlib.suppress(SegOpsError):
        await at_raw(max_retries=0).segments.get(1)

    assert all("authorization" not in r.headers for r in raw.requests[1:])


async def download(segops, target, url):
    """Fetch an export whose link leads to `url`."""
    status = await segops.segments.export_status(5, 7)
    assert status.download_url == url
    return await segops.segments.download_export(status, target)


async def test_download_from_the_own_origin_carries_the_key(at_raw, raw, tmp_path):
    """Root-relative links are joined to the origin, not to the API root (sheet, 8.9)."""
    url = "/api/segments/exports/7/download/"
    raw.script(reply(200, {"id": 7, "status": "complete", "download_url": url}), reply(200, b"user_id\nana\n"))
    path = await download(at_raw(), tmp_path / "m.csv", url)

    assert raw.requests[1].target == url
    assert raw.requests[1].headers["authorization"] == "ApiKey sk_test_raw"
    assert path.read_bytes() == b"user_id\nana\n"


@pytest.mark.parametrize("by", ["link", "redirect"])
async def test_download_from_a_storage_carries_no_key(at_raw, raw, foreign, tmp_path, by):
    """A presigned address on another host needs none, and would log it."""
    there = f"{foreign.origin}/bucket/7.csv?signature=a%2Bb"
    url = there if by == "link" else "/api/segments/exports/7/download/"
    raw.script(reply(200, {"id": 7, "status": "complete", "download_url": url}), reply(302, location=there))
    foreign.script(reply(200, b"user_id\nana\n"))
    path = await download(at_raw(headers={"X-Own": "secret-word"}), tmp_path / "m.csv", url)

    (request,) = foreign.requests
    assert request.target == "/bucket/7.csv?signature=a%2Bb"
    assert "authorization" not in request.headers
    assert "x-own" not in request.headers
    assert path.read_bytes() == b"user_id\nana\n"


async def test_download_that_is_refused_leaves_no_file(at_raw, raw, tmp_path):
    """An error page is no export."""
    url = "/api/segments/exports/7/download/"
    raw.script(reply(200, {"id": 7, "status": "complete", "download_url": url}), reply(403, b"<html>Expired</html>"))
    with pytest.raises(SegOpsError, match="403"):
        await download(at_raw(), tmp_path / "m.csv", url)

    assert not list(tmp_path.iterdir())


async def test_download_may_be_larger_than_what_is_read_into_memory(at_raw, raw, tmp_path):
    """It is streamed to the file."""
    url = "/api/segments/exports/7/download/"
    raw.script(reply(200, {"id": 7, "status": "complete", "download_url": url}), reply(200, b"x" * 300_000))
    path = await download(at_raw(max_body_bytes=100_000), tmp_path / "m.csv", url)

    assert path.stat().st_size == 300_000


async def test_unreachable_storage_is_a_connection_error(at_raw, raw, tmp_path):
    """And leaves no file."""
    async with RawServer() as closed:
        url = f"{closed.origin}/7.csv"
    raw.script(reply(200, {"id": 7, "status": "complete", "download_url": url}))
    with pytest.raises(SegOpsConnectionError):
        await download(at_raw(max_retries=0), tmp_path / "m.csv", url)

    assert not list(tmp_path.iterdir())
