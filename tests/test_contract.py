"""The snippets of design.md, section 2, run as written."""

import json

import processes
import pytest

from segops_admin import AsyncSegOpsAdmin, SegOpsAdmin, SegOpsApiError, SegOpsConfigError, SegOpsNotFoundError

DEFINITION = {"logic": "AND", "conditions": [{"type": "event_count", "event_type": "x", "operator": "gte", "value": 1}]}


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch, emulator, tenant):
    monkeypatch.setenv("SEGOPS_API_KEY", tenant.api_key)
    monkeypatch.setenv("SEGOPS_API_URL", emulator.base_url)


async def test_the_awaited_snippet():
    """The first thing a reader copies."""
    async with AsyncSegOpsAdmin() as segops:
        segment = await segops.segments.create(name="High-value buyers", definition=DEFINITION)
        await segops.segments.recompute(segment.id)
        done = await segops.segments.recompute_and_wait(segment.id, timeout=120)
        seen = [(s.id, s.name, s.member_count) async for s in segops.segments.iterate(page_size=100)]
        page = await segops.segments.list(page=1, page_size=50)

    assert done.id == segment.id
    assert seen == [(segment.id, "High-value buyers", 0)]
    assert (page.count, page.next, page.previous, len(page), [s.id for s in page]) == (1, None, None, 1, [segment.id])
    assert page.results == list(page)


def test_the_blocking_snippet(tenant):
    """No `with` needed; `with` and `.close()` work too."""
    segops = SegOpsAdmin(api_key=tenant.api_key)
    made = segops.segments.create({"name": "a"})
    assert [s.id for s in segops.segments.iterate()] == [made.id]
    segops.close()

    with SegOpsAdmin() as other:
        assert other.segments.get(made.id) == made


def test_script_for_the_published_package_runs_unchanged(tenant):
    """Same names, same positional arguments, results read like dictionaries."""
    segops = SegOpsAdmin(tenant.api_key)
    segment = segops.segments.create({"name": "Lapsed", "definition": DEFINITION})
    segops.segments.update(segment["id"], {"name": "Gone"}, method="PUT")
    page = segops.segments.list({"page": 1})
    export = segops.segments.export(segment["id"], format="csv")
    product = segops.products.create({"sku": "RYE-05", "name": "Dark rye"})
    job = segops.products.import_csv(b"sku,name\nA,a\n", filename="a.csv")
    bulk = segops.products.bulk_upsert([{"sku": "B", "name": "b"}])

    assert segment.get("name") == "Lapsed"
    assert "name" in segment
    assert dict(segment)["id"] == segment["id"]
    assert json.loads(json.dumps(segment.to_dict()))["definition"] == DEFINITION
    assert [item["name"] for item in page["results"]] == ["Gone"]
    assert export["status"] == "pending"
    assert segops.segments.preview({"definition": DEFINITION})["matched_users"] == 0
    assert segops.segments.membership("nobody")["segments"] == []
    assert [v["definition"] for v in segops.segments.versions(segment["id"])]
    assert segops.segments.members(segment["id"], {"page": 1})["results"] == []
    assert segops.segments.recompute(segment["id"])["status"] == "queued"
    assert segops.products.get(product["id"])["sku"] == "RYE-05"
    assert segops.products.import_status(job["job_id"])["status"] == "mapping"
    assert bulk["created"] == 1
    assert segops.products.schema()["fields"] == []
    with pytest.raises(SegOpsApiError) as caught:
        segops.segments.get(999_999_999)
    assert caught.value.status == 404
    assert "detail" in caught.value.body
    segops.close()


async def test_the_escape_hatch_reaches_any_endpoint():
    """With the retries and errors of the rest."""
    async with AsyncSegOpsAdmin() as segops:
        made = await segops.http.request("POST", "/segments/", body={"name": "a"}, idempotent=False)
        listed = await segops.http.request("GET", "/segments/", query={"page": 1})
        none = await segops.http.request("DELETE", f"/segments/{made['id']}/")

    assert (listed["count"], none) == (1, None)


@pytest.mark.parametrize("path", ["https://evil.invalid/api/segments/", "//evil.invalid/x/", "/../x/", "/a/%2e%2e/x"])
async def test_escape_hatch_stays_below_its_root(path):
    """A path from outside must not carry the key away."""
    async with AsyncSegOpsAdmin(max_retries=0) as segops:
        with pytest.raises((SegOpsConfigError, SegOpsNotFoundError)):
            await segops.http.request("GET", path)


def test_client_and_script_need_no_asyncio_knowledge(tenant, emulator):
    """A whole script as a stranger writes it."""
    done = processes.script(
        """
        from segops_admin import SegOpsAdmin
        segops = SegOpsAdmin()
        segops.segments.create(name="a")
        for s in segops.segments.iterate(): print(s.name)
        """,
        SEGOPS_API_KEY=tenant.api_key,
        SEGOPS_API_URL=emulator.base_url,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "a\n", "")
