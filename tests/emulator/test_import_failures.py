"""How an import that fails in the background shows (sheet, section 11.4)."""

import aiohttp


async def test_injected_failure_shows_on_an_import(api, emu):
    """An import that fails in the background says so, and why, where its status is read."""
    form = aiohttp.FormData()
    form.add_field("file", b"sku,name\nRYE,Rye\n", filename="p.csv", content_type="text/csv")
    path = f"/pim/import/{(await api('POST', '/pim/import/csv/', data=form)).body['job_id']}/"
    fault = emu.faults.add(job="csv_import", tenant=api.tenant.slug, error="Disk full.", times=1)
    try:
        assert (await api.post(f"{path}confirm/")).status == 202
        failed = await api.poll(path, lambda body: body["status"] not in {"importing", "mapping"})
    finally:
        emu.faults.remove(fault)

    assert (failed["status"], failed["error"]) == ("failed", "Disk full.")
