"""What asks first, what sends nothing, and what never shows."""

import pytest

from segops_admin.cli.masking import hint_of, without_secrets


def names(client, namespace):
    return [item.id for item in getattr(client, namespace).iterate()]


def test_published_words_do_not_ask_without_a_terminal_and_others_refuse(shell, workspace):
    """Scripts go on; nobody is asked where nobody can answer: status 2."""
    segment = workspace.segments.create(name="A")
    query, other = (workspace.queries.create(query_text=text) for text in ("one", "two"))

    published, scored, refused, bulk, agreed = shell.together(
        ["segments", "delete", segment.id],
        ["products", "score-all"],
        ["queries", "delete", query.id],
        ["pages", "bulk-generate"],
        ["queries", "delete", other.id, "--yes"],
    )

    assert (published.status, published.err, scored.status) == (0, "", 0)
    assert (refused.status, bulk.status, agreed.status) == (2, 2, 0)
    assert "add --yes" in refused.complaint
    assert "add --yes" in bulk.complaint
    assert names(workspace, "queries") == [query.id]


def test_a_terminal_is_asked(shell, workspace):
    """Anything but yes leaves all as it is, with status 1."""
    one, two = (workspace.segments.create(name=name) for name in ("A", "B"))

    declined = shell.on_terminal("segments", "delete", one.id, typed=b"n\n")
    agreed = shell.on_terminal("segments", "delete", two.id, typed=b"y\n")

    assert f'Delete segment {one.id} "A"? There is no way back. [y/N]' in declined.out
    assert (declined.status, agreed.status) == (1, 0)
    assert names(workspace, "segments") == [one.id]


def test_a_dry_run_shows_the_request_and_sends_nothing(shell, workspace):
    """Without the key and without the secrets in the body; deletes do not ask for it."""
    segment = workspace.segments.create(name="A")
    key = shell.environment["SEGOPS_API_KEY"]
    config = '{"list_id": "Qw9ZtB", "api_key": "pk_hidden"}'
    created, deleted, waited, walked, escaped = shell.together(
        ["activations", "create", "--segment", segment.id, "--config", config, "--dry-run"],
        ["segments", "delete", segment.id, "--dry-run"],
        ["--dry-run", "segments", "recompute", segment.id, "--wait"],
        ["segments", "list", "--all", "--dry-run"],
        ["api", "DELETE", f"/segments/{segment.id}/", "--dry-run"],
    )

    for ended in (created, deleted, waited, walked, escaped):
        assert (ended.status, ended.err.startswith("Dry run: nothing was sent.")) == (0, True)
        assert "Authorization: ApiKey sk_…" in ended.out
        assert key not in ended.out + ended.err
    assert created.out.startswith(f"POST {shell.environment['SEGOPS_API_URL']}/activations/\n")
    assert ("pk_hidden" in created.out, '"list_id": "Qw9ZtB"' in created.out) == (False, True)
    assert deleted.out.startswith("DELETE ")
    assert names(workspace, "segments") == [segment.id]
    assert names(workspace, "activations") == []


def test_debug_logs_requests_without_the_key(shell):
    """On stderr, beside an error too, with the root and the query; secrets in that are masked."""
    refused, asked = shell.together(
        ["segments", "get", 987654, "--debug"], ["segments", "list", "--page", "1", "--token=abc", "--debug"]
    )
    lines = refused.err.splitlines()
    root = shell.environment["SEGOPS_API_URL"]

    assert (refused.status, asked.status) == (1, 0)
    assert lines[0] == f"debug: → GET {root}/segments/987654/"
    assert lines[1].startswith("debug: ← 404 in 0.")
    assert lines[-1].startswith("segops-admin: GET /segments/987654/ answered 404")
    assert f"GET {root}/segments/?token=***&page=1\n" in asked.err
    assert shell.environment["SEGOPS_API_KEY"] not in refused.err + asked.err


def test_debug_tells_of_each_attempt_and_wait(shell, web_server):
    """What was answered each time, and why and how long was waited."""
    statuses = iter([429, 503, 200])
    ended = shell.but(SEGOPS_API_URL=web_server(answering(statuses)))("api", "GET", "/any/", "--debug")
    told = [line.partition("debug: ")[2] for line in ended.err.splitlines()]

    assert ended.status == 0
    assert [line[:5] for line in told] == ["→ GET", "← 429", "  wai", "→ GET", "← 503", "  wai", "→ GET", "← 200"]
    assert told[2].endswith("s: status 429")


def answering(statuses):
    """Return what a server does that answers with these, one after the other."""

    def answer(request):
        body = b"{}"
        request.send_response(next(statuses))
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Retry-After", "0")
        request.end_headers()
        request.wfile.write(body)

    return answer


def test_a_key_as_a_flag_is_warned_of_and_not_shown(shell):
    """It works, but others on the machine can see it."""
    key = "sk_live_not_a_key_of_this_server"
    ended = shell.but(SEGOPS_API_KEY=None)("segments", "list", "--api-key", key, "--debug")

    assert ended.status == 1
    assert ended.err.startswith("Warning: --api-key shows the key")
    assert "401" in ended.err
    assert key not in ended.err


@pytest.mark.parametrize(
    ("key", "shown"), [("sk_live_0123456789abcdef", "sk_live_…cdef"), ("sk_short", "sk_…"), ("sk_live_12345", "sk_…")]
)
def test_a_hint_tells_keys_apart_and_gives_none_away(key, shown):
    """Short keys show nothing of themselves."""
    assert hint_of(key) == shown


def test_secrets_in_bodies_are_masked_at_any_depth():
    """Whatever the spelling's case; what is no text stays."""
    body = {"config": {"API_KEY": "x", "list": [{"secret": "y", "id": 1}]}, "secret": None}

    assert without_secrets(body) == {
        "config": {"API_KEY": "***", "list": [{"secret": "***", "id": 1}]},
        "secret": None,
    }
