-- The night job: what each night did, and every file that it ever looked at.

SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';

CREATE TABLE night (
    night_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    status      text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'good', 'needs_person', 'failed')),
    report      jsonb NOT NULL DEFAULT '{}',
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    CHECK ((status = 'running') = (finished_at IS NULL))
);
COMMENT ON TABLE night IS 'One row per night job: nights are ordered by number, since clocks can be set back.';
COMMENT ON COLUMN night.night_id IS 'Number of the night.';
COMMENT ON COLUMN night.status IS
    'running: under way, or interrupted and to be completed by the next; good; needs_person: something waits for a '
    'person, the rest was done; failed: it ended early.';
COMMENT ON COLUMN night.report IS 'What the job printed as JSON: files, relink, verification, timings; no values of records.';
COMMENT ON COLUMN night.started_at IS 'When it began, by the clock of that moment.';
COMMENT ON COLUMN night.finished_at IS 'When it ended.';

CREATE TABLE night_file (
    source      text COLLATE "C" NOT NULL,
    file_sha256 text NOT NULL,
    file_name   text NOT NULL,
    night_id    bigint NOT NULL REFERENCES night,
    outcome     text NOT NULL CHECK (outcome IN ('storing', 'loaded', 'quarantined', 'unreadable')),
    reasons     text[] NOT NULL DEFAULT '{}',
    load_id     bigint REFERENCES load,
    profile     jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (source, file_sha256)
);
COMMENT ON TABLE night_file IS 'Every file that a night job looked at, by content: none is loaded twice.';
COMMENT ON COLUMN night_file.source IS 'The source, as the folder in which the file lay.';
COMMENT ON COLUMN night_file.file_sha256 IS 'SHA-256 of its content.';
COMMENT ON COLUMN night_file.file_name IS 'Its name at the time.';
COMMENT ON COLUMN night_file.night_id IS 'The night that dealt with it last.';
COMMENT ON COLUMN night_file.outcome IS
    'storing: judged good and being stored; loaded; quarantined: not as the source''s files are; unreadable.';
COMMENT ON COLUMN night_file.reasons IS 'Why it is kept out, a sentence each.';
COMMENT ON COLUMN night_file.load_id IS 'The load that took it in.';
COMMENT ON COLUMN night_file.profile IS 'Rows, shares filled and placeholders by field, formats of ids: what later files are compared with.';
CREATE INDEX night_file_by_source ON night_file (source, load_id DESC) WHERE outcome = 'loaded';
COMMENT ON INDEX night_file_by_source IS 'The past of a source, the latest first.';
