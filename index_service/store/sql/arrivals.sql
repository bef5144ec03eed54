-- name: lock_source
-- One batch of a source at a time, so that versions are numbered in order: the lock that loading takes too.
SELECT pg_advisory_xact_lock(%(space)s, key) FROM (
    SELECT DISTINCT hashtext(source) AS key FROM unnest(%(sources)s::text[]) AS source ORDER BY key
) AS keys

-- name: try_lock_source
-- The same without waiting; the sources whose lock somebody else has, or waits for.
SELECT source FROM unnest(%(sources)s::text[]) AS source
WHERE NOT pg_try_advisory_xact_lock(%(space)s, hashtext(source))

-- name: heads
-- What we hold of the records that arrive, by their place in the arrays; nothing for a new one.
SELECT a.ordinal - 1, h.record_id, h.current_version, h.last_version, h.content_hash, h.record_date, h.withdrawn,
       m.person_id
FROM unnest(%(sources)s::text[], %(ids)s::text[]) WITH ORDINALITY AS a (source, id, ordinal)
JOIN source_record h ON h.source = a.source AND h.source_record_id = a.id
LEFT JOIN membership m ON m.record_id = h.record_id AND m.to_at IS NULL

-- name: past_version
-- Whether a record ever said this before.
SELECT EXISTS (
    SELECT FROM source_record_version v
    WHERE v.record_id = %(record_id)s AND v.content_hash = %(content_hash)s AND v.deleted = %(deleted)s
)

-- name: insert_heads
-- Heads of the records that are new; in the order of the arrays.
INSERT INTO source_record (source, source_record_id, current_version, last_version, content_hash, record_date, withdrawn)
SELECT source, id, 1, 1, content_hash, record_date, false
FROM unnest(%(sources)s::text[], %(ids)s::text[], %(hashes)s::bytea[], %(dates)s::text[])
    AS a (source, id, content_hash, record_date)
RETURNING source, source_record_id, record_id

-- name: update_heads
-- Heads of the records that changed; after an outdated version only the count of versions moves on.
UPDATE source_record h
SET last_version = a.version,
    current_version = CASE WHEN a.outdated THEN h.current_version ELSE a.version END,
    content_hash = CASE WHEN a.outdated THEN h.content_hash ELSE a.content_hash END,
    record_date = CASE WHEN a.outdated THEN h.record_date ELSE coalesce(a.record_date, h.record_date) END,
    withdrawn = CASE WHEN a.outdated THEN h.withdrawn ELSE a.deleted END
FROM unnest(
    %(record_ids)s::bigint[], %(versions)s::integer[], %(hashes)s::bytea[], %(dates)s::text[],
    %(deleted)s::boolean[], %(outdated)s::boolean[]
) AS a (record_id, version, content_hash, record_date, deleted, outdated)
WHERE h.record_id = a.record_id

-- name: delete_normalised
-- Takes away the normalised records that no longer hold.
DELETE FROM normalised_record WHERE record_id = ANY (%(record_ids)s)

-- name: copy_versions
-- The facts: what the source said this time.
COPY source_record_version (content_hash, record_id, version, deleted, source_values) FROM STDIN (NULL '')

-- name: copy_normalised
-- The normalised records that hold now.
COPY normalised_record (record_id, version, {columns}) FROM STDIN (NULL '')

-- name: write_keys
-- Blocking keys of records; of a version that has its keys they stay.
INSERT INTO record_key (record_id, version, keys)
SELECT record_id, version, string_to_array(keys, ',')::bigint[]
FROM unnest(%(record_ids)s::bigint[], %(versions)s::integer[], %(keys)s::text[]) AS a (record_id, version, keys)
ON CONFLICT (record_id) DO UPDATE SET version = EXCLUDED.version, keys = EXCLUDED.keys
WHERE record_key.version <> EXCLUDED.version

-- name: delete_keys
-- A withdrawn record makes no candidates.
DELETE FROM record_key WHERE record_id = ANY (%(record_ids)s)

-- name: answered_before
-- The answer that was given under an idempotency key.
SELECT request_hash, status, answer FROM answered_write WHERE idempotency_key = %(key)s

-- name: remember_answer
-- Keeps an answer for repetitions; of two at once the first holds.
INSERT INTO answered_write (idempotency_key, request_hash, status, answer)
VALUES (%(key)s, %(request_hash)s, %(status)s, %(answer)s) ON CONFLICT DO NOTHING

-- name: forget_answers
-- Answers older than a day.
DELETE FROM answered_write WHERE answered_at < clock_timestamp() - interval '1 day'
