"""User-segment definitions (section 9) as SQL over the stored events; preview, compute and explain all come here.

The statement reads like the definition: one named query of facts per condition, all users left-joined to them, and the
tests in the WHERE. A user is anyone with at least one event, so a condition can match those who lack the named one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from segops_admin.emulator.conditions import Compiler, Condition, Scope
from segops_admin.emulator.fragment import CompiledQuery, DefinitionError, Fragment, Group, join, read_group
from segops_admin.emulator.operators import register_functions

if TYPE_CHECKING:
    import sqlite3

__all__ = ["CompiledQuery", "DefinitionError", "compile_definition", "explain_definition", "register_functions"]

MAX_CONDITIONS = 60
"""One table each; SQLite joins 64 at most."""


def compile_definition(definition: object, *, tenant_id: int, now: float) -> CompiledQuery:
    """Return the query for the ids of all matching users, ordered; None, `{}` and an empty list match nobody.

    now: unix seconds, where the rolling windows end. Raises DefinitionError, whose `errors` is a JSON body.
    """
    compiler = Compiler(Scope(tenant_id, now))
    group = _read(definition, compiler)
    users = Fragment("SELECT DISTINCT user_id FROM resolved_events WHERE tenant_id = ?", (tenant_id,))
    facts, joins = _tables(users, compiler.conditions)
    where = _test(group)
    sql = f"{facts.sql}\nSELECT users.user_id\nFROM users{joins}\nWHERE {where.sql}\nORDER BY users.user_id"
    return CompiledQuery(sql, [*facts.params, *where.params])


def explain_definition(
    connection: sqlite3.Connection, definition: object, user_id: str, *, tenant_id: int, now: float
) -> list[dict[str, Any]]:
    """Return how one user fares with each top-level condition, in the shape of 15.5; works for non-members too.

    A nested group is one item of type `group`, without figures.
    """
    compiler = Compiler(Scope(tenant_id, now, user_id))
    group = _read(definition, compiler)
    facts, joins = _tables(Fragment("SELECT ? AS user_id", (user_id,)), compiler.conditions)
    columns = [_columns(item) for item in group.items]
    if not columns:
        return []
    select = ",\n       ".join(column.sql for column in columns)
    params = [*facts.params, *(value for column in columns for value in column.params)]
    row: tuple[Any, ...] = tuple(
        connection.execute(f"{facts.sql}\nSELECT {select}\nFROM users{joins}", params).fetchone()
    )
    return [_explanation(index, item, row[3 * index : 3 * index + 3]) for index, item in enumerate(group.items)]


def _read(definition: object, compiler: Compiler) -> Group:
    group = read_group({} if definition is None else definition, compiler.compile)
    if len(compiler.conditions) > MAX_CONDITIONS:
        raise DefinitionError({"conditions": [f"Ensure this field has no more than {MAX_CONDITIONS} elements."]})
    return group


def _tables(users: Fragment, conditions: list[Condition]) -> tuple[Fragment, str]:
    """Return the WITH clause, and the joins from `users` to each table of facts."""
    named = [("users", users), *(pair for condition in conditions for pair in condition.facts)]
    queries = ",\n".join(f"{name} AS (\n  {query.sql}\n)" for name, query in named)
    joins = "".join(f"\nLEFT JOIN {condition.table} USING (user_id)" for condition in conditions)
    return Fragment(f"WITH {queries}", tuple(value for _, query in named for value in query.params)), joins


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
