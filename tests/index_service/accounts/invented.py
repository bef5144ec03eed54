"""Invented stewards, and ways to turn the clock: what is kept is moved into the past."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from index_service.accounts.administering import add_account
from index_service.accounts.roles import Role
from index_service.accounts.signing_in import Connect
from index_service.store.accounts import AccountRow
from index_service.store.connection import Connection, connect

PASSWORD = "quiet otters paint seven bridges"


def add_steward(conn: Connection, name: str = "ana.lopez", *roles: Role, password: str = PASSWORD) -> AccountRow:
    """An account with the password above."""
    display_name = name.replace(".", " ").title()
    return add_account(conn, name, display_name=display_name, roles=roles or (Role.STEWARD,), password=password)


def lending(url: str) -> Connect:
    """Lends connections to the database at `url`."""

    @contextmanager
    def lend() -> Iterator[Connection]:
        with connect(url) as conn:
            yield conn

    return lend


def let_time_pass(conn: Connection, time: timedelta) -> None:
    """As if everything about sessions and attempts had happened so much earlier."""
    conn.execute(
        "UPDATE account_session SET started_at = started_at - %(t)s, last_seen_at = last_seen_at - %(t)s, "
        "expires_at = expires_at - %(t)s",
        {"t": time},
    )
    conn.execute(
        "UPDATE sign_in_hold SET last_attempt_at = last_attempt_at - %(t)s, held_until = held_until - %(t)s",
        {"t": time},
    )
    conn.execute("UPDATE provider_sign_in SET started_at = started_at - %(t)s", {"t": time})


def event_kinds(conn: Connection) -> list[str]:
    """What happened to accounts, in order."""
    return [kind for (kind,) in conn.execute("SELECT kind FROM account_event ORDER BY event_id").fetchall()]


def everything_kept(conn: Connection) -> str:
    """All rows of all tables about accounts, as one text."""
    tables = ("account", "account_session", "account_event", "sign_in_hold", "provider_sign_in")
    return "\n".join(
        str(row) for table in tables for row in conn.execute(f"SELECT t.*, t::text FROM {table} t").fetchall()
    )
