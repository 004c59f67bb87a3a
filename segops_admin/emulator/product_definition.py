"""Product-segment definitions (section 10.2) as a plain WHERE on the products, for preview, compute and search.

Decisions where the sheet is silent: `sku` and `name` can be named like schema fields; `ai_visibility_metric` matches
everything; a list in an event's product id counts as each of its items.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segops_admin.emulator import operators
from segops_admin.emulator.conditions import segment_id
from segops_admin.emulator.fragment import (
    CompiledQuery,
    DefinitionError,
    Fragment,
    Group,
    choice,
    gather,
    is_list,
    join,
    json_path,
    property_name,
    read_group,
    required,
    text_field,
)
from segops_admin.emulator.operators import Operand
from segops_admin.emulator.sql_functions import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NUMERIC = ("eq", "neq", "gt", "gte", "lt", "lte", "between", "not_between", "in", "not_in", "is_set", "is_not_set")
OPERATORS_BY_TYPE: dict[str, tuple[str, ...]] = {
    "string": (
        "eq", "neq", "contains", "does_not_contain", "starts_with", "ends_with", "in", "not_in", "is_set", "is_not_set",
    ),
    "number": _NUMERIC,
    "price": _NUMERIC,
    "boolean": ("is_true", "is_false"),
    "array": ("contains", "does_not_contain", "is_set", "is_not_set"),
    "url": ("eq", "is_set", "is_not_set"),
}  # fmt: skip
_SIGNALS = {"purchased_by_segment": "order_completed", "viewed_by_segment": "product_viewed"}
_COLUMNS = ("sku", "name")


def product_filter(definition: object, *, tenant_id: int) -> Fragment:
    """Return the test on a row of `products` that a definition stands for; an empty one is false.

    Raises DefinitionError, whose `errors` is a JSON body relative to the definition.
    """

    def leaf(condition: Mapping[str, Any]) -> Fragment:
        return _TYPES[choice(condition["type"], tuple(_TYPES), "type")](condition, tenant_id)

    return _test(read_group({} if definition is None else definition, leaf))


def compile_product_definition(definition: object, *, tenant_id: int) -> CompiledQuery:
    """Return the query for the ids of all matching products, in order of id."""
    test = product_filter(definition, tenant_id=tenant_id)
    where = f"tenant_id = ?\n  AND ({test.sql})"  # parts are ours, values stay parameters
    return CompiledQuery(f"SELECT id FROM products\nWHERE {where}\nORDER BY id", [tenant_id, *test.params])  # noqa: S608


def field_filter(name: str, field_type: str, text: str) -> Fragment:
    """Return the exact match of a list's query parameter on one schema field; arrays match by element."""
    if '"' in name or "\0" in name:
        return Fragment("0")
    if field_type == "boolean":
        word = text.strip().lower()
        operator = {"true": "is_true", "1": "is_true", "false": "is_false", "0": "is_false"}.get(word)
        return operators.test(_operand(name, "boolean"), operator, {}) if operator else Fragment("0")
    value_type = field_type if field_type in ("number", "price", "array") else "string"
    operator = "contains" if field_type in ("array", "multi_price") else "eq"
    condition = {"operator": operator, "value": text}
    try:
        return operators.test(_operand(name, value_type), operator, _typed(condition, value_type))
    except DefinitionError:
        return Fragment("0")


def _test(item: Group | Fragment) -> Fragment:
    if isinstance(item, Fragment):
        return item
    tests = [_test(part) for part in item.items]
    nested = [isinstance(part, Group) for part in item.items]
    return join(
        item.logic,
        [Fragment(f"({test.sql})", test.params) if inner else test for test, inner in zip(tests, nested, strict=True)],
    )


def _attribute(condition: Mapping[str, Any], _: int) -> Fragment:
    parts = gather(
        {
            "property": lambda: property_name(condition),
            "type": lambda: choice(condition.get("value_type") or "string", tuple(OPERATORS_BY_TYPE), "value_type"),
        }
    )
    name, value_type = parts["property"], parts["type"]
    operator = choice(required(condition, "operator"), operators.OPERATORS, "operator")
    if operator not in OPERATORS_BY_TYPE[value_type]:
        raise DefinitionError({"operator": [f'"{operator}" does not apply to values of type "{value_type}".']})
    return operators.test(_operand(name, value_type), operator, _typed(condition, value_type))


def _operand(name: str, value_type: str) -> Operand:
    if name in _COLUMNS:
        return Operand(f"products.{name}", "'text'")
    path = json_path(name)
    value, kind = f"json_extract(products.data, {path})", f"json_type(products.data, {path})"
    if value_type in ("number", "price"):
        return Operand(f"as_amount({value}, {kind})", "'real'")
    if value_type == "array":
        return Operand(f"nullif({value}, '[]')", kind)
    return Operand(value, kind)


def _typed(condition: Mapping[str, Any], value_type: str) -> Mapping[str, Any]:
    """Read the condition's value by its type: numbers given as text compare as numbers, and the other way round."""
    value = condition.get("value")
    if value is None or value_type not in ("string", "url", "number", "price"):
        return condition
    if isinstance(value, str) and condition["operator"] in ("in", "not_in"):
        value = [part.strip() for part in value.split(",")]
    convert = operators.number if value_type in ("number", "price") else plain_text
    if is_list(value):
        return {**condition, "value": [convert(item) for item in value]}
    return {**condition, "value": convert(value)}


def _signal(condition: Mapping[str, Any], tenant_id: int) -> Fragment:
    """Test whether a member of a user segment has an event about the product; its id there is the sku."""
    parts = gather(
        {
            "signal": lambda: choice(required(condition, "signal"), tuple(_SIGNALS), "signal"),
            "segment": lambda: segment_id(condition),
            "event": lambda: text_field(condition, "event_type") if condition.get("event_type") else None,
            "property": lambda: (
                property_name(condition, "product_id_property")
                if condition.get("product_id_property")
                else "product_id"
            ),
        }
    )
    event = parts["event"] or _SIGNALS[parts["signal"]]
    path = json_path(parts["property"])
    return Fragment(
        "products.sku IN (\n"  # noqa: S608  parts are ours
        "    SELECT as_text(item.value, item.type)\n"
        f"    FROM resolved_events AS event, json_each(event.payload, {path}) AS item\n"
        "    WHERE event.tenant_id = ? AND event.event_type = ? AND event.user_id IN (\n"
        "      SELECT user_id FROM members WHERE tenant_id = ? AND segment_id = ?))",
        (tenant_id, event, tenant_id, parts["segment"]),
    )


def _visibility(_: Mapping[str, Any], __: int) -> Fragment:
    return Fragment("1")


_TYPES: dict[str, Callable[[Mapping[str, Any], int], Fragment]] = {
    "product_attribute": _attribute,
    "user_behavior_signal": _signal,
    "ai_visibility_metric": _visibility,
}
