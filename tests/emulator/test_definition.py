"""User-segment definitions, evaluated over a handful of stored events."""

from __future__ import annotations

import json
import sqlite3

import pytest

from segops_admin.emulator.definition import (
    DefinitionError,
    compile_definition,
    explain_definition,
    register_functions,
)
from segops_admin.emulator.schema import SCHEMA

NOW = 1_780_000_000.0
DAY = 86_400.0
TENANT = 4

ITEMS = {
    "amy": {"v": 5, "s": "rye bread", "l": ["dark", "new"], "b": True},
    "ben": {"v": 12.5, "s": "spelt", "l": ["light"], "b": False},
    "cyd": {"v": "7", "s": "Rye", "l": [], "b": None},
    "dan": {"v": "many", "s": ""},
    "eve": {},
}


@pytest.fixture
def db():
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    register_functions(connection)
    yield connection
    connection.close()


def track(db, user, event, days_ago=1.0, tenant=TENANT, **payload):
    db.execute(
        "INSERT INTO events (tenant_id, user_id, event_type, occurred_at, payload) VALUES (?, ?, ?, ?, ?)",
        (tenant, user, event, NOW - days_ago * DAY, json.dumps(payload, ensure_ascii=False)),
    )


def matching(db, *conditions, logic="AND"):
    return evaluate(db, {"logic": logic, "conditions": list(conditions)})


def evaluate(db, definition):
    query = compile_definition(definition, tenant_id=TENANT, now=NOW)
    return [row[0] for row in db.execute(query.sql, query.params)]


def names(initials):
    return [name for name in ITEMS if name[0] in initials]


@pytest.mark.parametrize(
    ("operator", "key", "operand", "expected"),
    [
        ("eq", "v", {"value": 5}, "a"),
        ("eq", "v", {"value": 7}, "c"),
        ("eq", "v", {"value": "12.5"}, "b"),
        ("eq", "s", {"value": "spelt"}, "b"),
        ("eq", "b", {"value": True}, "a"),
        ("eq", "b", {"value": 1}, ""),
        ("neq", "v", {"value": 5}, "bcd"),
        ("neq", "s", {"value": "spelt"}, "acd"),
        ("neq", "b", {"value": True}, "b"),
        ("gt", "v", {"value": 5}, "bc"),
        ("gte", "v", {"value": 5}, "abc"),
        ("lt", "v", {"value": 7}, "a"),
        ("lte", "v", {"value": "7"}, "ac"),
        ("between", "v", {"value": 5, "value2": 7}, "ac"),
        ("between", "v", {"value": [7, 12.5]}, "bc"),
        ("not_between", "v", {"value": 6, "value2": 20}, "a"),
        ("in", "s", {"value": ["spelt", "Rye"]}, "bc"),
        ("in", "v", {"value": "5, 12.5"}, "ab"),
        ("in", "v", {"value": [5, "many"]}, "ad"),
        ("in", "v", {"value": []}, ""),
        ("not_in", "s", {"value": ["spelt"]}, "acd"),
        ("not_in", "v", {"value": []}, "abcd"),
        ("contains", "s", {"value": "rye"}, "a"),
        ("contains", "l", {"value": "dark"}, "a"),
        ("contains", "l", {"value": "dar"}, ""),
        ("does_not_contain", "s", {"value": "rye"}, "bcd"),
        ("does_not_contain", "l", {"value": "dark"}, "bc"),
        ("starts_with", "s", {"value": "rye"}, "a"),
        ("starts_with", "s", {"value": "ye"}, ""),
        ("ends_with", "s", {"value": "ye"}, "c"),
        ("ends_with", "s", {"value": "bread"}, "a"),
        ("matches_regex", "s", {"value": "^[Rr]ye"}, "ac"),
        ("matches_regex", "s", {"value": "el"}, "b"),
        ("is_set", "s", {}, "abc"),
        ("is_set", "b", {}, "ab"),
        ("is_not_set", "s", {}, "de"),
        ("is_not_set", "v", {}, "e"),
        ("is_true", "b", {}, "a"),
        ("is_false", "b", {}, "b"),
    ],
)
@pytest.mark.parametrize("kind", ["event_property", "user_property"])
def test_operator_selects_exactly_the_fitting_values(db, kind, operator, key, operand, expected):
    """Numbers compare as numbers, text as text, and no operator but is_not_set takes a missing property."""
    event = "context_identified" if kind == "user_property" else "opened"
    for user, payload in ITEMS.items():
        track(db, user, event, **payload)

    found = matching(db, {"type": kind, "event_type": "opened", "property": key, "operator": operator, **operand})

    assert found == names(expected)


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [("eq", 0, "c"), ("neq", 2, "bc"), ("gt", 1, "a"), ("gte", 1, "ab"), ("lt", 2, "bc"), ("lte", 0, "c")],
)
def test_event_count_counts_users_without_the_event_as_zero(db, operator, value, expected):
    """Whoever has any event at all is in the universe, so a count may be zero."""
    for user, event in [("amy", "baked"), ("amy", "baked"), ("ben", "baked"), ("cyd", "other")]:
        track(db, user, event)
    track(db, "eve", "baked", tenant=99)

    found = matching(db, {"type": "event_count", "event_type": "baked", "operator": operator, "value": value})

    assert found == names(expected)


def test_event_count_window_leaves_older_events_out(db):
    """Windows are rolling: now minus N times 24 hours."""
    track(db, "amy", "baked", days_ago=6.9)
    track(db, "ben", "baked", days_ago=7.1)

    found = matching(
        db, {"type": "event_count", "event_type": "baked", "operator": "gte", "value": 1, "window_days": 7}
    )

    assert found == ["amy"]


@pytest.mark.parametrize(("operator", "expected"), [("gt", ["ben", "eve"]), ("lt", ["amy"]), ("eq", ["ben"])])
def test_recency_takes_users_without_the_event_as_long_gone(db, operator, expected):
    """Only the last event counts; whoever never had one matches gt and nothing else."""
    track(db, "amy", "bought", days_ago=100)
    track(db, "amy", "bought", days_ago=3)
    track(db, "ben", "bought", days_ago=60.5)
    track(db, "eve", "other")

    assert (
        matching(db, {"type": "recency", "event_type": "bought", "operator": operator, "window_days": 60}) == expected
    )


@pytest.mark.parametrize(
    ("metric", "operator", "value", "expected"),
    [
        ("sum", "eq", 30, ["amy"]),
        ("sum", "lt", 1, ["cyd", "dan"]),
        ("avg", "eq", 15, ["amy"]),
        ("max", "gte", 20, ["amy"]),
        ("avg", "lt", 12, ["ben"]),
        ("max", "neq", 20, ["ben"]),
    ],
)
def test_monetary_aggregates_the_numeric_amounts_only(db, metric, operator, value, expected):
    """Text that is no number is left out; the sum over nothing is 0, other aggregates of nothing match nothing."""
    for user, amount in [("amy", 10), ("amy", 20), ("ben", "5.5"), ("cyd", "free")]:
        track(db, user, "bought", amount=amount)
    track(db, "dan", "other")
    rule = {"type": "monetary", "event_type": "bought", "property": "amount"}

    assert matching(db, {**rule, "metric": metric, "operator": operator, "value": value}) == expected


def test_traits_are_replaced_by_the_latest_identify_event(db):
    """The latest payload is the whole trait set; among events of one instant the last stored is the latest."""
    track(db, "amy", "context_identified", country="NO", plan="home")
    track(db, "amy", "context_identified", country="SE")

    assert matching(db, {"type": "user_property", "property": "country", "operator": "eq", "value": "SE"}) == ["amy"]
    assert matching(db, {"type": "user_property", "property": "plan", "operator": "is_set"}) == []


@pytest.mark.parametrize(
    ("events", "window", "strict", "expected"),
    [
        (["open", "done"], 5, False, ["amy", "ben"]),
        (["open", "done"], 5, True, ["amy"]),
        (["open", "done"], 1, False, ["amy"]),
        (["open", "done"], 30, False, ["amy", "ben", "cyd"]),
        (["done", "open"], 90, False, ["dan"]),
        (["open", "noise", "done"], 5, True, ["ben"]),
        (["open", "open"], 90, False, []),
        (["open"], 1, False, ["amy", "ben", "cyd", "dan"]),
    ],
)
def test_event_sequence_keeps_order_window_and_strictness(db, events, window, strict, expected):
    """From first to last within the window; strict lets nothing between."""
    stories = {
        "amy": [("open", 9), ("done", 8.5)],
        "ben": [("open", 9), ("noise", 8), ("done", 7)],
        "cyd": [("open", 40), ("done", 20)],
        "dan": [("done", 9), ("open", 8)],
    }
    for user, story in stories.items():
        for event, days_ago in story:
            track(db, user, event, days_ago)

    found = matching(db, {"type": "event_sequence", "events": events, "window_days": window, "strict": strict})

    assert found == expected


@pytest.mark.parametrize(("operator", "expected"), [("in", ["amy"]), ("not_in", ["ben"])])
@pytest.mark.parametrize("segment", [12, "12"])
def test_segment_membership_reads_the_stored_membership(db, operator, expected, segment):
    """It is not evaluated live, and an id may come as text."""
    track(db, "amy", "any")
    track(db, "ben", "any")
    db.execute("INSERT INTO members VALUES (?, 12, 'amy', ?), (99, 12, 'ben', ?)", (TENANT, NOW, NOW))

    assert matching(db, {"type": "segment_membership", "segment_id": segment, "operator": operator}) == expected


def test_aliased_events_count_for_the_user_they_belong_to(db):
    """Ids are resolved when read: the anonymous past of a stitched user is theirs."""
    track(db, "anon-1", "baked")
    track(db, "amy", "baked")
    db.execute("INSERT INTO identities VALUES (?, 'anon-1', 'amy', 'amy')", (TENANT,))

    assert matching(db, {"type": "event_count", "event_type": "baked", "operator": "eq", "value": 2}) == ["amy"]


@pytest.mark.parametrize("definition", [None, {}, {"conditions": []}, {"logic": "OR", "conditions": []}])
def test_empty_definition_matches_nobody(db, definition):
    """A draft can be saved and previewed, without everybody in it."""
    track(db, "amy", "any")

    assert evaluate(db, definition) == []


def test_logic_and_nested_groups_combine_conditions(db):
    """AND wants all, OR any; a group inside a group is evaluated as an extension."""
    for user, payload in ITEMS.items():
        track(db, user, "opened", **payload)
    rule = {"type": "event_property", "event_type": "opened"}
    five = {**rule, "property": "v", "operator": "eq", "value": 5}
    light = {**rule, "property": "l", "operator": "contains", "value": "light"}
    is_set = {**rule, "property": "s", "operator": "is_set"}

    assert matching(db, five, light) == []
    assert matching(db, five, light, logic="or") == ["amy", "ben"]
    assert matching(db, is_set, {"logic": "OR", "conditions": [five, light]}) == ["amy", "ben"]


def test_property_names_and_values_are_never_read_as_sql(db):
    """Names stand in the statement's text: dots, question marks, quotes and accents must survive there."""
    track(db, "amy", "opened", **{"who's? a.b é": "it's"})
    rule = {"type": "event_property", "event_type": "opened", "property": "who's? a.b é", "operator": "eq"}

    assert matching(db, {**rule, "value": "it's"}) == ["amy"]
    assert matching(db, {**rule, "value": "' OR 1 --"}) == []


def test_readable_statement_runs_and_finds_the_same(db):
    """A preview shows it to people, who may paste it: no question mark may be left or misplaced."""
    track(db, "amy", "opened", **{"why?": "who?"})
    definition = {"conditions": [
        {"type": "event_property", "event_type": "opened", "property": "why?", "operator": "eq", "value": "who?"}
    ]}  # fmt: skip
    query = compile_definition(definition, tenant_id=TENANT, now=NOW)

    assert [row[0] for row in db.execute(query.readable())] == ["amy"]


PROPERTY = {"type": "user_property", "property": "p"}
RECENCY = {"type": "recency", "event_type": "x"}
MEMBER = {"type": "segment_membership", "operator": "in"}
SEQUENCE = {"type": "event_sequence", "window_days": 1}
REQUIRED = ["This field is required."]


@pytest.mark.parametrize(
    ("condition", "errors"),
    [
        ({"type": "astrology"}, {"type": ['"astrology" is not a valid choice.']}),
        ({}, {"type": ["This field is required."]}),
        (3, {"non_field_errors": ["Invalid data. Expected a dictionary, but got int."]}),
        (RECENCY, {"operator": REQUIRED, "window_days": REQUIRED}),
        ({**RECENCY, "operator": "gte", "window_days": 1}, {"operator": ['"gte" is not a valid choice.']}),
        ({**PROPERTY, "operator": "like", "value": 1}, {"operator": ['"like" is not a valid choice.']}),
        ({**PROPERTY, "operator": "gt", "value": "big"}, {"value": ["A valid number is required."]}),
        ({**PROPERTY, "operator": "gt", "value": True}, {"value": ["A valid number is required."]}),
        ({**PROPERTY, "operator": "between", "value": 1}, {"value2": ["This field is required."]}),
        ({**PROPERTY, "operator": "in", "value": 1}, {"value": ["Expected a list, or values separated by commas."]}),
        ({**MEMBER, "segment_id": "x"}, {"segment_id": ["A valid integer is required."]}),
        ({**SEQUENCE, "events": []}, {"events": ["Expected between 1 and 20 event types."]}),
        ({"logic": "XOR", "conditions": []}, {"logic": ['"XOR" is not a valid choice.']}),
    ],
)  # fmt: skip
def test_faults_are_reported_by_index_and_field(condition, errors):
    """A form must be able to mark the field that is wrong."""
    fine = {**PROPERTY, "operator": "is_set"}

    with pytest.raises(DefinitionError) as caught:
        compile_definition({"conditions": [fine, condition]}, tenant_id=TENANT, now=NOW)

    assert caught.value.errors == {"conditions": {"1": errors}}


def test_fields_an_operator_does_not_use_are_ignored(db):
    """A form may keep a second bound from the operator chosen before."""
    track(db, "amy", "context_identified", p=1)

    assert matching(db, {**PROPERTY, "operator": "is_set", "value2": 9}) == ["amy"]


@pytest.mark.parametrize("pattern", [r"a(?=b)", r"(?<!a)b", r"(a)\1", r"(?P<x>a)(?P=x)", r"(?>a)", "a++", "(", "[z"])
def test_patterns_re2_would_refuse_are_refused(pattern):
    """The warehouse searches with RE2; a pattern that only Python knows must not pass here."""
    with pytest.raises(DefinitionError) as caught:
        compile_definition(
            {"conditions": [{**PROPERTY, "operator": "matches_regex", "value": pattern}]}, tenant_id=TENANT, now=NOW
        )

    assert list(caught.value.errors["conditions"]["0"]) == ["value"]


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (r"^\d+$", "12", True),
        (r"^\d+$", "12\n", False),
        (r"[[:alpha:]&&]+x\z", "abx", True),
        (r"(?i)RYE", "rye", True),
        (r"(?<year>\d{4})", "in 2026", True),
        (r"\Qa.b\E", "axb", False),
        (r"[^]]", "]", False),
        (r"a\*+", "a**", True),
    ],
)
def test_re2_patterns_mean_what_re2_says(db, pattern, text, found):
    """Where Python's `re` reads a pattern differently it is rewritten."""
    track(db, "amy", "context_identified", p=text)

    assert matching(db, {**PROPERTY, "operator": "matches_regex", "value": pattern}) == (["amy"] if found else [])


def test_many_conditions_are_evaluated_at_once(db):
    """Generated definitions are long; no limit of the database may show through."""
    track(db, "amy", "context_identified", p=1)

    assert matching(db, *[{**PROPERTY, "operator": "eq", "value": 1}] * 200) == ["amy"]


def test_too_many_conditions_are_refused():
    """SQLite stacks 500 tables at most: a clear answer beats a crash."""
    rule = {**PROPERTY, "operator": "is_set"}

    with pytest.raises(DefinitionError, match="no more than 200"):
        compile_definition({"conditions": [rule] * 201}, tenant_id=TENANT, now=NOW)


def test_explanation_shows_each_condition_with_its_figures(db):
    """One item per condition in order, for members and others alike, each with the value that decided."""
    track(db, "amy", "bought", days_ago=12, amount=10)
    track(db, "amy", "bought", days_ago=12, amount=10.4)
    track(db, "amy", "context_identified", tags=["a"], vip=True)
    track(db, "ben", "bought", days_ago=1, amount=99)
    spent = {"type": "monetary", "event_type": "bought", "property": "amount", "metric": "avg"}
    definition = {"conditions": [
        {**spent, "operator": "lt", "value": 12.5},
        {"type": "recency", "event_type": "bought", "operator": "gt", "window_days": 60},
        {"type": "user_property", "property": "tags", "operator": "contains", "value": "a"},
        {"type": "user_property", "property": "vip", "operator": "is_true"},
        {"type": "segment_membership", "segment_id": 3, "operator": "in"},
        {"logic": "OR", "conditions": [{"type": "event_count", "event_type": "bought", "operator": "gte", "value": 2}]},
    ]}  # fmt: skip

    rows = explain_definition(db, definition, "amy", tenant_id=TENANT, now=NOW)

    assert [row["index"] for row in rows] == [0, 1, 2, 3, 4, 5]
    assert rows[0] == {
        "index": 0, "type": "monetary", "label": "avg(bought.amount) < 12.5", "actual_value": 10.2, "threshold": 12.5,
        "matches": True,
    }  # fmt: skip
    assert [row["actual_value"] for row in rows] == [10.2, 12, ["a"], True, False, None]
    assert [row["matches"] for row in rows] == [True, False, True, True, False, True]
    assert rows[5]["label"] == "any of (count(bought) ≥ 2)"


def test_explanation_agrees_with_the_membership(db):
    """Two statements come from one definition; they must never tell different stories."""
    for user, payload in ITEMS.items():
        track(db, user, "opened", **payload)
    definition = {
        "conditions": [
            {"type": "event_property", "event_type": "opened", "property": "v", "operator": "lt", "value": 8}
        ]
    }
    members = evaluate(db, definition)

    for user in ITEMS:
        rows = explain_definition(db, definition, user, tenant_id=TENANT, now=NOW)
        assert rows[0]["matches"] == (user in members)
