"""Imports over several processes: a partition is a plain function of plain values, and Dask runs it."""

import os
import pickle
import signal
import subprocess
import sys
import time

import processes
import pytest
from bulk.kit import BULK, figures, rows

from segops_admin import SegOpsAdmin, SegOpsConfigError, SegOpsInputError
from segops_admin.integrations.dask import ImportConfig, import_partition, import_partitions, merged

CLUSTER = """
import sys
from dask import bag, dataframe
from distributed import Client, LocalCluster
from segops_admin.integrations.dask import ImportConfig, import_partitions

def rows():
    return [{"sku": f"S{n:05}", "name": f"row {n}"} for n in range(1200)]

if __name__ == "__main__":
    if sys.argv[1] == "bag":
        collection = bag.from_sequence(rows(), npartitions=6)
    else:
        import pandas
        collection = dataframe.from_pandas(pandas.DataFrame(rows()), npartitions=6)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        pids = client.run(__import__("os").getpid)
        print(*pids.values(), flush=True)
        result = import_partitions(collection, ImportConfig(identity="test", chunk_size=20, concurrency=2))
        print(result.stored, result.failed_count, result.chunks, flush=True)
"""


def need_dask():
    pytest.importorskip("distributed", reason="Dask is not installed")


@pytest.mark.parametrize("kind", ["bag", pytest.param("dataframe", marks=pytest.mark.nightly)])
def test_killed_workers_partition_is_repeated_without_doubling(emulator, tenant, fault, seen, tmp_path, kind):
    """Two worker processes, one of them killed in the middle: every row once, a key per chunk, a body per key."""
    need_dask()
    fault(method="POST", path=BULK, delay=0.02)
    script = tmp_path / "cluster.py"
    script.write_text(CLUSTER)
    where = {"SEGOPS_API_KEY": tenant.api_key, "SEGOPS_API_URL": emulator.base_url}
    with subprocess.Popen(
        [sys.executable, str(script), kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=processes._environment(where),
        text=True,
    ) as process:
        first, _ = [int(pid) for pid in process.stdout.readline().split()]
        while len(seen(path=BULK)) < 15:
            time.sleep(0.01)
        os.kill(first, signal.SIGKILL)
        output, errors = process.communicate(timeout=50)

    assert process.returncode == 0, errors
    assert output.split() == ["1200", "0", "60"]
    with SegOpsAdmin(tenant.api_key, base_url=emulator.base_url) as segops:
        found = [(p.sku, p.name) for p in segops.products.iterate(page_size=200)]
    assert sorted(found) == [(row["sku"], row["name"]) for row in rows(1200)]
    keys = {entry.idempotency_key for entry in seen(path=BULK)}
    assert len(keys) == 60
    assert all(len({use.body_hash for use in emulator.ledger[key]}) == 1 for key in keys)
    assert len(seen(path=BULK)) > 60, "the killed worker's partition was not repeated"


def test_partition_is_imported_by_a_plain_function(emulator, tenant, seen):
    """Any engine can call it; a second run of the same partition sends the same chunks under the same keys."""
    config = ImportConfig(base_url=emulator.base_url, api_key=tenant.api_key, chunk_size=10)
    first = import_partition(config, rows(25), 3)
    again = import_partition(config, rows(25), 3)
    import_partition(config, rows(25), 4)

    assert (first.created, again.updated) == (25, 25)
    keys = [entry.idempotency_key for entry in seen(path=BULK)]
    assert set(keys[:3]) == set(keys[3:6])
    assert not set(keys[:3]) & set(keys[6:])


def test_partition_of_one_chunk_has_a_key_of_its_content(emulator, tenant, seen):
    """The same identity with other rows is another body, and needs another key."""
    config = ImportConfig(base_url=emulator.base_url, api_key=tenant.api_key)
    import_partition(config, rows(5), 0)
    import_partition(config, rows(6), 0)

    assert len({entry.idempotency_key for entry in seen(path=BULK)}) == 2


def test_key_is_not_in_what_travels_unless_asked_for(monkeypatch, emulator, tenant):
    """Schedulers log and keep what they are given; a worker has an environment of its own."""
    monkeypatch.setenv("SEGOPS_API_KEY", tenant.api_key)
    config = ImportConfig(base_url=emulator.base_url)

    assert tenant.api_key.encode() not in pickle.dumps((import_partition, config, rows(3), 0))
    assert tenant.api_key not in repr(ImportConfig(api_key=tenant.api_key))
    assert import_partition(pickle.loads(pickle.dumps(config)), rows(3), 0).stored == 3


def test_worker_without_a_key_says_so():
    """Not a hang, not a KeyError."""
    with pytest.raises(SegOpsConfigError, match="SEGOPS_API_KEY"):
        import_partition(ImportConfig(), rows(3), 0)


def test_results_are_added_up(emulator, tenant):
    """Counts add, failures are kept up to a thousand, the time is the longest one's; results travel."""
    config = ImportConfig(base_url=emulator.base_url, api_key=tenant.api_key)
    bad = [{"sku": f"S{n}"} for n in range(700)]
    parts = [import_partition(config, part, n) for n, part in enumerate([bad, bad, rows(10)])]
    result = merged(pickle.loads(pickle.dumps(parts)))

    assert figures(result) == (10, 0, 1400)
    assert len(result.failed) == 1000
    assert result.duration_s == max(part.duration_s for part in parts)
    assert merged([]).rows == 0


def test_dataframe_is_imported_partition_by_partition(emulator, tenant, seen):
    """On whatever scheduler Dask has; here in this very process."""
    dataframe = pytest.importorskip("dask.dataframe", reason="Dask is not installed")
    pandas = pytest.importorskip("pandas")
    config = ImportConfig(base_url=emulator.base_url, api_key=tenant.api_key, chunk_size=10)
    frame = dataframe.from_pandas(pandas.DataFrame(rows(60)), npartitions=3)
    result = import_partitions(frame, config, scheduler="synchronous")

    assert figures(result) == (60, 0, 0)
    assert len({entry.idempotency_key for entry in seen(path=BULK)}) == 6


def test_what_has_no_partitions_is_refused():
    """A list is no Dask collection: `bulk_upsert` takes it."""
    need_dask()
    with pytest.raises(SegOpsInputError, match="Dask"):
        import_partitions(rows(3))


def test_without_dask_it_says_what_to_install(monkeypatch):
    """The extra is optional, and importing the module needs none of it."""
    monkeypatch.setitem(sys.modules, "dask", None)
    with pytest.raises(SegOpsInputError, match=r"segops_admin\[dask\]"):
        import_partitions(rows(3))
