-- A relink that changes more than its budget waits for a person; one that was published can be undone.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';

ALTER TABLE run
    DROP CONSTRAINT run_status_check,
    ADD CONSTRAINT run_status_check CHECK (status IN ('running', 'published', 'dry_run', 'failed', 'waiting', 'undone')),
    DROP CONSTRAINT run_kind_check,
    ADD CONSTRAINT run_kind_check CHECK (kind IN ('full', 'changed', 'online', 'judgement', 'undo'));

CREATE TABLE waiting_change (
    run_id  bigint NOT NULL REFERENCES run,
    part    text NOT NULL,
    place   integer NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (run_id, part, place)
);
COMMENT ON TABLE waiting_change IS 'What a relink found that is over its budget: published when a person accepts it.';
COMMENT ON COLUMN waiting_change.run_id IS 'The run that found it.';
COMMENT ON COLUMN waiting_change.part IS 'rows, ended and keys as Arrow streams, rest as JSON.';
COMMENT ON COLUMN waiting_change.place IS 'Order of the pieces of a part.';
COMMENT ON COLUMN waiting_change.content IS 'The piece: numbers of records, ids of persons, weights; no values of records.';

CREATE TABLE component_before (
    run_id       bigint NOT NULL REFERENCES run,
    person_id    text COLLATE "C" NOT NULL,
    component_id bigint NOT NULL,
    PRIMARY KEY (run_id, person_id)
);
COMMENT ON TABLE component_before IS 'Rows of person_component that the latest relinks replaced: what undoing one puts back.';
COMMENT ON COLUMN component_before.run_id IS 'The relink.';
COMMENT ON COLUMN component_before.person_id IS 'The person.';
COMMENT ON COLUMN component_before.component_id IS 'Number of its component before the relink.';

CREATE TABLE linked_by_run (
    run_id    bigint NOT NULL REFERENCES run,
    record_id bigint NOT NULL,
    PRIMARY KEY (run_id, record_id)
);
COMMENT ON TABLE linked_by_run IS 'Records that waited for the latest relinks: where one is undone they wait again.';
COMMENT ON COLUMN linked_by_run.run_id IS 'The relink.';
COMMENT ON COLUMN linked_by_run.record_id IS 'The record.';
