-- name: lock_facts
-- Nobody loads while facts are rewritten; look-ups go on.
LOCK TABLE source_record_version, source_record, normalised_record IN SHARE ROW EXCLUSIVE MODE

-- name: allow_rewriting
-- For this transaction alone: what facts say stays the same.
ALTER TABLE source_record_version DISABLE TRIGGER append_only

-- name: forbid_rewriting
-- Facts are append-only again.
ALTER TABLE source_record_version ENABLE TRIGGER append_only

-- name: facts
-- All versions of all records.
SELECT record_id, version, source_values, deleted FROM source_record_version ORDER BY record_id, version

-- name: rewrite_fact
-- A version with its number sealed and its digest keyed.
UPDATE source_record_version SET source_values = %(source_values)s, content_hash = %(content_hash)s
WHERE record_id = %(record_id)s AND version = %(version)s

-- name: renew_heads
-- The digests of the versions that hold.
UPDATE source_record h SET content_hash = v.content_hash
FROM source_record_version v WHERE v.record_id = h.record_id AND v.version = h.current_version

-- name: clear_numbers
-- Normalised records whose number stands in clear.
SELECT record_id, ssn FROM normalised_record WHERE ssn NOT LIKE %(sealed)s

-- name: seal_normalised
-- One of them with its number sealed.
UPDATE normalised_record SET ssn = %(ssn)s WHERE record_id = %(record_id)s

-- name: forget_keys
-- Blocking keys follow from the records: the next full relink writes them anew.
DELETE FROM record_key
