"""Which passwords are taken, and how they are kept."""

from __future__ import annotations

import time
import unicodedata

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from index_service.accounts import passwords
from index_service.accounts.errors import WeakPassword
from index_service.accounts.passwords import hash_password, is_password, needs_new_hash, require_good_password
from tests.index_service.accounts.invented import PASSWORD


@pytest.mark.parametrize(
    ("password", "says"),
    [
        ("short but fine", "at least 15"),
        ("", "at least 15"),
        ("x" * 201, "200 characters at most"),
        ("aaaaaaaaaaaaaaaaaaaa", "repeats"),
        ("123456789012345678", "repeats or counts on"),
        ("abcdefghijklmnopqrstuvwxyz", "counts on"),
        ("ababababababababab", "repeats"),
        ("passwordpassword", "guessers try first"),
        ("Password-Qwerty-2026", "guessers try first"),
        ("CorrectHorseBatteryStaple", "guessers try first"),
        ("ana.lopez.ana.lopez", "made of your name"),
        ("Ana-Lopez-Steward-24", "made of your name"),
        ("foster-index-welcome1", "guessers try first"),
    ],
)
def test_a_password_that_is_soon_guessed_is_refused_with_advice(password: str, says: str) -> None:
    with pytest.raises(WeakPassword, match=says) as refused:
        require_good_password(password, "ana.lopez", "Ana López")
    assert not password or password not in refused.value.message


@pytest.mark.parametrize(
    "password", [PASSWORD, "contraseña larga y única", "violet trombone 41 kites", "Ω≈ç√∫˜µ≤≥÷åß∂ƒ", "k7#Qz!m2Vr@p9Xw"]
)
def test_a_long_one_that_nobody_guesses_is_taken_whatever_its_characters(password: str) -> None:
    require_good_password(password, "ana.lopez", "Ana López")


def test_it_is_kept_as_argon2id_with_a_salt() -> None:
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)
    assert first.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert first != second
    assert is_password(PASSWORD, first)
    assert is_password(PASSWORD, second)
    assert not is_password(PASSWORD + " ", first)
    assert not is_password("x" * 100_000, first)


def test_a_keyboard_that_composes_accents_otherwise_signs_in_too() -> None:
    kept = hash_password(unicodedata.normalize("NFC", "contraseña única larga"))
    assert is_password(unicodedata.normalize("NFD", "contraseña única larga"), kept)


def test_a_hash_of_other_parameters_is_noticed() -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    assert is_password(PASSWORD, weak)
    assert needs_new_hash(weak)
    assert not needs_new_hash(hash_password(PASSWORD))


def test_no_password_costs_as_much_as_a_wrong_one() -> None:
    """Where there is nothing to compare with, something is compared all the same: measured in processor time."""
    kept = hash_password(PASSWORD)
    assert not is_password("wrong", None)  # the hash of nothing is made once

    def cost(password_hash: str | None) -> float:
        began = time.process_time()
        for _ in range(2):
            assert not is_password("wrong", password_hash)
        return time.process_time() - began

    known, unknown = min(cost(kept) for _ in range(2)), min(cost(None) for _ in range(2))
    assert 0.6 < unknown / known < 1.7


@given(st.text(max_size=60))
def test_no_text_makes_the_rules_fail_otherwise_than_by_refusing(password: str) -> None:
    try:
        require_good_password(password, "ana.lopez", "Ana López")
    except WeakPassword as refused:
        assert refused.message
    else:
        assert len(unicodedata.normalize("NFKC", password)) >= passwords.SHORTEST


@given(st.text(st.characters(categories=["Cs", "Ll", "Mn", "Cc"]), max_size=20))
def test_what_utf8_cannot_hold_is_a_wrong_password_not_a_failure(password: str) -> None:
    assert not is_password(password, "not a hash at all")
