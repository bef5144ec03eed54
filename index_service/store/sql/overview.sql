-- name: sources
-- Of each source: records held, records withdrawn, and when the last load ended.
SELECT s.source, s.held, s.withdrawn, l.finished_at
FROM (
    SELECT source, count(*) FILTER (WHERE NOT withdrawn) AS held, count(*) FILTER (WHERE withdrawn) AS withdrawn
    FROM source_record GROUP BY source
) s
LEFT JOIN LATERAL (
    SELECT max(finished_at) AS finished_at FROM load l WHERE l.source = s.source
) l ON true
ORDER BY s.source

-- name: totals
-- Persons, records that wait for a relink, relinks that wait for a person, newest event, bytes on disk.
SELECT
    (SELECT count(*) FROM person WHERE retired_at IS NULL),
    (SELECT count(*) FROM record_to_link),
    (SELECT coalesce(array_agg(run_id ORDER BY run_id), '{}') FROM run WHERE status = 'waiting'),
    (SELECT coalesce(max(seq), 0) FROM identity_event),
    pg_database_size(current_database())

-- name: last_runs
-- The last night and the last good one; the last published relink and the last full one.
SELECT 'night', night_id, status, finished_at FROM (SELECT * FROM night ORDER BY night_id DESC LIMIT 1) a
UNION ALL
SELECT 'good night', night_id, status, finished_at
FROM (SELECT * FROM night WHERE status = 'good' ORDER BY night_id DESC LIMIT 1) b
UNION ALL
SELECT 'relink', run_id, status, finished_at
FROM (SELECT * FROM run WHERE kind IN ('full', 'changed') AND status = 'published' ORDER BY run_id DESC LIMIT 1) c
UNION ALL
SELECT 'full relink', run_id, status, finished_at
FROM (SELECT * FROM run WHERE kind = 'full' AND status = 'published' ORDER BY run_id DESC LIMIT 1) d

-- name: files_kept_out
-- Files that were kept out when last looked at, the latest first.
SELECT source, file_name, outcome, reasons, night_id FROM night_file
WHERE outcome IN ('quarantined', 'unreadable') ORDER BY night_id DESC, source, file_name LIMIT 100

-- name: model
-- The current model, and when it came.
SELECT fingerprint, created_at FROM model WHERE is_current

-- name: tables
-- What the server counts of each table: live and dead rows, bytes with indexes, and when it was analysed.
SELECT relname, n_live_tup, n_dead_tup, pg_total_relation_size(relid), greatest(last_analyze, last_autoanalyze)
FROM pg_stat_user_tables WHERE schemaname IN ('public', 'segregated') ORDER BY 4 DESC, 1

-- name: night_files
-- What the files of the latest nights were like: night, source, profile.
SELECT night_id, source, profile FROM night_file
WHERE outcome = 'loaded' AND profile <> '{}' AND night_id > %(after)s ORDER BY night_id, source, load_id

-- name: write_page
-- Keeps the page of a night, in place of an earlier one.
INSERT INTO night_page (night_id, html) VALUES (%(night_id)s, %(html)s)
ON CONFLICT (night_id) DO UPDATE SET html = EXCLUDED.html

-- name: forget_pages
-- Pages of nights long past.
DELETE FROM night_page WHERE night_id <= %(before)s

-- name: page
-- The page of a night.
SELECT html FROM night_page WHERE night_id = %(night_id)s

-- name: pages
-- The nights that have a page, the newest first, with how they ended.
SELECT night_id, n.status, n.started_at FROM night_page JOIN night n USING (night_id) ORDER BY night_id DESC LIMIT %(limit)s
