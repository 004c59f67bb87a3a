"""What the documents say of the tests is true."""

import ast
import functools
import pathlib
import re

import pytest

HERE = pathlib.Path(__file__).parent
RELIABILITY = HERE.parent / "docs" / "reliability.md"
NAMED = re.compile(r"([\w/]+\.py)::(\w+)")

pytestmark = pytest.mark.skipif(not RELIABILITY.is_file(), reason="the documents are no part of the package")


@functools.cache
def named_in(file):
    """Return the names of a file's tests."""
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, kinds) and node.name.startswith("test_")}


def test_every_test_that_reliability_names_exists():
    """A fault whose test was renamed or dropped would stay promised."""
    named = NAMED.findall(RELIABILITY.read_text(encoding="utf-8"))
    missing = [f"{file}::{name}" for file, name in named if name not in named_in(file)]

    assert len(named) > 80
    assert missing == []


def test_every_fault_in_reliability_names_a_test():
    """A line without one is a claim."""
    rows = [line for line in RELIABILITY.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    shown = [row for row in rows if row.count("|") == 4 and not row.startswith(("| Fault", "| Place", "| Situation"))]

    assert len(shown) > 50
    assert [row for row in shown if not NAMED.search(row)] == []
