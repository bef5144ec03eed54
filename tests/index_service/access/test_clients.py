"""Registering clients, from the command line as an administrator does; and that every change is kept."""

from __future__ import annotations

import json
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import uvicorn
from joserfc.jwk import RSAKey

from index_service import cli
from index_service.access import clients
from index_service.access.errors import ClientRefused
from index_service.access.signing_keys import now_utc
from index_service.settings import Settings
from index_service.store import access as store
from index_service.store.access import ClientChangedMeanwhile
from index_service.store.connection import Connection
from tests.index_service.access.conftest import protected_app
from tests.index_service.access.minting import PURPOSES, bearer, mint_client
from tests.index_service.cli.conftest import PersonIndex, in_database, person_index

__all__ = ["in_database", "person_index"]

ADD = ("clients", "add", "demo", "--scope", "index/read", "--scope", "index/events", "--purpose", "TREAT")


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, in_database: str) -> None:
    for name in ("PUBLIC_URL", "PORT", "HOST"):
        monkeypatch.delenv(f"PERSON_INDEX_{name}", raising=False)


def test_a_client_with_a_generated_key_is_told_how_to_get_a_token(person_index: PersonIndex) -> None:
    made = person_index(*ADD, "--generate-key", "demo.key.json")
    assert made.code == 0
    assert "person-index clients token demo --key demo.key.json --scope index/events --scope index/read" in made.out
    assert stat.S_IMODE(Path("demo.key.json").stat().st_mode) == 0o600
    private = json.loads(Path("demo.key.json").read_text())
    assert (private["kty"], private["crv"], private["alg"]) == ("EC", "P-384", "ES384")
    assert private["d"] not in made.out + made.err
    shown = person_index("clients", "show", "demo", "--json").json()
    assert [key["kid"] for key in shown["keys"]] == [private["kid"]]
    assert "registered" in person_index("clients", "show", "demo").out
    listed = person_index("clients", "list", "--json").json()["clients"]
    assert [(client["client_id"], client["status"]) for client in listed] == [("demo", "active")]


@contextmanager
def served(url: str, signing_keys: Path) -> Iterator[str]:
    """The service over HTTP on this machine, with access required."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        app = protected_app(url, signing_keys, public_url=None, port=port)
        server = uvicorn.Server(uvicorn.Config(app, log_config=None))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()


def test_the_key_that_was_made_brings_a_token_from_a_running_service(
    person_index: PersonIndex, in_database: str, signing_keys: Path
) -> None:
    person_index(*ADD, "--generate-key", "demo.key.json")
    with served(in_database, signing_keys) as url:
        token = ("clients", "token", "demo", "--key", "demo.key.json", "--url", url)
        given = person_index(*token, "--scope", "index/events")
        assert given.code == 0
        answer = httpx.get(f"{url}/v1/events", headers=bearer(given.out.split()[-1]))  # the log is there too
        assert (answer.status_code, answer.json()["events"]) == (200, [])
        assert httpx.get(f"{url}/v1/events").status_code == 401
        refused = person_index(*token, "--scope", "index/write")
    assert refused.code == 1
    assert "A scope is unknown, or not one that this client may ask for." in refused.err


def test_without_a_service_or_key_no_token_and_no_traceback(person_index: PersonIndex) -> None:
    person_index(*ADD, "--generate-key", "demo.key.json")
    token = ("clients", "token", "demo", "--scope", "index/read", "--url", "http://127.0.0.1:9")
    nobody = person_index(*token, "--key", "demo.key.json")
    assert (nobody.code, "Nobody answers" in nobody.err) == (1, True)
    Path("demo.key.json").chmod(0o644)
    assert "open to others" in person_index(*token, "--key", "demo.key.json").err
    missing = person_index(*token, "--key", "none.json")
    assert missing.code == 1
    assert "Traceback" not in missing.err


def test_a_key_of_ones_own_is_registered_by_its_public_half(person_index: PersonIndex) -> None:
    key = RSAKey.generate_key(2048, {"kid": "mine", "alg": "RS384"})
    Path("mine.json").write_text(json.dumps({"keys": [key.as_dict(private=True)]}))
    assert person_index(*ADD, "--jwks", "mine.json").code == 0
    assert [key["kid"] for key in person_index("clients", "show", "demo", "--json").json()["keys"]] == ["mine"]


def test_no_private_key_enters_the_database(person_index: PersonIndex, conn: Connection) -> None:
    person_index(*ADD, "--generate-key", "demo.key.json")
    (kept,) = conn.execute("SELECT keys FROM api_client_version").fetchone() or ()
    assert set(kept[0]["jwk"]) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_every_change_is_kept_with_who_when_and_why(person_index: PersonIndex, conn: Connection) -> None:
    person_index(*ADD, "--generate-key", "demo.key.json")
    person_index("clients", "rotate", "demo", "--generate-key", "second.json", "--reason", "yearly")
    person_index("clients", "change", "demo", "--purpose", "COURT", "--burst", "7", "--reason", "new agreement")
    person_index("clients", "disable", "demo", "--reason", "contract ended")
    person_index("clients", "enable", "demo", "--reason", "renewed")
    changes = person_index("clients", "show", "demo", "--json").json()["changes"]
    assert [change["reason"] for change in changes] == [
        "registered",
        "yearly",
        "new agreement",
        "contract ended",
        "renewed",
    ]
    assert [len(change["keys"]) for change in changes] == [1, 2, 2, 2, 2]
    assert changes[1]["keys"][0]["valid_to"] is not None
    assert [change["status"] for change in changes][-2:] == ["disabled", "active"]
    assert (changes[2]["purposes"], changes[2]["burst"], changes[2]["scopes"]) == (
        ["COURT"],
        7,
        ["index/events", "index/read"],
    )
    assert all(change["changed_by"] and change["changed_at"] for change in changes)
    for statement in ("UPDATE {} SET name = 'x'", "DELETE FROM {}", "TRUNCATE {}"):
        with pytest.raises(Exception, match="append-only"):
            conn.execute(statement.format("api_client_version").encode())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((*ADD,), "keys are in one place"),
        ((*ADD, "--jwks-url", "http://county.example/jwks"), "must be https"),
        ((*ADD, "--jwks-url", "https://x.example/", "--issuer", "https://id.example"), "keys are in one place"),
        ((*ADD, "--scope", "everything", "--generate-key", "k.json"), "no scope everything"),
        ((*ADD, "--purpose", "FUN", "--generate-key", "k.json"), "no purpose of use FUN"),
        (("clients", "add", "demo", "--purpose", "TREAT", "--generate-key", "k.json"), "needs a scope"),
        (("clients", "add", "demo", "--scope", "index/read", "--generate-key", "k.json"), "needs a purpose"),
        (("clients", "add", "a b", *ADD[3:], "--generate-key", "k.json"), "client id must be"),
        (("clients", "disable", "nobody"), "no client of this id"),
        (("clients", "show", "nobody\x00"), "no client of this id"),
        (("clients", "rotate", "nobody"), "Which is the new key?"),
    ],
)
def test_what_cannot_be_is_refused_with_advice(
    person_index: PersonIndex, arguments: tuple[str, ...], told: str
) -> None:
    answer = person_index(*arguments)
    assert answer.code == 2
    assert told in answer.err
    assert not Path("k.json").exists()  # no key is left lying about


def test_a_key_file_that_is_there_is_not_overwritten_and_nothing_is_registered(person_index: PersonIndex) -> None:
    Path("k.json").write_text("precious")
    answer = person_index(*ADD, "--generate-key", "k.json")
    assert (answer.code, Path("k.json").read_text()) == (1, "precious")
    assert person_index("clients", "list", "--json").json() == {"clients": []}


def test_an_id_is_never_given_twice(conn: Connection) -> None:
    mint_client(conn)
    with pytest.raises(ClientRefused, match="county already"):
        mint_client(conn)


def test_keys_that_are_elsewhere_are_not_rotated_here(conn: Connection) -> None:
    county = mint_client(conn, jwks_url="https://county.example/jwks.json")
    with pytest.raises(ClientRefused, match="not kept here"):
        clients.rotate(
            conn,
            "county",
            dict(county.key.as_dict(private=False)),
            who="tests",
            reason="test",
            now=now_utc(),
            overlap=clients.USUAL_OVERLAP,
        )


def test_a_key_id_is_never_used_for_another_key(conn: Connection) -> None:
    """Else a token request could not say which of two keys signed it."""
    county = mint_client(conn)
    other = clients.new_client_key().as_dict(private=False) | {"kid": county.key.kid}
    with pytest.raises(ClientRefused, match="has had a key with the id"):
        clients.rotate(conn, "county", other, who="tests", reason="test", now=now_utc(), overlap=clients.USUAL_OVERLAP)


def test_of_two_changes_at_once_the_second_is_refused(conn: Connection) -> None:
    county = mint_client(conn).client
    clients.set_status(conn, "county", "disabled", who="one", reason="test")
    with pytest.raises(ClientChangedMeanwhile):
        store.add_version(conn, replace(county, version=2, scopes=("index/write",)), reason="test", who="two")


def test_nothing_changes_where_nothing_is_named(conn: Connection) -> None:
    mint_client(conn)
    with pytest.raises(ClientRefused, match="Nothing would change"):
        clients.change(conn, "county", PURPOSES, who="tests", reason="test")


def test_the_services_keys_are_rotated_and_listed(
    person_index: PersonIndex, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PERSON_INDEX_SIGNING_KEYS", str(tmp_path / "signing-keys.json"))  # no other test's
    assert "no key yet" in person_index("keys", "list").out
    assert len(person_index("keys", "rotate", "--json").json()["keys"]) == 1
    assert len(person_index("keys", "rotate", "--json").json()["keys"]) == 2
    assert Settings().signing_keys.exists()
    listed = person_index("keys", "list").out
    assert "verifies until" in listed
    assert '"d"' not in listed
    assert len(person_index("keys", "rotate", "--at-once", "--json").json()["keys"]) == 1


def test_the_commands_are_in_the_help() -> None:
    assert cli.run(["clients", "--help"]) == 0
