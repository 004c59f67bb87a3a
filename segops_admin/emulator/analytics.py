"""The figures of section 19 of the sheet as SQL over everybody else's tables; `routes/analytics.py` shapes them.

Decisions where the sheet is silent: only active segments count; `total_members` adds up their member counts, so a user
in two segments counts twice; an anonymous-only user is tracked from three events a month on.
"""

from __future__ import annotations

DAY_S = 86400.0

HISTORY_SCHEMA = """
CREATE TABLE IF NOT EXISTS segment_history (
    segment_id INTEGER NOT NULL, day TEXT NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (segment_id, day)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS history_of_segment AFTER DELETE ON segments BEGIN
    DELETE FROM segment_history WHERE segment_id = OLD.id;
END;
"""

NOTE_COUNT = """
INSERT INTO segment_history SELECT id, date(last_computed_at, 'unixepoch'), member_count FROM segments
WHERE id=? AND last_computed_at IS NOT NULL
ON CONFLICT DO UPDATE SET count = excluded.count"""
"""Keeps a segment's latest count of the day it was computed on."""

OVERVIEW = """
SELECT COUNT(*) AS segment_count, COALESCE(SUM(member_count), 0) AS total_members
FROM segments WHERE tenant_id=? AND is_active"""

EVENTS_SINCE = "SELECT COUNT(*) FROM events WHERE tenant_id=? AND occurred_at>=? AND occurred_at<=?"

SEGMENTS = "SELECT id, name, member_count, last_computed_at FROM segments WHERE tenant_id=? AND is_active ORDER BY id"

HISTORY = """
SELECT h.segment_id, h.day, h.count FROM segment_history h JOIN segments s ON s.id = h.segment_id
WHERE s.tenant_id=? ORDER BY h.segment_id, h.day"""

OVERLAP = """
WITH held AS (
    SELECT m.segment_id, m.user_id FROM members m JOIN segments s ON s.id = m.segment_id AND s.is_active
    WHERE m.tenant_id=?1),
sizes AS (SELECT segment_id, COUNT(*) AS size FROM held GROUP BY segment_id),
pairs AS (
    SELECT a.segment_id AS seg_a_id, b.segment_id AS seg_b_id, COUNT(*) AS overlap
    FROM held a JOIN members b ON b.tenant_id=?1 AND b.user_id = a.user_id AND b.segment_id > a.segment_id
    WHERE b.segment_id IN (SELECT segment_id FROM sizes)
    GROUP BY 1, 2 ORDER BY overlap DESC, 1, 2 LIMIT 20)
SELECT seg_a_id, sa.name AS seg_a_name, seg_b_id, sb.name AS seg_b_name, overlap,
       round(100.0 * overlap / MIN(za.size, zb.size), 2) AS overlap_pct
FROM pairs JOIN segments sa ON sa.id = seg_a_id JOIN segments sb ON sb.id = seg_b_id
    JOIN sizes za ON za.segment_id = seg_a_id JOIN sizes zb ON zb.segment_id = seg_b_id
ORDER BY overlap DESC, seg_a_id, seg_b_id"""

ACTIVATIONS = """
SELECT a.id, a.segment_id, s.name AS segment_name, a.connector_type, a.status, a.last_synced_at, a.last_error,
       s.member_count,
       (SELECT CAST(round(100.0 * AVG(status = 'success')) AS INTEGER) FROM (
            SELECT status FROM sync_logs WHERE activation_id = a.id ORDER BY id DESC LIMIT 30)) AS success_rate
FROM activations a LEFT JOIN segments s ON s.id = a.segment_id WHERE a.tenant_id=? ORDER BY a.id"""

SYNC_LOGS = """
SELECT activation_id, status, user_count, error_message, synced_at FROM (
    SELECT l.*, ROW_NUMBER() OVER (PARTITION BY l.activation_id ORDER BY l.id DESC) AS age
    FROM sync_logs l JOIN activations a ON a.id = l.activation_id WHERE a.tenant_id=?)
WHERE age <= 5 ORDER BY activation_id, age"""

EVENTS_USED = "SELECT COALESCE(SUM(events), 0) FROM usage WHERE tenant_id=? AND month=?"

TRACKED_USERS = """
SELECT COUNT(*) FROM (
    SELECT user_id FROM resolved_events WHERE tenant_id=? AND occurred_at>=? AND occurred_at<?
    GROUP BY user_id HAVING user_id NOT LIKE 'anon\\_%' ESCAPE '\\' OR COUNT(*) >= 3)"""
