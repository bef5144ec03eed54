-- name: try_lock
-- One night job at a time; held by the connection.
SELECT pg_try_advisory_lock(%(key)s)

-- name: unlock
-- Lets the next night job begin.
SELECT pg_advisory_unlock(%(key)s)

-- name: unfinished
-- The night that is under way, or was interrupted.
SELECT night_id, started_at FROM night WHERE status = 'running' ORDER BY night_id DESC LIMIT 1

-- name: begin
-- Notes that a night job begins.
INSERT INTO night DEFAULT VALUES RETURNING night_id

-- name: finish
-- Notes how a night ended.
UPDATE night SET status = %(status)s, report = %(report)s, finished_at = clock_timestamp() WHERE night_id = %(night_id)s

-- name: clock_set_back
-- The last night before this one that, by the clock, lies in the future.
SELECT night_id FROM night
WHERE night_id < %(night_id)s AND started_at > clock_timestamp() ORDER BY night_id DESC LIMIT 1

-- name: file_seen
-- What became of a file with this content.
SELECT file_name, outcome, reasons, load_id, night_id FROM night_file
WHERE source = %(source)s AND file_sha256 = %(file_sha256)s

-- name: note_file
-- What became of a file this night.
INSERT INTO night_file (source, file_sha256, file_name, night_id, outcome, reasons, load_id, profile, drift)
VALUES (%(source)s, %(file_sha256)s, %(file_name)s, %(night_id)s, %(outcome)s, %(reasons)s, %(load_id)s, %(profile)s,
        %(drift)s)
ON CONFLICT (source, file_sha256) DO UPDATE
SET file_name = EXCLUDED.file_name, night_id = EXCLUDED.night_id, outcome = EXCLUDED.outcome,
    reasons = EXCLUDED.reasons, load_id = EXCLUDED.load_id,
    profile = CASE EXCLUDED.profile WHEN '{}' THEN night_file.profile ELSE EXCLUDED.profile END,
    drift = CASE EXCLUDED.drift WHEN '[]' THEN night_file.drift ELSE EXCLUDED.drift END

-- name: past
-- The profiles of the latest files of a source, the latest first.
SELECT profile FROM night_file
WHERE source = %(source)s AND outcome = 'loaded' AND profile <> '{}' ORDER BY load_id DESC LIMIT %(limit)s

-- name: held
-- How many records of a source are held and not withdrawn.
SELECT count(*) FROM source_record WHERE source = %(source)s AND NOT withdrawn

-- name: create_arriving
-- A temporary table of this connection: the records of a file that is looked at.
CREATE TEMP TABLE IF NOT EXISTS arriving_record (
    source_record_id text COLLATE "C" NOT NULL,
    deleted          boolean NOT NULL,
    first_name       text,
    last_name        text,
    birth_date       text
) ON COMMIT DELETE ROWS

-- name: copy_arriving
-- Receives them.
COPY arriving_record (source_record_id, deleted, first_name, last_name, birth_date) FROM STDIN

-- name: compare_arriving
-- How many records are new to the source, how many of these have name and birth date of a record that it has under
-- another id, and how many that are held are withdrawn.
SELECT
    count(*) FILTER (WHERE NOT a.deleted),
    count(*) FILTER (WHERE NOT a.deleted AND h.record_id IS NULL),
    count(*) FILTER (WHERE NOT a.deleted AND h.record_id IS NULL AND EXISTS (
        SELECT FROM normalised_record n
        WHERE n.source = %(source)s AND n.source_record_id <> a.source_record_id
          AND n.first_name = a.first_name AND n.last_name = a.last_name AND n.birth_date = a.birth_date
    )),
    count(*) FILTER (WHERE a.deleted AND NOT h.withdrawn)
FROM arriving_record a
LEFT JOIN source_record h ON h.source = %(source)s AND h.source_record_id = a.source_record_id

-- name: faults
-- What must never be: each count is 0 in an index that is right.
SELECT
    (SELECT count(*) FROM normalised_record n
     WHERE NOT EXISTS (SELECT FROM membership m WHERE m.record_id = n.record_id AND m.to_at IS NULL)
       AND NOT EXISTS (SELECT FROM record_to_link t WHERE t.record_id = n.record_id)) AS records_of_nobody,
    (SELECT count(*) FROM membership m JOIN source_record h USING (record_id)
     WHERE m.to_at IS NULL AND h.withdrawn
       AND NOT EXISTS (SELECT FROM record_to_link t WHERE t.record_id = m.record_id)) AS withdrawn_records_of_somebody,
    (SELECT count(*) FROM person p WHERE p.retired_at IS NULL
       AND NOT EXISTS (SELECT FROM membership m WHERE m.person_id = p.person_id AND m.to_at IS NULL)) AS empty_persons,
    (SELECT count(*) FROM person p WHERE p.retired_at IS NOT NULL
       AND EXISTS (SELECT FROM membership m WHERE m.person_id = p.person_id AND m.to_at IS NULL)) AS retired_with_records,
    (SELECT coalesce(max(seq), 0) - count(*) FROM identity_event) AS gaps_in_events

-- name: sizes
-- Persons by number of records, and by number of sources.
SELECT kind, size, count(*) FROM (
    SELECT 'records' AS kind, count(*) AS size FROM membership WHERE to_at IS NULL GROUP BY person_id
    UNION ALL
    SELECT 'sources', count(DISTINCT h.source)
    FROM membership m JOIN source_record h USING (record_id) WHERE m.to_at IS NULL GROUP BY m.person_id
) AS each GROUP BY kind, size ORDER BY kind, size

-- name: open_tasks
-- Stewards' open tasks by kind: among them persons that may be two.
SELECT kind, count(*) FROM review_task WHERE status IN ('open', 'waiting') GROUP BY kind ORDER BY kind

-- name: nights
-- The latest nights, the latest first.
SELECT night_id, status, report, started_at, finished_at FROM night ORDER BY night_id DESC LIMIT %(limit)s

-- name: days_since
-- Days since the last full relink was published, and since the newest model came that is in use, or was, or that waits or
-- was rejected; empty: never. One that was never proposed does not count.
SELECT
    extract(epoch FROM clock_timestamp() - (
        SELECT max(finished_at) FROM run WHERE kind = 'full' AND status = 'published'
    ))::float8 / 86400,
    extract(epoch FROM clock_timestamp() - (
        SELECT max(created_at) FROM model m
        WHERE m.is_current OR EXISTS (
            SELECT FROM run r WHERE r.model_fingerprint = m.fingerprint
            AND r.status IN ('published', 'undone', 'waiting', 'replaced', 'rejected')
        )
    ))::float8 / 86400
