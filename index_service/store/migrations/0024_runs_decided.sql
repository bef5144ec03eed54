-- Who accepted or rejected a relink that was over its budget, and what became of those that waited in vain.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';

ALTER TABLE run
    ADD COLUMN decided_by text,
    ADD COLUMN decided_at timestamptz,
    ADD CONSTRAINT run_decided_check CHECK ((decided_by IS NULL) = (decided_at IS NULL)),
    DROP CONSTRAINT run_status_check,
    ADD CONSTRAINT run_status_check CHECK (status IN (
        'running', 'published', 'dry_run', 'failed', 'waiting', 'undone', 'replaced', 'rejected'));
COMMENT ON COLUMN run.status IS
    'running; published; dry_run: looked only; failed: nothing was published; waiting for a person; replaced: another run '
    'took its place while it waited; rejected by a person; undone: published, and taken back.';
COMMENT ON COLUMN run.counts IS
    'What it changed and looked at; where it was over its budget: what was over, and the largest changes.';
COMMENT ON COLUMN run.decided_by IS 'Who accepted or rejected what was over its budget.';
COMMENT ON COLUMN run.decided_at IS 'When.';
