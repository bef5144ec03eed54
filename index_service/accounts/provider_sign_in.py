"""Signing in at an identity provider: out with a state, a nonce and a challenge, back with a code, once."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from index_service.accounts.administering import parse_display_name
from index_service.accounts.errors import (
    AccountDisabled,
    AccountError,
    NoRoleGiven,
    NotTheSameBrowser,
    ProviderError,
    ProviderRefused,
    RolesNotTogether,
)
from index_service.accounts.events import AccountEvent
from index_service.accounts.identity_provider import IdentityProvider, ProvedPerson, ProviderSettings
from index_service.accounts.roles import Role, parse_roles
from index_service.accounts.sessions import SessionRules, new_token, start_session, token_hash
from index_service.accounts.signing_in import Connect
from index_service.store import accounts as store
from index_service.store.connection import Connection

_LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Departure:
    """Where to send the browser, and the token that it shall bring back in a cookie of ours."""

    url: str
    browser_token: str


@dataclass(frozen=True, slots=True)
class Return:
    """What the browser brought back from the provider."""

    browser_token: str | None
    state: str | None
    code: str | None
    error: str | None
    issuer: str | None


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The token of the new session, and the page that the person wanted."""

    token: str
    wanted: str


def depart(connect: Connect, provider: IdentityProvider, *, redirect_uri: str, wanted: str) -> Departure:
    """Begin a sign-in at the provider; `wanted` is the page to go on to afterwards.

    Raises:
        ProviderUnreachable, ProviderError: the provider cannot be used.
    """
    browser_token, state, nonce, code_verifier = new_token(), new_token(), new_token(), secrets.token_urlsafe(48)
    url = provider.authorisation_url(redirect_uri=redirect_uri, state=state, nonce=nonce, code_verifier=code_verifier)
    with connect() as conn, conn.transaction():
        store.forget_what_is_old(conn)
        store.keep_provider_sign_in(
            conn,
            token_hash(browser_token),
            state_hash=token_hash(state),
            nonce=nonce,
            code_verifier=code_verifier,
            wanted=wanted,
        )
    return Departure(url, browser_token)


def arrive(
    connect: Connect,
    provider: IdentityProvider,
    came: Return,
    rules: SessionRules,
    *,
    redirect_uri: str,
    agent: str,
    replaces: str | None = None,
) -> SignedIn:
    """Finish a sign-in at the provider: the account is made or brought up to date, and a session begins.

    Raises:
        NotTheSameBrowser: this browser has not begun it, or too long ago, or has finished it already.
        ProviderRefused: the provider did not sign the person in.
        ProviderUnreachable, ProviderError: its answer cannot be had, or proves nothing.
        NoRoleGiven, RolesNotTogether: it knows the person and gives no role, or roles that exclude each other.
        AccountDisabled: the account is disabled.
    """
    person: ProvedPerson | None = None
    try:
        away = _take(connect, came)
        provider.require_sender(came.issuer)
        if came.error is not None or not came.code:
            raise ProviderRefused
        person = provider.redeem(
            came.code, redirect_uri=redirect_uri, code_verifier=away.code_verifier, nonce=away.nonce
        )
        roles = our_roles(person.roles, provider.settings)
        with connect() as conn:
            account_id = _account(conn, person, roles)
    except AccountError as error:
        with connect() as conn:
            _note_refusal(conn, person, error)
        raise
    with connect() as conn:
        token = start_session(conn, account_id, rules, agent=agent, replaces=replaces, how="provider")
    return SignedIn(token, away.wanted)


def our_roles(values: tuple[str, ...], settings: ProviderSettings) -> tuple[Role, ...]:
    """The roles that the provider's values mean; values that mean none of ours are other systems'.

    Raises:
        NoRoleGiven: there are none.
        RolesNotTogether: they make an auditor who decides.
    """
    named = {settings.roles[value] for value in values if value in settings.roles} if settings.roles else set(values)
    ours = sorted(named & set(Role))
    if not ours:
        raise NoRoleGiven
    return parse_roles(ours)


def _take(connect: Connect, came: Return) -> store.AwayRow:
    if not came.browser_token:
        raise NotTheSameBrowser
    with connect() as conn:
        away = store.take_provider_sign_in(conn, token_hash(came.browser_token))
    if away is None or not away.in_time or not hmac.compare_digest(away.state_hash, token_hash(came.state or "")):
        raise NotTheSameBrowser
    return away


def _account(conn: Connection, person: ProvedPerson, roles: tuple[Role, ...]) -> int:
    account = store.account_by_subject(conn, person.issuer, person.subject)
    if account is None:
        return _new_account(conn, person, roles)
    if account.disabled_at is not None:
        raise AccountDisabled
    with conn.transaction():
        store.set_display_name(conn, account.account_id, _display_name(person))
        if store.set_roles(conn, account.account_id, roles):
            detail = {"roles": list(roles), "by": "provider"}
            store.add_event(conn, AccountEvent.ROLES_SET, account.account_id, detail=detail)
    return account.account_id


def _new_account(conn: Connection, person: ProvedPerson, roles: tuple[Role, ...]) -> int:
    for name in _names(person):
        with conn.transaction():
            account_id = store.add_account(
                conn,
                name=name,
                display_name=_display_name(person),
                roles=roles,
                issuer=person.issuer,
                subject=person.subject,
            )
            if account_id is not None:
                detail = {"roles": list(roles), "by": "provider"}
                store.add_event(conn, AccountEvent.ACCOUNT_ADDED, account_id, detail=detail)
        account = store.account_by_subject(conn, person.issuer, person.subject)  # perhaps made by another browser
        if account is not None:
            return account.account_id
    raise ProviderError("The person's name cannot be used as the name of an account.")


def _names(person: ProvedPerson) -> tuple[str, str]:
    """The name of the account, and another for when somebody else has had it; both hold an @, as no local one does."""
    kept = "".join(c for c in person.user_name.lower() if c.isascii() and (c.isalnum() or c in "._-@+"))
    name = (kept or "person")[:_LONGEST_NAME]
    if "@" not in name:
        name = f"{name}@{urlsplit(person.issuer).hostname or 'provider'}"
    mark = hashlib.sha256(f"{person.issuer} {person.subject}".encode()).hexdigest()[:8]
    return name, f"{name}+{mark}"


def _display_name(person: ProvedPerson) -> str:
    try:
        return parse_display_name(person.display_name)
    except AccountError:
        return _names(person)[0]


def _note_refusal(conn: Connection, person: ProvedPerson | None, error: AccountError) -> None:
    """Note it; who has no role any more is signed out everywhere."""
    account = store.account_by_subject(conn, person.issuer, person.subject) if person else None
    with conn.transaction():
        if account is not None and isinstance(error, NoRoleGiven | RolesNotTogether):
            store.end_sessions(conn, account.account_id, "roles_withdrawn")
        detail = {"why": type(error).__name__}
        store.add_event(conn, AccountEvent.SIGN_IN_REFUSED, account.account_id if account else None, detail=detail)
