"""The library's advice in the words of a shell: it speaks of arguments, a user of the command has flags.

The border asks here once something failed. A phrase that the library no longer says is a failure of the tests.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import SegOpsNotFoundError, advice_for_status
from .ground import PROGRAM

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..errors import SegOpsAuthenticationError

PHRASES: Mapping[str, str] = {
    "; look later, or raise timeout=.": "; look later, or give it more time with --timeout.",
    "Try again, or raise timeout=.": "Try again.",
    "Use https://, or allow_insecure=True.": "Use https://.",
    "pass api_key= or set": f"run `{PROGRAM} login`, or set",
    "Put the key in api_key=, nothing in the URL.": f"Keep the key by `{PROGRAM} login`, nothing in the URL.",
    "rows must be many rows: a list, an iterable, a frame or a path, not a single value.": (
        'Rows are a list of objects, as in \'[{"sku": "A"}]\', or a .csv, .tsv, .jsonl or .parquet file.'
    ),
    "or use products.import_file, which maps columns.": f"or use `{PROGRAM} products import FILE`, which maps columns.",
    "or use products.bulk_upsert, which has no such limit.": "or add --resume, which has no such limit.",
    "wait for it with wait_export.": "wait for it with wait-export.",
    "Call again with the same rows and journal to go on.": "Run the same command again to go on.",
    "Give the source it was begun with, or another journal.": (
        "Give the file it was begun with, or remove the journal to begin again: rows repeat harmlessly."
    ),
    "Give the options it was begun with, or another journal.": (
        "Give the options it was begun with, or remove the journal to begin again: rows repeat harmlessly."
    ),
    "Give the idempotency_key it was begun with": "Give the --idempotency-key it was begun with",
    "go on with idempotency_key=": "go on with --idempotency-key ",
    "hold no query; pass query= instead.": "hold no query; give that by options.",
    "validate() needs a payload": "`schemas validate` needs a payload",
}
"""What the library says → what the command says."""

ARGUMENT = re.compile(r"\b(chunk_size|max_bytes|concurrency|timeout|on_error|poll_interval)(?= must be )")


def told(error: BaseException) -> str:
    """Return what a failure says, in our words."""
    text = str(error)
    if isinstance(error, SegOpsNotFoundError) and not (path := urlsplit(error.url).path).endswith("/"):
        text += f" Nearly all paths of the API end in a slash: try …/{path.rpartition('/')[2][:60]}/."
    return in_our_words(text)


def about_the_key(error: SegOpsAuthenticationError, source: str) -> str:
    """Return what a 401 says, with advice on the key that was used. source: where it came from."""
    kind, _, name = source.partition(" ")
    advice = (
        f"The key is that of the profile {name}: `{PROGRAM} login --profile {name}` keeps another."
        if kind == "profile"
        else f"Check that {source} holds a live sk_ key of this workspace."
    )
    return str(error).replace(advice_for_status(401), advice)


def in_our_words(text: str) -> str:
    """Return a message of the library with its arguments as flags."""
    for theirs, ours in PHRASES.items():
        text = text.replace(theirs, ours)
    return ARGUMENT.sub(lambda found: f"--{found[1].replace('_', '-')}", text)
