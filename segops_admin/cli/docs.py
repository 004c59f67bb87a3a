"""Help texts out of the library's docstrings: the summary, what is said of each parameter, and the rest."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import ast
    from collections.abc import Collection

_PARAGRAPH = re.compile(r"\n(?=\s*(?:\n|Raises |Source:|Returns |Do not |Not ))")


class MethodDoc(NamedTuple):
    """A method's docstring, taken apart."""

    summary: str
    parameters: dict[str, str]
    rest: list[str]


def summary(doc: str) -> str:
    """Return a docstring's first line."""
    return doc.strip().partition("\n")[0].strip()


def read(doc: str, names: Collection[str]) -> MethodDoc:
    """Take a docstring apart; `name: text` at the start of a line or sentence speaks of that parameter."""
    first, _, body = doc.strip().partition("\n")
    found: dict[str, str] = {}
    rest: list[str] = []
    mark = re.compile(rf"(?:^|(?<=\. ))({'|'.join(map(re.escape, names)) or '(?!)'}): ", re.MULTILINE)
    for paragraph in _PARAGRAPH.split(body):
        before, *pairs = mark.split(paragraph)
        found.update(zip(pairs[::2], (" ".join(text.split()) for text in pairs[1::2]), strict=True))
        if before.strip() and not before.strip().startswith("Source:"):
            rest.append(" ".join(before.split()))
    return MethodDoc(first.strip(), found, rest)


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
            docs[ast.unparse(field.target)] = " ".join(str(below.value.value).split())
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
