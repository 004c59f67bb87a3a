"""The running figures of an import, in flat memory: refused rows are counted, some kept, all streamed to a file."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ..errors import SegOpsInputError
from ..records.bulk import BulkUpsertResult, ChunkResult, FailedRow

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterable

KEPT_FAILURES = 1000


class Tally:
    """What the finished chunks add up to."""

    def __init__(self, errors_path: str | Path | None) -> None:
        self._started = time.perf_counter()
        self._failed: list[FailedRow] = []
        self._figures = dict.fromkeys(("created", "updated", "stored", "skipped", "failed_count", "rows", "retries"), 0)
        self._chunks = 0
        self._resumed_rows = 0
        self._errors_path = errors_path
        self._errors: IO[bytes] | None = None

    def open(self) -> None:
        """Begin the file of refused rows, if there is to be one."""
        self._errors = _opened(self._errors_path)

    def add(self, chunk: ChunkResult) -> None:
        """Add a finished chunk."""
        for name in ("created", "updated", "stored", "skipped", "rows", "retries"):
            self._figures[name] += getattr(chunk, name)
        self._chunks += 1
        self._resumed_rows += chunk.stored if chunk.resumed else 0
        if chunk.failed:
            self._figures["failed_count"] += len(chunk.failed)
            self._failed.extend(chunk.failed[: KEPT_FAILURES - len(self._failed)])
            self._write(chunk.failed)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been added yet."""
        return self._chunks == 0

    def add_all(self, chunks: deque[ChunkResult]) -> None:
        """Add finished chunks and take them off the queue."""
        while chunks:
            self.add(chunks.popleft())

    def result(self) -> BulkUpsertResult:
        """Return the figures so far."""
        duration_s = time.perf_counter() - self._started
        rows = self._figures["rows"]
        return BulkUpsertResult(
            **self._figures,
            failed=list(self._failed),
            chunks=self._chunks,
            resumed_rows=self._resumed_rows,
            duration_s=duration_s,
            rows_per_s=rows / duration_s if duration_s > 0 else 0.0,
        )

    def close(self) -> None:
        """Close the file of refused rows."""
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def _write(self, failed: Iterable[FailedRow]) -> None:
        lines = "".join(f"{json.dumps(row.to_dict())}\n" for row in failed)  # orjson refuses half a surrogate pair
        if self._errors is None or not lines:
            return
        try:
            self._errors.write(lines.encode())
        except OSError as error:
            raise SegOpsInputError(f"{self._errors_path} cannot be written: {error.strerror}.") from error


def _opened(path: str | Path | None) -> IO[bytes] | None:
    if path is None:
        return None
    try:
        return Path(path).open("wb", buffering=0)  # what cannot be written is told now, not when it is closed
    except OSError as error:
        raise SegOpsInputError(f"{path} cannot be written: {error.strerror}.") from error
