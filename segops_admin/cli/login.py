"""`segops-admin login` and `logout`: a key is tried, then kept under a name."""

from __future__ import annotations

import os
import sys

import click

from .ground import PROGRAM, CommandError
from .masking import MASK, hint_of, keep_secret
from .options import Command, settings, shared_options
from .profiles import Credentials, check_known, forget, profile_name, profiles_file, store


def _login(base_url: str | None, force: bool) -> None:
    wanted = settings()
    name = profile_name(wanted)
    root = base_url or os.environ.get("SEGOPS_API_URL") or None
    if wanted.dry_run:
        _tell(name, wanted.api_key, root)
        return
    key = keep_secret(wanted.api_key or _asked_key())
    if not key:
        raise CommandError("No key was given. Type it when asked, or pipe it in.")
    _try(Credentials(key, root, "login", name), force=force)
    place = store(name, key, root)
    click.echo(f"Profile {name!r}: key {hint_of(key)} is in {place}.", err=True)
    if os.environ.get("SEGOPS_API_KEY"):
        click.echo("SEGOPS_API_KEY is set and wins over profiles; unset it to use this one.", err=True)


def _try(found: Credentials, *, force: bool) -> None:
    """Call the server once; without `force`, a refusal ends it here."""
    from ..errors import SegOpsError  # noqa: PLC0415 -- help does without the client
    from .advice import explained  # noqa: PLC0415
    from .connect import caller_of, connected  # noqa: PLC0415

    with connected(settings(), found=found) as client:  # refuses what is surely no secret key
        try:
            client.analytics.overview()
        except SegOpsError as error:
            why = explained(error, found, caller_of(client).config.base_url)
            if not force:
                raise CommandError(f"Not stored: {why} With --force it is stored untried.") from error
            click.echo(f"Stored untried: {why}", err=True)


def _tell(name: str, key: str | None, root: str | None) -> None:
    """Say what would be done; a key is asked for only to be used."""
    from ..config import resolve_api_key, resolve_base_url  # noqa: PLC0415 -- help does without the client

    if key is not None:
        resolve_api_key(key)
    click.echo(f"GET {resolve_base_url(root, allow_insecure=False)}/analytics/overview/\nAuthorization: ApiKey {MASK}")
    click.echo(
        f"Dry run: nothing was sent. A key that is taken would be kept as profile {name!r}, in the system's keyring or "
        f"else in {profiles_file()}.",
        err=True,
    )


def _asked_key() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    key: str = click.prompt("Secret key (sk_…)", hide_input=True, err=True)
    return key


def _logout() -> None:
    wanted = settings()
    name = profile_name(wanted)
    check_known(name)
    if wanted.dry_run:
        click.echo(f"Dry run: profile {name!r} and its key would be forgotten.", err=True)
        return
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
