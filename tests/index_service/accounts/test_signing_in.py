"""Signing in with name and password: who gets in, who is held, and that nothing else can be learned by trying."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from index_service.accounts import administering, passwords, signing_in
from index_service.accounts.errors import (
    BadName,
    NameTaken,
    NoSuchAccount,
    RolesNotTogether,
    SignInFailed,
    SignInHeld,
    TooManyAtOnce,
    UnknownRole,
    WeakPassword,
    WrongPassword,
)
from index_service.accounts.passwords import needs_new_hash
from index_service.accounts.roles import Role, parse_roles, with_included
from index_service.accounts.sessions import SessionRules, find_session
from index_service.accounts.signing_in import FREE_ATTEMPTS, LONGEST_HOLD, change_password, sign_in
from index_service.store import accounts as store
from index_service.store.connection import Connection
from tests.index_service.accounts.invented import (
    PASSWORD,
    add_steward,
    event_kinds,
    everything_kept,
    lending,
    let_time_pass,
)

RULES = SessionRules()
OTHER = "seven bridges paint quiet otters"


def enter(url: str, name: str = "ana.lopez", password: str = PASSWORD) -> str:
    return sign_in(lending(url), name, password, RULES, agent="Firefox on Linux")


def fail(url: str, name: str = "ana.lopez") -> None:
    with pytest.raises(SignInFailed):
        enter(url, name, "not this one, surely")


def test_the_right_password_begins_a_session(any_conn: Connection, any_database_url: str) -> None:
    add_steward(any_conn)
    session = find_session(any_conn, enter(any_database_url, " Ana.Lopez "), RULES)
    assert session is not None
    assert (session.name, session.display_name, session.roles) == ("ana.lopez", "Ana Lopez", (Role.STEWARD,))
    assert event_kinds(any_conn) == ["account_added", "signed_in"]


def test_neither_password_nor_token_nor_what_was_typed_is_kept_in_clear(conn: Connection, database_url: str) -> None:
    add_steward(conn)
    token = enter(database_url)
    with pytest.raises(SignInFailed):
        enter(database_url, "typed-secret-in-the-wrong-field", OTHER)
    kept = everything_kept(conn)
    assert "ana.lopez" in kept
    for secret in (token, token.encode().hex(), PASSWORD, OTHER, "typed-secret"):
        assert secret not in kept


def test_whatever_is_wrong_the_answer_is_the_same(conn: Connection, database_url: str) -> None:
    add_steward(conn, "ana.lopez")
    add_steward(conn, "kim.tran")
    administering.disable(conn, "kim.tran")
    store.add_account(conn, name="x@idp", display_name="X", roles=["steward"], issuer="https://idp", subject="1")
    answers = set()
    for name, password in [
        ("ana.lopez", "wrong"),
        ("nobody.here", PASSWORD),
        ("kim.tran", PASSWORD),
        ("x@idp", ""),
        ("", ""),
        ("a\x00b".replace("\x00", "\ufffd"), "\ud800"),
    ]:
        with pytest.raises(SignInFailed) as refused:
            enter(database_url, name, password)
        answers.add(refused.value.message)
    assert len(answers) == 1


def test_after_some_failures_a_name_is_held_for_longer_and_longer(conn: Connection, database_url: str) -> None:
    add_steward(conn)
    for _ in range(FREE_ATTEMPTS):
        fail(database_url)
    held = []
    for _ in range(7):
        with pytest.raises(SignInHeld) as refused:
            enter(database_url)  # the right password is not looked at
        held.append(refused.value.seconds)
        let_time_pass(conn, timedelta(seconds=refused.value.seconds + 1))
        fail(database_url)
    assert [round(seconds, -1) for seconds in held] == [30, 60, 120, 240, 480, 900, 900]
    assert LONGEST_HOLD.total_seconds() == 900
    assert event_kinds(conn).count("locked_out") == 8
    let_time_pass(conn, LONGEST_HOLD)
    assert enter(database_url)
    fail(database_url)
    assert enter(database_url), "a success has cleared what failed before"


def test_an_administrator_frees_a_name_by_setting_a_password(conn: Connection, database_url: str) -> None:
    add_steward(conn)
    for _ in range(FREE_ATTEMPTS):
        fail(database_url)
    administering.set_password(conn, "ana.lopez", OTHER)
    assert enter(database_url, password=OTHER)


def test_a_name_that_nobody_has_is_held_alike(conn: Connection, database_url: str) -> None:
    for _ in range(FREE_ATTEMPTS):
        fail(database_url, "nobody.here")
    with pytest.raises(SignInHeld):
        enter(database_url, "Nobody.Here")
    add_steward(conn)
    assert enter(database_url), "others are not held"


def test_failures_of_yesterday_do_not_count(conn: Connection, database_url: str) -> None:
    add_steward(conn)
    for _ in range(FREE_ATTEMPTS - 1):
        fail(database_url)
    let_time_pass(conn, timedelta(days=1, seconds=1))
    fail(database_url)
    fail(database_url)
    assert enter(database_url)


def test_guesses_sent_at_once_are_counted_one_by_one(conn: Connection, database_url: str) -> None:
    add_steward(conn)
    outcomes: list[type[Exception]] = []

    def guess() -> None:
        try:
            enter(database_url, password="wrong")
        except (SignInFailed, SignInHeld) as refused:
            outcomes.append(type(refused))

    threads = [threading.Thread(target=guess) for _ in range(3 * FREE_ATTEMPTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(SignInFailed) == FREE_ATTEMPTS
    assert outcomes.count(SignInHeld) == 2 * FREE_ATTEMPTS


def test_a_flood_of_attempts_is_turned_away_and_not_counted(
    monkeypatch: pytest.MonkeyPatch, conn: Connection, database_url: str
) -> None:
    add_steward(conn)
    with monkeypatch.context() as patch:
        patch.setattr(passwords, "_queue", threading.Semaphore(0))
        for _ in range(2 * FREE_ATTEMPTS):
            with pytest.raises(TooManyAtOnce):
                enter(database_url)
    for _ in range(2 * FREE_ATTEMPTS):
        assert enter(database_url), "whoever has a place leaves it"


def test_a_password_changed_while_it_is_looked_at_lets_nobody_in(
    monkeypatch: pytest.MonkeyPatch, conn: Connection, database_url: str
) -> None:
    add_steward(conn)
    slow = passwords.is_password

    def changed_meanwhile(password: str, password_hash: str | None) -> bool:
        administering.set_password(conn, "ana.lopez", OTHER)
        return slow(password, password_hash)

    with monkeypatch.context() as patch:
        patch.setattr(signing_in, "is_password", changed_meanwhile)
        with pytest.raises(SignInFailed):
            enter(database_url)
    assert enter(database_url, password=OTHER)


def test_a_hash_of_former_parameters_is_renewed_at_sign_in(conn: Connection, database_url: str) -> None:
    account = add_steward(conn)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    store.set_password_hash(conn, account.account_id, weak)
    assert enter(database_url)
    renewed = store.account_by_name(conn, "ana.lopez")
    assert renewed is not None
    assert renewed.password_hash is not None
    assert not needs_new_hash(renewed.password_hash)
    assert enter(database_url)


def test_a_changed_password_ends_all_other_sessions_and_the_old_token(conn: Connection, database_url: str) -> None:
    add_steward(conn)
    mine, other = enter(database_url), enter(database_url)
    session = find_session(conn, mine, RULES)
    assert session is not None
    with pytest.raises(WrongPassword):
        change_password(lending(database_url), session, mine, "wrong", OTHER)
    for weak in ("short", PASSWORD):
        with pytest.raises(WeakPassword):
            change_password(lending(database_url), session, mine, PASSWORD, weak)
    renewed = change_password(lending(database_url), session, mine, PASSWORD, OTHER)
    assert find_session(conn, mine, RULES) is None
    assert find_session(conn, other, RULES) is None
    again = find_session(conn, renewed, RULES)
    assert again is not None
    assert again.session_id == session.session_id
    fail(database_url)
    assert enter(database_url, password=OTHER)
    assert event_kinds(conn)[3:6] == ["password_change_failed", "password_set", "sign_in_failed"]


def test_a_disabled_account_is_out_at_once_and_may_come_back(conn: Connection, database_url: str) -> None:
    add_steward(conn)
    token = enter(database_url)
    assert administering.disable(conn, "Ana.Lopez").disabled_at is not None
    assert find_session(conn, token, RULES) is None
    fail(database_url)
    administering.enable(conn, "ana.lopez")
    assert find_session(conn, token, RULES) is None, "the session stays ended"
    assert enter(database_url)


def test_other_roles_hold_from_the_next_look(conn: Connection, database_url: str) -> None:
    add_steward(conn)
    token = enter(database_url)
    administering.set_roles(conn, "ana.lopez", ["senior-steward", "supervisor"])
    session = find_session(conn, token, RULES)
    assert session is not None
    assert session.roles == (Role.SENIOR_STEWARD, Role.SUPERVISOR)


def test_what_an_account_cannot_be(conn: Connection) -> None:
    add_steward(conn)
    for name in ("", "a", "Ana Lopez", "ana@lopez", "-ana", "a" * 65, "añа"):
        with pytest.raises(BadName):
            add_steward(conn, name)
    with pytest.raises(NameTaken):
        add_steward(conn, "ANA.LOPEZ")
    with pytest.raises(WeakPassword):
        add_steward(conn, "kim.tran", password="kim.tran.kim.tran")
    with pytest.raises(NoSuchAccount):
        administering.disable(conn, "nobody.here")


def test_roles_by_name() -> None:
    assert parse_roles(["Senior Steward", "steward", "steward"]) == (Role.STEWARD, Role.SENIOR_STEWARD)
    for names in ([], ["boss"], ["steward", "boss"], [""]):
        with pytest.raises(UnknownRole):
            parse_roles(names)
    with pytest.raises(RolesNotTogether):
        parse_roles(["auditor", "steward"])
    assert with_included([Role.SENIOR_STEWARD]) == {Role.STEWARD, Role.SENIOR_STEWARD}
    assert with_included([Role.AUDITOR]) == {Role.AUDITOR}


@pytest.mark.parametrize("statement", ["UPDATE account_event SET kind = 'disabled'", "DELETE FROM account_event"])
def test_what_happened_is_never_changed(conn: Connection, statement: str) -> None:
    add_steward(conn)
    with pytest.raises(Exception, match="append-only"):
        conn.execute(statement)
