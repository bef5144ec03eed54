-- name: add
-- What somebody decided of two records; the record whose key comes first stands left.
INSERT INTO judgement
    (kind, left_source, left_source_record_id, right_source, right_source_record_id, reason, decided_by)
VALUES (%(kind)s, %(left_source)s, %(left_id)s, %(right_source)s, %(right_id)s, %(reason)s, %(who)s)
RETURNING judgement_id

-- name: undo
-- That a judgement no longer holds.
INSERT INTO judgement_undone (judgement_id, reason, undone_by) VALUES (%(judgement_id)s, %(reason)s, %(who)s)

-- name: records_of
-- The records that a judgement is about.
SELECT left_source, left_source_record_id, right_source, right_source_record_id
FROM judgement WHERE judgement_id = %(judgement_id)s
