"""Which chunks the server has acknowledged, on disk, so that an import that was killed goes on where it was.

SQLite in WAL mode with `synchronous=FULL`: what `record` has returned survives kill -9 and power loss. A row per
finished chunk, found by the place of its first row and compared by its key, which stands for its content. Finished
chunks are not a prefix of the source, so nothing is resumed by offset. Written on a thread of its own;
acknowledgements that arrive together share one commit.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import sqlite3
import time
import uuid
from contextlib import suppress
from itertools import chain
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import SegOpsInputError
from ..records.bulk import ChunkResult, FailedRow

if TYPE_CHECKING:
    from typing import TypeAlias

    from .chunks import Chunk

APPLICATION_ID = 0x5E60B5
"""Marks an SQLite file as a journal of ours."""

SCHEMA = (
    f"PRAGMA application_id = {APPLICATION_ID}",
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE chunks (
        first INTEGER PRIMARY KEY, rows INTEGER NOT NULL, key TEXT NOT NULL, created INTEGER NOT NULL,
        updated INTEGER NOT NULL, stored INTEGER NOT NULL, skipped INTEGER NOT NULL, failed TEXT NOT NULL
    )""",
)

BUSY_S = 0.5
"""How long a journal may be held by somebody else before it counts as in use."""

PLACES = "(?, ?, ?, ?, ?, ?, ?, ?)"
MOST_TOGETHER = 100
"""Rows written with one statement; SQLite allows a limited number of parameters in one, 999 in older ones."""

OWNER = "owner"
"""The fact that tells one API key from another without telling the key."""


class JournalError(Exception):
    """The journal cannot be written: the disk is full, or fails."""


class Journal:
    """The acknowledged chunks of one import."""

    def __init__(self, connection: sqlite3.Connection, identity: str, known: set[int]) -> None:
        self.identity = identity
        """Names the import in the keys of its chunks, the same over all its runs."""
        self._known = known
        self._errands: SimpleQueue[Errand] = SimpleQueue()
        thread = Thread(target=_serve, args=(connection, self._errands), name="segops-journal", daemon=True)
        thread.start()

    @classmethod
    async def open(cls, path: str | Path, options: dict[str, Any], api_key: str, identity: str | None) -> Journal:
        """Open a journal, or begin one. Raises SegOpsInputError for one of another import, in use, or damaged.

        identity: the caller's own name for the import; with it another API key than before may go on.
        """
        facts = {**{name: str(value) for name, value in options.items()}, OWNER: _owner(api_key)}
        opening = asyncio.ensure_future(asyncio.to_thread(_open, Path(path), facts, identity))
        try:
            return cls(*await asyncio.shield(opening))
        except asyncio.CancelledError:
            opening.add_done_callback(_close_unused)
            raise

    async def find(self, chunk: Chunk) -> ChunkResult | None:
        """Return what became of a chunk in an earlier run, or None; refuse rows that are others than then."""
        if chunk.first not in self._known:
            return None
        self._known.discard(chunk.first)
        rows, key, created, updated, stored, skipped, failed = await self._ask(chunk.first)
        if (rows, key) != (chunk.rows, chunk.key):
            raise SegOpsInputError(
                f"The journal is of other rows: from row {chunk.first} on they differ from those it has as stored. "
                "Give the source it was begun with, or another journal."
            )
        return ChunkResult(
            first=chunk.first,
            rows=rows,
            created=created,
            updated=updated,
            stored=stored,
            skipped=skipped,
            failed=[FailedRow(index=index, sku=sku, reason=reason) for index, sku, reason in _loaded(failed)],
            resumed=True,
        )

    @property
    def has_more(self) -> bool:
        """Whether it has chunks as stored that have not been found again yet."""
        return bool(self._known)

    def check_all_found(self) -> None:
        """Raise SegOpsInputError when the source has ended before chunks that the journal has as stored."""
        if self._known:
            raise SegOpsInputError(
                f"The journal is of other rows: it has row {min(self._known)} as stored, where these have ended. "
                "Give the source it was begun with, or another journal."
            )

    async def record(self, chunk: Chunk, result: ChunkResult) -> None:
        """Write that a chunk is finished; it is on disk when this returns. Raises JournalError."""
        failed = json.dumps([(row.index, row.sku, row.reason) for row in result.failed]) if result.failed else "[]"
        figures = (result.created, result.updated, result.stored, result.skipped)
        await self._ask((chunk.first, chunk.rows, chunk.key, *figures, failed))

    async def close(self) -> None:
        """Close the file, after what is being written, even where the caller is being cancelled."""
        await self._ask(None)

    def abandon(self) -> None:
        """Close the file as soon as may be, without waiting."""
        self._errands.put(Errand(None, None))

    async def _ask(self, work: Row | int | None) -> Any:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._errands.put(Errand(work, answer))
        return await answer


Row: TypeAlias = "tuple[int, int, str, int, int, int, int, str]"
"""A finished chunk, in the order of the table's columns."""


class Errand(NamedTuple):
    """What the journal's thread is asked to do, and where its answer goes."""

    work: Row | int | None
    """A row to write, the place of one to find, or None to close the file."""
    answer: asyncio.Future[Any] | None


def _serve(connection: sqlite3.Connection, errands: SimpleQueue[Errand]) -> None:
    """Do errands until one closes the file, those that wait together at once; what fails once stays so."""
    failure: JournalError | None = None
    is_open = True
    while is_open:
        waiting = [errands.get(), *(errands.get_nowait() for _ in range(min(errands.qsize(), MOST_TOGETHER - 1)))]
        works = [errand.work for errand in waiting]
        results: list[Any] = []
        try:
            if failure is None:
                results = _do(connection, works)
        except Exception as error:  # noqa: BLE001 -- whoever waits must hear of it; a silent end of this thread is a hang
            failure = JournalError(f"The journal could not be written: {error}.")
            failure.__cause__ = error
        if None in works:
            is_open = False
            with suppress(sqlite3.Error):  # on a disk that fails; who waits for the end must not wait for ever
                connection.close()
        if failure is not None:
            results = [None if work is None else failure for work in works]
        _answer([(errand.answer, result) for errand, result in zip(waiting, results, strict=True) if errand.answer])


def _do(connection: sqlite3.Connection, works: list[Row | int | None]) -> list[Any]:
    """Write all rows with one statement, which is one commit, and find what is asked for."""
    rows = [work for work in works if isinstance(work, tuple)]
    if rows:
        places = ", ".join([PLACES] * len(rows))
        connection.execute(f"INSERT OR REPLACE INTO chunks VALUES {places}", list(chain.from_iterable(rows)))  # noqa: S608
    return [_find(connection, work) if isinstance(work, int) else None for work in works]


def _answer(answers: list[tuple[asyncio.Future[Any], Any]]) -> None:
    """Give answers to where they are awaited: an asker who was cancelled, or whose loop is gone, takes none."""
    if answers:
        with suppress(RuntimeError):
            answers[0][0].get_loop().call_soon_threadsafe(_give, answers)


def _give(answers: list[tuple[asyncio.Future[Any], Any]]) -> None:
    for answer, result in answers:
        if answer.done():
            continue
        if isinstance(result, Exception):
            answer.set_exception(result)
        else:
            answer.set_result(result)


def _close_unused(opening: asyncio.Future[tuple[sqlite3.Connection, str, set[int]]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result()[0].close()


def _find(connection: sqlite3.Connection, first: int) -> tuple[Any, ...]:
    found: tuple[Any, ...] = connection.execute(
        "SELECT rows, key, created, updated, stored, skipped, failed FROM chunks WHERE first = ?", (first,)
    ).fetchone()
    return found


def _open(path: Path, facts: dict[str, str], identity: str | None) -> tuple[sqlite3.Connection, str, set[int]]:
    """Open the file for ourselves alone. Two that open it together both let go and try again, until one has it."""
    if not path.parent.is_dir():
        raise SegOpsInputError(f"The journal {path} cannot be made: there is no folder {path.parent}.")
    ends = time.monotonic() + BUSY_S
    while True:
        try:
            return _try_to_open(path, facts, identity)
        except sqlite3.Error as error:
            if "locked" not in str(error) or time.monotonic() >= ends:
                raise _explained(error, path) from error
        time.sleep(random.uniform(0, 0.02))  # noqa: S311 -- parts two openers, guards nothing


def _try_to_open(path: Path, facts: dict[str, str], identity: str | None) -> tuple[sqlite3.Connection, str, set[int]]:
    connection = sqlite3.connect(path.absolute(), timeout=0, check_same_thread=False, isolation_level=None)
    try:
        connection.execute("PRAGMA page_size = 1024")  # a commit writes whole pages
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN IMMEDIATE")
        with connection:
            identity = _identity(connection, path, facts, identity)
        connection.execute("PRAGMA journal_mode = WAL")  # after the look at whose file it is: this changes it
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 50")  # a log written over is synced sooner than one that grows
        known = {first for (first,) in connection.execute("SELECT first FROM chunks")}
    except BaseException:
        connection.close()
        raise
    return connection, identity, known


def _owner(api_key: str) -> str:
    return hashlib.sha256(f"segops journal {api_key}".encode()).hexdigest()[:16]


def _loaded(failed: str) -> list[tuple[int, str | None, str]]:
    try:
        rows: list[tuple[int, str | None, str]] = json.loads(failed)
    except ValueError as error:
        raise SegOpsInputError("The journal is damaged: what it tells of refused rows cannot be read.") from error
    return rows


def _explained(error: sqlite3.Error, path: Path) -> Exception:
    if not isinstance(error, sqlite3.OperationalError):
        return SegOpsInputError(f"{path} is no journal, or a damaged one: {error}.")
    if "locked" in str(error):
        return SegOpsInputError(f"The journal {path} is in use by another import.")
    if "full" in str(error) or "disk I/O" in str(error):
        return JournalError(f"The journal could not be written: {error}.")
    return SegOpsInputError(f"The journal {path} cannot be opened: {error}.")


def _identity(connection: sqlite3.Connection, path: Path, facts: dict[str, str], identity: str | None) -> str:
    """Return the import's name; begin the journal when it is empty, refuse it when it is of another import."""
    if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return _begin(connection, facts, identity or str(uuid.uuid4()))
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise SegOpsInputError(f"{path} is an SQLite file, but no import journal.")
    known: dict[str, str] = dict(connection.execute("SELECT name, value FROM facts").fetchall())
    if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok" or not {"identity", *facts} <= set(known):
        raise SegOpsInputError(f"The journal {path} is damaged.")
    if identity not in (None, known["identity"]):
        raise SegOpsInputError(
            f"The journal {path} is of the import {known['identity']}, not of {identity}. "
            "Give the idempotency_key it was begun with, or another journal."
        )
    for name, value in facts.items():
        if known[name] != value and name != OWNER:
            raise SegOpsInputError(
                f"The journal {path} is of another import: its {name} is {known[name]}, now it is {value}. "
                "Give the options it was begun with, or another journal."
            )
    if known[OWNER] != facts[OWNER]:
        if identity is None:
            raise SegOpsInputError(
                f"The journal {path} was begun with another API key, so its rows may be another workspace's. If the "
                f"key was only renewed, go on with idempotency_key={known['identity']!r}; else give another journal."
            )
        connection.execute("UPDATE facts SET value = ? WHERE name = ?", (facts[OWNER], OWNER))
    return known["identity"]


def _begin(connection: sqlite3.Connection, facts: dict[str, str], identity: str) -> str:
    """Make the tables, all or nothing: a journal without its facts would be refused."""
    for statement in SCHEMA:
        connection.execute(statement)
    connection.executemany("INSERT INTO facts VALUES (?, ?)", {"identity": identity, **facts}.items())
    return identity
