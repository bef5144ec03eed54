-- name: version_held
-- The version of a record that holds; nothing where none does.
SELECT current_version FROM {records}
WHERE source = %(source)s AND source_record_id = %(source_record_id)s AND NOT withdrawn
