-- A question may be about one record: whether another person's data were written over what it said before.

SET LOCAL lock_timeout = '10s';

ALTER TABLE review_task ADD COLUMN before_version integer;
COMMENT ON COLUMN review_task.before_version IS 'Of a question about one record, which stands on both sides: its last version before what is asked about; the other side is what the record says now.';

ALTER TABLE review_task
    DROP CONSTRAINT review_task_check3,
    ADD CONSTRAINT review_task_two_sides CHECK ((left_record_id = right_record_id) = (before_version IS NOT NULL));

CREATE INDEX review_task_of_one_record ON review_task (left_record_id, before_version) WHERE before_version IS NOT NULL;
COMMENT ON INDEX review_task_of_one_record IS 'The questions about one record that were ever asked.';
