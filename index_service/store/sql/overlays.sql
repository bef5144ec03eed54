-- name: rewritten
-- Of some records, those that belong to somebody and ever said another first name, birth date or sex: all that each said
-- up to now, in order. A record that an adoption seal names is left out: what it said before is sealed.
WITH several AS (
    SELECT h.record_id
    FROM source_record h
    JOIN source_record_version v ON v.record_id = h.record_id AND v.version <= h.current_version AND NOT v.deleted
    WHERE h.record_id = ANY (%(record_ids)s) AND h.current_version > 1 AND NOT h.withdrawn
      AND EXISTS (SELECT FROM membership m WHERE m.record_id = h.record_id AND m.to_at IS NULL)
      AND NOT EXISTS (SELECT FROM adoption_seal_record s WHERE s.record_id = h.record_id)
    GROUP BY h.record_id
    HAVING count(DISTINCT (v.source_values ->> 'first_name', v.source_values ->> 'birth_date', v.source_values ->> 'sex'))
        > 1
)
SELECT h.record_id, h.source, h.source_record_id, v.version, v.source_values
FROM several
JOIN source_record h USING (record_id)
JOIN source_record_version v ON v.record_id = h.record_id AND v.version <= h.current_version AND NOT v.deleted
ORDER BY h.record_id, v.version

-- name: said_again
-- Of the records that wait for a relink, those that said something before.
SELECT t.record_id FROM record_to_link t JOIN source_record h USING (record_id) WHERE h.current_version > 1

-- name: no_longer_waiting
-- Of some records, those that no relink has to link.
SELECT a.record_id FROM unnest(%(record_ids)s::bigint[]) AS a (record_id)
WHERE NOT EXISTS (SELECT FROM record_to_link t WHERE t.record_id = a.record_id)

-- name: close
-- The questions about some records that stand no longer; says why.
UPDATE review_task t
SET status = 'closed', closed_at = clock_timestamp(), version = t.version + 1, claimed_by = NULL, claimed_until = NULL,
    closed_why = CASE WHEN h.withdrawn THEN 'withdrawn' ELSE 'no_longer_in_doubt' END
FROM source_record h
WHERE h.record_id = t.left_record_id AND t.before_version IS NOT NULL AND t.status IN ('open', 'waiting')
  AND t.left_record_id = ANY (%(record_ids)s)
  AND NOT EXISTS (
      SELECT FROM unnest(%(found_ids)s::bigint[], %(found_versions)s::integer[]) AS f (record_id, before_version)
      WHERE f.record_id = t.left_record_id AND f.before_version = t.before_version)

-- name: refresh
-- Questions that are open already get what is known now.
UPDATE review_task t
SET weight_bits = f.weight_bits, fields = f.fields, version = t.version + 1
FROM jsonb_to_recordset(%(found)s::jsonb) AS f (record_id bigint, before_version integer, weight_bits float8, fields text[])
WHERE t.left_record_id = f.record_id AND t.before_version = f.before_version AND t.status IN ('open', 'waiting')
  AND (t.weight_bits, t.fields) IS DISTINCT FROM (f.weight_bits, f.fields)

-- name: ask
-- Questions that are new: not open, and not decided of the same versions. A court that waits for the person gives the day.
INSERT INTO review_task (
    kind, left_record_id, right_record_id, left_person_id, right_person_id, left_records, right_records, before_version,
    weight_bits, pairs, fields, sources, in_care, due_on, due_why, earlier_task_id, run_id, created_at
)
SELECT 'possible_overlay', f.record_id, f.record_id, m.person_id, m.person_id, ARRAY[f.record_id], ARRAY[f.record_id],
       f.before_version, f.weight_bits, 1, f.fields, ARRAY[h.source], h.source = ANY (%(in_care_sources)s),
       q.due_on, q.matter, (
           SELECT max(d.task_id) FROM review_task d
           WHERE d.left_record_id = f.record_id AND d.before_version IS NOT NULL AND d.status = 'decided'),
       %(run_id)s, clock_timestamp()
FROM jsonb_to_recordset(%(found)s::jsonb) AS f (record_id bigint, before_version integer, weight_bits float8, fields text[])
JOIN source_record h USING (record_id)
JOIN membership m ON m.record_id = f.record_id AND m.to_at IS NULL
LEFT JOIN LATERAL (
    SELECT c.due_on, c.matter
    FROM membership p JOIN source_record o USING (record_id) JOIN court_question c USING (source, source_record_id)
    WHERE p.person_id = m.person_id AND p.to_at IS NULL AND c.answered_at IS NULL
    ORDER BY c.due_on, c.court_question_id LIMIT 1
) q ON true
WHERE NOT EXISTS (
    SELECT FROM review_task d
    WHERE d.left_record_id = f.record_id AND d.before_version = f.before_version AND d.status IN ('decided', 'open', 'waiting'))
ON CONFLICT DO NOTHING
