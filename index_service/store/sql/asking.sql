-- name: surroundings
-- Linked records that share one of the keys, at most so many, and all other records of their persons; person by
-- person. Of each those that may take part.
WITH found AS MATERIALIZED (
    SELECT k.record_id, m.person_id
    FROM record_key k
    LEFT JOIN membership m ON m.record_id = k.record_id AND m.to_at IS NULL
    WHERE k.keys && %(keys)s::bigint[] AND {candidate_takes_part}
    LIMIT %(limit)s
), beside AS (
    SELECT m.record_id, m.person_id
    FROM (SELECT DISTINCT person_id FROM found WHERE person_id IS NOT NULL) AS touched
    JOIN membership m ON m.person_id = touched.person_id AND m.to_at IS NULL
    WHERE NOT EXISTS (SELECT FROM found WHERE found.record_id = m.record_id) AND {other_takes_part}
), seen AS (
    SELECT record_id, person_id, true AS is_candidate FROM found
    UNION ALL
    SELECT record_id, person_id, false FROM beside
)
SELECT seen.person_id, seen.is_candidate, {columns}
FROM seen JOIN normalised_record n USING (record_id)
ORDER BY seen.person_id, n.source, n.source_record_id
