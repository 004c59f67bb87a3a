"""What is shown while the server takes its time, and what Ctrl-C leaves to read."""

import re
import signal
import subprocess
import threading
import time

import orjson
import pytest


def answer_with(request, body, status=200, **headers):
    request.send_response(status)
    request.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.end_headers()
    request.wfile.write(body)


def slow_then_busy(asked):
    """Return what a server does that is busy at first, and slow then."""

    def answer(request):
        asked.append(request.path)
        if len(asked) == 1:
            answer_with(request, b"{}", status=429, Retry_After="2")
        else:
            answer_with(request, orjson.dumps({"count": 1, "results": [{"id": 1, "name": "Rye"}]}))

    return answer


def test_a_terminal_shows_what_is_waited_for_and_clears_it(shell, web_server):
    """From the first second on: which call, how long still, why, which attempt; the result alone stays."""
    waiting = shell.but(SEGOPS_API_URL=web_server(slow_then_busy([])))

    ended = waiting.on_terminal("segments", "list", "-o", "json")

    assert ended.status == 0
    assert re.search(r"GET /segments/ … waiting [12] s \(429\), attempt 2 of 4", ended.out)
    assert ended.out.rindex("\x1b[2K") < ended.out.index("{")
    assert orjson.loads(ended.out[ended.out.index("{") :])["count"] == 1


def test_a_short_wait_shows_nothing(shell, workspace):
    """No flicker where all is quick."""
    workspace.segments.create(name="Rye")

    assert shell.on_terminal("segments", "list", "-o", "json").out.startswith("{")


def test_a_pipe_gets_a_line_every_few_seconds(shell, web_server):
    """On stderr; the result on stdout is as always."""

    def slow(request):
        time.sleep(6)
        answer_with(request, b'{"id": 1, "name": "Rye"}')

    ended = shell.but(SEGOPS_API_URL=web_server(slow))("segments", "get", "1")

    assert ended.json["name"] == "Rye"
    assert re.fullmatch(r"GET /segments/1/ … waiting for an answer, [56] s\n", ended.err)


@pytest.fixture
def never_done(web_server):
    """Serve jobs that never end; say when one is looked at for the second time."""
    looked = threading.Event()
    asked = []

    def answer(request):
        asked.append(request.path)
        looks = [path for path in asked if path == request.path]
        if request.command == "GET" and len(looks) > 1:
            looked.set()
        answer_with(request, orjson.dumps({"id": 5, "export_id": 5, "job_id": 5, "name": "Rye", "status": "computing"}))

    return web_server(answer), looked


def interrupted(shell, looked, *words):
    with shell.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert looked.wait(20)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        out, complaint = process.communicate(timeout=10)
    assert (process.returncode, out) == (130, "")
    assert complaint.count("\n") == 1
    return complaint


FETCH = (
    "`segops-admin segments wait-export 1 5 > export.json && "
    "segops-admin segments download-export export.json members.csv`"
)
GOING_ON = [
    (["segments", "recompute", "1", "--wait"], "look with `segops-admin segments get 1`, do not start it again"),
    (["segments", "export", "1", "--wait"], "`segops-admin segments wait-export 1 5`"),
    (["products", "wait-import", "7"], "`segops-admin products wait-import 7`"),
    (["segments", "export", "1", "--to", "members.csv"], FETCH),
]


@pytest.mark.parametrize(("words", "advice"), GOING_ON)
def test_ctrl_c_names_the_command_that_takes_up_the_wait(shell, never_done, words, advice):
    """With the ids that are known; it can be pasted."""
    root, looked = never_done

    complaint = interrupted(shell.but(SEGOPS_API_URL=root), looked, *words)

    assert complaint.startswith("segops-admin: interrupted. Computing. ")
    assert advice in complaint


def test_ctrl_c_on_a_long_list_says_how_much_was_written(shell, web_server):
    """The rest would have to be read again from the start."""
    stuck = threading.Event()

    def answer(request):
        if "page=2" in request.path:
            stuck.set()
            time.sleep(15)
        items = [{"id": n, "name": "Rye"} for n in range(3)]
        answer_with(request, orjson.dumps({"count": 6, "next": "/api/segments/?page=2", "results": items}))

    away = shell.but(SEGOPS_API_URL=web_server(answer))
    words = ["segments", "list", "--all", "-o", "jsonl"]
    with away.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert stuck.wait(20)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, complaint = process.communicate(timeout=10)

    assert process.returncode == 130
    assert out.count("\n") == 3
    assert complaint == "segops-admin: interrupted. 3 rows written.\n"


def test_rows_and_signs_do_not_mix_on_a_terminal(shell, web_server):
    """The line is taken away before anything else is printed where it is."""

    def answer(request):
        page = int(re.search(r"page=(\d)", request.path)[1]) if "page=" in request.path else 1
        time.sleep(1.5 if page == 2 else 0)
        following = f"/api/segments/?page={page + 1}" if page < 3 else None
        answer_with(request, orjson.dumps({"count": 3, "next": following, "results": [{"id": page, "name": "Rye"}]}))

    ended = shell.but(SEGOPS_API_URL=web_server(answer)).on_terminal("segments", "list", "--all", "-o", "jsonl")
    seen = re.sub(r"\x1b\[\?25[lh]", "", ended.out)

    assert "waiting for an answer" in ended.out
    assert [line for line in re.split(r"\r\n|\x1b\[2K|\r", seen) if line.startswith("{")] == [
        f'{{"id":{page},"name":"Rye"}}' for page in (1, 2, 3)
    ]
