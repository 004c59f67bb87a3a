"""Namespaces are made when they are first asked for: once, from any thread, and in any process."""

import inspect
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import processes
import pytest

from segops_admin import AsyncSegOpsAdmin
from segops_admin.core.lazy import cached_property


def made():
    return AsyncSegOpsAdmin("sk_test", base_url="http://127.0.0.1:9/api")


def test_every_namespace_is_made_without_a_lock():
    """One that is not would hang in the child of a fork."""
    members = {name: inspect.getattr_static(AsyncSegOpsAdmin, name) for name in dir(AsyncSegOpsAdmin)}
    others = {
        name
        for name, member in members.items()
        if not name.startswith("_") and not callable(member) and not isinstance(member, cached_property)
    }

    assert others == {"config", "from_config"}
    assert AsyncSegOpsAdmin.segments.__doc__ == "Segments of users."


def test_namespace_is_made_once():
    """The second look costs a dictionary's; a copy has its own, with its own options."""
    segops = made()
    copy = segops.with_options(timeout=1)

    assert segops.segments is segops.segments
    assert copy.segments is not segops.segments
    assert vars(segops)["segments"] is segops.segments


def test_threads_that_come_together_get_the_same_one():
    """Whoever is second throws its own away."""
    together = threading.Barrier(8)

    class Owner:
        @cached_property
        def part(self):
            together.wait(20)
            return object()

    owner = Owner()
    with ThreadPoolExecutor(8) as pool:
        parts = list(pool.map(lambda _: owner.part, range(8)))

    assert len(set(map(id, parts))) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.skipif(sys.version_info >= (3, 12), reason="forking with threads is a warning from 3.12 on, here an error")
def test_fork_while_another_thread_makes_a_namespace_leaves_the_child_free():
    """A pre-forking server whose warm-up thread had just begun: the child has no such thread, and no lock of its."""
    done = processes.script(
        """
        import os, signal, threading
        from segops_admin.client import cached_property
        begun, go_on = threading.Event(), threading.Event()
        class Client:
            @cached_property
            def part(self):
                if threading.current_thread() is not threading.main_thread():
                    begun.set()
                    go_on.wait(20)
                return "made"
        client = Client()
        other = threading.Thread(target=lambda: client.part)
        other.start()
        begun.wait(20)
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            os._exit(0 if client.part == "made" else 1)
        _, status = os.waitpid(child, 0)
        go_on.set()
        other.join()
        assert status == 0, status
        print("ok")
        """
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "ok\n", "")
