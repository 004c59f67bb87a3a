"""The blocking import reads the caller's rows in the caller's own thread."""

import sqlite3
import threading

import pytest

from segops_admin import SegOpsAdmin


@pytest.fixture
def client(emulator, tenant):
    with SegOpsAdmin(tenant.api_key, base_url=emulator.base_url) as client:
        yield client


def test_rows_are_read_in_the_callers_thread(client):
    """A database cursor refuses to work in any other."""
    seen = set()

    def rows():
        for number in range(1200):
            seen.add(threading.current_thread())
            yield {"sku": f"S{number}", "name": "n"}

    assert client.products.bulk_upsert(rows()).created == 1200
    assert seen == {threading.current_thread()}


def test_database_cursor_is_a_source_of_rows(client):
    """The most usual one in a legacy script."""
    database = sqlite3.connect(":memory:")
    try:
        database.execute("CREATE TABLE products (sku, name)")
        database.executemany("INSERT INTO products VALUES (?, 'n')", [(f"S{number}",) for number in range(700)])
        cursor = database.execute("SELECT sku, name FROM products")

        assert client.products.bulk_upsert({"sku": sku, "name": name} for sku, name in cursor).created == 700
    finally:
        database.close()


def test_rows_may_come_from_the_client_itself(client):
    """Read, change, write back: the reading would wait for its own thread if it ran on the client's loop."""
    client.products.bulk_upsert([{"sku": f"S{number}", "name": "old"} for number in range(300)])

    changed = client.products.bulk_upsert({"sku": p.sku, "name": "new"} for p in client.products.iterate(page_size=50))

    assert changed.updated == 300
    assert {p.name for p in client.products.iterate()} == {"new"}


def test_stream_reads_its_rows_here_too(client):
    """The same promise, chunk by chunk."""
    rows = ({"sku": f"S{number}", "name": threading.current_thread().name} for number in range(40))

    stored = [chunk.stored for chunk in client.products.bulk_upsert_stream(rows, chunk_size=20)]

    assert stored == [20, 20]
    assert {p.name for p in client.products.iterate()} == {threading.current_thread().name}


def test_exception_out_of_the_rows_comes_out_unchanged(client):
    """It is the caller's own, and the caller knows what to do with it."""

    def rows():
        yield {"sku": "A", "name": "a"}
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        client.products.bulk_upsert(rows())
