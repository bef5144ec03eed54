-- The keys that seal social security numbers, themselves sealed with a key that is not in the database.

CREATE TABLE number_key (
    key_id     text COLLATE "C" PRIMARY KEY,
    sealed     bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sealed_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE number_key IS 'Data keys by which social security numbers are sealed; made by the program, not by a migration.';
COMMENT ON COLUMN number_key.key_id IS 'Name of the key: every sealed number begins with it.';
COMMENT ON COLUMN number_key.sealed IS 'The key, sealed with the master key of the installation.';
COMMENT ON COLUMN number_key.created_at IS 'When it was made; the newest seals.';
COMMENT ON COLUMN number_key.sealed_at IS 'When it was sealed last: after a rotation of the master key it is sealed anew.';

COMMENT ON COLUMN normalised_record.ssn IS 'Social security number, nine digits, sealed; equal numbers have equal texts.';
COMMENT ON COLUMN segregated.normalised_record.ssn IS 'Social security number, nine digits, sealed; equal numbers have equal texts.';
COMMENT ON COLUMN source_record_version.source_values IS 'Canonical field to value, in the source''s own spelling; the social security number sealed.';
COMMENT ON COLUMN source_record_version.content_hash IS 'Keyed digest (HMAC-SHA-256) of the values and of `deleted`.';
COMMENT ON COLUMN source_record.content_hash IS 'Keyed digest of the canonical values that hold: an equal one changes nothing.';
