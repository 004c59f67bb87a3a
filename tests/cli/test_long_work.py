"""Waiting for jobs, writing exports, importing with a journal."""

import signal
import subprocess
import threading
import time

import orjson
import pytest


@pytest.fixture
def catalogue(tmp_path):
    file = tmp_path / "bread.csv"
    file.write_text("sku,name\n" + "".join(f"B-{n},Bread {n}\n" for n in range(1200)))
    return file


def test_wait_leads_to_the_end_of_a_job(shell, workspace, tmp_path):
    """The fresh segment, the finished export, the file."""
    segment = workspace.segments.create(name="A", definition={"logic": "AND", "conditions": []}).id
    target = tmp_path / "members.csv"
    fresh, export, written, alone = shell.together(
        ["segments", "recompute", segment, "--wait", "--timeout", "20"],
        ["segments", "export", segment, "--wait"],
        ["segments", "export", segment, "--to", target],
        ["segments", "export", segment, "--timeout", "20"],
    )

    assert fresh.json["last_computed_at"] is not None
    assert export.json["status"] == "complete"
    assert written.json == str(target)
    assert target.read_text().startswith("user_id,computed_at")
    assert alone.status == 2
    assert "--timeout goes with --wait" in alone.complaint
    assert (fresh.err, export.err, written.err) == ("", "", "")


def test_an_import_is_taken_up_where_it_stopped(shell, workspace, catalogue):
    """The journal lies beside the file; what an earlier run brought in is not sent again."""
    first = shell("products", "import", catalogue, "--resume", "--query", "[stored, resumed_rows]")
    again = shell("products", "import", catalogue, "--resume", "--query", "[stored, resumed_rows]")

    assert (first.json, again.json) == ([1200, 0], [1200, 1200])
    assert catalogue.with_name("bread.csv.journal").exists()
    assert workspace.products.list().count == 1200


def test_an_import_shows_rows_rate_and_refusals(shell, tmp_path):
    """On a terminal, on one changing line; a refused row is a failure, told at the end."""
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"".join(orjson.dumps({"sku": f"B-{n}" if n else "", "name": "B"}) + b"\n" for n in range(900)))

    ended = shell.on_terminal("products", "import", file, "--resume", "--chunk-size", "300", "-o", "json", columns=140)

    assert ended.status == 1
    assert "of 900 rows" in ended.out
    assert "rows/s" in ended.out
    assert "1 refused" in ended.out
    assert "segops-admin: 1 row was refused; the first is row 1: " in ended.out


def test_ctrl_c_says_what_is_done_and_how_to_go_on(shell, catalogue, web_server):
    """Status 130 and one line."""
    seen = threading.Event()

    def slow(request):
        size = int(request.headers["Content-Length"])
        rows = len(orjson.loads(request.rfile.read(size))["products"])
        if seen.is_set():
            time.sleep(20)
        seen.set()
        answer = orjson.dumps({"created": rows, "updated": 0, "errors": []})
        request.send_response(200)
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)

    waiting = shell.but(SEGOPS_API_URL=web_server(slow))
    words = ["products", "import", catalogue, "--resume", "--concurrency", "1"]
    with waiting.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert seen.wait(20)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, complaint = process.communicate(timeout=10)

    assert (process.returncode, out) == (130, "")
    assert complaint.startswith("segops-admin: interrupted. 500 of 1,200 rows")
    assert "run the same command again" in complaint
    assert complaint.count("\n") == 1
