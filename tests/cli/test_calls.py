"""What the derived commands do: arguments in, JSON or a table out."""

import subprocess

import orjson
import pytest

DEFINITION = {"logic": "AND", "conditions": []}


@pytest.fixture
def catalogue(tmp_path):
    """Five products in a file."""
    file = tmp_path / "bread.csv"
    file.write_text(
        "sku,name,grain\r\n" + "".join(f"B-{n},Bread {n},{'rye' if n % 2 else 'oat'}\r\n" for n in range(5))
    )
    return file


def test_segments_are_created_from_a_file_text_stdin_and_options(shell, tmp_path):
    """All forms of a body come to the same."""
    file = tmp_path / "segment.json"
    text = orjson.dumps({"name": "A ü", "definition": DEFINITION})
    file.write_bytes(text)

    forms = [
        [file],
        [f"@{file}"],
        [text.decode()],
        ["--name", "A ü", "--definition", orjson.dumps(DEFINITION).decode()],
    ]

    made = [*shell.together(*(["segments", "create", *form] for form in forms))]
    made.append(shell("segments", "create", "-", stdin=text))

    assert [ended.status for ended in made] == [0] * 5
    assert {(ended.json["name"], orjson.dumps(ended.json["definition"])) for ended in made} == {
        ("A ü", orjson.dumps(DEFINITION))
    }


def test_published_segment_words_work_on_a_pipe(shell):
    """JSON on stdout, nothing on stderr, status 0."""
    created = shell("segments", "create", '{"name": "One"}').json["id"]
    answers = shell.together(
        ["segments", "list"],
        ["segments", "get", created],
        ["segments", "recompute", created],
        ["segments", "members", created, "--limit=5"],
        ["segments", "membership", "nobody"],
        ["segments", "export", created, "--format", "csv"],
    )
    answers.append(shell("segments", "delete", created))

    assert [(ended.status, ended.err) for ended in answers] == [(0, "")] * 7
    assert answers[0].json["count"] == 1
    assert answers[1].json["name"] == "One"
    assert answers[2].json == {"status": "queued"}
    assert answers[5].json["status"] == "pending"
    assert answers[6].json is None


def test_products_are_imported_listed_and_filtered(shell, catalogue):
    """`import` uploads as published; `import-file` does the whole; free flags become query parameters."""
    uploaded = shell("products", "import", catalogue)
    assert (uploaded.json["status"], uploaded.json["filename"]) == ("mapping", "bread.csv")
    assert shell("products", "import-file", catalogue).json["imported_count"] == 5

    assert shell("products", "list", "--grain=rye").json["count"] == 2
    page = shell("products", "list", "--page", "2", "--page_size", "2", "--q", "bread")
    assert [product["sku"] for product in page.json["results"]] == ["B-2", "B-3"]
    assert shell("products", "facets").json["grain"] == ["oat", "rye"]


def test_all_walks_every_page_in_each_form(shell, catalogue):
    """`--all` is one array, or one product to a line."""
    shell("products", "import-file", catalogue)

    walk = ["products", "list", "--all", "--page-size", "2", "-o"]
    as_lines, as_array = shell.together([*walk, "jsonl"], [*walk, "json"])

    assert [product["sku"] for product in as_lines.lines] == [f"B-{n}" for n in range(5)]
    assert as_array.json == as_lines.lines


def test_rows_from_stdin_are_upserted(shell):
    """Refused rows are told in the result."""
    ended = shell("products", "bulk-upsert", "-", stdin=b'[{"sku": "a", "name": "A"}, {"name": "no sku"}]')

    assert ended.status == 0
    assert ended.json["created"] == 1
    assert [row["index"] for row in ended.json["failed"]] == [1]


def test_an_optional_parameter_may_be_a_last_argument(shell):
    """`schemas validate TYPE FILE`, as published; the option goes on working beside it."""
    created = shell("segments", "create", "--name", "One").json["id"]
    told, by_option, by_argument = shell.together(
        ["schemas", "validate", "--help"],
        ["segments", "update", created, '{"name": "Two"}', "--method", "PATCH"],
        ["segments", "update", created, '{"name": "Two"}', "PATCH"],
    )

    assert "EVENT_TYPE [PAYLOAD]" in told.out
    assert by_option.json["name"] == by_argument.json["name"] == "Two"


def test_any_endpoint_is_within_reach(shell):
    """The escape hatch is a namespace like the others."""
    ended = shell("http", "request", "GET", "/segments/", "--query", '{"page": 1}')

    assert ended.json["results"] == []


def test_a_terminal_gets_a_table_that_fits(shell):
    """Rows on one line each, objects as names and values, hints apart."""
    for name in ("First", "Second"):
        shell("segments", "create", "--name", name, "--description", "long " * 40)

    listed = shell.on_terminal("segments", "list", "--page-size", "1", columns=70)
    one = shell.on_terminal("segments", "get", shell("segments", "list").json["results"][0]["id"], columns=70)

    rows = listed.out.splitlines()
    assert listed.status == 0
    assert len(rows) == 4
    assert "First" in rows[1]
    assert rows[2:] == ["+4 columns: use --columns or -o json.", "1 of 2 shown; --all reads every page."]
    assert "{" not in one.out.splitlines()[0]
    assert shell("segments", "list", "-o", "table").out.count("\n") == 3


def test_a_reader_who_has_enough_ends_it_quietly(shell):
    """`… --all | head -1`: no complaint, no stack trace."""
    rows = [{"sku": f"P-{n}", "name": "x" * 500} for n in range(600)]
    shell("products", "bulk-upsert", "-", stdin=orjson.dumps(rows))

    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with shell.start("products", "list", "--all", "-o", "jsonl", **pipes) as process:
        first = process.stdout.readline()
        process.stdout.close()
        complaint = process.stderr.read()
        status = process.wait(20)

    assert orjson.loads(first)["sku"].startswith("P-")
    assert (status, complaint) == (0, b"")


def test_waiting_leaves_no_progress_behind(shell):
    """A spinner on a terminal, nothing for a short wait on a pipe; the result alone stays."""
    created = shell("segments", "create", "--name", "One", "--definition", orjson.dumps(DEFINITION).decode()).json["id"]

    piped = shell("segments", "recompute-and-wait", created)
    shown = shell.on_terminal("segments", "recompute-and-wait", created, "-o", "json").out

    assert (piped.json["id"], piped.err) == (created, "")
    assert orjson.loads(shown[shown.index("{") :])["id"] == created


def test_ids_of_later_pages_are_not_cut_off_in_a_table(shell):
    """The first page sets the columns; numbers grow after it."""
    rows = [{"sku": f"P-{n}", "name": "Bread"} for n in range(120)]
    shell("products", "bulk-upsert", "-", stdin=orjson.dumps(rows))

    ended = shell.on_terminal("products", "list", "--all", "--page-size", "5")

    *lines, note = ended.out.splitlines()
    assert len(lines) == 121
    assert note.startswith("+")
    assert "…" not in "".join(line.split()[0] for line in lines)
