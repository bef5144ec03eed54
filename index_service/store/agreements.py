"""Agreements as they were applied: texts that never change, and the clauses that decisions are made by."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.rows import TupleRow

from config.agreements import Agreement
from index_service.disclosure.clauses import Clause
from index_service.errors import IndexServiceError
from index_service.store.connection import AsyncConnection, Connection
from index_service.store.statements import statements

_sql = statements("agreements")


class AgreementTextChanged(IndexServiceError):
    """An agreement's text was changed without giving it a new version."""

    hint = "Raise `version` in the file: what was applied under a version stays readable for ever."


@dataclass(frozen=True, slots=True)
class Application:
    """An application of agreements. `number` None: none was ever applied, and everything is denied."""

    number: int | None
    references: tuple[str, ...]


def apply_agreements(
    conn: Connection, agreements: Sequence[Agreement], clauses: Sequence[Clause], *, reason: str, who: str
) -> Application:
    """Let these agreements hold from now on, and no others. In one transaction.

    Raises:
        AgreementTextChanged: a version that was applied before now has another text, or the version went back.
    """
    with conn.transaction():
        for agreement in agreements:
            _record_text(conn, agreement)
        references = sorted(agreement.reference for agreement in agreements)
        row = conn.execute(_sql["add_application"], {"agreements": references, "reason": reason, "who": who}).fetchone()
        if row is None:
            raise LookupError("add_application")
        cells = {agreement.reference: agreement.smallest_cell for agreement in agreements}
        for clause in clauses:
            for client in sorted(clause.clients):
                conn.execute(_sql["add_clause"], _parameters(row[0], client, clause, cells[clause.agreement]))
    return Application(row[0], tuple(references))


def current_application(conn: Connection) -> Application:
    """Which agreements hold."""
    row = conn.execute(_sql["current_application"]).fetchone()
    return Application(None, ()) if row is None else Application(row[0], tuple(row[1]))


def applied_agreements(conn: Connection) -> list[Agreement]:
    """The agreements that hold, as they were applied, ordered by id."""
    references = list(current_application(conn).references)
    rows = conn.execute(_sql["documents"], {"references": references}).fetchall()
    return [Agreement.model_validate_json(row[0]) for row in rows]


def applied_clauses(conn: Connection, application_id: int | None) -> tuple[Clause, ...]:
    """The clauses of an application."""
    rows = conn.execute(_sql["clauses"], {"application_id": application_id}).fetchall()
    return tuple(_clause(row) for row in rows)


async def current_number(conn: AsyncConnection) -> int | None:
    """The number of the last application; what was decided under an earlier one is to be decided anew."""
    row = await (await conn.execute(_sql["current_number"])).fetchone()
    return None if row is None else row[0]


async def clauses_of_application(conn: AsyncConnection, application_id: int | None) -> tuple[Clause, ...]:
    """As `applied_clauses`, for the service."""
    rows = await (await conn.execute(_sql["clauses"], {"application_id": application_id})).fetchall()
    return tuple(_clause(row) for row in rows)


def document_of(agreement: Agreement) -> str:
    """The text of an agreement as JSON. Defaults are left out, so that a key added to the model changes no old text."""
    return agreement.model_dump_json(exclude_defaults=True)


def _record_text(conn: Connection, agreement: Agreement) -> None:
    document = document_of(agreement)
    key = {"agreement_id": agreement.id, "version": agreement.version}
    sha256 = hashlib.sha256(document.encode()).hexdigest()
    conn.execute(_sql["add_version"], {**key, "document": document, "sha256": sha256})
    (recorded,) = conn.execute(_sql["text_of"], key).fetchone() or (None,)
    if recorded != sha256:
        raise AgreementTextChanged(f"{agreement.reference} was applied before with another text.")
    (latest,) = conn.execute(_sql["latest_version"], key).fetchone() or (None,)
    if latest != agreement.version:
        raise AgreementTextChanged(f"{agreement.id} was applied before as version {latest}, which is newer.")


def _parameters(application_id: int, client: str, clause: Clause, smallest_cell: int | None) -> dict[str, object]:
    return {
        "application_id": application_id,
        "client_id": client,
        "agreement": clause.agreement,
        "clause": clause.name,
        "effect": clause.effect,
        "purposes": sorted(clause.purposes),
        "actions": sorted(clause.actions),
        "sources": sorted(clause.sources),
        "attributes": sorted(clause.attributes),
        "on_file": sorted(clause.on_file),
        "relationships": sorted(clause.relationships),
        "legal_responsibility": clause.legal_responsibility,
        "breaks_glass": clause.breaks_glass,
        "smallest_cell": smallest_cell,
        "from_at": clause.from_at,
        "until_at": clause.until_at,
    }


def _clause(row: TupleRow) -> Clause:
    agreement, name, effect, clients, purposes, actions, sources, attributes, on_file, relationships, *rest = row
    legal_responsibility, breaks_glass, from_at, until_at = rest
    return Clause(
        agreement=agreement,
        name=name,
        effect=effect,
        clients=frozenset(clients),
        purposes=frozenset(purposes),
        actions=frozenset(actions),
        sources=frozenset(sources),
        attributes=frozenset(attributes),
        on_file=frozenset(on_file),
        relationships=frozenset(relationships),
        legal_responsibility=legal_responsibility,
        breaks_glass=breaks_glass,
        from_at=from_at,
        until_at=until_at,
    )
