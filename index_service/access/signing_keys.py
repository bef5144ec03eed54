"""Our own keys, with which access tokens are signed: a file outside the database that only its owner can read.

A new key is published some minutes before it signs, so that whoever keeps our public keys has it by then; the key
before it goes on verifying until the last token that it signed has expired.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeyParameters

from index_service.access.errors import KeyFileUnusable
from index_service.access.jose import PublicKey, public_key
from index_service.access.key_sets import FILE_LOOKED_AT_EVERY_S, Clock

ALGORITHM = "ES384"
CURVE = "P-384"
PUBLISHED_BEFORE_SIGNING = timedelta(minutes=10)
KEPT_AFTER_SIGNING = timedelta(minutes=10)  # longer than any token lives


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key; signs from `signs_from` until a later key does, verifies until `gone_at` (None: no end set)."""

    key: ECKey
    signs_from: datetime
    gone_at: datetime | None = None

    @property
    def kid(self) -> str:
        return str(self.key.kid)


class SigningKeys:
    """The keys of a file, made at first use; noticed when another process replaces them."""

    def __init__(self, path: Path, clock: Clock = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._looked_at = -float("inf")
        self._stamp: tuple[int, int] | None = None
        self._keys: tuple[SigningKey, ...] = ()

    def signing(self, now: datetime) -> ECKey:
        """The key to sign with; makes the first one.

        Raises:
            KeyFileUnusable: the file is broken, or open to others.
        """
        if not self._current():
            with _locked(self._path):
                if not self._path.exists():
                    write_keys(self._path, (SigningKey(new_key(), now),))
            self._looked_at = -float("inf")
        begun = [key for key in self._current() if key.signs_from <= now]
        if not begun:
            raise KeyFileUnusable(f"{self._path} holds no key that signs by now.", hint="Run: person-index keys rotate")
        return begun[-1].key

    def public(self, now: datetime) -> list[dict[str, Any]]:
        """The public keys to publish, those about to sign included."""
        return [_published(key) for key in self._current() if key.gone_at is None or now < key.gone_at]

    def find(self, kid: str | None, now: datetime) -> PublicKey | None:
        """The public key of this id, while it verifies."""
        held = (key for key in self._current() if key.gone_at is None or now < key.gone_at)
        return next((public_key(_published(key)) for key in held if key.kid == kid), None)

    def _current(self) -> tuple[SigningKey, ...]:
        if self._clock() - self._looked_at >= FILE_LOOKED_AT_EVERY_S:
            self._read_if_replaced()
            self._looked_at = self._clock()
        return self._keys

    def _read_if_replaced(self) -> None:
        try:
            state = self._path.stat()
        except FileNotFoundError:
            self._keys, self._stamp = (), None
            return
        stamp = (state.st_mtime_ns, state.st_ino)
        if stamp != self._stamp:
            self._keys, self._stamp = read_keys(self._path), stamp


def rotate(path: Path, now: datetime, *, at_once: bool = False) -> list[SigningKey]:
    """Add a key that will sign from ten minutes on, and let the others go once their tokens have expired.

    Args:
        at_once: the keys there are known to others: the new one signs now, and no token of the old ones is accepted.

    Returns:
        The keys that are left, the new one last.

    Raises:
        KeyFileUnusable: the file is broken, or open to others.
    """
    with _locked(path):
        held = [] if at_once or not path.exists() else list(read_keys(path))
        begins = now + PUBLISHED_BEFORE_SIGNING if held else now
        ends = begins + KEPT_AFTER_SIGNING
        kept = [
            key if key.gone_at is not None else replace(key, gone_at=ends)
            for key in held
            if key.gone_at is None or now < key.gone_at
        ]
        keys = [*kept, SigningKey(new_key(), begins)]
        write_keys(path, tuple(keys))
    return keys


def new_key(kid: str | None = None) -> ECKey:
    """A fresh private key for ES384."""
    parameters: KeyParameters = {"kid": kid or secrets.token_urlsafe(12), "use": "sig", "alg": ALGORITHM}
    return ECKey.generate_key(CURVE, parameters, private=True)


def read_keys(path: Path) -> tuple[SigningKey, ...]:
    """The keys of the file, in the order in which they sign; none if there is no file.

    Raises:
        KeyFileUnusable: the file is broken, or open to others.
    """
    if not path.exists():
        return ()
    require_private(path)
    try:
        document = json.loads(path.read_bytes())
        keys = [_read(entry) for entry in document["keys"]]
    except (OSError, ValueError, KeyError, TypeError, JoseError):
        hint = "Restore it from a copy, or move it away and run person-index keys rotate: callers then need new tokens."
        raise KeyFileUnusable(f"{path} does not hold signing keys.", hint=hint) from None
    return tuple(sorted(keys, key=lambda key: key.signs_from))


def require_private(path: Path) -> None:
    """Raises KeyFileUnusable if others than its owner may read or write a file."""
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise KeyFileUnusable(f"{path} holds private keys and is open to others.", hint=f"Run: chmod 600 {path}")


def write_private(path: Path, text: str, *, replace_it: bool = False) -> None:
    """Write a file that only its owner can read, whole or not at all.

    Raises:
        KeyFileUnusable: there is such a file already, and it shall not be replaced.
        OSError: it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if replace_it:
            unfinished.replace(path)
        else:
            os.link(unfinished, path)
    except FileExistsError:
        raise KeyFileUnusable(f"{path} is there already.", hint="Name another file, or move that one away.") from None
    finally:
        unfinished.unlink(missing_ok=True)


def write_keys(path: Path, keys: tuple[SigningKey, ...]) -> None:
    """Replace the keys of the file."""
    entries = [
        {
            "jwk": key.key.as_dict(private=True),
            "signs_from": key.signs_from.isoformat(),
            "gone_at": key.gone_at.isoformat() if key.gone_at else None,
        }
        for key in keys
    ]
    write_private(path, json.dumps({"keys": entries}, indent=1), replace_it=True)


def now_utc() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def _read(entry: dict[str, Any]) -> SigningKey:
    gone_at = entry["gone_at"]
    return SigningKey(
        ECKey.import_key(entry["jwk"]),
        datetime.fromisoformat(entry["signs_from"]),
        datetime.fromisoformat(gone_at) if gone_at else None,
    )


def _published(key: SigningKey) -> dict[str, Any]:
    return dict(key.key.as_dict(private=False))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Of several processes that change the file, one at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f".{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
