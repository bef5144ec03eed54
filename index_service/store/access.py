"""API clients, kept as versions that are never changed; and the client assertions that were used up."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.errors import UniqueViolation
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import Jsonb

from index_service.store.connection import AsyncConnection, Connection
from index_service.store.errors import StoreError
from index_service.store.statements import statements

_sql = statements("access")

Status = Literal["active", "disabled"]
Jwk = Mapping[str, Any]
"""A public key as RFC 7517 writes it."""


class ClientChangedMeanwhile(StoreError):
    """Somebody else has changed this client, or taken its id, at the same time."""

    hint = "Look at it with person-index clients show, and change it again if that is still wanted."


@dataclass(frozen=True, slots=True)
class ClientKey:
    """A public key of a client, and while it may be used; `valid_to` None: until further notice."""

    jwk: Jwk
    valid_from: datetime
    valid_to: datetime | None = None

    @property
    def kid(self) -> str:
        return str(self.jwk["kid"])

    def holds_at(self, moment: datetime) -> bool:
        return self.valid_from <= moment and (self.valid_to is None or moment < self.valid_to)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may ask for in a time, in each process of the service."""

    requests_per_second: float = 50.0
    burst: int = 200
    not_found_per_minute: int = 60


@dataclass(frozen=True, slots=True)
class Client:
    """One state of an API client.

    issuer: the outside issuer whose tokens it uses; None: it gets its tokens from our own token endpoint.
    jwks_url: where its public keys are published; else they are in `keys`.
    """

    client_id: str
    name: str
    organisation: str
    scopes: tuple[str, ...]
    purposes: tuple[str, ...]
    keys: tuple[ClientKey, ...] = ()
    jwks_url: str | None = None
    issuer: str | None = None
    status: Status = "active"
    limits: Limits = Limits()
    version: int = 1


@dataclass(frozen=True, slots=True)
class ClientVersion:
    """A state of a client, with who made it so, when, and why."""

    client: Client
    reason: str
    changed_by: str
    changed_at: datetime


def add_version(conn: Connection, client: Client, *, reason: str, who: str) -> ClientVersion:
    """Make this state of a client hold; the version before it must be the one that holds.

    Raises:
        ClientChangedMeanwhile: another change has taken the version.
    """
    parameters = {
        **asdict(client),
        **asdict(client.limits),
        "keys": Jsonb([_key_document(key) for key in client.keys]),
        "scopes": list(client.scopes),
        "purposes": list(client.purposes),
        "reason": reason,
        "changed_by": who,
    }
    del parameters["limits"]
    try:
        row = conn.execute(_sql["add_version"], parameters).fetchone()
    except UniqueViolation:
        raise ClientChangedMeanwhile from None
    if row is None:
        raise LookupError("add_version")
    return ClientVersion(client, reason, who, row[0])


def client(conn: Connection, client_id: str) -> ClientVersion | None:
    """A client as it is now."""
    row = conn.cursor(row_factory=dict_row).execute(_sql["client"], {"client_id": client_id}).fetchone()
    return None if row is None else _version(row)


def clients(conn: Connection) -> list[ClientVersion]:
    """All clients as they are now, by id."""
    return [_version(row) for row in conn.cursor(row_factory=dict_row).execute(_sql["clients"])]


def versions(conn: Connection, client_id: str) -> list[ClientVersion]:
    """Every state that a client ever had, the first one first."""
    rows = conn.cursor(row_factory=dict_row).execute(_sql["versions"], {"client_id": client_id})
    return [_version(row) for row in rows]


async def client_now(conn: AsyncConnection, client_id: str) -> Client | None:
    """A client as it is now, for the service."""
    cursor = conn.cursor(row_factory=dict_row)
    await cursor.execute(_sql["client"], {"client_id": client_id})
    row = await cursor.fetchone()
    return None if row is None else _version(row).client


async def use_assertion(
    conn: AsyncConnection, client_id: str, jti: str, *, now: datetime, expires_at: datetime
) -> bool:
    """Use up a client assertion; False if it was used before, by whichever process.

    Args:
        expires_at: from when on the assertion is refused for its age, tolerance included.
    """
    parameters = {
        "client_id": client_id,
        "jti_sha256": hashlib.sha256(jti.encode("utf-8", "surrogatepass")).digest(),
        "now": now,
        "expires_at": expires_at,
    }
    return await (await conn.execute(_sql["use_assertion"], parameters)).fetchone() is not None


def _key_document(key: ClientKey) -> dict[str, object]:
    return {
        "jwk": dict(key.jwk),
        "valid_from": key.valid_from.isoformat(),
        "valid_to": key.valid_to.isoformat() if key.valid_to else None,
    }


def _key(document: Mapping[str, Any]) -> ClientKey:
    ends = document["valid_to"]
    starts = datetime.fromisoformat(document["valid_from"])
    return ClientKey(document["jwk"], starts, datetime.fromisoformat(ends) if ends else None)


def _version(row: DictRow) -> ClientVersion:
    limits = Limits(row.pop("requests_per_second"), row.pop("burst"), row.pop("not_found_per_minute"))
    made = {name: row.pop(name) for name in ("reason", "changed_by", "changed_at")}
    row["keys"] = tuple(map(_key, row["keys"]))
    row["scopes"], row["purposes"] = tuple(row["scopes"]), tuple(row["purposes"])
    return ClientVersion(Client(**row, limits=limits), **made)
