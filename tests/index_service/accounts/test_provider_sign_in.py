"""Signing in at an identity provider, a process of its own, and every way in which its answer may be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from index_service.accounts import administering, identity_provider
from index_service.accounts.errors import (
    AccountDisabled,
    NoRoleGiven,
    NotTheSameBrowser,
    ProviderError,
    ProviderRefused,
    ProviderUnreachable,
    RolesNotTogether,
)
from index_service.accounts.identity_provider import IdentityProvider, ProviderSettings, _is_safe, _values
from index_service.accounts.provider_sign_in import Departure, Return, SignedIn, arrive, depart
from index_service.accounts.roles import Role
from index_service.accounts.sessions import Session, SessionRules, find_session, token_hash
from index_service.store import accounts as store
from index_service.store.connection import Connection
from tests.identity_provider import CLIENT_ID, CLIENT_SECRET, PEOPLE, Provider, running_provider
from tests.index_service.accounts.invented import add_steward, event_kinds, everything_kept, lending, let_time_pass

RULES = SessionRules()
BACK = "http://localhost:8000/workbench/sign-in/return"
ROLES = {
    "cws-stewards": "steward",
    "cws-seniors": "senior_steward",
    "cws-supervisors": "supervisor",
    "cws-auditors": "auditor",
}


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def provider(running: Provider) -> Provider:
    running.control(people=PEOPLE)
    return running


@pytest.fixture
def client(provider: Provider) -> Iterator[IdentityProvider]:
    settings = ProviderSettings(provider.issuer, CLIENT_ID, CLIENT_SECRET, roles_claim="groups", roles=ROLES)
    client = IdentityProvider(settings)
    yield client
    client.close()


def leave(url: str, client: IdentityProvider, wanted: str = "/workbench/account") -> Departure:
    return depart(lending(url), client, redirect_uri=BACK, wanted=wanted)


def came(departure: Departure, location: str, **instead: str | None) -> Return:
    """What the browser brings back, or something else instead."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    brought: dict[str, str | None] = {
        "browser_token": departure.browser_token,
        "state": query.get("state"),
        "code": query.get("code"),
        "error": query.get("error"),
        "issuer": query.get("iss"),
        **instead,
    }
    return Return(**brought)


def enter(url: str, client: IdentityProvider, brought: Return) -> SignedIn:
    return arrive(lending(url), client, brought, RULES, redirect_uri=BACK, agent="Firefox on Linux")


def sign_in(url: str, provider: Provider, client: IdentityProvider, user: str = "ana") -> SignedIn:
    departure = leave(url, client)
    return enter(url, client, came(departure, provider.decide(departure.url, user)))


def held(conn: Connection, signed_in: SignedIn) -> Session:
    session = find_session(conn, signed_in.token, RULES)
    assert session is not None
    return session


def test_a_person_of_the_provider_gets_an_account_and_the_roles_of_her_groups(
    conn: Connection, database_url: str, provider: Provider, client: IdentityProvider
) -> None:
    signed_in = sign_in(database_url, provider, client)
    assert signed_in.wanted == "/workbench/account"
    session = held(conn, signed_in)
    assert (session.name, session.display_name, session.roles) == ("ana.lopez@127.0.0.1", "Ana López", (Role.STEWARD,))
    assert not session.is_local
    kim = held(conn, sign_in(database_url, provider, client, "kim"))
    assert (kim.name, kim.roles) == ("kim.tran@county.example", (Role.STEWARD, Role.SENIOR_STEWARD))
    assert event_kinds(conn) == ["account_added", "signed_in"] * 2


def test_the_browser_is_sent_with_state_nonce_and_challenge_and_nothing_of_them_is_kept_that_could_be_used(
    conn: Connection, database_url: str, client: IdentityProvider
) -> None:
    departure = leave(database_url, client)
    query = parse_qs(urlsplit(departure.url).query)
    assert query["response_type"] == ["code"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [BACK]
    assert query["scope"] == ["openid profile"]
    assert len(query["state"][0]) > 40
    assert len(query["nonce"][0]) > 40
    kept = everything_kept(conn)
    assert query["nonce"][0] in kept, "to be compared with the token's"
    assert query["state"][0] not in kept
    assert departure.browser_token not in kept
    again = parse_qs(urlsplit(leave(database_url, client).url).query)
    assert all(query[name] != again[name] for name in ("state", "nonce", "code_challenge"))


def test_the_second_sign_in_finds_the_account_and_brings_name_and_roles_up_to_date(
    conn: Connection, database_url: str, provider: Provider, client: IdentityProvider
) -> None:
    first = held(conn, sign_in(database_url, provider, client))
    changed = {"name": "Ana  María\nLópez", "preferred_username": "ana.maria", "groups": ["cws-supervisors"]}
    provider.control(people={"ana": changed})
    second = held(conn, sign_in(database_url, provider, client))
    assert second.account_id == first.account_id
    assert (second.name, second.display_name, second.roles) == (first.name, "Ana María López", (Role.SUPERVISOR,))


def test_two_people_of_one_name_are_two_accounts_and_never_a_local_one(
    conn: Connection, database_url: str, provider: Provider, client: IdentityProvider
) -> None:
    local = add_steward(conn, "ana.lopez")
    one = held(conn, sign_in(database_url, provider, client, "ana"))
    two = held(conn, sign_in(database_url, provider, client, "two"))
    assert len({local.account_id, one.account_id, two.account_id}) == 3
    assert two.name.startswith("ana.lopez@127.0.0.1+")


def test_without_a_role_nobody_gets_in_and_a_role_withdrawn_ends_all_sessions(
    conn: Connection, database_url: str, provider: Provider, client: IdentityProvider
) -> None:
    with pytest.raises(NoRoleGiven):
        sign_in(database_url, provider, client, "lee")
    assert store.accounts(conn) == []
    ana = sign_in(database_url, provider, client)
    provider.control(people={"ana": {"groups": []}})
    with pytest.raises(NoRoleGiven):
        sign_in(database_url, provider, client)
    assert find_session(conn, ana.token, RULES) is None
    with pytest.raises(RolesNotTogether):
        sign_in(database_url, provider, client, "max")
    assert event_kinds(conn).count("sign_in_refused") == 3


def test_a_disabled_account_stays_out(
    conn: Connection, database_url: str, provider: Provider, client: IdentityProvider
) -> None:
    session = held(conn, sign_in(database_url, provider, client))
    administering.disable(conn, session.name)
    with pytest.raises(AccountDisabled):
        sign_in(database_url, provider, client)


@pytest.mark.parametrize(
    "fault",
    [
        "issuer",
        "audience",
        "several_audiences",
        "other_party",
        "nonce",
        "no_nonce",
        "expired",
        "from_the_future",
        "no_subject",
        "at_hash",
        "unsigned",
        "tampered",
        "foreign_key",
        "public_key_as_secret",
        "no_jwt",
        "no_token",
        "other_sender",
    ],
)
def test_a_token_that_proves_nothing_is_refused(
    conn: Connection, database_url: str, provider: Provider, client: IdentityProvider, fault: str
) -> None:
    provider.control(fault=fault)
    with pytest.raises(ProviderError):
        sign_in(database_url, provider, client)
    assert store.accounts(conn) == []
    assert event_kinds(conn) == ["sign_in_refused"]
    provider.control()
    assert sign_in(database_url, provider, client)


def test_what_comes_back_must_belong_to_this_browser_this_sign_in_and_come_once(
    conn: Connection, database_url: str, provider: Provider, client: IdentityProvider
) -> None:
    departure = leave(database_url, client)
    location = provider.decide(departure.url, "ana")
    other = leave(database_url, client)
    for wrong in (
        came(departure, location, browser_token=None),
        came(departure, location, browser_token="made up"),
        came(other, location),  # another browser's sign-in: its state differs
    ):
        with pytest.raises(NotTheSameBrowser):
            enter(database_url, client, wrong)
    brought = came(departure, location)
    assert enter(database_url, client, brought)
    with pytest.raises(NotTheSameBrowser):
        enter(database_url, client, brought)
    late = leave(database_url, client)
    location = provider.decide(late.url, "ana")
    let_time_pass(conn, timedelta(minutes=11))
    with pytest.raises(NotTheSameBrowser):
        enter(database_url, client, came(late, location))


def test_a_code_stolen_for_another_sign_in_is_worth_nothing(
    database_url: str, provider: Provider, client: IdentityProvider
) -> None:
    """The attacker puts the victim's code into a sign-in of her own: the verifier does not fit (PKCE)."""
    victim, attacker = leave(database_url, client), leave(database_url, client)
    stolen = came(victim, provider.decide(victim.url, "ana")).code
    brought = came(attacker, provider.decide(attacker.url, "lee"), code=stolen)
    with pytest.raises(ProviderRefused):
        enter(database_url, client, brought)


def test_who_is_refused_at_the_provider_is_not_in(
    database_url: str, provider: Provider, client: IdentityProvider
) -> None:
    departure = leave(database_url, client)
    with pytest.raises(ProviderRefused):
        enter(database_url, client, came(departure, provider.decide(departure.url, "ana", answer="no")))


@pytest.mark.parametrize("kind", ["RSA", "EC"])
def test_keys_may_be_rotated_while_we_run(
    monkeypatch: pytest.MonkeyPatch, database_url: str, provider: Provider, client: IdentityProvider, kind: str
) -> None:
    monkeypatch.setattr(identity_provider, "_KEYS_AT_MOST_EVERY_S", 0.0)
    assert sign_in(database_url, provider, client)
    before = provider.control()["keys_asked_for"]
    assert sign_in(database_url, provider, client)
    assert provider.control()["keys_asked_for"] == before, "kept"
    provider.control(rotate=kind)
    assert sign_in(database_url, provider, client)
    assert provider.control()["keys_asked_for"] == before + 1


def test_unknown_keys_do_not_make_us_ask_again_and_again(
    database_url: str, provider: Provider, client: IdentityProvider
) -> None:
    assert sign_in(database_url, provider, client)
    before = provider.control()["keys_asked_for"]
    provider.control(rotate="RSA")
    for _ in range(3):
        with pytest.raises(ProviderError):
            sign_in(database_url, provider, client)
    assert provider.control()["keys_asked_for"] == before


def test_a_provider_that_fails_or_is_gone_is_told_apart_from_one_that_refuses(
    database_url: str, provider: Provider, client: IdentityProvider
) -> None:
    provider.control(fault="down")
    with pytest.raises(ProviderUnreachable):
        sign_in(database_url, provider, client)
    gone = IdentityProvider(ProviderSettings("http://127.0.0.1:1", CLIENT_ID))
    with pytest.raises(ProviderUnreachable):
        leave(database_url, gone)
    gone.close()


def test_a_wrong_secret_or_another_issuer_is_noticed(database_url: str, provider: Provider) -> None:
    wrong = IdentityProvider(ProviderSettings(provider.issuer, CLIENT_ID, "wrong", roles_claim="groups", roles=ROLES))
    with pytest.raises(ProviderRefused):
        sign_in(database_url, provider, wrong)
    wrong.close()
    provider.control(fault="other_issuer")
    other = IdentityProvider(ProviderSettings(provider.issuer, CLIENT_ID, CLIENT_SECRET))
    with pytest.raises(ProviderError, match="another issuer"):
        leave(database_url, other)
    other.close()


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://login.county.example/token", True),
        ("http://127.0.0.1:8080/token", True),
        ("http://localhost/token", True),
        ("http://login.county.example/token", False),
        ("http://127.evil.example/token", False),
        ("ftp://localhost/", False),
        ("", False),
    ],
)
def test_a_provider_is_spoken_to_by_tls_only_except_on_this_machine(url: str, safe: bool) -> None:
    assert _is_safe(url) == safe


@pytest.mark.parametrize(
    ("claims", "path", "values"),
    [
        ({"roles": ["a", "b", 3]}, "roles", ("a", "b")),
        ({"roles": "a b"}, "roles", ("a", "b")),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", ("a",)),
        ({"https://county.example/roles": ["a"]}, "https://county.example/roles", ("a",)),
        ({"roles": {"a": 1}}, "roles", ()),
        ({"roles": None}, "roles", ()),
        ({}, "a.b.c", ()),
    ],
)
def test_where_roles_stand_in_a_token(claims: dict[str, object], path: str, values: tuple[str, ...]) -> None:
    assert _values(claims, path) == values


def test_the_secret_shows_nowhere() -> None:
    assert "hush" not in repr(ProviderSettings("https://idp.example", CLIENT_ID, "hush"))
    assert len(token_hash("x")) == 32
