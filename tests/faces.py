"""One body, two faces: the blocking client behind the awaited client's interface.

Each blocking call runs in a worker thread, so that the test's own loop (and a server on it) stays free, as it would in
a script of its own.
"""

import functools
import inspect

from anyio import to_thread

from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin

FACES = ("async", "sync")
_END = object()


def client(face, **options):
    """Return a client of this face, to be used with `await` and `async for`."""
    if face == "async":
        return AsyncSegOpsAdmin(**options)
    return Awaited(SegOpsAdmin(**options), AsyncSegOpsAdmin)


class Noted:
    """A client of either face that writes down which methods a test takes from it; all else passes through."""

    def __init__(self, client, taken):
        self._client = client
        self._taken = taken

    def __repr__(self):
        return repr(self._client)

    def __getattr__(self, name):
        value = getattr(self._client, name)
        return NotedNamespace(value, name, self._taken) if name in namespaces() else value

    def with_options(self, **options):
        return Noted(self._client.with_options(**options), self._taken)

    async def __aenter__(self):
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *exc):
        await self._client.__aexit__(*exc)


class NotedNamespace:
    """A namespace that adds `namespace.method` to what was taken."""

    def __init__(self, namespace, name, taken):
        self._namespace = namespace
        self._name = name
        self._taken = taken

    def __getattr__(self, name):
        method = getattr(self._namespace, name)
        self._taken.add(f"{self._name}.{name}")
        return method


class Awaited:
    """A blocking client as an awaited one."""

    def __init__(self, blocking, twin):
        self.blocking = blocking
        self._twin = twin

    def __repr__(self):
        return repr(self.blocking)

    def __getattr__(self, name):
        return AwaitedNamespace(getattr(self.blocking, name), _namespace_class(name))

    def with_options(self, **options):
        return Awaited(self.blocking.with_options(**options), self._twin)

    async def aclose(self):
        await to_thread.run_sync(self.blocking.close)

    async def __aenter__(self):
        await to_thread.run_sync(self.blocking.__enter__)
        return self

    async def __aexit__(self, *exc):
        await to_thread.run_sync(self.blocking.__exit__, *exc)


class AwaitedNamespace:
    """A blocking namespace: what the async face awaits runs in a thread, what it does not is called as it is."""

    def __init__(self, blocking, twin):
        self.blocking = blocking
        self._twin = twin

    def __getattr__(self, name):
        method = getattr(self.blocking, name)
        if inspect.iscoroutinefunction(getattr(self._twin, name)):
            return lambda *args, **options: to_thread.run_sync(functools.partial(method, *args, **options))
        return lambda *args, **options: AwaitedReader(method(*args, **options))


class AwaitedReader:
    """A blocking reader as an asynchronous one; every step may be taken in another thread."""

    def __init__(self, blocking):
        self.blocking = blocking
        self._items = None

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self._items is None:
            self._items = iter(self.blocking)
        item = await to_thread.run_sync(next, self._items, _END)
        if item is _END:
            raise StopAsyncIteration
        return item

    def pages(self):
        return AwaitedReader(self.blocking.pages())

    async def collect(self, *args, **options):
        return await to_thread.run_sync(functools.partial(self.blocking.collect, *args, **options))

    async def aclose(self):
        await to_thread.run_sync(self.blocking.close)


@functools.cache
def namespaces():
    """Return the names and classes of the async face's namespaces."""
    probe = AsyncSegOpsAdmin(api_key="sk_probe", base_url="http://127.0.0.1:9/api")
    names = [name for name in dir(AsyncSegOpsAdmin) if not name.startswith("_")]
    namespaces = {name: type(getattr(probe, name)) for name in names if not inspect.ismethod(getattr(probe, name))}
    namespaces.pop("config")  # plain data, the only public attribute that is no namespace
    return namespaces


def _namespace_class(name):
    return namespaces()[name]
