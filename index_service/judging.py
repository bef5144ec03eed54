"""Make a judgement, or undo one: the fact, and what follows from it for the records it touches, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from index_service.errors import IndexServiceError
from index_service.linking_context import current
from index_service.linking_live import Settlement, close_live_run, live_run, settle
from index_service.store.arrivals import heads
from index_service.store.connection import Connection
from index_service.store.judgements import add_judgement, records_of_judgement, undo_judgement
from index_service.store.publish import lock_publication
from linkage.errors import ContradictoryConstraints
from linkage.record import RecordKey

JudgementKind = Literal["same", "different"]


class ContradictoryJudgement(IndexServiceError):
    """It cannot hold beside the judgements in force: of three, A is B, B is C, A is not C, one must give way."""

    hint = "Undo one of the judgements that name these records, then decide again."


class UnknownRecord(IndexServiceError):
    """A judgement names a record that never came."""

    hint = "Name records by source and id, as their person's page lists them."


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement made or undone, and what became of the persons it touches."""

    judgement_id: int
    settlement: Settlement


def judge(
    conn: Connection, kind: JudgementKind, records: tuple[RecordKey, RecordKey], *, reason: str, who: str
) -> Judged:
    """Decide that two records are one person, or two, and let it take effect at once.

    Raises:
        UnknownRecord: one of them never came.
        ContradictoryJudgement: it contradicts judgements in force; nothing was done.
    """
    with conn.transaction():
        lock_publication(conn)
        judgement_id = add_judgement(conn, kind, records, reason=reason, who=who)
        return Judged(judgement_id, _take_effect(conn, records, f"judgement {judgement_id}"))


def undo(conn: Connection, judgement_id: int, *, reason: str, who: str) -> Judged:
    """Let a judgement no longer hold, and link what it touched again."""
    with conn.transaction():
        lock_publication(conn)
        undo_judgement(conn, judgement_id, reason=reason, who=who)
        records = records_of_judgement(conn, judgement_id)
        return Judged(judgement_id, _take_effect(conn, records, f"judgement {judgement_id} undone"))


def _take_effect(conn: Connection, records: tuple[RecordKey, RecordKey], reason: str) -> Settlement:
    known = heads(conn, list(records))
    if len(known) < len(set(records)):
        raise UnknownRecord("A record of the judgement is not known.")
    context = current(conn)
    changed = {head.record_id for head in known.values()}
    run_id = live_run(conn, "judgement", context)
    try:
        settlement = settle(conn, run_id, context, changed, reason=reason)
    except ContradictoryConstraints:
        raise ContradictoryJudgement("This contradicts judgements that hold.") from None
    close_live_run(conn, run_id, changed, settlement)
    return settlement
