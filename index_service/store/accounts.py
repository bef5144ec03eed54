"""Accounts of people, their sessions, attempts to sign in, and what happened: the rows, without the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from index_service.store.connection import Connection
from index_service.store.statements import statements

_sql = statements("accounts")


@dataclass(frozen=True, slots=True)
class AccountRow:
    """One person's account. It has a password (local), or an issuer that vouches for the person, or neither."""

    account_id: int
    name: str
    display_name: str
    roles: Sequence[str]
    password_hash: str | None
    password_set_at: datetime | None
    issuer: str | None
    created_at: datetime
    disabled_at: datetime | None
    last_signed_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as it stands now. `left_s`: seconds until it ends if nothing is done; negative where it has ended."""

    session_id: int
    account_id: int
    name: str
    display_name: str
    roles: Sequence[str]
    is_local: bool
    agent: str
    started_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    ends_at: datetime
    left_s: float
    longest_left_s: float
    unseen_s: float
    is_over: bool


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session of an account that goes on."""

    session_id: int
    agent: str
    started_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to sign in, counted: the how-many-th in a row, and for how long the name is held after it."""

    attempts: int
    hold_s: float


@dataclass(frozen=True, slots=True)
class AwayRow:
    """What was kept of somebody who went to the identity provider."""

    state_hash: bytes
    nonce: str
    code_verifier: str
    wanted: str
    in_time: bool


@dataclass(frozen=True, slots=True)
class AccountEventRow:
    """Something that happened to an account."""

    kind: str
    at: datetime
    session_id: int | None
    detail: Mapping[str, Any]


def add_account(
    conn: Connection,
    *,
    name: str,
    display_name: str,
    roles: Sequence[str],
    password_hash: str | None = None,
    issuer: str | None = None,
    subject: str | None = None,
) -> int | None:
    """The number of the new account; None where the name or the subject has one."""
    parameters = {
        "name": name,
        "display_name": display_name,
        "roles": list(roles),
        "password_hash": password_hash,
        "issuer": issuer,
        "subject": subject,
    }
    row = conn.execute(_sql["add_account"], parameters).fetchone()
    return None if row is None else int(row[0])


def accounts(conn: Connection) -> list[AccountRow]:
    """All accounts, by name."""
    return conn.cursor(row_factory=class_row(AccountRow)).execute(_sql["accounts"]).fetchall()


def account_by_name(conn: Connection, name: str) -> AccountRow | None:
    """The account of a name."""
    return conn.cursor(row_factory=class_row(AccountRow)).execute(_sql["account_by_name"], {"name": name}).fetchone()


def account_by_subject(conn: Connection, issuer: str, subject: str) -> AccountRow | None:
    """The account of a person whom an identity provider vouches for."""
    cursor = conn.cursor(row_factory=class_row(AccountRow))
    return cursor.execute(_sql["account_by_subject"], {"issuer": issuer, "subject": subject}).fetchone()


def set_password_hash(conn: Connection, account_id: int, password_hash: str) -> bool:
    """Whether the account can have a password, and has this one now."""
    parameters = {"account_id": account_id, "password_hash": password_hash}
    return conn.execute(_sql["set_password"], parameters).rowcount == 1


def hold_password(conn: Connection, account_id: int, password_hash: str) -> bool:
    """Whether the account can still be signed in to with this password; that stays so until the transaction ends."""
    parameters = {"account_id": account_id, "password_hash": password_hash}
    return conn.execute(_sql["hold_password"], parameters).fetchone() is not None


def renew_password_hash(conn: Connection, account_id: int, old_hash: str, new_hash: str) -> None:
    """The same password, hashed anew."""
    parameters = {"account_id": account_id, "old_hash": old_hash, "password_hash": new_hash}
    conn.execute(_sql["renew_password_hash"], parameters)


def set_roles(conn: Connection, account_id: int, roles: Sequence[str]) -> bool:
    """Whether that changed anything."""
    return conn.execute(_sql["set_roles"], {"account_id": account_id, "roles": list(roles)}).rowcount == 1


def set_display_name(conn: Connection, account_id: int, display_name: str) -> None:
    """What the person is called on the pages."""
    conn.execute(_sql["set_display_name"], {"account_id": account_id, "display_name": display_name})


def disable(conn: Connection, account_id: int) -> bool:
    """Whether that changed anything."""
    return conn.execute(_sql["disable"], {"account_id": account_id}).rowcount == 1


def enable(conn: Connection, account_id: int) -> bool:
    """Whether that changed anything."""
    return conn.execute(_sql["enable"], {"account_id": account_id}).rowcount == 1


def count_attempt(
    conn: Connection, name_hash: bytes, *, free: int, first_hold: timedelta, longest_hold: timedelta
) -> Attempt | None:
    """Count an attempt under a name, as a failure until it succeeds; None while the name is held."""
    parameters = {"name_hash": name_hash, "free": free, "first_hold": first_hold, "longest_hold": longest_hold}
    return conn.cursor(row_factory=class_row(Attempt)).execute(_sql["count_attempt"], parameters).fetchone()


def hold_left_s(conn: Connection, name_hash: bytes) -> float:
    """Seconds for which a name is still held."""
    row = conn.execute(_sql["hold_left"], {"name_hash": name_hash}).fetchone()
    return max(0.0, float(row[0])) if row else 0.0


def clear_attempts(conn: Connection, name_hash: bytes) -> None:
    """What failed before under this name no longer counts."""
    conn.execute(_sql["clear_attempts"], {"name_hash": name_hash})


def start_session(conn: Connection, token_hash: bytes, account_id: int, agent: str, longest: timedelta) -> int:
    """The number of the new session."""
    parameters = {"token_hash": token_hash, "account_id": account_id, "agent": agent, "longest": longest}
    row = conn.execute(_sql["start_session"], parameters).fetchone()
    if row is None:
        raise LookupError("start_session")
    return int(row[0])


def session(conn: Connection, token_hash: bytes, idle: timedelta) -> SessionRow | None:
    """The session of a token, over or not."""
    cursor = conn.cursor(row_factory=class_row(SessionRow))
    return cursor.execute(_sql["session"], {"token_hash": token_hash, "idle": idle}).fetchone()


def touch_session(conn: Connection, session_id: int) -> None:
    """The session was used just now."""
    conn.execute(_sql["touch_session"], {"session_id": session_id})


def replace_token(conn: Connection, old_hash: bytes, new_hash: bytes) -> bool:
    """Whether there was such a session; it goes on under the new token."""
    return conn.execute(_sql["replace_token"], {"old_hash": old_hash, "new_hash": new_hash}).rowcount == 1


def end_session(conn: Connection, account_id: int, session_id: int, why: str) -> bool:
    """Whether it went on until now, and was this account's."""
    parameters = {"account_id": account_id, "session_id": session_id, "why": why}
    return conn.execute(_sql["end_session"], parameters).rowcount == 1


def end_sessions(conn: Connection, account_id: int, why: str, *, except_session: int | None = None) -> int:
    """How many ended."""
    parameters = {"account_id": account_id, "why": why, "except_session": except_session}
    return conn.execute(_sql["end_sessions"], parameters).rowcount


def open_sessions(conn: Connection, account_id: int, idle: timedelta) -> list[OpenSession]:
    """The sessions of an account that go on, the last used first."""
    cursor = conn.cursor(row_factory=class_row(OpenSession))
    return cursor.execute(_sql["open_sessions"], {"account_id": account_id, "idle": idle}).fetchall()


def keep_provider_sign_in(
    conn: Connection, browser_hash: bytes, *, state_hash: bytes, nonce: str, code_verifier: str, wanted: str
) -> None:
    """What must come back from the identity provider with the browser of this token."""
    parameters = {
        "browser_hash": browser_hash,
        "state_hash": state_hash,
        "nonce": nonce,
        "code_verifier": code_verifier,
        "wanted": wanted,
    }
    conn.execute(_sql["keep_provider_sign_in"], parameters)


def take_provider_sign_in(conn: Connection, browser_hash: bytes) -> AwayRow | None:
    """What was kept, once: a second call finds nothing."""
    cursor = conn.cursor(row_factory=class_row(AwayRow))
    return cursor.execute(_sql["take_provider_sign_in"], {"browser_hash": browser_hash}).fetchone()


def forget_what_is_old(conn: Connection) -> None:
    """Remove attempts that no longer count, sessions long over, and who did not come back from the provider."""
    for name in ("forget_old_attempts", "forget_old_sessions", "forget_old_provider_sign_ins"):
        conn.execute(_sql[name])


def add_event(
    conn: Connection,
    kind: str,
    account_id: int | None,
    *,
    session_id: int | None = None,
    detail: Mapping[str, object] | None = None,
) -> None:
    """Note what happened; never changed afterwards."""
    parameters = {"kind": kind, "account_id": account_id, "session_id": session_id, "detail": Jsonb(detail or {})}
    conn.execute(_sql["add_event"], parameters)


def events(conn: Connection, account_id: int, limit: int) -> list[AccountEventRow]:
    """The last events of an account, the newest first."""
    cursor = conn.cursor(row_factory=class_row(AccountEventRow))
    return cursor.execute(_sql["events"], {"account_id": account_id, "limit": limit}).fetchall()
