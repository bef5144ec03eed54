"""Read the accounting of a person from the ledger, and enter there that it was read."""

from __future__ import annotations

from datetime import UTC, datetime

from config.agreements import Agreement
from config.purposes import load_purposes
from index_service.disclosure.accounting import Accounting, account, look_back
from index_service.disclosure.notices import segregated_sources
from index_service.store.connection import Connection
from index_service.store.ledger import agreement_documents, note_shown, told_of_person
from index_service.store.on_file import answering_person, members


def accounting_for(
    conn: Connection, person: str, *, who: str, with_exempt: bool = False, segregated_too: bool = True
) -> Accounting | None:
    """To whom the records of the person that answers for an id were disclosed; None if the id was never given out.

    Args:
        who: whoever reads it; the ledger keeps that.
        with_exempt: also what 45 CFR 164.528(a)(1) exempts.
        segregated_too: also of segregated sources (42 CFR Part 2).
    """
    person_id = answering_person(conn, person)
    if person_id is None:
        return None
    segregated = segregated_sources()
    hidden = frozenset() if segregated_too else segregated
    until_at = datetime.now(UTC)
    span = (look_back(until_at), until_at)
    found = account(
        person_id,
        [pointer for pointer in told_of_person(conn, person_id, *span) if pointer.source not in hidden],
        {name: Agreement.model_validate_json(text) for name, text in agreement_documents(conn).items()},
        load_purposes(),
        segregated=segregated,
        span=span,
        with_exempt=with_exempt,
    )
    shown = [key for key in members(conn, person_id) if key[0] not in hidden]
    note_shown(conn, person_id, shown, command="accounting", who=who)
    return found
