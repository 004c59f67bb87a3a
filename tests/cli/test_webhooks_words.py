"""Deliveries from a shell: listened to, sent and verified, each as a process of its own, on pipes and on a terminal."""

import os
import pty
import re
import signal
import socket
import subprocess
from contextlib import contextmanager

import orjson
import pytest

from segops_admin.webhook import sign_webhook

SECRET = "whsec_of_these_tests"
OLD = "whsec_before_that"
BODY = orjson.dumps(
    {
        "event": "segment.recomputed",
        "tenant_slug": "northwind",
        "segment_id": 31,
        "segment_name": "Bakers",
        "member_count": 208,
        "computed_at": "2026-01-02T03:04:05Z",
    }
)


@pytest.fixture
def hooks(shell):
    """The command with the secrets in the environment and no key: nothing here asks the API."""
    return shell.but(SEGOPS_WEBHOOK_SECRET=SECRET, SEGOPS_API_KEY=None)


@contextmanager
def listening(shell, *words):
    """Start a receiver; give it and the address of its hook."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with shell.start("webhooks", "listen", "--port", 0, *words, **pipes) as process:
        try:
            yield process, re.search(r"http://\S+/", process.stderr.readline())[0]
        finally:
            process.kill()


def left_by(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    return process.returncode, [orjson.loads(line) for line in out.splitlines()], err.splitlines()


def test_what_is_sent_is_received_verified_and_printed(hooks):
    """One line of JSON for each; what does not verify is refused and told; Ctrl-C ends it with the sum."""
    with listening(hooks.but(SEGOPS_WEBHOOK_SECRET=f"{SECRET} {OLD}")) as (process, address):
        sent = hooks("webhooks", "send", address, "--segment-id", 7, "--segment-name", "Bäcker")
        rotated = hooks("webhooks", "send", address, "--secret", OLD, "-o", "json")
        forged = hooks("webhooks", "send", address, "--secret", "something else")
        shown = hooks.on_terminal("webhooks", "send", address)
        status, events, told = left_by(process)

    assert (sent.status, sent.out, sent.err) == (0, f"{address} answered 200\n", "")
    assert rotated.json == {"url": address, "status": 200, "answer": ""}
    assert (forged.status, "answered 401" in forged.err) == (1, True)
    assert (shown.status, shown.out) == (0, f"{address} answered 200\r\n")
    assert [event["segment_id"] for event in events] == [7, 31, 31]
    assert events[0]["segment_name"] == "Bäcker"
    assert told[0].startswith("refused: ")
    assert (status, told[-1]) == (0, "3 accepted, 1 refused.")
    assert SECRET not in " ".join(told)


def test_verified_deliveries_are_passed_on_as_they_came(hooks, web_server):
    """Byte for byte with their signature; the receiver's answer goes back, and one that is away is a 502."""
    taken = []

    def take(request):
        taken.append(
            (request.headers["X-SegOps-Signature"], request.rfile.read(int(request.headers["Content-Length"])))
        )
        request.send_response(202)
        request.end_headers()

    with listening(hooks, "--forward-to", web_server(take)) as (process, address):
        accepted = hooks("webhooks", "send", address)
        hooks("webhooks", "send", address, "--secret", "something else")
        _, _, told = left_by(process)
    with listening(hooks, "--forward-to", "http://127.0.0.1:9/") as (_, other):
        away = hooks("webhooks", "send", other)

    assert accepted.out == f"{address} answered 202\n"
    assert [signature for signature, body in taken] == [sign_webhook(body, SECRET) for _, body in taken]
    assert len(taken) == 1
    assert told[0].endswith("answered 202")
    assert (away.status, away.out) == (1, f"{other} answered 502\n")


def test_it_listens_on_a_terminal_too(hooks):
    """Until Ctrl-C, which is typed."""
    ours, theirs = pty.openpty()
    files = {"stdin": theirs, "stdout": theirs, "stderr": theirs, "start_new_session": True}
    with hooks.start("webhooks", "listen", "--port", 0, **files) as process:
        os.close(theirs)
        shown = b""
        while b"Ctrl-C ends it." not in shown:
            shown += os.read(ours, 4096)
        hooks("webhooks", "send", re.search(r"http://\S+/", shown.decode())[0])
        process.send_signal(signal.SIGINT)
        while b"1 accepted, 0 refused." not in shown:
            shown += os.read(ours, 4096)
        assert process.wait(20) == 0
    os.close(ours)

    assert b'"segment_id":31' in shown


def test_a_sender_that_leaves_and_a_reader_that_has_enough_are_no_stack_trace(hooks):
    """The first costs a line, the second ends it: `webhooks listen | head -1`."""
    with listening(hooks) as (process, address):
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2].strip("/")))) as sender:
            sender.sendall(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # leaves with a reset
        hooks("webhooks", "send", address)
        process.stdout.readline()
        process.stdout.close()
        hooks("webhooks", "send", address)
        status, told = process.wait(20), process.stderr.read()

    assert status == 0
    assert "Traceback" not in told
    assert "1 accepted, " in told.splitlines()[-1]  # refused or lost: whichever was quicker


def test_a_stored_delivery_is_verified(hooks, tmp_path):
    """From a file and from stdin, on a pipe and on a terminal; nothing else about it is believed."""
    file = tmp_path / "body.json"
    file.write_bytes(BODY)
    verify = ["webhooks", "verify", file, "--signature"]
    good = sign_webhook(BODY, SECRET)

    piped, shown = hooks(*verify, good), hooks.on_terminal(*verify, good)
    as_stdin = hooks("webhooks", "verify", "-", "--signature", good, stdin=BODY)
    forged, old, missing = hooks.together(
        [*verify, "sha256=00"],
        [*verify, good, "--max-age", 300],
        ["webhooks", "verify", "gone.json", "--signature", good],
    )

    assert piped.json == as_stdin.json == orjson.loads(BODY)
    assert (shown.status, "Bakers" in shown.out) == (0, True)
    assert [(ended.status, ended.out) for ended in (forged, old, missing)] == [(1, "")] * 3
    assert " s old" in old.complaint
    assert "no file gone.json" in missing.complaint


def test_a_dry_run_sends_nothing_and_listens_nowhere(hooks):
    """It shows the delivery, whose signature gives no secret away."""
    sent, listened = hooks.together(
        ["webhooks", "send", "http://127.0.0.1:9/", "--dry-run"], ["--dry-run", "webhooks", "listen"]
    )

    lines = sent.out.splitlines()
    assert (sent.status, lines[0]) == (0, "POST http://127.0.0.1:9/")
    assert f"X-SegOps-Signature: {sign_webhook(lines[-1], SECRET)}" in lines
    assert sent.err == "Dry run: nothing was sent.\n"
    assert (listened.status, listened.out) == (0, "")
    assert listened.err.startswith("Dry run: nothing was started")


def test_wrong_words_are_told_with_the_nearest(hooks):
    """Status 2 for the command line, 1 for a receiver that is away."""
    wrong = [
        (["lsten"], 2, "Did you mean 'listen'?"),
        (["send", "localhost:3000"], 2, "no http(s) address"),
        (["listen", "--port", "70000"], 2, "70000"),
        (["send", "http://127.0.0.1:9/"], 1, "Is the receiver up?"),
    ]
    all_ended = hooks.together(*(["webhooks", *words] for words, _, _ in wrong))
    unknown = hooks.but(SEGOPS_WEBHOOK_SECRET=None)("webhooks", "listen")

    for ended, (_, status, part) in zip(all_ended, wrong, strict=True):
        assert (ended.status, part in ended.complaint) == (status, True), ended.err
    assert (unknown.status, "Set SEGOPS_WEBHOOK_SECRET" in unknown.complaint) == (2, True)


def test_a_port_that_is_taken_is_told(hooks):
    """With the port."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = hooks("webhooks", "listen", "--port", port)

    assert (ended.status, f"port {port} cannot be listened on" in ended.complaint) == (1, True)
