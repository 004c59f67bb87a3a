"""Help texts out of the library's docstrings: the summary, what is said of each parameter, and the rest.

Docstrings speak to programmers of methods, errors and `None`. `for_people` says the same of words, flags and null.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import ast
    from collections.abc import Collection, Mapping

PHRASES: Mapping[str, str] = {
    "Fields by connector: segops-api.md 13.2.": "The connector's own settings; they differ by type.",
    "; `export_to` does the whole of it": "; --to FILE does the whole of it",
    "; `import_file` does the whole of it": "; --wait does the whole of it",
    "`recompute_and_wait` tells when it is done.": "--wait tells when it is done.",
    "`get_score` has the result, `score_and_wait` waits for it.": "get-score has the result, --wait waits for it.",
    "Raises BulkUpsertError for what stops the whole import: its `.result` says how far it came. "
    "What the rows themselves raise comes out as it is.": (
        "Fails for what stops the whole import, and says how far it came."
    ),
    '`list({"grain": "rye"})` filters': "--grain rye filters",
    "`is_active=False` stops": "--no-is-active stops",
    "Return an iterator over the finished chunks of an import, as they finish; `.result()` has the figures so far.": (
        "Create or update products by sku, and show each chunk as it is stored."
    ),
    "The arguments are those of `bulk_upsert`. Nothing is read or sent before the first chunk is asked for.": (
        "The options are those of bulk-upsert."
    ),
    "a function of the uploaded job for deciding on its suggestion; None takes the suggestion as it is.": (
        "null skips a column; left out, the suggestion is taken as it is."
    ),
    "fields to define; None takes the suggestion.": "fields to define; left out, those suggested.",
    "multipart fields: text, bytes, or (filename, bytes, content type); or one file as (field, filename, bytes).": (
        "a form's fields, as an object of name to text."
    ),
    "True says that repeating this call does no harm": "Repeating this call does no harm",
    "Return the decoded JSON of any endpoint; None when the answer is empty, the text itself when it is no JSON.": (
        "Show the JSON of any endpoint, or the text itself when it is none."
    ),
    "Return a reader over any list, of any style of paging; its items are JSON data.": (
        "Show any list, of any style of paging."
    ),
    ", page after page, fetched ahead": ", page after page",
    ", one page ahead": ", page after page",
    "; usage examples pass its text (C13)": "",
    "A server that does not page this list answers with all of them (C6, C7).": "",
    ", in flat memory": "",
    "`.key` is shown": "the key is shown",
    "`.download_url` is": "download_url is",
    "`.next_cursor`": "next_cursor",
    "call again with the same": "run it again with the same",
    "mend it and call again": "mend it and run it again",
    ", whatever the client's timeout": "",
    "at most `limit`": "at most --limit of them",
    "raise `limit` for more": "give --limit for more",
}
"""What docstrings say → what help says, where no rule gets there."""

RULES = [
    (re.compile(r"\s*\[(?:inferred|docs|sdk|usage)\]"), ""),
    (re.compile(r"\s*\(C\d+(?:, C\d+)*\)"), ""),
    (re.compile(r"\bRaises \w+Error\b"), "Fails"),
    (re.compile(r" is an? \w+Error\b"), " is refused"),
    (re.compile(r" with SegOps\w+Error\b"), ""),
    (re.compile(r"\bSegOps\w+Error\b"), "fails"),
    (re.compile(r"\bReturn(?:s)? (?:a|an) (?:reader|iterator) over\b"), "Show"),
    (re.compile(r"\bReturn\b"), "Show"),
    (re.compile(r"\breturn\b"), "show"),
    (re.compile(r"\bNone\b"), "null"),
]

ARGUMENTS: Mapping[str, str] = {
    "anonymous_id": "The id that events had before the user was known.",
    "body": "JSON: a file, JSON text, @file, or - for stdin.",
    "data": "A CSV file in UTF-8 with a header row and at most 100,000 rows, or - for stdin.",
    "event_type": "The event type that the schema is of.",
    "export": "What wait-export showed, as JSON: a file, JSON text, @file, or - for stdin.",
    "export_id": "The number that export shows.",
    "from_user_id": "The user who ends.",
    "id": "The number that lists show.",
    "job_id": "The number that import shows.",
    "method": "GET, POST, PUT, PATCH or DELETE.",
    "page_slug": "The page's own part of its address.",
    "q": "The text to search for.",
    "rows": (
        "A .csv, .tsv, .jsonl or .parquet file, the first three packed or not; or a list of objects as JSON: a file, "
        "JSON text, @file, or - for stdin. All fields besides sku and name become product data."
    ),
    "segment_id": "The segment's number.",
    "source": "A CSV file in UTF-8 with a header row and at most 100,000 rows.",
    "target": "The file to write.",
    "tenant_slug": "The workspace's own part of its address.",
    "user_id": "The id that the user's events carry.",
}
"""What arguments are; their docstrings speak of Python values."""

OPTIONS: Mapping[str, str] = {
    "chunk_size": "The most rows of one request.",
    "concurrency": "Most requests at once.",
    "errors_path": "A file for all refused rows, as JSON Lines.",
    "idempotency_key": "Names this call, for a service that knows a repeat by it.",
    "journal": "A file that makes the import resumable after any end.",
    "max_bytes": "The most bytes of one request.",
    "method": "PATCH or PUT.",
}
"""What options are where their docstring is silent."""

NO_WAIT: Mapping[tuple[str, str], str] = {
    ("products", "score_all"): "products list --columns sku,ai_readability_score` shows the scores as they come",
    ("pages", "bulk_generate"): "pages list` shows the pages as they come",
    ("pages", "regenerate"): "pages get ID` shows the page, whose updated_at moves",
}
"""Work that the service gives nothing to watch by (segops-api.md 6), and what shows it all the same."""

_PARAGRAPH = re.compile(r"\n(?=\s*(?:\n|Raises |Source:|Returns |Do not |Not ))")

_FREE_FLAG = re.compile(r"(?:^|(?<=\. ))([a-z_]+): ", re.IGNORECASE)
"""What remains in this form speaks of a query parameter that is not declared."""


class MethodDoc(NamedTuple):
    """A method's docstring, taken apart."""

    summary: str
    parameters: dict[str, str]
    rest: list[str]


def summary(doc: str) -> str:
    """Return a docstring's first line, for people."""
    return for_people(doc.strip().partition("\n")[0])


def for_people(text: str) -> str:
    """Return what a docstring says in the words of a shell, on one line, without the marks of its sources."""
    text = " ".join(text.split())
    for theirs, ours in PHRASES.items():
        text = text.replace(theirs, ours)
    for pattern, ours in RULES:
        text = pattern.sub(ours, text)
    return f"{text[:1].upper()}{text[1:]}".strip()


def read(doc: str, names: Collection[str]) -> MethodDoc:
    """Take a docstring apart; `name: text` at the start of a line or sentence speaks of that parameter."""
    first, _, body = doc.strip().partition("\n")
    found: dict[str, str] = {}
    rest: list[str] = []
    mark = re.compile(rf"(?:^|(?<=\. ))({'|'.join(map(re.escape, names)) or '(?!)'}): ", re.MULTILINE)
    for paragraph in _PARAGRAPH.split(body):
        before, *pairs = mark.split(paragraph)
        found.update(zip(pairs[::2], map(for_people, pairs[1::2]), strict=True))
        if before.strip() and not before.strip().startswith("Source:"):
            rest.append(_FREE_FLAG.sub(r"--\1: ", for_people(before)))
    return MethodDoc(for_people(first), found, [paragraph for paragraph in rest if paragraph])


def of_fields(typed_dict: Any) -> dict[str, str]:
    """Return what is written below the fields of a TypedDict and of those it extends."""
    import ast  # noqa: PLC0415 -- for a method's own help only

    docs: dict[str, str] = {}
    for base in getattr(typed_dict, "__orig_bases__", ()):
        if hasattr(base, "__total__"):
            docs.update(of_fields(base))
    body = _class_body(typed_dict)
    for field, below in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            docs[ast.unparse(field.target)] = for_people(str(below.value.value))
    return docs


def _class_body(cls: Any) -> list[ast.stmt]:
    import ast  # noqa: PLC0415 -- see of_fields
    import inspect  # noqa: PLC0415
    import textwrap  # noqa: PLC0415

    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError):  # no source at hand: then the options go without these lines
        return []
    return tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
