"""Stored keys by name: where the key and the root of a command come from, and how they are kept.

    1  --api-key                                   with SEGOPS_API_URL
    2  SEGOPS_API_KEY                              with SEGOPS_API_URL
    3  --profile NAME, SEGOPS_PROFILE, `default`   with SEGOPS_API_URL, or the profile's own root

A profile's root is used with the profile's own key only, so that no key is sent where it does not belong. The key is in
the system's keyring where the `keyring` package finds one, else in the profiles' file, which only its owner can read.
"""

from __future__ import annotations

import json
import os
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .border import PROGRAM, CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .options import Settings

DEFAULT = "default"
SERVICE = PROGRAM
"""The name under which a keyring keeps the keys."""


class Credentials(NamedTuple):
    """A key and a root, and where the key was found; None leaves it to the library's own defaults."""

    api_key: str | None
    base_url: str | None
    source: str


def credentials(wanted: Settings) -> Credentials:
    """Return the key and root to use; options first, then the environment, then a profile."""
    if wanted.api_key is not None:
        return Credentials(wanted.api_key, None, "--api-key")
    named = wanted.profile or os.environ.get("SEGOPS_PROFILE")
    if os.environ.get("SEGOPS_API_KEY"):
        if wanted.profile:
            click.echo(f"SEGOPS_API_KEY is set and wins over profile {wanted.profile!r}.", err=True)
        return Credentials(None, None, "SEGOPS_API_KEY")
    profile = _profiles().get(named or DEFAULT)
    if profile is None:
        if named:
            raise CommandError(
                f"There is no profile {named!r}. {_others()} `{PROGRAM} login --profile {named}` makes it."
            )
        raise CommandError(f"No API key: run `{PROGRAM} login`, or set SEGOPS_API_KEY to a secret key (sk_…).")
    root = None if os.environ.get("SEGOPS_API_URL") else profile.get("base_url")
    return Credentials(_stored_key(named or DEFAULT, profile), root, f"profile {named or DEFAULT}")


def store(name: str, api_key: str, base_url: str | None) -> str:
    """Keep a key and its root under a name, and return where the key is now."""
    in_keyring = _to_keyring(name, api_key)
    profile = {"base_url": base_url} if base_url else {}
    _write({**_profiles(), name: profile if in_keyring else {**profile, "api_key": api_key}})
    return "the system's keyring" if in_keyring else str(_file())


def forget(name: str) -> None:
    """Remove a profile and its key."""
    known = _profiles()
    if name not in known:
        raise CommandError(f"There is no profile {name!r}. {_others()}".strip())
    if "api_key" not in known.pop(name):
        _from_keyring(name, remove=True)
    _write(known)


def _file() -> Path:
    from platformdirs import user_config_path  # noqa: PLC0415 -- not needed where the environment has the key

    return user_config_path(PROGRAM, appauthor=False) / "profiles.json"


def _profiles() -> dict[str, dict[str, Any]]:
    file = _file()
    try:
        found = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise CommandError(f"{file} is damaged: {error}. Remove it and run `{PROGRAM} login`.") from error
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _write(profiles: Mapping[str, Any]) -> None:
    """Replace the file at once, readable by its owner only from its first moment."""
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=file.parent)  # made with mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as text:
        json.dump(profiles, text, indent=2)
    Path(name).replace(file)


def _others() -> str:
    known = sorted(_profiles())
    return f"Stored: {', '.join(known)}." if known else ""


def _stored_key(name: str, profile: Mapping[str, Any]) -> str:
    key = profile.get("api_key") or _from_keyring(name)
    if not key:
        raise CommandError(f"The keyring has no key for profile {name!r}. Run `{PROGRAM} login --profile {name}`.")
    return str(key)


def _to_keyring(name: str, api_key: str) -> bool:
    try:
        keyring, trouble = _keyring()
    except ImportError:
        return False
    try:
        keyring.set_password(SERVICE, name, api_key)
    except trouble:  # no service that keeps secrets, or a locked one
        return False
    return True


def _from_keyring(name: str, *, remove: bool = False) -> str | None:
    try:
        keyring, trouble = _keyring()
    except ImportError as error:
        raise CommandError(
            f"The key of profile {name!r} is in the system's keyring: install the extra `segops_admin[keyring]`."
        ) from error
    try:
        key: str | None = keyring.get_password(SERVICE, name)
        if remove and key:
            keyring.delete_password(SERVICE, name)
    except trouble as error:
        raise CommandError(f"The system's keyring cannot be read: {error}.") from error
    return key


def _keyring() -> tuple[Any, tuple[type[Exception], ...]]:
    """Return the keyring package, an extra, and the errors of its backends."""
    keyring = import_module("keyring")
    return keyring, (import_module("keyring.errors").KeyringError, RuntimeError)
