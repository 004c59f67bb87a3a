"""`analytics report`: one page that needs nothing else, written from a pipe and a terminal, opened in a browser."""

import json
import re
import shutil
import subprocess
from itertools import pairwise

import pytest

from segops_admin import SegOpsAdmin
from segops_admin.emulator import Emulator
from segops_admin.records.analytics import ConnectorHealth, Overlap, Overview, SegmentTrend
from segops_admin.records.wire import converter

pytest.importorskip("plotly", reason="the extra `report` is not installed")

from segops_admin.cli.report_page import Figures, page

BROWSER = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--virtual-time-budget=3000",
]
KLAVIYO = {"list_id": "Qw9ZtB", "api_key": "k"}
NAMES = ["Bakers", "Bakers", "<script>alert(1)</script>"]
DAY_S = 86400


@pytest.fixture(scope="module")
def busy():
    """A workspace of two days, with segments that overlap, and two connectors, of which one is paused."""
    with (
        Emulator(job_delay=0.0) as emulator,
        SegOpsAdmin(emulator.api_key, base_url=emulator.base_url, poll_interval=0.01) as client,
    ):
        seen = {"type": "event_count", "event_type": "seen", "operator": "gte", "value": 1}
        events = [{"user_id": f"u{number}", "event_type": "seen"} for number in range(5)]
        client.http.request("POST", "/ingestion/track/batch/", body={"events": events})
        definition = {"logic": "AND", "conditions": [seen]}
        segments = [client.segments.create(name=name, definition=definition).id for name in NAMES]
        for _ in range(2):
            for segment in segments:
                client.segments.recompute_and_wait(segment)
            emulator.clock.advance(DAY_S)
        for segment, status in zip(segments, ("active", "inactive"), strict=False):
            made = client.activations.create(segment=segment, connector_type="klaviyo", config=KLAVIYO).id
            client.activations.sync_and_wait(made)
            client.activations.update(made, status=status)
        yield {"SEGOPS_API_URL": emulator.base_url, "SEGOPS_API_KEY": emulator.api_key}


@pytest.fixture
def reported(shell, busy, tmp_path):
    """The page of that workspace."""
    file = tmp_path / "report.html"
    ended = shell.but(**busy)("analytics", "report", "--html", file)
    assert (ended.status, ended.out) == (0, ""), ended.err
    assert re.fullmatch(rf"The report is in {re.escape(str(file))} \(\d\.\d MB\)\.\n", ended.err)
    return file


def test_a_terminal_is_told_where_the_page_is(shell, busy, tmp_path):
    """And the key is nowhere in it."""
    file = tmp_path / "report.html"
    shown = shell.but(**busy).on_terminal("analytics", "report", "--html", file)

    assert (shown.status, "The report is in" in shown.out) == (0, True)
    assert busy["SEGOPS_API_KEY"] not in file.read_text()


def test_a_browser_shows_three_charts_and_asks_nobody(reported, tmp_path):
    """No error in its console, no request of the page's: what the page has is in the page."""
    if BROWSER is None:
        pytest.skip("no Chromium")
    log = tmp_path / "net.json"
    words = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'browser'}", f"--log-net-log={log}", "--dump-dom"]
    opened = subprocess.run(
        [*words, reported.as_uri()], capture_output=True, text=True, timeout=50, check=True, env={"HOME": str(tmp_path)}
    )

    drawn = re.split(r'<div id="(trends|overlap|connectors)"', opened.stdout)
    assert [name for name, body in pairwise(drawn) if 'class="main-svg"' in body] == ["trends", "overlap", "connectors"]
    assert "<td" in opened.stdout
    assert "CONSOLE" not in opened.stderr
    assert asked_by_the_page(log) == []


def asked_by_the_page(log):
    """Return the addresses asked for, but for the browser's own, which it tries in spite of its flags."""
    asked = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    urls = {params["url"] for params in asked if params.get("initiator", "not an origin") != "not an origin"}
    return sorted(urls)


def test_a_dry_run_writes_no_page(shell, busy, tmp_path):
    """It shows the first request."""
    file = tmp_path / "report.html"
    ended = shell.but(**busy)("analytics", "report", "--html", file, "--dry-run")

    assert ended.out.startswith(f"GET {busy['SEGOPS_API_URL']}/analytics/overview/\n")
    assert not file.exists()


def test_a_place_that_cannot_be_written_is_told(shell, busy, tmp_path):
    """With the file's name; status 1, or 2 for a folder."""
    at = shell.but(**busy)
    missing, folder = at.together(
        ["analytics", "report", "--html", tmp_path / "no" / "report.html"], ["analytics", "report", "--html", tmp_path]
    )

    assert (missing.status, "report.html: No such file" in missing.complaint) == (1, True)
    assert (folder.status, "is a directory" in folder.complaint) == (2, True)


def drawn(segments=(), overlaps=(), connectors=()):
    """Return the page of these figures, without plotly's own script."""
    parts = {"segments": SegmentTrend, "overlaps": Overlap, "connectors": ConnectorHealth}
    given = {"segments": segments, "overlaps": overlaps, "connectors": connectors}
    lists = {name: converter().structure(list(given[name]), list[kind]) for name, kind in parts.items()}
    whole = page(Figures(root="https://x.example/api", overview=converter().structure({}, Overview), **lists))
    head, _, body = whole.partition("<body>")
    return re.sub(r"<script>.*?</script>", "", head, flags=re.DOTALL) + body


def connector(number, **fields):
    return {"id": number, "segment_id": number, "segment_name": "Bakers", "connector_type": "klaviyo", **fields}


def test_segments_of_one_name_stay_apart():
    """In every chart and in the table, by their ids; a name that is alone needs none."""
    pairs = [(1, 2), (1, 3), (2, 3)]
    names = {1: "Bakers", 2: "Bakers", 3: "Lapsed"}
    overlaps = [
        {"seg_a_id": a, "seg_a_name": names[a], "seg_b_id": b, "seg_b_name": names[b], "overlap_pct": 10.0 * a + b}
        for a, b in pairs
    ]
    text = drawn(overlaps=overlaps, connectors=[connector(1, success_rate=90), connector(2, success_rate=10)])

    assert "[[100.0,12.0,13.0],[12.0,100.0,23.0],[13.0,23.0,100.0]]" in text
    assert '["#1 Bakers  1","#2 Bakers  2","Lapsed  3"]' in text
    assert '["klaviyo, #1 Bakers","klaviyo, #2 Bakers"]' in text
    assert ">#2 Bakers</td>" in text


@pytest.mark.parametrize(
    ("status", "error", "look"),
    [
        ("active", "", "good"),
        ("active", "401", "bad"),
        ("error", "", "bad"),
        ("inactive", "", "idle"),
        ("paused", None, "idle"),
    ],
)
def test_only_what_works_is_green(status, error, look):
    """One that is paused does nothing, which is neither good nor bad."""
    text = drawn(connectors=[connector(1, status=status, last_error=error)])

    assert f'<span class="{look}">{status}</span>' in text


def test_names_are_text_and_long_ones_are_cut_beside_a_chart():
    """Whatever they hold; the whole name is in the table and under the pointer."""
    name = "<script>alert(1)</script> and more of it"
    trend = [{"day": f"2026-06-0{day}", "count": day} for day in (1, 2)]
    text = drawn(segments=[{"id": 1, "name": name, "trend": trend}], connectors=[connector(1, segment_name=name)])

    assert "<script>alert" not in text
    assert ">&lt;script&gt;alert(1)&lt;/script&gt; and more of it</td>" in text
    assert "…" in text


def test_an_empty_workspace_has_a_page_too():
    """It says what is missing in place of each chart."""
    text = drawn()

    assert "No segment has been computed for two days yet." in text
    assert "No two segments share members." in text
    assert "No connector has synced yet." in text
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert "default-src 'none'" in text
