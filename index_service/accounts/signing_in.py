"""Signing in with name and password.

Whoever tries learns nothing but yes or no: a name that nobody has, an account without a password, a disabled one and a
wrong password give the same answer in the same time, and are held alike after too many failures.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

from index_service.accounts.errors import NoPasswordHere, SignInFailed, SignInHeld, WeakPassword, WrongPassword
from index_service.accounts.events import AccountEvent
from index_service.accounts.passwords import (
    hash_password,
    is_password,
    needs_new_hash,
    place_in_queue,
    require_good_password,
)
from index_service.accounts.sessions import Session, SessionRules, renew_token, start_session
from index_service.store import accounts as store
from index_service.store.connection import Connection

FREE_ATTEMPTS = 5
"""The failure of this number is the first after which the name is held."""
FIRST_HOLD = timedelta(seconds=30)
LONGEST_HOLD = timedelta(minutes=15)
"""Each further failure doubles the hold, up to this."""

Connect = Callable[[], AbstractContextManager[Connection]]
"""Lends a connection. None is held while a password is hashed: a flood of attempts must not use them all up."""


def sign_in(
    connect: Connect, name: str, password: str, rules: SessionRules, *, agent: str, replaces: str | None = None
) -> str:
    """Sign in; returns the token of the new session.

    Raises:
        SignInFailed: not this name with this password.
        SignInHeld: too many attempts failed; the password was not looked at.
        TooManyAtOnce: there are too many attempts at this moment; it was not looked at and does not count.
    """
    with place_in_queue():
        return _sign_in(connect, name.strip().lower(), password, rules, agent=agent, replaces=replaces)


def change_password(connect: Connect, session: Session, token: str, present: str, wanted: str) -> str:
    """Set another password; all other sessions end, this one goes on under a new token, which is returned.

    Raises:
        SignInHeld: the present password was given wrongly too often.
        WrongPassword: the present password is not right.
        WeakPassword: the new one is too easy to guess, or the same.
        NoPasswordHere: the account has none of ours.
        TooManyAtOnce: as in `sign_in`.
    """
    with place_in_queue():
        return _change_password(connect, session, token, present, wanted)


def _sign_in(
    connect: Connect, name: str, password: str, rules: SessionRules, *, agent: str, replaces: str | None
) -> str:
    with connect() as conn:
        _count_attempt(conn, name)
        account = store.account_by_name(conn, name)
    password_hash = account.password_hash if account and account.disabled_at is None else None
    right = is_password(password, password_hash)
    if account is None or password_hash is None or not right:
        with connect() as conn:
            _note_failure(conn, name, account)
        raise SignInFailed
    renewed = hash_password(password) if needs_new_hash(password_hash) else None
    with connect() as conn, conn.transaction():
        if not store.hold_password(conn, account.account_id, password_hash):  # changed while we were hashing
            raise SignInFailed
        store.clear_attempts(conn, name_hash(name))
        if renewed:
            store.renew_password_hash(conn, account.account_id, password_hash, renewed)
        return start_session(conn, account.account_id, rules, agent=agent, replaces=replaces, how="password")


def _change_password(connect: Connect, session: Session, token: str, present: str, wanted: str) -> str:
    with connect() as conn:
        account = store.account_by_name(conn, session.name)
        if account is None or account.password_hash is None:
            raise NoPasswordHere
        _count_attempt(conn, session.name)
    if not is_password(present, account.password_hash):
        with connect() as conn:
            store.add_event(
                conn, AccountEvent.PASSWORD_CHANGE_FAILED, session.account_id, session_id=session.session_id
            )
        raise WrongPassword
    with connect() as conn:
        store.clear_attempts(conn, name_hash(session.name))
    require_good_password(wanted, session.name, session.display_name)
    if present == wanted:
        raise WeakPassword("The new password is the present one.")
    password_hash = hash_password(wanted)
    with connect() as conn, conn.transaction():
        store.set_password_hash(conn, session.account_id, password_hash)
        store.end_sessions(conn, session.account_id, "password_changed", except_session=session.session_id)
        store.add_event(conn, AccountEvent.PASSWORD_SET, session.account_id, session_id=session.session_id)
        return renew_token(conn, token)


def _count_attempt(conn: Connection, name: str) -> None:
    attempt = store.count_attempt(
        conn, name_hash(name), free=FREE_ATTEMPTS, first_hold=FIRST_HOLD, longest_hold=LONGEST_HOLD
    )
    if attempt is None:
        raise SignInHeld(store.hold_left_s(conn, name_hash(name)))


def _note_failure(conn: Connection, name: str, account: store.AccountRow | None) -> None:
    account_id = account.account_id if account else None
    hold_s = store.hold_left_s(conn, name_hash(name))
    with conn.transaction():
        store.add_event(conn, AccountEvent.SIGN_IN_FAILED, account_id)
        if hold_s > 0:
            store.add_event(conn, AccountEvent.LOCKED_OUT, account_id, detail={"seconds": round(hold_s)})


def name_hash(name: str) -> bytes:
    """Under what attempts are counted: it may not be a name that was typed."""
    return hashlib.sha256(name.encode(errors="replace")).digest()
