"""A SegOps API for tests and demonstrations: aiohttp.web over SQLite, written from the protocol sheet alone.

    async with Emulator() as emu:
        client = SomeClient(emu.api_key, base_url=emu.base_url)

Shares nothing with the client in this package, so that no mistake can hide in both.
"""

from segops_admin.emulator.faults import Fault, Faults
from segops_admin.emulator.journal import LedgerEntry, LoggedRequest, RequestLog
from segops_admin.emulator.server import Emulator
from segops_admin.emulator.tenants import Tenant

__all__ = ["Emulator", "Fault", "Faults", "LedgerEntry", "LoggedRequest", "RequestLog", "Tenant"]
