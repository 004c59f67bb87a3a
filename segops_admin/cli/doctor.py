"""`segops-admin doctor`: what a working command needs, checked one after the other, with the fix for each.

    key → root → reachability → TLS → server and clock → versions

A check that needs an earlier one is skipped when that one failed.
"""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import socket
import ssl
import textwrap
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

import click

from .. import __version__
from .colours import paint
from .ground import PROGRAM, CommandError
from .masking import hint_of, keep_secret
from .options import Command, Settings, settings, shared_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .profiles import Credentials

CONNECT_S = 5.0
MOST_SKEW_S = 60.0
"""Signed requests of the ingestion API allow five minutes; a clock further off than this is worth a word."""
EXPIRY_DAYS = 14
INDENT = 16
"""Columns before what a check found."""


class Check(NamedTuple):
    """What one check found."""

    check: str
    status: Literal["ok", "warning", "failed"]
    found: str
    fix: str = ""


def _doctor() -> None:
    from .output import form_for  # noqa: PLC0415 -- help does without the client

    wanted = settings()
    form = form_for(wanted.output)
    checks: list[Check] = []
    for check in _checks(wanted):
        checks.append(check)
        if form == "table":
            _show(check)
    if form != "table":
        from .output import show  # noqa: PLC0415

        show([check._asdict() for check in checks], wanted)
    if wanted.dry_run:
        click.echo("Dry run: nothing was sent, so the server was not asked.", err=True)
    failed = [check.check for check in checks if check.status == "failed"]
    if failed:
        raise CommandError(f"{len(failed)} of {len(checks)} checks failed: {', '.join(failed)}.")


def _show(check: Check) -> None:
    mark, colour = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}[check.status]
    click.echo(f"{paint(mark, colour)} {check.check:13} {_fitted(check.found)}")
    if check.fix:
        click.echo(f"{'':{INDENT}}→ {check.fix}")  # in one piece: it may hold a command to be copied


def _fitted(text: str) -> str:
    """Return text in as many lines as the terminal needs, one below the other."""
    room = max(shutil.get_terminal_size().columns - INDENT, INDENT)
    return f"\n{'':{INDENT}}".join(textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False))


def _checks(wanted: Settings) -> Iterator[Check]:
    from ..errors import SegOpsConfigError  # noqa: PLC0415
    from .advice import root_fix  # noqa: PLC0415
    from .profiles import credentials  # noqa: PLC0415

    try:
        found = credentials(wanted)
    except CommandError as error:
        yield Check("key", "failed", "no key", error.message)
        yield _versions()
        return
    key = _key(found)
    yield key
    try:
        root = _root(found)
    except SegOpsConfigError as error:
        yield Check("root", "failed", "cannot be used", str(error))
    else:
        fix = root_fix(found, root)
        yield Check("root", "warning" if fix else "ok", root, fix)
        if not wanted.dry_run:
            yield from _network(wanted, found, root, key_fits=key.status == "ok")
    yield _versions()


def _network(wanted: Settings, found: Credentials, root: str, *, key_fits: bool) -> Iterator[Check]:
    near = _reachable(root)
    yield near
    if near.status == "ok":
        yield _tls(root)
        if key_fits:
            yield from _server(wanted, found, root)


def _key(found: Credentials) -> Check:
    from ..config import resolve_api_key  # noqa: PLC0415
    from ..errors import SegOpsConfigError  # noqa: PLC0415

    try:
        key = keep_secret(resolve_api_key(found.api_key))
    except SegOpsConfigError as error:
        return Check("key", "failed", f"from {found.source}, cannot be used", str(error))
    return Check("key", "ok", f"{hint_of(key)} from {found.source}")


def _root(found: Credentials) -> str:
    from ..config import resolve_base_url  # noqa: PLC0415

    return resolve_base_url(found.base_url, allow_insecure=False)


def _address(root: str) -> tuple[str, int, bool]:
    parts = urlsplit(root)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80), parts.scheme == "https"


def _reachable(root: str) -> Check:
    host, port, _ = _address(root)
    try:
        with socket.create_connection((host, port), timeout=CONNECT_S) as connection:
            return Check("reachability", "ok", f"{host} port {port} answers at {connection.getpeername()[0]}")
    except socket.gaierror as error:
        return Check("reachability", "failed", f"{host} has no address", f"Check the root and DNS ({error.strerror}).")
    except OSError as error:
        fix = "Check that the server is up, and that no firewall or proxy is in between."
        return Check("reachability", "failed", f"{host} port {port}: {error.strerror or error}", fix)


def _tls(root: str) -> Check:
    host, port, is_secure = _address(root)
    if not is_secure:
        return Check("TLS", "ok", "not used, on this machine only")
    try:
        with (
            socket.create_connection((host, port), timeout=CONNECT_S) as bare,
            ssl.create_default_context().wrap_socket(bare, server_hostname=host) as secure,
        ):
            expires = str((secure.getpeercert() or {}).get("notAfter", ""))
            days = int((ssl.cert_time_to_seconds(expires) - datetime.now(timezone.utc).timestamp()) // 86400)
            said = f"{secure.version()}, certificate good for {days} days"
            if days > EXPIRY_DAYS:
                return Check("TLS", "ok", said)
            return Check("TLS", "warning", said, "Have the server's certificate renewed.")
    except ssl.SSLCertVerificationError as error:
        fix = "Install the issuing authority's certificate (SSL_CERT_FILE), or correct the root's host name."
        return Check("TLS", "failed", error.verify_message, fix)
    except OSError as error:
        return Check("TLS", "failed", str(error.strerror or error), "Is this port one for https://?")


def _server(wanted: Settings, found: Credentials, root: str) -> Iterator[Check]:
    """Ask the server something cheap; its answer also tells its time."""
    from ..core.codec import decode_promised  # noqa: PLC0415
    from ..errors import SegOpsApiError, SegOpsError  # noqa: PLC0415
    from .advice import fix_for  # noqa: PLC0415
    from .connect import connected, get_raw  # noqa: PLC0415

    began = datetime.now(timezone.utc)
    try:
        with connected(wanted._replace(dry_run=False), found=found, max_retries=0) as client:
            answer = get_raw(client, "/analytics/overview/")
        headers: Mapping[str, str] = answer.headers
        decode_promised(answer)
    except SegOpsApiError as error:
        yield Check("server", "failed", f"answered {error.status}", fix_for(error, found, root))
        headers = error.headers
    except SegOpsError as error:
        yield Check("server", "failed", "no usable answer", fix_for(error, found, root))
        return
    else:
        took_ms = (datetime.now(timezone.utc) - began).total_seconds() * 1000
        yield Check("server", "ok", f"accepts the key, answered in {took_ms:.0f} ms")
    yield _clock(headers.get("Date"))


def _clock(date: str | None) -> Check:
    try:
        theirs = parsedate_to_datetime(date or "")
    except ValueError:
        return Check("clock", "warning", "the server does not tell its time")
    theirs = theirs.replace(tzinfo=theirs.tzinfo or timezone.utc)  # "-0000" leaves it out
    skew_s = (datetime.now(timezone.utc) - theirs).total_seconds()
    if abs(skew_s) <= MOST_SKEW_S:
        return Check("clock", "ok", f"within {abs(skew_s) + 1:.0f} s of the server's")
    way = "ahead of" if skew_s > 0 else "behind"
    return Check("clock", "failed", f"{abs(skew_s):.0f} s {way} the server's", "Set this machine's clock (NTP).")


def _versions() -> Check:
    parts = [f"{PROGRAM} {__version__}", f"Python {platform.python_version()}"]
    parts += [f"{name} {importlib.metadata.version(name)}" for name in ("aiohttp", "click", "rich")]
    return Check("versions", "ok", ", ".join(parts))


command = Command(
    "doctor",
    callback=_doctor,
    params=shared_options(),
    help="Check key, root, reachability, TLS, server, clock and versions, and name the fix for what is wrong.",
    epilog=f"Example: {PROGRAM} doctor --profile staging",
)
