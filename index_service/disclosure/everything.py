"""An agreement under which one client may learn everything: for invented people only (demo, benchmarks, tests)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from config.agreements import ACTIONS, NEVER_RELEASED, Agreement, Grant, Recipient
from config.fields import CANONICAL_FIELDS, IDENTIFIER_PREFIX, is_canonical
from config.identifiers import IDENTIFIER_TYPES
from config.purposes import Purposes, load_purposes
from config.sources import load_sources
from index_service.disclosure.clauses import clauses_of
from index_service.store.agreements import applied_agreements, apply_agreements
from index_service.store.connection import Connection

YEARS = 10
_IDENTIFIERS = tuple(name for each in IDENTIFIER_TYPES if is_canonical(name := IDENTIFIER_PREFIX + each))


def everything_for(
    client_id: str, purposes: Sequence[str], sources: Collection[str] = (), *, name: str = "everything"
) -> Agreement:
    """All actions on all attributes of these sources (default: all there are), from yesterday on for years."""
    today = datetime.now(UTC).date()
    grant = Grant(
        name="everything",
        sources=tuple(sorted(sources or load_sources())),
        actions=tuple(action for action in ACTIONS if action != "counts"),
        attributes=tuple(name for name in (*CANONICAL_FIELDS, *_IDENTIFIERS) if name not in NEVER_RELEASED),
        max_confidentiality="V",
        part2_basis="none: invented people",
        because="Nobody whose records these are exists.",
    )
    return Agreement(
        id=name,
        version=1,
        title="Everything, of invented people",
        summary="Lets one client learn all that there is to learn of people who do not exist.",
        disclosing=("Invented departments",),
        recipient=Recipient(name="Who tries the index out"),
        clients=(client_id,),
        legal_basis=("none: invented people",),
        from_date=today - timedelta(days=1),
        until_date=today + timedelta(days=365 * YEARS),
        purposes=tuple(purposes),
        grants=(grant,),
    )


def allow_everything(conn: Connection, client_id: str, purposes: Sequence[str], *, who: str) -> None:
    """Apply it beside the agreements that hold, unless it holds already."""
    held = applied_agreements(conn)
    wanted = everything_for(client_id, purposes)
    if wanted.id in {agreement.id for agreement in held}:
        return
    agreements = [*held, wanted]
    known: Purposes = load_purposes()
    clauses = clauses_of(agreements, load_sources(), known)
    apply_agreements(conn, agreements, clauses, reason="to try the index out on invented people", who=who)
