"""The 18 operators of section 9.2 as SQL tests on one JSON value, shared by user and product definitions.

A value is seen as two SQL expressions, `json_extract` (NULL when missing or null) and `json_type` (tells true from 1).
Where the sheet is silent: the negative operators (`neq`, `not_in`, `does_not_contain`, `not_between`) do not match a
missing property, as it says of `neq`; text that reads as a number counts as one.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from attrs import frozen

from segops_admin.emulator.fragment import DefinitionError, Fragment, choice, is_list, required
from segops_admin.emulator.regex import PatternError, compile_re2
from segops_admin.emulator.sql_functions import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

COMPARISONS: dict[str, str] = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
OPERATORS: tuple[str, ...] = (
    *COMPARISONS, "between", "not_between", "in", "not_in", "contains", "does_not_contain",
    "starts_with", "ends_with", "matches_regex", "is_set", "is_not_set", "is_true", "is_false",
)  # fmt: skip
SIGNS: dict[str, str] = {"eq": "=", "neq": "≠", "gt": ">", "gte": "≥", "lt": "<", "lte": "≤"}


@frozen
class Operand:
    """The SQL expressions of a JSON value and of its JSON type."""

    value: str
    kind: str

    @property
    def number(self) -> str:
        """The value as a number, or NULL."""
        return f"as_number({self.value}, {self.kind})"

    @property
    def text(self) -> str:
        """The value as text, or NULL."""
        return f"as_text({self.value}, {self.kind})"


def test(operand: Operand, operator: str, condition: Mapping[str, Any]) -> Fragment:
    """The SQL test of one operator with the `value` and `value2` of its condition; raises DefinitionError."""
    return _TESTS[choice(operator, OPERATORS, "operator")](operand, operator, condition)


def number(value: object, key: str = "value") -> float:
    """Return a finite number out of JSON, given as a number or as text; not a boolean."""
    try:
        found = math.nan if isinstance(value, bool) else float(cast("Any", value))
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise DefinitionError({key: ["A valid number is required."]})
    return int(found) if found.is_integer() and abs(found) < 2**53 else found


def bounds(condition: Mapping[str, Any]) -> tuple[float, float]:
    """Return the two bounds of `between`: `value` and `value2`, or a pair in `value`."""
    value = required(condition, "value")
    if not is_list(value):
        return number(value), number(required(condition, "value2"), "value2")
    if len(value) != 2:
        raise DefinitionError({"value": ["Expected two bounds: [low, high]."]})
    return number(value[0]), number(value[1])


def _compare(operand: Operand, operator: str, condition: Mapping[str, Any]) -> Fragment:
    return Fragment(f"{operand.number} {COMPARISONS[operator]} ?", (number(required(condition, "value")),))


def _equal(operand: Operand, _: str, condition: Mapping[str, Any]) -> Fragment:
    return _equals(operand, _scalar(required(condition, "value")))


def _not_equal(operand: Operand, _: str, condition: Mapping[str, Any]) -> Fragment:
    return _present_but_not(operand, _equals(operand, _scalar(required(condition, "value"))))


def _equals(operand: Operand, value: str | float) -> Fragment:
    if isinstance(value, bool):
        return Fragment(f"{operand.kind} = '{plain_text(value)}'")
    if isinstance(value, (int, float)):
        return Fragment(f"{operand.number} = ?", (number(value),))
    return Fragment(f"{operand.text} = ?", (value,))


def _scalar(value: object) -> str | float:
    if isinstance(value, (str, int, float)):
        return value
    raise DefinitionError({"value": ["Expected a string, a number or a boolean."]})


def _present_but_not(operand: Operand, inner: Fragment) -> Fragment:
    return Fragment(f"({operand.value} IS NOT NULL AND NOT coalesce({inner.sql}, 0))", inner.params)


def _between(operand: Operand, operator: str, condition: Mapping[str, Any]) -> Fragment:
    word = "NOT BETWEEN" if operator == "not_between" else "BETWEEN"
    return Fragment(f"{operand.number} {word} ? AND ?", bounds(condition))


def _in(operand: Operand, operator: str, condition: Mapping[str, Any]) -> Fragment:
    inner = _any_of(operand, _choices(required(condition, "value")))
    return inner if operator == "in" else _present_but_not(operand, inner)


def _choices(value: object) -> list[str | float]:
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    if not is_list(value):
        raise DefinitionError({"value": ["Expected a list, or values separated by commas."]})
    return [_scalar(item) for item in value]


def _any_of(operand: Operand, choices: list[str | float]) -> Fragment:
    """One IN for the numbers and one for the texts, each compared in its own way."""
    numbers = tuple(number(item) for item in choices if not isinstance(item, (str, bool)))
    texts = tuple(plain_text(item) for item in choices if isinstance(item, (str, bool)))
    tests = [
        f"{expression} IN ({', '.join('?' * len(values))})"
        for expression, values in ((operand.number, numbers), (operand.text, texts))
        if values
    ]
    return Fragment(f"({' OR '.join(tests)})" if tests else "0", (*numbers, *texts))


def _contains(operand: Operand, operator: str, condition: Mapping[str, Any]) -> Fragment:
    """Substring of a text, element of an array."""
    value = plain_text(_scalar(required(condition, "value")))
    element = f"EXISTS (SELECT 1 FROM json_each({operand.value}) AS item WHERE as_text(item.value, item.type) = ?)"  # noqa: S608  parts are ours
    inner = Fragment(
        f"CASE WHEN {operand.kind} = 'array' THEN {element} ELSE instr({operand.text}, ?) > 0 END", (value, value)
    )
    return inner if operator == "contains" else _present_but_not(operand, inner)


def _starts_with(operand: Operand, _: str, condition: Mapping[str, Any]) -> Fragment:
    return Fragment(f"instr({operand.text}, ?) = 1", (_affix(condition),))


def _ends_with(operand: Operand, _: str, condition: Mapping[str, Any]) -> Fragment:
    value = _affix(condition)
    return Fragment(f"substr({operand.text}, -{len(value)}) = ?", (value,))


def _affix(condition: Mapping[str, Any]) -> str:
    value = plain_text(_scalar(required(condition, "value")))
    if not value:
        raise DefinitionError({"value": ["This field may not be blank."]})
    return value


def _matches(operand: Operand, _: str, condition: Mapping[str, Any]) -> Fragment:
    pattern = required(condition, "value")
    if not isinstance(pattern, str):
        raise DefinitionError({"value": ["Not a valid string."]})
    try:
        compile_re2(pattern)
    except PatternError as error:
        raise DefinitionError({"value": [str(error)]}) from error
    return Fragment(f"{operand.text} REGEXP ?", (pattern,))


def _is_set(operand: Operand, operator: str, _: Mapping[str, Any]) -> Fragment:
    return Fragment(f"coalesce({operand.value}, '') {'<>' if operator == 'is_set' else '='} ''")


def _is_boolean(operand: Operand, operator: str, _: Mapping[str, Any]) -> Fragment:
    return Fragment(f"coalesce({operand.kind}, '') = '{operator.removeprefix('is_')}'")


_TESTS: dict[str, Callable[[Operand, str, Mapping[str, Any]], Fragment]] = {
    "eq": _equal,
    "neq": _not_equal,
    **dict.fromkeys(("gt", "gte", "lt", "lte"), _compare),
    **dict.fromkeys(("between", "not_between"), _between),
    **dict.fromkeys(("in", "not_in"), _in),
    **dict.fromkeys(("contains", "does_not_contain"), _contains),
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "matches_regex": _matches,
    **dict.fromkeys(("is_set", "is_not_set"), _is_set),
    **dict.fromkeys(("is_true", "is_false"), _is_boolean),
}
