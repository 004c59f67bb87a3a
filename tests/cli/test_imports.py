"""Catalogues brought in by the command: what is read of a file, what is left beside it, and what is said."""

import gzip

import orjson
import pytest


@pytest.fixture
def catalogue(tmp_path):
    """A file as a shop has it: no column has the name that products have."""
    file = tmp_path / "cat.csv"
    file.write_text('Code,Title,Unit Price,Note\nA,"Rye, dark",3.5,\nB,Oat,2,x\n')
    return file


def stored(workspace):
    return {product.sku: (product.name, product.data) for product in workspace.products.iterate()}


def journal_of(file):
    return file.with_name(f"{file.name}.journal")


def test_columns_are_taken_as_the_service_would_take_them(shell, workspace, catalogue):
    """The usual words for sku and name, snake case for the rest; told, as it is a guess."""
    ended = shell("products", "import", catalogue, "--resume")

    assert (ended.status, ended.json["stored"]) == (0, 2)
    assert ended.err.startswith("Columns taken as: Code → sku, Title → name, Unit Price → unit_price, Note → note.")
    assert stored(workspace)["B"] == ("Oat", {"unit_price": "2", "note": "x"})


def test_a_mapping_says_which_columns_are_taken_and_as_what(shell, workspace, catalogue):
    """What it leaves out or gives as null is skipped, as by the service's own wizard; a packed file is read too."""
    packed = catalogue.with_name("cat.csv.gz")
    packed.write_bytes(gzip.compress(catalogue.read_bytes()))
    mapping = '{"Note": null, "Code": "name", "Title": "sku"}'

    ended = shell("products", "import", packed, "--resume", "--mapping", mapping)

    assert (ended.status, ended.err) == (0, "")
    assert stored(workspace)["Rye, dark"] == ("A", {})
    assert journal_of(packed).exists()


def test_an_import_of_renamed_columns_is_taken_up_too(shell, catalogue):
    """A second run sends nothing."""
    first, again = (
        shell("products", "import", catalogue, "--resume", "--query", "[stored, resumed_rows]") for _ in range(2)
    )

    assert (first.json, again.json) == ([2, 0], [2, 2])


WITHOUT_A_SKU = [
    ("Amount,Note\n1,x\n", [], ["No column of", "(its header: Amount, Note)", "--mapping"]),
    ("Amount,Note\n1,x\n", ["--mapping", '{"Price": "sku"}'], ["has no column 'Price'", "Amount, Note"]),
    ("Amount,Note\n1,x\n", ["--mapping", '{"Note": "name"}'], ["no column as sku", "Amount, Note"]),
    ("Amount,Note\n1,x\n", ["--mapping", '{"Note": "sku", "Amount": "sku"}'], ["more than one column as sku"]),
    ("Amount,Note\n1,x\n", ["--mapping", "[1]"], ["--mapping is an object"]),
    ("sku,sku\n1,x\n", [], ["more than one column 'sku'"]),
    ("", [], ["is empty"]),
]


@pytest.mark.parametrize(("text", "options", "parts"), WITHOUT_A_SKU)
def test_a_file_that_cannot_be_mapped_is_told_and_leaves_nothing_behind(shell, tmp_path, text, options, parts):
    """One line that names the header and the way out; no journal that the next try would stumble over."""
    file = tmp_path / "odd.csv"
    file.write_text(text)

    ended = shell("products", "import", file, "--resume", *options)

    assert (ended.status, ended.out) == (1, "")
    assert all(part in ended.complaint for part in parts), ended.err
    assert not journal_of(file).exists()


def test_what_holds_no_rows_is_told_before_a_journal_is_begun(shell, tmp_path):
    """A folder, a file of another kind, none at all."""
    (tmp_path / "rows.txt").touch()
    for name, part in (("", "is a directory"), ("rows.txt", "is none of .csv"), ("no.jsonl", "There is no file")):
        ended = shell("products", "import", f"{tmp_path}/{name}", "--resume")

        assert (ended.status, ended.out) == (1, "")
        assert part in ended.complaint

    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["rows.txt"]


def test_tables_with_other_marks_are_read(shell, workspace, tmp_path):
    """As by the service: semicolons and tabs where the first line has no comma."""
    file = tmp_path / "mark.csv"
    file.write_bytes(b"\xef\xbb\xbfKode;Code;Title\n1;A;Rye, dark\n2;B;Oat;odd\n")

    ended = shell("products", "import", file, "--resume")

    assert ended.status == 1
    assert stored(workspace) == {"A": ("Rye, dark", {"kode": "1"})}
    assert "line 3 has another number of cells" in ended.err


def test_a_dry_run_leaves_no_journal(shell, tmp_path, catalogue):
    """By either word."""
    own = tmp_path / "own.journal"
    rows = '[{"sku": "A"}]'

    resumed = shell("products", "import", catalogue, "--resume", "--dry-run")
    upserted = shell("products", "bulk-upsert", rows, "--journal", own, "--errors-path", tmp_path / "e", "--dry-run")

    assert resumed.out.startswith("POST ")
    assert upserted.out.startswith("POST ")
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["cat.csv"]


def test_refused_rows_fail_an_import_after_its_result(shell, tmp_path):
    """The result on stdout, the number and the first of them on stderr, status 1."""
    file = tmp_path / "rows.csv"
    file.write_text("sku,name\nA,One\n,Two\n,Three\nB,Four\n")

    ended = shell("products", "import", file, "--resume")

    assert (ended.status, ended.json["stored"]) == (1, 2)
    assert ended.complaint.startswith("segops-admin: 2 rows were refused; the first is row 2: ")


def test_an_upload_says_on_a_terminal_that_nothing_is_imported_yet(shell, catalogue):
    """The words that go on can be pasted; scripts on a pipe see what they always saw."""
    piped = shell("products", "import", catalogue)
    shown = shell.on_terminal("products", "import", catalogue, columns=140)
    words = shown.out.partition("`segops-admin ")[2].partition("`")[0].split()

    assert (piped.status, piped.err, piped.json["status"]) == (0, "", "mapping")
    assert "Nothing is imported yet" in shown.out
    assert words[:2] == ["products", "confirm-import"]
    assert shell(*words).json["imported_count"] == 2


@pytest.mark.parametrize("words", [["import", "--wait"], ["import-csv", "--wait"], ["import-file"], ["import"]])
def test_an_empty_file_is_told(shell, tmp_path, words):
    """It is a file like any other until it is read."""
    file = tmp_path / "empty.csv"
    file.touch()

    ended = shell("products", words[0], file, *words[1:])

    assert (ended.status, ended.out) == (1, "")
    assert "empty" in ended.complaint


def test_empty_input_is_told(shell):
    """By the service where it is sent, by us where a file is needed."""
    uploaded, waited = shell("products", "import", "-"), shell("products", "import", "-", "--wait")

    assert (uploaded.status, waited.status) == (1, 2)
    assert "empty" in uploaded.complaint
    assert "needs a file" in waited.complaint


def test_rows_may_come_as_the_body_of_the_api(shell):
    """A script's file for the published command holds what the API takes."""
    ended = shell("products", "bulk-upsert", "-", stdin=orjson.dumps({"products": [{"sku": "A", "name": "One"}]}))

    assert (ended.status, ended.json["created"]) == (0, 1)
