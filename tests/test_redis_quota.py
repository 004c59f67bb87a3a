"""A quota shared by several processes through a real Redis, and what happens while it is away."""

import asyncio
import logging
import shutil
import socket
import subprocess
import time

import processes
import pytest
from anyio import to_thread
from rawserver import reply

from segops_admin import AsyncSegOpsAdmin, SegOpsConfigError, SegOpsTimeoutError
from segops_admin.integrations import redis as ours

EMPTY = reply(200, {"count": 0, "next": None, "previous": None, "results": []})


class Redis:
    """A redis-server of the test's own, that can be killed and started again."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://:hush-hush@127.0.0.1:{self.port}"
        self._folder = folder
        self._process = None

    def start(self):
        options = ["--port", str(self.port), "--save", "", "--appendonly", "no", "--requirepass", "hush-hush"]
        self._process = subprocess.Popen(
            ["redis-server", *options], cwd=self._folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ends = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < ends, "redis-server does not come up"
                time.sleep(0.01)

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture
def redis(tmp_path):
    """A running Redis."""
    pytest.importorskip("limits", reason="the extra redis is not installed")
    pytest.importorskip("redis", reason="the extra redis is not installed")
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server here")
    server = Redis(tmp_path)
    server.start()
    yield server
    server.kill()


WORKER = """
import asyncio, sys
from segops_admin import AsyncSegOpsAdmin, SegOpsTimeoutError
from segops_admin.integrations.redis import RedisQuota
async def main():
    quota = RedisQuota("20/hour", sys.argv[1], name="northwind", timeout=10)
    async with AsyncSegOpsAdmin(rate_limit=quota, timeout=30) as segops:
        ends = await asyncio.gather(*(segops.segments.list() for _ in range(15)), return_exceptions=True)
    late = [end for end in ends if isinstance(end, SegOpsTimeoutError)]
    assert all(end.attempts == 0 and end.retry_after > 60 for end in late)
    print(len(ends) - len(late))
asyncio.run(main())
"""


async def test_processes_that_share_a_quota_keep_to_it_together(raw, redis):
    """Two workers of fifteen calls each, a quota of twenty: twenty go out, the rest are told at once."""
    raw.script(EMPTY)
    environment = {"SEGOPS_API_KEY": "sk_test", "SEGOPS_API_URL": raw.url}
    both = await asyncio.gather(
        *(to_thread.run_sync(lambda: processes.script(WORKER, redis.url, timeout=40, **environment)) for _ in range(2))
    )

    assert [done.stderr for done in both] == ["", ""]
    assert sum(int(done.stdout) for done in both) == 20
    assert len(raw.requests) == 20


async def test_calls_wait_for_a_place_in_the_order_they_came(raw, redis):
    """Fair within a process. (On the blocking face it is the threads that decide who comes first.)"""
    raw.script(EMPTY)
    quota = ours.RedisQuota("3/s", redis.url)
    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url, rate_limit=quota, max_connections=1) as segops:
        await asyncio.gather(*(segops.segments.list(page=number) for number in range(7)))

    assert [request.target.rpartition("=")[2] for request in raw.requests] == [str(number) for number in range(7)]


async def test_place_beyond_the_deadline_is_left_to_others(at_raw, raw, redis):
    """A call that cannot wait so long takes nothing from those who can, and learns how long it would have been."""
    raw.script(EMPTY)
    segops = at_raw(rate_limit=ours.RedisQuota("1/s", redis.url), timeout=30)
    await segops.segments.list()
    with pytest.raises(SegOpsTimeoutError, match="quota") as caught:
        await segops.with_options(timeout=0.05).segments.list()
    assert 0.05 < caught.value.retry_after <= 1.1
    await segops.segments.list()

    assert len(raw.requests) == 2


async def test_without_redis_each_process_keeps_to_the_quota_and_says_so_once(at_raw, raw, redis, caplog):
    """A quota is a courtesy: its store's outage must stop no work, and must not go unnoticed."""
    redis.kill()
    raw.script(EMPTY)
    segops = at_raw(rate_limit=ours.RedisQuota("5/hour", redis.url, name="northwind"), timeout=0.5)
    for _ in range(5):
        await segops.segments.list()
    with pytest.raises(SegOpsTimeoutError):
        await segops.segments.list()

    assert len(raw.requests) == 5
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "does not answer" in warnings[0]
    assert "hush" not in caplog.text


async def test_redis_that_comes_back_is_asked_again(at_raw, raw, redis, caplog, monkeypatch):
    """What this process used meanwhile was its own affair; from then on the quota is shared again."""
    monkeypatch.setattr(ours, "AWAY_S", 0.0)
    raw.script(EMPTY)
    segops = at_raw(rate_limit=ours.RedisQuota("1000/hour", redis.url), timeout=10)
    await segops.segments.list()
    redis.kill()
    await segops.segments.list()
    redis.start()
    await segops.segments.list()

    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert ["again" in text for text in said] == [False, True]


async def test_redis_that_hangs_holds_nothing_up(at_raw, raw, redis):
    """A question has a time limit, well below a call's."""
    raw.script(EMPTY)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"redis://127.0.0.1:{deaf.getsockname()[1]}"
        segops = at_raw(rate_limit=ours.RedisQuota("5/hour", url, timeout=0.1), timeout=10)
        await segops.segments.list()

    assert len(raw.requests) == 1


def test_password_of_the_redis_is_not_shown(redis):
    """A quota turns up in reprs of clients and in tracebacks."""
    quota = ours.RedisQuota("60/min", redis.url, name="northwind")

    assert repr(quota) == "<RedisQuota 'northwind' 60 calls in 60 s>"


@pytest.mark.parametrize(
    ("rate_limit", "url"),
    [("fast", "redis://127.0.0.1"), ("60/min", "http://127.0.0.1"), ("60/min", None), (None, "redis://127.0.0.1")],
)
def test_quota_that_means_nothing_is_refused(redis, rate_limit, url):
    """Before the first call, like all configuration; the URL is not quoted, as it may hold a password."""
    with pytest.raises(SegOpsConfigError) as caught:
        ours.RedisQuota(rate_limit, url)
    assert "127.0.0.1" not in str(caught.value)


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    """Everything but this works without."""
    monkeypatch.setitem(__import__("sys").modules, "limits", None)
    with pytest.raises(SegOpsConfigError, match=r"segops_admin\[redis\]"):
        ours.RedisQuota("60/min")
