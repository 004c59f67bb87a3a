"""A bulk endpoint that stores nothing and answers after a set time, to measure clients by.

Its root is `/__emulator__/null/{milliseconds}/api`, to be given to a client as `base_url`: every answer waits so long.
Outside of the API, so that no credential is checked, no log kept and no body parsed; the rows are counted by their
`"sku":`.
"""

from __future__ import annotations

import asyncio

from aiohttp import web

from segops_admin.emulator.control import ROOT

_ROWS_BEGIN = b'"sku":'


async def swallow(request: web.Request) -> web.Response:
    """Read the rows of a bulk upsert and call them created."""
    body = await request.read()
    wait_ms = int(request.match_info["milliseconds"])
    if wait_ms:
        await asyncio.sleep(wait_ms / 1000)
    answer = b'{"created":%d,"updated":0,"errors":[]}' % body.count(_ROWS_BEGIN)
    return web.Response(body=answer, content_type="application/json")


routes = [web.post(ROOT + r"/null/{milliseconds:\d+}/api/pim/products/bulk/", swallow)]
