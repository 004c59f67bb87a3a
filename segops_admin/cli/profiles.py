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
import shlex
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from ..records.base import is_object
from .ground import PROGRAM, CommandError

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
    profile: str | None = None
    """The profile they are from, if they are."""


def profile_name(wanted: Settings) -> str:
    """Return the profile that is meant: by the option, else by the environment."""
    return wanted.profile or os.environ.get("SEGOPS_PROFILE") or DEFAULT


def profile_names() -> list[str]:
    """Return the names of all profiles."""
    return sorted(_profiles())


def credentials(wanted: Settings) -> Credentials:
    """Return the key and root to use; options first, then the environment, then a profile."""
    if wanted.api_key is not None:
        return Credentials(wanted.api_key, None, "--api-key")
    if os.environ.get("SEGOPS_API_KEY"):
        if wanted.profile:
            click.echo(f"SEGOPS_API_KEY is set and wins over profile {wanted.profile!r}.", err=True)
        return Credentials(None, None, "SEGOPS_API_KEY")
    name = profile_name(wanted)
    profile = _profiles().get(name)
    if profile is None:
        if name != DEFAULT:
            raise CommandError(f"{_unknown(name)} `{PROGRAM} login --profile {shlex.quote(name)}` makes it.")
        raise CommandError(f"No API key: run `{PROGRAM} login`, or set SEGOPS_API_KEY to a secret key (sk_…).")
    root = None if os.environ.get("SEGOPS_API_URL") else profile.get("base_url")
    return Credentials(_stored_key(name, profile), root, f"profile {name}", name)


def store(name: str, api_key: str, base_url: str | None) -> str:
    """Keep a key and its root under a name, and return where the key is now."""
    in_keyring = _to_keyring(name, api_key)
    profile = {"base_url": base_url} if base_url else {}
    _write({**_profiles(), name: profile if in_keyring else {**profile, "api_key": api_key}})
    return "the system's keyring" if in_keyring else str(profiles_file())


def check_known(name: str) -> None:
    """Refuse a name without a profile, and say which there are."""
    if name not in _profiles():
        raise CommandError(_unknown(name))


def forget(name: str) -> None:
    """Remove a profile and its key."""
    check_known(name)
    known = _profiles()
    if "api_key" not in known.pop(name):
        _from_keyring(name, remove=True)
    _write(known)


def profiles_file() -> Path:
    """Return where profiles are kept, and keys where there is no keyring."""
    from platformdirs import user_config_path  # noqa: PLC0415 -- not needed where the environment has the key

    return user_config_path(PROGRAM, appauthor=False) / "profiles.json"


def _profiles() -> dict[str, dict[str, Any]]:
    file = profiles_file()
    try:
        found = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise _damaged(file, str(error)) from error
    if not is_object(found) or not all(is_object(profile) for profile in found.values()):
        raise _damaged(file, "it holds no profiles")
    return found


def _damaged(file: Path, how: str) -> CommandError:
    return CommandError(f"{file} is damaged: {how}. Remove it and run `{PROGRAM} login`.")


def _write(profiles: Mapping[str, Any]) -> None:
    """Replace the file at once, readable by its owner only from its first moment."""
    file = profiles_file()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=file.parent)  # made with mode 0600
    with os.fdopen(handle, "w", encoding="utf-8") as text:
        json.dump(profiles, text, indent=2)
    Path(name).replace(file)


def _unknown(name: str) -> str:
    known = ", ".join(profile_names())
    return f"There is no profile {name!r}." + (f" Stored: {known}." if known else "")


def _stored_key(name: str, profile: Mapping[str, Any]) -> str:
    key = profile.get("api_key") or _from_keyring(name)
    if not key:
        raise CommandError(
            f"The keyring has no key for profile {name!r}. Run `{PROGRAM} login --profile {shlex.quote(name)}`."
        )
    return str(key)


def _to_keyring(name: str, api_key: str) -> bool:
    try:
        keyring, trouble = _keyring()
    except ImportError:
        return False
    try:
        keyring.set_password(SERVICE, name, api_key)
        return bool(keyring.get_password(SERVICE, name) == api_key)  # there are backends that keep nothing
    except trouble:  # no service that keeps secrets, or a locked one
        return False


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
    """Return the keyring package, an extra, and the errors of its backends and of a choice of backend that is none."""
    keyring = import_module("keyring")
    return keyring, (
        import_module("keyring.errors").KeyringError,
        RuntimeError,
        ImportError,
        AttributeError,
        ValueError,
    )
