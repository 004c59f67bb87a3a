"""The emulator's life: started on the caller's loop (`async with`), or in a thread of its own (`with`)."""

from __future__ import annotations

import asyncio
import secrets
import threading
from contextlib import closing
from typing import TYPE_CHECKING

from aiohttp import web

from segops_admin.emulator.app import build_app
from segops_admin.emulator.auth import Auth
from segops_admin.emulator.clock import Clock
from segops_admin.emulator.faults import Faults
from segops_admin.emulator.jobs import Jobs
from segops_admin.emulator.journal import Journal, LedgerEntry, RequestLog
from segops_admin.emulator.state import Config, State
from segops_admin.emulator.store import Store
from segops_admin.emulator.tenants import DEFAULT_SLUG, Tenant, create_account, create_tenant, find_tenant
from segops_admin.emulator.throttle import Throttle

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from typing_extensions import Self

_SHUTDOWN_S = 0.25  # what is still being answered then is cut off


class Emulator:
    """A stateful SegOps API on a local port.

    `base_url` is its root, `api_key` a secret key of its default tenant. `faults`, `clock`, `requests` and `ledger` may
    be used before, while and after it runs, from any thread; so may `create_tenant` while it runs.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        db: str = ":memory:",
        api_key: str | None = None,
        throttle_per_minute: int | None = None,
        job_delay: float = 0.05,
        idempotency: bool = False,
        redirect_downloads: bool = False,
    ) -> None:
        """Prepare an emulator; nothing is opened until it is entered.

        host: the address to listen on. port: 0 takes a free one. db: a file keeps everything over a restart, keys and
        unfinished jobs included. api_key: a secret key of the default tenant; without it a fresh one.
        throttle_per_minute: API calls per minute and tenant; without it no limit. job_delay: seconds a background job
        stays queued. idempotency: replay answers by Idempotency-Key. redirect_downloads: exports answer 302 to a second
        port.
        """
        self.host, self.db = host, db
        self.clock, self.faults = Clock(), Faults()
        self._port, self._api_key = port, api_key
        self._journal = Journal()
        self._config = Config(
            throttle_per_minute=throttle_per_minute,
            job_delay=job_delay,
            idempotency=idempotency,
            redirect_downloads=redirect_downloads,
        )
        self._state: State | None = None
        self._runner: web.AppRunner | None = None
        self._tenant: Tenant | None = None
        self._thread: _Thread | None = None

    @property
    def port(self) -> int:
        """The port listened on."""
        self._running()
        return self._port

    @property
    def base_url(self) -> str:
        """The API root, to be given to a client: `http://127.0.0.1:PORT/api`."""
        return f"{self.origin}/api"

    @property
    def origin(self) -> str:
        """Scheme, host and port, without `/api`."""
        return f"http://{self.host}:{self.port}"

    @property
    def tenant(self) -> Tenant:
        """The default tenant."""
        self._running()
        if self._tenant is None:
            raise RuntimeError("the emulator has no default tenant")
        return self._tenant

    @property
    def api_key(self) -> str:
        """A secret key of the default tenant."""
        return self._api_key or self.tenant.api_key

    @property
    def requests(self) -> RequestLog:
        """The API requests seen so far, oldest first; bounded."""
        return self._journal.requests

    @property
    def ledger(self) -> Mapping[str, list[LedgerEntry]]:
        """Each idempotency key seen so far, with the body fingerprint and time of every use."""
        return self._journal.ledger

    @property
    def files_origin(self) -> str:
        """The origin downloads are redirected to, with `redirect_downloads`."""
        return self._running().files_url

    def create_tenant(
        self,
        slug: str | None = None,
        *,
        plan: str = "business",
        requests_per_minute: int | None = None,
        events_per_month: int | None = None,
        origins: Sequence[str] = (),
    ) -> Tenant:
        """Add a tenant with keys of its own, from any thread; ValueError when the slug is taken.

        origins: what browsers may use the public key; empty allows any.
        """
        with closing(self._running().store.connect()) as connection, connection:
            connection.execute("BEGIN IMMEDIATE")
            return create_tenant(
                connection,
                self.clock.now(),
                slug=slug,
                plan=plan,
                requests_per_minute=requests_per_minute,
                events_per_month=events_per_month,
                origins=origins,
            )

    def create_account(self, tenant: Tenant, *, email: str, password: str, role: str = "member") -> None:
        """Add a dashboard user for `/auth/token/`, from any thread; role is owner, admin, member or viewer."""
        with closing(self._running().store.connect()) as connection:
            create_account(connection, tenant.id, email=email, password=password, role=role)

    def hold_jobs(self) -> None:
        """Keep background jobs queued, from any thread, until `release_jobs`."""
        self._running().jobs.hold()

    def release_jobs(self) -> None:
        """Let held background jobs run, from any thread."""
        self._running().jobs.release()

    async def start(self) -> None:
        """Open the database and listen, on the running loop."""
        if self._state is not None:
            raise RuntimeError("this emulator is already running")
        store = Store(self.db)
        jobs = Jobs(store, self.faults, delay_s=self._config.job_delay)
        state = State(
            store=store,
            clock=self.clock,
            jobs=jobs,
            faults=self.faults,
            journal=self._journal,
            throttle=Throttle(self.clock),
            config=self._config,
        )
        self._state = state
        try:
            self._tenant = self._default_tenant(store)
            await self._listen(build_app(state, Auth(store)))
        except BaseException:
            await self.stop()
            raise
        jobs.resume()

    async def stop(self) -> None:
        """Stop listening, stop the jobs and close the database. Calling it again does nothing."""
        state, self._state = self._state, None
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        if state is not None:
            await state.jobs.close()
            state.store.close()

    async def _listen(self, app: web.Application) -> None:
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_S, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self._port).start()
        self._port = int(self._runner.addresses[0][1])
        if self._config.redirect_downloads:
            await web.TCPSite(self._runner, self.host, 0).start()
            self._running().files_url = f"http://{self.host}:{self._runner.addresses[-1][1]}"

    def _default_tenant(self, store: Store) -> Tenant:
        with store.transaction():
            tenant = find_tenant(store.connection, DEFAULT_SLUG)
            if tenant is None:
                key = self._api_key or f"sk_test_{secrets.token_hex(12)}"
                return create_tenant(store.connection, self.clock.now(), slug=DEFAULT_SLUG, api_key=key)
            if self._api_key and store.one("SELECT 1 FROM keys WHERE key=?", self._api_key) is None:
                store.insert(
                    "keys", tenant_id=tenant.id, key=self._api_key, name="given at start", created_at=self.clock.now()
                )
            return tenant

    def _running(self) -> State:
        if self._state is None:
            raise RuntimeError("the emulator is not running: use it in a `with` or `async with` block")
        return self._state

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def __enter__(self) -> Self:
        thread = _Thread(self)
        thread.launch()
        self._thread = thread
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._thread is not None:
            self._thread.finish()
            self._thread = None


class _Thread(threading.Thread):
    """Runs an emulator on a loop of its own until told to finish."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(name="segops-emulator", daemon=True)
        self._emulator = emulator
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: asyncio.Event | None = None

    def launch(self) -> None:
        """Start, and return once the emulator listens; what stops it from listening is raised here."""
        self.start()
        self._ready.wait()
        if self._failure is not None:
            self.join()
            raise self._failure

    def finish(self) -> None:
        """Stop the emulator and wait until everything is closed."""
        if self._loop is not None and self._leave is not None and self.is_alive():
            self._loop.call_soon_threadsafe(self._leave.set)
        self.join()

    def run(self) -> None:
        """Live."""
        asyncio.run(self._live())

    async def _live(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        try:
            await self._emulator.start()
        except BaseException as error:  # noqa: BLE001  handed to the thread that waits in `launch`
            self._failure = error
            return
        finally:
            self._ready.set()
        await self._leave.wait()
        await self._emulator.stop()
