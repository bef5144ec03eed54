-- name: create_table
-- Keeps the list of applied migrations; the one table that no migration can make.
CREATE TABLE IF NOT EXISTS schema_migration (
    number     integer PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE schema_migration IS 'Migrations applied to this database.';
COMMENT ON COLUMN schema_migration.number IS 'Number of the migration.';
COMMENT ON COLUMN schema_migration.name IS 'Name of its file.';
COMMENT ON COLUMN schema_migration.sha256 IS 'SHA-256 of its text: an applied migration is never edited.';
COMMENT ON COLUMN schema_migration.applied_at IS 'When it was applied.';

-- name: has_table
-- Whether any migration was ever applied.
SELECT to_regclass('schema_migration') IS NOT NULL

-- name: applied
-- Number and checksum of the applied migrations.
SELECT number, sha256 FROM schema_migration ORDER BY number

-- name: record
-- Notes a migration as applied.
INSERT INTO schema_migration (number, name, sha256) VALUES (%(number)s, %(name)s, %(sha256)s)

-- name: lock
-- One migrates at a time; the others wait, then find nothing left to do. Held until the transaction ends.
SELECT pg_advisory_xact_lock(%(key)s)
