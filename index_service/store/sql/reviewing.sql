-- name: task
-- Whether a caller may see all records that a task is about.
SELECT may_review(t.left_records || t.right_records, %(client)s, %(user)s, %(purpose)s)
FROM review_task t WHERE t.task_id = %(task_id)s

-- name: judgement
-- Whether a caller may see all records that a judgement names.
SELECT NOT may_not_review(
    array_agg(r.source), array_agg(r.source_record_id), %(client)s, %(user)s, %(purpose)s)
FROM judgement_record r WHERE r.judgement_id = %(judgement_id)s

-- name: records
-- Whether a caller may see all of some records.
SELECT NOT may_not_review(%(sources)s, %(ids)s, %(client)s, %(user)s, %(purpose)s)
