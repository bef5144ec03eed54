"""Faults that a real PostgreSQL raises on demand: conflicts, and statements that take too long."""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql

from index_service.store.connection import Connection

_FUNCTION: LiteralString = """
CREATE SEQUENCE fault_met;
CREATE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF {only} <> '' AND to_jsonb(NEW) ->> 'source_record_id' <> {only} THEN
        RETURN NEW;
    END IF;
    IF nextval('fault_met') <= {times} THEN
        IF {error} = 'sleep' THEN
            PERFORM pg_sleep(60);
        ELSE
            RAISE EXCEPTION 'made for a test' USING ERRCODE = {error};
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fault BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION fault();
"""


def fail_first(conn: Connection, table: str, error: str, *, times: int, only: str = "") -> None:
    """Let the first inserts into a table fail with an SQLSTATE, or `sleep`; a rollback does not count them less.

    Args:
        only: the source_record_id whose inserts fail; all by default.
    """
    values = {"error": sql.Literal(error), "times": sql.Literal(times), "only": sql.Literal(only)}
    conn.execute(sql.SQL(_FUNCTION).format(table=sql.Identifier(*table.split(".")), **values))


def tries(conn: Connection) -> int:
    """How many inserts met the fault, or would have."""
    row = conn.execute("SELECT last_value FROM fault_met").fetchone()
    assert row is not None
    return int(row[0])
