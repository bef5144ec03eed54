"""Social security numbers at rest: sealed with a key that is kept in the database only sealed itself.

The data key lies in the table `number_key`, sealed with the installation's master key, which is in a file outside
(`PERSON_INDEX_SEALING_KEYS`). Whoever holds a copy of the database has neither. A process learns the data key of a
database when it connects; from then on it seals what it writes and opens what it reads, in memory.

Equal numbers have equal sealed texts (AES-SIV), so that the database can tell that two are the same without knowing
which. That they are the same is told by the blocking keys in any case, see docs/decisions/0018.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from psycopg.rows import TupleRow

from index_service.disclosure.sealing import CannotUnseal, Keyring, add_key, load_keyring
from index_service.errors import IndexServiceError
from index_service.settings import Settings
from index_service.store.statements import statements
from linkage.blocking import BLOCKING_RULES, number_rules_as
from linkage.record import COLUMNS, CanonicalValue

SEALED = "sealed:"
DATA_KEY_BYTES = 64
_FIELD = "ssn"
_PLACE = list(COLUMNS).index(_FIELD)
_RULES = tuple(rule.name for rule in BLOCKING_RULES if _FIELD in rule.columns)
_sql = statements("numbers")


class NumberKeyUnknown(IndexServiceError):
    """A social security number is sealed with a key that this process does not have."""

    hint = "Restore the file that PERSON_INDEX_SEALING_KEYS names from its backup; the numbers are lost without it."


@dataclass(frozen=True, slots=True)
class NumberKey:
    """A data key: its name, and what it is used for."""

    key_id: str
    secret: bytes

    @property
    def cipher(self) -> AESSIV:
        return AESSIV(self.secret)

    def derived(self, use: str) -> bytes:
        """A key for another use, from which neither this one nor another can be found."""
        return hmac.digest(self.secret, use.encode(), "sha256")


@dataclass(frozen=True, slots=True)
class _Open:
    """A data key ready for use."""

    key_id: str
    cipher: AESSIV
    content: bytes


_file: Path | None = None
_known: dict[str, _Open] = {}
_held: dict[str, NumberKey] = {}
_current: _Open | None = None


@contextmanager
def master_keys_in(file: Path) -> Iterator[None]:
    """Inside, the master keys of this process are in this file, whatever the environment says."""
    global _file
    before, _file = _file, file
    try:
        yield
    finally:
        _file = before


def _master_keys() -> Keyring:
    return load_keyring(_file or Settings().sealing_keys)


def learn_numbers(conn: psycopg.Connection[TupleRow]) -> None:
    """Learn the data keys of the database; the newest seals from now on. Nothing where it has none, or hides them.

    Raises:
        NumberKeyUnknown: the master key that sealed them is not in the file.
    """
    (readable,) = conn.execute(_sql["readable"]).fetchone() or (False,)
    if readable:
        rows = conn.execute(_sql["keys"]).fetchall()
        if any(key_id not in _known for key_id, _ in rows):
            keyring = _master_keys()
            for key_id, sealed in rows:
                try:
                    _keep(NumberKey(key_id, keyring.unseal(bytes(sealed), "number key")))
                except CannotUnseal:
                    raise NumberKeyUnknown("The data key of the database is sealed with another master key.") from None
        if rows:
            use_key(rows[-1][0])
    if not conn.autocommit:
        conn.rollback()


def ensure_number_key(conn: psycopg.Connection[TupleRow]) -> None:
    """Make the database's data key, unless it has one; of two at once, one makes it."""
    keyring = _master_keys()
    made = NumberKey(secrets.token_hex(4), os.urandom(DATA_KEY_BYTES))
    conn.execute(_sql["make_key"], {"key_id": made.key_id, "sealed": keyring.seal(made.secret, "number key")})
    learn_numbers(conn)


def rotate_master_key(conn: psycopg.Connection[TupleRow], path: Path) -> tuple[int, int]:
    """Add a master key and seal the data keys anew with it; returns its number and how many were sealed anew.

    Nothing that is sealed with the data keys changes, and running services go on: they hold these open.
    """
    number = add_key(path)
    keyring = load_keyring(path)
    with conn.transaction():
        rows = conn.execute(_sql["keys_for_update"]).fetchall()
        for key_id, sealed in rows:
            anew = keyring.seal(keyring.unseal(bytes(sealed), "number key"), "number key")
            conn.execute(_sql["seal_anew"], {"key_id": key_id, "sealed": anew})
    return number, len(rows)


def held_keys() -> tuple[list[NumberKey], str | None]:
    """The keys that this process holds, and which one seals: for processes that it starts."""
    return list(_held.values()), _current.key_id if _current else None


def take_over(keys: tuple[list[NumberKey], str | None]) -> None:
    """Hold the keys of the process that started this one."""
    for key in keys[0]:
        _keep(key)
    if keys[1] is not None:
        use_key(keys[1])


def use_key(key_id: str) -> None:
    """Seal with this key from now on; the numbers of blocking keys follow from it too."""
    global _current
    if _current is None or _current.key_id != key_id:
        _current = _known[key_id]
        salt = _held[key_id].derived("blocking").hex()
        number_rules_as({name: f"{name} {salt}" for name in _RULES})


def seal_number(text: str) -> str:
    """A number as it is stored.

    Raises:
        NumberKeyUnknown: the process has not connected to a database yet.
    """
    if _current is None:
        raise NumberKeyUnknown("No data key for social security numbers is known.")
    return _sealed(text, _current.key_id)


def open_number(text: str | None) -> str | None:
    """A stored number as it is; one that was stored in clear stays so.

    Raises:
        NumberKeyUnknown: it is sealed with a key that the process does not have.
    """
    return text if text is None or not text.startswith(SEALED) else _opened(text)


def sealed_values(values: Mapping[str, CanonicalValue]) -> Mapping[str, CanonicalValue]:
    """What a source said, with the number sealed."""
    number = values.get(_FIELD)
    return values if not number else {**values, _FIELD: seal_number(str(number))}


def opened_values(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a source said, with the number open."""
    number = values.get(_FIELD)
    return values if not number else {**values, _FIELD: open_number(number)}


def opened_columns(values: Sequence[Any]) -> Sequence[Any]:
    """The columns of a normalised record, in order, with the number open."""
    number = values[_PLACE]
    return values if number is None else (*values[:_PLACE], open_number(number), *values[_PLACE + 1 :])


def content_digest(content: bytes) -> bytes:
    """A digest by which equal content is known again: keyed, so that nobody can try out what it may be."""
    if _current is None:
        return hashlib.sha256(content).digest()
    return hmac.digest(_current.content, content, "sha256")


def _keep(key: NumberKey) -> None:
    _held[key.key_id] = key
    _known[key.key_id] = _Open(key.key_id, key.cipher, key.derived("content"))


@lru_cache(maxsize=100_000)
def _sealed(text: str, key_id: str) -> str:
    return f"{SEALED}{key_id}:{base64.b64encode(_known[key_id].cipher.encrypt(text.encode(), None)).decode()}"


@lru_cache(maxsize=100_000)
def _opened(text: str) -> str:
    _, key_id, sealed = text.split(":", 2)
    key = _known.get(key_id)
    if key is None:
        raise NumberKeyUnknown("A social security number is sealed with a key that is not known here.")
    try:
        return key.cipher.decrypt(base64.b64decode(sealed), None).decode()
    except InvalidTag:
        raise NumberKeyUnknown("A sealed social security number was changed.") from None
