"""Answers no HTTP framework can give: each ends in an error of our tree, in time, and takes its connection with it.

tests/test_transport.py has the everyday breakages; here is what somebody has to want, or a proxy to get badly wrong.
"""

import gzip
import json
import time
import zlib

import pytest
from rawserver import CLOSE, HANG, RESET, reply

from segops_admin import (
    SegOpsApiError,
    SegOpsBadRequestError,
    SegOpsConnectionError,
    SegOpsDecodeError,
    SegOpsError,
    SegOpsTimeoutError,
)

OK = b"HTTP/1.1 200 OK\r\n"
JSON = b"Content-Type: application/json\r\n"
CHUNKED = OK + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
SEGMENT = b'{"id": 1, "name": "a"}'
GOOD = reply(200, SEGMENT, content_type="application/json")
TIMEOUT_S = 0.25
SLACK_S = 1.5


def packed(body, encoding, **headers):
    return reply(200, body, content_encoding=encoding, content_type="application/json", **headers)


async def outcome(call):
    """Return what a call came to: its record, or the error of ours; anything else comes out and fails the test."""
    try:
        return await call
    except SegOpsError as error:
        return error


def drip(piece, pause=0.01):
    """Return so many steps that no time-out of a test lives to see their end."""
    return [*[piece, pause] * 400, HANG]


NOT_WHOLE = {
    "nothing but a line end": [b"\r\n\r\n", CLOSE],
    "HTTP/0.9": [SEGMENT, CLOSE],
    "HTTP/2 preface": [b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18, CLOSE],
    "TLS alert": [b"\x15\x03\x01\x00\x02\x02\x46", CLOSE],
    "version of tomorrow": [b"HTTP/9.9.9 200 OK\r\n\r\n", CLOSE],
    "status of four digits": [b"HTTP/1.1 2000 OK\r\n\r\n", CLOSE],
    "negative status": [b"HTTP/1.1 -200 OK\r\n\r\n", CLOSE],
    "negative length": [OK + b"Content-Length: -1\r\n\r\n" + SEGMENT, CLOSE],
    "length in words": [OK + b"Content-Length: many\r\n\r\n" + SEGMENT, CLOSE],
    "two lengths": [OK + b"Content-Length: 22\r\nContent-Length: 5\r\n\r\n" + SEGMENT, CLOSE],
    "length beyond counting": [OK + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n" + SEGMENT, CLOSE],
    "length too long by one": [OK + JSON + b"Content-Length: 23\r\n\r\n" + SEGMENT, CLOSE],
    "reset after half a body": [OK + JSON + b"Content-Length: 23\r\n\r\n" + SEGMENT, RESET],
    "chunk without its end": [CHUNKED + b"16\r\n" + SEGMENT + b"\r\n", CLOSE],
    "reset between chunks": [CHUNKED + b"16\r\n" + SEGMENT + b"\r\n", RESET],
    "chunk shorter than said": [CHUNKED + b"ff\r\n" + SEGMENT + b"\r\n0\r\n\r\n", CLOSE],
    "chunk of negative size": [CHUNKED + b"-5\r\n" + SEGMENT + b"\r\n0\r\n\r\n", CLOSE],
    "chunk beyond counting": [CHUNKED + b"f" * 40 + b"\r\n" + SEGMENT, CLOSE],
    "header without a colon": [OK + b"no colon here\r\n\r\n", CLOSE],
    "null in a header": [OK + b"X-A: a\x00b\r\nContent-Length: 0\r\n\r\n", CLOSE],
    "space before the colon": [OK + b"Content-Length : 2\r\n\r\n{}", CLOSE],
    "thousand headers of nothing": [OK + b"X-A: b\r\n" * 100_000 + b"\r\n", CLOSE],
    "brotli that nobody asked for": [packed(b"\x0b\x02\x80{}\x03", "br"), CLOSE],
    "zstd that is none": [packed(b"{}", "zstd"), CLOSE],
    "gzip that is none": [packed(SEGMENT, "gzip"), CLOSE],
    "deflate that is none": [packed(SEGMENT, "deflate"), CLOSE],
    "gzip cut in half": [packed(gzip.compress(SEGMENT)[:20], "gzip"), CLOSE],
    "deflate cut in half": [packed(zlib.compress(SEGMENT)[:-6], "deflate"), CLOSE],
    "gzip with a wrong sum": [packed(gzip.compress(SEGMENT)[:-8] + b"\0" * 8, "gzip"), CLOSE],
    "answer to a question nobody asked": [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05",
        CLOSE,
    ],
}


@pytest.mark.parametrize("steps", NOT_WHOLE.values(), ids=NOT_WHOLE.keys())
async def test_answer_that_is_not_whole_is_an_error_and_the_next_call_is_well(at_raw, raw, steps):
    """No foreign exception, nothing taken for a record, and the connection is not used again."""
    raw.script(steps, GOOD)
    segops = at_raw(max_retries=0, timeout=5)
    with pytest.raises((SegOpsConnectionError, SegOpsDecodeError, SegOpsApiError)):
        await segops.segments.get(1)

    assert (await segops.with_options(max_retries=1).segments.get(1)).id == 1
    assert raw.connections == 2


ENDLESS = {
    "headers": [OK, *drip(b"X-A: b\r\n")],
    "one header": [OK + b"X-A: ", *drip(b"a")],
    "status line": [b"HTTP/1.1 200 ", *drip(b"O")],
    "interim answers": drip(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body without a length": [OK + JSON + b"\r\n[", *drip(b" ")],
    "body by chunks": [CHUNKED, *drip(b"1\r\n \r\n")],
    "chunk extensions": [CHUNKED + b"1;a=", *drip(b"b")],
    "trailers": [CHUNKED + b"0\r\n", *drip(b"X-A: b\r\n")],
    "empty lines": drip(b"\r\n"),
    "unpacked nothing": [OK + JSON + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", *drip(b"")],
}


@pytest.mark.parametrize("steps", ENDLESS.values(), ids=ENDLESS.keys())
async def test_answer_without_end_ends_with_our_time(at_raw, raw, steps):
    """A byte now and then keeps nothing alive, wherever in the answer it comes."""
    raw.script(steps, GOOD)
    segops = at_raw(max_retries=0)
    started = time.monotonic()
    with pytest.raises((SegOpsTimeoutError, SegOpsConnectionError)):
        await segops.with_options(timeout=TIMEOUT_S).segments.get(1)

    assert time.monotonic() - started < TIMEOUT_S + SLACK_S
    assert (await segops.segments.get(1)).id == 1
    assert raw.connections == 2


FLOODS = {
    "body without a length": [OK + JSON + b"\r\n[", *[b" " * 65536] * 100, HANG],
    "body by chunks": [CHUNKED, *[b"10000\r\n" + b" " * 65536 + b"\r\n"] * 100, HANG],
    "body of a said length": [OK + JSON + b"Content-Length: 99999999999\r\n\r\n[", *[b" " * 65536] * 100, HANG],
    "bomb": [packed(gzip.compress(b" " * 50_000_000), "gzip"), HANG],
    "bomb of many members": [packed(gzip.compress(b" " * 1_000_000) * 50, "gzip"), HANG],
    "deflated bomb": [packed(zlib.compress(b" " * 50_000_000), "deflate"), HANG],
    "error page": [reply(500, gzip.compress(b" " * 50_000_000), content_encoding="gzip"), HANG],
}


@pytest.mark.parametrize("steps", FLOODS.values(), ids=FLOODS.keys())
async def test_flood_is_cut_at_the_limit(at_raw, raw, steps):
    """After so many bytes nothing more is read, and the connection goes: the rest would fill it for ever."""
    raw.script(steps, GOOD)
    segops = at_raw(max_retries=0, timeout=20, max_body_bytes=1_000_000)
    with pytest.raises((SegOpsDecodeError, SegOpsConnectionError), match=r"larger than 1,000,000 bytes"):
        await segops.segments.get(1)

    assert (await segops.segments.get(1)).id == 1
    assert raw.connections == 2


STRANGE = {
    "empty": b"",
    "spaces": b"   \r\n",
    "BOM": b"\xef\xbb\xbf" + SEGMENT,
    "UTF-16": json.dumps({"id": 1, "name": "a"}).encode("utf-16"),
    "invalid UTF-8": b'{"id": 1, "name": "\xff\xfe"}',
    "lone surrogate": b'{"id": 1, "name": "\\ud800"}',
    "NaN": b'{"id": 1, "name": "a", "member_count": NaN}',
    "infinity": b'{"id": 1, "name": "a", "member_count": 1e999}',
    "100,000 deep lists": b"[" * 100_000 + b"]" * 100_000,
    "100,000 deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "two values": SEGMENT + SEGMENT,
    "half": SEGMENT[:-1],
    "comment": b"/* hi */" + SEGMENT,
    "single quotes": b"{'id': 1, 'name': 'a'}",
    "HTML": b"<!DOCTYPE html><html><body>It works!</body></html>",
    "JSONP": b"callback(" + SEGMENT + b")",
    "null": b"null",
    "text": b'"a"',
    "number": b"1",
    "boolean": b"true",
    "list of nulls": b"[null, null]",
    "id of 10,000 digits": b'{"id": ' + b"9" * 10_000 + b', "name": "a"}',
    "id of 10,000 digits as text": b'{"id": "' + b"9" * 10_000 + b'", "name": "a"}',
    "id with a fraction": b'{"id": 1.5, "name": "a"}',
    "id null": b'{"id": null, "name": "a"}',
    "id of true": b'{"id": true, "name": "a"}',
}
LENIENT = {"infinity", "id of 10,000 digits"}
"""May be read, as long as what comes out is not wrong."""


@pytest.mark.parametrize("kind", ["application/json", "text/html; charset=utf-16"])
@pytest.mark.parametrize("name", STRANGE)
async def test_body_that_is_no_segment_is_a_decode_error(at_raw, raw, name, kind):
    """Whatever it calls itself: the bytes decide."""
    raw.script(reply(200, STRANGE[name], content_type=kind))
    segops = at_raw(max_retries=0)
    read = await outcome(segops.segments.get(1))
    walked = await outcome(segops.segments.list())

    assert isinstance(read, SegOpsDecodeError) or name in LENIENT
    assert isinstance(walked, SegOpsDecodeError)
    assert len(str(read)) < 2000


@pytest.mark.parametrize("kind", [None, "text/plain", "text/html", "application/octet-stream", "nonsense/;;;="])
async def test_right_body_of_a_wrong_type_is_read(at_raw, raw, kind):
    """Proxies relabel; what parses as the record is the record."""
    raw.script(reply(200, SEGMENT, content_type=kind))

    assert (await at_raw().segments.get(1)).name == "a"


async def test_last_of_duplicate_keys_counts(at_raw, raw):
    """As in every JSON reader people compare with; both faces and both readers agree."""
    raw.script(reply(200, b'{"id": 1, "id": 2, "name": "a", "name": "b"}'))
    segops = at_raw()
    segment = await segops.segments.get(1)

    assert (segment.id, segment["id"], segment.name) == (2, 2, "b")
    assert await segops.http.request("GET", "/x/") == {"id": 2, "name": "b"}


BIG = [2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**64 + 1, 10**30 + 7]


@pytest.mark.parametrize("number", BIG)
async def test_id_of_any_length_is_exact(at_raw, raw, number):
    """A float would name another object."""
    raw.script(
        reply(200, {"id": number, "name": "a"}),
        reply(200, {"count": 1, "next": None, "results": [{"id": number, "name": "a"}]}),
        reply(200, {"id": number}),
    )
    segops = at_raw()
    segment = await segops.segments.get(number)
    page = await segops.segments.list()

    assert segment.id == segment["id"] == segment.to_dict()["id"] == number
    assert page.results[0].id == page["results"][0]["id"] == number
    assert (await segops.http.request("GET", "/x/"))["id"] == number
    assert raw.requests[0].target == f"/api/segments/{number}/"


@pytest.mark.parametrize("number", BIG[3:])
async def test_id_in_a_field_of_tomorrow_is_exact_too(at_raw, raw, number):
    """`.extra` keeps what the server adds; a reference rounded there is a reference lost."""
    raw.script(reply(200, {"id": 1, "name": "a", "owner_id": number, "of": [{"id": number}]}))
    segment = await at_raw().segments.get(1)

    assert segment["owner_id"] == number
    assert segment["of"] == [{"id": number}]


@pytest.mark.parametrize("depth", [50, 500, 1000, 5000, 100_000])
@pytest.mark.parametrize(
    "shape", [(b'{"a":', b"}"), (b"[", b"]"), (b'[{"a":', b"}]")], ids=["objects", "lists", "both"]
)
@pytest.mark.parametrize("status", [400, 200])
async def test_nesting_breaks_nothing(at_raw, raw, depth, shape, status):
    """Neither the parser nor what looks through complaints for their fields, nor what writes the record back."""
    opening, closing = shape
    inner = opening * depth + b'"x"' + closing * depth
    raw.script(reply(status, b'{"id": 1, "name": "a", "detail": null, "extra_field": ' + inner + b"}"))
    read = await outcome(at_raw(max_retries=0).segments.get(1))

    if status == 400:
        assert isinstance(read, SegOpsBadRequestError)
        assert len(str(read)) < 2000
    elif not isinstance(read, SegOpsDecodeError):
        assert read.to_dict()["id"] == 1
    assert len(repr(read)) < 10_000_000


HEADERS = {
    "Retry-After": [
        b"\xff",
        b"1_0",
        "\u0661".encode(),
        b"1e9",
        b"-0",
        b"99999999999999999999",
        b"Thu, 01 Jan 0001 00:00:00 GMT",
    ],
    "Content-Type": [b"\xff\xfe", b";", b"a" * 5000, b"application/json; charset=nope"],
    "Location": [b"\xff", b"http://[", b"//", b"http://a:b:c/", b"\x7f"],
    "Date": [b"never"],
    "Connection": [b"\xff", b"upgrade"],
    "Set-Cookie": [b"a=b; domain=\xff", b"=" * 4000],
    "Content-Encoding": [b"", b"identity", b"nonsense", b"gzip, gzip", b"\xff"],
    "Transfer-Encoding": [b"gzip", b"nonsense", b"chunked, chunked"],
    "Keep-Alive": [b"timeout=-1", b"timeout=\xff"],
}


@pytest.mark.parametrize("status", [200, 302, 503])
@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, values in HEADERS.items() for value in values],
    ids=lambda part: str(part)[:30],
)
async def test_nonsense_in_a_header_lets_nothing_else_escape(at_raw, raw, name, value, status):
    """A record, or an error of ours; reading its facts raises nothing either."""
    head = b"HTTP/1.1 %d Reason\r\n%s: %s\r\nContent-Length: %d\r\n\r\n" % (status, name.encode(), value, len(SEGMENT))
    raw.script([head + SEGMENT, CLOSE])
    read = await outcome(at_raw(max_retries=0, timeout=1).segments.get(1))

    assert getattr(read, "id", 1) == 1
    assert str(vars(read) if isinstance(read, SegOpsError) else read)


@pytest.mark.parametrize(
    "status", [*range(100, 200, 33), 203, 204, 205, 206, 226, 299, 300, 304, 306, 399, 418, 599, 600, 999]
)
async def test_every_status_ends_the_call(at_raw, raw, status):
    """Those nobody uses as well."""
    raw.script([reply(status, SEGMENT, content_type="application/json"), 0.05, CLOSE])
    read = await outcome(at_raw(max_retries=0, timeout=0.5).segments.get(1))

    if isinstance(read, SegOpsApiError):
        assert read.status == status
    elif not isinstance(read, SegOpsError):
        assert 200 <= status < 300


async def test_second_answer_in_one_is_not_taken_for_the_next(at_raw, raw):
    """A response that brings another one with it must not answer the next call."""
    evil = reply(200, {"id": 666, "name": "evil"})
    raw.script([reply(200, {"id": 1, "name": "a"}) + evil, 0.02], reply(200, {"id": 2, "name": "b"}))
    segops = at_raw(max_retries=0)
    read = [await outcome(segops.segments.get(number)) for number in (1, 2, 3)]

    assert 666 not in [getattr(segment, "id", None) for segment in read]


async def test_unasked_words_on_an_idle_connection_are_not_an_answer(at_raw, raw):
    """What arrives between two calls belongs to neither."""
    raw.script([GOOD, 0.05, reply(200, {"id": 666, "name": "evil"}), 0.05], reply(200, {"id": 2, "name": "b"}))
    segops = at_raw(max_retries=2)
    first = await segops.segments.get(1)
    await segops.http.request("GET", "/pause/")
    later = [(await segops.segments.get(number)).id for number in range(3)]

    assert first.id == 1
    assert 666 not in later


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("name", ["reset between chunks", "gzip that is none", "header without a colon"])
async def test_escape_hatch_breaks_no_other_way(at_raw, raw, method, name):
    """The same border holds for calls without a method of their own."""
    raw.script(NOT_WHOLE[name])
    with pytest.raises((SegOpsConnectionError, SegOpsDecodeError)):
        await at_raw(max_retries=0).http.request(method, "/x/", body={} if method in ("POST", "PUT", "PATCH") else None)


async def test_answer_before_the_request_is_through_is_an_error_of_ours(at_raw, raw):
    """A 413 comes while the body is still on its way; whichever is noticed first, nothing foreign comes out."""
    raw.script([reply(413, {"detail": "Too large."}, connection="close"), CLOSE])
    with pytest.raises((SegOpsApiError, SegOpsConnectionError)):
        await at_raw(max_retries=0).http.request("POST", "/x/", body={"name": "x" * 1_000_000})


async def test_broken_answers_one_after_another_leave_the_client_well(at_raw, raw):
    """A client lives as long as its process, and meets all of it."""
    segops = at_raw(max_retries=0, timeout=5, max_connections=2)
    for steps in NOT_WHOLE.values():
        raw.script(steps)
        with pytest.raises(SegOpsError):
            await segops.segments.get(1)
    raw.script(GOOD)

    assert (await segops.with_options(max_retries=2).segments.get(1)).id == 1
