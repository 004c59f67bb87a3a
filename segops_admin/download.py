"""A file that the service made, streamed to disk so that its name appears only when it is whole."""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import SegOpsConnectionError, SegOpsInputError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from io import FileIO

    from .core.call import Caller
    from .core.transport import Stream

PIECE_BYTES = 256 * 1024


async def download_to(call: Caller, url: str | None, target: str | Path) -> Path:
    """Stream what is at `url` to `target` and return its path: temporary file, length check, fsync, rename.

    A connection that breaks or falls silent is tried again from the start, as often as the client retries. A file of
    any size has no time-out of its own; a `deadline` around it ends it.
    """
    if url is None:
        raise SegOpsInputError("This export has no download link yet; wait for it with wait_export.")
    final = Path(target)
    check_target(final)
    async with _appearing_whole(final) as file:
        await call.download(url, partial(_save, file, final))
    return final


def check_target(target: str | Path) -> None:
    """Raise SegOpsInputError for a place where no file can be written."""
    final = Path(target)
    if not final.parent.is_dir():
        raise SegOpsInputError(f"{final} cannot be written: there is no folder {final.parent}.")
    try:
        mode = final.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    except (OSError, ValueError) as error:
        raise _unwritable(final, error) from error
    if stat.S_ISDIR(mode):
        raise SegOpsInputError(f"{final} is a directory; name the file to write.")
    if not stat.S_ISREG(mode):
        raise SegOpsInputError(f"{final} is no regular file, and would be replaced by one; name another.")
    if not os.access(final.parent, os.W_OK | os.X_OK):
        raise SegOpsInputError(f"{final} cannot be written: no file may be made in {final.parent}.")


@asynccontextmanager
async def _appearing_whole(final: Path) -> AsyncGenerator[FileIO, None]:
    """Give a file to write that takes its name only when all is written and on disk; nothing is left otherwise."""
    partial_path = final.with_name(f".{secrets.token_hex(8)}.part")  # short: the name itself may be as long as allowed
    try:
        with _telling_of(final):
            file = partial_path.open("xb", buffering=0)
        with file:
            yield file
            with _telling_of(final):
                await asyncio.to_thread(os.fsync, file.fileno())
        with _telling_of(final):
            partial_path.replace(final)
    finally:
        partial_path.unlink(missing_ok=True)


async def _save(file: FileIO, final: Path, answer: Stream) -> None:
    """Write a whole answer to a file, in place of what an earlier attempt has left there."""
    with _telling_of(final):
        file.seek(0)
        file.truncate()
    written = 0
    while piece := await answer.read(PIECE_BYTES):
        with _telling_of(final):
            _write(file, piece)
        written += len(piece)
    if answer.length not in (None, written):
        raise SegOpsConnectionError(
            f"The download ended after {written:,} of {answer.length:,} bytes. Try again.", method="GET"
        )


def _write(file: FileIO, piece: bytes) -> None:
    """Write all of a piece; a disk that is filling up takes a part of it first."""
    rest = memoryview(piece)
    while rest:
        rest = rest[file.write(rest) :]


@contextmanager
def _telling_of(final: Path) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise _unwritable(final, error) from error


def _unwritable(final: Path, error: Exception) -> SegOpsInputError:
    return SegOpsInputError(f"{final} cannot be written: {getattr(error, 'strerror', None) or error}.")
