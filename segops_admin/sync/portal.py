"""The one event loop behind all blocking clients of a process, and the way into it.

The loop runs in a daemon thread, started by the first call, with anyio's `BlockingPortal` as its door. What the naive
use of a portal gets wrong, and what is done here instead:

- *exit*: a portal's own context manager waits for its thread during interpreter shutdown, for ever. We enter it
inside the thread, close what is open in an `atexit` handler, and leave the thread to die.
- *Ctrl-C*: `portal.call` raises at once and leaves the call running. We cancel it and give its clean-up a moment.
- *fork*: the child has the parent's portal but not its thread. The child forgets it and starts its own.
- *a call from the loop's own thread* would wait for itself. It is refused.
- *`sys.exit` in a callback* ends the loop it runs on, and with it everybody's calls. It comes out of the one call.
"""

from __future__ import annotations

import atexit
import os
import threading
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from typing_extensions import ParamSpec

from ..errors import SegOpsConfigError, SegOpsConnectionError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine
    from queue import SimpleQueue

    from anyio import CancelScope
    from anyio.from_thread import BlockingPortal

    from ..core.transport import Transport

P = ParamSpec("P")
T = TypeVar("T")

CLEAN_UP_S = 0.5
"""How long an interrupted call may take to close what it has open."""


class Portal:
    """A running event loop in a daemon thread."""

    def __init__(self) -> None:
        ready: Future[tuple[BlockingPortal, asyncio.AbstractEventLoop]] = Future()
        self._thread = threading.Thread(target=_run_loop, args=(ready,), name="segops-admin", daemon=True)
        self._thread.start()
        try:
            self._door, self._loop = ready.result()
        except OSError as error:
            raise SegOpsConnectionError(f"No event loop could be started: {error.strerror}.") from error

    def call(
        self,
        function: Callable[[], Coroutine[Any, Any, T]],
        errands: SimpleQueue[Callable[[], None] | None] | None = None,
    ) -> T:
        """Run a coroutine function on the loop and return its result; an interrupt cancels it first.

        errands: what this thread does meanwhile, as it comes in.
        """
        if threading.current_thread() is self._thread:
            raise SegOpsConfigError(
                "The blocking client was called on the thread of its own event loop, where it would wait for itself. "
                "Await AsyncSegOpsAdmin there."
            )
        errand = _Errand(function)
        future: Future[T] | None = None
        try:
            future = self._door.start_task_soon(errand.run)
            if errands is not None:
                future.add_done_callback(lambda _: errands.put(None))
                while (work := errands.get()) is not None:
                    work()
            result = future.result()
        except CancelledError:
            if not is_over():
                raise
            raise SegOpsConnectionError(
                "The call was ended: the interpreter is ending.", outcome_unknown=True
            ) from None
        except BaseException:
            if future is None or not future.done():
                self._loop.call_soon_threadsafe(errand.cancel)
                errand.finished.wait(CLEAN_UP_S)
            raise
        if errand.left_by is not None:
            raise errand.left_by
        return result

    def soon(self, function: Callable[[], object]) -> None:
        """Run a plain function on the loop, without waiting for it."""
        self._loop.call_soon_threadsafe(function)

    def stop(self) -> None:
        """End the loop and its thread."""
        try:
            self._door.start_task_soon(self._door.stop, True).result(CLEAN_UP_S)
        except (RuntimeError, TimeoutError):
            return
        self._thread.join(CLEAN_UP_S)


class _Errand:
    """One call on its way: cancellable from the moment it is handed over."""

    def __init__(self, function: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        self._function = function
        self._cancelled = False
        self._scope: CancelScope | None = None
        self.left_by: BaseException | None = None
        """SystemExit, KeyboardInterrupt or the like out of a callback: for the caller, not for the loop."""
        self.finished = threading.Event()

    async def run(self) -> Any:
        import asyncio  # noqa: PLC0415 -- loaded with the portal, not with the module

        from anyio import CancelScope  # noqa: PLC0415

        try:
            with CancelScope() as self._scope:
                if self._cancelled:
                    return None  # nobody waits any more
                return await self._function()
        except (Exception, asyncio.CancelledError):
            raise
        except BaseException as error:  # noqa: BLE001 -- raised by the thread that waits, which it was meant for
            self.left_by = error
        finally:
            self.finished.set()

    def cancel(self) -> None:
        self._cancelled = True
        if self._scope is not None:
            self._scope.cancel()


def _run_loop(ready: Future[Any]) -> None:
    import asyncio  # noqa: PLC0415 -- loaded with the portal, not with the module

    import anyio  # noqa: PLC0415
    from anyio.from_thread import BlockingPortal  # noqa: PLC0415

    async def serve() -> None:
        async with BlockingPortal() as door:
            ready.set_result((door, asyncio.get_running_loop()))
            await door.sleep_until_stopped()

    try:
        anyio.run(serve, backend="asyncio", backend_options={"loop_factory": _lasting_loop})
    except BaseException as error:
        if ready.done():
            raise
        ready.set_exception(error)


def _lasting_loop() -> asyncio.AbstractEventLoop:
    """Make a loop that goes on when a task of it ends with SystemExit or KeyboardInterrupt: only who awaits it does."""
    import asyncio  # noqa: PLC0415

    class LastingLoop(asyncio.SelectorEventLoop):
        def run_forever(self) -> None:
            while True:
                try:
                    return super().run_forever()
                except (SystemExit, KeyboardInterrupt):
                    continue

    return LastingLoop()


_lock = threading.Lock()
_portal: Portal | None = None
_over = False
_transports: WeakSet[Transport] = WeakSet()


def is_over() -> bool:
    """Return whether the interpreter is ending: connections are closed, and a new loop's thread would never start."""
    return _over


def portal() -> Portal:
    """Return the process's portal; the first call starts it."""
    global _portal  # noqa: PLW0603 -- one loop per process is the point
    if _over:
        raise SegOpsConfigError("The interpreter is ending: no call can be made any more. Call before that.")
    if _portal is None:
        with _lock:
            if _portal is None:
                _portal = Portal()
    return _portal


def call(function: Callable[P, Coroutine[Any, Any, T]], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run an async method on the portal's loop and return what it returns."""
    return portal().call(lambda: function(*args, **kwargs))


def watch(transport: Transport) -> None:
    """Remember a blocking client's connections, so that a fork can forget them."""
    _transports.add(transport)


def _at_exit() -> None:
    global _portal, _over
    ending, _portal, _over = _portal, None, True
    if ending is not None:
        ending.stop()


def _after_fork_in_child() -> None:
    global _portal, _lock  # noqa: PLW0603
    _portal = None
    _lock = threading.Lock()
    for transport in list(_transports):
        transport.forget_sessions()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
