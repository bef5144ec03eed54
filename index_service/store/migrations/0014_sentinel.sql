-- The night's sentinel over persons that may be several, and the pages that nights leave.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';

ALTER TABLE review_task
    ADD COLUMN signs text[] NOT NULL DEFAULT '{}',
    ADD COLUMN by_sentinel boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN review_task.signs IS 'What the sentinel sees in the person that speaks for several people.';
COMMENT ON COLUMN review_task.by_sentinel IS 'The sentinel asked it, not the linking: it stands as long as the signs do.';

CREATE TABLE sentinel_pass (
    pass_id   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    up_to_seq bigint NOT NULL,
    run_id    bigint NOT NULL,
    persons   bigint NOT NULL,
    findings  jsonb NOT NULL
);
COMMENT ON TABLE sentinel_pass IS 'Each time that the sentinel looked for persons that may be several.';
COMMENT ON COLUMN sentinel_pass.pass_id IS 'Number of the pass.';
COMMENT ON COLUMN sentinel_pass.at IS 'When it looked.';
COMMENT ON COLUMN sentinel_pass.up_to_seq IS 'The newest event then: the next pass looks at persons changed after it.';
COMMENT ON COLUMN sentinel_pass.run_id IS 'The newest run then.';
COMMENT ON COLUMN sentinel_pass.persons IS 'Persons that it looked at.';
COMMENT ON COLUMN sentinel_pass.findings IS 'Counts by sign, questions asked; no values of records.';

CREATE TABLE night_page (
    night_id bigint PRIMARY KEY REFERENCES night,
    html     bytea NOT NULL
);
COMMENT ON TABLE night_page IS 'The report of a night as one HTML page, as the operator got it.';
COMMENT ON COLUMN night_page.night_id IS 'The night.';
COMMENT ON COLUMN night_page.html IS 'The page, compressed; it holds ids of persons and counts, no values of records.';
