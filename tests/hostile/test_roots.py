"""The API root: where the key may go, and what is told of a root that is refused."""

import traceback

import pytest

from segops_admin import AsyncSegOpsAdmin, SegOpsConfigError, SegOpsError

LOOPBACK = ["localhost", "api.localhost", "127.0.0.1", "127.8.9.1", "[::1]"]
ELSEWHERE = [
    "localhost.evil.invalid", "127.0.0.1.evil.invalid", "0.0.0.0", "10.0.0.1", "[::]", "[fe80::1]", "2130706433",
    "0x7f.1", "example.com", "1.0.0.127", "evil-localhost",
]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK)
@pytest.mark.parametrize("port", ["", ":8000"])
def test_plain_http_is_fine_on_this_machine(host, port):
    """Emulator and development server."""
    assert AsyncSegOpsAdmin("sk_test", base_url=f"http://{host}{port}/api").config.base_url.startswith("http://")


@pytest.mark.parametrize("host", ELSEWHERE)
def test_plain_http_elsewhere_needs_a_word(host):
    """The key would go over the wire for all to read; who wants that says so."""
    with pytest.raises(SegOpsConfigError, match="allow_insecure"):
        AsyncSegOpsAdmin("sk_test", base_url=f"http://{host}/api")

    assert AsyncSegOpsAdmin("sk_test", base_url=f"http://{host}/api", allow_insecure=True)


ODD_ROOTS = [
    "http://localhost\\@evil.invalid/api", "https://sk_test_secretword@api.segops.ai/api", "https://a:b@c/api",
    "https://api.segops.ai\r\n.evil.invalid/api", "https://api.segops.ai/api\0", "javascript:alert(1)", "//host/api",
    "https://[::1/api", "https://host:port/api", "https://host:-1/api", "file:///etc/passwd", "https://?x", "https://#",
    "sk_test_secretword", "https://host/api?api_key=sk_test_secretword", "https://host/api#sk_test_secretword",
    "https://host:sk_test_secretword/api", "https://host\uff0fsk_test_secretword/api", "https://[sk_test_secretword]/api",
    "ftp://sk_test_secretword/api", "https:sk_test_secretword", "https://host/sk_test_secretword a",
]  # fmt: skip


@pytest.mark.parametrize("root", ODD_ROOTS)
@pytest.mark.parametrize("insecure", [False, True])
def test_odd_root_is_refused_without_repeating_what_may_be_secret(root, insecure):
    """Keys get pasted into the wrong field, and before an @ most of all."""
    with pytest.raises(SegOpsConfigError) as caught:
        AsyncSegOpsAdmin("sk_test", base_url=root, allow_insecure=insecure)

    assert "secretword" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "host", ["..a", "a..b", "-", "\u2100.invalid", "xn--", "a" * 300 + ".invalid", "[v1.x]", "[::1%25lo]", "%41"]
)
async def test_host_that_no_resolver_takes_is_an_error_of_ours(host):
    """IDNA and address readers have exceptions of their own."""
    with pytest.raises(SegOpsError):
        async with AsyncSegOpsAdmin("sk_test", base_url=f"https://{host}/api", max_retries=0, timeout=5) as segops:
            await segops.segments.list()
