"""Everything a user can get wrong: one clear line on stderr, nothing on stdout, and the right status."""

import signal
import subprocess
import threading
import time

import pytest


def refused(ended, status, *parts):
    assert (ended.status, ended.out) == (status, ""), ended.err
    for part in parts:
        assert part in ended.complaint


WRONG_COMMAND_LINES = [
    (["segmets", "list"], ["no command 'segmets'", "'segments'"]),
    (["segments", "lst"], ["no command 'lst'", "'list'"]),
    (["segments", "get"], ["Missing argument 'ID'"]),
    (["segments", "get", "one"], ["'one' is not a valid integer"]),
    (["segments", "get", "1", "--colour", "red"], ["No such option '--colour'"]),
    (["segments", "list", "extra"], ["Unexpected argument 'extra'"]),
    (["segments", "list", "-o", "xml"], ["'xml' is not one of"]),
]

UNREADABLE_BODIES = [
    ('{"name": }', ["Bad JSON", "line 1, column 10"]),
    ("nowhere.json", ["no file 'nowhere.json'"]),
    ("@nowhere.json", ["no file nowhere.json"]),
    ("@.", ["is a directory"]),
]

UNUSABLE_KEYS = [(None, "SEGOPS_API_KEY"), ("pk_live_1", "public key"), ("hello", "sk_")]


def test_a_wrong_command_line_is_status_2(shell):
    """The line names what is wrong, the nearest word, and where the help is."""
    all_ended = shell.together(*(words for words, _ in WRONG_COMMAND_LINES))

    for ended, (_, parts) in zip(all_ended, WRONG_COMMAND_LINES, strict=True):
        refused(ended, 2, *parts, "--help`")


def test_a_body_that_cannot_be_read_is_status_1(shell):
    """Nothing is sent."""
    all_ended = shell.together(*(["segments", "create", body] for body, _ in UNREADABLE_BODIES))

    for ended, (_, parts) in zip(all_ended, UNREADABLE_BODIES, strict=True):
        refused(ended, 1, *parts)


def test_bad_json_in_a_file_is_told_with_line_and_column(shell, tmp_path):
    """So that an editor can go there."""
    file = tmp_path / "segment.json"
    file.write_text('{\n  "name": "A",\n  "definition" {}\n}')

    refused(shell("segments", "create", file), 1, "segment.json, line 3, column 16")


def test_files_that_are_not_utf_8_are_told_with_their_line(shell, tmp_path):
    """A body and a catalogue alike."""
    file = tmp_path / "latin.csv"
    file.write_bytes("sku,name\r\nA,Crème\r\n".encode("latin-1"))

    for ended in shell.together(["segments", "create", file], ["products", "import-file", file]):
        refused(ended, 1, "not UTF-8", "line 2")


def test_a_missing_catalogue_is_told(shell):
    """By both ways of importing."""
    for ended in shell.together(["products", "import-file", "nowhere.csv"], ["products", "import", "nowhere.csv"]):
        refused(ended, 1, "no file nowhere.csv")


def test_an_unreadable_catalogue_is_told(shell, tmp_path):
    """A directory is what even root cannot read as a file."""
    refused(shell("products", "import-file", tmp_path), 1, "is a directory")


def test_an_unknown_id_is_told(shell):
    """The server's words and our advice."""
    refused(shell("segments", "get", 987654), 1, "404", "Check the id")


def test_an_invalid_definition_is_told_with_its_place(shell):
    """The field that the server blames is named."""
    body = '{"name": "A", "definition": {"logic": "AND", "conditions": [{"type": "nope"}]}}'

    refused(shell("segments", "create", body), 1, "400", "definition", "nope")


def test_a_wrong_key_is_told_and_not_shown(shell):
    """Neither by us nor through us."""
    key = "sk_live_this_is_wrong"
    ended = shell.but(SEGOPS_API_KEY=key)("segments", "list")

    refused(ended, 1, "401", "SEGOPS_API_KEY")
    assert key not in ended.err


@pytest.mark.parametrize(("key", "part"), UNUSABLE_KEYS)
def test_a_key_that_cannot_work_is_told_before_anything_is_sent(shell, key, part):
    """A missing one, a browser's, something else."""
    refused(shell.but(SEGOPS_API_KEY=key)("segments", "list"), 1, part)


def test_an_unreachable_server_is_told(shell):
    """With the address that was tried."""
    away = shell.but(SEGOPS_API_URL="http://127.0.0.1:9/api")

    refused(away("segments", "list"), 1, "127.0.0.1:9", "could not connect")


def test_an_answer_that_is_no_json_is_told(shell, web_server):
    """A proxy's login page, say; a key in it is masked."""

    def login_page(request):
        page = f"<html>Please log in, {request.headers['Authorization']}</html>".encode()
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.send_header("Content-Length", str(len(page)))
        request.end_headers()
        request.wfile.write(page)

    ended = shell.but(SEGOPS_API_URL=web_server(login_page))("segments", "get", 1)

    refused(ended, 1, "JSON")
    assert shell.environment["SEGOPS_API_KEY"] not in ended.err


def test_ctrl_c_ends_a_slow_call_with_one_line_and_status_130(shell, web_server):
    """At once, not when the server answers."""
    asked, over = threading.Event(), threading.Event()

    def hang(_):
        asked.set()
        over.wait(20)

    waiting = shell.but(SEGOPS_API_URL=web_server(hang))
    with waiting.start("segments", "list", stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert asked.wait(20)
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        out, complaint = process.communicate(timeout=10)
    over.set()

    assert time.monotonic() - began < 3
    assert (process.returncode, out, complaint) == (130, b"", b"segops-admin: interrupted.\n")
