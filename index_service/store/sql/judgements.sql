-- name: add
-- Notes what a steward said; returns the number of the judgement.
INSERT INTO judgement (
    kind, reason, decided_by, task_id, evidence, model_fingerprint, missing, needs_second
) VALUES (
    %(kind)s, %(reason)s, %(who)s, %(task_id)s, %(evidence)s, %(model_fingerprint)s, %(missing)s, %(needs_second)s
) RETURNING judgement_id

-- name: add_records
-- Notes of which records.
INSERT INTO judgement_record (judgement_id, source, source_record_id, part, held)
SELECT %(judgement_id)s, * FROM unnest(%(sources)s::text[], %(ids)s::text[], %(parts)s::smallint[], %(held)s::boolean[])

-- name: undo
-- Notes that a judgement no longer holds.
INSERT INTO judgement_undone (judgement_id, reason, undone_by) VALUES (%(judgement_id)s, %(reason)s, %(who)s)

-- name: second
-- Notes what the second person said.
INSERT INTO judgement_second (judgement_id, agrees, reason, decided_by)
VALUES (%(judgement_id)s, %(agrees)s, %(reason)s, %(who)s)

-- name: took_effect
-- Notes by which run a judgement took effect.
INSERT INTO judgement_effect (judgement_id, run_id) VALUES (%(judgement_id)s, %(run_id)s)

-- name: tell_of_review
-- Publishes that the decision of a task was made or undone: its records, and whose they are now.
INSERT INTO identity_event (seq, kind, person_id, other_person_ids, records, run_id, at)
SELECT coalesce(last.seq, 0) + 1, %(kind)s, persons[1], persons[2:], records, %(run_id)s,
       greatest(clock_timestamp(), last.at + interval '1 microsecond')
FROM (
    SELECT array_agg(DISTINCT m.person_id ORDER BY m.person_id) FILTER (WHERE m.person_id IS NOT NULL) AS persons,
           jsonb_agg(jsonb_build_array(r.source, r.source_record_id) ORDER BY r.source, r.source_record_id) AS records
    FROM judgement j
    JOIN judgement_record r USING (judgement_id)
    JOIN source_record h USING (source, source_record_id)
    LEFT JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL
    WHERE j.judgement_id = %(judgement_id)s AND j.task_id IS NOT NULL
) AS judged
LEFT JOIN LATERAL (SELECT seq, at FROM identity_event ORDER BY seq DESC LIMIT 1) AS last ON true
WHERE persons IS NOT NULL

-- name: before_effect
-- The persons that records belonged to before a judgement took effect, of those that it moved; not ids that a seal has
-- retired since.
SELECT m.record_id, m.person_id
FROM judgement_effect e
JOIN run r USING (run_id)
CROSS JOIN LATERAL jsonb_array_elements(r.counts -> 'settled') AS moved (record_id)
JOIN membership m ON m.record_id = moved.record_id::bigint AND m.ended_run = e.run_id
WHERE e.judgement_id = %(judgement_id)s
  AND NOT EXISTS (SELECT FROM adoption_seal_id s WHERE s.person_id = m.person_id)

-- name: in_force
-- What all judgements in force demand.
SELECT r.judgement_id, r.part, r.held, r.source, r.source_record_id
FROM judgement_record r JOIN judgement_in_force j USING (judgement_id)
WHERE r.part > 0
ORDER BY r.judgement_id, r.part

-- name: about
-- What the judgements in force demand that name one of these records.
SELECT r.judgement_id, r.part, r.held, r.source, r.source_record_id
FROM judgement_record r
WHERE r.part > 0 AND r.judgement_id IN (
    SELECT n.judgement_id
    FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS a (source, id)
    JOIN judgement_record n ON n.source = a.source AND n.source_record_id = a.id
    JOIN judgement_in_force j ON j.judgement_id = n.judgement_id
)
ORDER BY r.judgement_id, r.part

-- name: judgements
-- Judgements with what became of them, the newest first: of one number, of a task, about a record, or all; those that
-- name a record that an adoption seal hides only where that is asked for. For a caller of the API, those of which it may
-- review all records.
SELECT j.judgement_id, j.kind, j.reason, j.decided_by, j.decided_at, j.task_id, j.evidence, j.model_fingerprint,
       j.missing, j.needs_second, s.agrees, s.reason, s.decided_by, s.decided_at, u.reason, u.undone_by, u.undone_at,
       (SELECT jsonb_agg(jsonb_build_array(r.source, r.source_record_id, r.part, r.held)
                         ORDER BY r.part, r.source, r.source_record_id)
        FROM judgement_record r WHERE r.judgement_id = j.judgement_id)
FROM judgement j
LEFT JOIN judgement_second s USING (judgement_id)
LEFT JOIN judgement_undone u USING (judgement_id)
WHERE (%(judgement_id)s::bigint IS NULL OR j.judgement_id = %(judgement_id)s)
  AND (%(task_id)s::bigint IS NULL OR j.task_id = %(task_id)s)
  AND (%(before)s::bigint IS NULL OR j.judgement_id < %(before)s)
  AND (%(source)s::text IS NULL OR EXISTS (
      SELECT FROM judgement_record r
      WHERE r.judgement_id = j.judgement_id AND r.source = %(source)s AND r.source_record_id = %(source_record_id)s))
  AND (%(sealed_too)s OR (SELECT NOT EXISTS (SELECT FROM adoption_seal_second)) OR NOT EXISTS (
      SELECT FROM judgement_record r JOIN source_record h USING (source, source_record_id)
      WHERE r.judgement_id = j.judgement_id AND sealed_away_record(h.record_id)))
  AND (%(client)s::text IS NULL OR NOT may_not_review(
      ARRAY(SELECT r.source FROM judgement_record r WHERE r.judgement_id = j.judgement_id ORDER BY r.source, r.source_record_id),
      ARRAY(SELECT r.source_record_id FROM judgement_record r WHERE r.judgement_id = j.judgement_id
            ORDER BY r.source, r.source_record_id),
      %(client)s, %(user)s, %(purpose)s))
ORDER BY j.judgement_id DESC
LIMIT %(limit)s

-- name: mark_generic
-- Notes the digest of a value that many people share.
INSERT INTO generic_value (judgement_id, field, digest) VALUES (%(judgement_id)s, %(field)s, %(digest)s)

-- name: generic_values
-- Values marked as shared by many people, by judgements in force.
SELECT DISTINCT g.field, g.digest FROM generic_value g JOIN judgement_in_force USING (judgement_id) ORDER BY 1, 2
