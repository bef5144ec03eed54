-- name: begin_snapshot
-- All reads of a relink see one state of the database, whatever is loaded meanwhile.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: copy_normalised
-- The normalised records, lists joined by a separator that no normalised text holds (an empty list is empty).
COPY (SELECT record_id, version, {columns} FROM normalised_record {chosen} ORDER BY record_id) TO STDOUT (FORMAT csv)

-- name: copy_normalised_with_header
-- The same for a file: with a header, lists as JSON.
COPY (SELECT record_id, version, {columns} FROM normalised_record ORDER BY record_id) TO STDOUT (FORMAT csv, HEADER)

-- name: memberships
-- The memberships that hold; those of withdrawn records too, since a relink has to end them. Many to a row: to take rows
-- one by one costs the reader more than what they hold.
SELECT array_agg(record_id), array_agg(current_version), array_agg(source), array_agg(source_record_id),
       array_agg(withdrawn), array_agg(person_id), array_agg((extract(epoch FROM created_at) * 1000000)::bigint)
FROM (
    SELECT m.record_id, h.current_version, h.source, h.source_record_id, h.withdrawn, m.person_id, p.created_at
    FROM membership m
    JOIN source_record h USING (record_id)
    JOIN person p USING (person_id)
    {chosen}
    WHERE m.to_at IS NULL
) AS held
GROUP BY record_id / {records_a_row}

-- name: judgements_published
-- The digest of the judgements that the last relink obeyed.
SELECT counts ->> 'judgements_sha256'
FROM run WHERE kind IN ('full', 'changed') AND status = 'published'
ORDER BY run_id DESC LIMIT 1

-- name: count_records_to_link
-- How many records wait for a relink.
SELECT count(*) FROM record_to_link

-- name: records_to_link
-- The records that wait for a relink.
SELECT record_id FROM record_to_link ORDER BY record_id

-- name: moment
-- The newest run, the newest event, and since when a write that is not seen yet may have begun.
SELECT coalesce((SELECT max(run_id) FROM run), 0), coalesce((SELECT max(seq) FROM identity_event), 0),
       (SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database())

-- name: pause_publication
-- Waits until nothing is being published, and keeps it so.
SELECT pg_advisory_lock(%(key)s)

-- name: resume_publication
-- Lets the next publication begin.
SELECT pg_advisory_unlock(%(key)s)

-- name: keyed
-- Which version of each record the stored blocking keys are of.
SELECT array_agg(record_id), array_agg(version) FROM record_key {chosen} GROUP BY record_id / {records_a_row}

-- name: settled_since
-- The records that live linking changed or moved after a run.
SELECT DISTINCT jsonb_array_elements(counts -> 'settled')::bigint
FROM run WHERE run_id > %(run_id)s AND kind IN ('online', 'judgement') AND status = 'published'

-- name: begin_reading_chosen
-- As for a whole snapshot; which records are chosen is noted in between, in a temporary table.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ

-- name: create_chosen
-- A temporary table of this connection: the records to read.
CREATE TEMP TABLE IF NOT EXISTS chosen_record (record_id bigint PRIMARY KEY) ON COMMIT DELETE ROWS

-- name: empty_chosen
-- Before others are chosen.
DELETE FROM chosen_record

-- name: fill_chosen
-- Notes the records to read.
INSERT INTO chosen_record (record_id) SELECT DISTINCT unnest(%(record_ids)s::bigint[])

-- name: analyze_chosen
-- So that many are read as many.
ANALYZE chosen_record

-- name: join_chosen
-- Part of the statements above: the chosen records alone.
JOIN chosen_record USING (record_id)

-- name: judgements_in_force
-- Numbers of the judgements in force.
SELECT judgement_id FROM judgement_in_force ORDER BY judgement_id

-- name: persons_now
-- The persons that have records, those of segregated records alone too.
SELECT DISTINCT person_id FROM membership WHERE to_at IS NULL
UNION
SELECT DISTINCT person_id FROM segregated.membership WHERE to_at IS NULL
ORDER BY 1
