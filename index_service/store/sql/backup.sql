-- name: export_snapshot
-- Names the state that this transaction sees, so that the dump sees the same.
SELECT pg_export_snapshot()

-- name: all_tables
-- Every table of the index.
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_%%'
ORDER BY 1, 2

-- name: tables
-- How many tables there are.
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg_%%'

-- name: last_migration
-- Number of the last migration applied.
SELECT max(number) FROM schema_migration
