"""The guide for integrators does what it says: its program is run against the service, its scopes are ours."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest

from index_service.access.scopes import OURS
from index_service.webhooks.signing import new_secret, signature_headers
from tests.index_service.access.test_clients import served
from tests.index_service.cli.conftest import PersonIndex, in_database, person_index

__all__ = ["in_database", "person_index"]

PAGE = (Path(__file__).parents[2] / "docs" / "integrating.md").read_text(encoding="utf-8")


def test_its_program_gets_a_token_and_an_answer(
    person_index: PersonIndex, in_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERSON_INDEX_SIGNING_KEYS", str(tmp_path / "signing-keys.json"))
    (registering,) = re.findall(r"^\$ person-index (clients add my-app .*?json)$", PAGE, re.MULTILINE | re.DOTALL)
    words = registering.replace("\\\n", "").replace('"Invented County"', "Invented-County").split()
    assert person_index(*words).code == 0
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with served(in_database, tmp_path / "signing-keys.json") as url:
        names: dict[str, Any] = {}
        exec(program.replace("http://127.0.0.1:8000", url), names)  # noqa: S102 - our own page
    assert (names["events"]["events"], names["events"]["more"]) == ([], False)


def test_it_lists_every_scope_with_its_meaning() -> None:
    rows = dict(re.findall(r"^\| `(index/\w+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert rows == OURS


def test_its_check_of_a_signature_holds() -> None:
    (checking,) = re.findall(r"```py\n(import base64.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(checking, names)  # noqa: S102 - our own page
    secret, now = new_secret(), int(time.time())
    headers = signature_headers("msg_1", b"{}", now, [new_secret(), secret])
    assert names["is_ours"](headers, b"{}", secret)
    assert not names["is_ours"](headers, b"{ }", secret)
    assert not names["is_ours"](headers, b"{}", new_secret())
    assert not names["is_ours"](signature_headers("msg_1", b"{}", now - 400, [secret]), b"{}", secret)
