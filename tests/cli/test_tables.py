"""What people see of a list where the terminal has no room for all of it."""

import re
import subprocess

import orjson
import pytest

LONG = "a description that says more than anybody would read in a list, and then some " * 3
TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def bare(text):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


@pytest.fixture
def segments(workspace):
    for name in ("High-value buyers of the north", "Rye"):
        workspace.segments.create(name=name, description=LONG)


@pytest.mark.parametrize("columns", [80, 120])
def test_names_counts_and_times_come_first_and_the_rest_is_told(shell, segments, columns):
    """Long text and nested data give way; nothing that is shown of a name or time is cut; numbers end in one column."""
    shown = bare(shell.on_terminal("segments", "list", columns=columns).out).splitlines()

    assert all(len(line) <= columns for line in shown)
    assert shown[0].split()[:2] == ["id", "name"]
    assert "High-value buyers of the north" in shown[1]
    assert "member_count" in shown[0]
    assert re.search(TIME, shown[1])
    assert "…" not in shown[1]
    assert "definition" not in shown[0]
    count_ends = shown[0].index("member_count") + len("member_count")
    assert shown[1][:count_ends].endswith(" 0")
    assert re.fullmatch(r"\+\d+ columns: use --columns or -o json\.", shown[3])


def test_columns_that_were_asked_for_are_all_shown(shell, segments):
    """Whoever names them knows why."""
    words = ["segments", "list", "--columns", "description,definition,created_at,updated_at,name"]
    shown = bare(shell.on_terminal(*words, columns=70).out).splitlines()

    assert shown[0].split() == ["description", "definition", "created_at", "updated_at", "name"]
    assert len(re.findall(TIME, shown[1])) == 2


def test_any_endpoint_s_page_is_shown_as_a_list(shell, segments):
    """`api` knows a list by its look; columns and csv are of its items."""
    table, as_csv, as_json = (
        bare(shell.on_terminal("api", "GET", "/segments/", "--param", "page_size=1").out),
        shell("api", "GET", "/segments/", "-o", "csv", "--columns", "name"),
        shell("api", "GET", "/segments/", "--columns", "name"),
    )

    assert "High-value buyers of the north" in table.splitlines()[1]
    assert "1 of 2 shown; --all reads every page." in table
    assert as_csv.out == "name\nHigh-value buyers of the north\nRye\n"
    assert as_json.json["results"][1] == {"name": "Rye"}


def test_a_table_s_reader_who_has_enough_ends_it_quietly(shell):
    """As with the other forms: rich would make it a failure."""
    rows = [{"sku": f"P-{n}", "name": "x" * 50} for n in range(3000)]
    shell("products", "bulk-upsert", "-", stdin=orjson.dumps(rows))

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with shell.start("products", "list", "--all", "-o", "table", **pipes) as process:
        process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
        status = process.wait(20)

    assert (status, complaint) == (0, b"")


def test_free_room_goes_to_columns_that_may_grow(shell):
    """Skus of later pages are longer than those the first page shows."""
    rows = [{"sku": f"P-{'x' * (n // 20)}{n}", "name": "Bread"} for n in range(100)]
    shell("products", "bulk-upsert", "-", stdin=orjson.dumps(rows))

    shown = bare(shell.on_terminal("products", "list", "--all", "--page-size", "10", columns=100).out)

    assert "P-xxxx99" in shown
    assert "…" not in shown
