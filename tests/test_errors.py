"""Every failure is one class of one tree, with its facts as attributes and a message that helps (design, "Errors")."""

import inspect
import pickle

import pytest
from rawserver import reply

import segops_admin
from segops_admin import (
    BulkUpsertError,
    SegOpsApiError,
    SegOpsAuthenticationError,
    SegOpsBadRequestError,
    SegOpsConfigError,
    SegOpsConflictError,
    SegOpsConnectionError,
    SegOpsDecodeError,
    SegOpsError,
    SegOpsInputError,
    SegOpsJobError,
    SegOpsNotFoundError,
    SegOpsPermissionError,
    SegOpsRateLimitError,
    SegOpsServerError,
    SegOpsTimeoutError,
    WebhookVerificationError,
)

TABLE = {
    400: SegOpsBadRequestError,
    401: SegOpsAuthenticationError,
    403: SegOpsPermissionError,
    404: SegOpsNotFoundError,
    409: SegOpsConflictError,
    429: SegOpsRateLimitError,
    500: SegOpsServerError,
    502: SegOpsServerError,
    503: SegOpsServerError,
    504: SegOpsServerError,
    599: SegOpsServerError,
}
OTHERS = [402, 405, 406, 410, 413, 415, 418, 422, 451, 499]
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


@pytest.mark.parametrize(("status", "expected"), TABLE.items())
async def test_status_decides_the_class(at_raw, raw, status, expected):
    """A caller catches by what can be done about it."""
    raw.script(reply(status, {"detail": "Told."}))
    with pytest.raises(SegOpsApiError) as caught:
        await at_raw(max_retries=0).segments.get(1)

    assert type(caught.value) is expected
    assert caught.value.status == status


@pytest.mark.parametrize("status", OTHERS)
async def test_other_statuses_fall_to_the_nearest_parent(at_raw, raw, status):
    """A status of tomorrow is caught as well."""
    raw.script(reply(status, {"detail": "Told."}))
    with pytest.raises(SegOpsApiError) as caught:
        await at_raw(max_retries=0).segments.get(1)

    assert type(caught.value) is SegOpsApiError


def test_the_tree_is_as_drawn():
    """Catching a parent catches its children, and nothing else does."""
    assert SegOpsConfigError.__base__ is SegOpsError
    assert SegOpsTimeoutError.__base__ is SegOpsConnectionError
    assert SegOpsConnectionError.__base__ is SegOpsError
    assert SegOpsApiError.__base__ is SegOpsError
    assert {cls.__base__ for cls in TABLE.values()} == {SegOpsApiError}
    for cls in (SegOpsDecodeError, SegOpsJobError, BulkUpsertError, WebhookVerificationError):
        assert issubclass(cls, SegOpsError)
        assert not issubclass(cls, SegOpsApiError | SegOpsConnectionError)
    assert issubclass(SegOpsInputError, SegOpsConfigError)


async def test_error_carries_the_facts(at_raw, raw):
    """What a log line or a handler needs, without parsing the message."""
    raw.script(reply(409, {"detail": "Busy."}, x_request_id="r-17"))
    with pytest.raises(SegOpsConflictError) as caught:
        await at_raw().segments.update(7, name="a", idempotency_key="k-1")
    error = caught.value

    assert (error.status, error.body, error.method) == (409, {"detail": "Busy."}, "PATCH")
    assert error.url.endswith("/api/segments/7/")
    assert {name.lower(): value for name, value in error.headers.items()}["x-request-id"] == "r-17"
    assert (error.attempts, error.retry_after, error.idempotency_key) == (1, None, "k-1")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500])
async def test_message_says_what_was_tried_what_came_back_and_what_to_do(at_raw, raw, status):
    """One line that can be acted on."""
    raw.script(reply(status, {"detail": "The reason told."}))
    with pytest.raises(SegOpsApiError) as caught:
        await at_raw(max_retries=0).segments.get(7)
    message = str(caught.value)
    _, _, advice = message.partition("The reason told.")

    assert "GET" in message
    assert "/segments/7/" in message
    assert str(status) in message
    assert len(advice.split()) >= 3
    assert "\n" not in message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": ["Required."], "sku": ["Taken.", "Too long."]}, {"name", "sku"}),
        ({"non_field_errors": ["Both or none."]}, {"non_field_errors"}),
        ({"definition": {"conditions": {"0": {"type": ["Unknown."]}}}}, {"definition"}),
        ({"definition": [{}, {"type": ["Unknown."]}]}, {"definition"}),
    ],
)
async def test_field_errors_tell_each_field(at_raw, raw, body, expected):
    """Flat lists of DRF and its nested forms, old and new (sheet, 3.1)."""
    raw.script(reply(400, body))
    with pytest.raises(SegOpsBadRequestError) as caught:
        await at_raw().segments.create(name="a")

    assert caught.value.body == body
    assert {name.split(".")[0] for name in caught.value.field_errors} == expected
    assert all(name in str(caught.value) for name in expected - {"non_field_errors"})


@pytest.mark.parametrize("body", [{"detail": "No."}, [], "text", None, 5, HTML, b"", b"\xff\xfe"], ids=str)
async def test_bad_request_without_fields_has_none(at_raw, raw, body):
    """Whatever the body, reading the error raises no other."""
    raw.script(reply(400, body))
    with pytest.raises(SegOpsBadRequestError) as caught:
        await at_raw().segments.create(name="a")

    assert not {name for name in caught.value.field_errors if name != "detail"}


@pytest.mark.parametrize("status", [404, 500, 502])
@pytest.mark.parametrize("kind", ["text/html", "application/json", None])
async def test_body_that_is_no_json_is_kept_as_text(at_raw, raw, status, kind):
    """Proxies answer HTML, whatever they call it; the message stays readable."""
    raw.script(reply(status, HTML, content_type=kind))
    with pytest.raises(SegOpsApiError) as caught:
        await at_raw(max_retries=0).segments.get(1)

    assert caught.value.body == HTML.decode()
    assert "<html>" not in str(caught.value)


async def test_endless_error_page_does_not_become_the_message(at_raw, raw):
    """A log line stays a line."""
    raw.script(reply(500, b"x" * 1_000_000, content_type="text/plain"))
    with pytest.raises(SegOpsServerError) as caught:
        await at_raw(max_retries=0).segments.get(1)

    assert len(str(caught.value)) < 2000


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"[" * 100_000], ids=["empty", "no text", "deep"])
async def test_unreadable_error_body_still_gives_the_error(at_raw, raw, body):
    """The status is enough."""
    raw.script(reply(500, body, content_type="application/json"))
    with pytest.raises(SegOpsServerError):
        await at_raw(max_retries=0).segments.get(1)


ALL = [cls for _, cls in inspect.getmembers(segops_admin, inspect.isclass) if issubclass(cls, SegOpsError)]
API_FACTS = {
    "status": 418,
    "body": {"detail": "x"},
    "method": "GET",
    "url": "http://127.0.0.1/api/x/",
    "headers": {"A": "1"},
    "attempts": 3,
    "retry_after": 1.5,
    "idempotency_key": "k",
}
FACTS = {
    SegOpsDecodeError: {"record": "Segment", "path": "$.id", "method": "GET", "url": "u", "body": "{}"},
    SegOpsJobError: {"reason": "failed", "job": {"id": 1}},
    BulkUpsertError: {"result": {"created": 1}},
    SegOpsConnectionError: {
        "method": "GET",
        "url": "u",
        "attempts": 2,
        "idempotency_key": "k",
        "outcome_unknown": True,
    },
}


def facts_of(cls):
    if issubclass(cls, SegOpsApiError):
        return API_FACTS
    return next((FACTS[parent] for parent in cls.__mro__ if parent in FACTS), {})


@pytest.mark.parametrize("cls", ALL, ids=lambda cls: cls.__name__)
def test_every_error_pickles_with_its_facts(cls):
    """Errors cross process borders: pools, queues, test runners."""
    facts = facts_of(cls)
    error = cls("What happened.", **facts)
    copy = pickle.loads(pickle.dumps(error))

    assert type(copy) is cls
    assert str(copy) == str(error) == "What happened."
    assert {name: getattr(copy, name) for name in facts} == facts


async def test_caught_error_pickles_too(at_raw, raw):
    """Not only one made by hand: headers and causes come from the HTTP library."""
    raw.script(reply(400, {"name": ["Required."]}, x_a="1"))
    with pytest.raises(SegOpsBadRequestError) as caught:
        await at_raw().segments.create(name="")
    copy = pickle.loads(pickle.dumps(caught.value))

    assert (copy.status, copy.body, copy.field_errors) == (400, caught.value.body, caught.value.field_errors)
    assert dict(copy.headers) == dict(caught.value.headers)


async def test_decode_error_names_record_and_field(at_raw, raw):
    """A server's change of mind is found at once."""
    raw.script(reply(200, {"id": 1, "name": "a", "member_count": "many"}))
    with pytest.raises(SegOpsDecodeError, match="Segment") as caught:
        await at_raw().segments.get(1)

    assert caught.value.record == "Segment"
    assert "member_count" in caught.value.path
    assert "member_count" in str(caught.value)


async def test_decode_error_in_a_list_names_the_row(at_raw, raw):
    """The third of fifty."""
    rows = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": 5}]
    raw.script(reply(200, {"count": 3, "next": None, "results": rows}))
    with pytest.raises(SegOpsDecodeError) as caught:
        await at_raw().segments.list()

    assert "2" in caught.value.path
    assert "name" in caught.value.path


@pytest.mark.parametrize("body", [b"<html>", b"", b"{", b"\xff", b"[" * 5000], ids=str)
async def test_answer_that_is_no_json_is_a_decode_error_for_typed_methods(at_raw, raw, body):
    """There is no record in it, and saying otherwise would lose something silently."""
    raw.script(reply(200, body, content_type="text/html"))
    with pytest.raises(SegOpsDecodeError):
        await at_raw().segments.get(1)


async def test_answer_that_is_no_json_is_the_text_itself_for_the_escape_hatch(at_raw, raw):
    """As published."""
    raw.script(reply(200, b"<html>", content_type="text/html"), reply(200, b""), reply(204), reply(200, b"[1, null]"))
    segops = at_raw()

    assert await segops.http.request("GET", "/x/") == "<html>"
    assert await segops.http.request("GET", "/x/") is None
    assert await segops.http.request("GET", "/x/") is None
    assert await segops.http.request("GET", "/x/") == [1, None]
