"""Products: the catalogue, its schema, its imports and its scores."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, cast

from typing_extensions import Unpack

from .. import jobs
from ..bulk.engine import ChunkStream, Options, bulk_upsert
from ..bulk.rows import Rows
from ..catalogue import read_catalogue
from ..core.request import File, Repeat, Request, merged, path
from ..errors import SegOpsInputError, SegOpsNotFoundError
from ..paging import Pager
from ..records.base import JSON
from ..records.bulk import BulkUpsertResult
from ..records.jobs import JobStart
from ..records.page import Page
from ..records.products import (
    ConfirmFields,
    ImportJob,
    Product,
    ProductFields,
    ProductFieldSpec,
    ProductSchema,
    ProductSchemaFields,
    ProductScore,
    ScoreAllStart,
)
from .base import AsyncCollection, PageQuery


class ProductQuery(PageQuery, total=False):
    """Which products. Any schema field's name is a filter too: give it in the dictionary form."""

    q: str
    """Case-insensitive part of the name."""


class AsyncProducts(AsyncCollection[Product]):
    """The product catalogue."""

    _collection = ("pim", "products")
    _kind = Product

    async def list(  # pyright: ignore[reportIncompatibleMethodOverride] -- a wider query, as the API has it
        self, params: Mapping[str, Any] | None = None, /, **query: Unpack[ProductQuery]
    ) -> Page[Product]:
        """Return one page of products; `list({"grain": "rye"})` filters by a schema field.

        Source: segops-api.md 11.3 [docs].
        """
        return await self._page(path(*self._collection), Product, params, query)

    def iterate(  # pyright: ignore[reportIncompatibleMethodOverride] -- see list
        self, params: Mapping[str, Any] | None = None, /, *, concurrency: int = 4, **query: Unpack[ProductQuery]
    ) -> Pager[Product]:
        """Return a reader over all products that match, page after page, fetched ahead.

        concurrency: most pages in flight at once.
        Source: segops-api.md 4 and 11.3 [docs].
        """
        return self._pager(path(*self._collection), Product, params, query, concurrency)

    async def create(
        self,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[ProductFields],
    ) -> Product:
        """Create a product and return it; a sku that exists is a SegOpsBadRequestError [inferred].

        Source: segops-api.md 11.3 [docs].
        """
        return await self._create(body, fields, idempotency_key)

    async def update(
        self,
        id: int,
        body: Mapping[str, Any] | None = None,
        /,
        method: str = "PATCH",
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[ProductFields],
    ) -> Product:
        """Change a product's name or data and return it. Whether `data` is merged or replaced is not documented.

        id: the internal id, not the sku.
        Source: segops-api.md 11.3 [docs]; there is no PUT.
        """
        return await self._update(id, body, method, fields, idempotency_key)

    async def bulk_upsert(
        self,
        rows: Rows,
        *,
        chunk_size: int = 500,
        max_bytes: int = 2000000,
        concurrency: int = 4,
        journal: str | Path | None = None,
        on_progress: Callable[[BulkUpsertResult], Any] | None = None,
        on_error: Literal["collect", "raise"] = "collect",
        errors_path: str | Path | None = None,
        idempotency_key: str | None = None,
    ) -> BulkUpsertResult:
        """Create or update products by sku, in flat memory, and return what became of the rows.

        rows: flat; every key besides `sku` and `name` becomes product data. A list that fits in one chunk is one
        request; any iterable, async iterable, pandas or polars frame, Arrow table or reader, or path to .csv, .tsv,
        .jsonl (plain, .gz or .zst), .parquet.
        chunk_size, max_bytes: the most rows and bytes of one request. concurrency: most requests at once; a server that
        objects or slows down gets fewer.
        journal: a file that makes the import resumable after any end: call again with the same rows and options.
        idempotency_key: names the import; its chunks' keys are made from it. A journal remembers it.
        on_progress: called with the result so far after every chunk. errors_path: refused rows as JSON Lines.
        on_error: `collect` tells refused rows in the result, `raise` stops at the first; mend it and call again.
        A sku that occurs more than once ends with its last row's values.
        Raises BulkUpsertError for what stops the whole import: its `.result` says how far it came. What the rows
        themselves raise comes out as it is.
        Source: segops-api.md 11.3 [sdk] [docs]; the answer's shape [inferred].
        """
        if on_error not in ("collect", "raise"):
            raise SegOpsInputError(f"on_error must be collect or raise, not {on_error!r}.")
        options = Options(
            chunk_size=chunk_size,
            max_bytes=max_bytes,
            concurrency=concurrency,
            journal=journal,
            errors_path=errors_path,
            idempotency_key=idempotency_key,
            stop_on_failure=on_error == "raise",
        )
        return await bulk_upsert(ChunkStream(self._call, rows, options), on_progress)

    def bulk_upsert_stream(
        self,
        rows: Rows,
        *,
        chunk_size: int = 500,
        max_bytes: int = 2000000,
        concurrency: int = 4,
        journal: str | Path | None = None,
        errors_path: str | Path | None = None,
        idempotency_key: str | None = None,
    ) -> ChunkStream:
        """Return an iterator over the finished chunks of an import, as they finish; `.result()` has the figures so far.

        The arguments are those of `bulk_upsert`. Nothing is read or sent before the first chunk is asked for.
        Source: segops-api.md 11.3 [sdk] [docs].
        """
        options = Options(
            chunk_size=chunk_size,
            max_bytes=max_bytes,
            concurrency=concurrency,
            journal=journal,
            errors_path=errors_path,
            idempotency_key=idempotency_key,
        )
        return ChunkStream(self._call, rows, options)

    async def facets(self) -> JSON:
        """Return the distinct values of each string and array field: at most 100, from the first 1,000 products.

        Source: segops-api.md 11.3 [docs]; the shape [inferred].
        """
        return await self._call(Request("GET", path("pim", "facets")), JSON)

    async def schema(self) -> ProductSchema:
        """Return the attributes products have; `fields` is empty when none are defined.

        Source: segops-api.md 11.1 [docs].
        """
        return await self._call(Request("GET", path("pim", "schema")), ProductSchema)

    async def set_schema(
        self,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[ProductSchemaFields],
    ) -> ProductSchema:
        """Replace the attributes products have, and return them.

        Source: segops-api.md 11.1 [docs].
        """
        request = Request("PUT", path("pim", "schema"), body=merged(body, fields), idempotency_key=idempotency_key)
        return await self._call(request, ProductSchema)

    async def import_csv(
        self, data: bytes, filename: str = "products.csv", *, idempotency_key: str | None = None
    ) -> ImportJob:
        """Upload a CSV and return its job, with a suggested mapping and schema; `import_file` does the whole of it.

        data: UTF-8 with a header row, at most 100,000 rows.
        Source: segops-api.md 11.4 [docs].
        """
        return await self._call(_upload(data, filename, idempotency_key=idempotency_key), ImportJob)

    async def confirm_import(
        self,
        job_id: int,
        body: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **fields: Unpack[ConfirmFields],
    ) -> ImportJob:
        """Confirm an uploaded file's mapping and schema, which starts the import, and return the job.

        mapping: source column → field name; None skips the column.
        Source: segops-api.md 11.4 [docs]; the key `schema` [inferred]; C10.
        """
        request = Request(
            "POST", path("pim", "import", job_id, "confirm"), body=merged(body, fields), idempotency_key=idempotency_key
        )
        return await self._call(request, ImportJob)

    async def import_status(self, job_id: int) -> ImportJob:
        """Return an import's job as it stands.

        Source: segops-api.md 11.4 [docs].
        """
        return await self._call(Request("GET", path("pim", "import", job_id)), ImportJob)

    async def wait_import(
        self, job_id: int, *, timeout: float = 600.0, on_progress: Callable[[ImportJob], Any] | None = None
    ) -> ImportJob:
        """Return an import's job once it is done; takes up the wait of an earlier process as well.

        timeout: seconds for all looks.
        on_progress: called with the job at every look; `imported_count` of `row_count` rows are in.
        Raises SegOpsJobError when it fails or the time is up.
        Source: segops-api.md 11.4 [docs].
        """
        async with jobs.time_limit(f"Import {job_id}", timeout) as watch:
            watch.goes_on(f"products.wait_import({job_id})")
            return await self._finished_import(watch, job_id, on_progress)

    async def import_file(
        self,
        source: str | Path,
        mapping: Mapping[str, str | None] | Callable[[ImportJob], Mapping[str, str | None]] | None = None,
        schema: builtins.list[ProductFieldSpec] | None = None,
        *,
        timeout: float = 600.0,
        on_progress: Callable[[ImportJob], Any] | None = None,
    ) -> ImportJob:
        """Import a CSV file and return the finished job: upload, confirm the mapping, wait.

        mapping: source column → field name; a function of the uploaded job for deciding on its suggestion; None takes
        the suggestion as it is. schema: fields to define; None takes the suggestion.
        timeout: seconds for everything, of the upload on.
        Raises SegOpsInputError, before anything is sent, for a file that cannot be imported: missing, a directory,
        empty, a header without rows, not UTF-8 (with line and byte), above 100,000 rows; and for a mapping without a
        column for `sku`. Raises SegOpsJobError when it fails or the time is up. Whatever ends it after the upload
        carries the job in `.job` and says how to go on with it.
        Source: segops-api.md 11.4 [docs].
        """
        if not callable(mapping):
            _check_mapping(mapping)
        name, data = await asyncio.to_thread(read_catalogue, source)
        async with jobs.time_limit(f"The import of {name}", timeout) as watch:
            watch.job = uploaded = await self._call(_upload(data, name, timeout_s=timeout), ImportJob)
            del data
            watch.way_back = (
                f"Import {uploaded.id} is uploaded: while products.import_status({uploaded.id}) reads 'mapping', "
                f"products.confirm_import({uploaded.id}) starts it; then products.wait_import({uploaded.id}) waits."
            )
            if callable(mapping):
                with watch.calling_out():
                    mapping = mapping(uploaded)
                _check_mapping(mapping)
            await self.confirm_import(
                uploaded.id,
                mapping=dict(mapping if mapping is not None else uploaded.suggested_mapping or {}),
                schema=schema if schema is not None else cast("Any", uploaded.suggested_fields),
            )
            watch.goes_on(f"products.wait_import({uploaded.id})")
            return await self._finished_import(watch, uploaded.id, on_progress)

    async def _finished_import(
        self, watch: jobs.Watch, job_id: int, on_progress: Callable[[ImportJob], Any] | None
    ) -> ImportJob:
        return await jobs.wait(
            watch,
            lambda: self.import_status(job_id),
            done=lambda job: jobs.succeeded(job.status),
            failure=lambda job: (job.error or "") if jobs.failed(job.status) else None,
            first_wait_s=self._call.config.poll_interval_s,
            on_progress=on_progress,
        )

    async def score(self, id: int, *, idempotency_key: str | None = None) -> JobStart:
        """Start scoring a product; `get_score` has the result, `score_and_wait` waits for it.

        Source: segops-api.md 11.5 [docs]; the answer's body [inferred].
        """
        request = Request(
            "POST",
            path("pim", "products", id, "score"),
            idempotency_key=idempotency_key,
            repeat=Repeat.HARMLESS,
        )
        return await self._call(request, JobStart)

    async def get_score(self, id: int) -> ProductScore:
        """Return a product's latest score; SegOpsNotFoundError when it was never scored.

        Source: segops-api.md 11.5 [docs].
        """
        return await self._call(Request("GET", path("pim", "products", id, "score")), ProductScore)

    async def score_and_wait(
        self, id: int, *, timeout: float = 120.0, on_progress: Callable[[ProductScore], Any] | None = None
    ) -> ProductScore:
        """Score a product and return the new score once it is there.

        timeout: seconds for everything. on_progress: called with the latest score at every look.
        Raises SegOpsJobError when the time is up; the scoring itself goes on at the server.
        Source: segops-api.md 6 [docs]: done when `scored_at` is newer than before.
        """
        async with jobs.time_limit(f"The scoring of product {id}", timeout) as watch:
            before = await self._latest_score(id)
            await self.score(id)
            score = await jobs.wait(
                watch,
                lambda: self._latest_score(id),
                done=lambda now: (
                    now is not None and (before is None or (now.id, now.scored_at) != (before.id, before.scored_at))
                ),
                failure=lambda _: None,
                first_wait_s=self._call.config.poll_interval_s,
                on_progress=lambda now: on_progress(now) if on_progress is not None and now is not None else None,
            )
        return cast("ProductScore", score)

    async def _latest_score(self, id: int) -> ProductScore | None:
        try:
            return await self.get_score(id)
        except SegOpsNotFoundError:
            return None

    async def score_all(self, *, idempotency_key: str | None = None) -> ScoreAllStart:
        """Start scoring every product; the answer says how many.

        Source: segops-api.md 11.5 [docs].
        """
        request = Request("POST", path("pim", "score-all"), idempotency_key=idempotency_key, repeat=Repeat.HARMLESS)
        return await self._call(request, ScoreAllStart)


def _upload(
    data: bytes, filename: str, *, idempotency_key: str | None = None, timeout_s: float | None = None
) -> Request:
    return Request(
        "POST",
        path("pim", "import", "csv"),
        form={"file": File(data, filename, "text/csv")},
        idempotency_key=idempotency_key,
        timeout_s=timeout_s,
    )


def _check_mapping(mapping: Mapping[str, str | None] | None) -> None:
    """Refuse a mapping that leaves the rows without identity; none at all is the server's suggestion."""
    if mapping is None:
        return
    if not isinstance(mapping, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SegOpsInputError(f"A mapping is a dictionary of source column → field, not {type(mapping).__name__}.")
    if "sku" not in mapping.values():
        raise SegOpsInputError(
            "The mapping has no column for sku, without which no row has an identity. Map one to it."
        )
