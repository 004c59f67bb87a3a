"""Whatever JSON an answer holds, a record comes of it or an error of the tree; nothing else ever escapes."""

import importlib
import inspect
import json
import pickle
import pkgutil
from typing import get_args

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import segops_admin.records
from segops_admin import SegOpsApiError, SegOpsError
from segops_admin.core import codec
from segops_admin.core.refusal import error_from
from segops_admin.core.request import Request
from segops_admin.core.response import Response
from segops_admin.core.retry import retry_after_s
from segops_admin.paging import read_page
from segops_admin.records.base import Record

MODULES = [
    importlib.import_module(f"segops_admin.records.{module.name}")
    for module in pkgutil.iter_modules(segops_admin.records.__path__)
]
KINDS = sorted(
    {
        kind
        for module in MODULES
        for kind in vars(module).values()
        if inspect.isclass(kind) and not get_args(kind) and issubclass(kind, Record) and kind is not Record
    },
    key=lambda kind: kind.__name__,
)
FUZZ = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([
        "2026-06-11T07:45:10Z", "2026-06-11T07:45:10.123456789+25:00", "0001-01-01T00:00:00+14:00", "9999-12-31",
        "12", "-1", "²", 10**30, -(2**63), 1e308, "ready", "", "\ud800", "x" * 500,
    ])
)  # fmt: skip
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)


def near(kind):
    """Objects that look like the record: its own names, with values that may be anything."""
    names = {field.name for field in attrs.fields(kind) if field.init}
    names |= {other for others in kind.other_names.values() for other in others}
    return st.dictionaries(st.sampled_from(sorted(names)), ANY_JSON, max_size=len(names)) if names else ANY_JSON


def answer(body, status=200, headers=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode("utf-8", "surrogatepass")
    return Response(
        request=Request("GET", "/x/"), url="http://h/api/x/", status=status, headers=headers or {}, body=raw
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_any_json_is_a_record_or_an_error_of_ours(kind):
    """Every record, with JSON that is nearly right and with JSON that is not; what is read shows and pickles."""

    @FUZZ
    @given(near(kind) | ANY_JSON)
    def check(body):
        try:
            record = codec.decode(answer(body), kind)
        except SegOpsError:
            return
        assert isinstance(record, kind)
        repr(record)
        assert pickle.loads(pickle.dumps(record)) == record or record != record.to_dict()  # NaN differs from itself
        assert set(record.extra) <= set(record.to_dict())

    check()


def test_every_record_is_tried():
    """A record that no module defines any more, or that is defined elsewhere, would go untried."""
    assert len(KINDS) > 40


@FUZZ
@given(
    ANY_JSON
    | st.fixed_dictionaries(
        {},
        optional={
            "count": ANY_JSON, "next": ANY_JSON, "next_cursor": ANY_JSON, "previous": ANY_JSON,
            "results": st.lists(ANY_JSON, max_size=3) | ANY_JSON, "members": ANY_JSON, "items": ANY_JSON,
        },
    )
)  # fmt: skip
def test_any_json_is_a_page_or_an_error_of_ours(body):
    """And of a page the query for the next one, which a request can be made of."""
    try:
        page = read_page(answer(body), dict)
    except SegOpsError:
        return
    repr(page)
    assert page.next_query is None or all(isinstance(name, str) for name in page.next_query)


@FUZZ
@given(st.binary() | ANY_JSON, st.integers(100, 599), st.text(max_size=40) | st.binary(max_size=8).map(repr))
def test_any_refusal_is_told_in_our_words(body, status, hint):
    """Bodies of proxies and crashes, with whatever hint; it pickles, as it may have to cross a process pool."""
    refused = answer(body, status, {"Retry-After": hint, "Content-Type": hint})
    error = error_from(refused, attempts=3)

    assert isinstance(error, SegOpsApiError)
    assert str(status) in str(error)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@FUZZ
@given(st.text() | st.sampled_from(["Wed, 21 Oct 2026 07:28:00 GMT", "1e400", "-5", "0", "٣", "Mon, 00 Foo 0000"]))
def test_any_hint_is_seconds_or_none(hint):
    """Never negative, never without end."""
    seconds = retry_after_s(answer(b"", 429, {"Retry-After": hint}))

    assert seconds is None or 0 <= seconds < float("inf")
