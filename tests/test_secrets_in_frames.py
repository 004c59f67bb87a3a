"""A traceback rendered with its locals, as error trackers do, does not tell the key."""

import asyncio
import traceback

import pytest

from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin

KEY = "sk_live_never_to_be_seen"
ROOT = "http://127.0.0.1:9/api"


def frames_of_the_library(error):
    """Render an error's whole chain with locals, without the frames of this test."""
    lines, ours = [], True
    for line in "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format()).splitlines():
        if line.startswith('  File "'):
            ours = __file__ in line
        if not ours:
            lines.append(line)
    return "\n".join(lines)


@pytest.mark.parametrize("face", [SegOpsAdmin, AsyncSegOpsAdmin])
@pytest.mark.parametrize(
    ("key", "options"),
    [
        (KEY, {"base_url": "ftp://nowhere"}),
        (KEY, {"timeout": -1}),
        (KEY.replace("sk_", "pk_"), {}),
        (KEY.replace("sk_", "xx_"), {}),
    ],
)
def test_refused_client_does_not_show_its_key(face, key, options):
    """The constructor's own frames hold it, and a client that was refused is among their locals."""
    with pytest.raises(Exception, match=r".") as caught:
        face(key, **options)

    shown = frames_of_the_library(caught.value)

    assert "api_key" in shown
    assert "never_to_be_seen" not in shown


def test_failed_call_does_not_show_the_key():
    """The frames of the HTTP library hold the headers that were sent."""
    with SegOpsAdmin(KEY, base_url=ROOT, max_retries=0) as client, pytest.raises(Exception, match="connect") as caught:
        client.segments.list()

    shown = frames_of_the_library(caught.value)

    assert "Authorization" in shown
    assert "never_to_be_seen" not in shown


def test_failed_await_does_not_show_the_key():
    """The async face runs through the same frames, without the portal's."""

    async def call():
        async with AsyncSegOpsAdmin(KEY, base_url=ROOT, max_retries=0) as client:
            await client.segments.list()

    with pytest.raises(Exception, match="connect") as caught:
        asyncio.run(call())

    assert "never_to_be_seen" not in frames_of_the_library(caught.value)
