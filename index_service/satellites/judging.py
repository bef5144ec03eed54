"""What stewards with the right to a segregated source say of its records: of whom they are, and of whom not.

It takes effect at once, survives relinks and changed records, and can be undone. It says nothing of the index's own
records: those it neither joins nor parts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from index_service.errors import InputError
from index_service.linking_context import LinkingContext, current
from index_service.satellites.following import Followed, settle_satellites
from index_service.store.connection import Connection
from index_service.store.neighbourhood import Member, records_of_persons
from index_service.store.on_file import answering_person
from index_service.store.retrying import retried
from index_service.store.satellites import (
    SaidKind,
    Satellite,
    add_judgement,
    lock_satellites,
    record_id_of,
    satellites,
    undo_judgement,
)
from linkage.columns import RecordColumns
from linkage.generic_values import columns_without_generic_values, without_generic_values
from linkage.question import pair_weights
from linkage.record import PersonId, RecordKey


class NoSuchSatellite(InputError):
    """There is no such segregated record, or none for who asks."""

    hint = "Name source and id as the source has them; ids are case-sensitive."


class NoSuchPerson(InputError):
    """The person has no records."""

    hint = "Look the person up: an id that retired names whom it forwards to."


class NothingToUndo(InputError):
    """There is no such judgement of a segregated record, none for who asks, or it was undone before."""

    hint = "The number is that which deciding gave."


@dataclass(frozen=True, slots=True)
class Judged:
    """A judgement, and whom the record belongs to since: to a person of the index, or to nobody but itself."""

    judgement_id: int
    person_id: PersonId | None
    is_alone: bool


@retried
def judge_satellite(
    conn: Connection,
    kind: SaidKind,
    key: RecordKey,
    person_id: str,
    *,
    sources: Collection[str],
    reason: str,
    who: str,
) -> Judged:
    """Keep that a segregated record is, or is not, of a person; effective at once.

    Args:
        sources: the segregated sources that whoever decides has the right to.

    Raises:
        NoSuchSatellite: there is no such record of these sources.
        NoSuchPerson: the person has no records.
    """
    with conn.transaction():
        lock_satellites(conn)
        record_id = record_id_of(conn, key) if key[0] in sources else None
        if record_id is None:
            raise NoSuchSatellite
        context = current(conn)
        (satellite,) = satellites(conn, [record_id])
        members = records_of_persons(conn, [PersonId(answering_person(conn, person_id) or "")])
        if not members:
            raise NoSuchPerson
        named = _strongest_first(satellite, members, context)
        judgement_id = add_judgement(conn, kind, key, named, reason=reason, who=who)
        (followed,) = settle_satellites(conn, context, [record_id])
    return _judged(judgement_id, followed)


@retried
def undo_satellite_judgement(
    conn: Connection, judgement_id: int, *, sources: Collection[str], reason: str, who: str
) -> Judged:
    """End a judgement: the record is where the evidence, and what else was said of it, puts it.

    Raises:
        NothingToUndo: there is no such judgement about a record of these sources, or it was undone before.
    """
    with conn.transaction():
        lock_satellites(conn)
        record_id = undo_judgement(conn, judgement_id, sources, reason=reason, who=who)
        if record_id is None:
            raise NothingToUndo
        (followed,) = settle_satellites(conn, current(conn), [record_id])
    return _judged(judgement_id, followed)


def _judged(judgement_id: int, followed: Followed) -> Judged:
    attachment = followed.attachment
    return Judged(judgement_id, followed.person_id, attachment is not None and attachment.person_id is None)


def _strongest_first(satellite: Satellite, members: list[Member], context: LinkingContext) -> list[RecordKey]:
    """The person's records, the one that agrees most with the segregated record first."""
    assert satellite.record is not None  # noqa: S101 - withdrawn records are not judged
    columns = columns_without_generic_values(RecordColumns.of([m.record for m in members]), context.model)
    weights = pair_weights(without_generic_values(satellite.record, context.model), columns, context.compiled)
    return [members[place].key for place in np.argsort(-weights, kind="stable").tolist()]
