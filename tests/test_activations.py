"""Every method of the activations namespace, on both faces (sheet, sections 7 and 13), masked secrets above all."""

import json

import pytest
from rawserver import reply

from segops_admin import SegOpsBadRequestError, SegOpsInputError, SegOpsJobError, SegOpsNotFoundError

KLAVIYO = {"list_id": "Qw9ZtB", "api_key": "pk_private_1"}
REFUSED = {"list_id": "Qw9ZtB", "api_key": "pk_invalid_1"}
"""The emulator's platforms refuse a key with "invalid" in it: whether a sync fails tells which key is stored."""
CONNECTOR = {"id": 6, "segment": 31, "connector_type": "klaviyo", "config": {}, "status": "active", "last_error": ""}


@pytest.fixture
async def segment(segops):
    return await segops.segments.create(name="Buyers")


@pytest.fixture
def make(segops, segment):
    """Return a function that makes a connector of the segment with a config."""

    async def create(config=KLAVIYO):
        return await segops.activations.create(segment=segment.id, connector_type="klaviyo", config=config)

    return create


async def test_create_takes_keywords_a_dictionary_or_both(segops, segment):
    """All forms, as everywhere; a connector starts inactive and shows no secret."""
    fields = {"segment": segment.id, "connector_type": "klaviyo", "config": KLAVIYO}
    made = [
        await segops.activations.create(**fields),
        await segops.activations.create(fields),
        await segops.activations.create({**fields, "connector_type": "braze"}, connector_type="klaviyo"),
    ]

    assert {(a.segment, a.connector_type, a.status, a.last_synced_at) for a in made} == {
        (segment.id, "klaviyo", "inactive", None)
    }
    assert [a.config for a in made] == [{"list_id": "Qw9ZtB", "api_key": "***"}] * 3
    assert made[0]["config"]["api_key"] == "***"


async def test_get_reads_what_was_created(segops, make):
    """What was created is what is read."""
    made = await make()

    assert await segops.activations.get(made.id) == made


async def test_status_is_what_activates_and_pauses(segops, make):
    """By keyword or dictionary."""
    made = await make()

    assert (await segops.activations.update(made.id, status="active")).status == "active"
    assert (await segops.activations.update(made.id, {"status": "inactive"})).status == "inactive"


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
async def test_update_sends_the_method_asked_for(segops, seen, segment, make, method):
    """PATCH unless said otherwise, as published."""
    made = await make()
    whole = {"segment": segment.id, "connector_type": "klaviyo", "config": {"list_id": "AAAAAA", "api_key": "k"}}
    changed = await segops.activations.update(made.id, whole, method)

    assert changed.config["list_id"] == "AAAAAA"
    assert len(seen(method=method)) == 1


async def test_update_refuses_other_methods_unsent(segops, seen):
    """`method` is no way to send anything else."""
    with pytest.raises(SegOpsInputError):
        await segops.activations.update(1, {"status": "active"}, method="DELETE")

    assert not seen()


async def test_delete_returns_nothing_and_the_connector_is_gone(segops, make):
    """204 is None, as published."""
    made = await make()

    assert await segops.activations.delete(made.id) is None
    with pytest.raises(SegOpsNotFoundError):
        await segops.activations.get(made.id)


async def test_list_and_iterate_read_page_by_page(segops, make):
    """A page by keyword or dictionary, or all of them."""
    ids = [(await make()).id for _ in range(3)]
    page = await segops.activations.list(page=2, page_size=2)
    same = await segops.activations.list({"page": 2, "page_size": 2})

    assert ([a.id for a in page], page["results"][0]["config"]["api_key"]) == (ids[2:], "***")
    assert same.to_dict() == page.to_dict()
    assert [a.id async for a in segops.activations.iterate(page_size=2)] == ids
    assert [a.id async for a in segops.activations.iterate({"page_size": 1})] == ids


async def test_wrong_setting_is_named(segops, segment):
    """The error is nested as the server nested it."""
    with pytest.raises(SegOpsBadRequestError) as caught:
        await segops.activations.create(segment=segment.id, connector_type="klaviyo", config={"list_id": "Qw9ZtB"})

    assert "api_key" in caught.value.field_errors["config"]


async def test_sync_returns_the_servers_word(segops, make, seen):
    """It starts the sync, with no body, and does not wait for it."""
    made = await make()

    assert (await segops.activations.sync(made.id)).status == "queued"
    assert seen(method="POST", path=f"/activations/{made.id}/sync/")[0].body_size == 0


async def test_sync_and_wait_returns_the_fresh_connector(segops, make):
    """Its time is that of this sync, also when there was one before."""
    made = await make()
    looks = []
    first = await segops.activations.sync_and_wait(made.id, timeout=20, on_progress=looks.append)
    second = await segops.activations.sync_and_wait(made.id)

    assert (first.id, first.last_error) == (made.id, "")
    assert second.last_synced_at > first.last_synced_at
    assert looks[-1] == first


async def test_failed_sync_is_a_job_error_with_the_platforms_word(segops, make, fault):
    """The operator needs what the platform said."""
    made = await make()
    fault(job="activation_sync", error="Klaviyo: list is gone.")
    with pytest.raises(SegOpsJobError, match=r"Klaviyo: list is gone") as caught:
        await segops.activations.sync_and_wait(made.id, timeout=20)

    assert (caught.value.reason, caught.value.job.status) == ("failed", "error")
    assert caught.value.job.last_error == "Klaviyo: list is gone."


async def test_second_failure_with_the_same_words_is_never_a_success(segops, make, fault):
    """Nothing moves on such a connector: the wait may end by time, but it ends with what the platform said."""
    made = await make()
    fault(job="activation_sync", error="Refused.")
    for _ in range(2):
        with pytest.raises(SegOpsJobError) as caught:
            await segops.activations.sync_and_wait(made.id, timeout=0.5)
        assert caught.value.job.last_error == "Refused."


async def test_sync_after_a_failure_is_not_judged_by_the_old_error(segops, make, fault):
    """The connector still shows `error` while the new sync is on its way."""
    made = await make()
    fault(job="activation_sync", error="Refused.", times=1)
    with pytest.raises(SegOpsJobError):
        await segops.activations.sync_and_wait(made.id, timeout=20)
    done = await segops.activations.sync_and_wait(made.id, timeout=20)

    assert (done.status, done.last_error) == ("active", "")


async def test_sync_that_takes_too_long_ends_with_the_whole_wait(segops, emulator, make):
    """The sync itself goes on at the server."""
    made = await make()
    emulator.hold_jobs()
    try:
        with pytest.raises(SegOpsJobError) as caught:
            await segops.activations.sync_and_wait(made.id, timeout=0.3)
    finally:
        emulator.release_jobs()

    assert caught.value.reason == "timeout"
    assert str(made.id) in str(caught.value)


async def test_sync_of_an_unknown_connector_is_the_apis_error(segops):
    """Nothing was started, so there is no job that could fail."""
    with pytest.raises(SegOpsNotFoundError):
        await segops.activations.sync_and_wait(999_999_999)


async def test_writing_back_what_was_read_keeps_the_stored_secret(segops, make):
    """The trap of the sheet: reading a connector and writing its config back would store `***`."""
    made = await make(REFUSED)
    read = await segops.activations.get(made.id)
    written = await segops.activations.update(made.id, config={**read.config, "list_id": "AAAAAA"})

    assert written.config == {"list_id": "AAAAAA", "api_key": "***"}
    with pytest.raises(SegOpsJobError, match="401"):  # it is still the key that the platform refuses
        await segops.activations.sync_and_wait(made.id, timeout=20)


async def test_rotated_key_is_stored(segops, make):
    """What is not masked goes through."""
    made = await make(REFUSED)
    read = await segops.activations.get(made.id)
    await segops.activations.update(made.id, config={**read.config, "api_key": "pk_private_2"})

    assert (await segops.activations.sync_and_wait(made.id, timeout=20)).last_error == ""


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
@pytest.mark.parametrize(
    "config",
    [
        {"list_id": "Qw9ZtB", "api_key": "***"},
        {"list_id": "Qw9ZtB", "client_secret": "***"},
        {"list_id": "Qw9ZtB", "auth": {"kind": "oauth", "client_secret": "***"}},
        {"list_id": "Qw9ZtB", "targets": [{"name": "eu", "token": "***"}]},
    ],
    ids=["api_key", "client_secret", "nested", "in_a_list"],
)
async def test_no_update_sends_a_masked_secret(at_raw, raw, config, method):
    """A real server may well store what it is sent, whatever the emulator does; refusing is as good as leaving out."""
    raw.script(reply(200, CONNECTOR))
    for body, fields in [({"config": config}, {}), (None, {"config": config})]:
        try:
            await at_raw().activations.update(6, body, method, **fields)
        except SegOpsInputError:
            continue

    assert not [request for request in raw.requests if b"***" in request.body]
    assert [json.loads(request.body)["config"]["list_id"] for request in raw.requests] == ["Qw9ZtB"] * len(raw.requests)


async def test_masked_config_of_a_patch_is_sent_without_the_secret(at_raw, raw):
    """Left out, so that a merging server keeps what it has; the caller's dictionary stays as it was."""
    raw.script(reply(200, CONNECTOR))
    config = {"list_id": "AAAAAA", "api_key": "***"}
    await at_raw().activations.update(6, {"config": config, "status": "active"})

    assert raw.requests[0].json() == {"config": {"list_id": "AAAAAA"}, "status": "active"}
    assert config == {"list_id": "AAAAAA", "api_key": "***"}


async def test_text_that_only_contains_stars_is_no_mask(at_raw, raw):
    """Only the exact mask is one."""
    raw.script(reply(200, CONNECTOR))
    await at_raw().activations.update(6, config={"list_id": "A***B", "api_key": "****"})

    assert raw.requests[0].json()["config"] == {"list_id": "A***B", "api_key": "****"}


@pytest.mark.parametrize("by_keyword", [True, False])
async def test_create_with_a_masked_secret_is_refused_unsent(segops, seen, by_keyword):
    """It was read from another connector and is not the secret."""
    fields = {"segment": 1, "connector_type": "klaviyo", "config": {"list_id": "Qw9ZtB", "api_key": "***"}}
    with pytest.raises(SegOpsInputError, match="api_key"):
        await (segops.activations.create(**fields) if by_keyword else segops.activations.create(fields))

    assert not seen()
