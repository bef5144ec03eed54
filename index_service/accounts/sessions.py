"""For how long a browser is trusted: it holds a random token, we hold its SHA-256."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from index_service.accounts.events import AccountEvent
from index_service.accounts.roles import Role
from index_service.store import accounts as store
from index_service.store.connection import Connection

_TOUCH_AFTER_S = 30.0
"""A use is written down when the last one that was is older than this."""


@dataclass(frozen=True, slots=True)
class SessionRules:
    """When a session ends by itself: after `idle` without use, and after `longest` in any case."""

    idle: timedelta = timedelta(minutes=30)
    longest: timedelta = timedelta(hours=10)


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in. `left_s`: seconds until the session ends if nothing more is done in it.

    extendable: doing something gives more time; False in the last stretch before the longest time is over.
    """

    session_id: int
    account_id: int
    name: str
    display_name: str
    roles: tuple[Role, ...]
    is_local: bool
    started_at: datetime
    ends_at: datetime
    left_s: float
    extendable: bool


def token_hash(token: str) -> bytes:
    """What is kept of a token. Tokens are random and long, so that a plain hash cannot be turned back."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


def new_token() -> str:
    """256 random bits, fit for a cookie."""
    return secrets.token_urlsafe(32)


def csrf_token(token: str) -> str:
    """What a form must carry: it follows from the session's token, and the token does not follow from it."""
    mac = hmac.digest(token.encode(errors="replace"), b"person-index form", "sha256")
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def is_csrf_token(given: str, token: str) -> bool:
    """Whether a form carries what it must."""
    return hmac.compare_digest(given.encode(errors="replace"), csrf_token(token).encode())


def start_session(
    conn: Connection, account_id: int, rules: SessionRules, *, agent: str, replaces: str | None = None, how: str
) -> str:
    """Sign somebody in whose identity is proved; returns the token for the browser.

    Args:
        agent: browser and system in a few words.
        replaces: the token that the browser held until now; its session ends.
        how: password or provider, for the event.
    """
    token = new_token()
    with conn.transaction():
        if replaces:
            _end_former(conn, replaces, rules)
        session_id = store.start_session(conn, token_hash(token), account_id, agent, rules.longest)
        detail = {"how": how, "agent": agent}
        store.add_event(conn, AccountEvent.SIGNED_IN, account_id, session_id=session_id, detail=detail)
        store.forget_what_is_old(conn)
    return token


def find_session(conn: Connection, token: str, rules: SessionRules, *, is_use: bool = True) -> Session | None:
    """Who holds this token; None if nobody, or the session is over. A time-out is noted when it is found.

    Args:
        is_use: the person does something, which gives the session more time; False for a look at the clock.
    """
    row = store.session(conn, token_hash(token), rules.idle)
    if row is None or row.is_over:
        return None
    if row.left_s <= 0:
        _time_out(conn, row)
        return None
    if is_use and row.unseen_s > _TOUCH_AFTER_S:
        store.touch_session(conn, row.session_id)
        row = store.session(conn, token_hash(token), rules.idle) or row
    return _session(row)


def renew_token(conn: Connection, token: str) -> str:
    """The session goes on under another token, which is returned."""
    renewed = new_token()
    store.replace_token(conn, token_hash(token), token_hash(renewed))
    return renewed


def sign_out(conn: Connection, session: Session) -> None:
    """End the session."""
    with conn.transaction():
        if store.end_session(conn, session.account_id, session.session_id, "signed_out"):
            store.add_event(conn, AccountEvent.SIGNED_OUT, session.account_id, session_id=session.session_id)


def sign_out_elsewhere(conn: Connection, session: Session, other_session_id: int) -> bool:
    """End another session of the same person; False if there is none of this number."""
    with conn.transaction():
        ended = store.end_session(conn, session.account_id, other_session_id, "signed_out_elsewhere")
        if ended:
            store.add_event(conn, AccountEvent.SESSION_ENDED, session.account_id, session_id=other_session_id)
    return ended


def sign_out_everywhere(conn: Connection, session: Session) -> int:
    """End all sessions of the person, this one too; returns how many."""
    with conn.transaction():
        ended = store.end_sessions(conn, session.account_id, "signed_out_elsewhere")
        event = AccountEvent.SIGNED_OUT_EVERYWHERE
        detail = {"sessions": ended}
        store.add_event(conn, event, session.account_id, session_id=session.session_id, detail=detail)
    return ended


def _end_former(conn: Connection, token: str, rules: SessionRules) -> None:
    row = store.session(conn, token_hash(token), rules.idle)
    if row is not None and not row.is_over:
        store.end_session(conn, row.account_id, row.session_id, "signed_in_again")


def _time_out(conn: Connection, row: store.SessionRow) -> None:
    why = "too_long" if row.longest_left_s <= 0 else "idle"
    with conn.transaction():
        if store.end_session(conn, row.account_id, row.session_id, why):
            event = AccountEvent.SESSION_TIMED_OUT
            store.add_event(conn, event, row.account_id, session_id=row.session_id, detail={"why": why})


def _session(row: store.SessionRow) -> Session:
    return Session(
        session_id=row.session_id,
        account_id=row.account_id,
        name=row.name,
        display_name=row.display_name,
        roles=tuple(map(Role, row.roles)),
        is_local=row.is_local,
        started_at=row.started_at,
        ends_at=row.ends_at,
        left_s=row.left_s,
        extendable=row.longest_left_s > row.left_s + 1,
    )
