-- name: candidates
-- Linked records that share one of the keys, with the keys they have; at most so many.
SELECT k.record_id, k.keys, m.person_id, n.version, {columns}
FROM record_key k
JOIN normalised_record n USING (record_id)
LEFT JOIN membership m ON m.record_id = k.record_id AND m.to_at IS NULL
WHERE k.keys && %(keys)s::bigint[]
LIMIT %(limit)s

-- name: bearers
-- How many records share each key, up to a bound.
SELECT key, (SELECT count(*) FROM (SELECT FROM record_key k WHERE k.keys @> ARRAY[key] LIMIT %(bound)s) AS some)
FROM unnest(%(keys)s::bigint[]) AS key

-- name: scope
-- These records, those that judgements hold together with them, and all records of their persons' components, withdrawn
-- ones too: nothing outside can be moved by a change to them, nor move them.
WITH named AS (
    SELECT record_id FROM unnest(%(record_ids)s::bigint[]) AS record_id
    UNION
    SELECT p.record_id
    FROM source_record r
    JOIN LATERAL (
        SELECT right_source AS source, right_source_record_id AS id FROM judgement_in_force
        WHERE kind = 'same' AND left_source = r.source AND left_source_record_id = r.source_record_id
        UNION ALL
        SELECT left_source, left_source_record_id FROM judgement_in_force
        WHERE kind = 'same' AND right_source = r.source AND right_source_record_id = r.source_record_id
    ) j ON true
    JOIN source_record p ON p.source = j.source AND p.source_record_id = j.id
    WHERE r.record_id = ANY (%(record_ids)s)
), person_named AS (
    SELECT DISTINCT m.person_id FROM named JOIN membership m USING (record_id) WHERE m.to_at IS NULL
), touched AS (
    SELECT person_id FROM person_named
    UNION
    SELECT o.person_id
    FROM person_named JOIN person_component c USING (person_id) JOIN person_component o USING (component_id)
)
SELECT record_id FROM named
UNION
SELECT m.record_id FROM touched JOIN membership m USING (person_id) WHERE m.to_at IS NULL

-- name: records
-- Records with whom they belong to, as they are now; those withdrawn have no normalised record.
SELECT h.record_id, h.current_version, h.withdrawn, m.person_id, p.created_at, n.version, {columns}
FROM source_record h
LEFT JOIN normalised_record n USING (record_id)
LEFT JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL
LEFT JOIN person p USING (person_id)
WHERE h.record_id = ANY (%(record_ids)s)

-- name: judgements
-- The judgements in force that name one of these records.
SELECT j.kind, j.left_source, j.left_source_record_id, j.right_source, j.right_source_record_id
FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS r (source, id)
JOIN judgement_in_force j ON j.left_source = r.source AND j.left_source_record_id = r.id

-- name: records_of_persons
-- The records of persons, person by person.
SELECT m.person_id, h.source, h.source_record_id, {columns}
FROM membership m
JOIN source_record h USING (record_id)
JOIN normalised_record n USING (record_id)
WHERE m.to_at IS NULL AND m.person_id = ANY (%(persons)s)
ORDER BY m.person_id, h.source, h.source_record_id

-- name: persons_named
-- Whom records named by their key belong to.
SELECT a.source, a.id, m.person_id
FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS a (source, id)
JOIN source_record h ON h.source = a.source AND h.source_record_id = a.id AND NOT h.withdrawn
JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL
