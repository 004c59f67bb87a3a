"""What cannot work is refused before anything is sent, and the key is shown nowhere (design, section 2)."""

import math
import traceback

import faces
import pytest

import segops_admin
from segops_admin import SegOpsAuthenticationError, SegOpsConfigError, SegOpsError

KEY = "sk_live_4f5d2c9e8b7a"
ROOT = "http://127.0.0.1:9/api"


def make(face, *args, **options):
    cls = segops_admin.AsyncSegOpsAdmin if face == "async" else segops_admin.SegOpsAdmin
    return cls(*args, **options)


@pytest.mark.parametrize(
    ("key", "hint"),
    [
        (None, "SEGOPS_API_KEY"),
        ("", "sk_"),
        ("pk_live_1", "pk_"),
        ("mk_live_1", "mk_"),
        ("4f5d2c9e8b7a", "sk_"),
        ("SK_live_1", "sk_"),
        ("Bearer sk_live_1", "sk_"),
    ],
)
def test_key_that_is_no_secret_key_is_refused(face, key, hint):
    """Public and MCP keys cannot administer anything, and a call would only find out later."""
    with pytest.raises(SegOpsConfigError, match=hint) as caught:
        make(face, key, base_url=ROOT)

    assert isinstance(caught.value, SegOpsError)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("key", ["sk_live_1\r\nX-Evil: 1", "sk_live_\u00e9", "sk_live_1\x00"])
def test_key_that_fits_no_header_is_refused_without_being_shown(face, key):
    """A key pasted with a line break must neither inject a header nor end up in a log."""
    with pytest.raises(SegOpsConfigError) as caught:
        make(face, key, base_url=ROOT)

    assert key not in str(caught.value)


def test_key_is_positional_and_everything_else_by_keyword(face):
    """The published constructor takes the key first; options stay readable at the call."""
    assert make(face, KEY, base_url=ROOT)
    with pytest.raises(TypeError):
        make(face, KEY, ROOT)


async def test_key_and_root_come_from_the_environment(face, emulator, tenant, monkeypatch):
    """A server is set up without a line of code."""
    monkeypatch.setenv("SEGOPS_API_KEY", tenant.api_key)
    monkeypatch.setenv("SEGOPS_API_URL", emulator.base_url)
    segops = faces.client(face)

    created = await segops.segments.create(name="From the environment")
    await segops.aclose()

    assert created.tenant == tenant.id


async def test_arguments_win_over_the_environment(connect, monkeypatch, tenant):
    """What is written at the call is meant."""
    monkeypatch.setenv("SEGOPS_API_KEY", "sk_nobody")
    monkeypatch.setenv("SEGOPS_API_URL", ROOT)

    assert (await connect().segments.create(name="a")).tenant == tenant.id


def test_refused_key_from_the_environment_is_refused_as_well(face, monkeypatch):
    """Where the key comes from makes no difference."""
    monkeypatch.setenv("SEGOPS_API_KEY", "pk_live_1")

    with pytest.raises(SegOpsConfigError, match="pk_"):
        make(face, base_url=ROOT)


@pytest.mark.parametrize(
    "root",
    [
        "segops.example/api",
        "ftp://segops.example/api",
        "https://",
        "https:///api",
        "https://user:secret-word@segops.example/api",
        "https://segops.example/api?x=1",
        "https://segops.example/api#x",
        "https://segops.example:99999/api",
        "http://segops.example/api",
        "https://segops.example/a pi\n",
    ],
)
def test_root_that_cannot_work_is_refused(face, root):
    """A typing error is told at once, not by a time-out; a key goes over plain HTTP to this machine only."""
    with pytest.raises(SegOpsConfigError) as caught:
        make(face, KEY, base_url=root)

    assert "secret-word" not in str(caught.value)


async def test_slash_at_the_end_of_the_root_does_not_matter(connect, emulator):
    """The published package trims it."""
    segops = connect(base_url=emulator.base_url + "/")

    assert (await segops.segments.list()).count == 0


@pytest.mark.parametrize(
    "option",
    [
        {"timeout": None},
        {"timeout": 0},
        {"timeout": -1},
        {"timeout": math.nan},
        {"timeout": "30"},
        {"max_retries": -1},
        {"max_retries": None},
        {"max_connections": 0},
        {"max_connections": None},
        {"max_retry_after": -1},
        {"max_retry_after": math.nan},
        {"max_body_bytes": 0},
        {"poll_interval": -0.1},
        {"poll_interval": math.nan},
        {"rate_limit": "fast"},
        {"rate_limit": -1},
        {"rate_limit": math.inf},
        {"timeout": 10**400},
        {"timeout": 10**5000},
        {"max_retries": 10**400},
        {"base_url": 5},
        {"base_url": b"https://segops.example/api"},
        {"base_url": False},
        {"headers": "Authorization: x"},
        {"headers": [("X-A", "1")]},
        {"session": 5},
        {"on_event": "print"},
        {"trust_env": "no"},
        {"allow_insecure": "no"},
        {"allow_insecure": 1},
    ],
    ids=lambda option: " ".join(f"{name}={repr(value)[:20]}" for name, value in option.items() if value != 10**5000),
)
def test_option_that_means_nothing_is_refused_by_name(face, option):
    """None does not silently mean for ever, and NaN compares as no limit at all."""
    with pytest.raises(SegOpsConfigError, match=next(iter(option))):
        make(face, KEY, **{"base_url": ROOT, **option})


@pytest.mark.parametrize("value", ["1\r\nX-More: 2", "1\x00", "\ud800", None])
def test_header_that_cannot_be_sent_is_refused_by_name(face, value):
    """A line break in a value would be a header of somebody else's choice."""
    with pytest.raises(SegOpsConfigError, match="X-Evil"):
        make(face, KEY, base_url=ROOT, headers={"X-Evil": value})


@pytest.mark.parametrize(
    "option", [{"timeout": math.nan}, {"timeout": -1}, {"max_retries": -1}, {"headers": "X-A: 1"}], ids=str
)
async def test_option_of_a_copy_is_checked_too(segops, option):
    """`with_options` is another door to the same room."""
    with pytest.raises(SegOpsConfigError, match=next(iter(option))):
        segops.with_options(**option)


async def test_refusal_comes_before_anything_is_sent(face, raw):
    """No server learns of a wrong key."""
    with pytest.raises(SegOpsConfigError):
        make(face, "pk_live_1", base_url=raw.url)

    assert raw.connections == 0


async def test_making_a_client_opens_nothing(at_raw, raw):
    """Connections are made with the first call, so that a client may be a module's global."""
    at_raw()

    assert raw.connections == 0


def test_key_is_in_no_representation(face):
    """Logs, debuggers and notebooks print objects."""
    client = make(face, KEY, base_url=ROOT)
    secret = KEY.removeprefix("sk_live_")

    for value in (client, client.segments, client.http, client.with_options(timeout=1)):
        assert secret not in repr(value) + str(value)


async def test_key_is_in_no_error(connect):
    """An exception travels far: trackers, chat, tickets."""
    segops = connect(api_key=KEY)
    with pytest.raises(SegOpsAuthenticationError) as caught:
        await segops.segments.list()

    error = caught.value
    told = [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]
    assert not [text for text in told if KEY in text]


async def test_key_goes_in_the_authorization_header_only(at_raw, raw):
    """URLs end up in access logs."""
    await at_raw().http.request("GET", "/segments/", query={"page": 1})

    (request,) = raw.requests
    assert request.headers["authorization"] == "ApiKey sk_test_raw"
    assert "sk_test_raw" not in request.target
    assert "x-api-key" not in request.headers
