"""What type checkers see: the return type of every method on both faces, and the mistakes they tell.

The samples in `typing/` are checked, never run: once by each checker, with the interpreter of this very run.
"""

import ast
import importlib.util
import inspect
import json
import os
import pathlib
import re
import subprocess
import sys

import attrs
import faces
import pytest

HERE = pathlib.Path(__file__).parent
SAMPLES = sorted((HERE / "typing").glob("*.py"))
FACES = {"async": "async_face.py", "sync": "sync_face.py"}
MARK = re.compile(r"# wrong$")
PATIENCE_S = 300
METHODS = {
    f"{space}.{name}"
    for space, cls in faces.namespaces().items()
    for name, _ in inspect.getmembers(cls, inspect.isroutine)
    if not name.startswith("_")
}


@attrs.frozen
class Complaint:
    """One error of a checker."""

    file: str
    line: int
    text: str


def mypy(tmp_path):
    """Return mypy's complaints about the samples."""
    options = ["--strict", "--python-version=3.10", "--follow-imports=silent", "--output=json", "--no-error-summary"]
    options += ["--config-file=", f"--cache-dir={tmp_path}"]
    done = _run("mypy", *options, *SAMPLES)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return [
        Complaint(pathlib.Path(one["file"]).name, one["line"], one["message"])
        for one in said
        if one["severity"] == "error"
    ]


def pyright(tmp_path):
    """Return pyright's complaints about the samples."""
    settings = {
        "typeCheckingMode": "strict",
        "pythonVersion": "3.10",
        "include": [os.path.relpath(HERE / "typing", tmp_path)],
        "extraPaths": [str(HERE.parent)],
        "reportUnusedExpression": False,
        "reportUnnecessaryTypeIgnoreComment": False,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    done = _run("pyright", "--outputjson", f"--pythonpath={sys.executable}", f"--project={tmp_path}")
    if not done.stdout.startswith("{"):
        pytest.skip("pyright is installed but cannot start here")
    said = json.loads(done.stdout)
    assert said["summary"]["filesAnalyzed"] == len(SAMPLES)
    return [
        Complaint(pathlib.Path(one["file"]).name, one["range"]["start"]["line"] + 1, one["message"])
        for one in said["generalDiagnostics"]
        if one["severity"] == "error"
    ]


def _run(checker, *arguments):
    return subprocess.run(
        [sys.executable, "-m", checker, *map(str, arguments)],
        cwd=HERE.parent,
        env={**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1", "MYPYPATH": str(HERE.parent)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


CHECKERS = {"mypy": mypy, "pyright": pyright}


@pytest.fixture(scope="session", params=CHECKERS)
def complaints(request, tmp_path_factory):
    """What one checker says of all samples; each runs once."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed beside this interpreter")
    return CHECKERS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize("sample", [path.name for path in SAMPLES if path.name != "mistakes.py"])
def test_types_are_exactly_those_asserted(complaints, sample):
    """An editor completes what it knows: an `Any`, a union too wide or an awaitable left over ends that."""
    assert [complaint for complaint in complaints if complaint.file == sample] == []


@pytest.mark.timeout(PATIENCE_S)
def test_each_mistake_is_told_where_it_is(complaints):
    """Wrong keyword names and values are errors before anything runs, and nothing else is."""
    lines = (HERE / "typing" / "mistakes.py").read_text("utf-8").splitlines()
    wrong = {number for number, line in enumerate(lines, start=1) if MARK.search(line)}
    told = {complaint.line for complaint in complaints if complaint.file == "mistakes.py"}

    assert len(wrong) > 50
    assert {lines[number - 1].strip() for number in wrong - told} == set()
    assert {lines[number - 1].strip() for number in told - wrong} == set()


@pytest.mark.parametrize("face", FACES)
def test_every_method_has_its_type_asserted(face):
    """A method that no line here asserts could return anything."""
    text = (HERE / "typing" / FACES[face]).read_text("utf-8")
    asserted = set(re.findall(r"assert_type\(\s*(?:await )?segops\.(\w+\.\w+)\(", text))

    assert asserted == METHODS


def test_both_faces_assert_the_same_types():
    """They differ by `await` and by the class of the reader, and by nothing else."""

    def asserted(face):
        text = (HERE / "typing" / FACES[face]).read_text("utf-8")
        tree = ast.parse(text.replace("await ", "").replace("Sync", ""))
        spaces = [node for node in tree.body if getattr(node, "name", None) in faces.namespaces()]
        return [ast.unparse(line) for space in spaces for line in space.body]

    assert asserted("async") == asserted("sync")


def test_package_tells_checkers_that_it_is_typed():
    """Without the marker they look at none of it."""
    found = importlib.util.find_spec("segops_admin")

    assert (pathlib.Path(found.origin).parent / "py.typed").exists()
