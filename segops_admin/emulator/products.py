"""What products are made of, behind their routes: rows to wire shape, the tenant's schema, the upsert.

Decisions where the sheet is silent: an upsert replaces `data` as a PATCH does; a row of a known sku may leave out the
name; a tenant's schema comes into being, empty, when first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from segops_admin.emulator.clock import iso
from segops_admin.emulator.fragment import is_list, is_object
from segops_admin.emulator.replies import ApiError, not_found
from segops_admin.emulator.store import from_json, to_json
from segops_admin.emulator.values import FIELD_TYPES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from segops_admin.emulator.store import Store

RESERVED = ("sku", "name")
_UPSERT = """
INSERT INTO products (tenant_id, sku, name, data, raw_data, source, created_at, updated_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant_id, sku) DO UPDATE SET name = excluded.name, data = excluded.data, raw_data = excluded.raw_data,
    source = excluded.source, updated_at = excluded.updated_at"""
_NAMES = "SELECT sku, name FROM products WHERE tenant_id=? AND sku IN (SELECT value FROM json_each(?))"


@frozen
class Upsert:
    """What became of the rows of one bulk call."""

    created: int
    updated: int
    errors: list[dict[str, Any]] = field(factory=list[dict[str, Any]])


@frozen
class NewProduct:
    """One product to be written."""

    sku: str
    name: str
    data: Mapping[str, Any]
    raw: Mapping[str, Any] | None = None


def product_row(store: Store, tenant_id: int, product_id: int) -> sqlite3.Row:
    """Return a tenant's product, or raise the 404."""
    row = store.one("SELECT * FROM products WHERE id=? AND tenant_id=?", product_id, tenant_id)
    if row is None:
        raise not_found("No Product matches the given query.")
    return row


def render_product(row: sqlite3.Row, *, whole: bool = False) -> dict[str, Any]:
    """Return a product as the wire has it; only single ones carry their `raw_data`."""
    product = {
        "id": row["id"],
        "sku": row["sku"],
        "name": row["name"],
        "data": from_json(row["data"]),
        "source": row["source"],
        "ai_readability_score": row["ai_readability_score"],
        "created_at": iso(row["created_at"]),
        "updated_at": iso(row["updated_at"]),
    }
    return {**product, "raw_data": from_json(row["raw_data"]) or {}} if whole else product


def write_products(store: Store, tenant_id: int, products: Sequence[NewProduct], *, source: str, now: float) -> None:
    """Create or replace products by sku, within the transaction that is open."""
    store.connection.executemany(
        _UPSERT,
        [
            (
                tenant_id,
                item.sku,
                item.name,
                to_json(item.data),
                to_json(item.raw) if item.raw else None,
                source,
                now,
                now,
            )
            for item in products
        ],
    )


def bulk_upsert(store: Store, tenant_id: int, rows: list[Any], *, now: float) -> Upsert:
    """Write flat rows in one transaction; a row that cannot be written is reported and stops nobody."""
    skus = [sku for row in rows if is_object(row) and (sku := _sku(row))]
    with store.transaction():
        names: dict[str, str] = {row["sku"]: row["name"] for row in store.all(_NAMES, tenant_id, to_json(skus))}
        known = len(names)
        products: list[NewProduct] = []
        errors: list[dict[str, Any]] = []
        for index, row in enumerate(rows):
            product = _product(row, names)
            if isinstance(product, NewProduct):
                names[product.sku] = product.name
                products.append(product)
            else:
                errors.append({"index": index, "sku": _sku(row) if is_object(row) else "", "error": product})
        write_products(store, tenant_id, products, source="api", now=now)
    created = len(names) - known
    return Upsert(created, len(products) - created, errors)


def _sku(row: Mapping[str, Any]) -> str:
    value = row.get("sku")
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        return str(value).strip()
    return ""


def _product(row: object, names: Mapping[str, str]) -> NewProduct | str:
    """Read a flat row; a nested `data` object is merged under the flat keys. Returns what is wrong with a bad one."""
    if not is_object(row):
        return "each product must be an object"
    flat = dict(row)
    sku = _sku(flat)
    if not sku:
        return "sku is required"
    name = flat.pop("name", None)
    if name is not None and not isinstance(name, str):
        return "name must be a string"
    name = (name or "").strip() or names.get(sku, "")
    if not name:
        return "name is required"
    del flat["sku"]
    nested = flat.get("data")
    if is_object(nested):
        del flat["data"]
        flat = {**nested, **flat}
    return NewProduct(sku, name, flat)


def schema_row(store: Store, tenant_id: int, now: float) -> sqlite3.Row:
    """Return the tenant's product schema; an empty one is made on first sight."""
    found = store.one("SELECT * FROM product_schemas WHERE tenant_id=?", tenant_id)
    if found is not None:
        return found
    store.execute(
        "INSERT INTO product_schemas (tenant_id, id, fields, default_currency, default_locale, created_at, updated_at)"
        " SELECT ?, coalesce(MAX(id), 0) + 1, '[]', 'USD', 'en_US', ?, ? FROM product_schemas",
        tenant_id,
        now,
        now,
    )
    return schema_row(store, tenant_id, now)


def schema_fields(store: Store, tenant_id: int) -> list[dict[str, Any]]:
    """Return the fields of the tenant's product schema."""
    return from_json(store.scalar("SELECT fields FROM product_schemas WHERE tenant_id=?", tenant_id)) or []


def save_fields(store: Store, tenant_id: int, fields: list[dict[str, Any]], now: float) -> None:
    """Replace the fields of the tenant's product schema."""
    schema_row(store, tenant_id, now)
    store.execute(
        "UPDATE product_schemas SET fields=?, updated_at=? WHERE tenant_id=?", to_json(fields), now, tenant_id
    )


def read_fields(value: object, key: str) -> list[dict[str, Any]]:
    """Check a list of schema fields and raise the 400; sku and name are left out, they belong to the product."""
    if not is_list(value):
        raise ApiError(400, {key: [f'Expected a list of items but got type "{type(value).__name__}".']})
    fields: list[dict[str, Any]] = []
    errors: dict[str, Any] = {}
    for index, item in enumerate(value):
        trouble = _field_errors(item, {read["name"] for read in fields})
        if trouble:
            errors[str(index)] = trouble
        elif item["name"] not in RESERVED:
            fields.append(
                {
                    "name": item["name"].strip(),
                    "type": item.get("type") or "string",
                    "required": bool(item.get("required", False)),
                    "description": item.get("description") or "",
                }
            )
    if errors:
        raise ApiError(400, {key: errors})
    return fields


def _field_errors(item: Any, taken: set[str]) -> dict[str, Any]:
    if not is_object(item):
        return {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {type(item).__name__}."]}
    errors: dict[str, Any] = {}
    name = item.get("name")
    if name is None:
        errors["name"] = ["This field is required."]
    elif not isinstance(name, str) or not name.strip():
        errors["name"] = ["This field may not be blank." if isinstance(name, str) else "Not a valid string."]
    elif name.strip() in taken:
        errors["name"] = ["Field names must be unique."]
    kind = item.get("type") or "string"
    if kind not in FIELD_TYPES:
        errors["type"] = [f'"{kind}" is not a valid choice.']
    if not isinstance(item.get("required", False), bool):
        errors["required"] = ["Must be a valid boolean."]
    if not isinstance(item.get("description") or "", str):
        errors["description"] = ["Not a valid string."]
    return errors
