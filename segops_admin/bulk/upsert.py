"""A bulk upsert as the service offers it: one request, one answer for all its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core import codec
from ..core.request import Repeat, Request, path
from ..errors import SegOpsInputError
from ..records.base import is_object
from ..records.bulk import BulkUpsertResult, FailedRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ..core.call import Caller


async def in_one_call(
    call: Caller, rows: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
) -> BulkUpsertResult:
    """Send all rows in one request and read what became of them. Harmless to repeat: the sku decides."""
    products = rows if isinstance(rows, list) else list(_checked(rows))
    request = Request(
        "POST",
        path("pim", "products", "bulk"),
        body={"products": products},
        idempotency_key=idempotency_key,
        repeat=Repeat.HARMLESS,
    )
    return read_result(codec.decode_promised(await call.send(request)))


def read_result(body: Any) -> BulkUpsertResult:
    """Read an answer of the inferred shape; what it lacks counts as nothing."""
    answer = body if is_object(body) else {}
    failed = [
        FailedRow(index=row.get("index", -1), sku=row.get("sku"), reason=str(row.get("error", "")))
        for row in filter(is_object, answer.get("errors") or [])
    ]
    return BulkUpsertResult(created=answer.get("created") or 0, updated=answer.get("updated") or 0, failed=failed)


def _checked(rows: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    if isinstance(rows, (str, bytes, dict)):
        raise SegOpsInputError("rows must be a list or another iterable of dictionaries, not a single value.")
    return rows
