"""`segops-admin login` and `logout`: a key is tried, then kept under a name."""

from __future__ import annotations

import os
import sys

import click

from .border import PROGRAM, CommandError
from .masking import hint_of, keep_secret
from .options import Command, settings, shared_options
from .profiles import DEFAULT, forget, store


def _login(base_url: str | None, force: bool) -> None:
    from .. import SegOpsAdmin  # noqa: PLC0415 -- help does without the client
    from ..errors import SegOpsError  # noqa: PLC0415

    wanted = settings()
    name = wanted.profile or DEFAULT
    root = base_url or os.environ.get("SEGOPS_API_URL") or None
    key = keep_secret(wanted.api_key or _asked_key())
    with SegOpsAdmin(key, base_url=root) as client:  # refuses what is surely no secret key
        try:
            client.analytics.overview()
        except SegOpsError as error:
            if not force:
                raise CommandError(f"Not stored: {error} With --force it is stored untried.") from error
            click.echo(f"Stored untried: {error}", err=True)
    place = store(name, key, root)
    click.echo(f"Profile {name!r}: key {hint_of(key)} is in {place}.", err=True)
    if os.environ.get("SEGOPS_API_KEY"):
        click.echo("SEGOPS_API_KEY is set and wins over profiles; unset it to use this one.", err=True)


def _asked_key() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    key: str = click.prompt("Secret key (sk_…)", hide_input=True, err=True)
    return key


def _logout() -> None:
    name = settings().profile or DEFAULT
    forget(name)
    click.echo(f"Profile {name!r} is forgotten.", err=True)


command = Command(
    "login",
    callback=_login,
    params=[
        click.Option(["--base-url"], metavar="URL", help="The API root of this profile, ending in /api."),
        click.Option(["--force"], is_flag=True, help="Store the key even if the server cannot be asked."),
        *shared_options(),
    ],
    help="Try a secret key and keep it under a profile's name.\n\nThe key is asked for without showing it, or read "
    "from stdin. It is kept in the system's keyring where the extra `keyring` is installed and finds one, else in a "
    "file that only you can read.",
    epilog=f"Example: {PROGRAM} login --profile staging --base-url https://segops.example.com/api",
)

logout = Command(
    "logout",
    callback=_logout,
    params=shared_options(),
    help="Forget a profile and its key.",
    epilog=f"Example: {PROGRAM} logout --profile staging",
)
