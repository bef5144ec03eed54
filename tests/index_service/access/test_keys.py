"""Keys: ours in their file, those of others at files and URLs, and what is taken for a key at all."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from index_service.access.errors import KeyFileUnusable, KeysUnavailable
from index_service.access.jose import fits, public_key, public_keys
from index_service.access.key_sets import Fetched, KeysAtUrl, KeysInFile, fetch_document, require_safe_url
from index_service.access.signing_keys import SigningKeys, new_key, read_keys, rotate
from tests.index_service.access.forging import encoded_bytes

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def jwk(kid: str = "a") -> dict[str, Any]:
    return dict(new_key(kid).as_dict(private=False))


# --- our own ----------------------------------------------------------------------------------------------------------


def test_the_file_is_made_at_first_use_for_its_owner_only(signing_keys: Path) -> None:
    keys = SigningKeys(signing_keys)
    assert keys.public(NOON) == []
    assert keys.find("any", NOON) is None
    assert not signing_keys.exists()  # verifying makes no key
    assert keys.signing(NOON).kid == keys.signing(NOON).kid
    assert stat.S_IMODE(signing_keys.stat().st_mode) == 0o600
    assert all("d" not in key for key in keys.public(NOON))


def test_of_processes_that_start_at_once_all_use_one_key(signing_keys: Path) -> None:
    made: list[str | None] = []
    together = threading.Barrier(4)

    def start() -> None:
        together.wait()
        made.append(SigningKeys(signing_keys).signing(NOON).kid)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4
    assert len(set(made)) == 1


def test_a_file_open_to_others_is_refused(signing_keys: Path) -> None:
    SigningKeys(signing_keys).signing(NOON)
    signing_keys.chmod(0o640)
    with pytest.raises(KeyFileUnusable, match="open to others") as refused:
        SigningKeys(signing_keys).signing(NOON)
    assert refused.value.hint == f"Run: chmod 600 {signing_keys}"


@pytest.mark.parametrize("content", ["", "{}", '{"keys": [{}]}', '{"keys": [{"jwk": {"kty": "EC"}}]}', "[]"])
def test_a_broken_file_is_refused_without_telling_what_is_in_it(signing_keys: Path, content: str) -> None:
    signing_keys.write_text(content)
    signing_keys.chmod(0o600)
    with pytest.raises(KeyFileUnusable, match="does not hold signing keys"):
        SigningKeys(signing_keys).signing(NOON)


def test_rotating_keeps_what_still_verifies_and_drops_the_rest(signing_keys: Path) -> None:
    first = rotate(signing_keys, NOON)
    second = rotate(signing_keys, NOON + timedelta(days=1))
    assert [key.kid for key in second] == [first[0].kid, second[1].kid]
    assert second[1].signs_from == NOON + timedelta(days=1, minutes=10)
    assert second[0].gone_at == NOON + timedelta(days=1, minutes=20)
    third = rotate(signing_keys, NOON + timedelta(days=2))
    assert [key.kid for key in third] == [second[1].kid, third[1].kid]
    assert read_keys(signing_keys)[1].kid == third[1].kid
    assert len(rotate(signing_keys, NOON + timedelta(days=2), at_once=True)) == 1


def test_a_key_file_is_replaced_whole_or_not_at_all(signing_keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rotate(signing_keys, NOON)
    before = signing_keys.read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        rotate(signing_keys, NOON)
    assert signing_keys.read_bytes() == before
    assert [path.name for path in signing_keys.parent.iterdir() if path.name.endswith(".json")] == [signing_keys.name]


# --- what is a key ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        ({"kty": "oct", "k": "AAAA", "kid": "a"}, "no EC or RSA key"),
        (dict(OKPKey.generate_key("Ed25519", {"kid": "a"}).as_dict(private=False)), "no EC or RSA key"),
        ({"kty": "RSA", "n": encoded_bytes(b"\xff" * 128), "e": "AQAB", "kid": "a"}, "2048 to 8192 bits"),
        ({"kty": "RSA", "n": encoded_bytes(b"\xff" * 2048), "e": "AQAB", "kid": "a"}, "2048 to 8192 bits"),
        ({"kty": "RSA", "n": "é", "e": "AQAB", "kid": "a"}, "2048 to 8192 bits"),
        ({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA", "kid": "a"}, "do not make a key"),
        ({"kty": "EC", "crv": "P-9", "x": "AA", "y": "AA", "kid": "a"}, "do not make a key"),
        ({"kty": "EC", "crv": "P-384", "kid": "a"}, "do not make a key"),
        ({**jwk(), "kid": ""}, "kid"),
        ({**jwk(), "kid": "a\nb"}, "kid"),
        ({**jwk(), "kid": 7}, "kid"),
        ({"keys": [jwk(), jwk()]}, "same `kid`"),
        ({"keys": []}, "no EC or RSA key"),
        ({"keys": "none"}, "neither"),
        ("text", "neither"),
        ([7], "neither"),
        ({**jwk(), "use": "enc"}, "no EC or RSA key"),
    ],
)
def test_what_is_no_usable_key_is_refused(document: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        public_keys(document)


def test_a_private_key_is_read_as_its_public_half() -> None:
    assert not public_key(new_key("a").as_dict(private=True)).is_private


@pytest.mark.parametrize(
    ("key", "alg", "right"),
    [
        (ECKey.generate_key("P-384", {"kid": "a"}), "ES384", True),
        (ECKey.generate_key("P-256", {"kid": "a"}), "ES384", False),
        (ECKey.generate_key("P-256", {"kid": "a"}), "ES256", True),
        (RSAKey.generate_key(2048, {"kid": "a"}), "RS384", True),
        (RSAKey.generate_key(2048, {"kid": "a", "alg": "RS256"}), "RS384", False),
        (RSAKey.generate_key(2048, {"kid": "a"}), "ES384", False),
        (RSAKey.generate_key(2048, {"kid": "a"}), "HS384", False),
        (RSAKey.generate_key(2048, {"kid": "a"}), "none", False),
    ],
)
def test_which_key_goes_with_which_algorithm(key: ECKey | RSAKey, alg: str, right: bool) -> None:
    assert fits(key, alg) is right


# --- those of others --------------------------------------------------------------------------------------------------


class Publisher:
    """Publishes keys, and counts how often it is asked; time passes when told."""

    def __init__(self, *kids: str, age_s: float = 300) -> None:
        self.keys = {kid: jwk(kid) for kid in kids}
        self.age_s = age_s
        self.asked = 0
        self.now = 1000.0
        self.fails = False
        self.known = KeysAtUrl("https://county.example/jwks.json", self.fetch, lambda: self.now)

    async def fetch(self, _url: str) -> Fetched:
        self.asked += 1
        await asyncio.sleep(0)
        if self.fails:
            raise httpx.ConnectError("refused")
        return Fetched(json.dumps({"keys": list(self.keys.values())}).encode(), self.age_s)

    async def has(self, kid: str | None) -> bool:
        return await self.known.find(kid) is not None


def run(check: Callable[[], Any]) -> None:
    asyncio.run(check())


def test_keys_are_fetched_once_while_they_are_fresh() -> None:
    async def check() -> None:
        publisher = Publisher("a", age_s=60)
        assert await publisher.has("a")
        publisher.now += 59
        assert await publisher.has("a")
        assert publisher.asked == 1
        publisher.now += 1
        assert await publisher.has("a")
        assert publisher.asked == 2

    run(check)


def test_an_unknown_key_id_asks_again_but_never_floods_the_publisher() -> None:
    async def check() -> None:
        publisher = Publisher("a")
        assert await publisher.has("a")
        publisher.keys["b"] = jwk("b")
        for number in range(100):
            assert not await publisher.has(f"invented {number}")
        assert publisher.asked == 1
        publisher.now += 30
        assert await publisher.has("b")  # rotated: found half a minute later at most
        assert publisher.asked == 2

    run(check)


def test_many_at_once_make_one_request() -> None:
    async def check() -> None:
        publisher = Publisher("a")
        assert all(await asyncio.gather(*(publisher.has("a") for _ in range(20))))
        assert publisher.asked == 1

    run(check)


def test_keys_past_their_time_are_not_used_though_no_new_ones_can_be_had() -> None:
    async def check() -> None:
        publisher = Publisher("a", age_s=60)
        assert await publisher.has("a")
        publisher.fails = True
        publisher.now += 61
        for _ in range(5):
            with pytest.raises(KeysUnavailable):
                await publisher.has("a")
        assert publisher.asked == 2
        publisher.fails = False
        publisher.now += 10
        assert await publisher.has("a")

    run(check)


def test_a_key_that_is_no_longer_published_is_forgotten() -> None:
    async def check() -> None:
        publisher = Publisher("a", "b", age_s=60)
        assert await publisher.has("a")
        assert not await publisher.has(None)  # which of the two?
        del publisher.keys["a"]
        publisher.now += 61
        assert not await publisher.has("a")
        assert await publisher.has(None)

    run(check)


def test_a_file_of_keys_is_read_again_when_it_is_replaced(tmp_path: Path) -> None:
    async def check() -> None:
        now = [0.0]
        file = tmp_path / "jwks.json"
        known = KeysInFile(file, lambda: now[0])
        with pytest.raises(KeysUnavailable):
            await known.find("a")
        file.write_text(json.dumps({"keys": [jwk("a")]}))
        assert await known.find("a")
        file.write_text(json.dumps({"keys": [jwk("another")]}))
        now[0] += 2
        assert await known.find("a") is None
        assert await known.find("another")

    run(check)


@pytest.mark.parametrize(
    "url",
    [
        "http://county.example/jwks.json",
        "ftp://county.example/jwks.json",
        "file:///etc/passwd",
        "https://user:pass@county.example/",
        "https:///jwks.json",
        "https://county.example/#fragment",
        "http://169.254.169.254/latest/meta-data",
        "",
    ],
)
def test_where_keys_may_not_come_from(url: str) -> None:
    with pytest.raises(ValueError, match="URL of keys"):
        require_safe_url(url)


@pytest.mark.parametrize("url", ["https://county.example/jwks.json", "http://127.0.0.1:9/jwks", "http://localhost/j"])
def test_where_keys_may_come_from(url: str) -> None:
    require_safe_url(url)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        size = 70_000 if self.path == "/large" else 2
        self.send_response({"/moved": 302, "/missing": 404}.get(self.path, 200))
        self.send_header("Location", "/fine")
        if self.path == "/aged":
            self.send_header("Cache-Control", "public, max-age=77")
        if self.path == "/unkept":
            self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(b"{}" + b" " * (size - 2))

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_documents_are_fetched_with_care() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    base = f"http://127.0.0.1:{server.server_port}"

    async def check() -> None:
        assert await fetch_document(f"{base}/fine") == Fetched(b"{}", 300)
        assert (await fetch_document(f"{base}/aged")).age_s == 77
        assert (await fetch_document(f"{base}/unkept")).age_s == 0
        for path in ("/moved", "/missing", "/large"):
            with pytest.raises(ValueError, match=r"answer is not 200|too large"):
                await fetch_document(base + path)

    try:
        asyncio.run(check())
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
