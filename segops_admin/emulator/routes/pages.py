"""AI pages: CRUD, regenerate, bulk-generate, build, publish, and the public view (sheet, section 18)."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from segops_admin.emulator import auth, pages
from segops_admin.emulator.fragment import is_list
from segops_admin.emulator.page_building import slug_for
from segops_admin.emulator.pages import page_row, render_page
from segops_admin.emulator.replies import MAX_ID, ApiError, Fields, json_body, no_content, not_found, path_id, reply
from segops_admin.emulator.routes.queries import MAX_TEXT, find_or_create_query
from segops_admin.emulator.routes.semantic_search import segment_products
from segops_admin.emulator.state import state_of, tenant_of

if TYPE_CHECKING:
    import sqlite3

    from segops_admin.emulator.jobs import Job
    from segops_admin.emulator.state import State
    from segops_admin.emulator.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS pages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, slug TEXT NOT NULL, query_id INTEGER,
    title TEXT NOT NULL DEFAULT '', published INTEGER NOT NULL DEFAULT 0,
    builder_status TEXT NOT NULL DEFAULT 'draft', intro_copy TEXT NOT NULL DEFAULT '',
    product_skus TEXT NOT NULL DEFAULT '[]', template TEXT NOT NULL DEFAULT 'default', blocks TEXT,
    view_count INTEGER NOT NULL DEFAULT 0, last_ai_crawl_at REAL, created_at REAL NOT NULL, updated_at REAL NOT NULL,
    UNIQUE (tenant_id, slug));
"""

_GENERATE, _BULK, _BUILD = "page_generate", "page_bulk_generate", "page_build"
_SLUG = re.compile(r"[-a-zA-Z0-9_]+")
_SLUG_TROUBLE = "Enter a valid “slug” consisting of letters, numbers, underscores or hyphens."
_CRAWLERS = re.compile(
    "gptbot|chatgpt-user|oai-searchbot|claudebot|claude-user|claude-searchbot|claude-web|anthropic-ai|perplexitybot|"
    "perplexity-user|google-extended|google-cloudvertexbot|grokbot|xai-|ccbot|bytespider|amazonbot|applebot-extended|"
    "meta-externalagent|cohere-ai|mistralai-user|duckassistbot|youbot",
    re.IGNORECASE,
)
_NEW_PAGE_QUERIES = "SELECT id, query_text FROM queries WHERE tenant_id=? AND id=?"


async def list_pages(request: web.Request) -> web.Response:
    """GET /ai-pages/pages/: a bare list of light objects, by id."""
    return reply([render_page(row) for row in pages.page_rows(state_of(request).store, tenant_of(request).id)])


async def create(request: web.Request) -> web.Response:
    """POST /ai-pages/pages/: `query` is an id, or a text that is found or becomes a query (C13)."""
    state, tenant = state_of(request), tenant_of(request)
    fields = Fields(await json_body(request))
    slug = _slug(fields, state.store, tenant.id, None)
    wanted = _query(fields, "query", fields.body.get("query"), state.store, tenant.id)
    title = fields.text("title", blank=True) if fields.body.get("title") is not None else ""
    published = fields.flag("published", default=False)
    fields.done()
    now = state.clock.now()
    query_id = find_or_create_query(state.store, tenant.id, wanted, now) if isinstance(wanted, str) else wanted
    page_id = _insert(state.store, tenant.id, slug, query_id, now, title=title, published=published)
    return reply(render_page(page_row(state.store, tenant.id, page_id), whole=True), status=201)


async def get(request: web.Request) -> web.Response:
    """GET /ai-pages/pages/{id}/: with copy and products."""
    return reply(render_page(_row(request), whole=True))


async def update(request: web.Request) -> web.Response:
    """PATCH /ai-pages/pages/{id}/: slug, title and published; the query stays."""
    state, body = state_of(request), await json_body(request)
    row = _row(request)
    fields = Fields(body, partial=True)
    values: dict[str, Any] = {
        "slug": _slug(fields, state.store, row["tenant_id"], row["id"]),
        "title": fields.text("title", blank=True),
        "published": fields.flag("published", default=False),
    }
    given = fields.done()
    changes = {name: value for name, value in values.items() if name in given}
    if "published" in changes and row["builder_status"] in ("built", "published"):
        changes["builder_status"] = "published" if changes["published"] else "built"
    state.store.update("pages", row["id"], updated_at=state.clock.now(), **changes)
    return reply(render_page(_row(request), whole=True))


async def delete(request: web.Request) -> web.Response:
    """DELETE /ai-pages/pages/{id}/: with its exports."""
    store, row = state_of(request).store, _row(request)
    with store.transaction():
        store.execute("DELETE FROM pages WHERE id=?", row["id"])
        store.execute("DELETE FROM page_exports WHERE tenant_id=? AND page_id=?", row["tenant_id"], row["id"])
    return no_content()


async def regenerate(request: web.Request) -> web.Response:
    """POST /ai-pages/pages/{id}/regenerate/: queues product search and copy; the blocks wait for the next build."""
    state, row = state_of(request), _row(request)
    state.jobs.start(_GENERATE, row["tenant_id"], state.clock.now(), page_ids=[row["id"]])
    return reply({"status": "queued"}, status=202)


async def bulk_generate(request: web.Request) -> web.Response:
    """POST /ai-pages/pages/bulk-generate/: a page for every active query, or for the `queries` named (C13).

    A query that has a page gets no second one; its page is written anew. `segment_id` narrows the products shown; a
    segment there is not narrows nothing, since what the field means is not settled.
    """
    state, tenant = state_of(request), tenant_of(request)
    body = await json_body(request)
    query_ids = _named_queries(state, tenant.id, body) if "queries" in body else _active_queries(state.store, tenant.id)
    now = state.clock.now()
    with state.store.transaction():
        page_ids = [_page_for(state.store, tenant.id, query_id, now) for query_id in query_ids]
    job_id = state.jobs.start(_BULK, tenant.id, now, page_ids=page_ids, segment_id=_id(body.get("segment_id")))
    return reply({"job_id": job_id, "status": "queued"}, status=202)


async def build(request: web.Request) -> web.Response:
    """POST /ai-pages/pages/{id}/build/: any object or none; while one runs the answer is the same."""
    state, body = state_of(request), await json_body(request)
    row = _row(request)
    template = body.get("template")
    if row["builder_status"] != "building":
        state.store.update("pages", row["id"], builder_status="building")
        name = template if isinstance(template, str) and template else "default"
        state.jobs.start(_BUILD, row["tenant_id"], state.clock.now(), page_id=row["id"], template=name)
    return reply({"status": "queued", "builder_status": "building"}, status=202)


async def publish(request: web.Request) -> web.Response:
    """POST /ai-pages/pages/{id}/publish/: 400 before the first build has ended."""
    state, row = state_of(request), _row(request)
    if row["blocks"] is None:
        raise ApiError(400, "This page has not been built yet.")
    status = "building" if row["builder_status"] == "building" else "published"
    state.store.update("pages", row["id"], published=True, builder_status=status, updated_at=state.clock.now())
    return reply(render_page(_row(request), whole=True))


@auth.access()
async def public_view(request: web.Request) -> web.Response:
    """GET /ai-pages/public/pages/{tenant_slug}/{page_slug}/: for everybody; counts views and AI crawlers."""
    state, match = state_of(request), request.match_info
    row = pages.public_page(state.store, match["tenant_slug"], match["page_slug"])
    if row is None:
        raise not_found("No GeneratedPage matches the given query.")
    crawled = _CRAWLERS.search(request.headers.get("User-Agent", ""))
    seen = {"last_ai_crawl_at": state.clock.now()} if crawled else {}
    state.store.update("pages", row["id"], view_count=row["view_count"] + 1, **seen)
    return reply(render_page(page_row(state.store, row["tenant_id"], row["id"]), whole=True))


async def run_bulk(state: State, job: Job) -> None:
    """Write the pages of a bulk job, within its segment's products if it names one."""
    try:
        within = await segment_products(state, job.tenant_id, job.payload["segment_id"])
    except ApiError:  # no such segment
        within = None
    await pages.generate(state, job, within)


def _row(request: web.Request) -> sqlite3.Row:
    return page_row(state_of(request).store, tenant_of(request).id, path_id(request))


def _slug(fields: Fields, store: Store, tenant_id: int, page_id: int | None) -> str:
    slug = fields.text("slug", required=True, max_length=255)
    if not slug:
        return slug
    if not _SLUG.fullmatch(slug):
        return fields.refuse("slug", _SLUG_TROUBLE, slug)
    if store.scalar("SELECT 1 FROM pages WHERE tenant_id=? AND slug=? AND id IS NOT ?", tenant_id, slug, page_id):
        return fields.refuse("slug", "generated page with this slug already exists.", slug)
    return slug


def _query(fields: Fields, name: str, value: object, store: Store, tenant_id: int) -> int | str | None:
    """Read a query by id or text; None, and the trouble noted, for neither."""
    if value is None:
        return None
    if isinstance(value, str):
        text = value.strip()
        if not text or len(text) > MAX_TEXT:
            trouble = (
                f"Ensure this field has no more than {MAX_TEXT} characters." if text else "This field may not be blank."
            )
            return fields.refuse(name, trouble, None)
        return text
    if isinstance(value, bool) or not isinstance(value, int):
        return fields.refuse(name, f"Incorrect type. Expected pk value, received {type(value).__name__}.", None)
    if not 0 < value <= MAX_ID or store.one(_NEW_PAGE_QUERIES, tenant_id, value) is None:
        return fields.refuse(name, f'Invalid pk "{value}" - object does not exist.', None)
    return value


def _named_queries(state: State, tenant_id: int, body: dict[str, Any]) -> list[int]:
    """Return the ids of the queries a bulk-generate names; texts nobody has asked yet become queries."""
    named = body["queries"]
    fields = Fields({})
    if not is_list(named):
        fields.refuse("queries", f'Expected a list of items but got type "{type(named).__name__}".', None)
    items = named if is_list(named) else []
    wanted = [_query(fields, str(index), item, state.store, tenant_id) for index, item in enumerate(items)]
    if fields.errors and "queries" not in fields.errors:
        raise ApiError(400, {"queries": fields.errors})
    fields.done()
    now = state.clock.now()
    ids = [
        find_or_create_query(state.store, tenant_id, item, now) if isinstance(item, str) else item for item in wanted
    ]
    return list(dict.fromkeys(query_id for query_id in ids if query_id is not None))


def _active_queries(store: Store, tenant_id: int) -> list[int]:
    return [
        row["id"] for row in store.all("SELECT id FROM queries WHERE tenant_id=? AND is_active ORDER BY id", tenant_id)
    ]


def _page_for(store: Store, tenant_id: int, query_id: int, now: float) -> int:
    """Return the id of a query's first page, made if there is none."""
    sql = "SELECT id FROM pages WHERE tenant_id=? AND query_id=? ORDER BY id"
    found: int | None = store.scalar(sql, tenant_id, query_id)
    if found is not None:
        return found
    text = store.scalar("SELECT query_text FROM queries WHERE id=?", query_id)
    taken = {row["slug"] for row in store.all("SELECT slug FROM pages WHERE tenant_id=?", tenant_id)}
    return _insert(store, tenant_id, slug_for(text, taken), query_id, now)


def _insert(
    store: Store,
    tenant_id: int,
    slug: str,
    query_id: int | None,
    now: float,
    *,
    title: str = "",
    published: bool = False,
) -> int:
    title = title or store.scalar("SELECT query_text FROM queries WHERE id=?", query_id) or ""
    return store.insert(
        "pages", tenant_id=tenant_id, slug=slug, query_id=query_id, title=title, published=published, created_at=now,
        updated_at=now,
    )  # fmt: skip


def _id(value: Any) -> int | None:
    """Read an id given as a number or in digits; anything else is none."""
    text = "" if isinstance(value, bool) else str(value)
    return min(int(text), MAX_ID) if text.isascii() and text.isdigit() else None


def setup(state: State) -> None:
    """Register the jobs."""
    state.jobs.register(_GENERATE, partial(pages.generate, state))
    state.jobs.register(_BULK, partial(run_bulk, state))
    state.jobs.register(_BUILD, partial(pages.build, state), on_failure=partial(pages.build_failed, state))


routes = [
    web.get("/ai-pages/pages/", list_pages),
    web.post("/ai-pages/pages/", create),
    web.post("/ai-pages/pages/bulk-generate/", bulk_generate),
    web.get(r"/ai-pages/pages/{id:\d+}/", get),
    web.patch(r"/ai-pages/pages/{id:\d+}/", update),
    web.delete(r"/ai-pages/pages/{id:\d+}/", delete),
    web.post(r"/ai-pages/pages/{id:\d+}/regenerate/", regenerate),
    web.post(r"/ai-pages/pages/{id:\d+}/build/", build),
    web.post(r"/ai-pages/pages/{id:\d+}/publish/", publish),
    web.get("/ai-pages/public/pages/{tenant_slug}/{page_slug}/", public_view),
]
