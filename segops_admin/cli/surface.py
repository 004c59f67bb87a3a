"""Which namespaces and methods the library has, read from the source of the blocking mirror.

The mirror is generated in one fixed form, so its syntax is an index: names and docstrings without importing the client,
which keeps `--help` quick. Only the namespace that is asked for is imported, by `MethodInfo.load`.
"""

from __future__ import annotations

import ast
import pkgutil
import re
from functools import cache, cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CLIENT = "SegOpsAdmin"
CLASS = re.compile(r"^class (\w+)", re.MULTILINE)
NAMESPACE = re.compile(r'@cached_property\n    def (\w+)\(self\) -> "?(\w+)"?:\n        """(.*?)"""', re.DOTALL)

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
    returns_page: bool = False
    """Whether it returns a list's page."""

    def load(self) -> Callable[..., Any]:
        """Import the async method, whose module can resolve its annotations."""
        module, owner = self.home
        method: Callable[..., Any] = getattr(getattr(import_module(module), owner), self.name)
        return method


class NamespaceInfo:
    """One namespace of the client; its methods are read when they are first asked for."""

    def __init__(self, name: str, doc: str, source: str, homes: Mapping[str, str]) -> None:
        self.name = name
        self.doc = doc
        self._source = source
        self._homes = homes

    @cached_property
    def methods(self) -> Mapping[str, MethodInfo]:
        """The public methods by name."""
        (cls,) = ast.parse(self._source).body
        if not isinstance(cls, ast.ClassDef):
            raise TypeError(f"{self.name} is no class in the mirror.")
        owner = str(next(node.value for node in ast.walk(cls.bases[0]) if isinstance(node, ast.Constant)))
        home = (self._homes[owner], owner)
        return {
            node.name: MethodInfo(self.name, node.name, ast.get_docstring(node) or "", home, _is_page(node.returns))
            for node in cls.body
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
        }

    @property
    def words(self) -> dict[str, MethodInfo]:
        """The methods by the word that calls them: underscores as dashes, and the published words."""
        words = {name.replace("_", "-"): method for name, method in self.methods.items()}
        published = PUBLISHED.get(self.name, {})
        words.update((word, self.methods[name]) for word, name in published.items() if name in self.methods)
        return dict(sorted(words.items()))


def _is_page(returns: ast.expr | None) -> bool:
    return isinstance(returns, ast.Subscript) and isinstance(returns.value, ast.Name) and returns.value.id == "Page"


@cache
def namespaces() -> dict[str, NamespaceInfo]:
    """Return the client's public namespaces by name; of their classes only the text is looked at."""
    source = (pkgutil.get_data("segops_admin", "sync/_mirror.py") or b"").decode()
    head, *bodies = CLASS.split(source)
    classes = {name: f"class {name}{body}" for name, body in zip(bodies[::2], bodies[1::2], strict=True)}
    homes = {
        alias.name: f"segops_admin.{node.module}"
        for node in ast.walk(ast.parse(head))
        if isinstance(node, ast.ImportFrom) and node.level == 2 and (node.module or "").startswith("resources.")
        for alias in node.names
    }
    return {
        name: NamespaceInfo(name, " ".join(doc.split()), classes[cls], homes)
        for name, cls, doc in NAMESPACE.findall(classes[CLIENT])
        if not name.startswith("_")
    }
