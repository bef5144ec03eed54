"""The token endpoint: SMART Backend Services, with an assertion signed by hand; and everything that it refuses."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from index_service.access.clients import rotate, set_status
from index_service.access.errors import TokenRefused
from index_service.access.jose import CLIENT_ALGORITHMS, take_apart
from index_service.access.key_sets import Fetched
from index_service.access.signing_keys import new_key, now_utc
from index_service.store.access import use_assertion
from index_service.store.connection import Connection, access_pool
from tests.index_service.access.conftest import Serve, protected_app
from tests.index_service.access.forging import claims_of, encoded_bytes, forged, public_key_as_secret
from tests.index_service.access.minting import BASE, TOKEN_URL, Minted, bearer, mint_client, token_form

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig", "alg": "RS384"})


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines


def post(serve: Serve, form: dict[str, str], **settings: Any) -> httpx.Response:
    answers: list[httpx.Response] = []

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        answers.append(await client.post("/oauth/token", data=form))

    serve(use, **settings)
    return answers[0]


@pytest.mark.parametrize("key", [None, RSA], ids=["ES384", "RS384"])
def test_a_signed_assertion_brings_a_token_that_opens_the_api(
    conn: Connection, serve: Serve, key: RSAKey | None
) -> None:
    """By hand: what a client library of any language does."""
    county = mint_client(conn, key=key)

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        discovery = (await client.get("/.well-known/smart-configuration")).json()
        now = int(time.time())
        signed = jwt.encode(
            {"alg": "RS384" if key else "ES384", "kid": county.key.kid, "typ": "JWT"},
            {
                "iss": "county",
                "sub": "county",
                "aud": discovery["token_endpoint"],
                "exp": now + 300,
                "jti": "first-ever",
            },
            county.key,
            algorithms=["RS384", "ES384"],
        )
        answer = await client.post(discovery["token_endpoint"], data=token_form(signed))
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        given = answer.json()
        assert (given["token_type"], given["expires_in"], given["scope"]) == ("bearer", 300, "index/read")
        keys = KeySet.import_key_set((await client.get(discovery["jwks_uri"])).json())
        token = jwt.decode(given["access_token"], keys, algorithms=["ES384"])
        assert (token.header["typ"], token.header["alg"]) == ("at+jwt", "ES384")
        said = token.claims
        assert (said["iss"], said["aud"], said["sub"], said["client_id"]) == (BASE, BASE, "county", "county")
        assert said["exp"] - said["iat"] == 300
        assert said["extensions"]["ihe_iua"]["purpose_of_use"] == [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}
        ]
        answer = await client.get("/v1/persons/nobody", headers=bearer(given["access_token"]))
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:person-index:not-found")

    serve(use)


def test_discovery_says_what_smart_requires(serve: Serve) -> None:
    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        answer = (await client.get("/.well-known/smart-configuration")).json()
        assert answer == (await client.get("/fhir/.well-known/smart-configuration")).json()
        assert answer["token_endpoint"] == TOKEN_URL
        assert answer["grant_types_supported"] == ["client_credentials"]
        assert answer["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
        assert answer["token_endpoint_auth_signing_alg_values_supported"] == ["RS384", "ES384"]
        assert "client-confidential-asymmetric" in answer["capabilities"]
        for key in (await client.get("/.well-known/jwks.json")).json()["keys"]:
            assert "d" not in key

    serve(use)


NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ({"aud": "https://elsewhere.example/oauth/token"}, "aud must be"),
        ({"aud": BASE}, "aud must be"),
        ({"aud": [TOKEN_URL, "https://elsewhere.example"]}, "aud must be"),
        ({"aud": None}, "aud must be"),
        ({"exp": NOW - 60}, "expired"),
        ({"exp": NOW + 3600}, "at most 300 s"),
        ({"exp": None}, "exp is missing"),
        ({"exp": "soon"}, "seconds since 1970"),
        ({"exp": True}, "seconds since 1970"),
        ({"exp": 10**30}, "seconds since 1970"),
        ({"nbf": NOW + 200}, "of the future"),
        ({"iat": NOW + 200}, "of the future"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": "j" * 201}, "jti"),
        ({"jti": 7}, "jti"),
        ({"sub": "another"}, "iss and sub"),
        ({"iss": "county\x00", "sub": "county\x00"}, "iss and sub"),
        ({"iss": ["county"], "sub": ["county"]}, "iss and sub"),
    ],
)
def test_an_assertion_that_is_wrong_by_itself_is_refused_and_told_why(
    conn: Connection, serve: Serve, claims: dict[str, Any], told: str
) -> None:
    answer = post(serve, mint_client(conn).form(**claims))
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"
    assert told in answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"


def test_who_is_known_here_is_told_to_nobody(
    conn: Connection, serve: Serve, logged: list[structlog.typing.EventDict]
) -> None:
    """Unknown, wrong key, disabled, another issuer's, used before: one answer, byte for byte; the log knows which."""
    county = mint_client(conn)
    stopped = mint_client(conn, "stopped")
    set_status(conn, "stopped", "disabled", who="tests", reason="test")
    elsewhere = mint_client(conn, "elsewhere", issuer="https://id.example")
    stranger = Minted(county.client, new_key())
    impostor = Minted(county.client, ECKey.generate_key("P-384", {"kid": str(county.key.kid)}))
    used = county.form()
    unknown = token_form(stranger.assertion(iss="nobody", sub="nobody"))
    answers: list[httpx.Response] = []

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.post("/oauth/token", data=used)).status_code == 200
        for form in (unknown, stranger.form(), impostor.form(), stopped.form(), elsewhere.form(), used):
            answers.append(await client.post("/oauth/token", data=form))

    serve(use)
    assert {(answer.status_code, answer.content) for answer in answers} == {
        (401, b'{"error":"invalid_client","error_description":"The client assertion is not accepted."}')
    }
    reasons = [line["reason"] for line in logged if line["event"] == "token_refused"]
    assert reasons == ["client", "key", "signature", "disabled", "client", "replay"]


def forge(county: Minted, **header: object) -> str:
    """An assertion of the client with something else in its header, truly signed."""
    usual = {"alg": "ES384", "kid": county.key.kid}
    return forged({**usual, **header}, claims_of(county.assertion()), county.key)


FORGERIES: dict[str, Callable[[Minted], str]] = {
    "unsigned": lambda county: forged({"alg": "none"}, claims_of(county.assertion()), None),
    "unsigned, spelled otherwise": lambda county: forged(
        {"alg": "nOnE", "kid": county.key.kid}, claims_of(county.assertion()), None
    ),
    "public key as a shared secret": lambda county: forged(
        {"alg": "HS384", "kid": county.key.kid}, claims_of(county.assertion()), public_key_as_secret(county.key)
    ),
    "another curve's algorithm": lambda county: forged(
        {"alg": "ES256", "kid": county.key.kid}, claims_of(county.assertion()), ECKey.generate_key("P-256")
    ),
    "two parts": lambda county: "a.b",
    "four parts": lambda county: "a.b.c.d",
    "no base64url": lambda county: "é.b.c",
    "oversized": lambda county: "x" * 8193,
    "no JSON": lambda county: f"{encoded_bytes(b'nothing')}.{encoded_bytes(b'nothing')}.AA",
    "deeply nested": lambda county: forged({"alg": "ES384"}, encoded_bytes(b"[" * 5000), None),
    "a number of many digits": lambda county: forged({"alg": "ES384"}, encoded_bytes(b"9" * 5500), None),
    "not a number": lambda county: forged({"alg": "ES384"}, encoded_bytes(b'{"exp": NaN}'), None),
    "signature cut off": lambda county: county.assertion()[:-4] + "AAAA",
    "brings its own key": lambda county: forge(county, jwk=dict(county.key.as_dict(private=False))),
    "names where to fetch a key": lambda county: forge(county, jku="https://evil.example/jwks.json"),
    "names a certificate": lambda county: forge(county, x5u="https://evil.example/certificate"),
    "demands an extension": lambda county: forge(county, crit=["exp"]),
    "key id is a path": lambda county: forge(county, kid="../../../etc/passwd"),
    "key id is SQL": lambda county: forge(county, kid="' OR 1=1 --"),
    "key id is no text": lambda county: forge(county, kid=["a"]),
    "key id with a line end": lambda county: forge(county, kid="a\r\nX-Evil: 1"),
    "is an access token": lambda county: forge(county, typ="at+jwt"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged_assertions_are_refused(conn: Connection, serve: Serve, forgery: str) -> None:
    answer = post(serve, token_form(FORGERIES[forgery](mint_client(conn))))
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_client"


@given(st.text(max_size=60) | st.from_regex(r"\A[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,9}\Z"))
def test_no_text_makes_taking_apart_fail_otherwise_than_by_refusing(text: str) -> None:
    with pytest.raises(TokenRefused):
        take_apart(text, CLIENT_ALGORITHMS)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=6), part, max_size=3),
        max_leaves=8,
    ),
    st.dictionaries(st.sampled_from(["kid", "typ", "crit", "b64", "jwk", "x5c", "zip"]), st.integers() | st.text()),
)
def test_any_header_and_claims_are_taken_apart_or_refused(claims: object, header: dict[str, object]) -> None:
    try:
        taken = take_apart(forged({"alg": "ES384", **header}, claims, None), CLIENT_ALGORITHMS)
    except TokenRefused:
        return
    assert isinstance(claims, dict)
    assert taken.header.keys() <= {"alg", "kid", "typ"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"grant_type": ""}, "invalid_request"),
        ({"client_assertion": ""}, "invalid_request"),
        ({"client_assertion_type": "urn:other"}, "invalid_request"),
        ({"scope": ""}, "invalid_scope"),
        ({"scope": "index/write"}, "invalid_scope"),  # known, but not this client's
        ({"scope": "index/read everything"}, "invalid_scope"),
        ({"scope": "system/*.cruds"}, "invalid_scope"),
    ],
)
def test_a_wrong_request_names_the_error_of_oauth(
    conn: Connection, serve: Serve, change: dict[str, str], error: str
) -> None:
    answer = post(serve, {**mint_client(conn).form(), **change})
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{}", "application/json"),
        (b"grant_type=client_credentials&grant_type=client_credentials", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"nothing", "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 20_000, "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % number for number in range(50)), "application/x-www-form-urlencoded"),
    ],
)
def test_what_is_no_form_is_an_invalid_request(serve: Serve, body: bytes, content_type: str) -> None:
    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        answer = await client.post("/oauth/token", content=body, headers={"Content-Type": content_type})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    serve(use)


def test_a_token_is_bound_to_the_purposes_that_the_assertion_states(conn: Connection, serve: Serve) -> None:
    county = mint_client(conn, purposes=["TREAT", "COURT"])
    udap = {"hl7-b2b": {"version": "1", "purpose_of_use": ["urn:oid:2.16.840.1.113883.5.8#COC"], "subject_name": "Ann"}}

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        given = (await client.post("/oauth/token", data=county.form(extensions=udap))).json()["access_token"]
        said = claims_of(given)["extensions"]["ihe_iua"]  # type: ignore[index]
        assert [coding["code"] for coding in said["purpose_of_use"]] == ["COC"]
        assert said["subject_name"] == "Ann"
        wider = {"ihe_iua": {"purpose_of_use": [{"code": "HRESCH"}]}}
        refused = await client.post("/oauth/token", data=county.form(extensions=wider))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")

    serve(use)


def test_of_two_uses_of_one_assertion_at_once_one_wins_in_whichever_process(
    conn: Connection, database_url: str, signing_keys: Path
) -> None:
    """Two services with pools of their own share nothing but the database."""
    county = mint_client(conn)
    rounds = [county.form() for _ in range(8)]

    async def run() -> list[list[int]]:
        apps = [protected_app(database_url, signing_keys) for _ in range(2)]
        async with AsyncExitStack() as stack:
            clients = []
            for app in apps:
                await stack.enter_async_context(app.router.lifespan_context(app))
                client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)
                clients.append(await stack.enter_async_context(client))
            outcomes = []
            for form in rounds:
                answers = [client.post("/oauth/token", data=form) for client in clients * 3]
                outcomes.append(sorted(answer.status_code for answer in await asyncio.gather(*answers)))
            return outcomes

    assert asyncio.run(run()) == [[200, 401, 401, 401, 401, 401]] * len(rounds)


def test_an_assertion_is_used_up_while_another_use_has_not_ended(conn: Connection, database_url: str) -> None:
    """The second waits for the first to commit, and then finds it used: proved with a transaction held open."""

    async def run() -> tuple[bool, bool, bool]:
        pool = access_pool(database_url)
        await pool.open()
        now = now_utc()
        later = now + timedelta(minutes=6)
        async with pool.connection() as first, pool.connection() as second:
            async with first.transaction():
                won = await use_assertion(first, "county", "one", now=now, expires_at=later)
                waiting = asyncio.create_task(use_assertion(second, "county", "one", now=now, expires_at=later))
                await asyncio.sleep(0.2)
                still_waiting = not waiting.done()
            lost = await waiting
        await pool.close()
        return won, still_waiting, lost

    assert asyncio.run(run()) == (True, True, False)


def test_old_assertions_are_forgotten_and_no_others(conn: Connection, database_url: str) -> None:
    async def run() -> None:
        pool = access_pool(database_url)
        await pool.open()
        now = now_utc()
        async with pool.connection() as one:
            for age in (-1, 1):
                await use_assertion(one, "county", f"jti {age}", now=now, expires_at=now + timedelta(seconds=age))
            await use_assertion(one, "county", "third", now=now, expires_at=now + timedelta(seconds=60))
        await pool.close()

    asyncio.run(run())
    assert conn.execute("SELECT count(*) FROM client_assertion_used").fetchone() == (2,)


def test_rotation_overlaps_and_an_ended_key_is_refused(conn: Connection, serve: Serve) -> None:
    county = mint_client(conn)
    newer = Minted(county.client, new_key())
    newest = Minted(county.client, new_key())

    def turn_over(minted: Minted, overlap: timedelta) -> None:
        public = dict(minted.key.as_dict(private=False))
        rotate(conn, "county", public, who="tests", reason="test", now=now_utc(), overlap=overlap)

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        async def statuses() -> list[int]:
            forms = [each.form() for each in (county, newer, newest)]
            return [(await client.post("/oauth/token", data=form)).status_code for form in forms]

        assert await statuses() == [200, 401, 401]
        turn_over(newer, timedelta(days=1))
        assert await statuses() == [200, 200, 401]
        turn_over(newest, timedelta(0))
        assert await statuses() == [401, 401, 200]

    serve(use)


def test_a_key_ends_when_its_overlap_is_over(conn: Connection, serve: Serve) -> None:
    county = mint_client(conn)
    newer = Minted(county.client, new_key())
    two_days_ago = now_utc() - timedelta(days=2)
    public = dict(newer.key.as_dict(private=False))
    kept = rotate(conn, "county", public, who="tests", reason="test", now=two_days_ago, overlap=timedelta(days=1))
    assert len(kept.client.keys) == 2

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        assert (await client.post("/oauth/token", data=county.form())).status_code == 401
        assert (await client.post("/oauth/token", data=newer.form())).status_code == 200

    serve(use)


def test_a_client_may_publish_its_keys_at_a_url(
    conn: Connection, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "https://county.example/jwks.json"
    county = mint_client(conn, jwks_url=url)
    published = {"keys": [dict(county.key.as_dict(private=False))]}
    asked: list[str] = []

    async def fetch(address: str) -> Fetched:
        asked.append(address)
        return Fetched(json.dumps(published).encode(), 300)

    monkeypatch.setattr("index_service.access.key_sets.fetch_document", fetch)

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        for _ in range(3):
            assert (await client.post("/oauth/token", data=county.form())).status_code == 200
        naming_it = token_form(forge(county, jku=url))
        assert (await client.post("/oauth/token", data=naming_it)).status_code == 200
        another = token_form(forge(county, jku="https://county.example/other.json"))
        assert (await client.post("/oauth/token", data=another)).status_code == 401

    serve(use)
    assert asked == [url]


def test_an_address_that_keeps_failing_has_to_wait(conn: Connection, serve: Serve) -> None:
    stranger = Minted(mint_client(conn).client, new_key())

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        statuses = [(await client.post("/oauth/token", data=stranger.form())).status_code for _ in range(70)]
        assert set(statuses[:60]) == {401}
        assert statuses[-1] == 429

    serve(use)


def test_nothing_secret_reaches_the_log(
    conn: Connection, serve: Serve, logged: list[structlog.typing.EventDict]
) -> None:
    county = mint_client(conn)
    secrets: list[str] = []

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        form = county.form()
        given = (await client.post("/oauth/token", data=form)).json()["access_token"]
        await client.post("/oauth/token", data=form)
        await client.get("/v1/events", headers=bearer(given))
        await client.get("/v1/events", headers=bearer(given[:-3] + "AAA"))
        secrets.extend(part for text in (given, form["client_assertion"]) for part in text.split(".")[1:])

    serve(use)
    told = json.dumps(logged)
    assert [secret for secret in secrets if secret in told] == []
    assert {line["event"] for line in logged} >= {"token_given", "token_refused", "caller_refused", "request"}
    assert [line["client"] for line in logged if line["event"] == "token_given"] == ["county"]
