"""What a client needs to know before its first call: the key, the root, and how patient to be.

Read by `client.py`, which passes the value down; checked here, so that nothing is sent with a key or root that cannot
work.
"""

from __future__ import annotations

import math
import os
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs

from .errors import SegOpsConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .core.events import CallEvent

DEFAULT_BASE_URL = "https://api.segops.ai/api"
"""Source: segops-api.md 1 [docs] [sdk]."""

API_KEY_VARIABLE = "SEGOPS_API_KEY"
BASE_URL_VARIABLE = "SEGOPS_API_URL"

REFUSED_PREFIXES = {
    "pk_": "is a public key, made for browsers",
    "mk_": "is an MCP key, made for MCP connectors",
}


class Secret(str):
    """Text whose repr is a mask: a traceback with locals does not tell it, not even in frames of libraries below."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, ("",)


@attrs.frozen(kw_only=True)
class ClientConfig:
    """Everything about a client that is plain data."""

    api_key: str = attrs.field(repr=False)
    """Left out when the value is pickled; the process that reads it takes its own from the environment."""
    base_url: str
    """The API root, without a trailing slash; ends in `/api`."""
    timeout_s: float
    """For one whole call."""
    max_retries: int
    max_retry_after_s: float = 60.0
    """A longer wait asked for by the server is raised, not slept."""
    max_body_bytes: int = 64 * 1024 * 1024
    """A larger answer, after decompression, is refused; downloads to a file have no such limit."""
    poll_interval_s: float = 0.5
    """The first wait between two looks at a job; it grows to ten times that."""
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], repr=False)
    on_event: Callable[[CallEvent], object] | None = None

    max_connections: int = 100

    def with_key(self) -> ClientConfig:
        """Return a copy that keeps its key when it is pickled. Mind where the pickle goes."""
        return attrs.evolve(self, api_key=str(self.api_key))

    @property
    def origin(self) -> str:
        """Scheme and authority of the root: where root-relative links of the server begin."""
        scheme, authority, *_ = urlsplit(self.base_url)
        return f"{scheme}://{authority}"


def masked(api_key: str | None) -> str | None:
    """Return a key that does not show in the frames it passes through; what is no text is judged elsewhere."""
    return Secret(api_key) if isinstance(api_key, str) else api_key


def resolve_api_key(api_key: str | None) -> Secret:
    """Return the key given or the environment's; refuse what is surely not a secret key (segops-api.md 2.2)."""
    given = os.environ.get(API_KEY_VARIABLE, "") if api_key is None else api_key
    api_key = key = given = Secret(given.strip() if isinstance(given, str) else "")  # pyright: ignore[reportUnnecessaryIsInstance]
    if not key:
        raise SegOpsConfigError(f"No API key: pass api_key= or set {API_KEY_VARIABLE} to a secret key (sk_…).")
    if key[:3] in REFUSED_PREFIXES:
        raise SegOpsConfigError(
            f"The API key {REFUSED_PREFIXES[key[:3]]} ({key[:3]}…). The admin API needs a secret key (sk_…)."
        )
    if not key.startswith("sk_"):
        raise SegOpsConfigError("The API key does not begin with sk_. The admin API needs a secret key (sk_…).")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise SegOpsConfigError("The API key holds characters that no key has (a line break, a space?). Copy it again.")
    return key


def resolve_base_url(base_url: str | None, *, allow_insecure: bool) -> str:
    """Return the root given, the environment's, or production's; refuse one that would leak the key."""
    root = (base_url or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL).strip().rstrip("/")
    try:
        parts = urlsplit(root)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise SegOpsConfigError(f"The API root {root!r} is not a URL: {error}.") from error
    if parts.scheme not in ("http", "https") or not host:
        raise SegOpsConfigError(f"The API root {root!r} is not an http(s) URL such as {DEFAULT_BASE_URL}.")
    if "@" in parts.netloc:
        raise SegOpsConfigError(
            "The API root holds user info before an @. Put the key in api_key=, nothing in the URL."
        )
    if parts.query or parts.fragment or not root.isprintable() or " " in root:
        raise SegOpsConfigError(f"The API root {root!r} must be scheme, host and path only.")
    if parts.scheme == "http" and not allow_insecure and not _is_loopback(host):
        raise SegOpsConfigError(
            f"The API root {root!r} would send the key in the clear. Use https://, or allow_insecure=True."
        )
    return root


def check_number(name: str, value: Any, *, least: float) -> float:
    """Return `value` when it is a finite number of at least `least`; refuse it by name otherwise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < least:
        raise SegOpsConfigError(f"{name} must be a number of at least {least:g}, not {value!r}.")
    return value


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
