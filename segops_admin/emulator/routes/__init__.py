"""The API's handlers, one module per resource.

A module listed here has `routes` (paths without `/api`) and may have `SCHEMA` (further tables) and `setup(state)`
(registers jobs and hooks). A new resource is a new file and a line below.
"""

_HERE = "segops_admin.emulator.routes."

MODULES = (
    _HERE + "activations",
    _HERE + "analytics",
    _HERE + "auth",
    _HERE + "competitors",
    _HERE + "identity",
    _HERE + "ingestion",
    _HERE + "imports",
    _HERE + "page_exports",
    _HERE + "pages",
    _HERE + "product_schema",
    _HERE + "product_scores",
    _HERE + "product_segments",
    _HERE + "products",
    _HERE + "queries",
    _HERE + "schemas",
    _HERE + "segment_exports",
    _HERE + "segments",
    _HERE + "semantic_search",
    _HERE + "user_evaluation",
    _HERE + "users",
    _HERE + "visibility",
    _HERE + "webhooks",
)
