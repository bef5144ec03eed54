"""Requests with access tokens: who is let in, as whom, what for; and everybody who is not."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
import structlog
from fastapi import Depends, FastAPI, Request
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from index_service.access.callers import Caller, Clients
from index_service.access.clients import change, set_status
from index_service.access.errors import TokenRefused
from index_service.access.key_sets import FixedKeys
from index_service.access.signing_keys import SigningKeys, new_key, now_utc, rotate
from index_service.access.tokens import TokenVerifier, TrustedIssuer, issue, ourselves, outside
from index_service.http.access import Access, RequiresScope, caller_of, found_nothing
from index_service.settings import OutsideIssuer, Settings
from index_service.store.access import Client, Limits
from index_service.store.connection import Connection
from tests.index_service.access.conftest import Serve
from tests.index_service.access.forging import claims_of, forged, public_key_as_secret
from tests.index_service.access.minting import BASE, PURPOSES, bearer, mint_client, mint_token

WhoCalls = Annotated[Caller, Depends(caller_of)]
COUNTY = Client("county", "county", "Invented County", ("index/read",), ("TREAT",))


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        yield lines


# --- tokens -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def keys(signing_keys: Path) -> SigningKeys:
    return SigningKeys(signing_keys)


def own_token(keys: SigningKeys, now: float | None = None) -> str:
    issued = issue(
        COUNTY,
        issuer=BASE,
        keys=keys,
        scopes=("index/read",),
        purposes={"TREAT": "s"},
        user=None,
        now=now or time.time(),
    )
    return issued.text


def reason(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(TokenRefused) as refused:
        asyncio.run(verifier.verify(token))
    return str(refused.value.reason)


def own_key(keys: SigningKeys) -> ECKey:
    return keys.signing(now_utc())


class FromNow(int):
    """Seconds from the moment of the test: the cases are written down long before they run."""


CHANGES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "issued by nobody we know": ("issuer", {}, {"iss": "https://evil.example"}),
    "issuer is no text": ("issuer", {}, {"iss": [BASE]}),
    "meant for another": ("audience", {}, {"aud": "https://elsewhere.example"}),
    "meant for nobody": ("audience", {}, {"aud": None}),
    "meant for others": ("audience", {}, {"aud": ["https://elsewhere.example", 7]}),
    "expired": ("expired", {}, {"exp": FromNow(-60), "iat": FromNow(-200)}),
    "no expiry": ("claims", {}, {"exp": None}),
    "expiry is no number": ("claims", {}, {"exp": "2030-01-01"}),
    "not yet valid": ("not_yet_valid", {}, {"nbf": FromNow(120)}),
    "issued in the future": ("not_yet_valid", {}, {"iat": FromNow(120)}),
    "valid for a year": ("lifetime", {}, {"exp": FromNow(31_536_000)}),
    "valid for a year, without iat": ("lifetime", {}, {"exp": FromNow(31_536_000), "iat": None}),
    "no client": ("claims", {}, {"client_id": None}),
    "no id": ("claims", {}, {"jti": None}),
    "scope is a list": ("claims", {}, {"scope": ["index/read"]}),
    "an identity token": ("type", {"typ": "JWT"}, {}),
    "no type": ("type", {"typ": ""}, {}),
    "unknown key": ("key", {"kid": "swapped"}, {}),
    "no key id": ("key", {"kid": ""}, {}),
    "brings its own key": ("header", {"jwk": {"kty": "EC"}}, {}),
    "names where to fetch a key": ("header", {"jku": "https://evil.example/jwks.json"}, {}),
    "brings a certificate": ("header", {"x5c": ["AAAA"]}, {}),
    "demands an extension": ("header", {"crit": ["exp"], "exp": 1}, {}),
    "unencoded payload": ("header", {"b64": False, "crit": ["b64"]}, {}),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_token_that_is_not_quite_right_is_refused(keys: SigningKeys, case: str) -> None:
    """Each is truly signed with our own key, so that what is wrong is the one thing changed."""
    expected, header, changes = CHANGES[case]
    now = time.time()
    claims = {name: now + value if isinstance(value, FromNow) else value for name, value in changes.items()}
    key = own_key(keys)
    usual = {"alg": "ES384", "typ": "at+jwt", "kid": key.kid}
    token = forged({**usual, **header}, {**claims_of(own_token(keys)), **claims}, key)
    verifier = TokenVerifier(ourselves([BASE], keys, time.time), PURPOSES)
    assert reason(verifier, token) == expected
    assert asyncio.run(verifier.verify(forged(usual, claims_of(own_token(keys)), key))).client_id == "county"


@pytest.mark.parametrize("case", ["none", "empty none", "public key as secret", "another key", "RSA", "swapped parts"])
def test_a_token_that_we_did_not_sign_is_refused(keys: SigningKeys, case: str) -> None:
    key, claims = own_key(keys), claims_of(own_token(keys))
    header = {"alg": "ES384", "typ": "at+jwt", "kid": key.kid}
    other = ECKey.generate_key("P-384", {"kid": str(key.kid)})
    rsa = RSAKey.generate_key(2048, {"kid": str(key.kid)})
    first, second = own_token(keys).split("."), own_token(keys).split(".")
    token = {
        "none": forged({**header, "alg": "none"}, claims, None),
        "empty none": forged({**header, "alg": "none"}, claims, None).rpartition(".")[0] + ".",
        "public key as secret": forged({**header, "alg": "HS384"}, claims, public_key_as_secret(key)),
        "another key": forged(header, claims, other),
        "RSA": forged({**header, "alg": "RS384"}, claims, rsa),
        "swapped parts": ".".join((*first[:2], second[2])),
    }[case]
    verifier = TokenVerifier(ourselves([BASE], keys, time.time), PURPOSES)
    assert reason(verifier, token) in ("algorithm", "malformed", "signature")


@given(st.data())
def test_a_token_changed_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    keys = _kept_keys(tmp_path_factory)
    token = own_token(keys)
    place = data.draw(st.integers(0, len(token) - 2))  # the last character has spare bits
    character = data.draw(st.sampled_from("ABCxyz019-_.=$ \n\x00é"))
    changed = token[:place] + character + token[place + 1 :]
    if changed != token:
        assert reason(TokenVerifier(ourselves([BASE], keys, time.time), PURPOSES), changed)


def _kept_keys(factory: pytest.TempPathFactory, kept: list[SigningKeys] = []) -> SigningKeys:  # noqa: B006
    if not kept:
        kept.append(SigningKeys(factory.mktemp("keys") / "signing-keys.json"))
    return kept[0]


def test_a_cached_token_ends_with_its_time(keys: SigningKeys) -> None:
    clock = [time.time()]
    verifier = TokenVerifier(ourselves([BASE], keys, lambda: clock[0]), PURPOSES, clock=lambda: clock[0])
    token = own_token(keys, clock[0])
    assert asyncio.run(verifier.verify(token)) is asyncio.run(verifier.verify(token))
    clock[0] += 305
    assert asyncio.run(verifier.verify(token)).client_id == "county"  # tolerance
    clock[0] += 10
    assert reason(verifier, token) == "expired"
    assert reason(verifier, token) == "expired"  # not cached either


def test_the_cache_is_bounded_and_holds_no_refused_token(keys: SigningKeys) -> None:
    verifier = TokenVerifier(ourselves([BASE], keys, time.time), PURPOSES, room=3)
    for _ in range(5):
        asyncio.run(verifier.verify(own_token(keys)))
        reason(verifier, "a.b.c")
    assert len(verifier._verified) == 3


def test_verifying_again_costs_a_fraction(keys: SigningKeys) -> None:
    """Process time, in one run; the figures of a quiet machine are in docs/integrating.md."""
    tokens = [own_token(keys) for _ in range(30)]
    verifier = TokenVerifier(ourselves([BASE], keys, time.time), PURPOSES)

    async def all_of_them() -> float:
        began = time.process_time()
        for token in tokens:
            await verifier.verify(token)
        return (time.process_time() - began) / len(tokens)

    async def run() -> tuple[float, float]:
        return await all_of_them(), min([await all_of_them() for _ in range(5)])

    first_s, again_s = asyncio.run(run())
    assert again_s < first_s / 20


def test_our_keys_rotate_with_overlap(keys: SigningKeys, signing_keys: Path) -> None:
    clock = [time.time()]
    noticing = SigningKeys(signing_keys, clock=lambda: clock[0])
    verifier = TokenVerifier(ourselves([BASE], noticing, lambda: clock[0]), PURPOSES, clock=lambda: clock[0], room=0)

    def works(token: str) -> bool:
        try:
            return asyncio.run(verifier.verify(token)).client_id == "county"
        except TokenRefused:
            return False

    first = own_token(noticing, clock[0])
    began = now_utc()
    held = rotate(signing_keys, began)
    clock[0] += 2  # a running service looks at the file every second
    assert [key["kid"] for key in noticing.public(began)] == [key.kid for key in held]  # published before it signs
    still_old = own_token(noticing, clock[0])
    clock[0] += 605
    by_new = own_token(noticing, clock[0])
    kids = [json.loads(_header(token))["kid"] for token in (first, still_old, by_new)]
    assert kids == [held[0].kid, held[0].kid, held[1].kid]
    assert works(by_new)
    last_of_old = own_token(noticing, clock[0] - 10)  # the old key's last seconds
    assert json.loads(_header(last_of_old))["kid"] == held[0].kid
    assert works(last_of_old)
    assert [key["kid"] for key in noticing.public(began + timedelta(minutes=20))] == [held[1].kid]
    rotate(signing_keys, now_utc(), at_once=True)
    clock[0] += 2
    assert not works(by_new)


def _header(token: str) -> bytes:
    part = token.split(".")[0]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


# --- outside issuers --------------------------------------------------------------------------------------------------


def outside_claims(**claims: object) -> dict[str, object]:
    now = int(time.time())
    usual = {"iss": "https://id.example", "aud": "person-index", "azp": "county", "sub": "u-17", "iat": now}
    return {**usual, "exp": now + 900, "scope": "index/read openid", **claims}


def test_tokens_of_an_outside_issuer_are_accepted_for_its_own_clients(
    conn: Connection, serve: Serve, tmp_path: Path
) -> None:
    key = RSAKey.generate_key(2048, {"kid": "outside", "use": "sig"})
    published = tmp_path / "jwks.json"
    published.write_text(json.dumps({"keys": [dict(key.as_dict(private=False))]}))
    mint_client(conn, "county", issuer="https://id.example", purposes=["TREAT", "COURT"])
    mint_client(conn, "ours")
    issuer = OutsideIssuer(issuer="https://id.example", audience="person-index", jwks_file=published)

    def token(alg: str = "RS256", **claims: object) -> str:
        return forged({"alg": alg, "typ": "at+jwt", "kid": "outside"}, outside_claims(**claims), key)

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        add_probe(app)

        async def status(text: str) -> int:
            return (await client.get("/v1/probe", headers=bearer(text, "TREAT"))).status_code

        said = {"subject_name": "Ann Steward", "subject_role": [{"code": "worker"}], "purpose_of_use": "TREAT"}
        answer = await client.get("/v1/probe", headers=bearer(token(extensions={"ihe_iua": said})))
        assert answer.json() == {
            "client_id": "county",
            "user": ["https://id.example", "u-17", "Ann Steward", ["worker"]],
            "scopes": ["index/read"],
            "purpose": "TREAT",
        }
        assert await status(token(client_id="county")) == 200
        assert await status(token(azp="ours")) == 401  # another issuer's client: nobody may speak for it
        assert await status(token(azp="nobody")) == 401
        assert await status(token(iss=BASE)) == 401  # its key is not ours
        assert await status(token("PS256")) == 401  # not on the list of algorithms
        assert await status(token(exp=int(time.time()) + 86_400)) == 401
        internal = mint_token(app, replace(COUNTY, client_id="county"))
        assert await status(internal) == 401  # ours, but the client is the outside issuer's

    serve(use, issuers=(issuer,))


def test_an_issuer_whose_keys_cannot_be_had_is_our_trouble_not_the_callers(serve: Serve, tmp_path: Path) -> None:
    issuer = OutsideIssuer(issuer="https://id.example", audience="person-index", jwks_file=tmp_path / "missing.json")
    token = forged({"alg": "ES384", "typ": "at+jwt", "kid": "k"}, outside_claims(), new_key())

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        answer = await client.get("/v1/events", headers=bearer(token))
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:person-index:access-unavailable")
        assert answer.headers["retry-after"]

    serve(use, issuers=(issuer,))


def test_a_listed_algorithm_that_is_symmetric_stays_out() -> None:
    listed = OutsideIssuer(
        issuer="i", audience="a", jwks_url="https://x.example/", algorithms=("HS256", "none", "ES384")
    )
    assert outside(listed).algorithms == {"ES384"}


# --- requests ---------------------------------------------------------------------------------------------------------


def add_probe(app: FastAPI) -> None:
    """Routes that tell who asks, and one that demands a scope."""

    @app.get("/v1/probe")
    async def probe(caller: WhoCalls) -> dict[str, object]:
        user = caller.user
        return {
            "client_id": caller.client_id,
            "user": user and [user.issuer, user.subject, user.name, list(user.roles)],
            "scopes": sorted(caller.scopes),
            "purpose": caller.purpose,
        }

    @app.get("/v1/writing", dependencies=[Depends(RequiresScope("index/write"))])
    async def writing() -> str:
        return "written"

    @app.get("/v1/resolving")
    async def resolving(request: Request, known: bool = False) -> str:
        if not known:
            found_nothing(request)
        return "a candidate" if known else "none"

    @app.post("/v1/reading")
    async def reading(caller: WhoCalls, body: dict[str, str]) -> str:
        return "read"


def test_without_a_token_nothing_but_health_and_what_leads_to_a_token_answers(serve: Serve) -> None:
    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        add_probe(app)
        for path in ("/v1/events", "/v1/persons/x", "/v1/probe", "/v1/no/such/route", "/v1", "/fhir/Patient", "/fhir"):
            answer = await client.get(path)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == 'Bearer realm="person-index"'
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["type"] == "urn:person-index:token-missing"
        for path in ("/healthz", "/.well-known/smart-configuration", "/.well-known/jwks.json"):
            assert (await client.get(path)).status_code == 200, path

    serve(use)


def test_a_body_is_not_read_before_the_caller_is_known(serve: Serve) -> None:
    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        add_probe(app)
        assert (await client.post("/v1/reading", content=b"{not json")).status_code == 401

    serve(use)


@pytest.mark.parametrize(
    "authorization",
    [
        ["Basic dXNlcjpwYXNz"],
        ["Bearer"],
        ["Bearer "],
        ["Bearer a b"],
        ["Bearer a.b.c"],
        ["a.b.c"],
        ["Bearer \xff"],
        ["Bearer " + "x" * 9000],
        ["Bearer a.b.c", "Bearer a.b.c"],
    ],
)
def test_what_is_no_token_is_refused_with_a_challenge(serve: Serve, authorization: list[str]) -> None:
    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        headers = [("Authorization", value.encode("latin-1")) for value in authorization]
        answer = await client.get("/v1/events", headers=[(name.encode(), value) for name, value in headers])
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith('Bearer realm="person-index", error="invalid_token"')
        assert answer.json()["type"] == "urn:person-index:token-refused"

    serve(use)


def test_a_token_in_the_query_is_no_token(conn: Connection, serve: Serve) -> None:
    county = mint_client(conn)

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        answer = await client.get("/v1/events", params={"access_token": mint_token(app, county.client)})
        assert answer.status_code == 401

    serve(use)


def test_the_caller_is_whom_the_token_names(conn: Connection, serve: Serve) -> None:
    county = mint_client(conn)

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        add_probe(app)
        token = mint_token(app, county.client, scopes=["index/read"])
        answer = await client.get("/v1/probe", headers=bearer(token))
        told = {"client_id": "county", "user": None, "scopes": ["index/read"], "purpose": "TREAT"}
        assert answer.json() == told
        refused = await client.get("/v1/writing", headers=bearer(token))
        assert refused.status_code == 403
        assert refused.headers["www-authenticate"] == (
            'Bearer realm="person-index", error="insufficient_scope", scope="index/write"'
        )

    serve(use)


@pytest.mark.parametrize(
    ("allowed", "bound", "stated", "outcome"),
    [
        (["TREAT"], ["TREAT"], None, "TREAT"),  # nothing to choose
        (["TREAT"], ["TREAT"], "TREAT", "TREAT"),
        (["TREAT"], ["TREAT"], "COC", "COC"),  # included
        (["TREAT"], ["TREAT"], "http://terminology.hl7.org/CodeSystem/v3-ActReason|TREAT", "TREAT"),
        (["TREAT", "COURT"], ["TREAT", "COURT"], "COURT", "COURT"),
        (["TREAT", "COURT"], ["TREAT", "COURT"], None, 400),  # which?
        (["TREAT", "COURT"], ["COURT"], None, "COURT"),  # the token says which
        (["TREAT", "COURT"], ["COURT"], "TREAT", 403),  # narrowed by the token
        (["TREAT"], ["TREAT", "COURT"], "COURT", 403),  # taken from the client since
        (["TREAT"], ["COURT"], None, 400),
        (["TREAT"], ["TREAT"], "BTG", 403),
        (["TREAT"], ["TREAT"], "HRESCH", 403),
        (["TREAT"], ["TREAT"], "nonsense", 403),
        (["TREAT"], ["TREAT"], "", 403),
    ],
)
def test_a_purpose_of_use_is_stated_or_bound_and_never_widened(
    conn: Connection, serve: Serve, allowed: list[str], bound: list[str], stated: str | None, outcome: str | int
) -> None:
    county = mint_client(conn, purposes=allowed)

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        add_probe(app)
        headers = bearer(mint_token(app, county.client, purposes=bound))
        headers |= {} if stated is None else {"X-Purpose-Of-Use": stated}
        answer = await client.get("/v1/probe", headers=headers)
        assert (answer.json()["purpose"] if isinstance(outcome, str) else answer.status_code) == outcome

    serve(use)


def test_a_purpose_stated_twice_is_refused(conn: Connection, serve: Serve) -> None:
    county = mint_client(conn)

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        token = mint_token(app, county.client)
        headers = [("Authorization", f"Bearer {token}"), ("X-Purpose-Of-Use", "TREAT"), ("X-Purpose-Of-Use", "COC")]
        assert (await client.get("/v1/events", headers=headers)).status_code == 403

    serve(use)


def test_a_disabled_clients_live_token_is_refused_within_a_second(
    conn: Connection, serve: Serve, logged: list[structlog.typing.EventDict]
) -> None:
    county = mint_client(conn)

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        headers = bearer(mint_token(app, county.client))
        assert (await client.get("/v1/events", headers=headers)).status_code == 200
        set_status(conn, "county", "disabled", who="tests", reason="test")
        await asyncio.sleep(1.05)
        assert (await client.get("/v1/events", headers=headers)).status_code == 401
        set_status(conn, "county", "active", who="tests", reason="test")
        await asyncio.sleep(1.05)
        assert (await client.get("/v1/events", headers=headers)).status_code == 200

    serve(use)
    assert [line["reason"] for line in logged if line["event"] == "caller_refused"] == ["disabled"]


def test_a_scope_taken_from_a_client_is_gone_from_its_live_tokens(conn: Connection, serve: Serve) -> None:
    county = mint_client(conn, scopes=["index/read", "index/write"])
    change(conn, "county", PURPOSES, who="tests", reason="test", scopes=["index/read"])

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        add_probe(app)
        headers = bearer(mint_token(app, county.client))
        assert (await client.get("/v1/probe", headers=headers)).json()["scopes"] == ["index/read"]
        assert (await client.get("/v1/writing", headers=headers)).status_code == 403

    serve(use)


def test_a_client_that_asks_too_often_waits_and_others_do_not(conn: Connection, serve: Serve) -> None:
    hasty = mint_client(conn, "hasty", limits=Limits(requests_per_second=0.5, burst=3))
    calm = mint_client(conn, "calm")

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        headers = bearer(mint_token(app, hasty.client))
        statuses = [(await client.get("/v1/events", headers=headers)).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        answer = await client.get(
            "/v1/events", headers=bearer(mint_token(app, hasty.client))
        )  # a new token: same client
        assert (answer.status_code, answer.json()["type"]) == (429, "urn:person-index:too-many-requests")
        assert answer.headers["retry-after"] == "2"
        assert (await client.get("/v1/events", headers=bearer(mint_token(app, calm.client)))).status_code == 200

    serve(use)


def test_who_guesses_ids_has_to_wait_even_if_some_are_right(conn: Connection, serve: Serve) -> None:
    """A known id now and then buys no more guesses; resolving nobody counts as much as a 404."""
    guesser = mint_client(conn, "guesser", limits=Limits(not_found_per_minute=4))

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        add_probe(app)
        headers = bearer(mint_token(app, guesser.client))
        for path in ("/v1/persons/guess", "/v1/resolving", "/v1/persons/guess2", "/v1/resolving"):
            assert (await client.get(path, headers=headers)).status_code in (200, 404)
            assert (await client.get("/v1/resolving?known=1", headers=headers)).status_code in (200, 429)
        answer = await client.get("/v1/resolving?known=1", headers=headers)
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 15

    serve(use)


def test_the_log_names_the_client_of_a_request(
    conn: Connection, serve: Serve, logged: list[structlog.typing.EventDict]
) -> None:
    county = mint_client(conn)

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        await client.get("/v1/events", headers=bearer(mint_token(app, county.client)))

    serve(use)
    assert [line.get("client") for line in logged if line["event"] == "request"] == ["county"]


def test_a_caller_cannot_be_changed() -> None:
    caller = Caller("c", "o", None, frozenset(), frozenset(), "TREAT", "t")
    with pytest.raises(AttributeError):
        caller.client_id = "d"  # type: ignore[misc]


def test_keys_of_two_issuers_with_one_kid_are_not_confused(keys: SigningKeys) -> None:
    """A token that says it is ours is tried with our keys alone."""
    own = own_key(keys)
    theirs = ECKey.generate_key("P-384", {"kid": str(own.kid)})
    foreign = TrustedIssuer(
        "https://id.example",
        FixedKeys((theirs,)),
        frozenset({BASE}),
        frozenset({"ES384"}),
        frozenset({"at+jwt"}),
        300,
    )
    verifier = TokenVerifier([*ourselves([BASE], keys, time.time), foreign], PURPOSES)
    header = {"alg": "ES384", "typ": "at+jwt", "kid": own.kid}
    claims = claims_of(own_token(keys))
    assert reason(verifier, forged(header, claims, theirs)) == "signature"
    foreign_claims = {**claims, "iss": "https://id.example"}
    assert asyncio.run(verifier.verify(forged(header, foreign_claims, theirs))).issuer == "https://id.example"
    assert reason(verifier, forged(header, foreign_claims, own)) == "signature"


def test_an_issuer_signs_with_its_own_algorithms_and_a_key_with_the_one_it_names(keys: SigningKeys) -> None:
    """What another issuer may sign with, or the key set holds, widens nothing."""
    curve = ECKey.generate_key("P-384", {"kid": "curve"})
    rsa = RSAKey.generate_key(2048, {"kid": "rsa", "alg": "RS256"})
    foreign = TrustedIssuer(
        "https://id.example",
        FixedKeys((curve, rsa)),
        frozenset({BASE}),
        frozenset({"RS256", "PS256"}),
        frozenset({"at+jwt"}),
        300,
    )
    verifier = TokenVerifier([*ourselves([BASE], keys, time.time), foreign], PURPOSES)
    claims = {**claims_of(own_token(keys)), "iss": "https://id.example"}
    assert asyncio.run(verifier.verify(forged({"alg": "RS256", "typ": "at+jwt", "kid": "rsa"}, claims, rsa)))
    assert reason(verifier, forged({"alg": "ES384", "typ": "at+jwt", "kid": "curve"}, claims, curve)) == "algorithm"
    assert reason(verifier, forged({"alg": "PS256", "typ": "at+jwt", "kid": "rsa"}, claims, rsa)) == "key"


def test_the_service_is_bound_to_the_names_in_its_settings(database_url: str, signing_keys: Path) -> None:
    access = Access(database_url, Settings(port=8123, signing_keys=signing_keys))
    assert access.base_urls == ("http://127.0.0.1:8123", "http://localhost:8123", "http://[::1]:8123")


def test_refusals_of_a_known_client_are_in_the_ledger_and_cannot_flood_it(conn: Connection, serve: Serve) -> None:
    mint_client(conn, "stranger")
    hasty = mint_client(conn, "hasty", scopes=["index/read"], limits=Limits(requests_per_second=0.01, burst=3))

    async def use(client: httpx.AsyncClient, app: FastAPI) -> None:
        headers = bearer(mint_token(app, hasty.client))
        assert (await client.get("/v1/reviews", headers=headers)).status_code == 403
        assert (await client.post("/v1/resolve", headers=headers, json={})).status_code == 403
        answer = await client.get("/v1/events", headers={**headers, "X-Purpose-Of-Use": "HRESCH"})
        assert answer.status_code == 403
        for _ in range(60):
            assert (await client.get("/v1/persons/1", headers=headers)).status_code == 429
        assert (await client.get("/v1/events", headers={"Authorization": "Bearer nobody"})).status_code == 401

    serve(use)
    rows = conn.execute(
        "SELECT client_id, action, outcome, reason, person_id FROM disclosure ORDER BY disclosure_id"
    ).fetchall()
    assert {row[:3] for row in rows} == {("hasty", "access", "refused")}
    assert {row[4] for row in rows} == {None}
    reasons = [reason for _, _, _, reason, _ in rows]
    assert reasons[:2] == ["This needs the scope index/review.", "This needs the scope index/resolve."]
    assert "purpose" in reasons[2]
    assert 20 < len([reason for reason in reasons if reason.startswith("Too many requests")]) < 60


# --- many at once -----------------------------------------------------------------------------------------------------


def test_many_requests_at_once_read_the_client_once() -> None:
    """Whoever gives up breaks nothing off; what could not be read is asked for again."""
    reads: list[str] = []
    answers: list[Client | OSError] = [COUNTY, OSError("gone"), COUNTY]
    now = 0.0

    async def read(client_id: str) -> Client:
        reads.append(client_id)
        await asyncio.sleep(0.05)
        answer = answers[len(reads) - 1]
        if isinstance(answer, OSError):
            raise answer
        return answer

    async def run() -> None:
        nonlocal now
        clients = Clients(read, clock=lambda: now)
        asked = [asyncio.ensure_future(clients.get("county")) for _ in range(40)]
        await asyncio.sleep(0.01)
        asked[0].cancel()
        assert await asyncio.gather(*asked[1:]) == [COUNTY] * 39
        assert reads == ["county"]
        now = 1.0
        failed = await asyncio.gather(*(clients.get("county") for _ in range(40)), return_exceptions=True)
        assert all(isinstance(each, OSError) for each in failed)
        assert await clients.get("county") == COUNTY
        assert len(reads) == 3

    asyncio.run(run())
