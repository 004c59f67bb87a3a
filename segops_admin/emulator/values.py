"""Cells of a CSV file as values of a FieldType (section 11.1), and the guess which type a column has.

A cell that does not fit its type is kept as text rather than lost: the service's handling is unstated.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any

from segops_admin.emulator.clock import parse_instant
from segops_admin.emulator.fragment import is_list

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d+)?\Z")
_PRICE = re.compile(
    r"(?:(?P<before>[A-Z]{3}|[$€£¥])\s?)?(?P<amount>-?\d+(?:,\d{3})*(?:\.\d+)?)(?:\s?(?P<after>[A-Z]{3}|[$€£¥]))?\Z"
)
_SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
_TRUE, _FALSE = frozenset(("true", "yes", "1", "y", "on")), frozenset(("false", "no", "0", "n", "off"))
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def convert(cell: str, field_type: str) -> Any:
    """Return the cell as a value of its field's type; the cell itself where it does not fit."""
    reader = _READERS.get(field_type)
    value = reader(cell) if reader else None
    return cell if value is None else value


def guess_type(cells: Sequence[str]) -> str:
    """Return the FieldType that all cells with something in them fit, most specific first."""
    filled = [cell for cell in cells if cell]
    if not filled:
        return "string"
    found = next((name for name, fits in _GUESSES.items() if all(map(fits, filled))), "string")
    return "array" if found == "string" and _look_listed(filled) else found


def _look_listed(cells: Sequence[str]) -> bool:
    """Tell whether texts are lists of tags: single words between commas, in at least a third of the cells."""
    parts = [part.strip() for cell in cells for part in cell.split(",")]
    return 3 * sum("," in cell for cell in cells) >= len(cells) and not any(" " in part or not part for part in parts)


def number(cell: str) -> float | None:
    """Read a number; whole ones stay whole."""
    try:
        return int(cell) if len(cell) < 18 else float(cell)
    except ValueError:
        pass
    try:
        found = float(cell)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _boolean(cell: str) -> bool | None:
    word = cell.lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _array(cell: str) -> list[Any]:
    """Read a JSON array, else text separated by commas."""
    if cell.startswith("["):
        found = _json(cell)
        if is_list(found):
            return found
    return [part for part in (part.strip() for part in cell.split(",")) if part]


def price(cell: str) -> dict[str, Any] | None:
    """Read an amount with or without a currency; JSON as it is."""
    if cell.startswith("{"):
        found = _json(cell)
        return found if isinstance(found, dict) else None  # pyright: ignore[reportUnknownVariableType]
    match = _PRICE.match(cell)
    if match is None:
        return None
    mark = match["before"] or match["after"]
    amount = {"amount": number(match["amount"].replace(",", ""))}
    return {**amount, "currency": _SYMBOLS.get(mark, mark)} if mark else amount


def _multi_price(cell: str) -> list[Any] | None:
    found = _json(cell) if cell.startswith("[") else None
    return found if is_list(found) else None


def _json(cell: str) -> Any:
    try:
        return json.loads(cell)
    except ValueError:
        return None


def _is_array(cell: str) -> bool:
    return cell.startswith("[") and is_list(_json(cell))


def _is_url(cell: str) -> bool:
    return cell.startswith(("http://", "https://")) and " " not in cell


def _is_price(cell: str) -> bool:
    match = _PRICE.match(cell)
    return match is not None and bool(match["before"] or match["after"])


def _is_instant(cell: str) -> bool:
    try:
        parse_instant(cell)
    except ValueError:
        return False
    return bool(_DATE.match(cell))


_READERS: dict[str, Callable[[str], Any]] = {
    "number": number,
    "boolean": _boolean,
    "array": _array,
    "price": price,
    "multi_price": _multi_price,
}
_GUESSES: dict[str, Callable[[str], bool]] = {
    "boolean": lambda cell: cell.lower() in ("true", "false", "yes", "no"),
    "number": lambda cell: _NUMBER.match(cell) is not None,
    "url": _is_url,
    "price": _is_price,
    "datetime": _is_instant,
    "array": _is_array,
}
FIELD_TYPES: tuple[str, ...] = ("string", "number", "boolean", "array", "url", "price", "multi_price", "datetime")
