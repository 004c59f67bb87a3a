"""Fixtures for the tests of programs that use SegOps: a real service on a real socket, fresh for every test.

In a `conftest.py`:  pytest_plugins = ["segops_admin.testing"]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ..client import AsyncSegOpsAdmin
from ..emulator import Emulator
from ..sync import SegOpsAdmin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..emulator.tenants import Tenant

POLL_INTERVAL_S = 0.02
"""The emulator's jobs take some hundredths of a second; tests need not look every half second."""


@pytest.fixture(scope="session")
def segops_emulator() -> Iterator[Emulator]:
    """Give one running emulator for the whole session: `.base_url`, `.faults`, `.requests`, `.clock`."""
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def segops_tenant(segops_emulator: Emulator) -> Tenant:
    """Give an empty workspace of the test's own: `.api_key`, `.slug`."""
    return segops_emulator.create_tenant()


@pytest.fixture
def segops(segops_emulator: Emulator, segops_tenant: Tenant) -> Iterator[SegOpsAdmin]:
    """Give a blocking client of the test's own workspace."""
    with SegOpsAdmin(segops_tenant.api_key, base_url=segops_emulator.base_url, poll_interval=POLL_INTERVAL_S) as client:
        yield client


@pytest.fixture
def async_segops(segops_emulator: Emulator, segops_tenant: Tenant) -> AsyncSegOpsAdmin:
    """Give an async client of the test's own workspace. Close it in the test's loop: `async with async_segops:`."""
    return AsyncSegOpsAdmin(segops_tenant.api_key, base_url=segops_emulator.base_url, poll_interval=POLL_INTERVAL_S)
