-- name: by_keys
-- The normalised records of some keys; none for a key that is unknown or whose record its source has
-- withdrawn, or an adoption seal or a protected change of name hides.
SELECT {hides_place}, {columns}
FROM (SELECT DISTINCT source, id FROM unnest(%(sources)s::text[], %(ids)s::text[]) AS k (source, id)) AS asked
JOIN source_record h ON h.source = asked.source AND h.source_record_id = asked.id
JOIN normalised_record n USING (record_id)
LEFT JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL
WHERE NOT h.withdrawn AND {may_be_found}
