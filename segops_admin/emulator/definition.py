"""User-segment definitions (section 9) as SQL over the stored events; preview, compute and explain all come here.

The statement reads like the definition: one named query of facts per condition, laid side by side for all users, and
the tests in the WHERE. A user is anyone with at least one event, so a condition can match those who lack the named one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from segops_admin.emulator.conditions import Compiler, Condition, Scope
from segops_admin.emulator.fragment import CompiledQuery, DefinitionError, Fragment, Group, join, read_group
from segops_admin.emulator.sql_functions import register_functions

if TYPE_CHECKING:
    import sqlite3

# ruff: noqa: S608 - statements are put together from checked parts; every value stays a parameter

__all__ = ["CompiledQuery", "DefinitionError", "compile_definition", "explain_definition", "register_functions"]

MAX_CONDITIONS = 200
"""One column or two each; SQLite stacks 500 tables at most."""


def compile_definition(definition: object, *, tenant_id: int, now: float) -> CompiledQuery:
    """Return the query for the ids of all matching users, ordered; None, `{}` and an empty list match nobody.

    now: unix seconds, where the rolling windows end. Raises DefinitionError, whose `errors` is a JSON body.
    """
    compiler = Compiler(Scope(tenant_id, now))
    group = _read(definition, compiler)
    users = Fragment("SELECT DISTINCT user_id FROM resolved_events WHERE tenant_id = ?", (tenant_id,))
    facts = _facts(users, compiler.conditions)
    where = _test(group)
    sql = f"{facts.sql}\nSELECT user_id FROM facts\nWHERE {where.sql}\nORDER BY user_id"
    return CompiledQuery(sql, [*facts.params, *where.params])


def explain_definition(
    connection: sqlite3.Connection, definition: object, user_id: str, *, tenant_id: int, now: float
) -> list[dict[str, Any]]:
    """Return how one user fares with each top-level condition, in the shape of 15.5; works for non-members too.

    A nested group is one item of type `group`, without figures.
    """
    compiler = Compiler(Scope(tenant_id, now, user_id))
    group = _read(definition, compiler)
    facts = _facts(Fragment("SELECT ? AS user_id", (user_id,)), compiler.conditions)
    columns = [_columns(item) for item in group.items]
    if not columns:
        return []
    select = ",\n       ".join(column.sql for column in columns)
    params = [*facts.params, *(value for column in columns for value in column.params)]
    cursor = connection.execute(f"{facts.sql}\nSELECT {select}\nFROM facts", params)
    row: tuple[Any, ...] = tuple(cursor.fetchone())
    return [_explanation(index, item, row[3 * index : 3 * index + 3]) for index, item in enumerate(group.items)]


def _read(definition: object, compiler: Compiler) -> Group:
    group = read_group({} if definition is None else definition, compiler.compile)
    if len(compiler.conditions) > MAX_CONDITIONS:
        raise DefinitionError({"conditions": [f"Ensure this field has no more than {MAX_CONDITIONS} elements."]})
    return group


def _facts(users: Fragment, conditions: list[Condition]) -> Fragment:
    """Return the WITH clause that ends in `facts`: one row per user, one column per condition.

    The tables are stacked and grouped rather than joined: a join is only quick when SQLite guesses the sizes well.
    """
    named = [pair for condition in conditions for pair in condition.facts]
    queries = "".join(f"{name} AS (\n  {query.sql}\n),\n" for name, query in named)
    stacked = [f"SELECT user_id, 0 AS source, NULL AS value, NULL AS kind FROM ({users.sql})"]
    columns = ["user_id"]
    for number, condition in enumerate(conditions, start=1):
        name = condition.table
        kind = "kind" if condition.is_json else "NULL"
        stacked.append(f"SELECT user_id, {number}, value, {kind} FROM {name}")
        columns.append(f"MAX(CASE source WHEN {number} THEN value END) AS {name}")
        if condition.is_json:
            columns.append(f"MAX(CASE source WHEN {number} THEN kind END) AS {name}_kind")
    union = "\n    UNION ALL ".join(stacked)
    sql = (
        f"WITH {queries}facts AS (\n  SELECT " + ",\n    ".join(columns) + f"\n  FROM (\n    {union})\n"
        "  GROUP BY user_id HAVING MIN(source) = 0\n)"
    )
    return Fragment(sql, (*(value for _, query in named for value in query.params), *users.params))


def _test(item: Group | Condition) -> Fragment:
    if isinstance(item, Condition):
        return item.test
    return join(item.logic, [_bracketed(part) for part in item.items])


def _bracketed(item: Group | Condition) -> Fragment:
    test = _test(item)
    return Fragment(f"({test.sql})", test.params) if isinstance(item, Group) else test


def _columns(item: Group | Condition) -> Fragment:
    """Return three columns: whether it matches, the value seen, and that value's JSON type."""
    test = _test(item)
    actual, kind = (item.actual, item.actual_kind) if isinstance(item, Condition) else ("NULL", "NULL")
    return Fragment(f"({test.sql}), {actual}, {kind}", test.params)


def _explanation(index: int, item: Group | Condition, row: tuple[Any, ...]) -> dict[str, Any]:
    matches, value, kind = row
    return {
        "index": index,
        "type": item.type if isinstance(item, Condition) else "group",
        "label": _label(item),
        "actual_value": _json_value(value, kind),
        "threshold": item.threshold if isinstance(item, Condition) else None,
        "matches": bool(matches),
    }


def _label(item: Group | Condition) -> str:
    if isinstance(item, Condition):
        return item.label
    return f"{'all' if item.logic == 'AND' else 'any'} of ({'; '.join(_label(part) for part in item.items)})"


def _json_value(value: Any, kind: str | None) -> Any:
    """Turn a column into JSON again: SQLite hands out booleans as 1 and 0, lists as text."""
    if kind in ("true", "false"):
        return kind == "true"
    if kind in ("array", "object"):
        return json.loads(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value
