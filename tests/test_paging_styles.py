"""How the next page is found: the rules of the sheet's section 4, whatever style a server uses."""

import urllib.parse

import pytest
from rawserver import RawServer, reply

from segops_admin import SegOpsDecodeError

THREE = [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "name": "c"}]


async def walk(segops, **options):
    return [s.id async for s in segops.segments.iterate(**options)]


def query_of(request):
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request.target).query, keep_blank_values=True))


async def test_bare_list_is_one_page(at_raw, raw):
    """Style P2: no envelope, no further page."""
    raw.script(reply(200, THREE))

    assert await walk(at_raw()) == [1, 2, 3]
    assert len(raw.requests) == 1


async def test_bare_list_is_a_page_of_its_own(at_raw, raw):
    """`list` returns a Page for both shapes; nobody indexes blindly (sheet, C7)."""
    raw.script(reply(200, THREE))
    page = await at_raw().segments.list()

    assert ([s.id for s in page], len(page), page.next, page.previous) == ([1, 2, 3], 3, None, None)
    assert page["results"] == THREE


async def test_count_and_results_without_next_is_one_page(at_raw, raw):
    """Style P4: offset paging is undocumented, so more is not guessed."""
    raw.script(reply(200, {"count": 99, "results": THREE}))

    assert await walk(at_raw()) == [1, 2, 3]
    assert len(raw.requests) == 1


async def test_cursor_is_followed_until_null(at_raw, raw):
    """Style P3; cursors contain `=` and go back as they came."""
    raw.script(
        reply(200, {"results": ["ana"], "next_cursor": "b2+/=="}),
        reply(200, {"results": ["bo"], "next_cursor": "c3"}),
        reply(200, {"results": ["cy"], "next_cursor": None}),
    )
    members = [m.user_id async for m in at_raw().segments.iterate_members(5, limit=1)]

    assert members == ["ana", "bo", "cy"]
    assert [query_of(r) for r in raw.requests] == [
        {"limit": "1"},
        {"limit": "1", "cursor": "b2+/=="},
        {"limit": "1", "cursor": "c3"},
    ]


@pytest.mark.parametrize("name", ["results", "members", "items", "user_ids"])
async def test_members_are_found_under_every_likely_name(at_raw, raw, name):
    """The shape of a member list is not documented; items may be plain ids."""
    raw.script(reply(200, {name: ["ana", {"user_id": "bo"}], "next_cursor": ""}))

    assert [m.user_id async for m in at_raw().segments.iterate_members(5)] == ["ana", "bo"]


async def test_members_paged_by_next_are_followed_too(at_raw, raw):
    """If the answer has `next` instead of `next_cursor`, it is followed (sheet, C5)."""
    raw.script(
        reply(200, {"count": 2, "next": "/api/segments/5/members/?page=2", "results": ["ana"]}),
        reply(200, {"count": 2, "next": None, "results": ["bo"]}),
    )

    assert [m.user_id async for m in at_raw().segments.iterate_members(5)] == ["ana", "bo"]


@pytest.mark.parametrize("limit", ["offset", "cursor"])
async def test_only_the_query_of_next_is_used(at_raw, raw, limit):
    """A list that turns out to be paged otherwise is still walked: `page` is never counted up blindly."""
    raw.script(
        reply(200, {"count": 3, "next": f"/elsewhere/api/x/?limit=2&{limit}=a%3D2", "results": THREE[:2]}),
        reply(200, {"count": 3, "next": None, "results": THREE[2:]}),
    )

    assert await walk(at_raw()) == [1, 2, 3]
    assert urllib.parse.urlsplit(raw.requests[1].target).path == "/api/segments/"
    assert query_of(raw.requests[1]) == {"limit": "2", limit: "a=2"}


async def test_next_on_a_foreign_host_is_never_contacted(at_raw, raw):
    """Deployments leak internal hosts; the key would go there."""
    async with RawServer() as foreign:
        raw.script(
            reply(200, {"count": 3, "next": f"{foreign.url}/segments/?page=2", "results": THREE[:2]}),
            reply(200, {"count": 3, "next": None, "results": THREE[2:]}),
        )
        assert await walk(at_raw()) == [1, 2, 3]

        assert foreign.connections == 0
        assert len(raw.requests) == 2


async def test_rewritten_links_do_not_change_a_walk(segops, fault):
    """The same, with the emulator behind a proxy with a wrong idea of its host."""
    for number in range(7):
        await segops.segments.create(name=f"s{number}")
    fault(path="/segments/", rewrite_next="https://internal.invalid:8443")

    assert len(await walk(segops, page_size=2)) == 7


async def test_envelope_given_as_a_bare_list_is_still_walked(segops, fault):
    """Sources disagree on which list has which shape (sheet, C6)."""
    for name in "abc":
        await segops.segments.create(name=name)
    fault(path="/segments/", swap=True)

    assert len(await walk(segops)) == 3


async def test_repeated_next_ends_the_walk(at_raw, raw):
    """A server that ignores the parameter would be walked for ever."""
    raw.script(reply(200, {"count": 9, "next": "/api/segments/?offset=3", "results": THREE}))
    ids = await walk(at_raw())

    assert ids[:3] == [1, 2, 3]
    assert len(raw.requests) <= 3


async def test_repeated_cursor_ends_the_walk(at_raw, raw):
    """The same for cursors."""
    raw.script(reply(200, {"results": ["ana"], "next_cursor": "same"}))
    members = [m.user_id async for m in at_raw().segments.iterate_members(5)]

    assert set(members) == {"ana"}
    assert len(raw.requests) <= 3


async def test_empty_page_ends_the_walk(at_raw, raw):
    """Even with a `next`: there is nothing more to come."""
    raw.script(
        reply(200, {"count": 9, "next": "/api/segments/?page=2", "results": THREE}),
        reply(200, {"count": 9, "next": "/api/segments/?page=3", "results": []}),
    )

    assert await walk(at_raw(), concurrency=1) == [1, 2, 3]
    assert len(raw.requests) == 2


@pytest.mark.parametrize("body", [{"detail": "?"}, {"results": 5}, {"results": [5]}, "text", 5, None], ids=str)
async def test_list_that_is_none_is_a_decode_error(at_raw, raw, body):
    """An answer without items is not an empty list: that would lose them silently."""
    raw.script(reply(200, body))
    with pytest.raises(SegOpsDecodeError):
        await walk(at_raw())


async def test_any_list_can_be_walked_by_its_path(segops):
    """An endpoint without a method of its own has lists too; the published package walks them by this name."""
    for number in range(5):
        await segops.segments.create(name=f"s{number}")

    found = [item async for item in segops.http.paginate("/segments/?page_size=2")]

    assert [item["name"] for item in found] == [f"s{number}" for number in range(5)]


async def test_file_of_the_published_form_is_sent(segops):
    """The published package gives one file as (field, filename, bytes)."""
    form = ("file", "products.csv", b"sku,name\nA,a\n")

    job = await segops.http.request("POST", "/pim/import/csv/", form=form)

    assert job["suggested_mapping"] == {"sku": "sku", "name": "name"}


async def test_dictionary_by_its_name_is_the_same_as_by_its_place(segops):
    """A script may write update(id, body={…}) and list(params={…}); neither may be taken for a field."""
    made = await segops.segments.create(body={"name": "old"})
    changed = await segops.segments.update(made.id, body={"name": "new"})

    assert changed.name == "new"
    assert len(await segops.segments.list(params={"page_size": 1})) == 1
