"""The database role of the service: it may call what releases and writes the ledger, and read no table.

On the embedded server the role is made here, and the service connects as it. On a county's server its administrator
makes it (or lets us), and PERSON_INDEX_ANSWERING_DATABASE_URL names a login that has it.
"""

from __future__ import annotations

from contextlib import suppress

from psycopg import errors, sql
from psycopg.conninfo import make_conninfo

from index_service.store.connection import Connection

ANSWERING_ROLE = "person_index_answering"

RELEASING = (
    "released(text, text, text, text, text, bytea, text[], text, text, text[], timestamptz, boolean)",
    "released_records(text, text, text, text, text, bytea, text[], text[])",
    "released_events(text, text, text, text, text, bytea, text, bigint, integer)",
    "note_refusal(text, text, text, text, text, bytea, text)",
    "ledger_horizon()",
    "seal_ledger(bigint)",
)
"""Everything that the role may do."""


def grant_answering(conn: Connection, role: str = ANSWERING_ROLE) -> None:
    """Make the role, if it is not there and we may, and let it call the releasing functions.

    Raises:
        psycopg.errors.InsufficientPrivilege: the role is not there and we may not make it.
    """
    with conn.transaction():
        if not _exists(conn, role):
            with suppress(errors.DuplicateObject, errors.UniqueViolation), conn.transaction():  # of two at once
                conn.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT").format(sql.Identifier(role)))
        for function in RELEASING:
            conn.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(function), sql.Identifier(role)))


def answering_url(url: str, role: str = ANSWERING_ROLE) -> str:
    """The embedded database's URL for the role, which nobody there needs a password to be."""
    return make_conninfo(url, user=role)


def _exists(conn: Connection, role: str) -> bool:
    return conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None
