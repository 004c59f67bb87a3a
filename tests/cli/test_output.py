"""In what form and shape results come out, on a pipe and on a terminal."""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def breads(workspace):
    rows = [{"sku": f"B-{n}", "name": f"Bread {n}, sliced", "grain": "rye" if n % 2 else "oat"} for n in range(5)]
    workspace.products.bulk_upsert(rows)


def test_each_form_holds_the_same_rows(shell, breads):
    """Also with the options before the method, and page by page."""
    walk = ["products", "list", "--all", "--page-size", "2", "--columns", "sku,data.grain"]
    as_json, as_lines, as_csv, as_yaml, as_table = shell.together(
        *(["-o", form, *walk] for form in ("json", "jsonl", "csv", "yaml", "table"))
    )

    wanted = [{"sku": f"B-{n}", "data.grain": "rye" if n % 2 else "oat"} for n in range(5)]
    assert as_json.json == as_lines.lines == wanted
    assert list(csv.DictReader(io.StringIO(as_csv.out))) == wanted
    assert yaml.safe_load(as_yaml.out) == wanted
    assert as_table.out.split()[:4] == ["sku", "data.grain", "B-0", "oat"]


def test_one_page_keeps_its_envelope_as_json_and_yaml_only(shell, breads):
    """Rows are rows in the other forms; nested values are JSON in a cell."""
    as_json, as_yaml, as_csv = shell.together(
        *(["products", "-o", form, "list", "--columns", "sku,data"] for form in ("json", "yaml", "csv"))
    )

    assert as_json.json["count"] == yaml.safe_load(as_yaml.out)["count"] == 5
    first = next(csv.DictReader(io.StringIO(as_csv.out)))
    assert (first["sku"], orjson.loads(first["data"])) == ("B-0", {"grain": "oat"})


def test_a_query_takes_what_it_says_of_the_result(shell, breads):
    """Of a page's envelope; with --all of each page's in turn, so that it says the same and can be streamed."""
    rye = "results[?data.grain == 'rye'].sku"
    page, everything, as_lines, counts, as_csv = shell.together(
        ["products", "list", "--query", rye],
        ["products", "list", "--all", "--page-size", "2", "--query", rye],
        ["products", "list", "--all", "--page-size", "2", "--query", rye, "-o", "jsonl"],
        ["products", "list", "--all", "--page-size", "2", "--query", "length(results)", "-o", "jsonl"],
        ["products", "list", "-o", "csv", "--query", "results[:1].{id: sku, what: data.grain}"],
    )

    assert page.json == everything.json == as_lines.lines == ["B-1", "B-3"]
    assert counts.lines == [2, 2, 1]
    assert as_csv.out == "id,what\nB-0,oat\n"


def test_an_unknown_column_and_a_bad_query_are_told(shell, breads):
    """With the columns there are, and the place in the query; status 2."""
    column, nested, query, function = shell.together(
        ["products", "list", "--columns", "sku,nme"],
        ["products", "list", "--all", "-o", "jsonl", "--columns", "data.grian"],
        ["products", "list", "--query", "results[*.sku"],
        ["products", "list", "--query", "length(count)"],
    )

    assert [ended.status for ended in (column, nested, query, function)] == [2] * 4
    assert "no column 'nme'. Known: " in column.complaint
    assert "data.grain" in nested.complaint
    assert "no JMESPath, column 10" in query.complaint
    assert "does not fit the result" in function.complaint
    assert column.out == nested.out == query.out == ""


def test_no_color_takes_colours_from_a_terminal(shell, workspace):
    """`doctor` has coloured marks otherwise; a pipe never gets any."""
    coloured = shell.on_terminal("doctor", columns=160).out
    plain = shell.but(NO_COLOR="1").on_terminal("doctor", columns=160).out

    assert "\x1b[32m✓" in coloured
    assert "✓ key" in plain
    assert not re.search(r"\x1b\[3\dm", plain)


def test_published_words_print_json_unless_somebody_reads_along(shell, breads):
    """As published: no new option and no terminal; a variable decides for all, an option for one."""
    listed = ["products", "list"]
    set_to = {form: shell.but(SEGOPS_OUTPUT=form) for form in ("json", "csv", "xml")}

    assert shell(*listed).json["count"] == 5
    assert "sku" in shell.on_terminal(*listed).out.splitlines()[0]
    assert set_to["json"].on_terminal(*listed).out.startswith("{")
    assert set_to["csv"](*listed).out.startswith("id,")
    assert set_to["csv"](*listed, "-o", "jsonl").lines[0]["sku"] == "B-0"
    assert "SEGOPS_OUTPUT is 'xml'; it must be one of json, jsonl" in set_to["xml"](*listed).complaint


PEAK = """
import sys
from pathlib import Path
from segops_admin.cli import main
status = main(sys.argv[1:])
sys.stderr.write(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
sys.exit(status)
"""


def peak_kib(shell, *words):
    """Run a command and return its peak in memory; `ru_maxrss` would count what the parent had before the exec."""
    ended = subprocess.run(
        [sys.executable, "-c", PEAK, *words],
        env={**shell.environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return int(ended.stderr), ended.stdout.count("\n")


def fill(workspace, first, last):
    data = {"text": "x" * 300}
    workspace.products.bulk_upsert({"sku": f"P-{n}", "name": f"Product {n}", **data} for n in range(first, last))


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_long_list_takes_no_more_memory_than_a_short_one(shell, workspace):
    """One page and those in flight are held: ten times the rows, the same memory but for what an allocator keeps."""
    walk = ["products", "list", "--all", "-o", "jsonl", "--page-size", "100"]
    fill(workspace, 0, 600)
    short_kib, short_rows = peak_kib(shell, *walk)
    fill(workspace, 600, 6000)
    long_kib, long_rows = peak_kib(shell, *walk)

    assert (short_rows, long_rows) == (600, 6000)
    assert long_kib - short_kib < 6 * 1024


@pytest.mark.nightly
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_a_whole_catalogue_takes_no_more_memory_than_a_page(shell, workspace):
    """As many products as Debian has packages."""
    walk = ["products", "list", "--all", "-o", "jsonl", "--page-size", "200"]
    fill(workspace, 0, 1000)
    short_kib, _ = peak_kib(shell, *walk)
    fill(workspace, 1000, 63_666)
    long_kib, long_rows = peak_kib(shell, *walk)

    assert long_rows == 63_666
    assert long_kib - short_kib < 6 * 1024
