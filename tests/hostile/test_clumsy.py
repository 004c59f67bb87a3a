"""Arguments of a wrong kind: told in our words before anything is sent, and in few of them."""

import decimal
import enum
import urllib.parse

import pytest
from rawserver import reply

from segops_admin import SegOpsConfigError, SegOpsInputError
from segops_admin.core.multipart import encode_form
from segops_admin.core.pace import parse_rate_limit
from segops_admin.core.request import path

HUGE = 10**5000
"""More digits than Python writes."""

WRONG_CALLS = {
    "no method": (None, "/x/", {}),
    "empty method": ("", "/x/", {}),
    "two methods": ("GE T", "/x/", {}),
    "method with lines": ("GET\r\nX-Evil: 1\r\n\r\n", "/x/", {}),
    "method that is bytes": (b"GET", "/x/", {}),
    "method of other letters": ("G\u00c9T", "/x/", {}),
    "no path": ("GET", None, {}),
    "path that is bytes": ("GET", b"/x/", {}),
    "path that is a number": ("GET", 5, {}),
    "query that is text": ("GET", "/x/", {"query": "a=1"}),
    "query that is empty text": ("GET", "/x/", {"query": ""}),
    "query that is a list": ("GET", "/x/", {"query": [("a", 1)]}),
    "query that is a number": ("GET", "/x/", {"query": 5}),
    "query of many digits": ("GET", "/x/", {"query": {"a": HUGE}}),
    "query that is no number": ("GET", "/x/", {"query": {"a": decimal.Decimal("NaN")}}),
    "query without end": ("GET", "/x/", {"query": {"a": [decimal.Decimal("-Infinity")]}}),
    "query that signals": ("GET", "/x/", {"query": {"a": decimal.Decimal("sNaN")}}),
    "form that is text": ("POST", "/x/", {"form": "abc"}),
    "form that is a list": ("POST", "/x/", {"form": [("a", "b")]}),
    "form that is a number": ("POST", "/x/", {"form": 5}),
    "form that is an empty tuple": ("POST", "/x/", {"form": ()}),
    "form of a name only": ("POST", "/x/", {"form": ("file", "a.csv")}),
    "form of no name": ("POST", "/x/", {"form": ([], "a.csv", b"")}),
    "repeat that is text": ("POST", "/x/", {"idempotent": "no"}),
}


@pytest.mark.parametrize(("method", "where", "options"), WRONG_CALLS.values(), ids=WRONG_CALLS.keys())
async def test_call_of_wrong_arguments_is_refused_unsent(at_raw, raw, method, where, options):
    """One `except SegOpsError` is enough around a call, whatever a script makes of its input."""
    with pytest.raises(SegOpsConfigError) as caught:
        await at_raw().http.request(method, where, **options)

    assert len(str(caught.value)) < 300
    assert raw.connections == 0


@pytest.mark.parametrize(
    ("where", "query"), [(None, None), (b"/x/", None), ("/x/", "a=1"), ("/x/", 5), ("/x/", {"a": HUGE})]
)
async def test_walk_of_wrong_arguments_is_refused_unsent(at_raw, raw, where, query):
    """The same for a reader, at the latest when it is asked."""
    with pytest.raises(SegOpsInputError):
        await anext(at_raw().http.paginate(where, query))

    assert raw.connections == 0


async def test_id_of_more_digits_than_python_writes_is_refused(at_raw, raw):
    """`str()` of it is a ValueError that names a setting of the interpreter."""
    with pytest.raises(SegOpsInputError, match="digits"):
        await at_raw().segments.get(HUGE)
    with pytest.raises(SegOpsInputError, match="concurrency"):
        at_raw().segments.iterate(concurrency=-HUGE)

    assert raw.connections == 0


class Colour(str, enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    LARGE = 3


class Sort(enum.Enum):
    NEWEST = "-created_at"


async def test_member_of_an_enumeration_is_sent_as_its_value(at_raw, raw):
    """`Colour.RED` is how Python writes it, on some of its versions; the service knows `red`."""
    raw.script(reply(200, {}))
    query = {"colour": Colour.RED, "size": Size.LARGE, "sort": Sort.NEWEST, "all": [Colour.RED], Colour.RED: 1}
    await at_raw().http.request("GET", "/x/", query=query)
    (request,) = raw.requests

    assert dict(urllib.parse.parse_qsl(request.target.partition("?")[2])) == {
        "colour": "red",
        "size": "3",
        "sort": "-created_at",
        "all": "red",
        "red": "1",
    }
    assert path("x", Colour.RED, Size.LARGE) == "/x/red/3/"


@pytest.mark.parametrize("value", [{"n" * 9000: 1.5}, {"f": ("n", b"", "a\n" * 9000)}, {5 * "f" * 9000: None}])
def test_refusal_of_something_long_is_short(value):
    """A message goes into logs and onto screens."""
    with pytest.raises(SegOpsInputError) as caught:
        encode_form(value)

    assert len(str(caught.value)) < 300


WRONG_RATES = {
    "infinity": float("inf"),
    "1e300": 1e300,
    "400 digits": 10**400,
    "5000 digits": HUGE,
    "1e-300": 1e-300,
    "20 digits a second": "99999999999999999999/s",
    "one in 20 digits of hours": "1/99999999999999999999h",
    "5000 digits as text": "9" * 5000 + "/s",
    "no time": "60/0s",
    "list": [],
    "object": object(),
}


@pytest.mark.parametrize("rate", WRONG_RATES.values(), ids=WRONG_RATES.keys())
def test_rate_beyond_all_sense_is_refused(rate):
    """It would be no quota at all, or one that lets nothing through."""
    with pytest.raises(SegOpsConfigError, match="rate_limit") as caught:
        parse_rate_limit(rate)

    assert len(str(caught.value)) < 300
