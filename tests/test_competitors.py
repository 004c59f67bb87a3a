"""Every method of the competitors namespace, on both faces (sheet, sections 7 and 17.5)."""

import datetime as dt

import pytest

from segops_admin import SegOpsBadRequestError, SegOpsNotFoundError


async def test_create_takes_keywords_a_dictionary_or_both(segops):
    """All forms, as everywhere; keywords win."""
    first = await segops.competitors.create(name="Millstone", domain="millstone.example", brand_aliases=["Mill St"])
    second = await segops.competitors.create({"name": "Oatly", "is_active": False})
    third = await segops.competitors.create({"name": "a", "domain": "d.example"}, name="b")

    assert (first.name, first.domain, first.brand_aliases, first.is_active) == (
        "Millstone",
        "millstone.example",
        ["Mill St"],
        True,
    )
    assert (second["name"], second.is_active) == ("Oatly", False)
    assert (third.name, third.domain) == ("b", "d.example")


async def test_get_reads_what_was_created(segops):
    """The detail path is inferred; the record is the list's."""
    made = await segops.competitors.create(name="a")
    read = await segops.competitors.get(made.id)

    assert read == made
    assert read.created_at.utcoffset() == dt.timedelta(0)


async def test_update_changes_what_is_given(segops, seen):
    """By keyword or dictionary; there is only PATCH here."""
    made = await segops.competitors.create(name="a", domain="d.example")

    assert (await segops.competitors.update(made.id, is_active=False)).domain == "d.example"
    assert (await segops.competitors.update(made.id, {"name": "b"}, method="PATCH")).name == "b"
    assert [r.method for r in seen()][1:] == ["PATCH", "PATCH"]


async def test_delete_returns_nothing_and_the_competitor_is_gone(segops):
    """204 is None, as everywhere."""
    made = await segops.competitors.create(name="a")

    assert await segops.competitors.delete(made.id) is None
    with pytest.raises(SegOpsNotFoundError):
        await segops.competitors.get(made.id)


async def test_list_and_iterate_read_the_bare_list(segops):
    """A Page all the same."""
    for name in "abc":
        await segops.competitors.create(name=name)
    page = await segops.competitors.list({"page": 1})

    assert ([c.name for c in page], page["results"][0]["name"], page.next) == (["a", "b", "c"], "a", None)
    assert (await segops.competitors.list(page=1)).to_dict() == page.to_dict()
    assert [c.name async for c in segops.competitors.iterate()] == ["a", "b", "c"]
    assert [c.name async for c in segops.competitors.iterate({"page": 1})] == ["a", "b", "c"]


async def test_name_is_unique(segops):
    """The error tells the field."""
    await segops.competitors.create(name="a")
    with pytest.raises(SegOpsBadRequestError) as caught:
        await segops.competitors.create(name="a")

    assert "name" in caught.value.field_errors
