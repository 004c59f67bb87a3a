"""What connectors are configured with: checks per platform, masked secrets, and the platform that always refuses.

Sheet, section 13.2. A platform not listed there takes any config: further types may exist.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MASK = "***"
_SECRET = re.compile(r"(?:.*_)?(?:api_key|secret|token|password)\Z")
_LIST_ID = re.compile(r"[A-Za-z0-9]{6}\Z")
_HTTPS = re.compile(r"https://[^\s/]\S*\Z")
_URL = re.compile(r"https?://[^\s/]\S*\Z")


def _text(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return "Not a valid string."
    return None if str(value).strip() else "This field may not be blank."


def _list_id(value: Any) -> str | None:
    return _text(value) or (None if _LIST_ID.match(str(value)) else "Enter a list id of 6 letters and digits.")


def _endpoint(value: Any) -> str | None:
    fits = isinstance(value, str) and _HTTPS.match(value) and not value.endswith("/")
    return None if fits else "Enter a full https:// URL without a trailing slash."


def _url(value: Any) -> str | None:
    return None if isinstance(value, str) and _URL.match(value) else "Enter a valid URL."


@attrs.frozen
class _Setting:
    trouble: Callable[[Any], str | None]
    required: bool = True


_SETTINGS: dict[str, dict[str, _Setting]] = {
    "klaviyo": {"list_id": _Setting(_list_id), "api_key": _Setting(_text)},
    "braze": {
        "rest_endpoint": _Setting(_endpoint),
        "api_key": _Setting(_text),
        "segment_id": _Setting(_text, required=False),
    },
    "talonone": {"base_url": _Setting(_url), "api_key": _Setting(_text), "audience_id": _Setting(_text)},
}


def config_errors(connector_type: str, config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with a config by setting; settings the platform does not know are let be."""
    errors: dict[str, list[str]] = {}
    for name, setting in _SETTINGS.get(connector_type, {}).items():
        if name in config:
            trouble = setting.trouble(config[name])
        else:
            trouble = "This field is required." if setting.required else None
        if trouble:
            errors[name] = [trouble]
    return errors


def masked(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config as the wire has it: every secret that is set reads `***`."""
    return {name: MASK if value and _SECRET.match(name) else value for name, value in config.items()}


def merged(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored config changed by the given settings: null removes one, `***` keeps what is stored."""
    return unmasked(stored, {**stored, **given})


def unmasked(stored: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with each `***` replaced by what is stored; where nothing is, and for null, it is left out."""
    whole = {name: stored.get(name) if value == MASK else value for name, value in given.items()}
    return {name: value for name, value in whole.items() if value is not None}


def refusal(connector_type: str, config: Mapping[str, Any]) -> str | None:
    """Return the platform's error for a config it refuses: one whose `api_key` contains "invalid"."""
    if "invalid" in str(config.get("api_key", "")):
        return f"{connector_type}: 401 Unauthorized: the API key was refused."
    return None
