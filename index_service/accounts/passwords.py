"""Which passwords are taken, and how they are kept: argon2id, in as little memory at a time as can be promised.

The rules are those of NIST SP 800-63B-4 for a password that is the only proof: length, and not easy to guess; no rules
about kinds of characters, no expiry.
"""

from __future__ import annotations

import itertools
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from threading import Semaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from index_service.accounts.errors import TooManyAtOnce, WeakPassword

SHORTEST = 15
LONGEST = 200
LEAST_LEFT = 8
"""Characters that must remain of a password when every word that guessers try first is taken out."""
LEAST_DIFFERENT = 6
_JOINING = " -_.,+/"

_hasher = PasswordHasher()  # argon2id, RFC 9106's second choice: 64 MiB, three passes
_at_once = Semaphore(4)  # what a flood of attempts can cost: 4 x 64 MiB
_queue = Semaphore(16)  # and how many threads it can keep waiting, of the forty that the pages have


@contextmanager
def place_in_queue() -> Iterator[None]:
    """A place among those whose passwords are looked at; raises TooManyAtOnce where there is none."""
    if not _queue.acquire(blocking=False):
        raise TooManyAtOnce
    try:
        yield
    finally:
        _queue.release()


def hash_password(password: str) -> str:
    """The password as it is kept; another text each time."""
    with _at_once:
        return _hasher.hash(_one_form(password))


def is_password(password: str, password_hash: str | None) -> bool:
    """Whether the password is the one; takes as long where there is none to compare it with."""
    if len(password) > LONGEST:
        password, password_hash = "", None
    with _at_once:
        try:
            _hasher.verify(password_hash or _hash_of_nothing(), _one_form(password))
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def needs_new_hash(password_hash: str) -> bool:
    """Whether it was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def require_good_password(password: str, *about: str) -> None:
    """Raises WeakPassword, saying what to change, unless the password is hard enough to guess.

    Args:
        password: what the person wants.
        about: what a guesser knows of the person, such as the name to sign in with.
    """
    if len(password) > LONGEST:
        raise WeakPassword(f"The password can have {LONGEST} characters at most.")
    text = _one_form(password)
    if len(text) < SHORTEST:
        raise WeakPassword(f"The password needs at least {SHORTEST} characters: four unrelated words do well.")
    if len(set(text.casefold())) < LEAST_DIFFERENT or _is_a_run(text):
        raise WeakPassword("The password repeats or counts on: choose one with less of a pattern.")
    if len(_without_denied(text, about)) < LEAST_LEFT:
        raise WeakPassword(
            "The password is made of your name or of words that guessers try first: add others that only you would."
        )


def _one_form(password: str) -> str:
    """The same characters however a keyboard makes them; what UTF-8 cannot hold stands as a question mark."""
    return unicodedata.normalize("NFKC", password).encode(errors="replace").decode()


def _is_a_run(text: str) -> bool:
    """Whether most characters just follow or repeat the one before, as in 123456… or aaaabbbb…"""
    steps = [abs(ord(after) - ord(before)) <= 1 for before, after in itertools.pairwise(text)]
    return sum(steps) > len(steps) * 0.6


def _without_denied(text: str, about: tuple[str, ...]) -> str:
    rest = "".join(character for character in text.casefold() if character not in _JOINING)
    known = {part for name in about for part in _words(name)}
    for word in sorted(known | _denied(), key=lambda word: (-len(word), word)):
        rest = rest.replace(word, "")
    return rest


def _words(name: str) -> list[str]:
    plain = "".join(character if character.isalnum() else " " for character in name.casefold())
    return [word for word in [*plain.split(), plain.replace(" ", "")] if len(word) > 2]


@cache
def _denied() -> frozenset[str]:
    text = resources.files("index_service.accounts").joinpath("denied_passwords.txt").read_text(encoding="utf-8")
    return frozenset(text.split())


@cache
def _hash_of_nothing() -> str:
    """The hash of a password that nobody has."""
    return _hasher.hash(secrets.token_urlsafe(32))
