"""Tokens are kept as long as they last, and renewed before a request could outlive one."""

from __future__ import annotations

from pathlib import Path

import pytest

from index_service import client_tokens
from index_service.client_tokens import ClientTokens


def test_a_token_is_asked_for_once_and_again_before_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    now = [1000.0]

    def give(*question: object) -> dict[str, object]:
        asked.append(question)
        return {"access_token": f"token {len(asked)}", "expires_in": 300}

    monkeypatch.setattr(client_tokens, "ask_for_token", give)
    tokens = ClientTokens("http://index", "my-app", Path("key.json"), ["index/read"], clock=lambda: now[0])
    assert [tokens(), tokens()] == ["token 1", "token 1"]
    now[0] += 269
    assert tokens() == "token 1"
    now[0] += 1
    assert tokens() == "token 2"
    assert asked == [("http://index", "my-app", Path("key.json"), ("index/read",))] * 2
