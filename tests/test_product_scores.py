"""A product's score, from start to reading, on both faces (sheet, sections 7 and 11.5)."""

import datetime as dt

import anyio
import pytest

from segops_admin import SegOpsNotFoundError

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
