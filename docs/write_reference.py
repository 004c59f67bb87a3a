"""Writes reference.md from the async classes' signatures and docstrings; with `--check`, says whether it is current."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

from segops_admin.sync.generate import methods_of

DOCS = Path(__file__).resolve().parent
PACKAGE = DOCS.parent / "segops_admin"
TARGET = DOCS / "reference.md"

INTRODUCTION = """\
# Reference

Every method of every namespace, as awaited on `AsyncSegOpsAdmin`. `SegOpsAdmin` has the same methods with the same
signatures, without `await`; where a reader (`Pager`) is returned here, it returns a blocking one. The sources named are
sections of the protocol sheet, with its marks: documented, read off the published SDK, shown in usage, inferred.

Written by `python docs/write_reference.py` from the docstrings: do not edit.
"""


def reference() -> str:
    """Return the text of the reference."""
    client = _classes(PACKAGE / "client.py")["AsyncSegOpsAdmin"]
    parts = [INTRODUCTION, "## AsyncSegOpsAdmin\n", _text(client), *_methods(client, "")]
    for path in sorted((PACKAGE / "resources").glob("[a-z]*.py")):
        for name, node in _classes(path).items():
            if name.startswith("Async") and name != "AsyncCollection":
                parts += [f"## {path.stem}\n", _text(node), *_methods(node, f"{path.stem}.")]
    return "\n".join(parts)


def _classes(path: Path) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)}


def _methods(node: ast.ClassDef, prefix: str) -> list[str]:
    public = [
        method
        for method in methods_of(node)
        if not any(ast.unparse(decorator) == "cached_property" for decorator in method.decorator_list)
    ]
    return [
        f"### {prefix}{method.name}\n\n```python\n{_signature(method)}\n```\n\n{_text(method)}" for method in public
    ]


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    arguments = ast.unparse(node.args).removeprefix("self, ").removeprefix("self")
    word = "await " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f"{word}{node.name}({arguments}) -> {ast.unparse(node.returns) if node.returns else 'None'}"


def _text(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    text = ast.get_docstring(node) or ""
    return text.replace(".\n", ".  \n").replace("  \n\n", "\n\n") + "\n"  # a sentence's end at a line's end is a break


def main(arguments: list[str]) -> int:
    """Write the reference, or with `--check` compare it with what is on disk."""
    text = reference()
    if "--check" not in arguments:
        TARGET.write_text(text, "utf-8")
        return 0
    if TARGET.exists() and TARGET.read_text("utf-8") == text:
        return 0
    print(f"{TARGET.name} is stale: run python docs/write_reference.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
