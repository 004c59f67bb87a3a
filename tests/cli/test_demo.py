"""The demo and the emulator, as commands."""

import gzip
import re
import signal
import socket
import subprocess
import time

CONTROL = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def test_the_demo_runs_on_a_pipe(shell, tmp_path):
    """Plain lines while it runs, a table and the verdict at the end, the export in its folder."""
    began = time.monotonic()
    ended = shell.but(SEGOPS_API_KEY=None, SEGOPS_API_URL=None)("demo", "--output-dir", tmp_path / "new")

    assert ended.status == 0, ended.err
    assert time.monotonic() - began < 30
    assert "Rows in: 500. Rows stored: 500." in ended.out
    assert "\x1b" not in ended.out + ended.err
    assert all(re.search(r"\(\d+\.\d\d s\)$", line) for line in ended.err.splitlines())
    [export] = (tmp_path / "new").iterdir()
    assert export.read_text().startswith("user_id,computed_at")
    assert str(export) in ended.out


def test_the_demo_on_a_terminal_shows_a_table_and_leaves_no_progress(shell):
    """80 columns are enough: no wrapped line, no bar left over."""
    ended = shell.on_terminal("demo", columns=80)
    shown = CONTROL.sub("", ended.out.rpartition("\x1b[2K")[2])

    assert ended.status == 0
    assert "What happened" in shown
    assert "Rows in: 500. Rows stored: 500." in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


def test_the_demo_takes_a_packed_catalogue_without_telling_headers(shell, tmp_path):
    """The columns for sku and name are found by their values where the server sees nothing."""
    file = tmp_path / "odd.csv.gz"
    rows = "".join(f'"Loaf no. {n}, sliced",x{n},{n % 3}\n' for n in range(40))
    file.write_bytes(gzip.compress(("Wording,Ref,Level\n" + rows).encode()))

    ended = shell("demo", "--catalogue", file, "--output-dir", tmp_path)

    assert ended.status == 0, ended.err
    assert "sku from Ref, name from Wording" in ended.out
    assert "Rows in: 40. Rows stored: 40." in ended.out


def test_rows_that_are_not_stored_make_the_demo_fail(shell, tmp_path):
    """Two rows with one sku are one product: said, and status 1."""
    file = tmp_path / "doubled.csv"
    file.write_text("sku,name\nA,One\nA,Two\nB,Three\n")

    ended = shell("demo", "--catalogue", file, "--output-dir", tmp_path)

    assert ended.status == 1
    assert "3 rows went in, but 2 products are stored" in ended.err


def test_a_catalogue_that_cannot_be_imported_is_told_in_one_line(shell, tmp_path):
    """Status 1, and no stack trace."""
    (tmp_path / "latin.csv").write_bytes("sku,name\nA,Crème\n".encode("latin-1"))
    (tmp_path / "empty.csv").touch()
    (tmp_path / "fake.csv.gz").write_text("sku,name\nA,B\n")
    complaints = {
        "latin.csv": "not UTF-8",
        "empty.csv": "is empty",
        "fake.csv.gz": "not a gzip file",
        "absent.csv": "no file",
    }

    all_ended = shell.together(*(["demo", "--catalogue", tmp_path / name] for name in complaints))

    for ended, part in zip(all_ended, complaints.values(), strict=True):
        assert ended.status == 1
        assert part in ended.err.splitlines()[-1]
        assert "Traceback" not in ended.err


def test_the_emulator_says_where_it_is_and_keeps_its_file(shell, tmp_path):
    """Root and key on stdout, ready for `eval`; Ctrl-C ends it with status 0; the data is there the next time."""
    for expected in (0, 1):
        words = ["emulator", "--db", tmp_path / "data.db", "--api-key", "sk_test_mine"]
        with shell.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                told = dict(process.stdout.readline().strip().split("=") for _ in range(2))
                client = shell.but(**told)
                assert client("segments", "list").json["count"] == expected
                client("segments", "create", "--name", "kept")
            finally:
                process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0


def test_an_emulator_that_cannot_start_says_why_in_one_line(shell, tmp_path):
    """A port in use, a database that is none."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = shell("emulator", "--port", taken.getsockname()[1])
    (tmp_path / "no.db").write_bytes(b"not a database at all, " * 100)
    database = shell("emulator", "--db", tmp_path / "no.db")

    assert (port.status, database.status) == (1, 1)
    assert "in use" in port.complaint
    assert "no.db cannot be used" in database.complaint
