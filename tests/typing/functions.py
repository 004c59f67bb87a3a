"""What the functions, rules and errors of the package are. Checked by both type checkers, never run."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

from segops_admin import (
    SegmentRecomputed,
    SegOpsApiError,
    SegOpsBadRequestError,
    SegOpsError,
    SegOpsJobError,
    dsl,
    parse_webhook,
    sign_webhook,
    verify_webhook,
)


def webhooks(body: bytes, header: str | None) -> None:
    assert_type(verify_webhook(body, header, "secret"), bool)
    assert_type(parse_webhook(body, header, ["old", "new"], max_age=300), SegmentRecomputed)
    assert_type(parse_webhook("{}", header, "secret").segment_id, int)
    assert_type(sign_webhook(body, "secret"), str)


def rules() -> None:
    bought = dsl.EventCount("flour_bought", "gte", 4)
    lapsed = dsl.Recency("flour_bought", "gt", window_days=60)
    assert_type(bought & lapsed, dsl.Group)
    assert_type(bought | lapsed, dsl.Group)
    assert_type(dsl.load({"logic": "AND", "conditions": []}), dsl.Group)
    assert_type(dsl.dump(bought), dict[str, Any])


def errors(error: SegOpsApiError, refused: SegOpsBadRequestError, job: SegOpsJobError) -> SegOpsError:
    assert_type(error.status, int)
    assert_type(error.body, Any)
    assert_type(error.retry_after, float | None)
    assert_type(error.idempotency_key, str | None)
    assert_type(refused.field_errors, dict[str, Any])
    return job
