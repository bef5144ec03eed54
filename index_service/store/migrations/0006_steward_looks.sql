-- Who looked at whom in the workbench, and what its pages of runs are found by.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '30min';

CREATE TABLE steward_look (
    look_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at               timestamptz NOT NULL DEFAULT clock_timestamp(),
    account_id       bigint NOT NULL REFERENCES account,
    session_id       bigint,
    at_what          text NOT NULL
                     CHECK (at_what IN ('person', 'history', 'record', 'numbers', 'search', 'task')),
    person_id        text COLLATE "C",
    source           text COLLATE "C",
    source_record_id text COLLATE "C",
    task_id          bigint,
    CHECK ((source IS NULL) = (source_record_id IS NULL)),
    CHECK (at_what <> 'numbers' OR person_id IS NOT NULL OR source IS NOT NULL)
);
COMMENT ON TABLE steward_look IS 'Every look at a person in the workbench, and every time that whole numbers were shown; never changed.';
COMMENT ON COLUMN steward_look.look_id IS 'Number of the look.';
COMMENT ON COLUMN steward_look.at IS 'When it was.';
COMMENT ON COLUMN steward_look.account_id IS 'Who looked.';
COMMENT ON COLUMN steward_look.session_id IS 'In which session, which may be removed by now.';
COMMENT ON COLUMN steward_look.at_what IS
    'person, history, record, task: a page of it; numbers: whole social security numbers were asked for and shown; '
    'search: somebody was searched for by traits, which are not kept.';
COMMENT ON COLUMN steward_look.person_id IS 'The person that was shown.';
COMMENT ON COLUMN steward_look.source IS 'Source of the record that was shown.';
COMMENT ON COLUMN steward_look.source_record_id IS 'Id of the record that was shown.';
COMMENT ON COLUMN steward_look.task_id IS 'The task that was shown.';
CREATE INDEX steward_look_by_person ON steward_look (person_id, look_id DESC) WHERE person_id IS NOT NULL;
COMMENT ON INDEX steward_look_by_person IS 'Who looked at a person last.';
CREATE INDEX steward_look_by_account ON steward_look (account_id, look_id DESC);
COMMENT ON INDEX steward_look_by_account IS 'What an account looked at.';
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON steward_look
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE INDEX identity_event_by_run ON identity_event USING brin (run_id);
COMMENT ON INDEX identity_event_by_run IS 'The changes of a run: they lie together, so that a small index will do.';
CREATE INDEX membership_by_run ON membership USING brin (run_id);
COMMENT ON INDEX membership_by_run IS 'The memberships that a run began, for the same reason.';
