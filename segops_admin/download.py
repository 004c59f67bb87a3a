"""A file that the service made, streamed to disk so that its name appears only when it is whole."""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from .core.deadline import remaining_s, timeout_at
from .errors import (
    SegOpsConnectionError,
    SegOpsInputError,
    SegOpsServerError,
    SegOpsTimeoutError,
    class_for_status,
)

if TYPE_CHECKING:
    from collections.abc import Generator

    import aiohttp

    from .core.call import Caller

PIECE_BYTES = 256 * 1024


async def download_to(call: Caller, url: str | None, target: str | Path) -> Path:
    """Stream what is at `url` to `target` and return its path: temporary file, length check, fsync, rename.

    A connection that breaks is tried again from the start, as often as the client retries. A file of any size has no
    time-out of its own; a `deadline` around it ends it.
    """
    if url is None:
        raise SegOpsInputError("This export has no download link yet; wait for it with wait_export.")
    final = Path(target)
    check_target(final)
    left_s = remaining_s(math.inf)
    ends = None if left_s == math.inf else asyncio.get_running_loop().time() + left_s
    with _appearing_whole(final) as file:
        try:
            async with timeout_at(ends):
                return await _stream_again_if_cut(call, url, file, final)
        except asyncio.TimeoutError:
            raise SegOpsTimeoutError(
                f"The download did not end within the {left_s:.3g} s left. Give it a longer deadline.", method="GET"
            ) from None


async def _stream_again_if_cut(call: Caller, url: str, file: BinaryIO, final: Path) -> Path:
    for delay_s in call.policy.delays():
        try:
            return await _stream(call, url, file, final)
        except (SegOpsConnectionError, SegOpsServerError):
            await asyncio.sleep(delay_s)
    return await _stream(call, url, file, final)


async def _stream(call: Caller, url: str, file: BinaryIO, final: Path) -> Path:
    file.seek(0)
    file.truncate()
    async with call.download(url) as response:
        _refuse(response)
        written = 0
        async for piece in response.content.iter_chunked(PIECE_BYTES):
            written += file.write(piece)
        _check_length(response, written)
    return final


def check_target(target: str | Path) -> None:
    """Raise SegOpsInputError for a place where no file can be written."""
    final = Path(target)
    if final.is_dir():
        raise SegOpsInputError(f"{final} is a directory; name the file to write.")
    if not final.parent.is_dir():
        raise SegOpsInputError(f"{final} cannot be written: there is no folder {final.parent}.")


@contextmanager
def _appearing_whole(final: Path) -> Generator[BinaryIO, None, None]:
    """Give a file to write that takes its name only when all is written and on disk; nothing is left otherwise."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=".part", dir=final.parent)
    except OSError as error:
        raise SegOpsInputError(f"{final} cannot be written: {error.strerror}.") from error
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o666 & ~_umask())
        partial.replace(final)
    finally:
        partial.unlink(missing_ok=True)


def _refuse(response: aiohttp.ClientResponse) -> None:
    if response.status != 200:
        advice = "Start a new export: links die after an hour." if response.status in (403, 404, 410) else "Try again."
        raise class_for_status(response.status)(
            f"The download answered {response.status}. {advice}",
            status=response.status,
            method="GET",
            url=str(response.url.with_query(None)),
        )


def _check_length(response: aiohttp.ClientResponse, written: int) -> None:
    promised = response.content_length
    if promised is not None and "Content-Encoding" not in response.headers and written != promised:
        raise SegOpsConnectionError(
            f"The download ended after {written:,} of {promised:,} bytes. Try again.", method="GET"
        )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
