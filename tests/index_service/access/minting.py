"""Invented clients with keys and tokens, for every test that calls the service as somebody."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from config.agreements import Agreement, BreakGlass
from config.purposes import load_purposes
from config.sources import load_sources
from index_service.access.asking import assertion
from index_service.access.clients import Registration, add
from index_service.access.scopes import OURS
from index_service.access.signing_keys import new_key, now_utc
from index_service.access.statements_of_use import User
from index_service.access.token_requests import ASSERTION_TYPE, GRANT_TYPE
from index_service.access.tokens import issue
from index_service.accounts.roles import Role
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.everything import allow_everything, everything_for
from index_service.http.access import Access
from index_service.store import access as store
from index_service.store.access import Client, Limits
from index_service.store.agreements import apply_agreements
from index_service.store.connection import Connection, connect

BASE = "http://localhost"
TOKEN_URL = f"{BASE}/oauth/token"
PURPOSES = load_purposes()
SOURCES = load_sources()
HUB = "county-hub"
DESK = "county-desk"
UNLIMITED = Limits(requests_per_second=1e6, burst=1_000_000, not_found_per_minute=1_000_000)


@dataclass(frozen=True, slots=True)
class Minted:
    """A registered client, and the private key that it signs with."""

    client: Client
    key: ECKey | RSAKey

    def assertion(self, audience: str = TOKEN_URL, key: ECKey | RSAKey | None = None, **claims: object) -> str:
        return assertion(self.client.client_id, audience, key or self.key, **claims)

    def form(self, scope: str = "index/read", **claims: Any) -> dict[str, str]:
        """A token request."""
        return token_form(self.assertion(**claims), scope)


def token_form(signed: str, scope: str = "index/read") -> dict[str, str]:
    return {
        "grant_type": GRANT_TYPE,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": signed,
        "scope": scope,
    }


def mint_client(
    conn: Connection,
    client_id: str = "county",
    *,
    scopes: Collection[str] = ("index/read", "index/events"),
    purposes: Collection[str] = ("TREAT",),
    limits: Limits | None = None,
    key: ECKey | RSAKey | None = None,
    jwks_url: str | None = None,
    issuer: str | None = None,
) -> Minted:
    """Register a client with a fresh key."""
    key = key or new_key()
    wanted = Registration(
        client_id=client_id,
        name=client_id,
        organisation="Invented County",
        scopes=tuple(scopes),
        purposes=tuple(purposes),
        jwks=None if jwks_url or issuer else dict(key.as_dict(private=False)),
        jwks_url=jwks_url,
        issuer=issuer,
        limits=limits or Limits(),
    )
    made = add(conn, wanted, PURPOSES, who="tests", reason="for a test", now=now_utc())
    return Minted(made.client, key)


def mint_token(
    app: FastAPI,
    client: Client,
    *,
    scopes: Collection[str] | None = None,
    purposes: Collection[str] | None = None,
    user: User | None = None,
) -> str:
    """An access token of the application's own, without asking its token endpoint."""
    access: Access = app.state.access
    bound = client.purposes if purposes is None else purposes
    issued = issue(
        client,
        issuer=access.base_urls[0],
        keys=access.keys,
        scopes=tuple(client.scopes if scopes is None else scopes),
        purposes={code: PURPOSES.system_of(code) for code in bound},
        user=user,
        now=time.time(),
    )
    return issued.text


def hub_headers(url: str, app: FastAPI) -> dict[str, str]:
    """The headers of a client that may do everything, on a database that is there; registered when first asked for."""
    with connect(url) as conn:
        version = store.client(conn, HUB)
        client = version.client if version else mint_client(conn, HUB, scopes=OURS, limits=UNLIMITED).client
        allow_everything(conn, HUB, client.purposes, who="tests")
    return bearer(mint_token(app, client))


def supervisor_headers(url: str, app: FastAPI) -> dict[str, dict[str, str]]:
    """The headers of a supervisor, by purpose, at a client that may do everything, count, and break the glass."""
    with connect(url) as conn:
        client = mint_client(conn, DESK, scopes=OURS, purposes=("TREAT", "BTG"), limits=UNLIMITED).client
        everything = everything_for(DESK, ("TREAT",))
        grant = everything.grants[0]
        in_the_open = tuple(source for source in grant.sources if not SOURCES[source].segregated)
        extended = everything.model_copy(
            update={
                "break_glass": BreakGlass(lasts_minutes=60, review_within_hours=24, alerts=("nobody",)),
                "purposes": client.purposes,
                "smallest_cell": 2,
                "grants": (
                    grant,
                    grant.model_copy(update={"name": "counts", "actions": ("counts",)}),
                    grant.model_copy(update={"name": "glass", "sources": in_the_open, "break_glass": True}),
                ),
            }
        )
        agreements = [Agreement.model_validate(extended.model_dump())]
        apply_agreements(conn, agreements, clauses_of(agreements, SOURCES, PURPOSES), reason="for a test", who="tests")
    user = User(DESK, "r.supervisor", roles=(Role.SUPERVISOR, Role.SENIOR_STEWARD))
    return {
        purpose: bearer(mint_token(app, client, purposes=(purpose,), user=user), purpose) for purpose in client.purposes
    }


def bearer(token: str, purpose: str | None = None) -> dict[str, str]:
    """The headers of a request."""
    stated = {"X-Purpose-Of-Use": purpose} if purpose else {}
    return {"Authorization": f"Bearer {token}", **stated}


def signed(
    claims: Mapping[str, Any], key: ECKey | RSAKey, *, alg: str = "ES384", typ: str = "at+jwt", **header: object
) -> str:
    """A token signed by hand."""
    return jwt.encode({"alg": alg, "typ": typ, "kid": key.kid, **header}, dict(claims), key, algorithms=[alg])
