"""aiohttp's exceptions, made ours at the one border where they come up."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ..errors import SegOpsConnectionError

if TYPE_CHECKING:
    from .transport import Outgoing


@cache
def foreign_errors() -> tuple[type[Exception], ...]:
    """Return what aiohttp raises; whatever of it comes up is translated at this border."""
    import aiohttp  # noqa: PLC0415 -- costs more than all else together; not paid by `import segops_admin`

    return aiohttp.ClientError, aiohttp.http.HttpProcessingError, OSError, ValueError


def translated(error: Exception, outgoing: Outgoing) -> SegOpsConnectionError:
    """Return our error for one of aiohttp's: what was tried, what went wrong, whether it may have taken effect."""
    import aiohttp  # noqa: PLC0415 -- see foreign_errors()

    could_not = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
    unsent = not outgoing.left or isinstance(error, could_not)
    distrusted = isinstance(error, aiohttp.ClientConnectorCertificateError)
    what = "could not connect" if unsent else "the connection broke before a whole answer came"
    advice = (
        "Check the API root; for an authority of your own, pass its ssl_context."
        if distrusted
        else "Check the API root and that the server is up."
        if unsent
        else "The request may have taken effect: look before sending it again."
        if outgoing.method not in ("GET", "HEAD")
        else "Try again."
    )
    error_of_ours = SegOpsConnectionError(
        f"{outgoing.method} {outgoing.place}: {what} ({_reason(error)}). {advice}",
        method=outgoing.method,
        url=outgoing.url,
        outcome_unknown=not unsent,
    )
    error_of_ours.may_pass = not distrusted
    return error_of_ours


def without_headers(error: Exception) -> Exception:
    """Take both sides' headers off a foreign error: they hold the key, and cannot be pickled.

    Tools that carry exceptions between processes (Dask's, for one) pickle the causes too.
    """
    import aiohttp  # noqa: PLC0415 -- see foreign_errors()
    from multidict import CIMultiDict  # noqa: PLC0415 -- comes with aiohttp

    if isinstance(error, aiohttp.ClientResponseError):
        info = error.request_info
        error.request_info = aiohttp.RequestInfo(info.url, info.method, CIMultiDict(), info.real_url)  # type: ignore[arg-type]
        error.headers = None
        error.args = (error.request_info, ())
    return error


def _reason(error: Exception) -> str:
    inner = getattr(error, "os_error", None) or error
    text = getattr(inner, "strerror", None) or str(inner) or type(error).__name__
    return " ".join(str(text).split())[:200]
