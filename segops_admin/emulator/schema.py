"""The tables. All instants are REAL unix seconds, UTC; columns named data, definition, payload … hold JSON text."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS tenants (
    id INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE, plan TEXT NOT NULL, requests_per_minute INTEGER,
    events_per_month INTEGER, created_at REAL NOT NULL);

CREATE TABLE IF NOT EXISTS keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
    scopes TEXT NOT NULL DEFAULT '', origins TEXT NOT NULL DEFAULT '[]', secret TEXT,
    require_signed INTEGER NOT NULL DEFAULT 0, created_at REAL NOT NULL, last_used_at REAL);

CREATE TABLE IF NOT EXISTS accounts (
    id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, email TEXT NOT NULL UNIQUE, password TEXT NOT NULL,
    role TEXT NOT NULL);

CREATE TABLE IF NOT EXISTS usage (
    tenant_id INTEGER NOT NULL, month TEXT NOT NULL, events INTEGER NOT NULL, PRIMARY KEY (tenant_id, month)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY, tenant_id INTEGER NOT NULL, user_id TEXT NOT NULL, event_type TEXT NOT NULL,
    occurred_at REAL NOT NULL, payload TEXT NOT NULL DEFAULT '{}', anonymous_id TEXT);
CREATE INDEX IF NOT EXISTS events_by_type ON events (tenant_id, event_type, user_id, occurred_at);
CREATE INDEX IF NOT EXISTS events_by_user ON events (tenant_id, user_id, occurred_at);

CREATE TABLE IF NOT EXISTS identities (
    tenant_id INTEGER NOT NULL, from_id TEXT NOT NULL, to_id TEXT NOT NULL, edge_to TEXT NOT NULL,
    PRIMARY KEY (tenant_id, from_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS identities_by_target ON identities (tenant_id, to_id);
CREATE INDEX IF NOT EXISTS identities_by_edge ON identities (tenant_id, edge_to);

CREATE VIEW IF NOT EXISTS resolved_events AS
    SELECT e.id AS id, e.tenant_id AS tenant_id, COALESCE(i.to_id, e.user_id) AS user_id, e.event_type AS event_type,
           e.occurred_at AS occurred_at, e.payload AS payload
    FROM events e LEFT JOIN identities i ON i.tenant_id = e.tenant_id AND i.from_id = e.user_id;

CREATE TABLE IF NOT EXISTS segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '', segment_type TEXT NOT NULL DEFAULT 'rule',
    definition TEXT NOT NULL DEFAULT '{}', is_active INTEGER NOT NULL DEFAULT 1,
    member_count INTEGER NOT NULL DEFAULT 0, last_computed_at REAL, status TEXT NOT NULL DEFAULT 'draft',
    created_at REAL NOT NULL, updated_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS segments_by_tenant ON segments (tenant_id, id);

CREATE TABLE IF NOT EXISTS versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, segment_id INTEGER NOT NULL,
    version INTEGER NOT NULL, definition TEXT NOT NULL, created_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS versions_by_segment ON versions (tenant_id, segment_id, version);

CREATE TABLE IF NOT EXISTS members (
    tenant_id INTEGER NOT NULL, segment_id INTEGER NOT NULL, user_id TEXT NOT NULL, computed_at REAL NOT NULL,
    PRIMARY KEY (tenant_id, segment_id, user_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS members_by_user ON members (tenant_id, user_id);

CREATE TABLE IF NOT EXISTS exports (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, segment_id INTEGER NOT NULL,
    format TEXT NOT NULL, status TEXT NOT NULL, content BLOB, token TEXT, expires_at REAL, created_at REAL NOT NULL);

CREATE TABLE IF NOT EXISTS products (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, sku TEXT NOT NULL, name TEXT NOT NULL,
    data TEXT NOT NULL DEFAULT '{}', raw_data TEXT, source TEXT NOT NULL DEFAULT 'api', ai_readability_score REAL,
    created_at REAL NOT NULL, updated_at REAL NOT NULL, UNIQUE (tenant_id, sku));
CREATE INDEX IF NOT EXISTS products_by_tenant ON products (tenant_id, id);

CREATE TABLE IF NOT EXISTS product_schemas (
    tenant_id INTEGER PRIMARY KEY, id INTEGER NOT NULL, fields TEXT NOT NULL DEFAULT '[]', default_currency TEXT,
    default_locale TEXT, created_at REAL NOT NULL, updated_at REAL NOT NULL);

CREATE TABLE IF NOT EXISTS product_segments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, name TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '', definition TEXT NOT NULL DEFAULT '{}',
    computed_count INTEGER NOT NULL DEFAULT 0, last_computed_at REAL, created_at REAL NOT NULL,
    updated_at REAL NOT NULL);

CREATE TABLE IF NOT EXISTS import_jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, status TEXT NOT NULL, filename TEXT,
    row_count INTEGER NOT NULL DEFAULT 0, imported_count INTEGER NOT NULL DEFAULT 0, mapping TEXT, schema TEXT,
    content BLOB, error TEXT, created_at REAL NOT NULL);

CREATE TABLE IF NOT EXISTS product_scores (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, product_id INTEGER NOT NULL,
    score REAL NOT NULL, dimension_scores TEXT NOT NULL, recommendations TEXT NOT NULL, scored_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS product_scores_by_product ON product_scores (tenant_id, product_id, scored_at);

CREATE TABLE IF NOT EXISTS mappings (
    tenant_id INTEGER NOT NULL, header TEXT NOT NULL, field TEXT NOT NULL, PRIMARY KEY (tenant_id, header)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, tenant_id INTEGER NOT NULL, kind TEXT NOT NULL,
    payload TEXT NOT NULL DEFAULT '{}', status TEXT NOT NULL, error TEXT, created_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS jobs_open ON jobs (status);

CREATE TABLE IF NOT EXISTS idempotency (
    tenant_id INTEGER NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, key TEXT NOT NULL, body_hash TEXT NOT NULL,
    status INTEGER NOT NULL, content_type TEXT NOT NULL, body BLOB, created_at REAL NOT NULL,
    PRIMARY KEY (tenant_id, method, path, key)) WITHOUT ROWID;
"""
