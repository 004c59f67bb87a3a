"""Definitions as Python and back (sheet, sections 9 and 10.2), and the service's word on them."""

import json

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segops_admin import SegOpsInputError, dsl

UNTIMED = settings(deadline=None)

CONDITIONS = [
    {"type": "event_count", "event_type": "loaf_baked", "operator": "gte", "value": 4, "window_days": 45},
    {"type": "recency", "event_type": "flour_bought", "operator": "gt", "window_days": 60},
    {
        "type": "monetary",
        "event_type": "flour_bought",
        "property": "amount",
        "metric": "avg",
        "operator": "lt",
        "value": 12.5,
    },
    {"type": "event_property", "event_type": "recipe_opened", "property": "level", "operator": "eq", "value": "hard"},
    {"type": "user_property", "property": "country", "operator": "in", "value": ["NO", "SE"]},
    {"type": "event_sequence", "events": ["course_opened", "course_finished"], "window_days": 21, "strict": False},
    {"type": "segment_membership", "segment_id": 12, "operator": "not_in"},
]
"""Section 9.1, one of each."""

RULES = [
    dsl.EventCount("loaf_baked", "gte", 4, window_days=45),
    dsl.Recency("flour_bought", "gt", window_days=60),
    dsl.Monetary("flour_bought", "amount", "avg", "lt", 12.5),
    dsl.EventProperty("recipe_opened", "level", "eq", "hard"),
    dsl.UserProperty("country", "in", ["NO", "SE"]),
    dsl.EventSequence(["course_opened", "course_finished"], window_days=21, strict=False),
    dsl.SegmentMembership(12, "not_in"),
]
"""The same, written as Python."""

PRODUCT_CONDITIONS = [
    {"type": "product_attribute", "property": "grain", "operator": "eq", "value": "rye", "value_type": "string"},
    {
        "type": "product_attribute",
        "property": "unit_price",
        "operator": "between",
        "value": 3,
        "value2": 9,
        "value_type": "price",
    },
    {"type": "user_behavior_signal", "signal": "purchased_by_segment", "segment_id": "12"},
    {
        "type": "user_behavior_signal",
        "signal": "viewed_by_segment",
        "segment_id": "12",
        "event_type": "seen",
        "product_id_property": "sku",
    },
    {"type": "ai_visibility_metric"},
]
"""Section 10, its example and one of each other kind."""

PRODUCT_RULES = [
    dsl.ProductAttribute("grain", "eq", "rye", value_type="string"),
    dsl.ProductAttribute("unit_price", "between", 3, 9, value_type="price"),
    dsl.UserBehaviorSignal("purchased_by_segment", "12"),
    dsl.UserBehaviorSignal("viewed_by_segment", "12", event_type="seen", product_id_property="sku"),
    dsl.AIVisibilityMetric(),
]

OPERATORS = [
    "eq", "neq", "gt", "gte", "lt", "lte", "between", "not_between", "in", "not_in", "contains", "does_not_contain",
    "starts_with", "ends_with", "matches_regex", "is_set", "is_not_set", "is_true", "is_false",
]  # fmt: skip
"""Section 9.2, as spelled out there."""


def value_for(operator):
    """Return the fields that an operator takes beside it."""
    if operator.startswith("is_"):
        return {}
    if operator.endswith("between"):
        return {"value": 1, "value2": 5}
    if operator in ("in", "not_in"):
        return {"value": ["a", "b"]}
    return {"value": 3 if operator[0] in "gl" else "a"}


SHEET = [
    {"logic": "AND", "conditions": CONDITIONS},
    {"logic": "OR", "conditions": CONDITIONS},
    {"logic": "AND", "conditions": [CONDITIONS[1]]},
    {"logic": "AND", "conditions": PRODUCT_CONDITIONS[:2]},
    {"logic": "OR", "conditions": PRODUCT_CONDITIONS},
    {"logic": "AND", "conditions": []},
    {"logic": "AND", "conditions": [{"type": "monetary", "operator": "gt", "value": 500}]},
    {
        "logic": "AND",
        "conditions": [{"type": "user_property", "property": "age", "operator": "between", "value": [18, 30]}],
    },
    {"logic": "AND", "conditions": [{"type": "user_property", "property": "c", "operator": "in", "value": "NO,SE"}]},
    *(
        {
            "logic": "AND",
            "conditions": [{"type": "user_property", "property": "p", "operator": name, **value_for(name)}],
        }
        for name in OPERATORS
    ),
]
"""Every definition that the sheet shows or describes; the bare `monetary` is that of the TypeScript page."""


@pytest.mark.parametrize(
    ("rule", "condition"),
    [*zip(RULES, CONDITIONS, strict=True), *zip(PRODUCT_RULES, PRODUCT_CONDITIONS, strict=True)],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_each_type_writes_what_the_sheet_shows(rule, condition):
    """No field more: one that was not given is not sent."""
    assert dsl.dump(rule) == {"logic": "AND", "conditions": [condition]}
    assert dsl.load({"logic": "AND", "conditions": [condition]}).conditions == (rule,)


def test_each_documented_type_has_its_class():
    """Seven over users, three over products."""
    documented = {condition["type"] for condition in [*CONDITIONS, *PRODUCT_CONDITIONS]}
    loaded = [dsl.load({"conditions": [condition]}).conditions[0] for condition in [*CONDITIONS, *PRODUCT_CONDITIONS]]

    assert len(documented) == 10
    assert documented == {rule.type for rule in loaded}
    assert len({type(rule) for rule in loaded}) == 10


@pytest.mark.parametrize("definition", SHEET, ids=range(len(SHEET)))
def test_every_definition_of_the_sheet_comes_back_as_it_was(definition):
    """What is read and written back must not change what the service stores."""
    before = json.dumps(definition)

    assert dsl.dump(dsl.load(definition)) == definition
    assert dsl.load(dsl.dump(dsl.load(definition))) == dsl.load(definition)
    assert json.dumps(definition) == before
    assert json.loads(json.dumps(dsl.dump(dsl.load(definition)))) == definition


def test_and_puts_conditions_side_by_side():
    """All must hold."""
    one, two, three = RULES[:3]

    assert dsl.dump(one & two) == {"logic": "AND", "conditions": CONDITIONS[:2]}
    assert dsl.dump(one & two & three) == dsl.dump(one & (two & three))
    assert dsl.dump(one & two & three)["conditions"] == CONDITIONS[:3]


def test_or_puts_conditions_side_by_side():
    """Any may hold; the order is that of the writing."""
    one, two, three = RULES[:3]

    assert dsl.dump(one | two | three) == {"logic": "OR", "conditions": CONDITIONS[:3]}
    assert dsl.dump(three | one)["conditions"] == [CONDITIONS[2], CONDITIONS[0]]


def test_mixed_logic_nests():
    """A group inside a group is not documented, but nothing else says the same thing."""
    one, two, three = RULES[:3]

    assert dsl.dump(one & (two | three)) == {
        "logic": "AND",
        "conditions": [CONDITIONS[0], {"logic": "OR", "conditions": CONDITIONS[1:3]}],
    }
    assert dsl.dump(one & two | three)["logic"] == "OR"
    assert dsl.load(dsl.dump(one & (two | three))) == one & (two | three)


def test_loaded_definition_can_be_extended():
    """Read, add a condition, write back: the common change."""
    extended = dsl.load({"logic": "AND", "conditions": CONDITIONS[:1]}) & RULES[1]

    assert dsl.dump(extended) == {"logic": "AND", "conditions": CONDITIONS[:2]}


def test_combining_changes_neither_side():
    """Rules are values: shared ones stay as they are."""
    one, two = RULES[0], RULES[0] & RULES[1]
    assert two & RULES[2] != two
    assert dsl.dump(two) == {"logic": "AND", "conditions": CONDITIONS[:2]}
    assert dsl.dump(one) == {"logic": "AND", "conditions": CONDITIONS[:1]}
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        one.value = 5


def test_dump_takes_a_dictionary_too():
    """A function may be given either."""
    assert dsl.dump(SHEET[0]) == SHEET[0]


@pytest.mark.parametrize(
    ("definition", "place"),
    [
        (None, "definition"),
        ([], "definition"),
        ("AND", "definition"),
        ({"logic": "AND", "conditions": {}}, r"definition\.conditions"),
        ({"logic": "AND", "conditions": None}, r"definition\.conditions"),
        ({"logic": "XOR", "conditions": []}, "logic"),
        ({"logic": None, "conditions": []}, "logic"),
        ({"logic": "AND", "conditions": ["x"]}, r"conditions\[0\]"),
        ({"logic": "AND", "conditions": [*CONDITIONS[:2], 5]}, r"conditions\[2\]"),
        ({"conditions": [{**CONDITIONS[0], "value": "four"}]}, r"conditions\[0\].*value"),
        ({"conditions": [CONDITIONS[0], {**CONDITIONS[0], "window_days": -1}]}, r"conditions\[1\].*window_days"),
        ({"conditions": [{**CONDITIONS[1], "event_type": ""}]}, r"conditions\[0\].*event_type"),
        ({"conditions": [{**CONDITIONS[5], "events": "course_opened"}]}, r"conditions\[0\].*events"),
        ({"conditions": [{**CONDITIONS[5], "events": []}]}, r"conditions\[0\].*events"),
        ({"conditions": [{"type": "user_property", "property": "p", "operator": "eq"}]}, r"conditions\[0\].*value"),
        (
            {"conditions": [{"type": "user_property", "property": "p", "operator": "between", "value": 1}]},
            r"conditions\[0\].*value2",
        ),
        (
            {"conditions": [{"logic": "OR", "conditions": [CONDITIONS[0], "x"]}]},
            r"conditions\[0\]\.conditions\[1\]",
        ),
    ],
)
def test_what_is_surely_wrong_is_told_with_its_place(definition, place):
    """Before the request, in words that name the condition: a 400 would come late."""
    with pytest.raises(SegOpsInputError, match=place):
        dsl.load(definition)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (lambda: dsl.EventCount("x", "gte", "four"), "value"),
        (lambda: dsl.EventCount("x", "gte", True), "value"),
        (lambda: dsl.EventCount("x", "gte", float("nan")), "value"),
        (lambda: dsl.EventCount("", "gte", 1), "event_type"),
        (lambda: dsl.EventCount(None, "gte", 1), "event_type"),
        (lambda: dsl.EventCount("x", "gte", 1, window_days=0), "window_days"),
        (lambda: dsl.Recency("x", "gt", window_days="60"), "window_days"),
        (lambda: dsl.Monetary("x", "", "sum", "gt", 5), "property"),
        (lambda: dsl.Monetary("x", "amount", "sum", "gt", None), "value"),
        (lambda: dsl.UserProperty("p", "gt"), "value"),
        (lambda: dsl.UserProperty("p", "between", 1), "value2"),
        (lambda: dsl.UserProperty("p", "between", [1, 2, 3]), "value2"),
        (lambda: dsl.ProductAttribute("p", "not_between", 1), "value2"),
        (lambda: dsl.EventSequence("abc", window_days=5), "events"),
        (lambda: dsl.EventSequence(["a", 5], window_days=5), "events"),
        (lambda: dsl.Group("NOT", []), "logic"),
    ],
)
def test_what_is_surely_wrong_is_told_where_it_is_written(wrong, field):
    """The traceback points at the line that has the mistake."""
    with pytest.raises(SegOpsInputError, match=field):
        wrong()


UNKNOWN = [
    {"type": "moon_phase", "phase": "full"},
    {**CONDITIONS[0], "operator": "about"},
    {**CONDITIONS[0], "timezone": "Europe/Oslo", "nested": {"a": [1, None]}},
    {**CONDITIONS[2], "metric": "median"},
    {"type": "user_property", "property": "p", "operator": "sounds_like"},
    {"type": "product_attribute", "property": "p", "operator": "eq", "value": 1, "value_type": "weight"},
    {"type": "user_behavior_signal", "signal": "returned_by_segment", "segment_id": 12},
    {"type": "segment_membership", "segment_id": "12", "operator": "in"},
    {"type": "monetary"},
    {"type": None},
    {},
    {"phase": "full"},
]


@pytest.mark.parametrize("condition", UNKNOWN, ids=range(len(UNKNOWN)))
def test_what_is_merely_unknown_passes_through(condition):
    """The service learns new words before we do (and the documents leave out required ones: 9.1)."""
    definition = {"logic": "AND", "conditions": [CONDITIONS[0], condition]}

    assert dsl.dump(dsl.load(definition)) == definition
    assert dsl.dump(dsl.load(definition) & RULES[1])["conditions"][:2] == definition["conditions"]


def test_unknown_field_of_the_frame_passes_through():
    """A definition may grow beside its conditions."""
    definition = {"logic": "OR", "conditions": CONDITIONS[:1], "exclude": [3], "version": 2}

    assert dsl.dump(dsl.load(definition)) == definition


def test_logic_in_lower_case_stays_as_it_is():
    """Its case is not documented: it is neither refused nor changed."""
    definition = {"logic": "or", "conditions": CONDITIONS[:1]}

    assert dsl.dump(dsl.load(definition)) == definition


def test_null_is_a_value():
    """Given as None and not given differ."""
    condition = {"type": "user_property", "property": "p", "operator": "eq", "value": None}

    assert dsl.dump(dsl.load({"logic": "AND", "conditions": [condition]}))["conditions"] == [condition]
    assert dsl.UserProperty("p", "eq", None) != dsl.UserProperty("p", "is_set")


def test_rules_read_well_in_a_log():
    """Their repr names the class and its fields."""
    assert "EventCount" in repr(RULES[0])
    assert "loaf_baked" in repr(RULES[0] & RULES[1])


NAMES = st.text(min_size=1).filter(str.strip)
NUMBERS = st.one_of(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
DAYS = st.one_of(st.integers(1, 4000), st.floats(0.01, 4000))
COMPARISONS = st.sampled_from(["eq", "neq", "gt", "gte", "lt", "lte"])
SCALARS = st.one_of(NUMBERS, st.text(), st.booleans())


def condition(kind, optional=None, **fields):
    """Return conditions of one type, with and without their optional fields."""
    return st.fixed_dictionaries({"type": st.just(kind), **fields}, optional=optional or {})


@st.composite
def with_operator(draw, kind, **fields):
    """Return a condition with any operator and a value that fits it."""
    operator = draw(st.sampled_from(OPERATORS))
    drawn = {"type": kind, **{name: draw(value) for name, value in fields.items()}, "operator": operator}
    if operator.startswith("is_"):
        return drawn
    if operator.endswith("between"):
        bounds = draw(NUMBERS), draw(NUMBERS)
        return (
            {**drawn, "value": list(bounds)}
            if draw(st.booleans())
            else {**drawn, "value": bounds[0], "value2": bounds[1]}
        )
    if operator in ("in", "not_in"):
        return {**drawn, "value": draw(st.one_of(st.lists(SCALARS), st.text()))}
    return {**drawn, "value": draw(SCALARS)}


USER_CONDITIONS = st.one_of(
    condition("event_count", {"window_days": DAYS}, event_type=NAMES, operator=COMPARISONS, value=NUMBERS),
    condition("recency", event_type=NAMES, operator=st.sampled_from(["gt", "lt", "eq"]), window_days=DAYS),
    condition(
        "monetary",
        event_type=NAMES,
        property=NAMES,
        metric=st.sampled_from(["sum", "avg", "max"]),
        operator=COMPARISONS,
        value=NUMBERS,
    ),
    with_operator("event_property", event_type=NAMES, property=NAMES),
    with_operator("user_property", property=NAMES),
    condition("event_sequence", {"strict": st.booleans()}, events=st.lists(NAMES, min_size=1), window_days=DAYS),
    condition("segment_membership", segment_id=st.integers(1), operator=st.sampled_from(["in", "not_in"])),
)
PRODUCTS = st.one_of(
    with_operator("product_attribute", property=NAMES),
    condition(
        "user_behavior_signal",
        {"event_type": NAMES, "product_id_property": NAMES},
        signal=st.sampled_from(["purchased_by_segment", "viewed_by_segment"]),
        segment_id=st.one_of(st.integers(1), st.integers(1).map(str)),
    ),
    condition("ai_visibility_metric"),
)
DEFINITIONS = st.one_of(USER_CONDITIONS, PRODUCTS).flatmap(
    lambda first: st.fixed_dictionaries(
        {
            "logic": st.sampled_from(["AND", "OR"]),
            "conditions": st.lists(USER_CONDITIONS if "signal" not in first else PRODUCTS).map(
                lambda rest: [first, *rest]
            ),
        }
    )
)


@UNTIMED
@given(DEFINITIONS)
def test_any_documented_definition_comes_back_as_it_was(definition):
    """`dump(load(d)) == d`, and nothing falls through as unknown."""
    loaded = dsl.load(definition)

    assert dsl.dump(loaded) == definition
    assert not any(isinstance(rule, dsl.Other) for rule in loaded.conditions)
    assert dsl.load(dsl.dump(loaded)) == loaded


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=10,
)
KINDS = sorted(dsl.TYPES)
SCRAMBLED = st.fixed_dictionaries(
    {"type": st.one_of(st.sampled_from(KINDS), JSON)},
    optional=dict.fromkeys(
        ("event_type", "operator", "value", "value2", "window_days", "property", "metric", "events", "segment_id"), JSON
    ),
)


@UNTIMED
@given(st.one_of(JSON, st.fixed_dictionaries({"logic": JSON, "conditions": st.lists(st.one_of(SCRAMBLED, JSON))})))
def test_any_json_is_read_or_refused_in_our_words(data):
    """Never another exception; and what is read comes back as it was."""
    try:
        loaded = dsl.load(data)
    except SegOpsInputError:
        return
    assert dsl.dump(loaded) == {"logic": "AND", "conditions": [], **data}


@UNTIMED
@given(DEFINITIONS, DEFINITIONS)
def test_joining_keeps_every_condition_in_order(one, two):
    """Whatever is combined, nothing is lost or doubled."""
    for joined in (dsl.load(one) & dsl.load(two), dsl.load(one) | dsl.load(two)):
        assert leaves(dsl.dump(joined)) == [*one["conditions"], *two["conditions"]]


def leaves(definition):
    """Return the conditions of a definition and of the groups in it, in order."""
    if "conditions" not in definition:
        return [definition]
    return [leaf for item in definition["conditions"] for leaf in leaves(item)]


@pytest.fixture
async def visitors(segops):
    """`ana` bought twice and lives in Norway, `bo` bought once in Sweden, `cy` only looked."""
    events = [
        {"user_id": "ana", "event_type": "flour_bought", "payload": {"amount": 10, "product_id": "RYE-05"}},
        {"user_id": "ana", "event_type": "flour_bought", "payload": {"amount": 30, "level": "hard"}},
        {"user_id": "ana", "event_type": "context_identified", "payload": {"country": "NO"}},
        {"user_id": "bo", "event_type": "flour_bought", "payload": {"amount": 5}},
        {"user_id": "bo", "event_type": "context_identified", "payload": {"country": "SE"}},
        {"user_id": "cy", "event_type": "recipe_opened", "occurred_at": "2026-11-20T10:00:00Z"},
        {"user_id": "cy", "event_type": "recipe_closed", "occurred_at": "2026-11-20T11:00:00Z"},
    ]
    await segops.http.request("POST", "/ingestion/track/batch/", body={"events": events})


MATCHES = [
    (dsl.EventCount("flour_bought", "gte", 2), {"ana"}),
    (dsl.EventCount("flour_bought", "eq", 0, window_days=30), {"cy"}),
    (dsl.Recency("flour_bought", "lt", window_days=1), {"ana", "bo"}),
    (dsl.Recency("flour_bought", "gt", window_days=1), {"cy"}),
    (dsl.Monetary("flour_bought", "amount", "sum", "gte", 40), {"ana"}),
    (dsl.Monetary("flour_bought", "amount", "max", "lt", 10), {"bo"}),
    (dsl.EventProperty("flour_bought", "level", "eq", "hard"), {"ana"}),
    (dsl.EventProperty("flour_bought", "amount", "between", 5, 9), {"bo"}),
    (dsl.UserProperty("country", "in", ["NO", "DK"]), {"ana"}),
    (dsl.UserProperty("country", "is_set"), {"ana", "bo"}),
    (dsl.EventSequence(["recipe_opened", "recipe_closed"], window_days=1000), {"cy"}),
    (dsl.EventCount("flour_bought", "gte", 1) & dsl.UserProperty("country", "eq", "SE"), {"bo"}),
    (dsl.EventCount("recipe_opened", "gte", 1) | dsl.UserProperty("country", "eq", "SE"), {"bo", "cy"}),
]


@pytest.mark.parametrize(("rule", "users"), MATCHES, ids=range(len(MATCHES)))
async def test_rule_means_at_the_service_what_it_says(segops, visitors, rule, users):
    """As a rule, in a dictionary, by keyword and as the dictionary it writes: one meaning."""
    forms = [
        await segops.segments.preview(rule),
        await segops.segments.preview({"definition": rule}),
        await segops.segments.preview(definition=rule, limit=5),
        await segops.segments.preview(definition=dsl.dump(rule)),
    ]

    assert [set(preview.sample_user_ids) for preview in forms] == [users] * 4
    assert forms[0].matched_users == len(users)


async def test_rule_is_stored_with_a_segment(segops, visitors):
    """`create` and `update` take one wherever a dictionary goes; what comes back loads again."""
    rule = RULES[0] & RULES[4]
    made = await segops.segments.create(name="a", definition=rule)
    by_body = await segops.segments.create({"name": "b", "definition": rule})
    alone = await segops.segments.update(made.id, definition=RULES[1])
    replaced = await segops.segments.update(by_body.id, {"name": "c", "definition": RULES[2] | RULES[3]}, method="PUT")

    assert made.definition == by_body.definition == dsl.dump(rule)
    assert dsl.load(made.definition) == rule
    assert alone.definition == {"logic": "AND", "conditions": [CONDITIONS[1]]}
    assert replaced.definition == {"logic": "OR", "conditions": CONDITIONS[2:4]}


async def test_segment_of_another_segments_members(segops, visitors):
    """Computed from what was stored: rules may name each other's segments."""
    buyers = await segops.segments.create(name="Buyers", definition=dsl.EventCount("flour_bought", "gte", 1))
    await segops.segments.recompute_and_wait(buyers.id)
    others = await segops.segments.create(name="Others", definition=dsl.SegmentMembership(buyers.id, "not_in"))
    computed = await segops.segments.recompute_and_wait(others.id)

    assert computed.member_count == 1
    assert [m.user_id for m in await segops.segments.members(others.id)] == ["cy"]


async def test_rule_is_stored_with_a_product_segment(segops, visitors):
    """Over products: attributes, and what a segment's members bought."""
    await segops.products.bulk_upsert(
        [{"sku": "RYE-05", "name": "Dark rye", "grain": "rye"}, {"sku": "OAT-1", "name": "Oat", "grain": "oat"}]
    )
    buyers = await segops.segments.create(name="Buyers", definition=dsl.EventCount("flour_bought", "gte", 1))
    await segops.segments.recompute_and_wait(buyers.id)
    rye = dsl.ProductAttribute("grain", "eq", "rye")
    bought = dsl.UserBehaviorSignal("purchased_by_segment", str(buyers.id), event_type="flour_bought")
    made = await segops.product_segments.create(name="Rye that was bought", definition=rye & bought)
    changed = await segops.product_segments.update(made.id, definition=rye | dsl.ProductAttribute("grain", "eq", "oat"))
    both = await segops.product_segments.recompute_and_wait(made.id)
    narrow = await segops.product_segments.create({"name": "Narrow", "definition": rye & bought})

    assert dsl.load(made.definition) == rye & bought
    assert changed.definition["logic"] == "OR"
    assert both.computed_count == 2
    assert (await segops.product_segments.recompute_and_wait(narrow.id)).computed_count == 1


async def test_wrong_rule_in_a_dictionary_is_the_services_to_judge(segops):
    """A plain dictionary is sent as it is; only what is written in the DSL is checked here."""
    made = await segops.segments.create(name="a", definition={"logic": "AND", "conditions": []})

    assert made.definition == {"logic": "AND", "conditions": []}
