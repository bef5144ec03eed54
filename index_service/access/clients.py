"""Registering API clients and changing them. Every change makes a new version with who, when and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from joserfc.jwk import ECKey

from config.purposes import Purposes
from index_service.access.callers import CLIENT_ID
from index_service.access.errors import ClientRefused, UnknownClient
from index_service.access.jose import CLIENT_ALGORITHMS, PublicKey, fits, public_keys
from index_service.access.key_sets import require_safe_url
from index_service.access.scopes import OURS, is_scope
from index_service.access.signing_keys import new_key
from index_service.store import access as store
from index_service.store.access import Client, ClientKey, ClientVersion, Limits
from index_service.store.connection import Connection

USUAL_OVERLAP = timedelta(days=7)
USUAL_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Registration:
    """What a new client shall be.

    jwks: its public keys as a document (JWK Set or JWK); or `jwks_url`; or `issuer`, whose tokens it uses.
    """

    client_id: str
    name: str
    organisation: str
    scopes: tuple[str, ...]
    purposes: tuple[str, ...]
    jwks: object = None
    jwks_url: str | None = None
    issuer: str | None = None
    limits: Limits = USUAL_LIMITS


def add(
    conn: Connection, wanted: Registration, purposes: Purposes, *, who: str, reason: str, now: datetime
) -> ClientVersion:
    """Register a client.

    Raises:
        ClientRefused: the id is taken, or something about the registration cannot be.
    """
    if not CLIENT_ID.fullmatch(wanted.client_id):
        raise ClientRefused("The client id must be 1 to 128 letters, digits, dots, colons, dashes and underscores.")
    if store.client(conn, wanted.client_id) is not None:
        hint = "Ids are never given out twice; choose another, or change the client that has it."
        raise ClientRefused(f"There is a client {wanted.client_id} already.", hint=hint)
    _require_scopes(wanted.scopes)
    _require_purposes(wanted.purposes, purposes)
    _require_one_place_of_keys(wanted)
    keys = () if wanted.jwks is None else tuple(ClientKey(key, now) for key in _accepted(wanted.jwks))
    client = Client(
        client_id=wanted.client_id,
        name=wanted.name,
        organisation=wanted.organisation,
        scopes=tuple(sorted(set(wanted.scopes))),
        purposes=tuple(sorted(set(wanted.purposes))),
        keys=keys,
        jwks_url=wanted.jwks_url,
        issuer=wanted.issuer,
        limits=wanted.limits,
    )
    return store.add_version(conn, client, reason=reason, who=who)


def rotate(
    conn: Connection, client_id: str, jwks: object, *, who: str, reason: str, now: datetime, overlap: timedelta
) -> ClientVersion:
    """Give a client new keys; those that it has go on for the overlap (zero: they end now).

    Raises:
        UnknownClient: there is no such client.
        ClientRefused: its keys are elsewhere, or the new ones cannot be used.
    """
    client = current(conn, client_id)
    if client.jwks_url is not None or client.issuer is not None:
        raise ClientRefused(
            f"The keys of {client_id} are not kept here.",
            hint="Publish the new key beside the old one where its keys are, and take the old one away later.",
        )
    added = [ClientKey(key, now) for key in _accepted(jwks)]
    ending = [_ending(key, now + overlap) for key in client.keys if key.valid_to is None or key.valid_to > now]
    known = {key.kid for key in client.keys}
    if again := sorted(key.kid for key in added if key.kid in known):
        raise ClientRefused(
            f"The client has had a key with the id {again[0]} before.", hint="Give the new key another kid."
        )
    keys = tuple(key for key in ending if key.valid_to and key.valid_to > now)
    changed = replace(client, keys=(*keys, *added), version=client.version + 1)
    return store.add_version(conn, changed, reason=reason, who=who)


def set_status(conn: Connection, client_id: str, status: store.Status, *, who: str, reason: str) -> ClientVersion:
    """Disable a client, or let it in again.

    Raises:
        UnknownClient: there is no such client.
        ClientRefused: that is what it is already.
    """
    client = current(conn, client_id)
    if client.status == status:
        raise ClientRefused(f"{client_id} is {status} already.")
    return store.add_version(conn, replace(client, status=status, version=client.version + 1), reason=reason, who=who)


def change(
    conn: Connection,
    client_id: str,
    purposes: Purposes,
    *,
    who: str,
    reason: str,
    scopes: Collection[str] = (),
    purposes_of_use: Collection[str] = (),
    limits: Mapping[str, Any] | None = None,
) -> ClientVersion:
    """Replace a client's scopes, purposes of use or limits; what is empty stays as it is.

    Raises:
        UnknownClient: there is no such client.
        ClientRefused: a scope or purpose is unknown, or nothing is to change.
    """
    client = current(conn, client_id)
    _require_scopes(scopes, may_be_none=True)
    _require_purposes(purposes_of_use, purposes, may_be_none=True)
    changed = replace(
        client,
        scopes=tuple(sorted(set(scopes))) or client.scopes,
        purposes=tuple(sorted(set(purposes_of_use))) or client.purposes,
        limits=replace(client.limits, **(limits or {})),
    )
    if changed == client:
        raise ClientRefused("Nothing would change.", hint="Name what shall be different.")
    return store.add_version(conn, replace(changed, version=client.version + 1), reason=reason, who=who)


def current(conn: Connection, client_id: str) -> Client:
    """The client as it is now.

    Raises:
        UnknownClient: there is none of this id.
    """
    found = store.client(conn, client_id) if CLIENT_ID.fullmatch(client_id) else None
    if found is None:
        raise UnknownClient
    return found.client


def history(conn: Connection, client_id: str) -> list[ClientVersion]:
    """Every state of a client, the first one first.

    Raises:
        UnknownClient: there is none of this id.
    """
    current(conn, client_id)
    return store.versions(conn, client_id)


def new_client_key() -> ECKey:
    """A fresh private key for a client's assertions."""
    return new_key()


def _ending(key: ClientKey, moment: datetime) -> ClientKey:
    """The key, with its end brought forward to a moment."""
    return key if key.valid_to is not None and key.valid_to <= moment else replace(key, valid_to=moment)


def _accepted(document: object) -> Iterable[Mapping[str, Any]]:
    """The public keys of a document.

    Raises:
        ClientRefused: one cannot be read, or cannot sign in a way that is accepted.
    """
    try:
        keys = public_keys(document)
    except ValueError as error:
        raise ClientRefused(
            f"The keys cannot be used: {error}.", hint="Give a JWK Set with keys for ES384 or RS384."
        ) from None
    if unfit := [key for key in keys if not any(fits(key, alg) for alg in CLIENT_ALGORITHMS)]:
        hint = "Keys must be EC on the curve P-384 (ES384), or RSA (RS384); a stated `alg` must be one of these."
        raise ClientRefused(f"The key {unfit[0].kid} cannot sign with ES384 or RS384.", hint=hint)
    return [_document(key) for key in keys]


def _document(key: PublicKey) -> Mapping[str, Any]:
    return dict(key.as_dict(private=False))


def _require_scopes(scopes: Collection[str], *, may_be_none: bool = False) -> None:
    if not scopes and not may_be_none:
        raise ClientRefused("A client needs a scope.", hint=_SCOPES)
    if unknown := sorted(scope for scope in scopes if not is_scope(scope)):
        raise ClientRefused(f"There is no scope {unknown[0]}.", hint=_SCOPES)


_SCOPES = f"Scopes are {', '.join(OURS)}, and for FHIR such as system/Patient.rs."


def _require_purposes(codes: Collection[str], purposes: Purposes, *, may_be_none: bool = False) -> None:
    if not codes and not may_be_none:
        raise ClientRefused("A client needs a purpose of use.", hint=f"Purposes are {', '.join(purposes.by_code)}.")
    if unknown := sorted(set(codes) - purposes.by_code.keys()):
        hint = f"Purposes are {', '.join(purposes.by_code)}; config/purposes.yaml says what they mean."
        raise ClientRefused(f"There is no purpose of use {unknown[0]}.", hint=hint)


def _require_one_place_of_keys(wanted: Registration) -> None:
    places = [wanted.jwks is not None, wanted.jwks_url is not None, wanted.issuer is not None]
    if sum(places) != 1:
        raise ClientRefused(
            "A client's keys are in one place.",
            hint="Give a key file, or the URL of its keys, or the outside issuer whose tokens it uses.",
        )
    if wanted.jwks_url is not None:
        try:
            require_safe_url(wanted.jwks_url)
        except ValueError as error:
            raise ClientRefused(f"The URL of the keys cannot be used: {error}.") from None
