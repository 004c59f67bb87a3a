"""Clients that we did not write, on our emulator: the published packages, in an environment of their own.

Of the published code only names and signatures are looked at, by introspection at run time; the rest is what it sends
and what it returns. Skipped where the packages cannot be had.
"""

import inspect
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

import segops_admin
from segops_admin import SegOpsAdmin, sign_webhook

HERE = pathlib.Path(__file__).parent
PACKAGES = ("segops-admin==0.2.2", "segops==0.2.2")
BODY = b'{"event":"segment.recomputed"}'
PATIENCE_S = 240

QUEUED = {"status"}
SEGMENT = {"id", "tenant", "name", "description", "segment_type", "definition", "is_active", "member_count"}
SEGMENT |= {"last_computed_at", "created_at", "updated_at"}
PRODUCT_SEGMENT = {"id", "name", "definition", "computed_count", "last_computed_at"}
PRODUCT = {"id", "sku", "name", "data", "source", "ai_readability_score", "created_at", "updated_at"}
SCHEMA = {"id", "event_type", "properties"}
ACTIVATION = {"id", "segment", "connector_type", "config", "status", "last_synced_at", "last_error"}
QUERY = {"id", "query_text", "category", "tags", "providers", "is_active", "schedule", "last_run_at"}
QUERY |= {"created_at", "updated_at"}
RESULT = {"id", "provider", "raw_response", "mentioned_brands", "mentioned_products", "position", "sentiment"}
RESULT |= {"is_simulated", "captured_at"}
PAGE = {"id", "slug", "query", "title", "published", "builder_status", "view_count", "last_ai_crawl_at"}
EXPORT = {"id", "status", "download_url"}
ENVELOPE = {"count", "next", "previous", "results"}


def crud(record, *, bare=False):
    """Return what the five calls of a collection answer."""
    calls = {"get": record, "create": record, "update": record, "iterate": [record], "delete": None}
    return {**calls, "list": [record] if bare else {**dict.fromkeys(ENVELOPE), "results": [record]}}


SHAPES = {
    "segments": {
        **crud(SEGMENT),
        "preview": {"matched_users", "sample_user_ids", "sql"},
        "estimate": {"segment_id", "estimated_count"},
        "versions": [{"id", "version", "definition", "created_at"}],
        "recompute": QUEUED,
        "members": {"results": [{"user_id", "computed_at"}], "next_cursor": None},
        "membership": {"user_id": None, "segments": [{"segment_id", "segment_name", "computed_at"}]},
        "export": {"export_id", "status"},
    },
    "product_segments": {**crud(PRODUCT_SEGMENT), "recompute": QUEUED},
    "products": {
        **crud(PRODUCT),
        "bulk_upsert": {"created": None, "updated": None, "errors": [{"index", "sku", "error"}]},
        "score": QUEUED,
        "score_all": {"product_count"},
        "facets": {"grain"},
        "schema": {"id", "fields", "default_currency", "default_locale", "created_at", "updated_at"},
        "import_csv": {"job_id", "headers", "sample_rows", "suggested_schema", "suggested_mapping"},
        "import_status": {"status", "filename", "row_count", "imported_count", "mapping"},
        "confirm_import": {"job_id", "status"},
    },
    "schemas": {
        **crud(SCHEMA),
        "infer": {"event_type": None, "properties": [{"name", "type", "required", "description"}]},
        "validate": {"valid": None, "errors": [{"property", "message"}]},
    },
    "activations": {**crud(ACTIVATION), "sync": QUEUED},
    "users": {
        "search": {"count": None, "results": [{"user_id", "event_count", "first_seen", "last_seen"}]},
        "get": {"user_id", "event_count", "event_type_count", "first_seen", "last_seen", "properties"},
        "events": {"count": None, "results": [{"event_type", "occurred_at", "payload"}]},
        "segments": [{"segment_id", "segment_name", "member_count", "computed_at"}],
        "explain": [{"index", "type", "label", "actual_value", "threshold", "matches"}],
        "publish_sandbox": {"published": None, "entered": [{"id", "name"}], "exited": [], "unchanged_count": None},
    },
    "identity": {
        "alias": {"anonymous_id", "user_id", "created"},
        "merge": {"from_user_id", "into_user_id", "merged"},
    },
    "queries": {
        **crud(QUERY, bare=True),
        "run": {"status", "query_id"},
        "results": [RESULT | {"query"}],
        "simulate": {"query_text": None, "providers": None, "timed_out": None, "results": [RESULT], "diff": []},
        "dashboard": {"total_queries", "total_results", "mention_rate", "avg_position", "share_of_voice"},
        "win_rate": [{"competitor_id", "name", "wins", "losses", "ties", "win_rate"}],
    },
    "pages": {
        **crud(PAGE, bare=True),
        "query": {
            "query": None,
            "products": [{"id", "sku", "name", "data", "relevance_score"}],
            "filters": None,
            "metadata": {"match_count", "latency_ms"},
        },
        "bulk_generate": {"job_id", "status"},
        "regenerate": QUEUED,
        "build": QUEUED,
        "publish": PAGE,
        "export": EXPORT,
    },
    "analytics": {
        "overview": {"segment_count", "total_members", "events_30d", "ai_credits_used", "ai_credits_limit"},
        "segments": [{"id", "name", "member_count", "last_computed_at", "trend"}],
        "overlap": [],
        "activations": [
            {"id", "segment_id", "segment_name", "connector_type", "status", "last_synced_at", "last_error"}
            | {"member_count", "success_rate", "sync_logs"}
        ],
        "usage": {"plan", "events_used", "events_limit", "mtu_computed", "ai_credits_used", "ai_credits_limit"},
    },
}
CASES = [(f"{namespace}.{method}", shape) for namespace, of in SHAPES.items() for method, shape in of.items()]


def fits(value, shape):
    """Return whether JSON has a documented shape: a set of keys, a dictionary of shapes, a list, or None for any."""
    if shape is None:
        return True
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(item, one) for one in shape for item in value)
    return isinstance(value, dict) and all(
        key in value and fits(value[key], shape[key] if isinstance(shape, dict) else None) for key in shape
    )


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory):
    """An interpreter that has the published packages and does not see this checkout."""
    home = tmp_path_factory.mktemp("published")
    _run(sys.executable, "-m", "venv", str(home / "env"), cwd=home, or_skip="no virtual environment can be made")
    python = home / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    _run(python, "-m", "pip", "install", *quiet, *PACKAGES, cwd=home, or_skip="the published packages cannot be had")
    return python


@pytest.fixture(scope="session")
def published_tenant(emulator):
    return emulator.create_tenant()


@pytest.fixture(scope="session")
def told(interpreter, emulator, published_tenant):
    """What the driver told after it had called every method of the published package."""
    arguments = (emulator.base_url, published_tenant.api_key, sign_webhook(BODY, "whk-demo-secret"))
    done = _run(interpreter, "-I", HERE / "driver.py", *arguments, cwd=interpreter.parent)
    return json.loads(done.stdout)


@pytest.fixture
def ours():
    """Our blocking client, for its surface; nothing listens where it points."""
    with SegOpsAdmin("sk_test_surface", base_url="http://127.0.0.1:9/api") as client:
        yield client


def _run(*command, cwd, or_skip=None):
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SEGOPS_", "PYTHON"))}
    environment |= {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    if done.returncode and or_skip:
        pytest.skip(or_skip)
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.timeout(PATIENCE_S)
def test_the_published_package_is_what_runs(told, interpreter):
    """It has our package's name: had the environment seen this checkout, we would be testing ourselves."""
    assert pathlib.Path(told["home"]).is_relative_to(interpreter.parent.parent)
    assert told["home"] != segops_admin.__file__


@pytest.mark.timeout(PATIENCE_S)
def test_every_published_method_was_called(told):
    """A method that the driver has no arguments for would pass unseen."""
    assert told["untold"] == []
    assert {name for name in told["signatures"] if not name.startswith("http.")} == {name for name, _ in CASES}


@pytest.mark.timeout(PATIENCE_S)
def test_no_published_method_is_refused(told):
    """The emulator serves clients that we did not write."""
    assert told["raised"] == {}


@pytest.mark.timeout(PATIENCE_S)
def test_every_request_of_the_published_package_is_answered_2xx(told, emulator, published_tenant):
    """Its retries would hide a 5xx; the one 404 is the driver's look at an id that no segment has."""
    answers = emulator.requests.matching(tenant=published_tenant.slug)
    refused = [(r.method, r.path, r.status) for r in answers if not 200 <= (r.status or 0) < 300]

    assert refused == [("GET", "/api/segments/999999999/", 404)]
    assert len(answers) > len(CASES)


@pytest.mark.timeout(PATIENCE_S)
@pytest.mark.parametrize(("method", "shape"), CASES, ids=[name for name, _ in CASES])
def test_published_method_gets_the_documented_shape(told, method, shape):
    """Section by section of the sheet; what is inferred there is what its emulator conventions agree on."""
    answers = told["results"].get(method)

    assert answers, "this method never returned"
    assert [answer for answer in answers if not fits(answer, shape)] == []


@pytest.mark.timeout(PATIENCE_S)
def test_published_deletes_return_nothing(told):
    """204 is None (sheet, section 23)."""
    deletes = {name: answers for name, answers in told["results"].items() if name.endswith(".delete")}

    assert len(deletes) == 7
    assert all(answers == [None] for answers in deletes.values())


@pytest.mark.timeout(PATIENCE_S)
def test_published_pages_are_walked_to_their_end(told):
    """`iterate` counts pages up while `next` is set; a bare list is yielded once."""
    walked = told["results"]

    assert [item["name"] for item in walked["http.paginate"][0]] == ["a", "b", "c"]
    assert [p["sku"] for p in walked["products.iterate"][1]] == ["RYE-05", "RYE-10"]
    assert [q["query_text"] for q in walked["queries.iterate"][0]] == ["best rye flour"]


@pytest.mark.timeout(PATIENCE_S)
def test_published_errors_and_keys_are_as_the_sheet_says(told):
    """Status and parsed body on a 404; a key of another kind is refused before any request."""
    assert told["refusals"]["missing"]["status"] == 404
    assert "detail" in told["refusals"]["missing"]["body"]
    assert set(told["refusals"]["keys"].values()) == {"refused"}
    assert len(told["refusals"]["keys"]) == 4


@pytest.mark.timeout(PATIENCE_S)
def test_published_checker_agrees_with_our_signature(told):
    """One wire, two implementations of its signature."""
    assert told["verified"] == [True, False]


@pytest.mark.timeout(PATIENCE_S)
def test_published_package_sends_keys_on_the_listed_mutations_only(told, emulator, published_tenant):
    """Section 5's list, which the emulator's ledger is read against: a create has a key, an update has none."""
    answers = emulator.requests.matching(tenant=published_tenant.slug)
    creates = [r for r in answers if r.method == "POST" and r.path == "/api/product-segments/"]
    updates = [r for r in answers if r.method in ("PATCH", "PUT", "DELETE", "GET")]

    assert all(r.idempotency_key for r in creates)
    assert not any(r.idempotency_key for r in updates)


@pytest.mark.timeout(PATIENCE_S)
def test_our_client_has_every_published_method(told, ours):
    """A script for the published package runs unchanged, so a name it may use must be there."""
    missing = [name for name in told["signatures"] if _ours(ours, name) is None]

    assert missing == []


@pytest.mark.timeout(PATIENCE_S)
def test_our_methods_take_the_published_calls(told, ours):
    """Positional parameters by place, keyword-only ones by name, required ones alone or with all the others."""
    refused = []
    for name, parameters in told["signatures"].items():
        method = _ours(ours, name)
        for chosen in (parameters, [p for p in parameters if not p["optional"]]):
            args = [p["name"] for p in chosen if not p["keyword"]]
            options = {p["name"]: p["name"] for p in chosen if p["keyword"]}
            try:
                _ = method and inspect.signature(method).bind(*args, **options)
            except TypeError as error:
                refused.append(f"{name}: {error}")

    assert refused == []


@pytest.mark.timeout(PATIENCE_S)
def test_our_escape_hatch_takes_the_published_form(told, emulator, tenant):
    """The published one takes (field, filename, bytes) and worked above; the same line must work on ours."""
    with SegOpsAdmin(tenant.api_key, base_url=emulator.base_url) as client:
        job = client.http.request("POST", "/pim/import/csv/", form=("file", "products.csv", b"sku,name\nA,a\n"))

    assert job["filename"] == "products.csv"


@pytest.mark.timeout(PATIENCE_S)
def test_our_package_has_every_published_name(told):
    """`from segops_admin import Segment` is a script's first line: the types are imported for annotations."""
    assert [name for name in told["names"] if not hasattr(segops_admin, name)] == []


def _ours(client, name):
    namespace, method = name.split(".")
    return getattr(getattr(client, namespace, None), method, None)


@pytest.mark.timeout(PATIENCE_S)
def test_events_of_the_published_ingestion_package_show_up(interpreter, emulator, tenant):
    """What it sends in batches is what the explorer then shows, payload, time and traits included."""
    done = _run(interpreter, "-I", HERE / "ingestion.py", emulator.origin, tenant.api_key, cwd=interpreter.parent)
    with SegOpsAdmin(tenant.api_key, base_url=emulator.base_url) as client:
        baked = client.users.events("ana", {"event_type": "loaf_baked", "limit": 200})
        bought = client.users.events("bo")
        profile = client.users.get("ana")

    assert json.loads(done.stdout)["complaints"] == []
    assert sorted(event["payload"]["minutes"] for event in baked) == list(range(45))
    assert [(e["event_type"], e["occurred_at"]) for e in bought] == [("flour_bought", "2026-06-11T07:45:10Z")]
    assert (profile["event_count"], profile["properties"]) == (46, {"country": "NO"})
    assert {r.status for r in emulator.requests.matching(tenant=tenant.slug)} <= {200, 202}


@pytest.mark.timeout(PATIENCE_S)
def test_published_ingestion_package_mints_a_session_with_a_public_key(interpreter, emulator, tenant):
    """The handshake of section 2.5: its events are then stored under the session's own user."""
    arguments = (emulator.origin, tenant.public_key, "cust-9001")
    done = _run(interpreter, "-I", HERE / "ingestion.py", *arguments, cwd=interpreter.parent)
    with SegOpsAdmin(tenant.api_key, base_url=emulator.base_url) as client:
        profile = client.users.get("cust-9001")

    assert json.loads(done.stdout)["complaints"] == []
    assert profile["event_count"] == 47
    assert emulator.requests.matching(tenant=tenant.slug, method="POST", path="/auth/session/")


@pytest.mark.timeout(PATIENCE_S)
def test_published_signature_of_a_user_id_is_the_sheets(interpreter, emulator, tenant):
    """The vector of section 26, from code that is not ours."""
    done = _run(interpreter, "-I", HERE / "ingestion.py", emulator.origin, tenant.api_key, cwd=interpreter.parent)
    signed = json.loads(done.stdout)["signed"]

    assert "78511ddd0882a9c39693c621e0bb98b7e319a4b4de2055d8c5e67e017e51c94b" in signed.values()


def test_an_environment_without_the_packages_is_no_failure(tmp_path):
    """Offline, these tests say why they did not run."""
    with pytest.raises(pytest.skip.Exception, match="cannot be had"):
        _run(sys.executable, "-c", "raise SystemExit(1)", cwd=tmp_path, or_skip="it cannot be had")


def test_the_versions_asked_for_are_exact():
    """A newer release is another contract."""
    assert all(re.fullmatch(r"[a-z-]+==0\.2\.2", package) for package in PACKAGES)
