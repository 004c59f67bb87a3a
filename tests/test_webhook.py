"""Deliveries: who sent them, and what they say (sheet, sections 14 and 26)."""

import asyncio
import datetime as dt
import hashlib
import hmac
import json

import attrs
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from segops_admin import SegmentRecomputed, WebhookVerificationError, parse_webhook, sign_webhook, verify_webhook

SECRET = "whk-demo-secret"
BODY = (
    b'{"event":"segment.recomputed","tenant_slug":"northwind","segment_id":31,"segment_name":"Lapsed bakers",'
    b'"member_count":208,"computed_at":"2026-06-11T07:45:10Z"}'
)
HEX = "451ea68c2f3af4794ea34d26bc0dd915266740b0563d8983591606b2cbcc0a3e"
SIGNATURE = f"sha256={HEX}"
COMPUTED_AT = dt.datetime(2026, 6, 11, 7, 45, 10, tzinfo=dt.timezone.utc)


def signed(event, secret=SECRET):
    """Return a body and its signature; an event that is no bytes goes as JSON."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    return body, "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def event(**changes):
    """Return the event of section 14.2 with other fields; None takes one out."""
    return {name: value for name, value in {**json.loads(BODY), **changes}.items() if value is not None}


def test_vector_of_the_sheet_verifies():
    """Section 26, byte by byte."""
    assert len(BODY) == 159
    assert verify_webhook(BODY, SIGNATURE, SECRET) is True
    assert sign_webhook(BODY, SECRET) == SIGNATURE


def test_vector_of_the_sheet_parses():
    """The whole event, typed by attribute and raw by key."""
    parsed = parse_webhook(BODY, SIGNATURE, SECRET)

    assert type(parsed) is SegmentRecomputed
    assert (parsed.event, parsed.tenant_slug, parsed.segment_id) == ("segment.recomputed", "northwind", 31)
    assert (parsed.segment_name, parsed.member_count, parsed.computed_at) == ("Lapsed bakers", 208, COMPUTED_AT)
    assert parsed["computed_at"] == "2026-06-11T07:45:10Z"
    assert parsed.to_dict() == json.loads(BODY)


@pytest.mark.parametrize("signature", [SIGNATURE, HEX])
@pytest.mark.parametrize("body", [BODY, BODY.decode()])
def test_prefix_and_kind_of_body_do_not_matter(body, signature):
    """C20: with or without `sha256=`; a body as bytes or as text."""
    assert verify_webhook(body, signature, SECRET) is True
    assert parse_webhook(body, signature, SECRET).segment_id == 31


WRONG = [
    f"sha1={HEX}", f"sha512={HEX}", f"SHA256={HEX}", f"v1,{HEX}", f"sha256:{HEX}", f"sha256=sha256={HEX}", "sha256=",
    "", HEX[:-1], HEX + "0", "0" * 64, f"sha256={'é' * 64}", "sha256=\ud800", "\x00", f"{SIGNATURE},{SIGNATURE}",
]  # fmt: skip


@pytest.mark.parametrize("signature", WRONG, ids=range(len(WRONG)))
def test_wrong_prefix_or_alphabet_is_refused(signature):
    """Only our own scheme, only ASCII; `compare_digest` on such text would raise a TypeError of its own."""
    assert verify_webhook(BODY, signature, SECRET) is False
    with pytest.raises(WebhookVerificationError):
        parse_webhook(BODY, signature, SECRET)


@pytest.mark.parametrize("signature", [None, "", b"", 5, [], {}])
def test_missing_signature_is_refused(signature):
    """A delivery without a header may come from anybody."""
    assert verify_webhook(BODY, signature, SECRET) is False
    with pytest.raises(WebhookVerificationError):
        parse_webhook(BODY, signature, SECRET)


@pytest.mark.parametrize("secrets", ["", None, [], [""], (), {}, 5, [None], [b"x"], "\ud800", ["\ud800"]])
def test_missing_secret_is_refused(secrets):
    """An empty secret would accept whoever signs with nothing."""
    body, signature = signed(BODY, "")
    assert verify_webhook(body, signature, secrets if isinstance(secrets, str) else None) is False
    with pytest.raises(WebhookVerificationError):
        parse_webhook(body, signature, secrets)


def test_secret_is_text_not_hex():
    """Unlike that of signed user ids: the key is the UTF-8 of the secret as it stands."""
    secret = "00112233445566778899aabbccddeeff"
    decoded = hmac.digest(bytes.fromhex(secret), BODY, hashlib.sha256).hex()

    assert verify_webhook(BODY, sign_webhook(BODY, secret), secret) is True
    assert verify_webhook(BODY, decoded, secret) is False


def test_secret_may_hold_any_text():
    """Dashboards take what people type."""
    secret = "brød & smør ✓ "

    assert parse_webhook(BODY, sign_webhook(BODY, secret), secret).segment_id == 31


@pytest.mark.parametrize(
    "body", [BODY + b"\n", b" " + BODY, BODY.replace(b":208", b": 208"), BODY.replace(b"31", b"32"), b"", BODY[:-1]]
)
def test_any_other_byte_breaks_the_signature(body):
    """The raw body is signed, not what it means."""
    assert verify_webhook(body, SIGNATURE, SECRET) is False
    with pytest.raises(WebhookVerificationError):
        parse_webhook(body, SIGNATURE, SECRET)


def test_several_secrets_while_they_are_rotated():
    """Old and new hold side by side, in any order and any kind of collection; a third does not."""
    old, new = sign_webhook(BODY, "old"), sign_webhook(BODY, "new")

    for secrets in (["old", "new"], ("new", "old"), {"old", "new"}, iter(["old", "new"])):
        assert parse_webhook(BODY, new, secrets).segment_id == 31
    assert parse_webhook(BODY, old, ["old", "new"]).segment_id == 31
    with pytest.raises(WebhookVerificationError):
        parse_webhook(BODY, sign_webhook(BODY, "third"), ["old", "new"])
    with pytest.raises(WebhookVerificationError):
        parse_webhook(BODY, old, ["new"])


def test_a_secret_that_is_text_is_one_secret():
    """Taken letter by letter, `"ab"` would accept whoever signs with `"a"`."""
    with pytest.raises(WebhookVerificationError):
        parse_webhook(BODY, sign_webhook(BODY, "a"), "ab")


@pytest.mark.parametrize(("age_s", "accepted"), [(0, True), (300, True), (301, False), (-300, True), (-301, False)])
def test_age_is_limited_both_ways(age_s, accepted):
    """A delivery kept for later is refused, and so is one from the future: its clock is not ours."""
    now = COMPUTED_AT + dt.timedelta(seconds=age_s)
    if accepted:
        assert parse_webhook(BODY, SIGNATURE, SECRET, max_age=300, now=now).segment_id == 31
    else:
        with pytest.raises(WebhookVerificationError, match="301 s"):
            parse_webhook(BODY, SIGNATURE, SECRET, max_age=300, now=now)


def test_age_is_measured_against_our_clock():
    """Without `now`, it is the time of the call."""
    fresh = dt.datetime.now(dt.timezone.utc)
    body, signature = signed(event(computed_at=fresh.isoformat()))

    assert parse_webhook(body, signature, SECRET, max_age=60).computed_at == fresh
    with pytest.raises(WebhookVerificationError):
        parse_webhook(BODY, SIGNATURE, SECRET, max_age=60)


def test_age_does_not_matter_unless_asked_for():
    """The service has no replay protection: the limit is the receiver's choice."""
    body, signature = signed(event(computed_at="1970-01-01T00:00:00Z"))

    assert parse_webhook(body, signature, SECRET).computed_at.year == 1970


def test_max_age_of_nothing_still_checks():
    """A falsy limit is a limit."""
    with pytest.raises(WebhookVerificationError):
        parse_webhook(BODY, SIGNATURE, SECRET, max_age=0)


class NoZone(dt.tzinfo):
    def utcoffset(self, _):
        raise LookupError("no such zone")


NOT_AGES = [{"max_age": age} for age in ("5", b"5", [], dt.timedelta(5), True, float("nan"), -1, -(10**400))]
NAIVE, BROKEN = COMPUTED_AT.replace(tzinfo=None), COMPUTED_AT.replace(tzinfo=NoZone())


@pytest.mark.parametrize("options", [*NOT_AGES, *({"max_age": 5, "now": now} for now in (NAIVE, BROKEN, 5, "now"))])
def test_age_that_cannot_be_measured_is_our_error(options):
    """A limit out of a settings file comes as text, a naive clock is some other one elsewhere."""
    with pytest.raises(WebhookVerificationError, match="time zone" if "now" in options else "max_age"):
        parse_webhook(BODY, SIGNATURE, SECRET, **options)


def test_secrets_that_cannot_be_read_are_our_error():
    """A vault that fails half-way leaves no secrets to trust."""
    halfway = (SECRET if number == 0 else {}["secrets"] for number in range(2))
    with pytest.raises(WebhookVerificationError, match="secret"):
        parse_webhook(BODY, SIGNATURE, halfway)


@pytest.mark.parametrize(
    "instant", ["2026-06-11T07:45:10+00:00", "2026-06-11T09:45:10+02:00", "2026-06-11T07:45:10.000Z"]
)
def test_instant_may_come_in_other_forms(instant):
    """Sub-second digits and offsets are accepted (sheet, section 1)."""
    body, signature = signed(event(computed_at=instant))

    assert parse_webhook(body, signature, SECRET, max_age=1, now=COMPUTED_AT).computed_at == COMPUTED_AT


@pytest.mark.parametrize("computed_at", ["", "yesterday", "2026-13-01T00:00:00Z", 5, [], "2026-06-11T07:45:10"])
@pytest.mark.parametrize("max_age", [None, 300.0])
def test_instant_that_is_none_is_our_error(computed_at, max_age):
    """Without a zone it is taken as UTC; one that cannot be read is no event. Neither is another exception."""
    body, signature = signed(event(computed_at=computed_at))
    if computed_at == "2026-06-11T07:45:10":
        assert parse_webhook(body, signature, SECRET, max_age=max_age, now=COMPUTED_AT).computed_at == COMPUTED_AT
    else:
        with pytest.raises(WebhookVerificationError):
            parse_webhook(body, signature, SECRET, max_age=max_age)


NO_EVENTS = [
    b"", b"null", b"[]", b"5", b'"text"', b"{}", b"{", b"\xff\xfe", b"[" * 100_000, b'{"event":"segment.recomputed"}',
    b'{"a":' + b"9" * 400 + b"}", b"NaN", b'{"event":5}', BODY.replace(b"31", b'"x"'), BODY.replace(b"208", b"[]"),
]  # fmt: skip


@pytest.mark.parametrize("body", NO_EVENTS, ids=range(len(NO_EVENTS)))
def test_signed_body_that_is_no_event_is_our_error(body):
    """Who knows the secret may still send rubbish; verify says it is signed, parse that it is no event."""
    body, signature = signed(body)

    assert verify_webhook(body, signature, SECRET) is True
    with pytest.raises(WebhookVerificationError):
        parse_webhook(body, signature, SECRET)


def test_unknown_event_is_refused_by_its_name():
    """What is added later must not be taken for a recompute."""
    body, signature = signed(event(event="segment.deleted"))

    with pytest.raises(WebhookVerificationError, match=r"segment\.deleted"):
        parse_webhook(body, signature, SECRET)


def test_unknown_field_is_kept():
    """Payloads grow."""
    body, signature = signed(event(delivery_id="d-1", segment_id="31", member_count=None))
    parsed = parse_webhook(body, signature, SECRET)

    assert (parsed["delivery_id"], parsed.extra) == ("d-1", {"delivery_id": "d-1"})
    assert (parsed.segment_id, parsed.member_count) == (31, None)


@pytest.mark.parametrize("size", [2 * 1024 * 1024, 20 * 1024 * 1024])
def test_huge_body_is_refused(size):
    """No delivery comes near; reading JSON of that size is work that a stranger could ask for."""
    body = BODY + b" " * size
    signature = sign_webhook(body, SECRET)

    assert verify_webhook(body, signature, SECRET) is False
    with pytest.raises(WebhookVerificationError, match="bytes"):
        parse_webhook(body, signature, SECRET)


@pytest.mark.parametrize("body", [None, 5, [], {}, json.loads(BODY), "\ud800", object()])
def test_body_that_is_no_body_is_refused(body):
    """Handlers pass the parsed JSON by mistake; lone surrogates have no UTF-8."""
    assert verify_webhook(body, SIGNATURE, SECRET) is False
    with pytest.raises(WebhookVerificationError):
        parse_webhook(body, SIGNATURE, SECRET)


def test_message_tells_what_is_wrong_and_keeps_the_secret():
    """It lands in logs."""
    with pytest.raises(WebhookVerificationError) as caught:
        parse_webhook(BODY, "sha256=" + "0" * 64, ["first-secret", "second-secret"])
    text = f"{caught.value} {caught.value!r}"

    assert "secret" in text
    assert "first-secret" not in text
    assert HEX not in text


UNTIMED = settings(deadline=None)
ANYTHING = st.one_of(
    st.none(), st.integers(), st.floats(), st.booleans(), st.lists(st.text()), st.dictionaries(st.text(), st.text())
)
BODIES = st.one_of(st.binary(), st.text(), st.just(BODY), ANYTHING, st.recursive(st.text(), st.lists).map(json.dumps))
HEADERS = st.one_of(
    st.text(), st.binary(), st.just(SIGNATURE), st.text("0123456789abcdef").map("sha256={}".format), ANYTHING
)
SECRETS = st.one_of(st.text(), st.binary(), st.just(SECRET), st.lists(st.text()), st.lists(st.binary()), ANYTHING)
AGES = st.one_of(st.none(), st.integers(), st.floats())
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)
EVENTS = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {}, optional={name: st.one_of(st.just(value), JSON) for name, value in json.loads(BODY).items()}
    ),
    st.dictionaries(st.sampled_from([*json.loads(BODY), "other"]), JSON).map(lambda some: {**json.loads(BODY), **some}),
)


@UNTIMED
@given(BODIES, HEADERS, SECRETS)
def test_verify_answers_yes_or_no_to_everything(body, header, secret):
    """An exception in a handler is a 500 that anybody can trigger."""
    assert verify_webhook(body, header, secret) in (True, False)


@UNTIMED
@given(BODIES, HEADERS, SECRETS, AGES)
def test_parse_gives_an_event_or_its_own_error(body, header, secrets, max_age):
    """Whatever comes in, one `except` is enough."""
    try:
        parsed = parse_webhook(body, header, secrets, max_age=max_age)
    except WebhookVerificationError:
        return
    assert type(parsed) is SegmentRecomputed


@UNTIMED
@given(EVENTS, AGES)
def test_parse_of_anything_that_is_signed(data, max_age):
    """Past the signature, the body is still not to be trusted."""
    body, signature = signed(data)
    try:
        parsed = parse_webhook(body, signature, SECRET, max_age=max_age)
    except WebhookVerificationError:
        return
    assert (type(parsed), parsed.event) == (SegmentRecomputed, "segment.recomputed")
    assert parsed.computed_at.tzinfo is not None


@UNTIMED
@given(st.one_of(st.binary(), st.text(st.characters(codec="utf-8"))), st.text(st.characters(codec="utf-8"), min_size=1))
def test_what_is_signed_verifies(body, secret):
    """The signing half is for users' own tests: it must agree with the checking half."""
    signature = sign_webhook(body, secret)

    assert verify_webhook(body, signature, secret) is True
    assert verify_webhook(body, signature, secret + "x") is False


@attrs.define
class Receiver:
    """A user's own endpoint: keeps the raw body and the header of each delivery."""

    url: str = ""
    posts: asyncio.Queue = attrs.field(factory=asyncio.Queue)

    async def take(self, request):
        """Answer at once, as a handler should."""
        await self.posts.put((await request.read(), request.headers.get("X-SegOps-Signature")))
        return web.Response(status=204)


@pytest.fixture
async def receiver():
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


async def test_delivery_after_a_compute_is_parsed(segops, tenant, receiver):
    """End to end: registered, computed, signed by the service, verified and read by us."""
    await segops.http.request("POST", "/webhooks/", body={"url": receiver.url, "secret": SECRET})
    await segops.http.request("POST", "/ingestion/track/", body={"user_id": "ana", "event_type": "paid"})
    condition = {"type": "event_count", "event_type": "paid", "operator": "gte", "value": 1}
    made = await segops.segments.create(name="Bakers", definition={"logic": "AND", "conditions": [condition]})
    done = await segops.segments.recompute_and_wait(made.id)
    body, signature = await receiver.posts.get()
    parsed = parse_webhook(body, signature, ["the-next-secret", SECRET], max_age=300)

    assert (parsed.segment_id, parsed.segment_name, parsed.tenant_slug) == (made.id, "Bakers", tenant.slug)
    assert (parsed.member_count, parsed.computed_at) == (1, done.last_computed_at)
    assert verify_webhook(body, signature, "the-next-secret") is False
    with pytest.raises(WebhookVerificationError):
        parse_webhook(body.replace(b"Bakers", b"Bikers"), signature, SECRET)


async def test_delivery_without_a_secret_is_not_signed(segops, receiver):
    """Nothing to verify it by: it is refused."""
    await segops.http.request("POST", "/webhooks/", body={"url": receiver.url})
    made = await segops.segments.create(name="Bakers")
    await segops.segments.recompute_and_wait(made.id)
    body, signature = await receiver.posts.get()

    assert signature is None
    assert verify_webhook(body, signature, SECRET) is False
    with pytest.raises(WebhookVerificationError):
        parse_webhook(body, signature, SECRET)
