"""Imports that outgrow one machine: one partition is a plain function of plain values, and Dask runs it anywhere.

    from segops_admin.integrations.dask import ImportConfig, import_partitions

    result = import_partitions(dask.dataframe.read_parquet("catalogue/*.parquet"), ImportConfig(identity="2026-11-23"))

A worker that dies takes its partition with it; the scheduler has another one run it again. That repeats harmlessly: an
upsert is by sku, and the chunks carry the keys they had before, made from the import's identity, the partition's number
and their content. A sku belongs into one partition only: between partitions there is no order.
"""

from __future__ import annotations

import uuid
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs

from ..errors import SegOpsInputError
from ..records.base import is_array
from ..records.bulk import BulkUpsertResult
from ..sync import SegOpsAdmin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..bulk.rows import Rows

KEPT_FAILURES = 1000


@attrs.frozen(kw_only=True)
class ImportConfig:
    """What a worker needs to know; pickles without a key unless one was given on purpose."""

    identity: str = attrs.field(factory=lambda: str(uuid.uuid4()))
    """Names the import; giving the same one again repeats it under the same keys."""
    base_url: str | None = None
    """None: SEGOPS_API_URL of the worker, or production."""
    api_key: str | None = attrs.field(default=None, repr=False)
    """None: SEGOPS_API_KEY of the worker. A key given here travels to the scheduler and to every worker."""
    chunk_size: int = 500
    max_bytes: int = 2_000_000
    concurrency: int = 4
    """Most requests at once of one partition; what the service sees is this times the workers' threads."""
    timeout: float = 30.0
    max_retries: int = 3


def import_partition(config: ImportConfig, rows: Rows, partition: int) -> BulkUpsertResult:
    """Import one partition and return its result; repeating it after any end stores nothing twice.

    Raises BulkUpsertError for what stops it: its `.result` says how far it came.
    """
    with SegOpsAdmin(
        config.api_key, base_url=config.base_url, timeout=config.timeout, max_retries=config.max_retries
    ) as segops:
        return segops.products.bulk_upsert(
            iter(rows)
            if is_array(rows)
            else rows,  # a list of one chunk would go under the bare key, whatever it holds
            chunk_size=config.chunk_size,
            max_bytes=config.max_bytes,
            concurrency=config.concurrency,
            idempotency_key=f"{config.identity}.{partition}",
        )


def import_partitions(collection: Any, config: ImportConfig | None = None, **compute: Any) -> BulkUpsertResult:
    """Import a Dask DataFrame or Bag, a task per partition, and return all results as one.

    Runs on the cluster of the present Dask client, or as `compute` (the arguments of `dask.compute`) says. Indexes of
    refused rows count within their partition, as Dask does not know how long the ones before it are.
    """
    try:
        dask = import_module("dask")
    except ImportError as error:
        raise SegOpsInputError("Importing partitions needs Dask: pip install 'segops_admin[dask]'.") from error
    if not hasattr(collection, "to_delayed"):
        raise SegOpsInputError(f"Expected a Dask DataFrame or Bag, got {type(collection).__name__}.")
    task = dask.delayed(partial(import_partition, config or ImportConfig()), pure=False)
    tasks = [task(rows, number) for number, rows in enumerate(collection.to_delayed())]
    return merged(dask.compute(*tasks, **compute))


def merged(results: Iterable[BulkUpsertResult]) -> BulkUpsertResult:
    """Add results up; the time is the longest one's, as they ran side by side."""
    total = BulkUpsertResult(failed=[])
    for result in results:
        for name in ("created", "updated", "stored", "skipped", "failed_count", "rows", "chunks", "resumed_rows"):
            setattr(total, name, getattr(total, name) + getattr(result, name))
        total.retries += result.retries
        total.failed += result.failed[: KEPT_FAILURES - len(total.failed)]
        total.duration_s = max(total.duration_s, result.duration_s)
    total.rows_per_s = total.rows / total.duration_s if total.duration_s > 0 else 0.0
    return total
