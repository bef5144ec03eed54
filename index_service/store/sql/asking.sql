-- name: surroundings
-- Linked records that share one of the keys, at most so many, and the other records of their persons, at most so many;
-- person by person. Of each those that may take part. Beside each row, and on one empty row where there is none, what the question
-- rests on.
WITH basis AS MATERIALIZED (
    SELECT (SELECT fingerprint FROM model WHERE is_current) AS fingerprint,
           (SELECT run_id FROM run WHERE kind = 'full' AND status = 'published' ORDER BY run_id DESC LIMIT 1) AS pinned_by,
           (SELECT max(application_id) FROM agreement_application) AS application_id
), found AS MATERIALIZED (
    SELECT k.record_id, m.person_id
    FROM records_sharing(%(keys)s::bigint[]) k
    LEFT JOIN membership m ON m.record_id = k.record_id AND m.to_at IS NULL
    WHERE {shares_a_key} AND {candidate_takes_part}
    LIMIT %(limit)s
), beside AS (
    SELECT m.record_id, m.person_id
    FROM (SELECT DISTINCT person_id FROM found WHERE person_id IS NOT NULL) AS touched
    JOIN membership m ON m.person_id = touched.person_id AND m.to_at IS NULL
    WHERE NOT EXISTS (SELECT FROM found WHERE found.record_id = m.record_id) AND {other_takes_part}
    LIMIT %(limit_beside)s
), seen AS (
    SELECT record_id, person_id, true AS is_candidate FROM found
    UNION ALL
    SELECT record_id, person_id, false FROM beside
)
SELECT basis.*, seen.person_id, seen.is_candidate, {hides_place}, {columns}
FROM basis LEFT JOIN (seen JOIN normalised_record n USING (record_id)) ON true
ORDER BY seen.person_id, n.source, n.source_record_id

-- name: basis
-- What a question rests on now: the current model, the full relink that pinned the oversized keys, and the last
-- application of agreements; each null where there is none.
SELECT (SELECT fingerprint FROM model WHERE is_current),
       (SELECT run_id FROM run WHERE kind = 'full' AND status = 'published' ORDER BY run_id DESC LIMIT 1),
       (SELECT max(application_id) FROM agreement_application)
