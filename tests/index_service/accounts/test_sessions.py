"""For how long a browser is trusted."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from index_service.accounts.sessions import (
    Session,
    SessionRules,
    csrf_token,
    find_session,
    is_csrf_token,
    new_token,
    sign_out,
    sign_out_elsewhere,
    sign_out_everywhere,
    start_session,
)
from index_service.store import accounts as store
from index_service.store.connection import Connection
from tests.index_service.accounts.invented import add_steward, event_kinds, let_time_pass

RULES = SessionRules(idle=timedelta(minutes=30), longest=timedelta(hours=2))


def begin(conn: Connection, account_id: int, replaces: str | None = None) -> str:
    return start_session(conn, account_id, RULES, agent="Firefox on Linux", replaces=replaces, how="password")


def held(conn: Connection, token: str) -> Session:
    session = find_session(conn, token, RULES)
    assert session is not None
    return session


def test_use_keeps_it_going_up_to_its_longest(conn: Connection) -> None:
    token = begin(conn, add_steward(conn).account_id)
    for _ in range(4):
        let_time_pass(conn, timedelta(minutes=29))
        session = held(conn, token)
        assert 0 < session.left_s <= 30 * 60
    assert session.left_s < 5 * 60, "the two hours come first"
    assert not session.extendable
    let_time_pass(conn, timedelta(minutes=29))
    assert find_session(conn, token, RULES) is None
    assert event_kinds(conn)[-1] == "session_timed_out"


def test_without_use_it_ends_and_that_is_noted_once(conn: Connection) -> None:
    token = begin(conn, add_steward(conn).account_id)
    let_time_pass(conn, timedelta(minutes=31))
    assert find_session(conn, token, RULES) is None
    assert find_session(conn, token, RULES) is None
    assert event_kinds(conn).count("session_timed_out") == 1
    assert conn.execute("SELECT ended_why FROM account_session").fetchall() == [("idle",)]


def test_a_look_at_the_clock_is_no_use(conn: Connection) -> None:
    token = begin(conn, add_steward(conn).account_id)
    let_time_pass(conn, timedelta(minutes=20))
    looked = find_session(conn, token, RULES, is_use=False)
    assert looked is not None
    assert looked.left_s < 10 * 60 + 1
    assert held(conn, token).left_s > 29 * 60


def test_signing_in_again_ends_what_the_browser_held(conn: Connection) -> None:
    account_id = add_steward(conn).account_id
    first = begin(conn, account_id)
    second = begin(conn, account_id, replaces=first)
    assert second != first
    assert find_session(conn, first, RULES) is None
    assert held(conn, second)


def test_signing_out_here_elsewhere_and_everywhere(conn: Connection) -> None:
    account_id = add_steward(conn).account_id
    tokens = [begin(conn, account_id) for _ in range(4)]
    stranger = held(conn, begin(conn, add_steward(conn, "kim.tran").account_id))
    sessions = [held(conn, token) for token in tokens]
    assert [row.session_id for row in store.open_sessions(conn, account_id, RULES.idle)] == [
        session.session_id for session in reversed(sessions)
    ]
    sign_out(conn, sessions[0])
    assert sign_out_elsewhere(conn, sessions[1], sessions[2].session_id)
    assert not sign_out_elsewhere(conn, sessions[1], sessions[2].session_id), "it has ended already"
    assert not sign_out_elsewhere(conn, stranger, sessions[3].session_id), "it is not hers"
    assert [find_session(conn, token, RULES) is not None for token in tokens] == [False, True, False, True]
    assert sign_out_everywhere(conn, sessions[1]) == 2
    assert [find_session(conn, token, RULES) is not None for token in tokens] == [False] * 4
    assert event_kinds(conn)[-3:] == ["signed_out", "session_ended", "signed_out_everywhere"]


def test_nobody_holds_a_token_that_was_not_given_out(conn: Connection) -> None:
    begin(conn, add_steward(conn).account_id)
    for token in ("", "x", new_token(), "\ud800", "ü"):
        assert find_session(conn, token, RULES) is None


def test_old_sessions_are_removed_and_their_events_stay(conn: Connection) -> None:
    account_id = add_steward(conn).account_id
    begin(conn, account_id)
    let_time_pass(conn, timedelta(days=91))
    begin(conn, account_id)
    assert conn.execute("SELECT count(*) FROM account_session").fetchone() == (1,)
    assert event_kinds(conn).count("signed_in") == 2


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_form_token_fits_its_session_and_no_other(mine: str, other: str) -> None:
    assert is_csrf_token(csrf_token(mine), mine)
    assert is_csrf_token(csrf_token(mine), other) == (mine == other)
    assert not is_csrf_token(mine, mine)
    assert len(mine) < 20 or mine not in csrf_token(mine)
