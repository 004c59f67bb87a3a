"""The sheet's endpoint index as data: each row has a method on both faces, a route, and a test that ran both.

`section7.md` is a copy of the table. To wrap a new endpoint, add its row there; to give a row that the published SDK
does not wrap a method, name it in `OURS`.
"""

import inspect
import pathlib
import re

import aiohttp
import attrs
import faces
import pytest

from segops_admin import SegOpsAdmin

TABLE = pathlib.Path(__file__).with_name("section7.md")
VERBS = {"list": "GET", "iterate": "GET", "get": "GET", "create": "POST", "delete": "DELETE", "update": "PATCH PUT"}
ELSEWHERE = ("/ingestion/", "/auth/token/", "/auth/session/")
"""What belongs to an ingestion client or a dashboard login: in the emulator only."""

OURS = {
    "GET /segments/{id}/export/": ["segments.export_status"],
    "GET /segments/exports/{export_id}/download/": ["segments.download_export"],
    "GET /pim/products/{id}/score/": ["products.get_score"],
    "PUT /pim/schema/": ["products.set_schema"],
    "GET /ai-reach/competitors/": ["competitors.list", "competitors.iterate"],
    "POST /ai-reach/competitors/": ["competitors.create"],
    "GET /ai-reach/competitors/{id}/": ["competitors.get"],
    "PATCH /ai-reach/competitors/{id}/": ["competitors.update"],
    "DELETE /ai-reach/competitors/{id}/": ["competitors.delete"],
    "GET /ai-pages/public/pages/{tenant_slug}/{page_slug}/": ["pages.public"],
    "POST /auth/api-keys/": ["api_keys.create"],
    "DELETE /auth/api-keys/{id}/": ["api_keys.delete"],
}
"""The rows marked with a dash, which the published SDK does not wrap and this one does."""


@attrs.frozen
class Endpoint:
    """One method on one path, and what wraps it."""

    verb: str
    path: str
    methods: tuple[str, ...] = ()

    @property
    def ours(self):
        return not self.path.startswith(ELSEWHERE)

    def fits(self, request):
        """Tell whether a request, method and path, was one to this endpoint."""
        pattern = re.sub(r"\\{(\w+)\\}", _wildcard, re.escape(self.path))
        return request[0] == self.verb and re.fullmatch(pattern, request[1]) is not None

    def __str__(self):
        return f"{self.verb} {self.path}"


def _wildcard(placeholder):
    return "[^/]+" if placeholder[1] in ("user_id", "tenant_slug", "page_slug") else r"\d+"


def read(table):
    """Return the endpoints of the table's rows, in order."""
    endpoints, namespace = [], ""
    for line in table.splitlines()[2:]:
        verbs, paths, wrapped = (cell.strip() for cell in line.strip("|").split("|")[:3])
        verbs, paths = (
            re.findall(r"[A-Z]+", verbs),
            [path.partition("?")[0] for path in re.findall(r"`([^`]+)`", paths)],
        )
        names = []
        for text in re.findall(r"`([^`]+)`", wrapped):
            namespace = text.split(".")[0] or namespace
            names += [f"{namespace}.{method}" for method in re.findall(r"\.(\w+)", text)]
        pairs = zip(verbs, paths, strict=True) if len(verbs) == len(paths) else [(v, p) for p in paths for v in verbs]
        endpoints += [_endpoint(verb, path, names, alone=len(verbs) == 1) for verb, path in pairs]
    return endpoints


def _endpoint(verb, path, names, *, alone):
    fitting = names if alone else [name for name in names if verb in VERBS[name.split(".")[1]].split()]
    return Endpoint(verb, path, tuple(fitting or OURS.get(f"{verb} {path}", ())))


ENDPOINTS = read(TABLE.read_text(encoding="utf-8"))
WRAPPED = [endpoint for endpoint in ENDPOINTS if endpoint.ours]
METHODS = sorted({method for endpoint in WRAPPED for method in endpoint.methods})


@pytest.fixture(scope="module")
def blocking():
    client = SegOpsAdmin(api_key="sk_probe", base_url="http://127.0.0.1:9/api")
    yield client
    client.close()


def test_the_table_is_read_whole():
    """A row that the reading above overlooked would be a row without a check."""
    rows = TABLE.read_text(encoding="utf-8").splitlines()

    assert rows[0] == "| Method | Path | SDK method | K | Success | Paging | Tag |"
    assert (len(rows) - 2, len(ENDPOINTS), len(set(map(str, ENDPOINTS)))) == (74, 100, 100)
    assert {name for row in rows[2:] for name in re.findall(r"\.(\w+)", row.split("|")[3]) if name != "2"} <= {
        method.split(".")[1] for method in METHODS
    }


def test_no_choice_of_ours_has_lost_its_row():
    """A name in `OURS` for a row that is gone, or that the table names itself, would hide a change."""
    wrapped = {str(endpoint): endpoint.methods for endpoint in ENDPOINTS}

    assert {row: wrapped.get(row) for row in OURS} == {row: tuple(methods) for row, methods in OURS.items()}


@pytest.mark.parametrize("endpoint", WRAPPED, ids=str)
def test_each_row_has_a_method_on_both_faces(blocking, endpoint):
    """The whole admin surface, awaited and blocking, with one signature and one text."""
    assert endpoint.methods
    for name in endpoint.methods:
        space, method = name.split(".")
        awaited = getattr(faces.namespaces()[space], method)
        mirrored = getattr(type(getattr(blocking, space)), method)

        assert parameters(mirrored) == parameters(awaited)
        assert inspect.getdoc(awaited)
        assert inspect.getdoc(mirrored) == inspect.getdoc(awaited)


def parameters(function):
    """Names, kinds, defaults and written types of a method's parameters."""
    return [(p.name, p.kind, p.default, p.annotation) for p in inspect.signature(function).parameters.values()]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=str)
async def test_each_row_has_a_route(emulator, tenant, endpoint):
    """An object may be missing, but not the route: a method that no route has is told which ones there are."""
    url = emulator.base_url + re.sub(r"\{\w+\}", "1", endpoint.path)
    async with aiohttp.ClientSession(headers={"Authorization": f"ApiKey {tenant.api_key}"}) as session:
        async with session.request("TRACE", url) as response:
            refused, allowed = response.status, response.headers.get("Allow", "")
        async with session.request(endpoint.verb, url, json={}) as response:
            status = response.status

    assert (refused, endpoint.verb in allowed.split(",")) == (405, True)
    assert status != 405
    assert status < 500


@pytest.mark.parametrize("face", faces.FACES)
@pytest.mark.parametrize("endpoint", WRAPPED, ids=str)
def test_each_row_was_run_by_a_test(journeys, endpoint, face):
    """In one test, on this face, the method was called and its request answered: the whole suite says so."""
    assert set(endpoint.methods) <= ran(journeys, endpoint, face)


def ran(journeys, endpoint, face):
    """Return the methods that tests called on this face and that led to a request of this endpoint."""
    return {
        name
        for its_face, taken, requests in journeys
        if its_face == face and any(endpoint.fits(request) for request in requests)
        for name in taken
    }
