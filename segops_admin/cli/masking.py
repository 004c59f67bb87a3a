"""Secrets that the command was given, and text without them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

PREFIX_CHARS = 3

MASK = "sk_…"
SECRET_FIELDS = frozenset({"api_key", "client_secret", "password", "secret", "token", "access_token", "refresh_token"})
"""Fields of bodies whose values are not shown."""

_SECRETS: set[str] = set()


def keep_secret(value: str) -> str:
    """Remember a secret, so that `masked` takes it out, and return it."""
    bare = value.strip()
    if len(bare) > PREFIX_CHARS:
        _SECRETS.add(bare)
    return bare


def masked(text: str) -> str:
    """Return text without any secret that is known."""
    keep_secret(os.environ.get("SEGOPS_API_KEY", ""))
    for secret in sorted(_SECRETS, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def hint_of(key: str) -> str:
    """Return what tells a key from others and is of no use to anybody else: prefix and last four characters."""
    kind = "_".join(key.split("_")[:2]) if key.count("_") > 1 else key[:2]
    return f"{kind}_…{key[-4:]}" if len(key) >= len(kind) + 12 else MASK


def without_secrets(value: Any) -> Any:
    """Return JSON data with the values of secret fields masked, at any depth."""
    if isinstance(value, Mapping):
        fields: Mapping[str, Any] = value  # pyright: ignore[reportUnknownVariableType]
        return {
            name: "***" if name.lower() in SECRET_FIELDS and isinstance(item, str) else without_secrets(item)
            for name, item in fields.items()
        }
    if isinstance(value, list):
        return [without_secrets(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    return value
