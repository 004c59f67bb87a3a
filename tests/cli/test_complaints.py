"""Everything a user can get wrong: one clear line on stderr, nothing on stdout, and the right status."""

import ast
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import orjson
import pytest

from segops_admin.cli.wording import PHRASES

ROOT = Path(__file__).parents[2]


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
    ("", ["argument is empty", "@file, or - for stdin"]),
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


def test_a_closed_stdout_is_told_and_nothing_is_sent(shell, workspace):
    """There is nowhere to show a result; a closed stdin is an empty one."""
    one = workspace.segments.create(name="A")
    without_output = shell_line(shell, '"$0" -m segops_admin segments delete "$1" --yes >&-', one.id)
    without_input = shell_line(shell, '"$0" -m segops_admin segments create - <&-', one.id)

    assert (without_output.returncode, without_input.returncode) == (1, 1)
    assert without_output.stderr == "segops-admin: stdout is closed, so no result could be shown; nothing was done.\n"
    assert without_input.stderr.startswith("segops-admin: Bad JSON in stdin, line 1, column 1")
    assert workspace.segments.list().count == 1


def shell_line(shell, line, *words):
    return subprocess.run(
        ["sh", "-c", line, sys.executable, *map(str, words)],
        env={**shell.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_advice_speaks_of_flags_not_of_arguments(shell, workspace):
    """What the library says to programs is said to people in the command's own words."""
    segment = workspace.segments.create(name="A")
    away = shell.but(SEGOPS_API_URL="http://example.net/api")
    late, insecure, single, size, slash = (
        shell("segments", "recompute", segment.id, "--wait", "--timeout", "0"),
        away("segments", "list"),
        shell("products", "bulk-upsert", '{"sku": "A"}'),
        shell("products", "bulk-upsert", "[]", "--chunk-size", "0"),
        shell("api", "GET", "/segments"),
    )

    assert "give it more time with --timeout." in late.complaint
    assert f"look with `segops-admin segments get {segment.id}`, do not start it again" in late.complaint
    assert insecure.complaint.endswith("would send the key in the clear. Use https://.")
    assert "Rows are a list of objects" in single.complaint
    assert "--chunk-size must be" in size.complaint
    assert slash.complaint.endswith("Nearly all paths of the API end in a slash: try …/segments/.")


def test_a_wrong_key_names_where_it_came_from(shell):
    """Each place has its own remedy."""
    key = "sk_live_this_is_wrong_0123"
    bare = shell.but(SEGOPS_API_KEY=None)
    flag = bare("segments", "list", "--api-key", key)
    stored = Path(shell.environment["XDG_CONFIG_HOME"]) / "segops-admin" / "profiles.json"
    stored.parent.mkdir(parents=True)
    stored.write_text(orjson.dumps({"far": {"api_key": key}}).decode())
    profile = bare("segments", "list", "--profile", "far")

    assert "Check that --api-key holds a live sk_ key" in flag.err
    assert "`segops-admin login --profile far`" in profile.complaint
    assert key not in flag.err + profile.err


def test_too_many_requests_are_told(shell, web_server):
    """What the service asked for, and how often it was tried; a hint beyond reason is not slept."""

    def busy(request):
        body = b'{"detail": "Slow down."}'
        request.send_response(429)
        request.send_header("Content-Length", str(len(body)))
        request.send_header("Retry-After", "3600")
        request.end_headers()
        request.wfile.write(body)

    ended = shell.but(SEGOPS_API_URL=web_server(busy))("segments", "list")

    refused(ended, 1, "429", "Slow down.", "wait 3600 s")


def test_a_flag_that_is_nearly_ours_goes_to_the_server_with_a_warning(shell, workspace):
    """The published command sends what it does not know; a slip must not pass in silence."""
    slipped, meant, alone = shell.together(
        ["products", "list", "--colums", "sku"],
        ["products", "list", "--grain", "rye"],
        ["users", "search", "--fresh", "-o", "csv"],
    )

    assert slipped.status == 0
    assert slipped.err == "--colums is sent as a query parameter; did you mean --columns?\n"
    assert (meant.err, alone.err, alone.status) == ("", "", 0)


def test_a_list_without_pages_takes_all_as_well(shell, workspace):
    """What the service gives is all there is; the words after it are not swallowed."""
    workspace.users.publish_sandbox(user_id="ana", event_type="baked")
    workspace.http.request("POST", "/ingestion/track/", body={"user_id": "ana", "event_type": "baked", "payload": {}})

    ended = shell("users", "search", "--all", "-o", "csv", "--columns", "user_id")

    assert (ended.status, ended.out) == (0, "user_id\nana\n")


def test_phrases_that_are_translated_are_still_said():
    """A sentence that the library has changed would reach people untranslated."""
    said = "\n".join(
        "".join(part for part in _texts(node))
        for file in (ROOT / "segops_admin").rglob("*.py")
        if "cli" not in file.parts
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call | ast.Constant)
    )

    assert [phrase for phrase in PHRASES if phrase not in said] == []


def _texts(node):
    for inner in ast.walk(node):
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            yield inner.value
