-- name: current_version
-- Which model records are linked with now, and the full relink that pinned the oversized keys; no row before the first.
SELECT fingerprint, (
    SELECT run_id FROM run WHERE kind = 'full' AND status = 'published' ORDER BY run_id DESC LIMIT 1
)
FROM model WHERE is_current

-- name: pinned_keys
-- The keys that the last full relink found too many records to share.
SELECT key FROM oversized_key

-- name: pinned
-- The same with rule and size.
SELECT rule, key, records FROM oversized_key ORDER BY rule, key

-- name: pinned_under
-- Model and bound of the full relink that pinned them.
SELECT model_fingerprint, (policy ->> 'max_block_records')::integer
FROM run WHERE kind = 'full' AND status = 'published' ORDER BY run_id DESC LIMIT 1

-- name: document
-- The text of a model; a fingerprint never changes what it names.
SELECT document::text FROM model WHERE fingerprint = %(fingerprint)s
