"""Records: typed where the service is stable, open where it is not, and lossless (design, "Records")."""

import datetime as dt
import json

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rawserver import RawServer, reply

from segops_admin import AsyncSegOpsAdmin, SegOpsDecodeError

SEGMENT = {
    "id": 31,
    "tenant": 4,
    "name": "Lapsed bakers",
    "description": "",
    "segment_type": "rule",
    "definition": {"logic": "AND", "conditions": [{"type": "recency", "window_days": 60}]},
    "is_active": True,
    "member_count": 208,
    "last_computed_at": "2026-06-11T07:45:10Z",
    "created_at": "2026-05-20T09:00:00.123456+00:00",
    "updated_at": "2026-06-10T16:12:44Z",
}


@pytest.fixture
def answer(at_raw, raw):
    """Return a function that gives the segment a server answers with."""

    async def get(**changes):
        body = {name: value for name, value in {**SEGMENT, **changes}.items() if value is not ...}
        raw.script(reply(200, body))
        return await at_raw(max_retries=0).segments.get(31)

    return get


async def test_stable_fields_are_typed(answer):
    """An editor knows them."""
    segment = await answer()

    assert (segment.id, segment.name, segment.is_active, segment.member_count) == (31, "Lapsed bakers", True, 208)
    assert segment.last_computed_at == dt.datetime(2026, 6, 11, 7, 45, 10, tzinfo=dt.timezone.utc)
    assert segment.created_at.microsecond == 123456
    assert segment.definition["conditions"][0]["window_days"] == 60


async def test_reading_by_key_gives_the_json_value(answer):
    """A script for the published package reads what it always read."""
    segment = await answer()

    assert {name: segment[name] for name in SEGMENT} == SEGMENT
    assert dict(segment) == SEGMENT
    assert list(segment.keys()) == list(SEGMENT)
    assert dict(segment.items()) == SEGMENT
    assert list(segment.values()) == list(SEGMENT.values())
    assert "name" in segment
    assert "nothing" not in segment
    assert (segment.get("nothing"), segment.get("nothing", 5), segment.get("name")) == (None, 5, "Lapsed bakers")
    with pytest.raises(KeyError, match="nothing"):
        segment["nothing"]


async def test_nothing_is_lost_on_the_way_out(answer):
    """`to_dict` is what the server sent, ready for JSON."""
    segment = await answer(colour="red", nested={"deep": [1, {"a": None}]})

    assert json.loads(json.dumps(segment.to_dict())) == {
        **SEGMENT,
        "colour": "red",
        "nested": {"deep": [1, {"a": None}]},
    }


async def test_fields_of_tomorrow_are_kept(answer):
    """A new field breaks nobody and is within reach at once."""
    segment = await answer(colour="red")

    assert segment.extra == {"colour": "red"}
    assert segment["colour"] == "red"
    assert "colour" in segment
    assert (await answer()).extra == {}


async def test_values_of_tomorrow_are_kept(answer):
    """A new kind of segment does not break every deployed client."""
    assert (await answer(segment_type="quantum")).segment_type == "quantum"


@pytest.mark.parametrize(
    "name", ["description", "definition", "member_count", "last_computed_at", "created_at", "tenant", "segment_type"]
)
@pytest.mark.parametrize("value", [None, ...], ids=["null", "absent"])
async def test_fields_that_may_be_missing_may_be_null(answer, name, value):
    """Drafts have no count, old servers no timestamps."""
    assert getattr(await answer(**{name: value}), name) in (None, "", {}, "rule")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("name", 5),
        ("name", True),
        ("name", ["a"]),
        ("name", {"a": 1}),
        ("description", 1.5),
        ("is_active", "false"),
        ("is_active", 0),
        ("is_active", []),
        ("member_count", "208"),
        ("member_count", 1.5),
        ("member_count", True),
        ("member_count", []),
        ("last_computed_at", "yesterday"),
        ("last_computed_at", 1780000000),
        ("last_computed_at", ""),
        ("id", None),
        ("id", ...),
        ("id", "abc"),
        ("id", 1.5),
        ("id", True),
        ("id", []),
        ("definition", "AND"),
    ],
    ids=str,
)
async def test_value_of_the_wrong_type_is_told_not_bent(answer, name, value):
    """`bool("false")` is True, and `str(None)` is a name: no silent coercion."""
    with pytest.raises(SegOpsDecodeError, match=name) as caught:
        await answer(**{name: value})

    assert caught.value.record == "Segment"


async def test_ids_as_strings_of_digits_are_taken(answer):
    """The sources disagree about ids here and there; comparing must not fail for it."""
    segment = await answer(id="31")

    assert segment.id in (31, "31")
    assert segment["id"] == "31"


async def test_id_beyond_64_bits_stays_exact(answer):
    """A float in between would name another object."""
    big = 2**70 + 1

    try:
        segment = await answer(id=big)
    except SegOpsDecodeError:
        return
    assert segment.id == big


async def test_number_is_exact_or_refused_however_deep_it_stands(at_raw, raw):
    """Beyond 64 bits one parser makes a float of it, and the exact one reads less deep: then nothing is better."""
    number, depth = 2**64 + 1, 1015
    inner = b"[" * depth + str(number).encode() + b"]" * depth
    raw.script(reply(200, b'{"id": 1, "name": "a", "of": ' + inner + b"}"))
    try:
        found = (await at_raw(max_retries=0).segments.get(1))["of"]
    except SegOpsDecodeError:
        return
    while isinstance(found, list):
        (found,) = found

    assert (type(found), found) == (int, number)


async def test_setting_an_attribute_shows_by_key(answer):
    """A record is one thing, read two ways."""
    segment = await answer()
    segment.name = "Renamed"

    assert segment["name"] == "Renamed"
    assert segment.to_dict()["name"] == "Renamed"
    assert dict(segment)["name"] == "Renamed"


async def test_changing_what_was_read_by_key_does_not_reach_the_next_reader(answer):
    """`to_dict` is the caller's own."""
    segment = await answer()
    segment.to_dict()["name"] = "Changed"

    assert segment.name == segment["name"] == "Lapsed bakers"


async def test_records_are_equal_by_what_they_say(answer):
    """Two reads of the same thing are the same."""
    first, same, other = await answer(), await answer(), await answer(name="b")

    assert first == same
    assert first != other
    assert first != SEGMENT or dict(first) == SEGMENT


async def test_record_has_a_readable_representation(answer):
    """For a notebook and a debugger."""
    assert "Lapsed bakers" in repr(await answer())


async def test_record_has_no_room_for_typing_errors(answer):
    """Slots: a mistyped attribute is an error, not a value nobody reads."""
    segment = await answer()
    with pytest.raises(AttributeError):
        segment.nmae = "a"


@pytest.mark.parametrize("body", [[], [SEGMENT], "text", 5, None, True], ids=type)
async def test_answer_that_is_no_object_is_a_decode_error(at_raw, raw, body):
    """There is no segment in it."""
    raw.script(reply(200, body))
    with pytest.raises(SegOpsDecodeError, match="Segment"):
        await at_raw().segments.get(1)


KEYS = st.sampled_from([*SEGMENT, "status", "extra", "_raw", "to_dict", "__class__", "self", ""]) | st.text(max_size=5)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def test_any_object_is_a_segment_or_a_decode_error():
    """Whatever a server sends: a record that says the same again, or one clear error, and nothing else."""

    async def examine(bodies):
        async with RawServer() as server, AsyncSegOpsAdmin("sk_test", base_url=server.url, max_retries=0) as segops:
            for body in bodies:
                server.script(reply(200, body))
                try:
                    segment = await segops.segments.get(1)
                except SegOpsDecodeError:
                    continue
                assert segment.to_dict() == json.loads(json.dumps(body))
                assert {name: segment[name] for name in body} == body
                assert repr(segment)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(
        st.lists(
            st.builds(
                lambda base, more: {**base, **more},
                st.sampled_from([{}, {"id": 1}, SEGMENT]),
                st.dictionaries(KEYS, JSON, max_size=6),
            ),
            min_size=3,
            max_size=8,
        )
    )
    def law(bodies):
        anyio.run(examine, bodies)

    law()
