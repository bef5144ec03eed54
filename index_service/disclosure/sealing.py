"""Seal texts with a key that is not in the database: AES-256-GCM, keys by number, rotated by adding one.

A sealed text is `1` (the form), the number of the key (2 bytes), a random nonce (12 bytes) and what AES-GCM made of it,
bound to what it is for: a question of the ledger cannot be passed off as something else. Old keys stay in the file to
open what they sealed; taking one out makes that unreadable for ever, which is how a retention period is kept.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from index_service.errors import IndexServiceError

Use = Literal["ledger question", "event position", "number key", "webhook secret"]
FORM = b"\x01"
NONCE_BYTES = 12
KEY_BYTES = 32
_HEAD = 1 + 2


class SealingKeysUnusable(IndexServiceError):
    """The file of the sealing keys cannot be used."""

    hint = "Restore it from its backup: what was sealed with a lost key cannot be read again."


class CannotUnseal(IndexServiceError):
    """A sealed text cannot be opened."""

    hint = "Its key is no longer in the file of sealing keys, or the text was changed."


@dataclass(frozen=True, slots=True)
class Keyring:
    """The sealing keys: `current` seals, all open."""

    current: int
    keys: Mapping[int, AESGCM]

    def seal(self, text: bytes, use: Use) -> bytes:
        """Seal a text for a use."""
        nonce = os.urandom(NONCE_BYTES)
        head = FORM + self.current.to_bytes(2, "big")
        return head + nonce + self.keys[self.current].encrypt(nonce, text, head + use.encode())

    def unseal(self, sealed: bytes, use: Use) -> bytes:
        """Open a sealed text.

        Raises:
            CannotUnseal: its key is not here, it was sealed for another use, or it was changed.
        """
        head, nonce, rest = sealed[:_HEAD], sealed[_HEAD : _HEAD + NONCE_BYTES], sealed[_HEAD + NONCE_BYTES :]
        key = self.keys.get(int.from_bytes(head[1:], "big"))
        if head[:1] != FORM or key is None:
            raise CannotUnseal
        try:
            return key.decrypt(nonce, rest, head + use.encode())
        except InvalidTag:
            raise CannotUnseal from None


def load_keyring(path: Path) -> Keyring:
    """Read the sealing keys; the file is made, readable by its owner only, when it is not there yet.

    Raises:
        SealingKeysUnusable: it is there and cannot be read, or others can read it.
    """
    if not path.exists():
        _write(path, {1: secrets.token_bytes(KEY_BYTES)}, new=True)
    if path.stat().st_mode & 0o077:
        raise SealingKeysUnusable(f"{path} can be read by others.", hint=f"Close it: chmod 600 {path}")
    keys = _read(path)
    return Keyring(max(keys), {number: AESGCM(key) for number, key in keys.items()})


def add_key(path: Path) -> int:
    """Rotate: add a key that seals from now on; returns its number. Running services read it at their next start."""
    load_keyring(path)
    keys = _read(path)
    number = max(keys) + 1
    _write(path, {**keys, number: secrets.token_bytes(KEY_BYTES)}, new=False)
    return number


def _read(path: Path) -> dict[int, bytes]:
    try:
        keys = {
            int(number): base64.b64decode(key, validate=True) for number, key in json.loads(path.read_text()).items()
        }
    except (OSError, ValueError, AttributeError, TypeError):
        raise SealingKeysUnusable(f"{path} holds no sealing keys.") from None
    if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
        raise SealingKeysUnusable(f"{path} holds no sealing keys.")
    return keys


def _write(path: Path, keys: Mapping[int, bytes], *, new: bool) -> None:
    """Whole or not at all; of two that make the file at once, the first one's keys stand."""
    text = json.dumps({str(number): base64.b64encode(key).decode() for number, key in keys.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    partial.touch(mode=0o600)
    partial.write_text(text, encoding="ascii")
    try:
        if new:
            os.link(partial, path)
        else:
            partial.replace(path)
    except FileExistsError:
        pass
    finally:
        partial.unlink(missing_ok=True)
