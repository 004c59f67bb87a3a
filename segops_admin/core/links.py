"""Where a server's links and redirects lead, and whether they may be followed. Pure functions over URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

URL_ASCII = "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}"
"""What may stand in a URL as it is, besides letters, digits and `-._~`; strict about control and other characters."""
MAX_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})


def same_origin(one: str, other: str) -> bool:
    """Return whether two absolute URLs share scheme, host and port."""
    return origin(one) == origin(other)


def origin(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port, the scheme's own where none is written."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def redirect_location(url: str, status: int, headers: Mapping[str, str]) -> str | None:
    """Return where a redirect leads, as an absolute http(s) URL; None for any other answer, or a nonsense one."""
    location = headers.get("Location")
    return link_target(url, location) if status in REDIRECTS and location else None


def link_target(base: str, link: str) -> str | None:
    """Return where a link of the server's leads, as an absolute http(s) URL; None for one that must not be followed.

    Spaces and letters are percent-encoded, as browsers do. Control characters could write lines of their own into a
    request, and user info would replace our own authorization.
    """
    if any(letter < " " or letter == "\x7f" for letter in link):
        return None
    try:
        target = quote(urljoin(base, link), safe=URL_ASCII, errors="surrogateescape")
        scheme, host, _ = origin(target)
        return target if scheme in ("http", "https") and host and "@" not in urlsplit(target).netloc else None
    except ValueError:
        return None
