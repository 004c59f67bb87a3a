"""Run by the published package's own interpreter: calls every method it has, and tells on stdout what came of it.

    python -I driver.py ROOT KEY

Namespaces and methods are found by looking at the client; the arguments are in the scenario below. A method that the
scenario does not call is told under `untold`, for the test to fail. Only facts are told: what was returned or raised.
"""

import inspect
import json
import sys
import time

import segops_admin
from segops_admin.webhook import verify_webhook

LOOKS = 500
PAUSE_S = 0.02
BODY = b'{"event":"segment.recomputed"}'
BOUGHT = {"type": "event_count", "event_type": "flour_bought", "operator": "gte", "value": 1}
BUYERS = {"logic": "AND", "conditions": [BOUGHT]}
RYE = {
    "logic": "AND",
    "conditions": [{"type": "product_attribute", "property": "grain", "operator": "eq", "value": "rye"}],
}
EVENT = {"user_id": "ana@example.net", "event_type": "flour_bought", "payload": {"amount": 3.5}}
CONFIG = {"list_id": "Qw9ZtB", "api_key": "pk_klaviyo"}
CSV = b"sku,name,Grain\nSPELT-1,Spelt,spelt\n"


class Told:
    """A client whose calls are written down."""

    def __init__(self, client):
        self.client = client
        self.results = {}
        self.raised = {}

    def __call__(self, name, *args, **options):
        """Call `namespace.method`, and return its result; a generator is read to its end."""
        namespace, method = name.split(".")
        try:
            result = getattr(getattr(self.client, namespace), method)(*args, **options)
            result = list(result) if inspect.isgenerator(result) else result
        except Exception as error:
            self.raised.setdefault(name, []).append(f"{error!r} {getattr(error, 'body', '')}")
            raise
        self.results.setdefault(name, []).append(result)
        return result

    def until(self, holds, name, *args):
        """Look again until it holds; the last look is returned."""
        for _ in range(LOOKS):
            found = self(name, *args)
            if holds(found):
                return found
            time.sleep(PAUSE_S)
        raise TimeoutError(f"{name} never got there: {found}")


def methods(client):
    """Return the name of every public method of every namespace."""
    namespaces = {name: value for name, value in vars(client).items() if not name.startswith("_")}
    return sorted(
        f"{name}.{method}"
        for name, namespace in namespaces.items()
        for method, value in inspect.getmembers(namespace, callable)
        if not method.startswith("_")
    )


def signatures(client):
    """Return each method's parameters: name, whether it goes by keyword only, whether it may be left out."""
    told = {}
    for name in methods(client):
        namespace, method = name.split(".")
        parameters = inspect.signature(getattr(getattr(client, namespace), method)).parameters.values()
        told[name] = [
            {"name": p.name, "keyword": p.kind is p.KEYWORD_ONLY, "optional": p.default is not p.empty}
            for p in parameters
        ]
    return told


def crud(call, namespace, body, change, method):
    """Create, read, change and list an object; return its id."""
    made = call(f"{namespace}.create", body)
    call(f"{namespace}.get", made["id"])
    call(f"{namespace}.update", made["id"], change)
    call(f"{namespace}.update", made["id"], {**body, **change}, method=method)
    call(f"{namespace}.list")
    call(f"{namespace}.list", {"page": 1, "page_size": 1})
    call(f"{namespace}.iterate")
    call(f"{namespace}.iterate", {"page_size": 1})
    return made["id"]


def segments(call):
    """Segments of users; return the id of one with a member."""
    call("http.request", "POST", "/ingestion/track/batch/", body={"events": [EVENT, {**EVENT, "user_id": "bo/b"}]})
    segment = crud(call, "segments", {"name": "Bakers", "definition": BUYERS}, {"name": "Lapsed bakers"}, "PUT")
    call("segments.preview", BUYERS)
    call("segments.estimate", segment)
    call("segments.versions", segment)
    call("segments.recompute", segment)
    call.until(lambda found: found["last_computed_at"], "segments.get", segment)
    call("segments.members", segment)
    call("segments.members", segment, {"limit": 1})
    call("segments.membership", "ana@example.net")
    export = call("segments.export", segment, format="csv")
    query = {"export_id": export["export_id"]}
    for _ in range(LOOKS):
        if call("http.request", "GET", f"/segments/{segment}/export/", query=query)["status"] == "complete":
            break
        time.sleep(PAUSE_S)
    return segment


def products(call):
    """Products, imports and scores, and the segments of products."""
    fields = [{"name": "grain", "type": "string", "required": True, "description": ""}]
    call("http.request", "PUT", "/pim/schema/", body={"fields": fields})
    call("products.bulk_upsert", [{"sku": "RYE-05", "name": "Dark rye", "grain": "rye"}, {"sku": "", "name": "x"}])
    body = {"sku": "RYE-10", "name": "Light rye", "data": {"grain": "rye"}}
    product = crud(call, "products", body, {"name": "Pale rye"}, "PATCH")
    call("products.list", {"q": "rye", "grain": "rye"})
    call("products.facets")
    call("products.schema")
    call("products.score", product)
    call.until(lambda found: found["ai_readability_score"] is not None, "products.get", product)
    call("products.score_all")
    call("products.import_csv", CSV)
    job = call("products.import_csv", CSV, "spelt.csv")["job_id"]
    call("products.import_status", job)
    call("products.confirm_import", job, {"confirmed": True})
    call.until(lambda found: found["status"] == "done", "products.import_status", job)
    collection = crud(call, "product_segments", {"name": "Rye", "definition": RYE}, {"name": "All rye"}, "PUT")
    call("product_segments.recompute", collection)
    call.until(lambda found: found["last_computed_at"], "product_segments.get", collection)
    call("pages.query", "dark rye")
    call("pages.query", "dark rye", {"limit": 1, "segment_id": collection})
    call("product_segments.delete", collection)
    call("products.delete", product)


def the_rest_of_segments(call, segment):
    """Connectors, users, identity and event schemas, and the end of a segment."""
    body = {"segment": segment, "connector_type": "klaviyo", "config": CONFIG}
    connector = crud(call, "activations", body, {"status": "active"}, "PUT")
    call("activations.sync", connector)
    call.until(lambda found: found["last_synced_at"], "activations.get", connector)
    call("users.search")
    call("users.search", {"q": "ana", "limit": 5})
    call("users.get", "ana@example.net")
    call("users.get", "bo/b")
    call("users.events", "ana@example.net")
    call("users.events", "ana@example.net", {"event_type": "flour_bought", "limit": 1, "since": "2026-01-01"})
    call("users.segments", "ana@example.net")
    call("users.explain", "ana@example.net", segment)
    call("users.publish_sandbox", {"user_id": "cy", "event_type": "flour_bought"})
    call("identity.alias", "7f3c", "ana@example.net")
    call("identity.merge", "bo/b", "ana@example.net")
    found = call("schemas.infer", [EVENT])
    body = {"event_type": "flour_bought", "properties": found["properties"]}
    schema = crud(call, "schemas", body, {"description": "Flour"}, "PUT")
    call("schemas.validate", "flour_bought", {"amount": "much"})
    for name in ("overview", "segments", "overlap", "activations", "usage"):
        call(f"analytics.{name}")
    call("schemas.delete", schema)
    call("activations.delete", connector)
    call("segments.delete", segment)


def queries_and_pages(call):
    """AI queries and the pages made of them."""
    body = {"query_text": "best rye flour", "providers": ["gemini"]}
    query = crud(call, "queries", body, {"category": "discovery"}, "PATCH")
    call("queries.run", query)
    call.until(lambda found: found, "queries.results", query)
    call("queries.simulate", {"query_text": "best rye flour", "providers": ["gemini"]})
    call("http.request", "POST", "/ai-reach/competitors/", body={"name": "Millstone & Co"})
    call("queries.dashboard")
    call("queries.win_rate")
    call("queries.win_rate", {"limit": 5})
    page = crud(call, "pages", {"slug": "rye", "query": query}, {"title": "Rye"}, "PATCH")
    call("pages.regenerate", page)
    call("pages.build", page, {"template": "default"})
    call.until(lambda found: found["builder_status"] == "built", "pages.get", page)
    call("pages.publish", page)
    call("pages.export", page)
    call("pages.export", page, format="json")
    call("pages.bulk_generate", {"segment_id": 3})
    call("pages.delete", page)
    call("queries.delete", query)


def the_escape_hatch(call):
    """A query, a body, a form and a walk through pages, without a method of their own."""
    for name in "abc":
        call("http.request", "POST", "/segments/", body={"name": name}, idempotent=True)
    call("http.request", "GET", "/segments/", query={"page": 1, "page_size": None})
    call("http.request", "POST", "/pim/import/csv/", form=("file", "products.csv", CSV))
    call("http.paginate", "/segments/", {"page_size": 2})


def refusals(client):
    """Return what an error looks like from the caller's side."""
    try:
        client.segments.get(999_999_999)
    except segops_admin.SegOpsApiError as error:
        missing = {"status": error.status, "body": error.body}
    keys = {}
    for key in ("", "pk_live_x", "mk_live_x", "x"):
        try:
            segops_admin.SegOpsAdmin(key)
        except segops_admin.SegOpsConfigError:
            keys[key] = "refused"
    return {"missing": missing, "keys": keys}


def main(root, key):
    """Call everything; what was raised ends the scenario it was raised in."""
    client = segops_admin.SegOpsAdmin(key, base_url=root)
    call = Told(client)
    for scenario in (lambda: the_rest_of_segments(call, segments(call)), *map(bound(call), SCENARIOS)):
        try:
            scenario()
        except Exception as error:  # noqa: BLE001 -- told, and the other scenarios still run
            call.raised.setdefault("scenario", []).append(repr(error))
    json.dump(
        {
            "home": segops_admin.__file__,
            "names": sorted(name for name in dir(segops_admin) if name[0].isupper()),
            "signatures": signatures(client),
            "results": call.results,
            "raised": call.raised,
            "untold": sorted(set(methods(client)) - set(call.results)),
            "refusals": refusals(client),
            "verified": [verify_webhook(BODY, sys.argv[3], secret) for secret in ("whk-demo-secret", "other")],
        },
        sys.stdout,
    )


def bound(call):
    """Return a function that gives a scenario its client."""
    return lambda scenario: lambda: scenario(call)


SCENARIOS = (products, queries_and_pages, the_escape_hatch)

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
