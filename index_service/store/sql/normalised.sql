-- name: by_keys
-- The normalised records of some keys; none for a key that is unknown or whose record its source has
-- withdrawn, or an adoption seal hides.
SELECT {columns}
FROM (SELECT DISTINCT source, id FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS k (source, id)) AS asked
JOIN source_record h ON h.source = asked.source AND h.source_record_id = asked.id
JOIN normalised_record n USING (record_id)
WHERE NOT h.withdrawn AND {unsealed}
