-- The sentinel looks at what came since its last pass.
SET LOCAL lock_timeout = '10s';
SET LOCAL statement_timeout = '5min';

CREATE INDEX source_record_version_by_time ON source_record_version USING brin (recorded_at);
COMMENT ON INDEX source_record_version_by_time IS 'What came since a moment; versions are written in the order of time.';
COMMENT ON COLUMN sentinel_pass.at IS 'When it began.';
