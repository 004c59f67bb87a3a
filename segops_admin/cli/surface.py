"""Which namespaces and methods the library has, read from the source of the blocking mirror.

The mirror is generated in one fixed form, so its syntax is an index: names and docstrings without importing the client,
which keeps `--help` quick. Only the namespace that is asked for is imported, by `MethodInfo.load`.
"""

from __future__ import annotations

import ast
import pkgutil
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLIENT = "SegOpsAdmin"

PUBLISHED: Mapping[str, Mapping[str, str]] = {"products": {"import": "import_csv"}}
"""Words of the published command that are not their method's name."""

PUBLISHED_WORDS: Mapping[str, frozenset[str]] = {
    "segments": frozenset({"list", "get", "create", "recompute", "members", "membership", "export", "delete"}),
    "products": frozenset({"list", "get", "import", "bulk-upsert", "score", "score-all", "facets"}),
    "schemas": frozenset({"list", "validate"}),
    "activations": frozenset({"list", "sync"}),
    "queries": frozenset({"list", "run", "simulate", "dashboard"}),
    "pages": frozenset({"list", "get", "export", "publish", "regenerate"}),
    "users": frozenset({"search", "get", "events"}),
    "analytics": frozenset({"overview", "usage"}),
}
"""All words of the published command, which behave as they did."""


class MethodInfo(NamedTuple):
    """One public method of one namespace."""

    namespace: str
    name: str
    doc: str
    home: tuple[str, str]
    """Module and name of the async class that defines it."""

    def load(self) -> Callable[..., Any]:
        """Import the async method, whose module can resolve its annotations."""
        module, owner = self.home
        method: Callable[..., Any] = getattr(getattr(import_module(module), owner), self.name)
        return method


class NamespaceInfo(NamedTuple):
    """One namespace of the client."""

    name: str
    doc: str
    methods: Mapping[str, MethodInfo]

    @property
    def words(self) -> dict[str, MethodInfo]:
        """The methods by the word that calls them: underscores as dashes, and the published words."""
        words = {name.replace("_", "-"): method for name, method in self.methods.items()}
        published = PUBLISHED.get(self.name, {})
        words.update((word, self.methods[name]) for word, name in published.items() if name in self.methods)
        return dict(sorted(words.items()))


@cache
def namespaces() -> dict[str, NamespaceInfo]:
    """Return the client's public namespaces by name."""
    source = pkgutil.get_data("segops_admin", "sync/_mirror.py") or b""
    tree = ast.parse(source)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    homes = {
        alias.name: f"segops_admin.{node.module}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 2 and (node.module or "").startswith("resources.")
        for alias in node.names
    }
    return {
        attribute.name: _namespace(attribute, classes[ast.unparse(attribute.returns).strip("'\"")], homes)
        for attribute in classes[CLIENT].body
        if isinstance(attribute, ast.FunctionDef) and attribute.returns is not None and _is_namespace(attribute)
    }


def _is_namespace(node: ast.FunctionDef) -> bool:
    decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
    return not node.name.startswith("_") and "cached_property" in decorators


def _namespace(attribute: ast.FunctionDef, cls: ast.ClassDef, homes: Mapping[str, str]) -> NamespaceInfo:
    owner = next(node.value for node in ast.walk(cls.bases[0]) if isinstance(node, ast.Constant))
    home = (homes[str(owner)], str(owner))
    methods = {
        node.name: MethodInfo(attribute.name, node.name, ast.get_docstring(node) or "", home)
        for node in cls.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    return NamespaceInfo(attribute.name, ast.get_docstring(attribute) or "", methods)
