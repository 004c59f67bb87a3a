"""What `doctor` checks, on a pipe and on a terminal, and that each fix fits what is wrong and where it is from."""

import time
from email.utils import formatdate

CHECKS = ["key", "root", "reachability", "TLS", "server", "clock", "versions"]
WRONG = b"sk_test_not_a_key_of_this_server"


def found(ended):
    """Return what was found by check."""
    return {check["check"]: check for check in ended.json}


def test_all_is_well_on_a_pipe_and_on_a_terminal(shell):
    """Data for scripts, a list with marks for people; neither shows the key."""
    at = shell.but(COLUMNS=None)  # which pytest's workers have, and which would win over the terminal's own
    piped, shown, narrow = at("doctor"), at.on_terminal("doctor", columns=120), at.on_terminal("doctor", columns=60)

    assert (piped.status, piped.err) == (0, "")
    assert [(check["check"], check["status"]) for check in piped.json] == [(name, "ok") for name in CHECKS]
    assert shown.status == 0
    assert [line.split()[1] for line in shown.out.splitlines()] == CHECKS
    assert "\x1b[32m✓" in shown.out
    assert narrow.out.splitlines()[-1].startswith(" " * 16)
    assert shell.environment["SEGOPS_API_KEY"] not in piped.out + shown.out


def test_a_wrong_key_is_mended_where_it_is_from(shell):
    """The environment, an option, a profile: each has a fix of its own."""
    shell.but(SEGOPS_API_KEY=None)("login", "--profile", "bad", "--force", stdin=WRONG)
    by_environment = shell.but(SEGOPS_API_KEY=WRONG.decode())("doctor")
    by_option = shell("doctor", "--api-key", WRONG.decode())
    by_profile = shell.but(SEGOPS_API_KEY=None)("doctor", "--profile", "bad")

    for ended in (by_environment, by_option, by_profile):
        assert (ended.status, found(ended)["server"]["found"]) == (1, "answered 401")
        assert ended.err.splitlines()[-1] == "segops-admin: 1 of 7 checks failed: server."
        assert f"workspace at {shell.environment['SEGOPS_API_URL']}" in found(ended)["server"]["fix"]
    assert "The key from SEGOPS_API_KEY" in found(by_environment)["server"]["fix"]
    assert "The key from --api-key" in found(by_option)["server"]["fix"]
    assert "`segops-admin login --profile bad`" in found(by_profile)["server"]["fix"]


def test_a_root_without_api_is_named_as_the_cause(shell):
    """Whether it is set in the environment or came with a profile."""
    root = shell.environment["SEGOPS_API_URL"].removesuffix("/api")
    there = shell.but(SEGOPS_API_URL=root)
    there.but(SEGOPS_API_KEY=None)("login", "--force", stdin=shell.environment["SEGOPS_API_KEY"].encode())
    by_environment, by_profile = there("doctor"), shell.but(SEGOPS_API_KEY=None, SEGOPS_API_URL=None)("doctor")
    shown = there.on_terminal("doctor")

    fixes = [
        f"The root must end in /api: set SEGOPS_API_URL to {root}/api.",
        f"The root must end in /api: `segops-admin login --profile default --base-url {root}/api`.",
    ]
    for ended, fix in zip((by_environment, by_profile), fixes, strict=True):
        assert ended.status == 1
        assert [(found(ended)[name]["status"], found(ended)[name]["fix"]) for name in ("root", "server")] == [
            ("warning", fix),
            ("failed", fix),
        ]
    assert f"→ {fixes[0]}" in shown.out


def answering(status, content_type, body, date=None):
    def answer(request):
        request.send_response_only(status)
        request.send_header("Date", date or formatdate(usegmt=True))
        request.send_header("Content-Type", content_type)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


STRANGERS = {
    "page": (answering(200, "text/html", b"<html>Welcome"), "No SegOps API answers at http://127.0.0.1:"),
    "none": (answering(404, "application/json", b"{}"), "No SegOps API answers at http://127.0.0.1:"),
    "role": (answering(403, "application/json", b'{"detail": "No."}'), "role or plan does not allow"),
    "down": (answering(500, "text/plain", b"oh"), "Try again later"),
}
"""By a word of the path: an answer, and a part of the fix."""


def test_a_server_that_is_none_of_ours_is_no_good_server(shell, web_server):
    """A friendly page with status 200 included."""
    address = web_server(lambda request: STRANGERS[request.path.split("/")[2]][0](request))

    for name, (_, part) in STRANGERS.items():
        ended = shell.but(SEGOPS_API_URL=f"{address}/{name}/api")("doctor")
        assert ended.status == 1
        assert part in found(ended)["server"]["fix"]


def test_a_clock_that_is_off_is_told(shell, web_server):
    """By more than a minute; the fix is this machine's."""
    past = formatdate(time.time() - 3600)
    ended = shell.but(SEGOPS_API_URL=web_server(answering(200, "application/json", b"{}", past)))("doctor")

    assert ended.status == 1
    assert "s ahead of the server's" in found(ended)["clock"]["found"]
    assert found(ended)["clock"]["fix"] == "Set this machine's clock (NTP)."


def test_without_key_or_server_the_rest_is_checked_all_the_same(shell):
    """A check that needs an earlier one is left out."""
    keyless = shell.but(SEGOPS_API_KEY=None)("doctor")
    public = shell.but(SEGOPS_API_KEY="pk_live_1")("doctor")
    away = shell.but(SEGOPS_API_URL="http://127.0.0.1:9/api")("doctor")
    nonsense = shell.but(SEGOPS_API_URL="ftp://x")("doctor")

    assert [ended.status for ended in (keyless, public, away, nonsense)] == [1] * 4
    assert "run `segops-admin login`" in found(keyless)["key"]["fix"]
    assert (list(found(public)), "public key" in found(public)["key"]["fix"]) == ([*CHECKS[:4], "versions"], True)
    assert (list(found(away)), found(away)["reachability"]["status"]) == ([*CHECKS[:3], "versions"], "failed")
    assert found(nonsense)["root"]["status"] == "failed"


def test_a_dry_run_asks_nobody(shell, cli_emulator):
    """What is on this machine is checked."""
    ended = shell("doctor", "--dry-run")

    assert (ended.status, list(found(ended))) == (0, ["key", "root", "versions"])
    assert ended.err == "Dry run: nothing was sent, so the server was not asked.\n"
    assert not cli_emulator.requests.matching(tenant=shell.tenant)
