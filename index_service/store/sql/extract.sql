-- name: begin_snapshot
-- All reads of a relink see one state of the database, whatever is loaded meanwhile.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: copy_normalised
-- The normalised records, lists joined by a separator that no normalised text holds (an empty list is empty).
COPY (SELECT record_id, version, {columns} FROM normalised_record ORDER BY record_id) TO STDOUT (FORMAT csv)

-- name: copy_normalised_with_header
-- The same for a file: with a header, lists as JSON.
COPY (SELECT record_id, version, {columns} FROM normalised_record ORDER BY record_id) TO STDOUT (FORMAT csv, HEADER)

-- name: copy_memberships
-- The memberships that hold; those of withdrawn records too, since a relink has to end them.
COPY (
    SELECT m.record_id, h.current_version, h.source, h.source_record_id, h.withdrawn, m.person_id, p.created_at
    FROM membership m
    JOIN source_record h USING (record_id)
    JOIN person p USING (person_id)
    WHERE m.to_at IS NULL
    ORDER BY m.record_id
) TO STDOUT (FORMAT csv)

-- name: judgements
-- The judgements in force.
SELECT kind, left_source, left_source_record_id, right_source, right_source_record_id FROM judgement_in_force

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

-- name: last_run
-- The newest run.
SELECT coalesce(max(run_id), 0) FROM run

-- name: pause_publication
-- Waits until nothing is being published, and keeps it so.
SELECT pg_advisory_lock(%(key)s)

-- name: resume_publication
-- Lets the next publication begin.
SELECT pg_advisory_unlock(%(key)s)

-- name: copy_keyed
-- Which version of each record the stored blocking keys are of.
COPY (SELECT record_id, version FROM record_key) TO STDOUT (FORMAT csv)

-- name: settled_since
-- The records that live linking changed or moved after a run.
SELECT DISTINCT jsonb_array_elements(counts -> 'settled')::bigint
FROM run WHERE run_id > %(run_id)s AND kind IN ('online', 'judgement') AND status = 'published'
