"""Coverage-guided fuzzing of what reads bytes from outside: `nox -s fuzz`, or by hand for as long as you like:

    python tests/fuzz/targets.py codec -max_total_time=60

A target gets bytes and may raise `SegOpsError`; anything else that escapes is a crash, whose input atheris keeps.
"""

import json
import sys
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["segops_admin", "cattrs", "email", "datetime", "_strptime"]):
    import email.utils  # noqa: F401 -- reads the dates of Retry-After

    from segops_admin import SegOpsError, WebhookVerificationError
    from segops_admin.core import codec
    from segops_admin.core.refusal import error_from
    from segops_admin.core.request import Request, query_string
    from segops_admin.core.response import Response
    from segops_admin.core.retry import retry_after_s
    from segops_admin.paging import read_page
    from segops_admin.records.pages import GeneratedPage
    from segops_admin.records.products import ImportJob, Product
    from segops_admin.records.queries import QueryResult
    from segops_admin.records.segments import Segment
    from segops_admin.records.webhooks import SegmentRecomputed
    from segops_admin.webhook import parse_webhook, sign_webhook, verify_webhook

KINDS = [Segment, Product, ImportJob, QueryResult, GeneratedPage, SegmentRecomputed, dict, list[Segment]]
NAMES = [
    "id", "job_id", "export_id", "name", "results", "members", "items", "count", "next", "next_cursor", "previous",
    "cursor", "status", "definition", "created_at", "computed_at", "event", "segment_id", "mentioned_brands", "detail",
    "errors",
]  # fmt: skip
SCALARS = [
    None, True, 0, -1, 2**63, 1.5, "", "12", "2026-06-11T07:45:10Z", "2026-06-11T07:45:10.1234567+25:00", "?page=2",
    "/a?b", "segment.recomputed", [], {},
]  # fmt: skip


def some_json(source, depth=0):
    """Build a JSON value, most likely one with names that we know."""
    what = source.ConsumeIntInRange(0, 9)
    if what >= 8 and depth < 4:
        return [some_json(source, depth + 1) for _ in range(source.ConsumeIntInRange(0, 3))]
    if what >= 4 and depth < 4:
        count = source.ConsumeIntInRange(0, 6)
        return {source.PickValueInList(NAMES): some_json(source, depth + 1) for _ in range(count)}
    return source.ConsumeUnicode(12) if what == 3 else source.PickValueInList(SCALARS)


def some_body(source):
    """Take the bytes as they are, or as the recipe of a JSON value."""
    if source.ConsumeBool():
        return source.ConsumeBytes(4096)
    return json.dumps(some_json(source)).encode("utf-8", "surrogatepass")


def answer(body, status=200, headers=None):
    return Response(request=Request("GET", "/x/"), url="http://h/x/", status=status, headers=headers or {}, body=body)


def fuzz_codec(data):
    """Bytes of an answer become a record, JSON or text, or an error of ours; a refusal becomes an error."""
    source = atheris.FuzzedDataProvider(data)
    kind, body = source.PickValueInList(KINDS), some_body(source)
    with suppress(SegOpsError):
        codec.decode(answer(body), kind)
    codec.decode_json(answer(body))
    str(error_from(answer(body, status=400), attempts=1))


def fuzz_paging(data):
    """An answer is a page with a query for the next one that can be sent, or an error of ours."""
    with suppress(SegOpsError):
        page = read_page(answer(some_body(atheris.FuzzedDataProvider(data))), dict)
        query_string(page.next_query)


def fuzz_webhook(data):
    """Any body and any signature is verified or refused, and nothing else."""
    source = atheris.FuzzedDataProvider(data)
    signature, body = source.ConsumeUnicode(80), some_body(source)
    verify_webhook(body, signature, "secret")
    for given in (signature, sign_webhook(body, "secret")):
        with suppress(WebhookVerificationError):
            parse_webhook(body, given, ["other", "secret"], max_age=300)


def fuzz_retry_after(data):
    """Any header is seconds that can be slept, or nothing."""
    seconds = retry_after_s(answer(b"", 429, {"Retry-After": data.decode("latin-1")}))
    assert seconds is None or 0 <= seconds < float("inf")


TARGETS = {name.removeprefix("fuzz_"): target for name, target in list(globals().items()) if name.startswith("fuzz_")}

if __name__ == "__main__":
    target = TARGETS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if target is None:
        raise SystemExit(f"Name a target: {', '.join(TARGETS)}")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()
