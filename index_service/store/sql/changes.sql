-- name: last_relink
-- The last published relink that linked: its policy, the judgements that it obeyed, and its model.
SELECT run_id, policy, counts -> 'judgements', model_fingerprint
FROM run WHERE kind IN ('full', 'changed') AND status = 'published'
ORDER BY run_id DESC LIMIT 1

-- name: full_relink_published
-- Whether a full relink, which gives records their blocking keys and pins those too large, is in force.
SELECT EXISTS (SELECT FROM run WHERE kind = 'full' AND status = 'published')

-- name: records_of_judgements
-- The records that judgements name.
SELECT DISTINCT h.record_id
FROM judgement_record r JOIN source_record h USING (source, source_record_id)
WHERE r.judgement_id = ANY (%(judgement_ids)s) AND r.part > 0

-- name: judgements_settled_since
-- Judgements that took effect after a run: they may be undone by now.
SELECT judgement_id FROM judgement_effect WHERE run_id > %(run_id)s

-- name: sharing_keys
-- Linked records that share one of the keys.
SELECT DISTINCT k.record_id
FROM unnest(%(keys)s::bigint[]) AS key
JOIN record_key k ON k.keys @> ARRAY[key]

-- name: waiting_for_nothing
-- Withdrawn before they were ever linked: there is nothing to do about them.
DELETE FROM record_to_link t
USING source_record h
WHERE h.record_id = t.record_id AND h.current_version = t.version AND h.withdrawn
  AND NOT EXISTS (SELECT FROM membership m WHERE m.record_id = t.record_id AND m.to_at IS NULL)

-- name: count_persons
-- The persons that have not retired.
SELECT count(*) FROM person WHERE retired_at IS NULL

-- name: records_by_source
-- How many records each source has that are not withdrawn.
SELECT source, count(*) FROM source_record WHERE NOT withdrawn GROUP BY source
