"""Where the sources disagree (sheet, section 22) the client takes either form, and every record takes what may come.

One test or more per contradiction, by its number; the rules for all records, found by looking, stand at the end.
"""

import json
import pkgutil
import typing
import urllib.parse
from datetime import date, datetime
from importlib import import_module

import aiohttp
import attrs
import faces
import pytest
from rawserver import reply

from segops_admin import (
    SegOpsConfigError,
    SegOpsDecodeError,
    SegOpsJobError,
    SegOpsRateLimitError,
    records,
)
from segops_admin.core.codec import decode
from segops_admin.core.request import Request
from segops_admin.core.response import Response
from segops_admin.records.base import JSON, Id, Record
from segops_admin.webhook import parse_webhook, verify_webhook

BUYERS = {"logic": "AND", "conditions": [{"type": "event_count", "event_type": "paid", "operator": "gte", "value": 2}]}
THREE = [{"id": 1}, {"id": 2}, {"id": 3}]


def target(request):
    """Return path and query of a request to the scripted server."""
    parts = urllib.parse.urlsplit(request.target)
    return parts.path, dict(urllib.parse.parse_qsl(parts.query))


async def test_c01_the_client_sends_an_api_key_in_the_authorization_header(at_raw, raw):
    """The overview, the AI pages and the published SDK agree on this one."""
    raw.script(reply(200, []))
    await at_raw().queries.list()

    assert raw.requests[0].headers["authorization"] == "ApiKey sk_test_raw"
    assert "x-api-key" not in raw.requests[0].headers


async def test_c01_the_emulator_takes_every_form(emulator, tenant):
    """Other clients follow other pages."""
    async with aiohttp.ClientSession() as session:
        account = {"email": tenant.email, "password": tenant.password}
        async with session.post(f"{emulator.base_url}/auth/token/", json=account) as response:
            token = (await response.json())["access"]
        forms = [
            {"Authorization": f"ApiKey {tenant.api_key}"},
            {"X-API-Key": tenant.api_key},
            {"Authorization": f"Bearer {token}"},
        ]
        for headers in forms:
            for path in ("/segments/", "/pim/products/", "/ai-reach/queries/"):
                async with session.get(emulator.base_url + path, headers=headers) as response:
                    assert response.status == 200


async def test_c02_segment_takes_tenant_and_definition_in_create_or_neither(segops, at_raw, raw):
    """What the caller gives is sent, and nothing else: either page may be right about a server."""
    raw.script(reply(201, {"id": 31}))
    await at_raw().segments.create(name="a", tenant=4)
    await at_raw().segments.create(name="a", definition=BUYERS)
    first = await segops.segments.create(name="a", tenant=4)
    patched = await segops.segments.update(first.id, definition=BUYERS)
    at_once = await segops.segments.create(name="a", definition=BUYERS)

    assert [r.json() for r in raw.requests] == [{"name": "a", "tenant": 4}, {"name": "a", "definition": BUYERS}]
    assert patched.definition == at_once.definition == BUYERS
    assert first.tenant == at_once.tenant


@pytest.mark.parametrize("second", ["page=2&page_size=2", "limit=2&offset=2", "cursor=cD0yMDI2%3D"])
async def test_c03_the_query_of_next_is_followed_whatever_it_counts(at_raw, raw, second):
    """Offsets in the overview, page numbers elsewhere: the server knows which."""
    raw.script(
        reply(200, {"count": 3, "next": f"/api/segments/?{second}", "previous": None, "results": THREE[:2]}),
        reply(200, {"count": 3, "next": None, "previous": None, "results": THREE[2:]}),
    )

    assert [s.id async for s in at_raw().segments.iterate()] == [1, 2, 3]
    assert target(raw.requests[1]) == ("/api/segments/", dict(urllib.parse.parse_qsl(second)))


@pytest.mark.parametrize("links", [{}, {"next": None, "previous": None}], ids=["absent", "null"])
async def test_c04_users_and_events_do_without_next(at_raw, raw, links):
    """A missing `next` is the end, like a null."""
    raw.script(
        reply(200, {"count": 9, **links, "results": [{"user_id": "ana"}]}),
        reply(200, {"count": 9, **links, "results": [{"event_type": "x"}]}),
    )
    users, events = await at_raw().users.search("a"), await at_raw().users.events("ana")

    assert ([u.user_id for u in users], users.count, users.next, users.previous) == (["ana"], 9, None, None)
    assert ([e.event_type for e in events], events.count, events.next, events.previous) == (["x"], 9, None, None)


@pytest.mark.parametrize(
    ("first", "query"),
    [
        ({"results": ["ana"], "next_cursor": "c="}, {"cursor": "c="}),
        ({"count": 2, "results": ["ana"], "next": "/api/segments/5/members/?page=2"}, {"page": "2"}),
    ],
    ids=["cursor", "next"],
)
async def test_c05_members_are_walked_by_cursor_or_by_next(at_raw, raw, first, query):
    """The docs have a cursor, the README has pages."""
    raw.script(reply(200, first), reply(200, {"results": [{"user_id": "bo"}], "next_cursor": None}))

    assert [m.user_id async for m in at_raw().segments.iterate_members(5)] == ["ana", "bo"]
    assert query.items() <= target(raw.requests[1])[1].items()


async def test_c05_members_take_the_readmes_page(segops):
    """The published form is no error, whatever the server makes of it."""
    made = await segops.segments.create(name="a", definition=BUYERS)

    assert (await segops.segments.members(made.id, {"page": 1}))["results"] == []


MAKE = {
    "activations": lambda n, segment: {
        "segment": segment.id,
        "connector_type": "klaviyo",
        "config": {"list_id": "Qw9ZtB", "api_key": f"k{n}"},
    },
    "schemas": lambda n, _: {"event_type": f"e{n}"},
    "product_segments": lambda n, _: {"name": f"n{n}"},
    "competitors": lambda n, _: {"name": f"n{n}"},
    "queries": lambda n, _: {"query_text": f"q{n}"},
    "pages": lambda n, _: {"slug": f"s{n}"},
}
PATHS = {
    "activations": "/activations/",
    "schemas": "/schemas/",
    "product_segments": "/product-segments/",
    "competitors": "/ai-reach/competitors/",
    "queries": "/ai-reach/queries/",
    "pages": "/ai-pages/pages/",
}


async def list_in_either_shape(segops, fault, space):
    """Assert that a list reads alike as the emulator sends it and in the other shape."""
    segment = await segops.segments.create(name="a")
    namespace = getattr(segops, space)
    ids = [(await namespace.create(MAKE[space](n, segment))).id for n in range(3)]
    for _ in range(2):
        page = await namespace.list()

        assert ([item.id for item in page], [item["id"] for item in page["results"]]) == (ids, ids)
        assert page.next is None
        assert [item.id async for item in namespace.iterate()] == ids
        rule = fault(method="GET", path=PATHS[space], swap=True)
    assert rule.hits == 0


@pytest.mark.parametrize("space", ["activations", "schemas", "product_segments", "competitors"])
async def test_c06_list_of_an_unstated_shape_is_read_in_either(segops, fault, space):
    """Nothing says whether these are bare or in an envelope."""
    await list_in_either_shape(segops, fault, space)


@pytest.mark.parametrize("space", ["queries", "pages"])
async def test_c07_bare_list_may_come_in_an_envelope(segops, fault, space):
    """The reference shows lists, the SDK's docs claim the envelope for all."""
    await list_in_either_shape(segops, fault, space)


LISTS = {
    "segments.versions": ((1,), {"id": 1}),
    "queries.win_rate": ((), {"competitor_id": 1}),
    "api_keys.list": ((), {"id": 1}),
    "queries.results": ((1,), {"id": 1}),
    "users.segments": (("ana",), {"segment_id": 1}),
    "users.explain": (("ana", 1), {"index": 0}),
    "analytics.segments": ((), {"id": 1}),
    "analytics.overlap": ((), {"seg_a_id": 1, "seg_b_id": 2}),
    "analytics.activations": ((), {"id": 1}),
}
"""Methods that return plain lists, what they take, and the least that an item has."""


async def listed(segops, name):
    space, method = name.split(".")
    return await getattr(getattr(segops, space), method)(*LISTS[name][0])


@pytest.mark.parametrize("name", LISTS)
async def test_c07_plain_list_may_come_in_an_envelope(at_raw, raw, name):
    """The shape of three of them is inferred, and the SDK's docs claim the envelope for all."""
    item = LISTS[name][1]
    raw.script(reply(200, [item]), reply(200, {"count": 1, "next": None, "previous": None, "results": [item]}))
    segops = at_raw()

    assert await listed(segops, name) == [item]
    assert await listed(segops, name) == [item]


@pytest.mark.parametrize("body", [{}, {"detail": "?"}, "", "text", 5, None], ids=repr)
@pytest.mark.parametrize("name", LISTS)
async def test_c07_what_is_neither_is_a_decode_error(at_raw, raw, name, body):
    """An answer without items is not an empty list: that would lose them silently."""
    raw.script(reply(200, body))
    with pytest.raises(SegOpsDecodeError):
        await listed(at_raw(), name)


@pytest.mark.parametrize("name", ["id", "export_id"])
@pytest.mark.parametrize("word", ["complete", "ready", "Completed", "DONE"])
async def test_c08_export_is_done_under_any_name_and_word(at_raw, raw, name, word):
    """`export_id` and `complete` in the docs, `id` and "ready" in the examples; what is unknown is still running."""
    job = {name: 14, "format": "csv"}
    raw.script(
        reply(202, {**job, "status": "pending"}),
        reply(200, {**job, "status": "warming up", "download_url": None}),
        reply(200, {**job, "status": word, "download_url": "/api/segments/exports/14/download/"}),
    )
    segops = at_raw()
    started = await segops.segments.export(31)
    done = await segops.segments.wait_export(31, started.id, timeout=20)

    assert (started.id, done.id, done.status, len(raw.requests)) == (14, 14, word, 3)
    assert [target(r)[1] for r in raw.requests[1:]] == [{"export_id": "14"}] * 2


@pytest.mark.parametrize("word", ["failed", "Error", "cancelled", "expired"])
async def test_c08_export_has_failed_under_any_word(at_raw, raw, word):
    """The words for failure are not documented at all."""
    raw.script(reply(200, {"id": 14, "status": word}))
    with pytest.raises(SegOpsJobError) as caught:
        await at_raw().segments.wait_export(31, 14, timeout=20)

    assert caught.value.reason == "failed"


async def test_c09_every_mutation_carries_a_key_and_no_read_does(at_raw, raw):
    """The README says so, the published code does less; it does no harm."""
    raw.script(reply(200, {"id": 1, "event_type": "x", "matched_users": 0, "product_count": 0, "fields": []}))
    segops = at_raw()
    calls = [
        segops.segments.create(name="a"),
        segops.segments.update(1, name="a"),
        segops.segments.update(1, {"name": "a"}, "PUT"),
        segops.segments.preview(definition=BUYERS),
        segops.segments.estimate(1),
        segops.segments.recompute(1),
        segops.segments.export(1),
        segops.product_segments.recompute(1),
        segops.products.set_schema(fields=[]),
        segops.products.import_csv(b"sku,name\n"),
        segops.products.confirm_import(1),
        segops.products.score(1),
        segops.products.score_all(),
        segops.schemas.infer(events=[{"event_type": "x"}]),
        segops.schemas.validate("x", {}),
        segops.activations.sync(1),
        segops.users.publish_sandbox(user_id="a", event_type="x"),
        segops.identity.alias("a", "b"),
        segops.identity.merge("a", "b"),
        segops.queries.run(1),
        segops.queries.simulate(query_text="a"),
        segops.pages.bulk_generate(),
        segops.pages.regenerate(1),
        segops.pages.build(1),
        segops.pages.publish(1),
        segops.pages.export(1),
        segops.api_keys.create(name="a", tenant_slug="b"),
        segops.segments.delete(1),
    ]
    for call in calls:
        await call
    keys = [request.headers.get("idempotency-key") for request in raw.requests]

    assert len(raw.requests) == len(calls)
    assert None not in keys
    assert len(set(keys)) == len(keys)
    await segops.segments.get(1)
    assert "idempotency-key" not in raw.requests[-1].headers


@pytest.mark.parametrize("name", ["id", "job_id"])
async def test_c10_import_is_known_by_either_name(segops, fault, name):
    """`job_id` in the docs, `id` in the examples."""
    fault(path="/pim/import/**", id_key=name)
    job = await segops.products.import_csv(b"sku,name\nA,a\n")
    await segops.products.confirm_import(job.id)
    done = await segops.products.wait_import(job.id, timeout=20)

    assert (job.id, done.id, done.status) == (job[name], job.id, "done")


async def test_c10_confirm_sends_mapping_and_schema_or_the_readmes_word(at_raw, raw):
    """Each as the caller gives it."""
    raw.script(reply(202, {"job_id": 9, "status": "importing"}))
    schema = [{"name": "grain", "type": "string"}]
    segops = at_raw()
    await segops.products.confirm_import(9, mapping={"Code": "sku", "Note": None}, schema=schema)
    await segops.products.confirm_import(9, {"confirmed": True})

    assert [request.json() for request in raw.requests] == [
        {"mapping": {"Code": "sku", "Note": None}, "schema": schema},
        {"confirmed": True},
    ]


@pytest.mark.parametrize("status", ["pending", "mapping"])
@pytest.mark.parametrize("in_fields", [True, False])
async def test_c10_uploaded_file_is_confirmed_in_either_state(at_raw, raw, tmp_path, status, in_fields):
    """`pending` comes first on one page, `mapping` at once on another; both need the confirmation."""
    fields = [{"name": "grain", "type": "string", "required": False, "description": ""}]
    job = {
        "job_id": 9,
        "suggested_mapping": {"Code": "sku", "Title": "name", "Grain": "grain"},
        "suggested_schema": {"fields": fields} if in_fields else fields,
    }
    states = iter([status])

    def answer(request):
        if request.method == "POST" and request.target.endswith("/csv/"):
            return reply(201, {**job, "status": next(states)})
        if request.method == "POST":
            return reply(202, {"job_id": 9, "status": "importing"})
        confirmed = any(r.target.endswith("/confirm/") for r in raw.requests)
        return reply(200, {**job, "status": "done" if confirmed else "mapping"})

    raw.script(answer)
    file = tmp_path / "a.csv"
    file.write_text("Code,Title,Grain\nA,a,rye\n", encoding="utf-8")
    done = await at_raw().products.import_file(file, timeout=20)
    (confirmed,) = [request.json() for request in raw.requests if request.target.endswith("/confirm/")]

    assert done.status == "done"
    assert confirmed.get("mapping", job["suggested_mapping"]) == job["suggested_mapping"]
    assert confirmed.get("schema", fields) == fields


@pytest.mark.parametrize("kind", ["multi_price", "datetime", "of_tomorrow"])
async def test_c11_type_of_a_field_is_an_open_word(at_raw, raw, kind):
    """Seven types in the overview, an eighth in the import guide."""
    raw.script(lambda request: reply(200, request.json()))
    schema = await at_raw().products.set_schema(fields=[{"name": "at", "type": kind}])

    assert (schema.fields[0].type, schema["fields"][0]["type"]) == (kind, kind)


@pytest.mark.parametrize("price", [{"amount": 4.5, "currency": "NOK"}, "4.50", 4.5, None], ids=str)
async def test_c12_price_passes_through_as_it_is(segops, price):
    """An object in the model, bare values in the samples."""
    made = await segops.products.create(sku="A", name="a", data={"unit_price": price})

    assert made.data == {"unit_price": price}
    assert (await segops.products.get(made.id))["data"] == {"unit_price": price}


@pytest.mark.parametrize("value_type", ["price", "number"])
@pytest.mark.parametrize("price", [{"amount": 4.5, "currency": "NOK"}, "4.50", 4.5], ids=str)
async def test_c12_price_is_compared_by_its_amount(segops, price, value_type):
    """A rule may call it a number or a price."""
    await segops.products.create(sku="A", name="a", data={"unit_price": price})
    rule = {
        "type": "product_attribute",
        "property": "unit_price",
        "operator": "lt",
        "value": 5,
        "value_type": value_type,
    }
    made = await segops.product_segments.create(name="a", definition={"logic": "AND", "conditions": [rule]})

    assert made.definition["conditions"] == [rule]
    assert (await segops.product_segments.recompute_and_wait(made.id)).computed_count == 1


async def test_c13_page_takes_a_querys_id_or_its_text(segops):
    """An id in the docs, free text in the examples: the same query."""
    query = await segops.queries.create(query_text="best rye")
    by_id = await segops.pages.create(slug="a", query=query.id)
    by_text = await segops.pages.create(slug="b", query="best rye")

    assert by_id.query == by_text.query == query.id


@pytest.mark.parametrize("query", [8, "best rye", None], ids=str)
async def test_c13_page_shows_either(at_raw, raw, query):
    """A server that stores text answers with text."""
    raw.script(reply(200, {"id": 21, "slug": "a", "query": query}))

    assert (await at_raw().pages.get(21)).query == query


@pytest.mark.parametrize("body", [None, {}, {"segment_id": 3}, {"queries": ["a", "b"]}], ids=str)
async def test_c13_bulk_generate_sends_what_is_given(at_raw, raw, body):
    """Nothing in the docs, a segment in the README, texts in the examples."""
    raw.script(reply(202, {"job_id": 3, "status": "queued"}))
    started = await at_raw().pages.bulk_generate(*([] if body is None else [body]))
    sent = raw.requests[0]

    assert started.id == 3
    assert (json.loads(sent.body) if sent.body else {}) == (body or {})
    assert body is not None or ("content-type" not in sent.headers and sent.body == b"")


@pytest.mark.parametrize("flag", [True, False, None], ids=str)
@pytest.mark.parametrize("parent", [8, None], ids=str)
async def test_c14_simulated_is_shown_and_not_interpreted(at_raw, raw, flag, parent):
    """A stub provider on one page, a simulation on another; with a parent or without."""
    raw.script(reply(200, {"query_text": "a", "results": [{"id": 1, "query": parent, "is_simulated": flag}]}))
    (result,) = (await at_raw().queries.simulate(query_text="a")).results

    assert (result.is_simulated, result["is_simulated"], result.query) == (flag, flag, parent)


async def test_c14_run_and_wait_counts_placeholders_as_results(at_raw, raw):
    """A provider without a key answers with a placeholder; that is an answer, too."""
    runs = []

    def answer(request):
        if request.method == "POST":
            runs.append(request)
            return reply(200, {"status": "queued", "query_id": 8})
        if request.target.endswith("/results/"):
            return reply(200, [{"id": 1, "query": 8, "provider": "grok", "is_simulated": True}] if runs else [])
        return reply(200, {"id": 8, "providers": ["grok"], "last_run_at": "2026-06-11T05:00:09Z" if runs else None})

    raw.script(answer)

    assert [r.is_simulated for r in await at_raw().queries.run_and_wait(8, timeout=20)] == [True]


@pytest.mark.parametrize("face", faces.FACES)
def test_c15_the_three_prefixes_are_told_apart(face):
    """All keys start with `sk_` on one page; the two other kinds exist, and are refused by name."""
    for key in ("sk_live_1", "sk_test_1", "sk_1"):
        assert faces.client(face, api_key=key)
    for key in ("pk_live_1", "mk_live_1"):
        with pytest.raises(SegOpsConfigError, match=key[:3]):
            faces.client(face, api_key=key)


@pytest.mark.parametrize("as_text", [True, False])
async def test_c16_segment_id_in_a_product_rule_is_a_number_or_a_text(segops, as_text):
    """A string there, an integer everywhere else: it goes through as given, and means the same."""
    bought = {"user_id": "ana", "event_type": "order_completed", "payload": {"product_id": "A"}}
    events = [bought, {"user_id": "ana", "event_type": "paid"}, {"user_id": "ana", "event_type": "paid"}]
    await segops.http.request("POST", "/ingestion/track/batch/", body={"events": events})
    await segops.products.create(sku="A", name="a")
    users = await segops.segments.create(name="a", definition=BUYERS)
    await segops.segments.recompute_and_wait(users.id)
    rule = {
        "type": "user_behavior_signal",
        "signal": "purchased_by_segment",
        "segment_id": str(users.id) if as_text else users.id,
    }
    made = await segops.product_segments.create(name="a", definition={"logic": "AND", "conditions": [rule]})

    assert made.definition["conditions"] == [rule]
    assert (await segops.product_segments.recompute_and_wait(made.id)).computed_count == 1


async def test_c17_no_purchase_event_is_filled_in(at_raw, raw):
    """Three names for it in three places: the server's default is the server's."""
    raw.script(reply(201, {"id": 5}))
    rule = {"type": "user_behavior_signal", "signal": "purchased_by_segment", "segment_id": "3"}
    await at_raw().product_segments.create(name="a", definition={"logic": "AND", "conditions": [rule]})

    assert raw.requests[0].json()["definition"]["conditions"] == [rule]


@pytest.mark.parametrize("plan", ["starter", "Business", "Growth", "Scale", "of tomorrow"])
async def test_c18_plan_is_an_open_word(at_raw, raw, plan):
    """The API pages and the store app name different ones."""
    raw.script(reply(200, {"plan": plan}))

    assert (await at_raw().analytics.usage()).plan == plan


@pytest.mark.parametrize("name", ["events_used", "mtu_computed"])
async def test_c19_usage_shows_events_and_tracked_users_where_they_are(at_raw, raw, name):
    """The quota is in the one, the bill in the other; either may be missing."""
    raw.script(reply(200, {name: 830}))
    usage = await at_raw().analytics.usage()
    other = {"events_used": usage.mtu_computed, "mtu_computed": usage.events_used}[name]

    assert (getattr(usage, name), other) == (830, None)


@pytest.mark.parametrize("prefix", ["sha256=", ""])
def test_c20_signature_is_taken_with_or_without_its_prefix(prefix):
    """The docs' sample insists on it, the published checker does not (sheet, section 26)."""
    body = (
        b'{"event":"segment.recomputed","tenant_slug":"northwind","segment_id":31,"segment_name":"Lapsed bakers",'
        b'"member_count":208,"computed_at":"2026-06-11T07:45:10Z"}'
    )
    signature = prefix + "451ea68c2f3af4794ea34d26bc0dd915266740b0563d8983591606b2cbcc0a3e"

    assert len(body) == 159
    assert verify_webhook(body, signature, "whk-demo-secret") is True
    assert parse_webhook(body, signature, "whk-demo-secret").segment_id == 31


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_c21_any_2xx_is_a_start(at_raw, raw, status):
    """Run answers 200, the others 202; some answers have no body."""
    raw.script(reply(status, b"" if status == 204 else {"status": "queued"}))
    segops = at_raw()
    started = [
        await segops.segments.recompute(1),
        await segops.product_segments.recompute(1),
        await segops.products.score(1),
        await segops.products.score_all(),
        await segops.activations.sync(1),
        await segops.queries.run(1),
        await segops.pages.regenerate(1),
        await segops.pages.bulk_generate(),
        await segops.pages.build(1),
    ]

    assert {start.status for start in started} == {None if status == 204 else "queued"}


@pytest.mark.parametrize("status", [429, 503])
async def test_c22_hint_of_the_server_is_honoured_and_capped(at_raw, raw, status):
    """Honoured in one published SDK, ignored in the other; a quota's reset may be days away."""
    raw.script(reply(status, {}, retry_after=0), reply(200, []), reply(status, {}, retry_after=86400))
    segops = at_raw()

    assert await segops.analytics.overlap() == []
    with pytest.raises(SegOpsRateLimitError if status == 429 else Exception, match="86400") as caught:
        await segops.analytics.overlap()
    assert (caught.value.retry_after, caught.value.attempts, len(raw.requests)) == (86400, 1, 3)


# What every record takes, whichever there are: a new class is tried here without being named.


OF_OUR_OWN = {"bulk"}
"""Records that are put together here, from many answers: no server sends them."""


def record_classes():
    """Return all classes of records, in the order of their modules."""
    names = {found.name for found in pkgutil.iter_modules(records.__path__)} - OF_OUR_OWN
    modules = [import_module(f"{records.__name__}.{name}") for name in sorted(names)]
    members = [member for module in modules for member in vars(module).values()]
    return list(dict.fromkeys(member for member in members if is_record(member) and member is not Record))


def is_record(kind):
    """Tell a record's class from other types; `dict[str, Any]` is a type on Python 3.10 as well."""
    return typing.get_origin(kind) is None and isinstance(kind, type) and issubclass(kind, Record)


@attrs.frozen
class Field:
    """One field of a record, and what its annotation says."""

    record: type
    name: str
    kind: object
    """Without None."""
    optional: bool

    @classmethod
    def all_of(cls, record):
        hints = typing.get_type_hints(record, include_extras=True)
        return [cls._of(record, field.name, hints[field.name]) for field in attrs.fields(record) if field.init]

    @classmethod
    def _of(cls, record, name, hint):
        kinds = [kind for kind in _choices(hint) if kind is not type(None)]
        return cls(record, name, kinds[0], len(kinds) < len(_choices(hint)))

    @property
    def words(self):
        """The known values of an open enumeration."""
        return typing.get_args(self.kind) if typing.get_origin(self.kind) is typing.Literal else ()

    def __str__(self):
        return f"{self.record.__name__}.{self.name}"


def _choices(hint):
    return typing.get_args(hint) if hasattr(hint, "__or__") and typing.get_origin(hint) in UNIONS else (hint,)


UNIONS = (typing.Union, type(int | str))
SAMPLES = {
    str: "text",
    int: 7,
    float: 0.5,
    bool: True,
    Id: 7,
    JSON: {"open": [1]},
    typing.Any: {"any": 1},
    datetime: "2026-06-11T07:45:10Z",
    date: "2026-06-01",
}
WRONG = {
    str: (5, True, [], {}),
    int: ("x", "7", 0.5, True, []),
    float: ("x", True, {}),
    bool: ("true", 1, []),
    Id: ("x1", "", "-1", 0.5, True, []),
    JSON: ("x", 5, []),
    datetime: ("yesterday", "", 1780000000, True),
    date: ("yesterday", "", 20260601),
}


def sample(kind):
    """Return JSON that a type promises, with every field of a record filled."""
    if is_record(kind):
        return {field.name: sample(field.kind) for field in Field.all_of(kind)}
    if typing.get_origin(kind) is list:
        return [sample(_choices(typing.get_args(kind)[0])[0])]
    if typing.get_origin(kind) is typing.Literal:
        return typing.get_args(kind)[0]
    return SAMPLES[kind]


def wrong(kind):
    """Return JSON that a type cannot be, of several sorts."""
    if typing.get_origin(kind) is list:
        return (5, "x", "", "text", {}, {"a": 1}, True)
    return WRONG[str] if typing.get_origin(kind) is typing.Literal else WRONG[kind]


def received(body, kind):
    """Return what a client makes of an answer with this body."""
    content = json.dumps(body).encode()
    response = Response(request=Request("GET", "/x/"), url="http://host/api/x/", status=200, headers={}, body=content)
    return decode(response, kind)


RECORDS = record_classes()
FIELDS = [field for cls in RECORDS for field in Field.all_of(cls)]


def named(items):
    return {"ids": [getattr(item, "__name__", str(item)) for item in items]}


def test_the_records_are_found():
    """A search that finds nothing would check nothing."""
    names = {cls.__name__ for cls in RECORDS}

    assert {"Segment", "Product", "Activation", "Simulation", "GeneratedPage", "Usage", "ApiKey", "Merge"} <= names
    assert {field.name for field in FIELDS if field.words} >= {"segment_type", "status", "provider", "builder_status"}


@pytest.mark.parametrize("cls", RECORDS, **named(RECORDS))
def test_record_says_what_the_server_said(cls):
    """Every field is typed by attribute, and the JSON is whole by key."""
    body = sample(cls)
    record = received(body, cls)

    assert type(record) is cls
    assert record.to_dict() == body
    assert {name: record[name] for name in body} == body
    assert all(getattr(record, name) is not None for name in body)
    assert record.extra == {}


@pytest.mark.parametrize("cls", RECORDS, **named(RECORDS))
def test_record_keeps_a_field_of_tomorrow(cls):
    """Unknown fields can appear at any time (sheet, section 1)."""
    tomorrow = {"deep": [1, {"a": None}]}
    record = received({**sample(cls), "of_tomorrow": tomorrow}, cls)

    assert (record.extra, record["of_tomorrow"]) == ({"of_tomorrow": tomorrow}, tomorrow)
    assert record.to_dict()["of_tomorrow"] == tomorrow


OPTIONAL = [field for field in FIELDS if field.optional]


@pytest.mark.parametrize("field", OPTIONAL, **named(OPTIONAL))
def test_record_takes_null_and_absence_in_an_optional_field(field):
    """Drafts and older servers have both."""
    body = sample(field.record)
    null = received({**body, field.name: None}, field.record)
    absent = received({name: value for name, value in body.items() if name != field.name}, field.record)

    assert (getattr(null, field.name), null[field.name], getattr(absent, field.name)) == (None, None, None)
    assert field.name not in absent


@pytest.mark.parametrize("cls", RECORDS, **named(RECORDS))
def test_record_takes_null_in_all_optional_fields_at_once(cls):
    """What is left is what the record cannot do without."""
    nulls = {field.name: None for field in Field.all_of(cls) if field.optional}

    assert received({**sample(cls), **nulls}, cls).to_dict() == {**sample(cls), **nulls}


IDS = [field for field in FIELDS if field.kind == Id]


@pytest.mark.parametrize("field", IDS, **named(IDS))
def test_record_takes_an_id_as_a_text_of_digits(field):
    """By attribute it is the number, by key what came."""
    record = received({**sample(field.record), field.name: "31"}, field.record)

    assert (getattr(record, field.name), record[field.name]) == (31, "31")


WORDS = [field for field in FIELDS if field.words]


@pytest.mark.parametrize("field", WORDS, **named(WORDS))
def test_record_takes_a_word_of_tomorrow(field):
    """A new kind or state does not break every deployed client."""
    record = received({**sample(field.record), field.name: "of_tomorrow"}, field.record)

    assert getattr(record, field.name) == record[field.name] == "of_tomorrow"


@pytest.mark.parametrize("cls", [records.queries.AIQuery, records.queries.Simulation], ids=lambda cls: cls.__name__)
def test_list_of_words_takes_a_word_of_tomorrow(cls):
    """A sixth provider is a matter of time."""
    assert received({**sample(cls), "providers": ["grok", "sixth"]}, cls).providers == ["grok", "sixth"]


@pytest.mark.parametrize("body", ["text", 5, None, True, [], [{}]], ids=repr)
@pytest.mark.parametrize("cls", RECORDS, **named(RECORDS))
def test_body_that_is_no_object_fails_by_the_records_name(cls, body):
    """But for the plain form that a record is known to stand for (sheet, 8.7 and 8.8)."""
    if (isinstance(body, str) and cls.text_field) or (body == [] and cls.list_field):
        assert received(body, cls).to_dict() == {cls.text_field or cls.list_field: body}
        return
    with pytest.raises(SegOpsDecodeError, match=cls.__name__) as caught:
        received(body, cls)

    assert caught.value.record == cls.__name__


TRIALS = [(field, value) for field in FIELDS if field.kind is not typing.Any for value in wrong(field.kind)]


@pytest.mark.parametrize(("field", "value"), TRIALS, ids=[f"{field}-{value!r}" for field, value in TRIALS])
def test_value_that_is_not_the_one_promised_fails_by_record_and_field(field, value):
    """Whoever reads the message knows where to look; nothing is bent until it fits."""
    with pytest.raises(SegOpsDecodeError, match=field.record.__name__) as caught:
        received({**sample(field.record), field.name: value}, field.record)

    assert caught.value.record == field.record.__name__
    assert caught.value.path.startswith(f"$.{field.name}")
    assert field.name in str(caught.value)


NEEDED = [field for field in FIELDS if attrs.fields_dict(field.record)[field.name].default is attrs.NOTHING]


@pytest.mark.parametrize("field", NEEDED, **named(NEEDED))
def test_object_without_what_it_cannot_do_without_fails_by_record_and_field(field):
    """Missing is as bad as wrong."""
    body = {name: value for name, value in sample(field.record).items() if name != field.name}
    with pytest.raises(SegOpsDecodeError, match=field.record.__name__) as caught:
        received(body, field.record)

    assert field.name in str(caught.value)


def test_trouble_inside_is_told_with_its_way_there():
    """Of twenty results, which one."""
    results = [sample(records.queries.QueryResult), {**sample(records.queries.QueryResult), "captured_at": "?"}]
    with pytest.raises(SegOpsDecodeError, match="Simulation") as caught:
        received({"query_text": "a", "results": results}, records.queries.Simulation)

    assert caught.value.path == "$.results[1].captured_at"
