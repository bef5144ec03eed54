"""Seal the time before an adoption, and open a seal: two persons each, and all that follows in one transaction.

A seal names records: those of the time after the adoption; all others of the person are of the time before. From the
second person's word on the two are different persons, the id of before leads to nothing, and nothing told of the child
leads back (docs/decisions/0025-adoption-seals.md).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from index_service.linking_context import current_for_writing
from index_service.linking_live import close_live_run, live_run, settle
from index_service.stewardship.deciding import Steward
from index_service.stewardship.errors import (
    ImpossibleSeal,
    NeedsSecondPerson,
    NoCourtOrder,
    NothingWaits,
    SealChanged,
    SealedPerson,
    SupervisorsOnly,
    UnknownRecord,
)
from index_service.store import adoptions as store
from index_service.store.adoptions import Seal, Side
from index_service.store.connection import Connection
from index_service.store.publish import lock_publication
from index_service.store.retrying import retried
from index_service.store.stewardship import Named, records_by_key, records_of_persons
from linkage.record import PersonId, RecordKey


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal, and what the last step did.

    persons: of the child after the adoption, once the seal is in force.
    retired: ids that lead to nothing since.
    """

    seal: Seal
    persons: tuple[PersonId, ...] = ()
    retired: tuple[PersonId, ...] = ()


@retried
def propose_seal(
    conn: Connection,
    person_id: str,
    after: Collection[RecordKey],
    supervisor: Steward,
    *,
    reason: str,
    keeps_name: bool = False,
) -> Sealed:
    """Ask that a person be sealed; nothing happens before a second person agrees.

    Args:
        after: records of the time after the adoption, of this person or of another, of whom then all are.
        keeps_name: the child's name is the same before and after.

    Raises:
        SupervisorsOnly: the steward is none.
        UnknownRecord: one of the records never came, or the person has none.
        ImpossibleSeal: all records, or none, are of the time after.
        SealedPerson: some records are sealed already.
    """
    _require_supervisor(supervisor)
    with conn.transaction():
        lock_publication(conn)
        sides = _sides(conn, person_id, frozenset(after))
        _refuse_sealed(conn, sides)
        number = store.add_seal(
            conn,
            before=[record.record_id for record in sides["before"]],
            after=[record.record_id for record in sides["after"]],
            reason=reason,
            keeps_name=keeps_name,
            who=supervisor.name,
        )
        return Sealed(store.seal(conn, number))


def _sides(conn: Connection, person_id: str, after: frozenset[RecordKey]) -> dict[Side, list[Named]]:
    named = records_by_key(conn, after)
    person = records_of_persons(conn, [person_id])
    if len(named) < len(after) or not person:
        raise UnknownRecord
    if any(record.withdrawn or record.person_id is None for record in named):
        raise ImpossibleSeal("A record of the time after was withdrawn, or is not linked yet.")
    others = {record.person_id for record in named if record.person_id is not None} - {PersonId(person_id)}
    later = {record.record_id: record for record in (*named, *records_of_persons(conn, others))}
    before = [record for record in person if record.record_id not in later]
    if not (before and later):
        raise ImpossibleSeal("Both times need a record.")
    return {"before": before, "after": list(later.values())}


def _refuse_sealed(conn: Connection, sides: Mapping[Side, Collection[Named]]) -> None:
    """A sealed time cannot be sealed again; a child that was adopted can be adopted again."""
    if store.touched_by_seals(conn, [record.key for side in sides.values() for record in side]).sealed:
        raise SealedPerson


def agree(conn: Connection, seal_id: int, second: Steward, *, agrees: bool, reason: str) -> Sealed:
    """Say as the second person what shall become of what waits under the number: the seal, or its opening.

    Raises:
        As `agree_to_seal` and `agree_to_unsealing`.
    """
    waits = agree_to_unsealing if store.seal(conn, seal_id).state == "opening" else agree_to_seal
    return waits(conn, seal_id, second, agrees=agrees, reason=reason)


@retried
def agree_to_seal(conn: Connection, seal_id: int, second: Steward, *, agrees: bool, reason: str) -> Sealed:
    """Say as the second person whether a seal shall take effect; if so, it does in this transaction.

    Raises:
        UnknownSeal, NothingWaits: there is nothing to agree to.
        NeedsSecondPerson: the steward asked for it, or is neither senior nor a supervisor.
        SealChanged: the records are not as they were when it was asked for.
    """
    with conn.transaction():
        lock_publication(conn)
        asked = store.seal(conn, seal_id)
        if asked.state != "waiting":
            raise NothingWaits("No seal waits for a second person under this number.")
        _require_second(second, asked.who)
        if agrees:
            _require_unchanged(conn, seal_id)
        store.note_second(conn, seal_id, agrees=agrees, reason=reason, who=second.name)
        if not agrees:
            return Sealed(store.seal(conn, seal_id))
        retired = store.put_in_force(conn, seal_id)
        _settle(conn, seal_id, retired)
        persons = {record.person_id for record in store.named_records(conn, seal_id)["after"]}
        found = tuple(sorted(person for person in persons if person is not None))
        return Sealed(store.seal(conn, seal_id), found, tuple(sorted(retired)))


def _require_unchanged(conn: Connection, seal_id: int) -> None:
    """The persons named then have the same records now, and none of them was sealed meanwhile."""
    sides = store.named_records(conn, seal_id)
    _refuse_sealed(conn, sides)
    named = {record.record_id for side in sides.values() for record in side}
    persons = {record.person_id for side in sides.values() for record in side if record.person_id is not None}
    there = {record.record_id for record in records_of_persons(conn, persons)}
    gone = any(record.withdrawn for side in sides.values() for record in side)
    if gone or named != there:
        raise SealChanged


@retried
def propose_unsealing(conn: Connection, seal_id: int, supervisor: Steward, *, reason: str) -> Sealed:
    """Ask that a seal be opened by the court order on file; nothing happens before a second person agrees.

    Raises:
        SupervisorsOnly: the steward is none.
        UnknownSeal: there is none of this number.
        NothingWaits: the seal is not in force, or its opening was asked for before.
        NoCourtOrder: none is on file for a record that the seal names.
    """
    _require_supervisor(supervisor)
    with conn.transaction():
        lock_publication(conn)
        if store.seal(conn, seal_id).state != "in_force":
            raise NothingWaits("This seal is not in force, or its opening waits already.")
        store.add_unsealing(conn, seal_id, _court_order(conn, seal_id), reason=reason, who=supervisor.name)
        return Sealed(store.seal(conn, seal_id))


@retried
def agree_to_unsealing(conn: Connection, seal_id: int, second: Steward, *, agrees: bool, reason: str) -> Sealed:
    """Say as the second person whether a seal is opened; if so, both times are linked as the evidence has them.

    Ids that the seal retired stay retired.

    Raises:
        UnknownSeal, NothingWaits: there is nothing to agree to.
        NeedsSecondPerson: the steward asked for it, or is neither senior nor a supervisor.
        NoCourtOrder: the order was revoked meanwhile.
    """
    with conn.transaction():
        lock_publication(conn)
        asked = store.seal(conn, seal_id)
        if asked.state != "opening" or asked.unsealing is None:
            raise NothingWaits("No opening of this seal waits for a second person.")
        _require_second(second, asked.unsealing.who)
        if agrees:
            _court_order(conn, seal_id)
        store.note_second_of_unsealing(
            conn, asked.unsealing.unsealing_id, agrees=agrees, reason=reason, who=second.name
        )
        if agrees:
            _settle(conn, seal_id, frozenset())
        return Sealed(store.seal(conn, seal_id))


def _court_order(conn: Connection, seal_id: int) -> int:
    found = store.court_order(conn, seal_id)
    if found is None:
        raise NoCourtOrder
    return found


def _require_supervisor(steward: Steward) -> None:
    if not steward.supervisor:
        raise SupervisorsOnly


def _require_second(second: Steward, first: str) -> None:
    if second.name == first or not (second.senior or second.supervisor):
        raise NeedsSecondPerson("This takes another person than the first: a supervisor or a senior steward.")


def _settle(conn: Connection, seal_id: int, retired: Collection[PersonId]) -> None:
    """Link all records under a seal anew. Why they belong together is told as at first: a seal is not told."""
    context, records = current_for_writing(conn), set(store.records_under(conn, seal_id))
    run_id = live_run(conn, "judgement", context)
    settlement = settle(conn, run_id, context, records, reason=store.first_reason(conn, seal_id), sealed=retired)
    close_live_run(conn, run_id, records, settlement)
