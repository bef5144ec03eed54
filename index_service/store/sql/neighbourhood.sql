-- name: candidates
-- Linked records that share one of the keys, with the keys they have; at most so many.
SELECT k.record_id, k.keys, m.person_id, n.version, {hides_place}, {columns}
FROM records_sharing(%(keys)s::bigint[]) k
JOIN normalised_record n USING (record_id)
LEFT JOIN membership m ON m.record_id = k.record_id AND m.to_at IS NULL
WHERE {shares_a_key} AND {takes_part}
LIMIT %(limit)s

-- name: bearers
-- How many records share each key, up to a bound.
SELECT key, (SELECT count(*) FROM (
    SELECT FROM record_key k LEFT JOIN membership m ON m.record_id = k.record_id AND m.to_at IS NULL
    WHERE k.keys @> ARRAY[key] AND {leads_there} AND {takes_part} LIMIT %(bound)s) AS some)
FROM unnest(%(keys)s::bigint[]) AS key

-- name: scope
-- These records, those that judgements hold together with them, and all records of their persons' components, withdrawn
-- ones too: nothing outside can be moved by a change to them, nor move them.
WITH named AS (
    SELECT record_id FROM unnest(%(record_ids)s::bigint[]) AS record_id
    UNION
    SELECT p.record_id
    FROM source_record r
    JOIN judgement_record a ON a.source = r.source AND a.source_record_id = r.source_record_id AND a.held
    JOIN judgement_in_force j ON j.judgement_id = a.judgement_id
    JOIN judgement_record b ON b.judgement_id = a.judgement_id AND b.part = a.part
    JOIN source_record p ON p.source = b.source AND p.source_record_id = b.source_record_id
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

-- name: outlines
-- The same without what they say: by what key they are known.
SELECT h.record_id, h.current_version, h.withdrawn, m.person_id, p.created_at, n.version, h.source, h.source_record_id
FROM source_record h
LEFT JOIN normalised_record n USING (record_id)
LEFT JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL
LEFT JOIN person p USING (person_id)
WHERE h.record_id = ANY (%(record_ids)s)

-- name: records_of_persons
-- The records of persons, person by person.
SELECT m.person_id, h.source, h.source_record_id, {hides_place}, {columns}
FROM membership m
JOIN source_record h USING (record_id)
JOIN normalised_record n USING (record_id)
WHERE m.to_at IS NULL AND m.person_id = ANY (%(persons)s) AND {takes_part}
ORDER BY m.person_id, h.source, h.source_record_id

-- name: persons_named
-- Whom records named by their key belong to; not those that an adoption seal hides.
SELECT a.source, a.id, m.person_id
FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS a (source, id)
JOIN source_record h ON h.source = a.source AND h.source_record_id = a.id AND NOT h.withdrawn
JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL
WHERE NOT sealed_away_record(h.record_id)

-- name: persons_created
-- When persons were published first.
SELECT person_id, created_at FROM person WHERE person_id = ANY (%(persons)s)

-- name: components_of
-- The components that persons share with others.
SELECT person_id, component_id FROM person_component WHERE person_id = ANY (%(persons)s)
