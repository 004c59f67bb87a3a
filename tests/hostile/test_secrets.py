"""The key is told to the server and to nobody else: not to logs, events, trackers, pickles, screens or neighbours.

tests/test_config.py and tests/test_secrets_in_frames.py hold the everyday cases; here it is looked for everywhere.
"""

import io
import logging
import os
import pickle
import subprocess
import sys
import traceback

import processes
import pytest
import rich.console
import rich.traceback
from anyio import to_thread
from rawserver import CLOSE, HANG, RESET, RawServer, reply

import segops_admin
from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin, SegOpsConfigError, SegOpsError

SECRET = "never_to_be_seen_4f5d2c9e"
KEY = f"sk_live_{SECRET}"
IDEMPOTENCY = "idem_not_for_logs_81c2"
HALF = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"

ENDS = {
    "closed": [CLOSE],
    "reset": [RESET],
    "cut body": [HALF, CLOSE],
    "silence": [HANG],
    "no HTTP": [b"\x16\x03 no\r\n\r\n", CLOSE],
    "too large": [b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 200_000],
    "bad gzip": [reply(200, b"no", content_encoding="gzip")],
    "no record": [reply(200, {"id": "x", "name": 5})],
    "HTML": [reply(502, b"<html>")],
    "refused": [reply(401, {"detail": "Invalid key."})],
    "throttled for long": [reply(429, {}, retry_after=3600)],
    "redirected away": [reply(302, location="http://evil.invalid/")],
    "redirected in circles": [reply(302, location="/api/segments/1/")],
}
CALLS = {
    "get": lambda s: s.segments.get(1),
    "create": lambda s: s.segments.create(name="x" * 3_000, idempotency_key=IDEMPOTENCY),
    "wait": lambda s: s.segments.recompute_and_wait(1, timeout=0.3),
    "bulk": lambda s: s.products.bulk_upsert([{"sku": "A", "name": "a"}]),
}


def rendered(error):
    """Render an error's whole chain with the locals of every frame but this file's, as trackers do."""
    told = [repr(error), str(error), repr(vars(error)), "".join(traceback.format_exception(error))]
    for other in chain(error):
        for frame, _ in traceback.walk_tb(other.__traceback__):
            if frame.f_code.co_filename != __file__:
                told += [f"{name}={value!r}" for name, value in frame.f_locals.items()]
    return "\n".join(told)


def by_rich(error):
    """Render an error as rich shows it, locals and all."""
    stream = io.StringIO()
    shown = rich.traceback.Traceback.from_exception(
        type(error), error, error.__traceback__, show_locals=True, suppress=[__file__]
    )
    rich.console.Console(file=stream, width=200).print(shown)
    return stream.getvalue()


def chain(error):
    """Give an error and all it came from, suppressed or not."""
    seen, left = [], [error]
    while left:
        one = left.pop()
        if one is not None and one not in seen:
            seen.append(one)
            left += [one.__cause__, one.__context__]
    return seen


@pytest.fixture
def everything_logged(caplog):
    """All loggers at their most talkative, whatever they think of it."""
    caplog.set_level(logging.DEBUG)
    for name in [None, *logging.root.manager.loggerDict]:
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


@pytest.mark.parametrize("steps", ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_failed_call_tells_the_key_nowhere(connect, raw, everything_logged, steps, call):
    """Messages, facts, locals of all frames down to the socket, events, and the logs of every library."""
    raw.script(steps)
    events = []
    segops = connect(
        api_key=KEY, base_url=raw.url, on_event=events.append, timeout=0.3, max_retries=0, max_body_bytes=100_000
    )
    ended = None
    try:
        ended = await call(segops)
    except SegOpsError as error:
        ended = error
    logged = [f"{record.getMessage()} {vars(record)}" for record in everything_logged.records]

    shown = rendered(ended) if isinstance(ended, Exception) else repr(ended)
    for place, told in {"error": shown, "events": repr(events), "logs": "\n".join(logged)}.items():
        assert SECRET not in told, place
    assert events or call is CALLS["bulk"]
    assert SECRET.encode() not in pickle.dumps(ended)
    if isinstance(ended, Exception):  # tblib, which Dask brings, pickles an error with all it came from
        assert all(SECRET.encode() not in pickle.dumps(one) for one in chain(ended))


@pytest.mark.parametrize("body", [None, {"name": "x" * 1_200_000}], ids=["no body", "large body"])
async def test_connection_lost_while_sending_tells_nothing(connect, raw, body):
    """The frames of the writer hold the very bytes that go out."""
    raw.script(reply(200, {}), RESET)
    segops = connect(api_key=KEY, base_url=raw.url, max_retries=0, timeout=5)
    await segops.http.request("GET", "/warm/")
    with pytest.raises(SegOpsError) as caught:
        await segops.http.request("POST", "/x/", body=body)

    assert SECRET not in rendered(caught.value)


async def test_rich_traceback_with_locals_tells_nothing(connect, raw):
    """What the command and many a service print."""
    raw.script(CLOSE)
    with pytest.raises(SegOpsError) as caught:
        await connect(api_key=KEY, base_url=raw.url, max_retries=0).segments.get(1)
    shown = by_rich(caught.value)

    assert "locals" in shown
    assert SECRET not in shown


async def test_call_that_goes_well_logs_no_secrets(connect, raw, everything_logged):
    """Request logs are an allow-list: method, path, kind, attempt, reason."""
    raw.script(reply(200, {"id": 1, "name": "name-of-a-person"}, set_cookie="session=cookie-secret"))
    segops = connect(api_key=KEY, base_url=raw.url, headers={"X-Own": "header-secret"})
    await segops.segments.create(name="body-secret", idempotency_key=IDEMPOTENCY)
    await segops.http.request("GET", "/x/", query={"q": "query-secret"})
    told = "\n".join(f"{record.getMessage()} {vars(record)}" for record in everything_logged.records)

    for secret in (SECRET, "header-secret", "body-secret", "query-secret", "cookie-secret", IDEMPOTENCY):
        assert secret not in told
    assert "/segments/" in told


def test_representations_tell_nothing(face):
    """Of the client, its parts, its options and their parts."""
    cls = AsyncSegOpsAdmin if face == "async" else SegOpsAdmin
    client = cls(KEY, base_url="http://127.0.0.1:9/api", headers={"Authorization": f"ApiKey {KEY}"})
    inner = getattr(client, "_inner", client)
    parts = [
        client,
        inner,
        inner.config,
        inner._call,
        inner._call.config,
        inner._call.transport,
        inner.segments,
        vars(inner),
    ]

    for part in parts:
        assert SECRET not in f"{part!r} {part}"


def test_clients_refuse_to_be_pickled_and_name_what_can_be(face):
    """Connections do not travel, keys should not; the config does, and says where the key comes from then."""
    cls = AsyncSegOpsAdmin if face == "async" else SegOpsAdmin
    client = cls(KEY, base_url="http://127.0.0.1:9/api")
    with pytest.raises(TypeError, match=r"config.*from_config") as caught:
        pickle.dumps(client)
    assert SECRET not in str(caught.value)

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        bare, asked = client.config, client.config.with_key()
        assert SECRET.encode() not in pickle.dumps(bare, protocol)
        assert pickle.loads(pickle.dumps(asked, protocol)).api_key == KEY
    with pytest.raises(SegOpsConfigError, match="SEGOPS_API_KEY"):
        cls.from_config(pickle.loads(pickle.dumps(client.config)))


async def test_config_makes_the_same_client_elsewhere(raw, monkeypatch):
    """With the key of the place it arrives at."""
    config = AsyncSegOpsAdmin(KEY, base_url=raw.url, timeout=7, headers={"X-A": "1"}).config
    monkeypatch.setenv("SEGOPS_API_KEY", "sk_live_of_the_other_place")
    async with AsyncSegOpsAdmin.from_config(pickle.loads(pickle.dumps(config))) as segops:
        await segops.http.request("GET", "/x/")

    assert segops.config.timeout_s == 7
    assert raw.requests[0].headers["authorization"] == "ApiKey sk_live_of_the_other_place"
    assert raw.requests[0].headers["x-a"] == "1"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_proxy_gets_no_secret_in_its_own_headers(raw, monkeypatch, scheme):
    """A tunnel is asked for without the key; only over plain HTTP, refused unless asked for, could a proxy read it."""
    raw.script([reply(407, b"Proxy login, please."), CLOSE])
    monkeypatch.setenv(f"{scheme}_proxy", raw.origin)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    root = f"{scheme}://segops.invalid/api"
    async with AsyncSegOpsAdmin(
        KEY, base_url=root, trust_env=True, allow_insecure=True, max_retries=0, timeout=5, headers={"X-Own": "s"}
    ) as segops:
        with pytest.raises(SegOpsError) as caught:
            await segops.segments.create(name="a", idempotency_key=IDEMPOTENCY)
    (request,) = raw.requests

    assert SECRET not in rendered(caught.value)
    assert "proxy-authorization" not in request.headers
    if scheme == "https":
        assert request.method == "CONNECT"
        assert not {"authorization", "idempotency-key", "x-own"} & set(request.headers)
        assert SECRET not in repr(request)


@pytest.mark.parametrize("name", ["no_proxy set", "trust_env off"])
async def test_proxy_of_the_environment_is_not_asked_unless_wanted(raw, monkeypatch, name):
    """A variable somebody set for another program does not move the key."""
    async with RawServer() as proxy:
        monkeypatch.setenv("http_proxy", proxy.origin)
        monkeypatch.setenv("no_proxy", "127.0.0.1" if name == "no_proxy set" else "")
        async with AsyncSegOpsAdmin(KEY, base_url=raw.url, trust_env=name == "no_proxy set") as segops:
            await segops.http.request("GET", "/x/")

        assert proxy.connections == 0


COMMANDS = [
    ["segments", "list"],
    ["segments", "get", "1"],
    ["segments", "list", "-o", "json"],
    ["api", "GET", "/segments/"],
    ["doctor"],
    ["whoami"],
    ["--verbose", "segments", "list"],
    ["--nonsense"],
]


def command(arguments, home, root):
    """Start the real command, with its key where a key belongs."""
    return subprocess.Popen(
        [sys.executable, "-m", "segops_admin", *arguments],
        cwd=processes.ROOT,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("SEGOPS_")},
            "SEGOPS_API_KEY": KEY,
            "SEGOPS_API_URL": root,
            "HOME": str(home),
            "PYTHONPATH": str(processes.ROOT),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
async def test_command_shows_no_key_on_the_screen(raw, tmp_path, arguments):
    """A screen is shared, and a build log is kept; a server that quotes the key is no reason either."""
    raw.script(reply(400, {"detail": f"Bad key {KEY}?"}))
    out, err = await to_thread.run_sync(lambda: command(arguments, tmp_path, raw.url).communicate(timeout=25))

    assert out + err
    assert SECRET not in out + err


async def test_command_shows_no_key_in_the_process_list(raw, tmp_path):
    """`ps` is for everybody on the machine."""
    raw.script(HANG)
    process = await to_thread.run_sync(command, ["segments", "list"], tmp_path, raw.url)
    with process:
        await raw.arrived.wait()
        listed = await to_thread.run_sync(subprocess.check_output, ["ps", "-ww", "-o", "args=", "-p", str(process.pid)])
        process.terminate()
        await to_thread.run_sync(process.communicate)

    assert b"segments list" in listed
    assert SECRET.encode() not in listed


def test_public_names_hold_no_key():
    """Nothing at module level keeps one."""
    client = SegOpsAdmin(KEY, base_url="http://127.0.0.1:9/api")
    held = [module for name, module in sys.modules.items() if name.startswith("segops_admin")]

    assert client
    assert SECRET not in repr([{name: repr(value) for name, value in vars(module).items()} for module in held])
    assert segops_admin.__all__


ECHOES = {
    "json": reply(401, {"detail": f"Invalid key {KEY}."}),
    "html": reply(500, f"<html>Bad header: ApiKey {KEY}</html>".encode()),
    "headers": reply(403, {"detail": "No."}, x_request=f"key={KEY}"),
    "redirect": reply(302, location=f"https://elsewhere.example/?key={KEY}"),
    "no segment": reply(200, {"id": KEY}),
    "no json": reply(200, f"key {KEY}".encode()),
    "a segment": reply(200, {"id": 1, "name": KEY}),
}


@pytest.mark.parametrize("answer", ECHOES.values(), ids=ECHOES)
async def test_key_that_the_server_quotes_is_masked(connect, raw, answer):
    """Some do when they refuse it, and their words end up in messages, logs and reports."""
    raw.script(answer)
    segops = connect(api_key=KEY, base_url=raw.url, max_retries=0)
    ended = None
    try:
        ended = await segops.segments.get(1)
    except SegOpsError as error:
        ended = error

    shown = rendered(ended) if isinstance(ended, Exception) else repr(ended.to_dict())
    assert SECRET not in shown
    assert SECRET.encode() not in pickle.dumps(ended)


async def test_values_of_a_query_are_not_in_messages_and_logs(connect, raw, everything_logged):
    """A user's id or e-mail goes by the query; `.url` has it for who asks."""
    raw.script(CLOSE)
    events = []
    segops = connect(api_key=KEY, base_url=raw.url, max_retries=0, on_event=events.append)
    with pytest.raises(SegOpsError) as caught:
        await segops.users.search(q="ana@example.net")
    raw.script(reply(200, b"<html>"))
    with pytest.raises(SegOpsError) as refused:
        await segops.users.search(q="ana@example.net")

    assert "ana" not in str(caught.value) + str(refused.value) + repr(events)
    ours = [record.getMessage() for record in everything_logged.records if record.name.startswith("segops")]
    assert ours
    assert not any("ana" in line for line in ours)


async def test_new_key_in_an_answer_that_cannot_be_read_is_not_told(connect, raw):
    """It is shown once, to who made it; a malformed answer must not leave it in a log."""
    raw.script(
        reply(201, {"id": "twelve", "name": "a", "key": "sk_live_new_and_secret"}),
        reply(201, b"sk_live_new_and_secret"),
    )
    segops = connect(api_key=KEY, base_url=raw.url)
    for _ in range(2):
        with pytest.raises(SegOpsError) as caught:
            await segops.api_keys.create(name="a", tenant_slug="northwind")
        assert "new_and_secret" not in rendered(caught.value)
        assert all(b"new_and_secret" not in pickle.dumps(one) for one in chain(caught.value))
