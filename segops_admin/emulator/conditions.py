"""The seven condition types of section 9.1, each as one table of facts per user and one test on its row.

A condition reads the events once and yields `(user_id, value)`, and `kind` where the value is JSON; `definition` lays
these tables side by side, one column each, so a user without a row has NULL there. Nothing here touches a database.

Decisions where the sheet is silent: sum over no event is 0, as a count is, while average and maximum of nothing match
nothing; `recency` with `eq` compares whole days; among events of one instant the one stored last is the most recent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from attrs import field, frozen

from segops_admin.emulator import operators
from segops_admin.emulator.fragment import (
    DefinitionError,
    Fragment,
    choice,
    gather,
    is_list,
    json_path,
    literal,
    property_name,
    required,
    text_field,
)
from segops_admin.emulator.operators import COMPARISONS, SIGNS, Operand
from segops_admin.emulator.sql_functions import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# ruff: noqa: S608 - statements are put together from parts checked here; every value stays a parameter

DAY_S = 86_400
TRAITS = "context_identified"
"""The event whose latest payload is the whole trait set of a user."""

_HUGE_WINDOW_DAYS = 10_000_000


@frozen
class Scope:
    """Whose events count: one tenant's, seen at one instant, and for an explanation one user's only."""

    tenant_id: int
    now: float
    """Unix seconds."""
    user_id: str | None = None

    def where(self, alias: str = "") -> Fragment:
        """Return the test that every read of events starts with."""
        if self.user_id is None:
            return Fragment(f"{alias}tenant_id = ?", (self.tenant_id,))
        return Fragment(f"{alias}tenant_id = ? AND {alias}user_id = ?", (self.tenant_id, self.user_id))


@frozen
class Condition:
    """One condition, compiled."""

    type: str
    table: str
    """Name of its facts table in the statement."""
    facts: tuple[tuple[str, Fragment], ...]
    """The named queries it needs, the last one being its facts table."""
    test: Fragment
    label: str
    threshold: Any = None
    actual: str = "NULL"
    """SQL for the value a person wants to see in an explanation."""
    actual_kind: str = "NULL"
    """SQL for its JSON type, where it is a JSON value."""

    @property
    def is_json(self) -> bool:
        """Whether its facts have a `kind` beside the value."""
        return self.actual_kind == f"{self.table}_kind"


@frozen
class Compiler:
    """Compiles conditions within one scope, giving each its own table name."""

    scope: Scope
    conditions: list[Condition] = field(factory=list[Condition])

    def compile(self, condition: Mapping[str, Any]) -> Condition:
        """Compile one condition; raises DefinitionError with its field errors."""
        kind = choice(condition["type"], tuple(_TYPES), "type")
        compiled = _TYPES[kind](condition, self.scope, f"{kind}_{len(self.conditions) + 1}")
        self.conditions.append(compiled)
        return compiled


def _event_count(condition: Mapping[str, Any], scope: Scope, table: str) -> Condition:
    parts = gather(
        {
            "event": lambda: text_field(condition, "event_type"),
            "operator": lambda: choice(required(condition, "operator"), tuple(COMPARISONS), "operator"),
            "value": lambda: operators.number(required(condition, "value")),
            "window": lambda: None if condition.get("window_days") is None else _days(condition),
        }
    )
    event, operator, value, window = parts.values()
    since = Fragment("") if window is None else Fragment(" AND occurred_at >= ?", (scope.now - window * DAY_S,))
    facts = _grouped(scope, event, "COUNT(*)", since)
    label = f"count({event}) {SIGNS[operator]} {_show(value)}"
    count = f"coalesce({table}, 0)"
    return Condition(
        "event_count", table, ((table, facts),), Fragment(f"{count} {COMPARISONS[operator]} ?", (value,)),
        label if window is None else f"{label} in the last {_show(window)} days", value, count,
    )  # fmt: skip


def _recency(condition: Mapping[str, Any], scope: Scope, table: str) -> Condition:
    parts = gather(
        {
            "event": lambda: text_field(condition, "event_type"),
            "operator": lambda: choice(required(condition, "operator"), ("gt", "lt", "eq"), "operator"),
            "window": lambda: _days(condition),
        }
    )
    event, operator, window = parts.values()
    facts = _grouped(scope, event, "MAX(occurred_at)", Fragment(""))
    days = f"({literal(scope.now)} - {table}) / {DAY_S}.0"
    tests = {
        "gt": Fragment(f"coalesce({table} < ?, 1)", (scope.now - window * DAY_S,)),
        "lt": Fragment(f"{table} > ?", (scope.now - window * DAY_S,)),
        "eq": Fragment(f"CAST({days} AS INTEGER) = ?", (window,)),
    }
    words = {"gt": "not within last", "lt": "within last", "eq": "last seen exactly"}
    return Condition(
        "recency", table, ((table, facts),), tests[operator],
        f"{event} {words[operator]} {_show(window)} days" + (" ago" if operator == "eq" else ""),
        window, f"round({days}, 2)",
    )  # fmt: skip


def _monetary(condition: Mapping[str, Any], scope: Scope, table: str) -> Condition:
    parts = gather(
        {
            "event": lambda: text_field(condition, "event_type"),
            "property": lambda: property_name(condition),
            "metric": lambda: choice(required(condition, "metric"), ("sum", "avg", "max"), "metric"),
            "operator": lambda: choice(required(condition, "operator"), tuple(COMPARISONS), "operator"),
            "value": lambda: operators.number(required(condition, "value")),
        }
    )
    event, name, metric, operator, value = parts.values()
    facts = _grouped(scope, event, f"{metric.upper()}({_payload(name).number})", Fragment(""))
    actual = f"coalesce({table}, 0)" if metric == "sum" else f"{table}"
    return Condition(
        "monetary", table, ((table, facts),), Fragment(f"{actual} {COMPARISONS[operator]} ?", (value,)),
        f"{metric}({event}.{name}) {SIGNS[operator]} {_show(value)}", value, actual,
    )  # fmt: skip


def _event_property(condition: Mapping[str, Any], scope: Scope, table: str) -> Condition:
    event = gather(
        {
            "event": lambda: text_field(condition, "event_type"),
            "rest": lambda: _property_test(condition, table),
        }
    )["event"]
    return _latest("event_property", condition, scope, table, event)


def _user_property(condition: Mapping[str, Any], scope: Scope, table: str) -> Condition:
    return _latest("user_property", condition, scope, table, TRAITS)


def _latest(kind: str, condition: Mapping[str, Any], scope: Scope, table: str, event: str) -> Condition:
    """Test one key of the most recent payload of a type."""
    name, test = _property_test(condition, table)
    where = scope.where()
    payload = _payload(name)
    facts = Fragment(
        f"SELECT user_id, {payload.value} AS value, {payload.kind} AS kind\n"
        "  FROM (SELECT user_id, payload, ROW_NUMBER() OVER "
        "(PARTITION BY user_id ORDER BY occurred_at DESC, id DESC) AS newest\n"
        f"    FROM resolved_events WHERE {where.sql} AND event_type = ?)\n"
        "  WHERE newest = 1",
        (*where.params, event),
    )
    operator: str = condition["operator"]
    between = operator in ("between", "not_between")
    threshold = list(operators.bounds(condition)) if between else condition.get("value")
    subject = name if kind == "user_property" else f"{event}.{name}"
    label = f"{subject} {SIGNS.get(operator, operator.replace('_', ' '))} {_show(threshold)}".rstrip()
    return Condition(kind, table, ((table, facts),), test, label, threshold, f"{table}", f"{table}_kind")


def _property_test(condition: Mapping[str, Any], table: str) -> tuple[str, Fragment]:
    operand = Operand(f"{table}", f"{table}_kind")
    parts = gather(
        {
            "property": lambda: property_name(condition),
            "test": lambda: operators.test(operand, required(condition, "operator"), condition),
        }
    )
    return parts["property"], parts["test"]


def _event_sequence(condition: Mapping[str, Any], scope: Scope, table: str) -> Condition:
    """Measure the shortest time from a first to a last event of the sequence, in seconds.

    Step k carries, on each event that may be the k-th, the latest instant at which its sequence can have begun. In a
    strict sequence only the event immediately before counts, of whatever type; else any earlier one.
    """
    parts = gather(
        {
            "events": lambda: _event_names(condition),
            "window": lambda: _days(condition),
            "strict": lambda: _flag(condition, "strict"),
        }
    )
    events, window, strict = cast("tuple[list[str], float, bool]", tuple(parts.values()))
    where = scope.where()
    only = "" if strict else f" AND event_type IN ({', '.join('?' * len(events))})"
    step = Fragment(
        "SELECT id, user_id, event_type, occurred_at, CASE WHEN event_type = ? THEN occurred_at END AS began\n"
        f"  FROM resolved_events WHERE {where.sql}{only}",
        (events[0], *where.params, *(() if strict else events)),
    )
    facts = [(f"{table}_step_1", step)]
    nearest = "1 PRECEDING AND 1 PRECEDING" if strict else "UNBOUNDED PRECEDING AND 1 PRECEDING"
    for number, event in enumerate(events[1:], start=2):
        step = Fragment(
            "SELECT id, user_id, event_type, occurred_at, CASE WHEN event_type = ? THEN MAX(began) OVER before END"
            f" AS began\n  FROM {table}_step_{number - 1}\n"
            f"  WINDOW before AS (PARTITION BY user_id ORDER BY occurred_at, id ROWS BETWEEN {nearest})",
            (event,),
        )
        facts.append((f"{table}_step_{number}", step))
    total = f"SELECT user_id, MIN(occurred_at - began) AS value\n  FROM {facts[-1][0]} GROUP BY user_id"
    facts.append((table, Fragment(total)))
    label = f"{' → '.join(events)} within {_show(window)} days" + (", nothing between" if strict else "")
    return Condition(
        "event_sequence", table, tuple(facts), Fragment(f"{table} <= ?", (window * DAY_S,)),
        label, window, f"round({table} / {DAY_S}.0, 2)",
    )  # fmt: skip


def _segment_membership(condition: Mapping[str, Any], scope: Scope, table: str) -> Condition:
    parts = gather(
        {
            "segment": lambda: segment_id(condition),
            "operator": lambda: choice(required(condition, "operator"), ("in", "not_in"), "operator"),
        }
    )
    segment, operator = parts.values()
    where = scope.where()
    facts = Fragment(
        f"SELECT DISTINCT user_id, 'true' AS value\n  FROM members WHERE {where.sql} AND segment_id = ?",
        (*where.params, segment),
    )
    test = Fragment(f"{table} IS {'NOT NULL' if operator == 'in' else 'NULL'}")
    label = f"{'in' if operator == 'in' else 'not in'} segment {segment}"
    actual = f"coalesce({table}, 'false')"
    return Condition("segment_membership", table, ((table, facts),), test, label, segment, actual, actual)


_TYPES: dict[str, Callable[[Mapping[str, Any], Scope, str], Condition]] = {
    "event_count": _event_count,
    "recency": _recency,
    "monetary": _monetary,
    "event_property": _event_property,
    "user_property": _user_property,
    "event_sequence": _event_sequence,
    "segment_membership": _segment_membership,
}
CONDITION_TYPES: tuple[str, ...] = tuple(_TYPES)


def segment_id(condition: Mapping[str, Any]) -> int:
    """Return the id of a user segment, given as a number or as its digits (C16)."""
    value = required(condition, "segment_id")
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    raise DefinitionError({"segment_id": ["A valid integer is required."]})


def _grouped(scope: Scope, event: str, aggregate: str, since: Fragment) -> Fragment:
    """Aggregate per user over the events of a type."""
    where = scope.where()
    return Fragment(
        f"SELECT user_id, {aggregate} AS value\n"
        f"  FROM resolved_events WHERE {where.sql} AND event_type = ?{since.sql} GROUP BY user_id",
        (*where.params, event, *since.params),
    )


def _payload(name: str) -> Operand:
    path = json_path(name)
    return Operand(f"json_extract(payload, {path})", f"json_type(payload, {path})")


def _days(condition: Mapping[str, Any]) -> float:
    days = operators.number(required(condition, "window_days"), "window_days")
    if days < 0:
        raise DefinitionError({"window_days": ["Ensure this value is greater than or equal to 0."]})
    return min(days, _HUGE_WINDOW_DAYS)


def _flag(condition: Mapping[str, Any], key: str) -> bool:
    value = condition.get(key)
    if value is not None and not isinstance(value, bool):
        raise DefinitionError({key: ["Must be a valid boolean."]})
    return bool(value)


def _event_names(condition: Mapping[str, Any]) -> list[str]:
    names = required(condition, "events")
    if not is_list(names):
        raise DefinitionError({"events": [f'Expected a list of items but got type "{type(names).__name__}".']})
    if not names or len(names) > 20:
        raise DefinitionError({"events": ["Expected between 1 and 20 event types."]})
    errors = {str(i): ["Not a valid string."] for i, name in enumerate(names) if not isinstance(name, str) or not name}
    if errors:
        raise DefinitionError({"events": errors})
    return names


def _show(value: object) -> str:
    if value is None:
        return ""
    if is_list(value):
        return ", ".join(_show(item) for item in value)
    return plain_text(value)
