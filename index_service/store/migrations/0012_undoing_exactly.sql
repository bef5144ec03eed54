-- Undoing a relink also puts back the questions to stewards and the blocking keys that were pinned.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE task_before (
    run_id       bigint NOT NULL REFERENCES run,
    task_id      bigint NOT NULL REFERENCES review_task,
    task         jsonb NOT NULL,
    left_version integer,
    PRIMARY KEY (run_id, task_id)
);
COMMENT ON TABLE task_before IS 'Open tasks about records that the latest relinks looked at, as they were before.';
COMMENT ON COLUMN task_before.run_id IS 'The relink.';
COMMENT ON COLUMN task_before.task_id IS 'The task.';
COMMENT ON COLUMN task_before.task IS 'The row of review_task.';
COMMENT ON COLUMN task_before.left_version IS 'Version in which the relink left it: who has changed it since is not overruled.';

CREATE TABLE oversized_key_before (
    run_id  bigint NOT NULL REFERENCES run,
    key     bigint NOT NULL,
    rule    text NOT NULL,
    records bigint NOT NULL,
    PRIMARY KEY (run_id, key)
);
COMMENT ON TABLE oversized_key_before IS 'Blocking keys that were pinned before the latest full relinks.';
COMMENT ON COLUMN oversized_key_before.run_id IS 'The relink.';
COMMENT ON COLUMN oversized_key_before.key IS 'Number of the key, as in record_key.';
COMMENT ON COLUMN oversized_key_before.rule IS 'The blocking rule.';
COMMENT ON COLUMN oversized_key_before.records IS 'Records that shared it.';

ALTER TABLE review_task
    DROP CONSTRAINT review_task_closed_why_check,
    ADD CONSTRAINT review_task_closed_why_check CHECK (closed_why IN (
        'decided', 'decided_elsewhere', 'now_one_person', 'now_apart', 'withdrawn', 'no_longer_in_doubt', 'relink_undone'
    ));
