"""An example for each derived command, made from its parameters, or written here where that would say little."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from .derive import Role

if TYPE_CHECKING:
    from .derive import Derived
    from .surface import MethodInfo

WRITTEN = {
    ("activations", "create"): "klaviyo.json",
    ("api_keys", "create"): "--name nightly --tenant-slug northwind",
    ("http", "request"): """POST /segments/ --body '{"name": "New"}'""",
    ("identity", "alias"): "7f3c ana@example.net",
    ("identity", "merge"): "ana-old ana@example.net",
    ("pages", "query"): "'rye flour' --limit 5",
    ("products", "bulk_upsert"): "rows.json",
    ("products", "confirm_import"): """12 '{"mapping": {"code": "sku"}}'""",
    ("products", "import_csv"): "catalogue.csv --resume",
    ("products", "iterate"): "-o jsonl",
    ("products", "list"): "--grain rye --all -o csv --columns sku,name",
    ("queries", "simulate"): "--query-text 'best rye flour' --providers '[\"gemini\"]'",
    ("schemas", "infer"): "events.json",
    ("schemas", "validate"): "order_placed event.json",
    ("segments", "create"): """--name 'Big spenders' --definition @definition.json""",
    ("segments", "export"): "31 --to members.csv",
    ("segments", "list"): "--query 'results[?member_count > `100`].name'",
    ("segments", "preview"): "definition.json --limit 5",
    ("segments", "recompute"): "31 --wait",
    ("users", "publish_sandbox"): "--user-id ana --event-type order_placed",
    ("users", "search"): "--q ana -o table",
}
"""What follows the command's words."""

VALUES = {
    "user_id": "ana@example.net",
    "sku": "RYE-1",
    "tenant_slug": "northwind",
    "page_slug": "rye-flour",
    "anonymous_id": "7f3c",
    "from_user_id": "ana-old",
    "into_user_id": "ana@example.net",
    "target": "out.file",
    "source": "catalogue.csv",
    "data": "catalogue.csv",
    "export": "export.json",
    "export_id": "5",
    "job_id": "12",
    "method": "GET",
    "path": "/segments/",
    "q": "flour",
    "rows": "rows.json",
}
"""Values of arguments by name; any other argument is an id."""


def example_of(words: str, method: MethodInfo, derived: Derived) -> str:
    """Return a command line that works."""
    written = WRITTEN.get((method.namespace, method.name))
    return f"{words} {written if written is not None else _made(method.name, derived)}".strip()


def _made(name: str, derived: Derived) -> str:
    values: list[str] = []
    for slot in derived.slots:
        if slot.role is Role.ARGUMENT:
            values.append(VALUES.get(slot.parameter.name, "31"))
        elif slot.role is Role.BODY:
            fields = any(other.role is Role.FIELDS for other in derived.slots)
            values.append("new.json" if name == "create" else "changes.json" if fields else "body.json")
    return shlex.join(values)
