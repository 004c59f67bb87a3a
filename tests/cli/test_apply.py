"""A workspace as a file: `apply` brings it there, `dump` writes such a file, `segments diff` compares with one."""

import itertools

import orjson
import pytest
import yaml

from segops_admin.cli.plan import same

WORKSPACE = """\
segments:
- name: "Bakers "
  description: 2026-01-01
  definition: {logic: AND, conditions: []}
product_segments:
- name: rye
schemas:
- event_type: baked
  properties:
    minutes: {type: number, required: true}
    loaf: {}
- event_type: sold
  description: |
    Told by the till.
  properties:
  - name: price
    type: number
queries:
- query_text: best bread
  description_is_no_field: true
"""
DESIRED = WORKSPACE.replace("  description_is_no_field: true\n", "")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "workspace.yaml"
    path.write_text(DESIRED)
    return path


@pytest.fixture
def writes(cli_emulator, shell):
    """What changed something in this workspace so far."""

    def counted():
        return sum(request.method != "GET" for request in cli_emulator.requests.matching(tenant=shell.tenant))

    return counted


def test_a_second_and_a_third_run_change_nothing(shell, workspace, file, writes):
    """What the service adds to properties, dates without quotes, space around texts: none of it is a change."""
    first = shell("apply", file, "--yes")
    sent = writes()
    second, third = shell("apply", file), shell("apply", file, "--yes")

    assert (first.status, sent) == (0, 5), first.err
    assert first.out.endswith("5 to create, 0 to change, 0 as they should be.\n")
    assert [ended.out for ended in (second, third)] == ["Nothing to change: 5 as they should be.\n"] * 2
    assert (second.status, third.status, writes()) == (0, 0, 5)
    assert next(iter(workspace.segments.list())).description == "2026-01-01"


def test_only_what_differs_is_changed(shell, workspace, file, writes):
    """The plan shows the fields that differ, and they alone are sent."""
    shell("apply", file, "--yes")
    sent = writes()
    file.write_text(DESIRED.replace("required: true", "required: false").replace("2026-01-01", "Early"))

    shown = shell("apply", file, "--dry-run", "-o", "json")
    changed = shell("apply", file, "--yes")

    assert [(change["action"], change["name"], list(change["after"])) for change in shown.json] == [
        ("change", "Bakers", ["description"]),
        ("change", "baked", ["properties"]),
    ]
    assert "    -description: '2026-01-01'\n    +description: Early\n" in changed.out
    assert changed.err.splitlines() == ["changed segment 'Bakers'", "changed schema 'baked'"]
    assert writes() - sent == 2
    assert next(iter(workspace.segments.list())).definition == {"logic": "AND", "conditions": []}


def test_a_terminal_sees_the_plan_in_colours_and_is_asked(shell, workspace, file, writes):
    """No means that nothing is sent."""
    declined = shell.on_terminal("apply", file, typed=b"n\n")
    assert (declined.status, writes()) == (1, 0)

    agreed = shell.on_terminal("apply", file, typed=b"y\n")

    assert "\x1b[32m\x1b[1m+ segment 'Bakers'\x1b[0m" in agreed.out
    assert "Apply 5 changes? [y/N]" in agreed.out
    assert (agreed.status, writes()) == (0, 5)


def test_without_a_terminal_it_refuses_to_guess(shell, file, writes):
    """The plan is shown all the same; so is it by a dry run, which asks nobody."""
    refused, dry = shell.together(["apply", file], ["apply", file, "--dry-run"])

    assert (refused.status, dry.status, writes()) == (2, 0, 0)
    assert "add --yes" in refused.complaint
    assert refused.out == dry.out
    assert "+ query 'best bread'" in dry.out


def test_what_is_wrong_in_a_file_is_told_with_its_place(shell, tmp_path, writes):
    """Before anything is asked or sent."""
    files = {
        "twice.yaml": ("segments:\n- name: A\n- name: 'A '\n", "item 2: 'A' is there twice"),
        "field.yaml": (WORKSPACE, "queries, item 1: unknown field 'description_is_no_field'"),
        "section.yaml": ("segmets: []", "unknown section 'segmets'. Did you mean 'segments'?"),
        "nameless.json": ('{"segments": [{}]}', "segments, item 1 needs a name"),
        "broken.yaml": ("segments:\n- name: ]\n", "line 2, column 9"),
        "broken.json": ('{"segments": ]}', "line 1, column 14"),
        "endless.yaml": ("segments: &all\n- *all", "what JSON cannot say"),
        "empty.yaml": ("", "holds no definitions"),
    }
    for name, (text, _) in files.items():
        (tmp_path / name).write_text(text)

    all_ended = shell.together(*(["apply", tmp_path / name, "--yes"] for name in files))

    for ended, (_, part) in zip(all_ended, files.values(), strict=True):
        assert (ended.status, ended.out) == (1, "")
        assert part in ended.complaint
    assert writes() == 0


def test_what_dump_writes_apply_takes_and_finds_in_place(shell, file, tmp_path, writes):
    """As YAML and as JSON, through a file and through a pipe."""
    shell("apply", file, "--yes")
    sent = writes()
    as_yaml, as_json = tmp_path / "all.yaml", tmp_path / "all.json"
    told = shell("dump", as_yaml)
    shell("dump", as_json)
    piped, forced, refused = shell.together(["dump"], ["dump", "-o", "json"], ["dump", "-o", "csv"])

    assert (told.status, told.out, told.err) == (0, "", f"5 definitions are in {as_yaml}.\n")
    assert yaml.safe_load(as_yaml.read_text()) == yaml.safe_load(piped.out) == orjson.loads(as_json.read_bytes())
    assert forced.json["queries"][0]["query_text"] == "best bread"
    assert (refused.status, "yaml or json" in refused.complaint) == (2, True)
    for ended in (shell("apply", as_yaml), shell("apply", as_json), shell("apply", "-", stdin=piped.out.encode())):
        assert (ended.status, ended.out) == (0, "Nothing to change: 5 as they should be.\n")
    assert writes() == sent


def test_dump_shows_a_terminal_the_same(shell, file):
    """YAML reads well there, too."""
    shell("apply", file, "--yes")

    assert yaml.safe_load(shell.on_terminal("dump").out)["segments"][0]["name"] == "Bakers"


def test_dump_tells_what_apply_could_not_tell_apart(shell, workspace):
    """The file is written all the same."""
    for _ in range(2):
        workspace.segments.create(name="Bakers")
    ended = shell("dump")

    assert (ended.status, len(yaml.safe_load(ended.out)["segments"])) == (0, 2)
    assert ended.err.startswith("There are 2 segments with the name 'Bakers': rename all but one")


def test_diff_compares_json_and_yaml_with_a_segment(shell, workspace, tmp_path):
    """As lines for people, as data with -o; --exit-code is for scripts."""
    segment = workspace.segments.create(name="Bakers", description="Early").id
    text, document = '{"name": "Bakers", "description": "Late"}', tmp_path / "segment.yaml"
    document.write_text("name: Bakers\ndescription: Late\n")
    form = ["segments", "diff"]

    lines, as_json, status, equal = shell.together(
        [*form, document, segment],
        [*form, text, segment, "-o", "json"],
        [*form, f"@{document}", segment, "--exit-code"],
        [*form, '{"name": "Bakers"}', segment, "--exit-code"],
    )
    shown = shell.on_terminal(*form, document, segment)
    piped = shell(*form, "-", segment, "-o", "jsonl", stdin=document.read_bytes())

    assert (lines.status, lines.out, lines.err) == (0, "-description: Early\n+description: Late\n", "")
    assert as_json.json == piped.lines == [{"field": "description", "workspace": "Early", "file": "Late"}]
    assert (status.status, equal.status, equal.out, equal.err) == (1, 0, "", "No difference.\n")
    assert "\x1b[32m+description: Late\x1b[0m" in shown.out


EMPTY = [None, "", False, [], {}]


def test_every_kind_of_nothing_is_the_same():
    """Whichever the service fills in, at any depth; zero is a number."""
    for one, other in itertools.product(EMPTY, EMPTY):
        assert same(one, other)
        assert same({"a": [{"b": 1, "c": one}]}, {"a": [{"b": 1}]})
    assert not any(same(nothing, 0) for nothing in (None, ""))


@pytest.mark.parametrize(
    ("stored", "wanted"),
    [
        ({"window_days": 30}, {}),
        ([{"name": "a"}, {"name": "b"}], {"a": {}}),
        ([{"name": "a", "required": True}], {"a": {}}),
        ({"a": {"name": "x"}}, {"a": {"name": "y"}}),
        ([1, 2], [2, 1]),
    ],
)
def test_what_was_taken_out_of_a_file_is_a_change(stored, wanted):
    """A field is replaced whole, so what is no longer in it goes."""
    assert not same(stored, wanted)
