"""`person-index accounts`: adding, listing and changing who signs in; passwords never as arguments."""

from __future__ import annotations

import getpass
import io
import sys
from collections.abc import Iterator

import pytest

from index_service.store.connection import Connection
from tests.index_service.accounts.hashing import cheap_hashing
from tests.index_service.accounts.invented import PASSWORD, event_kinds
from tests.index_service.cli.conftest import PersonIndex


@pytest.fixture(autouse=True)
def _cheap_hashing(in_database: str) -> Iterator[None]:
    with cheap_hashing():
        yield


def pipe(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def type_in(monkeypatch: pytest.MonkeyPatch, *typed: str) -> None:
    """A person at a terminal types this at the prompts."""
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    answers = iter(typed)
    monkeypatch.setattr(getpass, "getpass", lambda prompt: next(answers))


def test_the_life_of_an_account(person_index: PersonIndex, conn: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, f"{PASSWORD}\n")
    added = person_index("accounts", "add", "Ana.Lopez", "--display-name", "Ana López", "--role", "steward", "--json")
    assert added.code == 0, added.err
    assert added.json()["name"] == "ana.lopez"
    assert added.json()["roles"] == ["steward"]
    changed = person_index("accounts", "roles", "ana.lopez", "--role", "senior-steward", "--role", "supervisor")
    assert changed.out == "ana.lopez is now senior_steward, supervisor.\n"
    pipe(monkeypatch, "a kettle hums nine old songs\r\n")
    assert person_index("accounts", "set-password", "ana.lopez").code == 0
    assert person_index("accounts", "disable", "ana.lopez", "--json").json()["disabled"] is True
    listed = person_index("accounts", "list")
    assert "disabled" in listed.out
    assert person_index("accounts", "enable", "ana.lopez").code == 0
    (account,) = person_index("accounts", "list", "--json").json()["accounts"]
    assert account["disabled"] is False
    assert account["last_signed_in_at"] is None
    assert "hash" not in str(account)
    assert event_kinds(conn) == ["account_added", "roles_set", "password_set", "disabled", "enabled"]


def test_a_person_is_asked_twice(person_index: PersonIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, PASSWORD, PASSWORD)
    assert person_index("accounts", "add", "ana.lopez", "--role", "auditor").code == 0
    type_in(monkeypatch, PASSWORD, "another")
    answer = person_index("accounts", "set-password", "ana.lopez")
    assert answer.code == 2
    assert "differ" in answer.err


@pytest.mark.parametrize(
    ("arguments", "says", "code"),
    [
        (["add", "ana.lopez", "--role", "boss"], "A role is one of steward", 2),
        (["add", "ana.lopez", "--role", "auditor", "--role", "steward"], "An auditor has no other role", 2),
        (["add", "Ana López", "--role", "steward"], "2 to 64 characters", 2),
        (["add", "ana.lopez"], "Missing option", 2),
        (["add", "ana.lopez", "--role", "steward"], "at least 15 characters", 1),
        (["disable", "nobody.here"], "no account of this name", 2),
        (["set-password", "nobody.here"], "no account of this name", 2),
        (["add", "ana.lopez", "--role", "steward", "--password", PASSWORD], "No such option", 2),
    ],
)
def test_what_is_wrong_is_said_without_the_password(
    person_index: PersonIndex, monkeypatch: pytest.MonkeyPatch, arguments: list[str], says: str, code: int
) -> None:
    pipe(monkeypatch, "hunter-short\n")
    answer = person_index("accounts", *arguments)
    assert (answer.code, says in answer.err) == (code, True), answer.err
    assert "hunter-short" not in answer.out + answer.err


def test_no_password_is_not_an_empty_one(person_index: PersonIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe(monkeypatch, "")
    answer = person_index("accounts", "add", "ana.lopez", "--role", "steward")
    assert answer.code == 2
    assert "No password was given" in answer.err


def test_nobody_is_listed_with_advice(person_index: PersonIndex) -> None:
    assert "accounts add" in person_index("accounts", "list").out
