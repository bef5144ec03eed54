-- name: begin_load
-- Notes that a file of a source is being read; returns the number of the load, which the connection keeps locked.
WITH begun AS (
    INSERT INTO load (source, file_name, file_sha256)
    VALUES (%(source)s, %(file_name)s, %(file_sha256)s)
    RETURNING load_id
)
SELECT load_id, pg_advisory_lock(%(space)s, load_id::integer) FROM begun

-- name: fail_dead_loads
-- Loads of a source whose process died: nobody holds their lock any more.
WITH under_way AS MATERIALIZED (
    SELECT load_id FROM load WHERE source = %(source)s AND status = 'running'
), dead AS MATERIALIZED (
    SELECT load_id FROM under_way WHERE pg_try_advisory_xact_lock(%(space)s, load_id::integer)
)
UPDATE load SET status = 'failed', finished_at = clock_timestamp()
FROM dead WHERE load.load_id = dead.load_id AND load.status = 'running'

-- name: unlock_load
-- The load is over.
SELECT pg_advisory_unlock(%(space)s, %(load_id)s)

-- name: finish_load
-- Notes how a load ended.
UPDATE load SET status = %(status)s, counts = %(counts)s, finished_at = clock_timestamp() WHERE load_id = %(load_id)s

-- name: insert_field_quality
-- How well one field of a load was filled.
INSERT INTO load_field_quality (load_id, field, records, filled, placeholder, rejected)
VALUES (%(load_id)s, %(field)s, %(records)s, %(filled)s, %(placeholder)s, %(rejected)s)

-- name: loaded_before
-- The last load of the source, if it was of the same bytes; after another file the same bytes may change records back.
SELECT load_id
FROM (SELECT load_id, file_sha256, status FROM load WHERE source = %(source)s ORDER BY load_id DESC LIMIT 1) AS last
WHERE file_sha256 = %(file_sha256)s AND status = 'finished'

-- name: lock_source
-- One batch of a source at a time, so that versions are numbered in order; other sources load beside it.
SELECT pg_advisory_xact_lock(%(space)s, hashtext(%(source)s))

-- name: take_round
-- Decides for each row what it is, writes the heads, and says what became of each; no record may be there twice.
-- Of a record that the source's rules refuse, nothing is kept where none was held.
-- A version with an older date of the source's own does not replace the newer one; it is kept once, as a past version.
-- The normalised records that no longer hold go, and the next relink has to look at what is new, changed or withdrawn.
WITH incoming AS (
    SELECT ordinal - 1 AS ordinal, source_record_id, decode(hash_hex, 'hex') AS content_hash, deleted, record_date, refused
    FROM unnest(%(ids)s::text[], %(hashes)s::text[], %(deleted)s::boolean[], %(dates)s::text[], %(refused)s::boolean[])
        WITH ORDINALITY AS row (source_record_id, hash_hex, deleted, record_date, refused, ordinal)
), arrival AS MATERIALIZED (
    SELECT
        i.ordinal, i.source_record_id, i.content_hash, i.deleted, i.record_date,
        coalesce(h.record_id, nextval(pg_get_serial_sequence('source_record', 'record_id'))) AS record_id,
        coalesce(h.last_version, 0) + 1 AS version,
        h.record_id IS NULL AS is_new,
        CASE
            WHEN h.record_id IS NULL AND i.deleted THEN 'withdrawn'
            WHEN h.record_id IS NULL THEN 'new'
            WHEN h.content_hash = i.content_hash AND h.withdrawn = i.deleted THEN 'unchanged'
            WHEN i.record_date < h.record_date AND EXISTS (
                SELECT FROM source_record_version v
                WHERE v.record_id = h.record_id AND v.content_hash = i.content_hash AND v.deleted = i.deleted
            ) THEN 'unchanged'
            WHEN i.record_date < h.record_date THEN 'outdated'
            WHEN i.deleted AND h.withdrawn THEN 'unchanged'
            WHEN i.deleted THEN 'withdrawn'
            ELSE 'changed'
        END AS outcome
    FROM incoming i
    LEFT JOIN source_record h ON h.source = %(source)s AND h.source_record_id = i.source_record_id
    WHERE NOT (i.refused AND h.record_id IS NULL)
), new_head AS (
    INSERT INTO source_record
        (record_id, source, source_record_id, current_version, last_version, content_hash, record_date, withdrawn)
    OVERRIDING SYSTEM VALUE
    SELECT record_id, %(source)s, source_record_id, version, version, content_hash, record_date, deleted
    FROM arrival
    WHERE is_new
), moved_head AS (  -- after an outdated version only the count of versions moves on
    UPDATE source_record h
    SET last_version = a.version,
        current_version = CASE WHEN a.outcome = 'outdated' THEN h.current_version ELSE a.version END,
        content_hash = CASE WHEN a.outcome = 'outdated' THEN h.content_hash ELSE a.content_hash END,
        record_date = CASE WHEN a.outcome = 'outdated' THEN h.record_date ELSE coalesce(a.record_date, h.record_date) END,
        withdrawn = CASE WHEN a.outcome = 'outdated' THEN h.withdrawn ELSE a.deleted END
    FROM arrival a
    WHERE h.record_id = a.record_id AND NOT a.is_new AND a.outcome <> 'unchanged'
), no_longer_holds AS (
    DELETE FROM normalised_record n USING arrival a
    WHERE n.record_id = a.record_id AND NOT a.is_new AND a.outcome IN ('changed', 'withdrawn')
), new_to_link AS (
    INSERT INTO record_to_link (record_id, version) SELECT record_id, version FROM arrival WHERE is_new
), changed_to_link AS (  -- which may be waiting already
    INSERT INTO record_to_link (record_id, version)
    SELECT record_id, version FROM arrival WHERE NOT is_new AND outcome IN ('changed', 'withdrawn')
    ON CONFLICT (record_id) DO UPDATE SET version = EXCLUDED.version
)
SELECT ordinal, record_id, version, outcome FROM arrival ORDER BY record_id

-- name: copy_versions
-- The facts: what the source said this time.
COPY source_record_version (content_hash, record_id, version, load_id, deleted, source_values) FROM STDIN (NULL '')

-- name: copy_normalised
-- The normalised records that hold now.
COPY normalised_record (record_id, version, {columns}) FROM STDIN (NULL '')

-- name: current_facts
-- What each source says now of its records that are not withdrawn: from here everything else can be rebuilt.
SELECT h.record_id, v.version, h.source, h.source_record_id, v.source_values
FROM source_record h
JOIN source_record_version v ON v.record_id = h.record_id AND v.version = h.current_version
WHERE NOT h.withdrawn
ORDER BY h.record_id

-- name: create_rebuilt
-- Holds normalised records while they are made anew.
CREATE TEMP TABLE rebuilt_record (LIKE normalised_record) ON COMMIT DROP

-- name: copy_rebuilt
-- Receives normalised records.
COPY rebuilt_record (record_id, version, {columns}) FROM STDIN (NULL '')

-- name: lock_normalised
-- Loads wait while the normalised records are exchanged; look-ups go on.
LOCK TABLE normalised_record IN EXCLUSIVE MODE

-- name: mark_rebuilt
-- Records whose normalised form comes out differently have to be linked again.
INSERT INTO record_to_link (record_id, version)
SELECT r.record_id, r.version
FROM rebuilt_record r
LEFT JOIN normalised_record n USING (record_id)
WHERE ROW (r.*) IS DISTINCT FROM ROW (n.*)
ON CONFLICT (record_id) DO UPDATE SET version = EXCLUDED.version

-- name: empty_normalised
-- Takes all normalised records away, to be put in anew in the same transaction.
DELETE FROM normalised_record

-- name: fill_normalised
-- Puts in the rebuilt ones.
INSERT INTO normalised_record (record_id, version, {columns}) SELECT record_id, version, {columns} FROM rebuilt_record
