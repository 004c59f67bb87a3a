"""A configuration on its way to another process, and what it and its client show of secrets on the way."""

import json
import pickle
import threading
import traceback

import attrs
import pytest
from rawserver import CLOSE, reply

import segops_admin
from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin, SegOpsConfigError, SegOpsConnectionError, SegOpsTimeoutError
from segops_admin.config import ClientConfig
from segops_admin.core.pace import Quota

KEY = "sk_live_never_to_be_seen"
TOKEN = "Bearer token-never-to-be-seen"
ROOT = "http://127.0.0.1:9/api"
FACES = [AsyncSegOpsAdmin, SegOpsAdmin]


def travelled(config):
    return pickle.loads(pickle.dumps(config))


@pytest.mark.parametrize("rate_limit", ["1/hour", 1 / 3600, Quota(1, 3600.0)], ids=["text", "number", "limiter"])
async def test_quota_holds_for_a_client_of_a_config_that_travelled(raw, rate_limit):
    """A pool of processes without one would be refused by the service, or worse, not."""
    raw.script(reply(200, {}))
    config = travelled(AsyncSegOpsAdmin(KEY, base_url=raw.url, rate_limit=rate_limit).config)
    async with AsyncSegOpsAdmin.from_config(config, api_key=KEY) as segops:
        await segops.http.request("GET", "/x/")
        with segops_admin.deadline(20), pytest.raises(SegOpsTimeoutError, match="not sent"):
            await segops.http.request("GET", "/x/")

    assert len(raw.requests) == 1


async def test_proxy_of_the_environment_is_used_by_a_client_of_a_config_that_travelled(raw, monkeypatch):
    """Where there is no other way out, it would else reach nothing."""
    raw.script(reply(200, {"by": "proxy"}))
    monkeypatch.setenv("http_proxy", raw.origin)
    monkeypatch.setenv("no_proxy", "")
    root = "http://segops.invalid/api"
    config = travelled(AsyncSegOpsAdmin(KEY, base_url=root, trust_env=True, allow_insecure=True, timeout=10).config)
    async with AsyncSegOpsAdmin.from_config(config, api_key=KEY) as segops:
        assert await segops.http.request("GET", "/x/") == {"by": "proxy"}


@pytest.mark.parametrize("face", FACES)
def test_every_option_that_is_data_travels(face):
    """By name: an option added to the constructor and forgotten here is noticed."""
    options = {
        "base_url": ROOT,
        "timeout": 7,
        "max_retries": 5,
        "max_connections": 9,
        "rate_limit": "60/min",
        "max_retry_after": 8,
        "max_body_bytes": 1000,
        "poll_interval": 0.25,
        "headers": {"X-A": "1"},
        "trust_env": True,
    }
    config = face(KEY, **options).config
    there = face.from_config(travelled(config), api_key=KEY).config

    assert there == config
    told = json.dumps({field.name: getattr(there, field.name) for field in attrs.fields(ClientConfig)}, default=repr)
    assert all(json.dumps(value) in told for value in options.values())
    assert set(face.__init__.__kwdefaults__) - set(options) == {"on_event", "session", "ssl_context", "allow_insecure"}


@pytest.mark.parametrize("face", FACES)
def test_observer_stays_in_its_process(face):
    """A function, often a local one: it cannot be pickled, and would tell another process's log."""
    config = face(KEY, base_url=ROOT, on_event=lambda _: None).config

    assert config.on_event is not None
    assert travelled(config).on_event is None


class Held:
    """A limiter that cannot leave its process."""

    def __init__(self):
        self.lock = threading.Lock()

    async def take(self, *_):
        return 0.0


@pytest.mark.parametrize("face", FACES)
def test_limiter_that_cannot_travel_is_told_by_name(face):
    """`cannot pickle '_thread.lock' object` says neither whose lock, nor what to do."""
    config = face(KEY, base_url=ROOT, rate_limit=Held()).config
    with pytest.raises(SegOpsConfigError, match=r"Held as its rate_limit.*attrs\.evolve"):
        pickle.dumps(config)

    assert travelled(attrs.evolve(config, rate_limit=None)).base_url == ROOT


SECRET_HEADERS = {"Authorization": TOKEN, "Cookie": "never-to-be-seen", "X-Upstream": TOKEN, "X-Session-Id": TOKEN}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("name", SECRET_HEADERS)
def test_header_that_may_be_a_secret_stays_behind_unless_asked_for(face, name):
    """A token is as good as a key; what tells a tenant or a trace goes along."""
    client = face(KEY, base_url=ROOT, headers={"X-Trace": "1"})
    config = client.with_options(headers={name: SECRET_HEADERS[name]}).config
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert b"never-to-be-seen" not in pickle.dumps(config, protocol)
    asked = travelled(config.with_key())

    assert dict(travelled(config).headers) == {"X-Trace": "1", name: ""}
    assert dict(face.from_config(asked).config.headers) == {"X-Trace": "1", name: SECRET_HEADERS[name]}


@pytest.mark.parametrize("face", FACES)
def test_client_that_lacks_a_header_is_not_made(face):
    """Without its token it would act as somebody else: as the key's owner."""
    config = travelled(face(KEY, base_url=ROOT, headers={"Authorization": TOKEN}).config)
    with pytest.raises(SegOpsConfigError, match=r"Authorization.*with_key"):
        face.from_config(config, api_key=KEY)


@pytest.mark.parametrize("config", [None, {}, "sk_live_1"], ids=repr)
@pytest.mark.parametrize("face", FACES)
def test_config_that_is_none_is_refused(face, config):
    """The first argument of the constructor is the key; here it is not."""
    with pytest.raises(SegOpsConfigError, match=r"\.config"):
        face.from_config(config)


def shown(error):
    """Render an error's whole chain with locals, without the frames of this file."""
    lines, ours = [], True
    for line in "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()).splitlines():
        if line.startswith('  File "'):
            ours = __file__ in line
        if not ours:
            lines.append(line)
    return "\n".join(lines)


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("key", [KEY.encode(), bytearray(KEY.encode()), [KEY], {"key": KEY}], ids=type)
def test_key_that_is_no_text_is_refused_and_not_shown(face, key):
    """Read from a file as bytes, it is as secret as it is as text."""
    with pytest.raises(SegOpsConfigError, match=f"text, not {type(key).__name__}") as caught:
        face(key, base_url=ROOT)

    assert "api_key" in shown(caught.value)
    assert "never_to_be_seen" not in shown(caught.value)


async def test_key_for_a_config_is_not_shown_when_that_is_refused():
    """The frame of `from_config` holds it too."""
    with pytest.raises(SegOpsConfigError) as caught:
        AsyncSegOpsAdmin.from_config(None, api_key=KEY)

    assert "never_to_be_seen" not in shown(caught.value)


async def test_failed_call_does_not_show_a_header(at_raw, raw):
    """`Authorization` of a copy is how `api_keys` is used; the frames of the HTTP library hold what was sent."""
    raw.script(CLOSE)
    segops = at_raw(max_retries=0).with_options(headers={"Authorization": TOKEN})
    with pytest.raises(SegOpsConnectionError) as caught:
        await segops.segments.list()

    assert raw.requests[0].headers["authorization"] == TOKEN
    assert "Authorization" in shown(caught.value)
    assert "never-to-be-seen" not in shown(caught.value)


REFUSED = {
    "another value": {"headers": {"Authorization": TOKEN, "X-A": "1\r\n"}},
    "a value that is no text": {"headers": {"X-A": 5, "Authorization": TOKEN}},
    "headers that are text": {"headers": f"Authorization: {TOKEN}"},
    "another option": {"headers": {"Authorization": TOKEN}, "timeout": -1},
}


@pytest.mark.parametrize("options", REFUSED.values(), ids=REFUSED.keys())
def test_refused_option_does_not_show_a_header(options):
    """Neither in the message nor in the frames it comes through."""
    client = AsyncSegOpsAdmin(KEY, base_url=ROOT)
    for call in (client.with_options, lambda **options: AsyncSegOpsAdmin(KEY, base_url=ROOT, **options)):
        with pytest.raises(SegOpsConfigError) as caught:
            call(**options)

        assert "never-to-be-seen" not in str(caught.value) + shown(caught.value)


@pytest.mark.parametrize("face", FACES)
def test_header_written_as_its_name_is_not_quoted(face):
    """`{"Authorization: Bearer …": ""}` is quickly written."""
    with pytest.raises(SegOpsConfigError, match="'Authorization'") as caught:
        face(KEY, base_url=ROOT, headers={f"Authorization: {TOKEN}": ""})

    assert "never-to-be-seen" not in str(caught.value)
