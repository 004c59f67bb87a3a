"""The SQL functions that compiled definitions call: how JSON values read as numbers, texts and amounts.

SQLite hands JSON booleans out as 1 and 0 and prices as text, so each function also takes the value's JSON type.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, cast

from segops_admin.emulator.fragment import is_list
from segops_admin.emulator.regex import compile_re2

if TYPE_CHECKING:
    import sqlite3

_GAP = r"[ ,'\u00a0]"
_FIGURE = re.compile(rf"-?\d+(?:{_GAP}\d{{3}})*(?:\.\d+)?|-?\.\d+")


def register_functions(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that compiled definitions call; needed once per connection."""
    connection.create_function("as_number", 2, as_number, deterministic=True)
    connection.create_function("as_amount", 2, as_amount, deterministic=True)
    connection.create_function("as_text", 2, as_text, deterministic=True)
    connection.create_function("casefold", 1, _casefold, deterministic=True)
    connection.create_function("regexp", 2, matches, deterministic=True)


def plain_text(value: object) -> str:
    """Write a scalar as the text it compares by: true, 12 (also for 12.0), abc."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def as_number(value: Any, kind: str | None) -> float | None:
    """Read a JSON value as a number: numbers, text that reads as one, the amount of a price object."""
    if kind in ("integer", "real"):
        return cast("float", value)
    if kind == "object":
        return amount_of(json.loads(value))
    if kind != "text":
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def as_amount(value: Any, kind: str | None) -> float | None:
    """Read a price in any of its forms: an object's amount, the first of several prices, the figure in a text."""
    if kind in ("integer", "real"):
        return float(value)
    if kind in ("object", "array"):
        return amount_of(json.loads(value))
    return amount_of(value) if kind == "text" else None


def amount_of(value: Any) -> float | None:
    """Return the number a price stands for, or None."""
    if is_list(value):
        return amount_of(value[0]) if value else None
    if isinstance(value, dict):
        return amount_of(value.get("amount"))  # pyright: ignore[reportUnknownMemberType,reportUnknownArgumentType]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    found = _FIGURE.search(value) if isinstance(value, str) else None
    return float(re.sub(_GAP, "", found[0])) if found else None


def as_text(value: Any, kind: str | None) -> str | None:
    """Read a JSON value as text; lists and objects are their JSON."""
    if value is None:
        return None
    return kind if kind in ("true", "false") else plain_text(value)


def matches(pattern: str, text: str | None) -> bool | None:
    """Search `text` for an RE2 pattern; what SQL's REGEXP calls."""
    return None if text is None else compile_re2(pattern).search(text) is not None


def _casefold(text: str | None) -> str | None:
    """Fold case in every script; SQLite's own `lower` knows ASCII only."""
    return None if text is None else text.casefold()
