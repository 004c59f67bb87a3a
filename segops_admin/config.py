"""What a client needs to know before its first call: the key, the root, and how patient to be.

Read by `client.py`, which passes the value down; checked here, so that nothing is sent with a key or root that cannot
work.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import attrs

from .errors import SegOpsConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .core.events import CallEvent
    from .core.pace import Limiter

DEFAULT_BASE_URL = "https://api.segops.ai/api"
"""Source: segops-api.md 1 [docs] [sdk]."""

API_KEY_VARIABLE = "SEGOPS_API_KEY"
BASE_URL_VARIABLE = "SEGOPS_API_URL"

REFUSED_PREFIXES = {
    "pk_": "is a public key, made for browsers",
    "mk_": "is an MCP key, made for MCP connectors",
}


HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
OF_THE_TRANSPORT = frozenset(
    {"content-encoding", "content-length", "expect", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Say how the bytes of one message are framed: a value of the caller's would be a lie about them."""

SECRET_NAME = re.compile("auth|cookie|credential|key|passw|secret|session|signature|token", re.IGNORECASE)
SECRET_VALUE = re.compile(r"(?:ApiKey|Basic|Bearer|Token)\s|.*sk_", re.IGNORECASE)
"""Headers that stay behind when a configuration is pickled."""

LONGEST_SHOWN = 80
"""Characters of an argument that a message quotes."""


def shown(value: object) -> str:
    """Return how a message quotes an argument: short, and whatever its own representation does."""
    text = f"a value of type {type(value).__name__}"
    with suppress(Exception):  # a number of very many digits has none, and a stranger's may do anything
        text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


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
    """Values that may be secrets are left blank when this is pickled, as the key is."""
    on_event: Callable[[CallEvent], object] | None = None
    """Left out when this is pickled: it belongs to the process it was made in."""
    max_connections: int = 100
    rate_limit: str | float | Limiter | None = None
    """As it was given; each client made of this counts for itself, unless it is a limiter that is shared."""
    trust_env: bool = False

    def with_key(self) -> ClientConfig:
        """Return a copy that keeps its key and headers when it is pickled. Mind where the pickle goes."""
        return attrs.evolve(self, api_key=str(self.api_key))

    def __reduce__(self) -> tuple[Any, ...]:
        values = {field.name: getattr(self, field.name) for field in attrs.fields(type(self))}
        leaves_secrets = isinstance(self.api_key, Secret)
        values["headers"] = {
            name: "" if leaves_secrets and _may_be_secret(name, value) else str(value)
            for name, value in self.headers.items()
        }
        values["rate_limit"] = _travelling(self.rate_limit)
        values["on_event"] = None
        return partial(ClientConfig, **values), ()

    @property
    def origin(self) -> str:
        """Scheme and authority of the root: where root-relative links of the server begin."""
        scheme, authority, *_ = urlsplit(self.base_url)
        return f"{scheme}://{authority}"


@attrs.frozen
class Hidden:
    """Stands for a secret of a wrong type, which would show it in the frames it passes through."""

    kind: str
    """Name of the type."""


def masked(secret: Any) -> Any:
    """Return a secret that does not show in the frames it passes through; what is no text is judged elsewhere."""
    if isinstance(secret, str):
        return Secret(secret)
    return secret if secret is None or isinstance(secret, Hidden) else Hidden(type(secret).__name__)


def resolve_api_key(api_key: str | None) -> Secret:
    """Return the key given or the environment's; refuse what is surely not a secret key (segops-api.md 2.2)."""
    api_key = given = masked(os.environ.get(API_KEY_VARIABLE, "") if api_key is None else api_key)
    if isinstance(given, Hidden):
        raise SegOpsConfigError(f"The API key must be text, not {given.kind}.")
    key = given = api_key = Secret(given.strip())
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
    """Return the root given, the environment's, or production's; refuse one that would leak the key.

    No message quotes the root: keys get pasted into the wrong field.
    """
    check_flag("allow_insecure", allow_insecure)
    if not isinstance(base_url, (str, type(None))):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SegOpsConfigError(f"base_url must be text, not {type(base_url).__name__}.")
    root = (base_url or os.environ.get(BASE_URL_VARIABLE) or DEFAULT_BASE_URL).strip().rstrip("/")
    where = "The API root given" if base_url else f"The API root in {BASE_URL_VARIABLE}"
    try:
        parts = urlsplit(root)
        host, _ = parts.hostname, parts.port
        if "[" in parts.netloc:
            ip_address(host or "")  # before Python 3.11.4 anything may stand in brackets
    except ValueError:
        raise SegOpsConfigError(f"{where} is not a URL: its host or port cannot be read.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise SegOpsConfigError(f"{where} is not an http(s) URL such as {DEFAULT_BASE_URL}.")
    if "@" in parts.netloc:
        raise SegOpsConfigError(f"{where} holds user info before an @. Put the key in api_key=, nothing in the URL.")
    if parts.query or parts.fragment or not root.isprintable() or " " in root:
        raise SegOpsConfigError(f"{where} must be scheme, host and path only.")
    if parts.scheme == "http" and not allow_insecure and not _is_loopback(host):
        raise SegOpsConfigError(f"{where} would send the key in the clear. Use https://, or allow_insecure=True.")
    return root


def check_number(name: str, value: Any, *, least: float) -> float:
    """Return `value` when it is a finite number of at least `least`; refuse it by name otherwise."""
    try:
        if not isinstance(value, bool) and isinstance(value, (int, float)) and least <= value and math.isfinite(value):
            return value
    except OverflowError:
        raise SegOpsConfigError(f"{name} is larger than any number that makes sense.") from None
    raise SegOpsConfigError(f"{name} must be a number of at least {least:g}, not {shown(value)}.")


def check_flag(name: str, value: Any) -> bool:
    """Return `value` when it is True or False; refuse it by name otherwise: `"no"` would count as yes."""
    if not isinstance(value, bool):
        raise SegOpsConfigError(f"{name} must be True or False, not {shown(value)}.")
    return value


def masked_headers(headers: Any) -> Any:
    """Return headers whose values do not show in the frames they pass through: one may be a token."""
    if headers is None or isinstance(headers, Hidden):
        return headers
    if not isinstance(headers, Mapping):
        return Hidden(type(headers).__name__)
    given: dict[Any, Any] = dict(headers)  # pyright: ignore[reportUnknownArgumentType]
    return {name: masked(value) for name, value in given.items()}


def checked_headers(headers: Any) -> dict[str, str]:
    """Return headers that cannot smuggle in others, with masked values."""
    headers = given = masked_headers(headers)
    if isinstance(given, Hidden):
        raise SegOpsConfigError(f"headers must be a dictionary, not {given.kind}.")
    values: dict[Any, Any] = given or {}
    return {name: _header_value(name, value) for name, value in values.items()}


def _header_value(name: Any, value: Any) -> str:
    if not isinstance(name, str):
        raise SegOpsConfigError(f"A header's name must be text, not {type(name).__name__}.")
    token = HEADER_NAME.match(name)
    known = token[0] if token else ""  # what comes behind may be a value
    if not known or known != name or name.lower() in OF_THE_TRANSPORT:
        raise SegOpsConfigError(
            f"The header {shown(known)} cannot be set: it is no header's name, or not the caller's."
        )
    if not isinstance(value, str) or not value.isprintable():
        raise SegOpsConfigError(f"The header {shown(name)} must have printable text as its value.")
    return str(value) if name.lower() == "idempotency-key" else value


def _may_be_secret(name: str, value: str) -> bool:
    return name.lower() != "idempotency-key" and bool(SECRET_NAME.search(name) or SECRET_VALUE.match(value))


def _travelling(rate_limit: Any) -> Any:
    """Return a quota that can be pickled; a limiter's own refusal does not say whose it is."""
    import pickle  # noqa: PLC0415 -- only where a configuration is being pickled, and has it

    try:
        pickle.dumps(rate_limit)
    except Exception as error:
        raise SegOpsConfigError(
            f"This configuration holds {type(rate_limit).__name__} as its rate_limit, which cannot be pickled. Pickle "
            "attrs.evolve(config, rate_limit=None) and set a limiter the same way where it arrives."
        ) from error
    return rate_limit


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
