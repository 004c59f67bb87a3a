"""Competitors over HTTP."""

PATH = "/ai-reach/competitors/"


async def make(api, **fields):
    answer = await api.post(PATH, {"name": "Millstone & Co", **fields})
    assert answer.status == 201
    return answer.body


async def test_competitor_can_be_created_read_changed_and_deleted(api):
    """The list is bare; PATCH changes what is given, and there is no PUT."""
    made = await make(api, domain="millstone.example", brand_aliases=["Millstone", "Millstone", " MS "])
    path = f"{PATH}{made['id']}/"
    changed = (await api.patch(path, {"is_active": False, "id": 7})).body

    assert (made["brand_aliases"], made["is_active"]) == (["Millstone", "MS"], True)
    assert {**made, "is_active": False, "updated_at": changed["updated_at"]} == changed
    assert (await api.get(PATH)).body == [changed]
    assert (await api.get(path)).body == changed
    assert (await api.put(path, {"name": "x"})).status == 405
    assert (await api.delete(path)).status == 204
    assert (await api.get(path)).status == 404


async def test_competitor_needs_only_a_name(api):
    """Domain and aliases are informative, and empty rather than null when not given."""
    made = await make(api)

    assert (made["domain"], made["brand_aliases"]) == ("", [])
    assert list((await api.post(PATH, {})).body) == ["name"]


async def test_second_competitor_of_a_name_is_refused(api):
    """Brands are matched in any case, so a name is unique in any case; a competitor may keep its own."""
    made = await make(api)
    other = await make(api, name="Grindwell")

    assert list((await api.post(PATH, {"name": "millstone & co"})).body) == ["name"]
    assert (await api.patch(f"{PATH}{other['id']}/", {"name": made["name"]})).status == 400
    assert (await api.patch(f"{PATH}{made['id']}/", {"name": "MILLSTONE & Co"})).status == 200


async def test_aliases_must_be_strings(api):
    """A wrong item is named by its index, so that a form can mark it."""
    by_index = await api.post(PATH, {"name": "a", "brand_aliases": ["ok", 5, " "]})
    no_list = await api.post(PATH, {"name": "a", "brand_aliases": "ok"})

    assert list(by_index.body["brand_aliases"]) == ["1", "2"]
    assert list(no_list.body) == ["brand_aliases"]


async def test_competitor_of_another_tenant_is_unknown(api, emu, connect):
    """Data never crosses tenants, and names are unique only within one."""
    made = await make(api)
    other = connect(emu, emu.create_tenant())

    assert (await other.get(f"{PATH}{made['id']}/")).status == 404
    assert (await other.get(PATH)).body == []
    assert (await make(other))["name"] == made["name"]
