"""The database role of the service: it may call what releases and writes the ledger, and read no table.

On the embedded server the role is made here, and the service connects as it. On a county's server its administrator
makes it (or lets us), and PERSON_INDEX_ANSWERING_DATABASE_URL names a login that has it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from index_service.settings import Settings
from index_service.store.connection import Connection
from index_service.store.errors import StoreError

ANSWERING_ROLE = "person_index_answering"

RELEASING = (
    "released(text, text, text, text, text, bytea, text[], text, text, text[], timestamptz, boolean)",
    "released_records(text, text, text, text, text, bytea, text[], text[])",
    "released_events(text, text, text, text, text, bytea, text, bigint, integer)",
    "told_of_persons(text, text, text, text, text, bytea, text[], text, text, text[], timestamptz, boolean)",
    "told_of_records(text, text, text, text, text, bytea, text[], text[])",
    "told_of_events(text, text, text, text, text, bytea, text, bigint, bigint, integer)",
    "told_counts(text, text, text, text, bytea)",
    "told_accounting(text, text, text, text, bytea, text, integer)",
    "note_refusal(text, text, text, text, text, bytea, text)",
    "break_glass(text, text, text, text, text, text, bytea)",
    "ledger_horizon()",
    "seal_ledger(bigint)",
)
"""Everything that the role may do."""


class AnsweringRoleMissing(StoreError):
    """The database has no role for answers, and this login may not make one."""

    hint = (
        f"Have its administrator run CREATE ROLE {ANSWERING_ROLE} LOGIN NOINHERIT, then name a login that is it in "
        "PERSON_INDEX_ANSWERING_DATABASE_URL (docs/operating.md)."
    )


@dataclass(frozen=True, slots=True)
class AnsweringLogin:
    """How the service becomes the role that answers.

    url: what to connect to. name: the role. role: what to step down to, where the login is another: on a server of
    one's own for which no login of the role is named.
    """

    url: str
    name: str
    role: str | None

    @classmethod
    def of(cls, url: str, settings: Settings) -> Self:
        if settings.answering_database_url is not None:
            own = settings.answering_database_url.get_secret_value()
            return cls(own, str(conninfo_to_dict(own).get("user", ANSWERING_ROLE)), None)
        if settings.database_url is None:
            return cls(answering_url(url), ANSWERING_ROLE, None)
        return cls(url, ANSWERING_ROLE, ANSWERING_ROLE)


def prepare_answering(conn: Connection, login: AnsweringLogin) -> None:
    """Let the role of the answers call what releases; where we step down to it, let us.

    Raises:
        AnsweringRoleMissing: the role is not there and we may not make it, or may not be it.
    """
    try:
        grant_answering(conn, login.name)
        if login.role is not None and not _may_be(conn, login.role):
            conn.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(login.role)))
    except errors.InsufficientPrivilege:
        raise AnsweringRoleMissing from None


def grant_answering(conn: Connection, role: str = ANSWERING_ROLE) -> None:
    """Make the role, if it is not there and we may, and let it call the releasing functions.

    Raises:
        psycopg.errors.InsufficientPrivilege: the role is not there and we may not make it.
    """
    with conn.transaction():
        if not _exists(conn, role):
            with suppress(errors.DuplicateObject, errors.UniqueViolation), conn.transaction():  # of two at once
                conn.execute(sql.SQL("CREATE ROLE {} LOGIN NOINHERIT").format(sql.Identifier(role)))
        # PostgreSQL grants it to everybody, but not on a schema that was made anew, as the demo's is, or was hardened.
        conn.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(role)))
        for function in RELEASING:
            conn.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(sql.SQL(function), sql.Identifier(role)))


def answering_url(url: str, role: str = ANSWERING_ROLE) -> str:
    """The embedded database's URL for the role, which nobody there needs a password to be."""
    return make_conninfo(url, user=role)


def _exists(conn: Connection, role: str) -> bool:
    return conn.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is not None


def _may_be(conn: Connection, role: str) -> bool:
    """Whether this login can step down to a role."""
    found = conn.execute("SELECT pg_has_role(current_user, %s, 'MEMBER')", [role]).fetchone()
    return bool(found and found[0])
