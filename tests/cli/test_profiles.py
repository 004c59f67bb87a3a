"""Where keys come from and where they go: login, logout, whoami, and the profiles between them."""

import json
import os
import pty
import stat
from pathlib import Path

import pytest


@pytest.fixture
def key(shell):
    return shell.environment["SEGOPS_API_KEY"]


@pytest.fixture
def keyless(shell):
    """The command on a machine that has no key yet."""
    return shell.but(SEGOPS_API_KEY=None)


@pytest.fixture
def file(shell):
    """Where profiles are kept."""
    return Path(shell.environment["XDG_CONFIG_HOME"], "segops-admin", "profiles.json")


@pytest.fixture
def keyring(web_server):
    """The address of a keyring in this process's memory, and what it holds."""
    pytest.importorskip("keyring")
    held = {}

    def answer(request):
        if request.command == "POST":
            held[request.path] = request.rfile.read(int(request.headers["Content-Length"])).decode()
        secret = held.get(request.path, "").encode()
        request.send_response(200)
        request.send_header("Content-Length", str(len(secret)))
        request.end_headers()
        request.wfile.write(secret)

    return web_server(answer), held


def test_login_keeps_a_key_that_works_where_only_its_owner_reads(keyless, key, file):
    """The key comes through a pipe here; it is in no output, and every later command uses it with its root."""
    logged_in = keyless("login", "--profile", "staging", stdin=f"{key}\n".encode())
    elsewhere = keyless.but(SEGOPS_API_URL=None)
    shown, listed, chosen = elsewhere.together(
        ["whoami", "--profile", "staging"],
        ["segments", "list", "--profile", "staging"],
        ["whoami"],
    )

    assert (logged_in.status, logged_in.out) == (0, "")
    assert logged_in.err == f"Profile 'staging': key sk_test_…{key[-4:]} is in {file}.\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert shown.json == {
        "key": f"sk_test_…{key[-4:]}",
        "from": "profile staging",
        "root": keyless.environment["SEGOPS_API_URL"],
        "server": "accepts the key",
        "segments": 0,
        "members": 0,
    }
    assert listed.json["count"] == 0
    assert (chosen.status, "run `segops-admin login`" in chosen.complaint) == (1, True)
    assert elsewhere.but(SEGOPS_PROFILE="staging")("whoami").json == shown.json


def test_logout_forgets_the_key(keyless, key, file):
    """Of one profile only; a name without one is told, with those there are."""
    for name in ("default", "staging"):
        keyless("login", "--profile", name, stdin=key.encode())

    forgotten = keyless("logout", "--profile", "staging")
    unknown, left, again = keyless.together(
        ["whoami", "--profile", "staging"], ["whoami"], ["logout", "--profile", "staging"]
    )

    assert (forgotten.status, forgotten.err) == (0, "Profile 'staging' is forgotten.\n")
    assert list(json.loads(file.read_text())) == ["default"]
    assert unknown.complaint.startswith(
        "segops-admin: There is no profile 'staging'. Stored: default. `segops-admin login"
    )
    assert (left.status, again.status) == (0, 1)


def test_a_keyring_keeps_the_key_where_there_is_one(keyless, key, file, keyring):
    """Then the file holds names and roots only."""
    address, held = keyring
    ringed = keyless.but(PYTHON_KEYRING_BACKEND="memory_keyring.Keyring", MEMORY_KEYRING=address)

    logged_in = ringed("login", stdin=key.encode())
    kept, shown = list(held.values()), ringed("whoami")
    without, forgotten = keyless("whoami"), ringed("logout")

    assert (logged_in.status, logged_in.err.endswith("is in the system's keyring.\n")) == (0, True), logged_in.err
    assert kept == [key]
    assert shown.json["from"] == "profile default"
    assert (without.status, "keyring" in without.complaint) == (1, True)
    assert (forgotten.status, list(held.values()), json.loads(file.read_text())) == (0, [""], {})


@pytest.mark.parametrize("backend", ["keyring.backends.null.Keyring", "no_such_module.Keyring", "nonsense"])
def test_a_keyring_that_keeps_nothing_is_passed_by(keyless, key, file, backend):
    """The key goes to the file, and the line says so."""
    pytest.importorskip("keyring")

    logged_in = keyless.but(PYTHON_KEYRING_BACKEND=backend)("login", stdin=key.encode())

    assert (logged_in.status, str(file) in logged_in.err) == (0, True), logged_in.err
    assert keyless("whoami").status == 0


def test_a_terminal_asks_for_the_key_and_does_not_show_it(keyless, key):
    """Neither as it is typed nor afterwards; whoami and logout speak there too."""
    ours, theirs = pty.openpty()
    with keyless.start("login", stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as process:
        os.close(theirs)
        shown = read_until(ours, b"Secret key (sk_")
        os.write(ours, key.encode() + b"\n")
        shown += read_until(ours, b"profiles.json.\r\n")
        assert process.wait(20) == 0
    os.close(ours)

    assert key not in shown.decode()
    who, out = keyless.on_terminal("whoami"), keyless.on_terminal("logout")
    assert (who.status, out.status) == (0, 0)
    assert "profile default" in who.out
    assert key not in who.out
    assert out.out == "Profile 'default' is forgotten.\r\n"


def read_until(terminal, end):
    shown = b""
    while end not in shown:
        shown += os.read(terminal, 4096)
    return shown


def test_a_key_that_is_not_taken_is_not_kept(keyless, file):
    """Unless it is forced; then the word says what to do about it, with the profile's name."""
    login = ["login", "--profile", "bad"]
    refused = keyless(*login, stdin=b"sk_test_not_a_key_of_this_server")
    kept_before = file.exists()
    forced = keyless(*login, "--force", stdin=b"sk_test_not_a_key_of_this_server")
    shown = keyless("whoami", "--profile", "bad")

    assert (refused.status, kept_before) == (1, False)
    assert refused.complaint.startswith("segops-admin: Not stored: ")
    assert "answered 401" in refused.complaint
    assert (forced.status, forced.err.startswith("Stored untried: ")) == (0, True)
    assert (shown.status, "`segops-admin login --profile bad`" in shown.complaint) == (1, True)
    assert "SEGOPS_API_KEY" not in refused.err + shown.err


def test_a_key_that_cannot_be_one_is_refused_unsent(keyless, file):
    """Nothing typed, a browser's key, something else."""
    for given, part in [(b"", "No key was given"), (b"pk_live_1", "public key"), (b"hello", "sk_")]:
        ended = keyless("login", stdin=given)
        assert (ended.status, part in ended.complaint) == (1, True)
    assert not file.exists()


def test_a_root_that_does_not_end_in_api_is_told(keyless, key):
    """With the command that mends it."""
    root = keyless.environment["SEGOPS_API_URL"].removesuffix("/api")
    ended = keyless.but(SEGOPS_API_URL=None)("login", "--base-url", root, stdin=key.encode())

    assert ended.status == 1
    assert f"must end in /api: `segops-admin login --profile default --base-url {root}/api`" in ended.complaint


def test_a_dry_run_of_login_and_logout_says_what_it_would_do(keyless, key, file, cli_emulator, shell):
    """It asks for no key, calls nobody, keeps nothing, and forgets nothing."""
    before = len(cli_emulator.requests.matching(tenant=shell.tenant))
    asked, flagged = keyless.together(
        ["login", "--dry-run"], ["--dry-run", "login", "--profile", "x", "--api-key", key, "--force"]
    )
    nothing_kept = not file.exists()
    keyless("login", "--force", stdin=b"sk_test_not_a_key_of_this_server")
    out, unknown = keyless.together(["logout", "--dry-run"], ["logout", "--profile", "x", "--dry-run"])

    for ended in (asked, flagged):
        assert ended.status == 0
        root = keyless.environment["SEGOPS_API_URL"]
        assert ended.out == f"GET {root}/analytics/overview/\nAuthorization: ApiKey sk_…\n"
        assert "Dry run: nothing was sent." in ended.err
        assert key not in ended.err
    assert nothing_kept
    assert len(cli_emulator.requests.matching(tenant=shell.tenant)) == before
    assert (out.status, out.err) == (0, "Dry run: profile 'default' and its key would be forgotten.\n")
    assert list(json.loads(file.read_text())) == ["default"]
    assert unknown.status == 1


def test_a_key_as_a_flag_is_warned_of_by_login_too(keyless, key):
    """It is stored, but the shell's history has it already."""
    ended = keyless("login", "--api-key", key)

    assert ended.status == 0
    assert ended.err.startswith("Warning: --api-key shows the key")
    assert key not in ended.err


def test_the_environments_key_wins_and_is_told(shell, key):
    """Both when a profile is made beside it and when one is asked for."""
    made = shell("login", "--profile", "staging", stdin=key.encode())
    used = shell("whoami", "--profile", "staging")

    assert "SEGOPS_API_KEY is set and wins over profiles" in made.err
    assert used.json["from"] == "SEGOPS_API_KEY"
    assert used.err == "SEGOPS_API_KEY is set and wins over profile 'staging'.\n"


@pytest.mark.parametrize("text", ["{", "[]", '{"default": "sk_test_x"}'])
def test_a_damaged_file_is_told(keyless, file, text):
    """With what to do."""
    file.parent.mkdir(parents=True)
    file.write_text(text)

    ended = keyless("whoami")

    assert (ended.status, f"{file} is damaged" in ended.complaint) == (1, True)
