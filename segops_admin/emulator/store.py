"""The emulator's memory: one SQLite database, written only on the loop's thread, read there and by worker threads.

Heavy reads (a segment over the whole history) go through `Store.read`, on a connection of their own, so that the loop
never waits for them. `:memory:` is a file in a private temporary folder: SQLite's shared memory databases lock whole
tables, which a reader beside a writer cannot live with.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from segops_admin.emulator.schema import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

T = TypeVar("T")

_READERS = 2  # worker threads for long reads; more would only fight over the interpreter


class Store:
    """The open database. Everything but `read` and `connect` belongs to the thread that runs the loop."""

    def __init__(self, path: str = ":memory:") -> None:
        self._folder = tempfile.mkdtemp(prefix="segops-emulator-") if path == ":memory:" else None
        self.path = str(Path(self._folder, "emulator.sqlite3")) if self._folder else path
        self._durable = self._folder is None
        self._readers: list[sqlite3.Connection] = []
        self._local = threading.local()
        self._workers = ThreadPoolExecutor(_READERS, thread_name_prefix="segops-emulator-read")
        self.connection = self.connect()
        self.connection.executescript(SCHEMA)

    def connect(self) -> sqlite3.Connection:
        """Open one more connection to the same data, for another thread; the caller closes it."""
        from segops_admin.emulator.definition import register_functions  # noqa: PLC0415  it imports this module's types

        connection = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=30.0, cached_statements=512
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'NORMAL' if self._durable else 'OFF'}")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA cache_size=-65536")
        register_functions(connection)
        return connection

    def close(self) -> None:
        """Stop long reads, close every connection and, for `:memory:`, remove the file."""
        for reader in self._readers:
            reader.interrupt()
        self._workers.shutdown(wait=True, cancel_futures=True)
        for reader in self._readers:
            reader.close()
        self.connection.close()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def one(self, sql: str, *params: Any) -> sqlite3.Row | None:
        """Return the first row, or None."""
        row: sqlite3.Row | None = self.connection.execute(sql, params).fetchone()
        return row

    def all(self, sql: str, *params: Any) -> list[sqlite3.Row]:
        """Return every row."""
        return self.connection.execute(sql, params).fetchall()

    def scalar(self, sql: str, *params: Any) -> Any:
        """Return the first column of the first row, or None."""
        row = self.connection.execute(sql, params).fetchone()
        return None if row is None else row[0]

    def execute(self, sql: str, *params: Any) -> sqlite3.Cursor:
        """Run one statement; outside `transaction` it is committed at once."""
        return self.connection.execute(sql, params)

    def executemany(self, sql: str, rows: Iterable[Any]) -> sqlite3.Cursor:
        """Run one statement for many rows in one transaction of its own, or in the one that is open."""
        if self.connection.in_transaction:
            return self.connection.executemany(sql, rows)
        with self.transaction():
            return self.connection.executemany(sql, rows)

    def insert(self, table: str, **values: Any) -> int:
        """Insert one row and return its id. Names come from our code, never from a request."""
        marks = ", ".join("?" * len(values))
        sql = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"  # noqa: S608  names are ours
        return int(self.connection.execute(sql, tuple(values.values())).lastrowid or 0)

    def update(self, table: str, row_id: int, **values: Any) -> None:
        """Set columns of the row with this id. Names come from our code, never from a request."""
        columns = ", ".join(f"{name}=?" for name in values)
        sql = f"UPDATE {table} SET {columns} WHERE id=?"  # noqa: S608  names are ours
        self.connection.execute(sql, (*values.values(), row_id))

    @contextmanager
    def transaction(self) -> Generator[None]:
        """All or nothing for the statements inside. Never await inside: other requests share the connection."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work(connection)` in a worker thread, on a connection that sees everything committed so far."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, self._with_reader, work)

    async def fetch(self, sql: str, params: Iterable[Any] = ()) -> list[sqlite3.Row]:
        """Return every row of a query that may take long, without holding up the loop."""
        values = tuple(params)
        return await self.read(lambda connection: connection.execute(sql, values).fetchall())

    def _with_reader(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self.connect()
            self._readers.append(connection)
        return work(connection)


def to_json(value: Any) -> str:
    """Encode a value for a JSON column."""
    return orjson.dumps(value).decode()


def from_json(text: str | bytes | None) -> Any:
    """Decode a JSON column; NULL is None."""
    return None if text is None else orjson.loads(text)
