"""What a caller may hand in by mistake, or for somebody hostile: refused unsent, or sent as exactly one value."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import itertools
import ssl
import urllib.parse
import uuid

import attrs
import hypothesis
import pytest
from hypothesis import strategies as st
from rawserver import reply

from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin, SegOpsConfigError, SegOpsError, SegOpsInputError
from segops_admin.core.multipart import encode_form
from segops_admin.core.request import File, path, query_string

ANY_TEXT = st.text(st.characters(codec=None), max_size=40)
FUZZ = hypothesis.settings(max_examples=300, deadline=None)

BY_ID = {
    "segments.get": lambda s, i: s.segments.get(i),
    "segments.update": lambda s, i: s.segments.update(i, name="a"),
    "segments.delete": lambda s, i: s.segments.delete(i),
    "segments.recompute": lambda s, i: s.segments.recompute(i),
    "segments.export_status": lambda s, i: s.segments.export_status(i, 1),
    "products.get": lambda s, i: s.products.get(i),
    "products.score": lambda s, i: s.products.score(i),
    "users.get": lambda s, i: s.users.get(i),
    "users.segments": lambda s, i: s.users.segments(i),
    "activations.sync": lambda s, i: s.activations.sync(i),
    "queries.run": lambda s, i: s.queries.run(i),
    "pages.regenerate": lambda s, i: s.pages.regenerate(i),
}
NOT_IDS = [None, "", ".", "..", True, 1.5, b"1", [], {}, "a\r\nX: 1", "a\0", "\x7f", "\ud800", "a\u2028b", object()]


@pytest.mark.parametrize("wrong", NOT_IDS, ids=lambda value: repr(value)[:20])
async def test_id_that_is_none_is_refused_unsent(at_raw, raw, wrong):
    """`DELETE /segments//` or `/segments/../` would be another question than the one asked."""
    segops = at_raw()
    for call in BY_ID.values():
        with pytest.raises(SegOpsInputError):
            await call(segops, wrong)

    assert raw.connections == 0


@pytest.mark.parametrize("call", BY_ID.values(), ids=BY_ID.keys())
@pytest.mark.parametrize(
    "id_", ["a/b", "../x", "..%2f", "%2e%2e", "?x=1", "a#b", "a;b", "é 漢", "a+b", "%00", "//evil.invalid"]
)
async def test_id_is_one_segment_whatever_it_holds(at_raw, raw, call, id_):
    """A user id comes from somebody's events: it cannot reach another path or add a query."""
    raw.script(reply(404, {"detail": "Not found."}))
    with pytest.raises(SegOpsError):
        await call(at_raw(max_retries=0), id_)
    (request,) = raw.requests
    where = request.target.partition("?")[0]

    assert urllib.parse.quote(id_, safe="") in where.split("/")
    assert request.target.isascii()


@FUZZ
@hypothesis.given(ANY_TEXT)
def test_any_text_is_one_segment_or_refused(text):
    """And the server reads back what was meant."""
    try:
        written = path("users", text)
    except SegOpsInputError:
        return
    _, users, segment, end = written.split("/")

    assert (users, urllib.parse.unquote(segment), end) == ("users", text, "")
    assert segment not in (".", "..")
    assert not set(segment) & set("?#\\ \r\n")


@FUZZ
@hypothesis.given(st.dictionaries(ANY_TEXT, ANY_TEXT | st.lists(ANY_TEXT, min_size=1) | st.integers() | st.floats()))
def test_any_query_reads_back_as_it_was_meant(query):
    """No value can add a parameter, or end the request line."""
    try:
        written = query_string(query)
    except SegOpsInputError:
        return
    pairs = [
        (name, str(one)) for name, value in query.items() for one in (value if isinstance(value, list) else [value])
    ]

    assert urllib.parse.parse_qsl(written, keep_blank_values=True) == pairs
    assert not set(written) & set("#\\ \r\n")


@pytest.mark.parametrize(
    "query",
    [
        {"a": float("nan")}, {"a": float("inf")}, {"a": b"x"}, {"a": {"b": 1}}, {"a": [["b"]]}, {"a": object()},
        {"a": "\ud800"}, {"\ud800": "a"}, {5: "a"}, {None: "a"}, {b"a": "b"},
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
async def test_query_that_has_no_text_form_is_refused_unsent(at_raw, raw, query):
    """`page=nan` and `b'x'` are nobody's intention."""
    with pytest.raises(SegOpsInputError):
        await at_raw().http.request("GET", "/x/", query=query)

    assert raw.connections == 0


async def test_query_values_of_the_standard_library_are_written(at_raw, raw):
    """What a caller has at hand."""
    when = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.timezone.utc)
    query = {"u": uuid.UUID(int=1), "d": decimal.Decimal("0.10"), "t": when, "n": None, "b": True, "l": [1, None, 2]}
    await at_raw().http.request("GET", "/x/", query=query)
    (request,) = raw.requests

    assert urllib.parse.parse_qsl(request.target.partition("?")[2]) == [
        ("u", "00000000-0000-0000-0000-000000000001"),
        ("d", "0.10"),
        ("t", "2026-01-02T03:04:00+00:00"),
        ("b", "true"),
        ("l", "1"),
        ("l", "2"),
    ]


def holds_itself():
    value = {"name": "a"}
    value["definition"] = [value]
    return value


def deep(levels):
    value = inner = []
    for _ in range(levels):
        inner.append([])
        inner = inner[0]
    return {"definition": value}


class Odd(enum.Enum):
    NUMBER = float("nan")


@dataclasses.dataclass
class Data:
    share: float


class Broken:
    def to_dict(self):
        raise RuntimeError("out of order")


REFUSED = {
    "body.a[1].b": {"a": [1, {"b": b"x"}]},
    "body.set": {"set": {1, 2}},
    "body.nan": {"nan": float("nan")},
    "body.inf[0]": {"inf": [float("-inf")]},
    "body.dec": {"dec": decimal.Decimal("NaN")},
    "body.snan": {"snan": decimal.Decimal("sNaN")},
    "body.big": {"big": 2**64},
    "body.dbig": {"dbig": decimal.Decimal("1E+400")},
    "body.huge": {"huge": decimal.Decimal("1E+999999")},
    "body.obj": {"obj": object()},
    "body.cls": {"cls": dict},
    "body.fn": {"fn": len},
    "body.gen": {"gen": (n for n in "ab")},
    "body.c": {"c": 1j},
    "body.mv": {"mv": memoryview(b"a")},
    "body.delta": {"delta": dt.timedelta(1)},
    "body.text": {"text": "\ud800"},
    "body.broken": {"broken": Broken()},
    "body.x[0].y": {"n": None, "x": [{"y": float("nan")}]},
    "body.enum": {"n": None, "enum": Odd.NUMBER},
    "body.data.share": {"n": None, "data": Data(float("inf"))},
    "body.tup[1]": {"n": None, "tup": (1, float("nan"))},
}


@pytest.mark.parametrize("where", REFUSED)
async def test_body_without_a_json_form_is_refused_with_the_path_to_it(at_raw, raw, where):
    """In a definition of three hundred lines, where is half the answer; nothing of it is sent."""
    with pytest.raises(SegOpsInputError) as caught:
        await at_raw().http.request("POST", "/x/", body=REFUSED[where])

    assert where in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert raw.connections == 0


@pytest.mark.parametrize("body", [{5: "a"}, {None: "a"}, {b"a": 1}, {("a",): 1}], ids=str)
async def test_key_that_is_no_text_is_refused(at_raw, raw, body):
    """JSON would make another key of it, or two of one."""
    with pytest.raises(SegOpsInputError, match="key"):
        await at_raw().http.request("POST", "/x/", body={"deep": [body]})

    assert raw.connections == 0


@pytest.mark.parametrize("body", [holds_itself(), deep(300), deep(100_000)], ids=["circle", "deep", "very deep"])
async def test_body_without_end_is_refused(at_raw, raw, body):
    """Not a RecursionError from three libraries below."""
    with pytest.raises(SegOpsInputError, match="deep"):
        await at_raw().http.request("POST", "/x/", body=body)

    assert raw.connections == 0


@attrs.define
class Point:
    x: int
    y: list


@dataclasses.dataclass
class Pair:
    one: int
    two: object


class Colour(str, enum.Enum):
    RED = "red"


async def test_values_with_a_sensible_json_form_are_written(at_raw, raw):
    """Dates, decimals, ids, and classes that say what they hold."""
    raw.script(reply(200, {}))
    when = dt.datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=dt.timezone.utc)
    body = {
        "when": when,
        "day": when.date(),
        "uuid": uuid.UUID(int=1),
        "tenth": decimal.Decimal("0.1"),
        "whole": decimal.Decimal("12.00"),
        "large": decimal.Decimal("1E+30"),
        "attrs": Point(1, [Point(2, [])]),
        "data": Pair(1, when),
        "colour": Colour.RED,
        "tuple": (1, 2),
        "ordered": collections.OrderedDict(a=1),
        "mapping": collections.ChainMap({"a": 1}),
        "edge": 2**64 - 1,
        "none": None,
    }
    await at_raw().http.request("POST", "/x/", body=body)

    assert raw.requests[0].json() == {
        "when": "2026-01-02T03:04:05.000006Z",
        "day": "2026-01-02",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "tenth": 0.1,
        "whole": 12,
        "large": 1e30,
        "attrs": {"x": 1, "y": [{"x": 2, "y": []}]},
        "data": {"one": 1, "two": "2026-01-02T03:04:05.000006Z"},
        "colour": "red",
        "tuple": [1, 2],
        "ordered": {"a": 1},
        "mapping": {"a": 1},
        "edge": 2**64 - 1,
        "none": None,
    }


NAMES = ["a.csv", 'a"b.csv', "a\r\nX-Evil: 1\r\n\r\nbody", "a\0b", "a;filename=b", "a\\", "é漢.csv", "\x0b\x1b\x7f"]


@pytest.mark.parametrize("name", NAMES)
def test_file_name_stays_inside_its_quotes(name):
    """A name out of an upload form is whatever the visitor wrote."""
    body, content_type = encode_form({"file": (name, b"content"), name: "text"})
    boundary = content_type.partition("boundary=")[2].encode()
    _, first, second, end = body.split(b"--" + boundary)
    head, _, content = first.partition(b"\r\n\r\n")
    lines = head.strip().split(b"\r\n")

    assert [line.partition(b":")[0] for line in lines] == [b"Content-Disposition", b"Content-Type"]
    assert lines[0].count(b'"') == 4
    assert not any(byte < 32 or byte == 127 for byte in lines[0])
    assert content == b"content\r\n"
    assert second.partition(b"\r\n\r\n")[2] == b"text\r\n"
    assert end == b"--\r\n"


WRONG_FORMS = [
    {"f": None}, {"f": 5}, {"f": ()}, {"f": ("n",)}, {"f": ("n", "text")}, {"f": ("n", b"x", "a/b\r\nX: 1")},
    {"f": ("n", b"x", 5)}, {"f": (5, b"x")}, {"f": File("text", "n")}, {"f": "\ud800"}, {"f": ("\ud800", b"x")},
    {"\ud800": "a"}, {5: "a"}, {"f": ["a"]}, {"f": {"a": 1}}, {"f": (1, 2, 3, 4)},
]  # fmt: skip


@pytest.mark.parametrize("form", WRONG_FORMS, ids=lambda value: repr(value)[:30])
async def test_form_that_cannot_be_sent_is_refused(at_raw, raw, form):
    """By the field's name, and unsent."""
    with pytest.raises(SegOpsInputError):
        await at_raw().http.request("POST", "/x/", form=form)

    assert raw.connections == 0


@FUZZ
@hypothesis.given(st.dictionaries(ANY_TEXT, ANY_TEXT | st.binary() | st.tuples(ANY_TEXT, st.binary(), ANY_TEXT)))
def test_any_form_is_written_or_refused(form):
    """And has as many parts as it has fields."""
    try:
        body, content_type = encode_form(form)
    except SegOpsInputError:
        return
    boundary = content_type.partition("boundary=")[2].encode()

    assert body.count(b"--" + boundary + b"\r\n") == len(form)


@pytest.mark.parametrize("name", ["", "A:b", "A b", "A\r\nB", "A\t", "é", "A(b)", "A\0", 5, None, b"A"], ids=repr)
def test_header_name_that_is_none_is_refused(face, name):
    """`A: b` as a name would be another header with our value behind it."""
    cls = AsyncSegOpsAdmin if face == "async" else SegOpsAdmin
    with pytest.raises(SegOpsConfigError):
        cls("sk_test", base_url="http://127.0.0.1:9/api", headers={name: "x"})


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "Content-Encoding", "Expect", "Upgrade", "TE"])
def test_header_that_frames_the_message_is_not_the_callers(name):
    """A length that is not the body's is how requests are smuggled."""
    with pytest.raises(SegOpsConfigError, match=name):
        AsyncSegOpsAdmin("sk_test", base_url="http://127.0.0.1:9/api").with_options(headers={name: "5"})


@pytest.mark.parametrize(
    "context", [False, True, 0, "", "no", object()], ids=["False", "True", "0", "empty", "no", "object"]
)
def test_verification_cannot_be_switched_off_by_a_flag(context):
    """aiohttp takes `ssl=False` for "trust anybody"; here only an SSLContext says how to verify."""
    with pytest.raises(SegOpsConfigError, match="ssl_context"):
        AsyncSegOpsAdmin("sk_test", ssl_context=context)


def test_default_verification_is_on():
    """Against the system's authorities, host name included; a context of one's own is taken as it is."""
    own = ssl.create_default_context()
    assert AsyncSegOpsAdmin("sk_test")._call.transport.ssl_context is None
    assert AsyncSegOpsAdmin("sk_test", ssl_context=own)._call.transport.ssl_context is own


@pytest.mark.parametrize("key", ["a\r\nb", "a\0", "\ud800", "é", "", " a", "a ", 5, b"a"], ids=repr)
async def test_idempotency_key_that_fits_no_header_is_refused(at_raw, raw, key):
    """Here and in the headers of a copy."""
    with pytest.raises(SegOpsInputError):
        await at_raw().segments.create(name="a", idempotency_key=key)

    assert raw.connections == 0


WRONG_PATHS = [
    "",
    "x",
    "//evil.invalid/x",
    "/x?y=1",
    "/x#y",
    "/../x",
    "/a/../x",
    "/x\r\nX: 1",
    "/x y",
    "http://evil.invalid/",
    "/\ud800",
]


@pytest.mark.parametrize("where", WRONG_PATHS)
async def test_path_of_the_escape_hatch_stays_on_the_servers_api(at_raw, raw, where):
    """Refused, or one request line below the root; never another host, line or root."""
    raw.script(reply(200, {}))
    try:
        await at_raw().http.request("GET", where)
    except SegOpsInputError:
        assert raw.connections == 0
    for request in raw.requests:
        assert request.target.startswith("/api/")
        assert ".." not in urllib.parse.unquote(request.target)
        assert not {"x"} & set(request.headers)


def test_ids_that_python_equates_stay_apart():
    """True is 1 to a dictionary, not to a URL."""
    for first, second in itertools.combinations([1, "1", "01", "1 ", "\uff11"], 2):
        if {first, second} != {1, "1"}:
            assert path("x", first) != path("x", second)
