"""Whose journal it is, and who has it: another import's is refused before anything is sent, one in use is freed."""

import asyncio
import contextlib
import gc
import sqlite3

import pytest
from bulk.kit import figures, rows, took
from rawserver import reply

from segops_admin import AsyncSegOpsAdmin, BulkUpsertError, SegOpsAdmin, SegOpsInputError


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "import.journal"


async def test_wrong_rows_cost_the_right_ones_nothing(at_raw, raw, journal):
    """After a kill the first chunk may be the one that is not stored: others are told apart before anything is sent."""
    raw.script(lambda request: [0.2, reply(401)] if b"S00000" in request.body else took(request))
    with pytest.raises(BulkUpsertError, match="30 of 30"):
        await at_raw().products.bulk_upsert(rows(40), chunk_size=10, concurrency=4, journal=journal)
    raw.script(took)
    raw.requests.clear()
    with pytest.raises(SegOpsInputError, match="other rows"):
        await at_raw().products.bulk_upsert(rows(40, start=100), chunk_size=10, journal=journal)
    assert raw.requests == []

    result = await at_raw().products.bulk_upsert(rows(40), chunk_size=10, journal=journal)
    assert figures(result) == (40, 0, 0)


async def test_journal_of_another_key_is_refused_until_the_import_is_named(emulator, at_raw, raw, journal):
    """Another workspace has other rows; a key that was renewed has the same, and only the caller knows which."""
    raw.script(took)
    await at_raw().products.bulk_upsert(rows(10), journal=journal)
    async with AsyncSegOpsAdmin("sk_other", base_url=raw.url) as other:
        with pytest.raises(SegOpsInputError, match="another API key") as caught:
            await other.products.bulk_upsert(rows(10), journal=journal)
        identity = str(caught.value).split("idempotency_key='")[1].partition("'")[0]
        for name in (identity, None):
            result = await other.products.bulk_upsert(rows(10), journal=journal, idempotency_key=name)
            assert result.resumed_rows == 10

    assert len(raw.requests) == 1
    assert b"sk_" not in journal.read_bytes()


async def test_journal_remembers_the_imports_name(at_raw, raw, journal):
    """The keys are made from it: with a journal as without."""
    raw.script(took)
    for options in ({"journal": journal}, {}):
        await at_raw().products.bulk_upsert(iter(rows(20)), chunk_size=10, idempotency_key="nightly", **options)
    keys = [request.headers["idempotency-key"] for request in raw.requests]
    assert set(keys[:2]) == set(keys[2:])

    with pytest.raises(SegOpsInputError, match="nightly"):
        await at_raw().products.bulk_upsert(rows(20), chunk_size=10, journal=journal, idempotency_key="weekly")


@pytest.mark.parametrize("damage", ["DELETE FROM facts", "UPDATE chunks SET failed = 'x'"])
async def test_journal_that_lacks_its_facts_is_refused(at_raw, raw, journal, damage):
    """Whatever is wrong with the file, it is told as ours."""
    raw.script(took)
    await at_raw().products.bulk_upsert(rows(20), chunk_size=10, journal=journal)
    with sqlite3.connect(journal) as connection:
        connection.execute(damage)
    connection.close()
    with pytest.raises(SegOpsInputError, match="damaged"):
        await at_raw().products.bulk_upsert(rows(20), chunk_size=10, journal=journal)


async def test_figures_that_no_journal_can_hold_do_not_stop_the_import(at_raw, raw, journal):
    """A server's count is told, never trusted."""
    raw.script(reply(200, {"created": 10**22, "updated": -5}))
    result = await at_raw().products.bulk_upsert(rows(10), journal=journal)

    assert (result.stored, result.created, result.updated) == (10, 0, 0)


async def test_of_two_that_begin_a_journal_together_one_goes_on(raw, journal):
    """A scheduler that starts a job twice must not lose both."""
    raw.script(lambda request: [0.05, took(request)])
    for number in range(10):
        path = journal.with_name(f"{number}.journal")
        async with AsyncSegOpsAdmin("sk_test", base_url=raw.url) as segops:
            both = [segops.products.bulk_upsert(rows(5), journal=path) for _ in range(2)]
            ends = await asyncio.gather(*both, return_exceptions=True)
        refused = [end for end in ends if isinstance(end, Exception)]
        assert len(refused) <= 1, refused
        assert all("in use" in str(end) for end in refused)


async def test_stream_left_early_frees_its_journal(raw, journal):
    """By its `async with` at once, and by being dropped soon after."""
    raw.script(took)
    async with AsyncSegOpsAdmin("sk_test", base_url=raw.url) as segops:
        async with segops.products.bulk_upsert_stream(rows(100), chunk_size=10, journal=journal) as stream:
            async for _ in stream:
                break
        async for _ in segops.products.bulk_upsert_stream(rows(100), chunk_size=10, journal=journal):
            break
        while True:
            gc.collect()
            await asyncio.sleep(0.01)
            with contextlib.suppress(SegOpsInputError):
                result = await segops.products.bulk_upsert(rows(100), chunk_size=10, journal=journal)
                break

    assert figures(result) == (100, 0, 0)


def test_blocking_stream_left_early_frees_its_journal(emulator, tenant, journal):
    """The same with `with`."""
    with SegOpsAdmin(tenant.api_key, base_url=emulator.base_url) as segops:
        with segops.products.bulk_upsert_stream(rows(100), chunk_size=10, journal=journal) as stream:
            next(stream)
        assert segops.products.bulk_upsert(rows(100), chunk_size=10, journal=journal).stored == 100
