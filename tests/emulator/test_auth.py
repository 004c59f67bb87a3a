"""Section 2 of the sheet: credentials and what they may do."""

import hmac

import pytest

from segops_admin.emulator import Emulator


def with_key(key):
    return {"headers": {"Authorization": f"ApiKey {key}"}}


@pytest.mark.parametrize("form", ["Authorization: ApiKey", "X-API-Key", "Bearer", "user token"])
async def test_every_form_of_credential_is_accepted(api, form):
    """The sources disagree about the header (C1): all of them work everywhere."""
    login = {"email": api.tenant.email, "password": api.tenant.password}
    headers = {
        "Authorization: ApiKey": {"Authorization": f"ApiKey {api.tenant.api_key}"},
        "X-API-Key": {"Authorization": None, "X-API-Key": api.tenant.api_key},
        "Bearer": {"Authorization": f"Bearer {api.tenant.api_key}"},
        "user token": {"Authorization": f"Bearer {(await api.post('/auth/token/', login)).body['access']}"},
    }[form]

    assert (await api.get("/segments/", headers=headers)).status == 200


@pytest.mark.parametrize(
    "value", [None, "", "ApiKey", "ApiKey sk_test_unknown", "Basic abc", "Bearer a.b.c", "Bearer é"]
)
async def test_bad_credentials_are_401(api, value):
    """Missing, unknown or malformed: 401 with a text."""
    answer = await api.get("/segments/", headers={"Authorization": value})

    assert answer.status == 401
    assert answer.body["detail"]


async def test_public_key_may_not_read_tenant_data(api):
    """`pk_` keys are embedded in pages: they mint sessions and nothing else."""
    assert (await api.get("/segments/", **with_key(api.tenant.public_key))).status == 403


async def test_mcp_key_is_held_to_its_scopes(api):
    """A new `mk_` key reads and writes; deleting needs mcp:admin."""
    key = with_key(api.tenant.mcp_key)
    made = await api.post("/segments/", {"name": "a"}, **key)

    assert made.status == 201
    assert (await api.get("/segments/", **key)).status == 200
    assert (await api.delete(f"/segments/{made.body['id']}/", **key)).status == 403


async def test_user_token_expires_and_can_be_refreshed(connect):
    """60 minutes, then 401 in the token library's shape, until refreshed."""
    async with Emulator() as emu:
        api = connect(emu)
        pair = (await api.post("/auth/token/", {"email": api.tenant.email, "password": api.tenant.password})).body
        emu.clock.advance(3601)
        late = await api.get("/segments/", headers={"Authorization": f"Bearer {pair['access']}"})
        fresh = (await api.post("/auth/token/refresh/", {"refresh": pair["refresh"]})).body["access"]

        assert (late.status, late.body["code"]) == (401, "token_not_valid")
        assert (await api.get("/segments/", headers={"Authorization": f"Bearer {fresh}"})).status == 200
        assert (await api.get("/segments/", headers={"Authorization": f"Bearer {pair['refresh']}"})).status == 401


async def test_wrong_password_is_401(api):
    """No token for a wrong password."""
    assert (await api.post("/auth/token/", {"email": api.tenant.email, "password": "x"})).status == 401


async def test_keys_are_made_shown_once_and_revoked(api):
    """Only a user can make keys; a revoked one stops working at once."""
    login = {"email": api.tenant.email, "password": api.tenant.password}
    user = {"headers": {"Authorization": f"Bearer {(await api.post('/auth/token/', login)).body['access']}"}}
    body = {"name": "nightly", "tenant_slug": api.tenant.slug}
    made = (await api.post("/auth/api-keys/", body, **user)).body

    assert (await api.post("/auth/api-keys/", body)).status == 403
    assert (await api.get("/segments/", **with_key(made["key"]))).status == 200
    assert all("key" not in row for row in (await api.get("/auth/api-keys/", **user)).body)
    assert (await api.delete(f"/auth/api-keys/{made['id']}/", **user)).status == 204
    assert (await api.get("/segments/", **with_key(made["key"]))).status == 401


async def test_session_writes_for_its_own_user_only(api):
    """A session token cannot read, and its events get the token's uid."""
    minted = await api.post("/auth/session/", {"user_id": "cust-1"}, **with_key(api.tenant.public_key))
    token = {"headers": {"Authorization": f"Bearer {minted.body['token']}"}}
    await api.post("/ingestion/track/", {"user_id": "someone-else", "event_type": "seen"}, **token)

    assert minted.body["uid"] == "cust-1"
    assert (await api.get("/explorer/users/cust-1/")).body["event_count"] == 1
    assert (await api.get("/explorer/users/someone-else/")).status == 404
    assert (await api.get("/segments/", **token)).status == 403


async def test_signed_user_id_is_checked(api, emu):
    """HMAC over `user|time` with the hex-decoded secret, five minutes either way."""
    key = with_key(api.tenant.public_key)
    stamp = int(emu.clock.now())

    def signed(at):
        message = f"cust-1|{at}".encode()
        signature = hmac.new(bytes.fromhex(api.tenant.signing_secret), message, "sha256").hexdigest()
        return {"user_id": "cust-1", "user_id_ts": at, "user_id_sig": signature}

    assert (await api.post("/auth/session/", signed(stamp), **key)).status == 200
    assert (await api.post("/auth/session/", signed(stamp - 400), **key)).status == 403
    assert (await api.post("/auth/session/", {**signed(stamp), "user_id_sig": "00"}, **key)).status == 403


async def test_origin_must_be_on_the_list_of_the_key(emu, connect):
    """Exact origins, or one subdomain level for `https://*.host`."""
    api = connect(emu, emu.create_tenant(origins=["https://*.shop.example"]))

    async def mint(origin):
        headers = {**with_key(api.tenant.public_key)["headers"], "Origin": origin}
        return (await api.post("/auth/session/", {}, headers=headers)).status

    assert await mint("https://www.shop.example") == 200
    assert await mint("https://a.b.shop.example") == 403
    assert await mint("https://evil.example") == 403


async def test_viewer_may_only_read(api, emu):
    """Roles bind dashboard users: a viewer's write is a 403, and nothing is written."""
    email = f"viewer@{api.tenant.slug}.example"
    emu.create_account(api.tenant, email=email, password="x", role="viewer")
    pair = (await api.post("/auth/token/", {"email": email, "password": "x"})).body
    viewer = {"headers": {"Authorization": f"Bearer {pair['access']}"}}

    assert (await api.get("/segments/", **viewer)).status == 200
    assert (await api.post("/segments/", {"name": "a"}, **viewer)).status == 403
    assert (await api.get("/segments/")).body["count"] == 0
