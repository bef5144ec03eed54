"""Let segregated records follow the index: each is weighed with the persons near it, and belongs to one or to none.

The same function attaches one record that has just come and all of them after a relink, from what the index holds at
that moment. It writes in the segregated partition alone; nothing in the index waits for it or can tell that it ran.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from index_service.linking_context import LinkingContext, current
from index_service.linking_live import blocking_keys
from index_service.satellites.attaching import Attachment, attach
from index_service.store.connection import Connection
from index_service.store.neighbourhood import Candidate, Candidates, Member, candidates, records_of_persons
from index_service.store.publish import expect_few
from index_service.store.retrying import retried
from index_service.store.satellites import (
    Said,
    Satellite,
    add_own_person,
    ask,
    forget_waiting,
    known_sources,
    lock_satellites,
    move,
    note_regard,
    note_what_changed,
    now,
    persons_of,
    said_of,
    satellites,
    waiting,
)
from linkage.columns import RecordColumns
from linkage.generic_values import columns_without_generic_values, without_generic_values
from linkage.person_ids import new_person_ids
from linkage.question import pair_weights
from linkage.record import NormalisedRecord, PersonId, RecordKey

RECORDS_A_TURN = 100
"""Records attached in one transaction: those that arrive meanwhile come between."""


@dataclass(frozen=True, slots=True)
class Followed:
    """A segregated record, whom it belonged to and belongs to now; `person_id` is None for one that is withdrawn."""

    before: Satellite
    person_id: PersonId | None
    attachment: Attachment | None


def follow_index(conn: Connection) -> int:
    """Weigh again what the index's changes since the last time concern; returns how many records were weighed.

    What is left undone waits: breaking off at any point loses nothing.
    """
    if not known_sources(conn):
        return 0
    weighed = 0
    _note_what_changed(conn)
    while chosen := _next_turn(conn):
        weighed += chosen
    return weighed


@retried
def _note_what_changed(conn: Connection) -> None:
    with conn.transaction():
        lock_satellites(conn)
        note_what_changed(conn)


@retried
def _next_turn(conn: Connection) -> int:
    with conn.transaction():
        lock_satellites(conn)
        chosen = waiting(conn, RECORDS_A_TURN)
        settle_satellites(conn, current(conn), chosen)
    return len(chosen)


def settle_satellites(conn: Connection, context: LinkingContext, record_ids: Collection[int]) -> list[Followed]:
    """Attach these segregated records anew, within the caller's transaction, which holds the lock of satellites."""
    if not record_ids:
        return []
    expect_few(conn)
    found = satellites(conn, record_ids)
    said = said_of(conn, [each.key for each in found])
    holders = persons_of(conn, {key for of_one in said for each in of_one for key in each.records})
    followed = [_settle(conn, context, each, of_one, holders) for each, of_one in zip(found, said, strict=True)]
    forget_waiting(conn, record_ids)
    return followed


def _settle(
    conn: Connection,
    context: LinkingContext,
    satellite: Satellite,
    said: list[Said],
    holders: Mapping[RecordKey, PersonId],
) -> Followed:
    attachment = None if satellite.record is None else _attachment(conn, context, satellite, said, holders)
    at = now(conn)
    ask(conn, satellite.record_id, attachment.doubts if attachment else (), at)
    person_id = attachment.person_id if attachment else None
    if attachment is not None and person_id is None:
        person_id = satellite.own_person_id
        if person_id is None:
            (person_id,) = new_person_ids(1)
            satellite = add_own_person(conn, satellite, person_id, at)
    if person_id != satellite.person_id:
        probability, reason = (attachment.probability, attachment.reason) if attachment else (1.0, "withdrawn")
        move(conn, satellite, person_id, at=at, probability=probability, reason=reason)
    return Followed(satellite, person_id, attachment)


def _attachment(
    conn: Connection,
    context: LinkingContext,
    satellite: Satellite,
    said: list[Said],
    holders: Mapping[RecordKey, PersonId],
) -> Attachment:
    assert satellite.record is not None  # noqa: S101 - the caller has looked
    near = _near(conn, context, satellite.record)
    named = {holders[key] for each in said for key in each.records if key in holders}
    note_regard(
        conn,
        satellite.record_id,
        {candidate.record_id for candidate in near.found},
        {*(each.person_id for each in near.found if each.person_id is not None), *named},
    )
    likely = _likely_persons(satellite.record, near.found, context)
    members: list[Member] = records_of_persons(conn, likely) if likely else []
    return attach(satellite.record, members, said, holders, context)


def _near(conn: Connection, context: LinkingContext, record: NormalisedRecord) -> Candidates:
    """Records of the index that share a blocking key with the record, by the rule that live linking goes by."""
    keys = blocking_keys(without_generic_values(record, context.model), context)
    return candidates(conn, keys, context.policy.hard_block_records) if keys else Candidates((), frozenset())


def _likely_persons(record: NormalisedRecord, near: Collection[Candidate], context: LinkingContext) -> set[PersonId]:
    """The persons of those that weigh enough to be looked at together with the record."""
    linked = [(each.person_id, each.record) for each in near if each.person_id is not None]
    if not linked:
        return set()
    columns = columns_without_generic_values(RecordColumns.of([other for _, other in linked]), context.model)
    weights = pair_weights(without_generic_values(record, context.model), columns, context.compiled)
    reached = weights >= context.policy.component_threshold_bits
    return {person for (person, _), is_near in zip(linked, reached.tolist(), strict=True) if is_near}
