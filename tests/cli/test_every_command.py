"""Every command of every namespace on a pipe and on a terminal, against a workspace that has something of all kinds."""

import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from string import Template

import pytest

from segops_admin.cli.surface import namespaces

DEFINITION = '{"logic": "AND", "conditions": []}'
EVENT = '{"user_id": "ana", "event_type": "baked", "payload": {"minutes": 45}}'
CONNECTOR = {"connector_type": "klaviyo", "config": {"list_id": "Qw9ZtB", "api_key": "k"}}
JSON = {
    "config": CONNECTOR["config"],
    "definition": json.loads(DEFINITION),
    "event": json.loads(EVENT),
    "events": [json.loads(EVENT)],
    "fields": [{"name": "grain", "type": "string"}],
    "mapping": {"mapping": {"sku": "sku", "name": "name"}},
    "other": {"name": "other"},
    "payload": {"minutes": 45},
    "providers": ["gemini"],
}
CRUD = {"list": "", "iterate": "", "get": "$one", "delete": "$two --yes"}

WORDS = {
    "activations": {
        **CRUD,
        "create": "--segment $segment --connector-type klaviyo --config $config",
        "update": "$one --status active",
        "sync": "$one",
        "sync-and-wait": "$one",
    },
    "analytics": dict.fromkeys(["overview", "segments", "overlap", "activations", "usage"], ""),
    "api-keys": {"list": "", "create": "--name a --tenant-slug b", "delete": "1 --yes"},
    "competitors": {**CRUD, "create": "--name $new", "update": "$one --domain example.net"},
    "http": {"paginate": "/segments/", "request": "GET /segments/", "download": None},
    "identity": {"alias": "7f3c ana", "merge": "ana-old ana"},
    "pages": {
        **CRUD,
        "create": "--slug $new --query bread",
        "update": "$one --title New",
        "build": "$one {}",
        "build-and-wait": "$one {}",
        "bulk-generate": "{} --yes",
        "export": "$one",
        "export-status": "$one $page_export",
        "export-to": "$one $folder/page.html",
        "public": "$tenant $slug",
        "publish": "$one",
        "query": "bread",
        "regenerate": "$one",
        "regenerate-and-wait": "$one",
        "wait-export": "$one $page_export",
        "download-export": None,
    },
    "product-segments": {
        **CRUD,
        "create": "--name $new --definition $definition",
        "update": "$one --description new",
        "recompute": "$one",
        "recompute-and-wait": "$one",
    },
    "products": {
        **CRUD,
        "create": "--sku $new --name A",
        "update": "$one --name B",
        "bulk-upsert": "$catalogue",
        "bulk-upsert-stream": "$catalogue",
        "confirm-import": "$uploaded $mapping",
        "facets": "",
        "get-score": "$one",
        "import": "$catalogue",
        "import-csv": "$catalogue",
        "import-file": "$catalogue",
        "import-status": "$imported",
        "wait-import": "$imported",
        "schema": "",
        "set-schema": "--fields $fields",
        "score": "$one",
        "score-and-wait": "$one",
        "score-all": "--yes",
    },
    "queries": {
        **CRUD,
        "create": "--query-text $new",
        "update": "$one --schedule weekly",
        "dashboard": "",
        "results": "$one",
        "run": "$one",
        "run-and-wait": "$one",
        "simulate": "--query-text bread --providers $providers",
        "win-rate": "",
    },
    "schemas": {
        **CRUD,
        "create": "--event-type $new",
        "update": "$one --description new",
        "infer": "$events",
        "validate": "baked $payload",
    },
    "segments": {
        **CRUD,
        "create": "--name $new",
        "update": "$one --description new",
        "diff": "$other $one",
        "estimate": "$one",
        "export": "$one",
        "export-status": "$one $export",
        "export-to": "$one $folder/members.csv",
        "download-export": "$finished $folder/members.csv",
        "iterate-members": "$one",
        "members": "$one",
        "membership": "ana",
        "preview": "--definition {}",
        "recompute": "$one",
        "recompute-and-wait": "$one",
        "versions": "$one",
        "wait-export": "$one $export",
    },
    "users": {
        "search": "",
        "iterate": "",
        "get": "ana",
        "events": "ana",
        "segments": "ana",
        "explain": "ana $segment",
        "publish-sandbox": "--user-id ana --event-type baked",
    },
}
"""What follows each command's words; None where only the library can give what it takes."""

REFUSED = {("api-keys", word) for word in ("list", "create", "delete")}
"""Need a dashboard user's token: one clear line, status 1."""


def test_no_command_is_missing_here():
    """A new method of the library appears here, or is explained."""
    for name, namespace in namespaces().items():
        assert set(namespace.words) <= set(WORDS[name.replace("_", "-")]), name


@pytest.fixture
def filled(shell, workspace, tmp_path):
    """Something of every kind, and the values that words stand for."""
    catalogue = tmp_path / "bread.csv"
    catalogue.write_text("sku,name\nA,One\nB,Two\nC,Three\n")
    imported = workspace.products.import_file(catalogue)
    workspace.products.score_and_wait(next(iter(workspace.products.list())).id)
    workspace.http.request("POST", "/ingestion/track/", body=json.loads(EVENT))
    segments = [workspace.segments.create(name=name, definition=json.loads(DEFINITION)).id for name in "ST"]
    workspace.segments.recompute_and_wait(segments[0])
    pages = [workspace.pages.create(slug=name, query=name).id for name in ("bread", "rye")]
    page = workspace.pages.build_and_wait(pages[0], {})
    export = workspace.segments.export(segments[0])
    return {
        "ids": {
            "segments": segments,
            "pages": pages,
            "products": [product.id for product in workspace.products.list()],
            "activations": [workspace.activations.create(CONNECTOR, segment=segments[0]).id for _ in range(2)],
            "competitors": [workspace.competitors.create(name=name).id for name in "AB"],
            "product-segments": [workspace.product_segments.create(name=name).id for name in "AB"],
            "queries": [workspace.queries.create(query_text=name).id for name in "AB"],
            "schemas": [workspace.schemas.create(event_type=name).id for name in "AB"],
        },
        "segment": segments[0],
        "export": export.id,
        "finished": shlex.quote(json.dumps(workspace.segments.wait_export(segments[0], export.id).to_dict())),
        "page_export": workspace.pages.export(pages[0]).id,
        "slug": workspace.pages.publish(page.id)["slug"],
        "tenant": shell.tenant,
        "catalogue": catalogue,
        "folder": tmp_path,
        "imported": imported.id,
        "uploaded": workspace.products.import_csv(catalogue.read_bytes()).id,
        **{name: shlex.quote(json.dumps(value)) for name, value in JSON.items()},
    }


def commands(filled):
    """Give every command that exists, as words; deletes last, for they take what others look at."""
    for place, (group, words) in enumerate(WORDS.items()):
        known = namespaces()[group.replace("-", "_")].words
        one, two = filled["ids"].get(group, [1, 1])[:2]
        for word in sorted(words, key=lambda word: (word == "delete", word)):
            values = {**filled, "one": one, "two": two, "new": f"new-{place}"}
            if words[word] is not None and (word in known or word == "diff"):
                yield group, word, shlex.split(Template(words[word]).substitute(values))


def judge(group, word, ended):
    trouble = f"{group} {word}: {ended}"
    assert ended.status == (1 if (group, word) in REFUSED else 0), trouble
    assert "Traceback" not in ended.out + ended.err, trouble


def test_every_command_works_on_a_pipe(shell, filled):
    """Status 0, JSON on stdout, nothing on stderr."""
    asked = list(commands(filled))
    all_ended = shell.together(*([group, word, *words] for group, word, words in asked))

    for (group, word, _), ended in zip(asked, all_ended, strict=True):
        judge(group, word, ended)
        if ended.status == 0 and word != "diff":
            assert ended.err == "", (group, word)
            json.loads(ended.out)


def test_every_command_works_on_a_terminal(shell, filled):
    """A table or a sentence; nothing asks, as --yes is given where it would."""
    asked = list(commands(filled))
    with ThreadPoolExecutor(8) as at_once:
        all_ended = at_once.map(lambda words: shell.on_terminal(words[0], words[1], *words[2]), asked)

        for (group, word, _), ended in zip(asked, all_ended, strict=True):
            judge(group, word, ended)
            assert ended.out.strip(), (group, word)
            assert not ended.out.startswith(("{", "[")), (group, word)
