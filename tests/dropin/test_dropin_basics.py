"""What every script does, whatever it is about: make a client, read results, meet errors (sheet, section 23)."""

import json
import pickle

import pytest

import segops_admin
from segops_admin import SegOpsAdmin, SegOpsApiError, SegOpsConfigError
from segops_admin.webhook import verify_webhook

BODY = (
    b'{"event":"segment.recomputed","tenant_slug":"northwind","segment_id":31,"segment_name":"Lapsed bakers",'
    b'"member_count":208,"computed_at":"2026-06-11T07:45:10Z"}'
)
SIGNATURE = "sha256=451ea68c2f3af4794ea34d26bc0dd915266740b0563d8983591606b2cbcc0a3e"


@pytest.mark.parametrize("key", ["", "pk_live_x", "mk_live_x", "live_x", "x"])
def test_key_of_another_kind_is_refused_at_once(key):
    """A configuration error, before any request."""
    with pytest.raises(SegOpsConfigError):
        SegOpsAdmin(key, base_url="http://127.0.0.1:9/api")


def test_slash_at_the_end_of_the_root_is_trimmed(tenant, emulator):
    """People copy it with and without."""
    client = SegOpsAdmin(tenant.api_key, base_url=emulator.base_url + "/")

    assert client.segments.list()["results"] == []
    client.close()


def test_environment_names_are_those_of_the_published_command(tenant, emulator, monkeypatch):
    """`SEGOPS_API_KEY`, and `SEGOPS_API_URL` as the root including `/api`."""
    monkeypatch.setenv("SEGOPS_API_KEY", tenant.api_key)
    monkeypatch.setenv("SEGOPS_API_URL", emulator.base_url)
    client = SegOpsAdmin()

    assert client.segments.create({"name": "a"})["name"] == "a"
    client.close()


def test_headers_are_those_of_the_published_package(client, seen):
    """`Content-Type` only with a body; the key in `Authorization: ApiKey`."""
    client.segments.list()
    made = client.segments.create({"name": "a"})
    client.segments.recompute(made["id"])
    listed, created, computed = seen()

    assert listed.headers["Authorization"].startswith("ApiKey sk_")
    assert listed.headers["Accept"] == "application/json"
    assert created.headers["Content-Type"] == "application/json"
    assert "Content-Type" not in listed.headers
    assert "Content-Type" not in computed.headers
    assert computed.body_size == 0


def test_result_reads_like_a_dictionary(client):
    """What a script may do with the dictionary it used to get."""
    segment = client.segments.create({"name": "Lapsed", "description": "Quiet"})

    assert segment["name"] == "Lapsed"
    assert segment.get("name") == "Lapsed"
    assert segment.get("nothing") is None
    assert segment.get("nothing", 5) == 5
    assert "name" in segment
    assert "nothing" not in segment
    assert dict(segment)["description"] == "Quiet"
    assert set(segment.keys()) == set(segment) == set(dict(segment.items()))
    assert "Quiet" in segment.values()
    assert {**segment}["name"] == "Lapsed"
    assert len(segment) == len(dict(segment))
    assert json.loads(json.dumps(segment.to_dict())) == dict(segment)
    with pytest.raises(KeyError):
        segment["nothing"]


def test_reading_by_key_gives_the_raw_json_value(client):
    """A timestamp stays the string it was: scripts cut and compare it."""
    segment = client.segments.create({"name": "a"})

    assert isinstance(segment["created_at"], str)
    assert segment["created_at"].endswith("Z")
    assert segment["created_at"] == client.http.request("GET", f"/segments/{segment['id']}/")["created_at"]
    assert segment["last_computed_at"] is None


def test_field_we_do_not_know_is_read_by_its_key(client, tenant):
    """The service adds fields at any time, and scripts read them before we know them."""
    raw = client.http.request("POST", "/segments/", body={"name": "a"})
    record = client.segments.get(raw["id"])

    assert dict(record) == raw
    assert record["tenant"] == tenant.id


def test_page_reads_like_the_envelope(client):
    """`results` are plain dictionaries, count and links stand beside them."""
    for name in "abc":
        client.segments.create({"name": name})
    page = client.segments.list({"page": 1, "page_size": 2})

    assert (page["count"], page["previous"]) == (3, None)
    assert page["next"].startswith("/api/segments/?")
    assert page["results"][0]["name"] == "a"
    assert type(page["results"][0]) is dict
    assert [item["name"] for item in page["results"]] == ["a", "b"]
    assert "results" in page
    assert page.get("next") == page["next"]
    assert page.get("nothing", 5) == 5
    assert dict(page)["count"] == 3
    assert json.loads(json.dumps(page.to_dict())) == dict(page)


def test_iterate_is_the_generator_it_was(client):
    """`for`, `list`, `next`, a comprehension; from page 1 or from where it is told."""
    for name in "abcde":
        client.segments.create({"name": name})

    assert [item["name"] for item in client.segments.iterate({"page_size": 2})] == list("abcde")
    assert [item["name"] for item in client.segments.iterate({"page": 2, "page_size": 2})] == list("cde")
    assert next(client.segments.iterate())["name"] == "a"
    assert len(list(client.segments.iterate())) == 5
    reader = client.segments.iterate({"page_size": 2})
    assert next(reader)["name"] == "a"
    reader.close()


@pytest.mark.parametrize("namespace", ["segments", "product_segments", "products", "schemas", "activations"])
def test_list_and_iterate_of_an_empty_workspace(client, namespace):
    """The first run of a script."""
    assert getattr(client, namespace).list()["results"] == []
    assert getattr(client, namespace).list({"page": 1})["count"] == 0
    assert list(getattr(client, namespace).iterate({"page_size": 2})) == []


def test_ids_may_be_strings(client):
    """The published methods take `int` or `str`: ids come out of files and forms."""
    made = client.segments.create({"name": "a"})
    text = str(made["id"])

    assert client.segments.get(text)["id"] == made["id"]
    assert client.segments.update(text, {"name": "b"})["name"] == "b"
    assert client.segments.delete(text) is None


def test_none_in_a_query_is_left_out(client, seen):
    """Scripts pass optional filters as they have them."""
    client.segments.list({"page": None, "page_size": 2})

    assert dict(seen()[0].query) == {"page_size": "2"}


def test_unknown_query_parameters_pass(client, seen):
    """`params` are free dictionaries there."""
    client.segments.list({"ordering": "-name", "is_active": True})

    assert seen()[0].query["ordering"] == "-name"
    assert seen()[0].query["is_active"] in ("true", "True")


def test_error_has_status_and_parsed_body(client):
    """The two attributes scripts look at."""
    with pytest.raises(SegOpsApiError) as missing:
        client.segments.get(999_999_999)
    with pytest.raises(SegOpsApiError) as invalid:
        client.segments.create({})

    assert (missing.value.status, type(missing.value.body)) == (404, dict)
    assert "detail" in missing.value.body
    assert invalid.value.status == 400
    assert invalid.value.body["name"] == ["This field is required."]


def test_error_of_a_crashed_proxy_has_its_text(client, fault):
    """A 5xx may be HTML: the body is then the text itself."""
    fault(status=502, body="<h1>Bad gateway</h1>")
    with pytest.raises(SegOpsApiError) as caught:
        client.with_options(max_retries=0).segments.list()

    assert caught.value.status == 502
    assert caught.value.body == "<h1>Bad gateway</h1>"


def test_error_survives_a_process_pool(client):
    """Scripts fan out with `multiprocessing`."""
    with pytest.raises(SegOpsApiError) as caught:
        client.segments.get(999_999_999)
    copy = pickle.loads(pickle.dumps(caught.value))

    assert (copy.status, copy.body) == (caught.value.status, caught.value.body)


def test_put_goes_by_the_method_word(client, seen):
    """`method="PUT"` by keyword; PATCH without it."""
    made = client.segments.create({"name": "a", "description": "d"})
    client.segments.update(made["id"], {"name": "b"})
    replaced = client.segments.update(made["id"], {"name": "c"}, method="PUT")

    assert [r.method for r in seen()] == ["POST", "PATCH", "PUT"]
    assert (replaced["name"], replaced["description"]) == ("c", "")


def test_escape_hatch_takes_query_body_and_idempotent(client, seen):
    """`http.request(method, path, query=, body=, form=, idempotent=)`."""
    made = client.http.request("POST", "/segments/", body={"name": "a"}, idempotent=True)
    listed = client.http.request("GET", "/segments/", query={"page": 1, "page_size": None})
    changed = client.http.request("PATCH", f"/segments/{made['id']}/", body={"name": "b"})
    gone = client.http.request("DELETE", f"/segments/{made['id']}/")

    assert (type(made), type(listed)) == (dict, dict)
    assert (listed["results"][0]["id"], changed["name"], gone) == (made["id"], "b", None)
    assert seen()[0].idempotency_key
    assert dict(seen()[1].query) == {"page": "1"}


def test_escape_hatch_sends_a_form(client):
    """`form=` is named by the sheet, its shape is not; this is the mapping of our own reference."""
    form = {"file": ("products.csv", b"sku,name\nA,a\n", "text/csv")}
    job = client.http.request("POST", "/pim/import/csv/", form=form)

    assert (job["filename"], job["row_count"]) == ("products.csv", 1)


def test_escape_hatch_raises_the_same_errors(client):
    """A script has one `except` for both."""
    with pytest.raises(SegOpsApiError) as caught:
        client.http.request("GET", "/segments/999999999/")

    assert caught.value.status == 404


def test_escape_hatch_gives_text_that_is_no_json(client, fault):
    """A non-JSON 2xx body is the text itself; an empty one is None."""
    fault(path="/segments/", status=200, body="fine", headers={"Content-Type": "text/plain"})
    fault(path="/schemas/", status=200, body="")

    assert client.http.request("GET", "/segments/") == "fine"
    assert client.http.request("GET", "/schemas/") is None


def test_webhook_checker_is_where_it_was():
    """`segops_admin.webhook.verify_webhook`, body as bytes or text, header with or without its prefix or missing."""
    assert segops_admin.webhook.verify_webhook is verify_webhook
    assert verify_webhook(BODY, SIGNATURE, "whk-demo-secret") is True
    assert verify_webhook(BODY.decode(), SIGNATURE.removeprefix("sha256="), "whk-demo-secret") is True
    assert verify_webhook(BODY + b" ", SIGNATURE, "whk-demo-secret") is False
    assert verify_webhook(BODY, SIGNATURE, "other") is False
    assert verify_webhook(BODY, None, "whk-demo-secret") is False
    assert verify_webhook(BODY, SIGNATURE, "") is False
    assert verify_webhook(body=BODY, signature=SIGNATURE, secret="whk-demo-secret") is True
