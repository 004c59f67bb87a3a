"""Every method of the api_keys namespace, on both faces, with a user's token (sheet, sections 2.3, 2.4 and 7)."""

import datetime as dt

import pytest

from segops_admin import (
    SegOpsAuthenticationError,
    SegOpsBadRequestError,
    SegOpsInputError,
    SegOpsNotFoundError,
    SegOpsPermissionError,
)


@pytest.fixture
async def owner(segops, tenant):
    """A copy of the client that speaks as the workspace's owner."""
    body = {"email": tenant.email, "password": tenant.password}
    token = (await segops.http.request("POST", "/auth/token/", body=body))["access"]
    return segops.with_options(headers={"Authorization": f"Bearer {token}"})


async def test_new_key_is_shown_once_and_works(owner, tenant, connect):
    """By keyword or dictionary; lists leave the key itself out."""
    made = await owner.api_keys.create(name="nightly", tenant_slug=tenant.slug)
    second = await owner.api_keys.create({"name": "weekly", "tenant_slug": tenant.slug})
    listed = {key.id: key for key in await owner.api_keys.list()}

    assert (made.name, made["key"], made.key[:3]) == ("nightly", made.key, "sk_")
    assert (listed[made.id].name, listed[made.id].key, listed[second.id].name) == ("nightly", None, "weekly")
    assert made.key.startswith(listed[made.id].prefix)
    assert listed[made.id].created_at.utcoffset() == dt.timedelta(0)
    assert (await connect(api_key=made.key).segments.list()).count == 0


async def test_key_is_not_in_a_representation(owner, tenant):
    """Records are printed and logged."""
    made = await owner.api_keys.create(name="nightly", tenant_slug=tenant.slug)

    assert made.key not in repr(made)
    assert "nightly" in repr(made)


async def test_revoked_key_stops_working_at_once(owner, tenant, connect):
    """204 is None; the key gets 401 from then on."""
    made = await owner.api_keys.create(name="nightly", tenant_slug=tenant.slug)

    assert await owner.api_keys.delete(made.id) is None
    with pytest.raises(SegOpsAuthenticationError):
        await connect(api_key=made.key).segments.list()
    assert made.id not in [key.id for key in await owner.api_keys.list()]
    with pytest.raises(SegOpsNotFoundError):
        await owner.api_keys.delete(made.id)


async def test_key_cannot_make_keys(segops, tenant):
    """A user's token is needed: the answer is the service's, 401 or 403."""
    with pytest.raises((SegOpsPermissionError, SegOpsAuthenticationError)):
        await segops.api_keys.create(name="a", tenant_slug=tenant.slug)


async def test_copy_with_a_token_leaves_the_client_with_its_key(segops, owner, tenant, seen):
    """A copy's headers are the copy's."""
    await owner.api_keys.list()
    await segops.segments.list()

    schemes = [request.headers["Authorization"].split()[0] for request in seen()]
    assert schemes == ["Bearer", "ApiKey"]


async def test_missing_field_is_named(owner):
    """By the client or by the server, but as an error that names what is missing."""
    with pytest.raises((SegOpsBadRequestError, SegOpsInputError), match="tenant_slug"):
        await owner.api_keys.create(name="nightly")


async def test_expired_token_is_an_authentication_error(segops):
    """Tokens live an hour; what the service says of one is the error."""
    with pytest.raises(SegOpsAuthenticationError):
        await segops.with_options(headers={"Authorization": "Bearer none"}).api_keys.list()
