"""Product-segment definitions, evaluated over a handful of products."""

import json
import sqlite3

import pytest

from segops_admin.emulator.definition import register_functions
from segops_admin.emulator.fragment import DefinitionError
from segops_admin.emulator.product_definition import compile_product_definition
from segops_admin.emulator.schema import SCHEMA

TENANT = 4
PRODUCTS = {
    "a": {"s": "dark rye", "n": 5, "b": True, "l": ["dark", "new"], "u": "https://a.example", "p": {"amount": 4.5}},
    "b": {"s": "spelt", "n": "7.5", "b": False, "l": ["light"], "u": "", "p": "NOK 9"},
    "c": {"s": "rye", "n": 12, "l": [], "p": [{"amount": 20, "currency": "NOK"}]},
    "d": {"s": "", "n": "many", "b": None, "p": "ask us"},
    "e": {},
}


@pytest.fixture
def db():
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    register_functions(connection)
    for tenant in (TENANT, 99):
        connection.executemany(
            "INSERT INTO products (tenant_id, sku, name, data, created_at, updated_at) VALUES (?, ?, ?, ?, 0, 0)",
            [(tenant, sku, f"Product {sku}", json.dumps(data)) for sku, data in PRODUCTS.items()],
        )
    yield connection
    connection.close()


def matching(db, *conditions, logic="AND"):
    query = compile_product_definition({"logic": logic, "conditions": list(conditions)}, tenant_id=TENANT)
    ids = [row[0] for row in db.execute(query.sql, query.params)]
    skus = dict(db.execute("SELECT id, sku FROM products WHERE tenant_id=?", (TENANT,)))
    return "".join(skus[number] for number in ids)


@pytest.mark.parametrize(
    ("value_type", "key", "operator", "operand", "expected"),
    [
        ("string", "s", "eq", {"value": "rye"}, "c"),
        ("string", "n", "eq", {"value": 5}, "a"),
        ("string", "s", "neq", {"value": "rye"}, "abd"),
        ("string", "s", "contains", {"value": "rye"}, "ac"),
        ("string", "s", "does_not_contain", {"value": "rye"}, "bd"),
        ("string", "s", "starts_with", {"value": "dark"}, "a"),
        ("string", "s", "ends_with", {"value": "rye"}, "ac"),
        ("string", "s", "in", {"value": ["rye", "spelt"]}, "bc"),
        ("string", "s", "in", {"value": "rye, spelt"}, "bc"),
        ("string", "s", "not_in", {"value": ["rye", "spelt"]}, "ad"),
        ("string", "s", "is_set", {}, "abc"),
        ("string", "s", "is_not_set", {}, "de"),
        ("number", "n", "eq", {"value": "5"}, "a"),
        ("number", "n", "neq", {"value": 5}, "bc"),
        ("number", "n", "gt", {"value": 5}, "bc"),
        ("number", "n", "gte", {"value": 5}, "abc"),
        ("number", "n", "lt", {"value": 12}, "ab"),
        ("number", "n", "lte", {"value": 12}, "abc"),
        ("number", "n", "between", {"value": 6, "value2": 12}, "bc"),
        ("number", "n", "not_between", {"value": 6, "value2": 12}, "a"),
        ("number", "n", "in", {"value": "5, 12"}, "ac"),
        ("number", "n", "not_in", {"value": [5]}, "bc"),
        ("number", "n", "is_set", {}, "abc"),
        ("number", "n", "is_not_set", {}, "de"),
        ("number", "p", "lt", {"value": 5}, "a"),
        ("price", "p", "between", {"value": 4, "value2": 9}, "ab"),
        ("price", "p", "gte", {"value": 20}, "c"),
        ("price", "p", "is_not_set", {}, "de"),
        ("boolean", "b", "is_true", {}, "a"),
        ("boolean", "b", "is_false", {}, "b"),
        ("array", "l", "contains", {"value": "dark"}, "a"),
        ("array", "l", "does_not_contain", {"value": "dark"}, "b"),
        ("array", "l", "is_set", {}, "ab"),
        ("array", "l", "is_not_set", {}, "cde"),
        ("url", "u", "eq", {"value": "https://a.example"}, "a"),
        ("url", "u", "is_set", {}, "a"),
        ("url", "u", "is_not_set", {}, "bcde"),
    ],
)
def test_operators_read_the_value_by_its_type(db, value_type, key, operator, operand, expected):
    """A price is its amount in any of its forms, numbers may stand as text, an empty array is not set."""
    rule = {"type": "product_attribute", "property": key, "operator": operator, "value_type": value_type, **operand}

    assert matching(db, rule) == expected


def test_value_type_is_string_unless_given(db):
    """The sheet's default."""
    rule = {"type": "product_attribute", "property": "s", "operator": "eq", "value": "rye"}

    assert matching(db, rule) == "c"
    assert matching(db, {**rule, "property": "sku", "value": "b"}) == "b"


@pytest.mark.parametrize("segment", [12, "12"])
@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"signal": "purchased_by_segment"}, "a"),
        ({"signal": "viewed_by_segment"}, "b"),
        ({"signal": "purchased_by_segment", "event_type": "ordered", "product_id_property": "items"}, "ac"),
    ],
)
def test_behaviour_of_a_user_segment_selects_its_products(db, segment, extra, expected):
    """Events of members name products by sku, one or several; others' events do not count."""
    events = [
        ("amy", "order_completed", {"product_id": "a"}),
        ("amy", "product_viewed", {"product_id": "b"}),
        ("amy", "ordered", {"items": ["a", "c"]}),
        ("ben", "order_completed", {"product_id": "d"}),
    ]
    db.executemany(
        "INSERT INTO events (tenant_id, user_id, event_type, occurred_at, payload) VALUES (?, ?, ?, 0, ?)",
        [(TENANT, user, event, json.dumps(payload)) for user, event, payload in events],
    )
    db.execute("INSERT INTO members VALUES (?, 12, 'amy', 0)", (TENANT,))

    assert matching(db, {"type": "user_behavior_signal", "segment_id": segment, **extra}) == expected


def test_logic_groups_and_emptiness_work_as_for_users(db):
    """An empty definition matches nothing, the placeholder type everything."""
    rye = {"type": "product_attribute", "property": "s", "operator": "eq", "value": "rye"}
    spelt = {**rye, "value": "spelt"}

    assert matching(db) == ""
    assert matching(db, {"type": "ai_visibility_metric"}) == "abcde"
    assert matching(db, rye, spelt) == ""
    assert matching(db, rye, spelt, logic="OR") == "bc"
    assert matching(db, {"type": "ai_visibility_metric"}, {"logic": "OR", "conditions": [rye, spelt]}) == "bc"


@pytest.mark.parametrize(
    ("condition", "fields"),
    [
        ({"type": "product_attribute"}, {"property"}),
        ({"type": "product_attribute", "property": "s"}, {"operator"}),
        ({"type": "product_attribute", "property": "s", "operator": "gt", "value": 1}, {"operator"}),
        ({"type": "product_attribute", "property": "s", "operator": "eq", "value_type": "colour"}, {"value_type"}),
        ({"type": "user_behavior_signal"}, {"signal", "segment_id"}),
        ({"type": "recency"}, {"type"}),
    ],
)
def test_faults_are_reported_by_field(condition, fields):
    """Operators are checked against the value's type, as the sheet's table has it."""
    with pytest.raises(DefinitionError) as caught:
        compile_product_definition({"conditions": [condition]}, tenant_id=TENANT)

    assert set(caught.value.errors["conditions"]["0"]) == fields
