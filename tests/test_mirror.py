"""Both faces have the same methods, the same parameters and the same docs (design, section 2)."""

import inspect

import faces
import processes
import pytest

from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin

METHODS = [
    (space, name)
    for space, cls in faces.namespaces().items()
    for name, method in inspect.getmembers(cls, inspect.isroutine)
    if not name.startswith("_")
]


@pytest.fixture(scope="module")
def blocking():
    client = SegOpsAdmin(api_key="sk_probe", base_url="http://127.0.0.1:9/api")
    yield client
    client.close()


def shape(function):
    """Names, kinds and defaults of a method's parameters."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize(("space", "name"), METHODS, ids=lambda value: value)
def test_each_method_is_the_same_on_both_faces(blocking, space, name):
    """A user moves between the faces by adding or dropping `await`, nothing else."""
    awaited = getattr(faces.namespaces()[space], name)
    mirrored = getattr(type(getattr(blocking, space)), name)

    assert shape(mirrored) == shape(awaited)
    assert inspect.getdoc(mirrored) == inspect.getdoc(awaited)
    assert inspect.getdoc(awaited)
    assert not inspect.iscoroutinefunction(mirrored)


@pytest.mark.parametrize("space", sorted(faces.namespaces()))
def test_the_mirror_has_no_methods_of_its_own(blocking, space):
    """What exists on one face only would have no specification on the other."""
    mirrored = {
        name for name, _ in inspect.getmembers(getattr(blocking, space), inspect.isroutine) if not name.startswith("_")
    }

    assert mirrored == {name for its_space, name in METHODS if its_space == space}


def test_both_clients_are_made_and_copied_alike():
    """Construction is the same for both; only the word for closing differs."""
    assert shape(SegOpsAdmin) == shape(AsyncSegOpsAdmin)
    assert shape(SegOpsAdmin.with_options) == shape(AsyncSegOpsAdmin.with_options)


def test_the_checked_in_mirror_is_current():
    """The mirror is generated, never edited: a stale one fails here and in CI."""
    done = processes.run("-m", "segops_admin.sync.generate", "--check")

    assert done.returncode == 0, done.stdout + done.stderr
