"""What is sealed is opened by its key, for its use, unchanged, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from index_service.disclosure.sealing import CannotUnseal, Keyring, SealingKeysUnusable, Use, add_key, load_keyring

USE: Use = "ledger question"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "sealing.json"


def test_the_file_is_made_at_first_use_for_its_owner_only(path: Path) -> None:
    load_keyring(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_what_is_sealed_is_opened(path: Path) -> None:
    keyring = load_keyring(path)
    assert load_keyring(path).unseal(keyring.seal(b"who is 0Ab3?", USE), USE) == b"who is 0Ab3?"


def test_the_same_text_never_looks_the_same(path: Path) -> None:
    keyring = load_keyring(path)
    assert keyring.seal(b"x", USE) != keyring.seal(b"x", USE)
    assert b"who" not in keyring.seal(b"who is", USE)


def test_after_rotation_a_new_key_seals_and_the_old_one_still_opens(path: Path) -> None:
    before = load_keyring(path).seal(b"old", USE)
    assert add_key(path) == 2
    keyring = load_keyring(path)
    assert keyring.seal(b"new", USE)[:3] == b"\x01\x00\x02"
    assert keyring.unseal(before, USE) == b"old"


@given(st.binary(max_size=60), st.data())
def test_a_changed_text_is_not_opened(text: bytes, data: st.DataObject) -> None:
    keyring = Keyring(1, {1: AESGCM(b"k" * 32)})
    sealed = bytearray(keyring.seal(text, USE))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CannotUnseal):
        keyring.unseal(bytes(sealed), USE)


def test_another_use_or_a_lost_key_opens_nothing(path: Path, tmp_path: Path) -> None:
    sealed = load_keyring(path).seal(b"x", USE)
    with pytest.raises(CannotUnseal):
        load_keyring(path).unseal(sealed, "something else")  # type: ignore[arg-type]
    with pytest.raises(CannotUnseal):
        load_keyring(tmp_path / "other.json").unseal(sealed, USE)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"1": "c2hvcnQ="}', '{"one": "x"}'])
def test_a_broken_file_is_refused(path: Path, text: str) -> None:
    load_keyring(path)
    path.write_text(text)
    with pytest.raises(SealingKeysUnusable, match="holds no sealing keys"):
        load_keyring(path)


def test_a_file_open_to_others_is_refused_with_the_mend(path: Path) -> None:
    load_keyring(path)
    path.chmod(0o644)
    with pytest.raises(SealingKeysUnusable) as error:
        load_keyring(path)
    assert "chmod 600" in error.value.hint
