-- name: keep
-- Keeps a piece of what waits for a person.
INSERT INTO waiting_change (run_id, part, place, content) VALUES (%(run_id)s, %(part)s, %(place)s, %(content)s)

-- name: kept
-- The pieces of a part, in order.
SELECT content FROM waiting_change WHERE run_id = %(run_id)s AND part = %(part)s ORDER BY place

-- name: replace_waiting
-- This run takes the place of those that wait, or of those among them that bring another model as it does, or do not.
WITH replaced AS (
    UPDATE run SET status = 'replaced'
    WHERE status = 'waiting' AND run_id < %(run_id)s
      AND (%(all)s OR (model_fingerprint IS DISTINCT FROM %(in_use)s) = %(another_model)s)
    RETURNING run_id
)
DELETE FROM waiting_change w USING replaced r WHERE w.run_id = r.run_id

-- name: forget
-- What waited under this number waits no longer.
DELETE FROM waiting_change WHERE run_id = %(run_id)s

-- name: waiting_with_another_model
-- The newest run that waits and would bring another model; and whether it can be accepted still.
SELECT run_id, model_fingerprint, NOT EXISTS (
    SELECT FROM run l WHERE l.run_id > r.run_id AND l.kind IN ('full', 'changed') AND l.status = 'published'
)
FROM run r
WHERE status = 'waiting' AND model_fingerprint IS DISTINCT FROM (SELECT fingerprint FROM model WHERE is_current)
ORDER BY run_id DESC LIMIT 1

-- name: run
-- A run: kind, status, and its model.
SELECT kind, status, model_fingerprint FROM run WHERE run_id = %(run_id)s

-- name: later_relink
-- A relink that was published after a run.
SELECT run_id FROM run
WHERE run_id > %(run_id)s AND kind IN ('full', 'changed') AND status = 'published' ORDER BY run_id DESC LIMIT 1

-- name: model_before
-- The model of the relink published before a run.
SELECT model_fingerprint FROM run
WHERE run_id < %(run_id)s AND kind IN ('full', 'changed') AND status = 'published' ORDER BY run_id DESC LIMIT 1

-- name: note_waiting_records
-- The records that wait, before the publication takes them away.
INSERT INTO linked_by_run (run_id, record_id) SELECT %(run_id)s, record_id FROM record_to_link

-- name: note_components
-- The components as they are before the publication.
INSERT INTO component_before (run_id, person_id, component_id)
SELECT %(run_id)s, person_id, component_id FROM person_component

-- name: note_components_of
-- The same of the components that these records are in.
INSERT INTO component_before (run_id, person_id, component_id)
SELECT %(run_id)s, person_id, component_id FROM person_component
WHERE component_id IN (
    SELECT c.component_id FROM membership m JOIN person_component c USING (person_id)
    WHERE m.to_at IS NULL AND m.record_id = ANY (%(record_ids)s)
)

-- name: note_tasks
-- The open tasks as they are before the publication.
INSERT INTO task_before (run_id, task_id, task)
SELECT %(run_id)s, t.task_id, to_jsonb(t) FROM review_task t WHERE t.status IN ('open', 'waiting')

-- name: note_tasks_of
-- The same of those about these records.
WITH asked AS MATERIALIZED (SELECT unnest(%(record_ids)s::bigint[]) AS record_id)
INSERT INTO task_before (run_id, task_id, task)
SELECT %(run_id)s, t.task_id, to_jsonb(t) FROM review_task t
WHERE t.status IN ('open', 'waiting') AND t.task_id IN (
    SELECT l.task_id FROM asked JOIN review_task l ON l.left_record_id = asked.record_id
    WHERE l.status IN ('open', 'waiting')
    UNION
    SELECT r.task_id FROM asked JOIN review_task r ON r.right_record_id = asked.record_id
    WHERE r.status IN ('open', 'waiting')
)

-- name: note_pinned_keys
-- The blocking keys that are pinned before the publication.
INSERT INTO oversized_key_before (run_id, key, rule, records) SELECT %(run_id)s, key, rule, records FROM oversized_key

-- name: note_versions_left
-- In which version the publication left each of the tasks noted.
UPDATE task_before b SET left_version = t.version FROM review_task t WHERE b.run_id = %(run_id)s AND t.task_id = b.task_id

-- name: forget_older_notes
-- Only the latest relinks can be undone.
WITH latest AS (
    SELECT min(run_id) AS run_id FROM (
        SELECT run_id FROM run WHERE kind IN ('full', 'changed') AND status = 'published' ORDER BY run_id DESC LIMIT 3
    ) AS three
), components AS (
    DELETE FROM component_before c USING latest WHERE c.run_id < latest.run_id
), tasks AS (
    DELETE FROM task_before t USING latest WHERE t.run_id < latest.run_id
), keys AS (
    DELETE FROM oversized_key_before k USING latest WHERE k.run_id < latest.run_id
)
DELETE FROM linked_by_run l USING latest WHERE l.run_id < latest.run_id

-- name: wait_again
-- These records wait for a relink, in the version that holds.
INSERT INTO record_to_link (record_id, version)
SELECT record_id, current_version FROM source_record WHERE record_id = ANY (%(record_ids)s)
ON CONFLICT (record_id) DO UPDATE SET version = EXCLUDED.version

-- name: changed_by_run
-- The records whose person a run changed: before, as it left them, and whether that still holds.
SELECT h.record_id, h.current_version, b.person_id, a.person_id,
       a.to_at IS NULL AND (a.record_id IS NOT NULL OR NOT EXISTS (
           SELECT FROM membership n WHERE n.record_id = h.record_id AND n.from_at > b.from_at
       )) AND NOT (h.withdrawn AND a.record_id IS NOT NULL),
       h.withdrawn
FROM (
    SELECT record_id FROM membership WHERE run_id = %(run_id)s
    UNION
    SELECT record_id FROM membership WHERE ended_run = %(run_id)s
) AS touched
JOIN source_record h USING (record_id)
LEFT JOIN membership b ON b.record_id = h.record_id AND b.ended_run = %(run_id)s
LEFT JOIN membership a ON a.record_id = h.record_id AND a.run_id = %(run_id)s

-- name: persons_moved_on
-- Of these persons, those that got or lost a record after a run.
SELECT DISTINCT person_id FROM membership
WHERE person_id = ANY (%(persons)s) AND (run_id > %(run_id)s OR ended_run > %(run_id)s)

-- name: beside
-- The persons that share a component with these, now or before a run.
SELECT o.person_id FROM person_component c JOIN person_component o USING (component_id)
WHERE c.person_id = ANY (%(persons)s)
UNION
SELECT o.person_id FROM component_before c JOIN component_before o USING (run_id, component_id)
WHERE c.run_id = %(run_id)s AND c.person_id = ANY (%(persons)s)

-- name: forget_components
-- Before those of an earlier state are put back.
DELETE FROM person_component WHERE person_id = ANY (%(persons)s)

-- name: restore_components
-- The components of these persons are those before a run.
INSERT INTO person_component (person_id, component_id)
SELECT person_id, component_id FROM component_before WHERE run_id = %(run_id)s AND person_id = ANY (%(persons)s)

-- name: retired
-- Which of these persons have retired.
SELECT person_id FROM person WHERE person_id = ANY (%(persons)s) AND retired_at IS NOT NULL

-- name: waited_for
-- The records that waited for a run.
SELECT record_id FROM linked_by_run WHERE run_id = %(run_id)s

-- name: tasks_as_left
-- The tasks noted before a run that are as it left them, less those about some records.
SELECT b.task_id FROM task_before b JOIN review_task t USING (task_id)
WHERE b.run_id = %(run_id)s AND t.version = b.left_version
  AND t.left_record_id <> ALL (%(record_ids)s) AND t.right_record_id <> ALL (%(record_ids)s)

-- name: restore_tasks
-- These tasks are as they were before a run, unless the same is asked anew; nobody holds them: who did has to look again.
UPDATE review_task t
SET kind = b.kind, left_record_id = b.left_record_id, right_record_id = b.right_record_id,
    left_person_id = b.left_person_id, right_person_id = b.right_person_id,
    left_records = b.left_records, right_records = b.right_records, fields = b.fields, weight_bits = b.weight_bits,
    pairs = b.pairs, sources = b.sources, in_care = b.in_care, status = b.status, judgement_id = b.judgement_id,
    closed_at = NULL, closed_why = NULL, version = t.version + 1,
    claimed_by = NULL, claimed_until = NULL
FROM task_before a
CROSS JOIN LATERAL jsonb_populate_record(NULL::review_task, a.task) b
WHERE a.run_id = %(run_id)s AND a.task_id = ANY (%(task_ids)s) AND t.task_id = a.task_id
  AND NOT EXISTS (
      SELECT FROM review_task o
      WHERE o.left_record_id = b.left_record_id AND o.right_record_id = b.right_record_id
        AND o.status IN ('open', 'waiting') AND o.task_id <> t.task_id)

-- name: unpin_keys
-- Before the keys that were pinned before a full relink are put back.
DELETE FROM oversized_key

-- name: restore_pinned_keys
-- The blocking keys that were pinned before a full relink.
INSERT INTO oversized_key (key, rule, records)
SELECT key, rule, records FROM oversized_key_before WHERE run_id = %(run_id)s

-- name: close_tasks_of
-- The questions that a run asked first: what raised them is undone.
UPDATE review_task SET status = 'closed', closed_at = %(at)s, closed_why = 'relink_undone', version = version + 1,
    claimed_by = NULL, claimed_until = NULL
WHERE run_id = %(run_id)s AND status IN ('open', 'waiting')

-- name: undone
-- Notes that a run was undone.
UPDATE run SET status = 'undone' WHERE run_id = %(run_id)s
