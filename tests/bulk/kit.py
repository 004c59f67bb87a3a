"""What the tests of imports share: rows by number, a server that takes them, and what came of it."""

import json

from rawserver import reply

BULK = "/pim/products/bulk/"


def rows(count, start=0, **more):
    """Return so many rows; a row's name says which one it is."""
    return [{"sku": f"S{number:05}", "name": f"row {number}", **more} for number in range(start, start + count)]


def took(request):
    """Answer a bulk request as a server does that likes every row."""
    return reply(200, {"created": len(request.json()["products"]), "updated": 0, "errors": []})


def sent(raw):
    """Return the skus of each bulk request that arrived at a scripted server, in the order of arrival."""
    return [[row["sku"] for row in json.loads(request.body)["products"]] for request in raw.requests]


async def stored(segops):
    """Return the name of every stored product by sku; each sku must be there once."""
    found = [(product.sku, product.name) async for product in segops.products.iterate(page_size=200)]
    assert len(dict(found)) == len(found), "a sku is stored twice"
    return dict(found)


def figures(result):
    """Return the counts of a result, and check that they add up."""
    assert result.rows == result.stored + result.skipped + result.failed_count
    return result.stored, result.skipped, result.failed_count
