"""What an import costs, what it offers, and which way imports point (design, section 3)."""

import ast
import json
import pathlib

import processes
import pytest

import segops_admin

PACKAGE = pathlib.Path(segops_admin.__file__).parent
LAYERS = [
    {"testing", "cli", "__main__"},
    {"sync", "integrations"},
    {"client"},
    {"resources"},
    {"paging", "jobs", "bulk", "download", "catalogue"},
    {"core"},
    {"config", "dsl", "webhook", "records", "errors", "_version"},
]
DEPTH = {name: depth for depth, names in enumerate(LAYERS) for name in names}


def loaded_by(code):
    done = processes.script(f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))")
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "code",
    [
        "import segops_admin",
        "from segops_admin import SegOpsAdmin",
        "from segops_admin import AsyncSegOpsAdmin",
        "from segops_admin import SegOpsError",
    ],
)
def test_import_is_light(code):
    """Cold starts and reloads pay for it; the HTTP library comes with the first call."""
    heavy = {"aiohttp", "rich", "click", "sqlite3", "segops_admin.emulator", "segops_admin.cli"}

    assert not heavy & loaded_by(code)


def test_making_a_client_loads_no_http_library_either():
    """A module's global costs nothing until it is used."""
    code = (
        "from segops_admin import SegOpsAdmin\nsegops = SegOpsAdmin(api_key='sk_x', base_url='http://127.0.0.1:9/api')"
    )

    assert not {"aiohttp", "rich", "click"} & loaded_by(code)


def test_all_is_sorted_and_is_what_there_is():
    """`from segops_admin import *` and the docs' list of names."""
    assert list(segops_admin.__all__) == sorted(set(segops_admin.__all__))
    assert all(getattr(segops_admin, name) is not None for name in segops_admin.__all__)
    assert set(segops_admin.__all__) <= set(dir(segops_admin))


CONTRACT = """
    AsyncSegOpsAdmin SegOpsAdmin SegOpsError SegOpsConfigError SegOpsConnectionError SegOpsTimeoutError SegOpsApiError
    SegOpsBadRequestError SegOpsAuthenticationError SegOpsPermissionError SegOpsNotFoundError SegOpsConflictError
    SegOpsRateLimitError SegOpsServerError SegOpsDecodeError SegOpsJobError BulkUpsertError
"""


@pytest.mark.parametrize("name", CONTRACT.split())
def test_names_of_the_contract_are_offered(name):
    """Other people's code calls them by these names."""
    assert name in segops_admin.__all__


def test_unknown_name_is_an_attribute_error():
    """Loading on first use must not turn a typing error into something else."""
    with pytest.raises(AttributeError, match="SegopsAdmin"):
        _ = segops_admin.SegopsAdmin


def imports_of(module):
    """Return the names inside the package that a module imports when it runs, at any depth of its code."""
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    idle = {id(inner) for node in ast.walk(tree) if _is_for_checkers(node) for inner in ast.walk(node)}
    parents = ("segops_admin", *module.parts[:-1])
    for node in ast.walk(tree):
        if id(node) in idle:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else ()
            names = [".".join([*base, *filter(None, [node.module]), alias.name]) for alias in node.names]
        else:
            continue
        yield from (name.removeprefix("segops_admin.") for name in names if name.startswith("segops_admin."))


def _is_for_checkers(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def modules():
    return sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("module", [m for m in modules() if m.parts[0] == "emulator"], ids=str)
def test_emulator_imports_nothing_of_the_client(module):
    """So that no error of the client can hide in its twin."""
    foreign = {name for name in imports_of(module) if name.split(".")[0] not in ("emulator", "_version")}

    assert foreign <= {"__version__"}


@pytest.mark.parametrize("module", [m for m in modules() if m.parts[0] not in ("emulator", "__init__.py")], ids=str)
def test_imports_point_only_down(module):
    """A newcomer reads from the top; a circle would be two modules that are really one."""
    own = module.parts[0].removesuffix(".py")
    assert own in DEPTH, f"{own} has no place in the house"
    targets = {_layer_of(name.split(".")[0]) for name in imports_of(module)} - {own, "_version"}
    up = {name for name in targets if DEPTH.get(name, -1) < DEPTH[own]}
    allowed = {"emulator"} if own in ("testing", "cli") else set()

    assert up <= allowed


def _layer_of(name):
    """Names taken from the package itself are the client's faces; its version is the ground."""
    if name == "__version__":
        return "_version"
    return name if name in DEPTH or name == "emulator" else "client"


def test_package_tells_that_it_is_typed():
    """Checkers look for the marker."""
    assert (PACKAGE / "py.typed").is_file()
