"""Definitions of segments and product segments, written as Python and read back.

    from segops_admin import dsl

    lapsed = dsl.EventCount("flour_bought", "gte", 4) & dsl.Recency("flour_bought", "gt", window_days=60)
    segment = await segops.segments.create(name="Lapsed bakers", definition=lapsed)

One small class per type of condition (segops-api.md 9.1 and 10.2), combined with `&` and `|`, accepted wherever a
definition dictionary is. What is surely wrong is refused when it is written; what is merely unknown (a new type,
operator or field) passes as it is. `load(dump(x)) == x`, and `dump(load(d)) == d` for every documented definition.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import attrs

from .errors import SegOpsInputError
from .records.base import JSON, is_array, is_object, to_json

Comparison = Literal["eq", "neq", "gt", "gte", "lt", "lte"] | str
Operator = (
    Literal[
        "eq", "neq", "gt", "gte", "lt", "lte", "between", "not_between", "in", "not_in", "contains", "does_not_contain",
        "starts_with", "ends_with", "matches_regex", "is_set", "is_not_set", "is_true", "is_false",
    ]
    | str
)  # fmt: skip
"""Source: segops-api.md 9.2 [usage]. Open: one that is added later passes as its string."""

WITHOUT_VALUE = frozenset({"is_set", "is_not_set", "is_true", "is_false"})
RANGES = frozenset({"between", "not_between"})


class Unset(enum.Enum):
    """The value of a field that was not given, which is not the same as None."""

    UNSET = "not given"


UNSET = Unset.UNSET


class Rule:
    """What can be combined: a condition or a group of them."""

    __slots__ = ()

    def __and__(self, other: Rule) -> Group:
        return _joined("AND", self, other)

    def __or__(self, other: Rule) -> Group:
        return _joined("OR", self, other)

    def as_condition(self) -> JSON:
        """Return the rule as it stands inside a definition."""
        raise SegOpsInputError(f"A {type(self).__name__} has no form of its own.")

    def to_dict(self) -> JSON:
        """Return a whole definition: the rule itself if it is a group, or a group of this one."""
        return {"logic": "AND", "conditions": [self.as_condition()]}


@attrs.frozen
class Group(Rule):
    """Rules of which all (`AND`) or any (`OR`) must hold. A definition is a group.

    A group inside a group is not documented: the service may refuse it.
    """

    logic: str
    conditions: Sequence[Rule] = attrs.field(converter=tuple[Rule, ...])
    extra: JSON = attrs.field(factory=dict[str, Any], kw_only=True)

    def __attrs_post_init__(self) -> None:
        if str(self.logic).upper() not in ("AND", "OR"):
            raise SegOpsInputError(f"logic must be AND or OR, not {self.logic!r}.")

    def as_condition(self) -> JSON:
        """Return the group as it stands inside another one, which is how it stands alone."""
        return {**self.extra, "logic": self.logic, "conditions": [rule.as_condition() for rule in self.conditions]}

    def to_dict(self) -> JSON:
        """Return the group as a definition."""
        return self.as_condition()


@attrs.frozen
class Condition(Rule):
    """One test of a user or a product. Fields that are not known to us are kept in `extra`."""

    type: ClassVar[str]

    extra: JSON = attrs.field(factory=dict[str, Any], kw_only=True)

    def as_condition(self) -> JSON:
        """Return the condition with the fields that were given."""
        fields = {field.name: getattr(self, field.name) for field in attrs.fields(type(self)) if field.name != "extra"}
        given = {name: to_json(value) for name, value in fields.items() if value is not UNSET}
        return {"type": self.type, **given, **self.extra}


def _text(rule: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, str) or not value.strip():
        raise SegOpsInputError(f"{rule.type}: {attribute.name} must be a name, not {value!r}.")


def _days(rule: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not UNSET and (not _is_number(value) or value <= 0):
        raise SegOpsInputError(f"{rule.type}: {attribute.name} must be a positive number of days, not {value!r}.")


def _number(rule: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not _is_number(value):
        raise SegOpsInputError(f"{rule.type}: {attribute.name} must be a number, not {value!r}.")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_value(rule: Any) -> None:
    """Refuse a value that cannot fit its operator; an operator that we do not know fits anything."""
    operator, value = rule.operator, rule.value
    if operator in WITHOUT_VALUE or not isinstance(operator, str):
        return
    if value is UNSET and operator in get_args(get_args(Operator)[0]):
        raise SegOpsInputError(f"{rule.type}: the operator {operator!r} needs a value.")
    if operator in RANGES and rule.value2 is UNSET and not (isinstance(value, (list, tuple)) and len(value) == 2):  # pyright: ignore[reportUnknownArgumentType]
        raise SegOpsInputError(f"{rule.type}: {operator!r} needs value and value2, the lower and the upper bound.")


@attrs.frozen
class EventCount(Condition):
    """How many events of a type a user has, in all or within the last `window_days` days."""

    type: ClassVar[str] = "event_count"

    event_type: str = attrs.field(validator=_text)
    operator: Comparison
    value: float = attrs.field(validator=_number)
    window_days: float | Unset = attrs.field(default=UNSET, validator=_days)


@attrs.frozen
class Recency(Condition):
    """Days since a user's last event of a type. `gt`: not seen for longer; `lt`: seen more recently."""

    type: ClassVar[str] = "recency"

    event_type: str = attrs.field(validator=_text)
    operator: Literal["gt", "lt", "eq"] | str
    window_days: float = attrs.field(validator=_days)


@attrs.frozen
class Monetary(Condition):
    """A sum, average or maximum of a numeric property over all events of a type."""

    type: ClassVar[str] = "monetary"

    event_type: str = attrs.field(validator=_text)
    property: str = attrs.field(validator=_text)
    metric: Literal["sum", "avg", "max"] | str
    operator: Comparison
    value: float = attrs.field(validator=_number)


@attrs.frozen
class EventProperty(Condition):
    """A property's value on the most recent event of a type."""

    type: ClassVar[str] = "event_property"

    event_type: str = attrs.field(validator=_text)
    property: str = attrs.field(validator=_text)
    operator: Operator
    value: Any = UNSET
    value2: Any = UNSET
    __attrs_post_init__ = _check_value


@attrs.frozen
class UserProperty(Condition):
    """A trait of the user, from the latest `context_identified` event."""

    type: ClassVar[str] = "user_property"

    property: str = attrs.field(validator=_text)
    operator: Operator
    value: Any = UNSET
    value2: Any = UNSET
    __attrs_post_init__ = _check_value


@attrs.frozen
class EventSequence(Condition):
    """Events that happened in this order within `window_days` days; `strict`: with nothing between them."""

    type: ClassVar[str] = "event_sequence"

    events: Sequence[str]
    window_days: float = attrs.field(validator=_days)
    strict: bool | Unset = UNSET

    def __attrs_post_init__(self) -> None:
        names = [] if isinstance(self.events, str) else list(self.events)
        if not names or not all(isinstance(name, str) and name for name in names):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SegOpsInputError("event_sequence: events must be a list of event types, in order.")


@attrs.frozen
class SegmentMembership(Condition):
    """Whether a user is a current member of another segment."""

    type: ClassVar[str] = "segment_membership"

    segment_id: int | str
    operator: Literal["in", "not_in"] | str = "in"


@attrs.frozen
class ProductAttribute(Condition):
    """A field of a product's data. `value_type` decides which operators fit; the service takes `string` without it."""

    type: ClassVar[str] = "product_attribute"

    property: str = attrs.field(validator=_text)
    operator: Operator
    value: Any = UNSET
    value2: Any = UNSET
    value_type: Literal["string", "number", "boolean", "array", "url", "price"] | str | Unset = UNSET
    __attrs_post_init__ = _check_value


@attrs.frozen
class UserBehaviorSignal(Condition):
    """Products that the members of a user segment bought or viewed."""

    type: ClassVar[str] = "user_behavior_signal"

    signal: Literal["purchased_by_segment", "viewed_by_segment"] | str
    segment_id: int | str
    """The documents show a string here and an integer elsewhere (C16)."""
    event_type: str | Unset = UNSET
    product_id_property: str | Unset = UNSET


@attrs.frozen
class AIVisibilityMetric(Condition):
    """A placeholder in the documents, with no fields."""

    type: ClassVar[str] = "ai_visibility_metric"


@attrs.frozen
class Other(Rule):
    """A condition we know nothing of, or one that lacks fields we know; kept as it is."""

    raw: Mapping[str, Any]

    def as_condition(self) -> JSON:
        """Return it as it came."""
        return dict(self.raw)


TYPES: Mapping[str, type[Condition]] = {
    kind.type: kind
    for kind in (
        EventCount, Recency, Monetary, EventProperty, UserProperty, EventSequence, SegmentMembership,
        ProductAttribute, UserBehaviorSignal, AIVisibilityMetric,
    )
}  # fmt: skip


def load(definition: Mapping[str, Any]) -> Group:
    """Read a definition dictionary.

    Raises SegOpsInputError, naming the place, for what is surely wrong: conditions that are no list, a logic that is
    neither AND nor OR, a condition that is no object, a value that cannot fit. Without conditions it is an empty group.
    """
    return _load_group(definition, "definition")


def dump(rule: Rule | Mapping[str, Any]) -> JSON:
    """Write a rule, or a definition dictionary, as a definition dictionary."""
    return dict(rule) if isinstance(rule, Mapping) else rule.to_dict()


def _load_group(data: Any, where: str) -> Group:
    if not is_object(data):
        raise SegOpsInputError(f"{where} must be an object with logic and conditions, not {type(data).__name__}.")
    conditions = data.get("conditions", [])
    if not is_array(conditions):
        raise SegOpsInputError(f"{where}.conditions must be a list, not {type(conditions).__name__}.")
    rules = [_load_rule(item, f"{where}.conditions[{index}]") for index, item in enumerate(conditions)]
    extra = {name: value for name, value in data.items() if name not in ("logic", "conditions")}
    try:
        return Group(data.get("logic", "AND"), rules, extra=extra)
    except SegOpsInputError as error:
        raise SegOpsInputError(f"{where}: {error}") from error


def _load_rule(data: Any, where: str) -> Rule:
    if not is_object(data):
        raise SegOpsInputError(f"{where} must be an object with a type, not {type(data).__name__}.")
    if "type" not in data and "conditions" in data:
        return _load_group(data, where)
    kind = TYPES.get(str(data.get("type")))
    if kind is None:
        return Other(data)
    fields = {field.name: field for field in attrs.fields(kind) if field.name != "extra"}
    if any(field.default is attrs.NOTHING and name not in data for name, field in fields.items()):
        return Other(data)
    known = {name: data[name] for name in fields if name in data}
    extra = {name: value for name, value in data.items() if name not in fields and name != "type"}
    try:
        return kind(**known, extra=extra)
    except SegOpsInputError as error:
        raise SegOpsInputError(f"{where}: {error}") from error


def _joined(logic: str, one: Rule, other: Rule) -> Group:
    """Put two rules side by side; groups of the same logic flow together, so that definitions stay flat."""
    return Group(logic, [*_side(logic, one), *_side(logic, other)])


def _side(logic: str, rule: Rule) -> Sequence[Rule]:
    return rule.conditions if isinstance(rule, Group) and rule.logic.upper() == logic and not rule.extra else [rule]
