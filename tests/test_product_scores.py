"""A product's score, from start to reading, on both faces (sheet, sections 7 and 11.5)."""

import datetime as dt

import anyio
import pytest

from segops_admin import SegOpsJobError, SegOpsNotFoundError

DIMENSIONS = {"schema_coverage", "answer_format", "factual_completeness", "ai_visibility_alignment"}


async def score_of(segops, product_id):
    """Return the score once there is one."""
    with anyio.fail_after(20):
        while True:
            try:
                return await segops.products.get_score(product_id)
            except SegOpsNotFoundError:
                await anyio.sleep(0.01)


@pytest.mark.parametrize("everything", [False, True], ids=["score", "score_all"])
async def test_score_is_read_once_the_run_is_over(segops, everything):
    """Not found until then; afterwards the sum of its four dimensions, and shown on the product."""
    made = await segops.products.create(sku="A", name="Dark rye", data={"grain": "rye"})
    with pytest.raises(SegOpsNotFoundError):
        await segops.products.get_score(made.id)
    await (segops.products.score_all() if everything else segops.products.score(made.id))
    score = await score_of(segops, made.id)

    assert set(score.dimension_scores) == DIMENSIONS
    assert score.score == pytest.approx(sum(score.dimension_scores.values()))
    assert 0 <= score.score <= 100
    assert (score.scored_at.utcoffset(), score["score"]) == (dt.timedelta(0), score.score)
    assert [item["priority"] for item in score.recommendations] == list(range(1, len(score.recommendations) + 1))
    assert (await segops.products.get(made.id)).ai_readability_score == pytest.approx(score.score)


async def test_score_and_wait_returns_the_new_score(segops):
    """Also when there was one before."""
    made = await segops.products.create(sku="A", name="Dark rye")
    looks = []
    first = await segops.products.score_and_wait(made.id, timeout=20, on_progress=looks.append)
    second = await segops.products.score_and_wait(made.id)

    assert second.scored_at > first.scored_at
    assert looks[-1] == first


async def test_scoring_that_takes_too_long_ends_with_the_whole_wait(segops, emulator):
    """The scoring itself goes on at the server."""
    made = await segops.products.create(sku="A", name="a")
    emulator.hold_jobs()
    try:
        with pytest.raises(SegOpsJobError) as caught:
            await segops.products.score_and_wait(made.id, timeout=0.3)
    finally:
        emulator.release_jobs()

    assert caught.value.reason == "timeout"
    assert str(made.id) in str(caught.value)


async def test_scoring_of_an_unknown_product_is_the_apis_error(segops):
    """Nothing was started, so there is nothing to wait for, though a missing score is a 404 as well."""
    with pytest.raises(SegOpsNotFoundError):
        await segops.products.score_and_wait(999_999_999)
