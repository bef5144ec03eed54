"""Take in records of segregated sources as they come, in their own partition: fact and attachment in one commit."""

from __future__ import annotations

from collections.abc import Sequence

from index_service.ingesting import (
    Answered,
    Write,
    WriteOutcome,
    Written,
    answered_or_refused,
    moves,
    settled_before,
)
from index_service.linking_context import current
from index_service.satellites.following import Followed, settle_satellites
from index_service.store.arrivals import Head, Taken, forget_old_answers, heads, lock_sources, remember_answer, take
from index_service.store.connection import Connection
from index_service.store.satellites import lock_satellites, segregated_partition, settle_partition
from linkage.record import RecordKey


def ingest_satellites(conn: Connection, writes: Sequence[Write]) -> list[Answered]:
    """As `index_service.ingesting.ingest`, for records of segregated sources: the index is read and not written.

    Raises:
        InTheOtherPartition: the index holds records of a source among its own.
    """
    with conn.transaction():
        lock_satellites(conn)
        for source in sorted({write.key[0] for write in writes}):
            settle_partition(conn, source, segregated=True)
        with segregated_partition(conn):
            lock_sources(conn, sorted({write.key[0] for write in writes}))
            known = heads(conn, [write.key for write in writes])
            answers = [answered_or_refused(conn, write, known.get(write.key)) for write in writes]
            places = [place for place, answer in enumerate(answers) if answer is None]
            accepted = [writes[place] for place in places]
            taken = take(conn, [write.arrival for write in accepted], known)
        followed = _follow(conn, accepted, taken, known)
        with segregated_partition(conn):
            for place, write, became in zip(places, accepted, taken, strict=True):
                answers[place] = written = _written(became, known.get(write.key), followed)
                if write.once:
                    remember_answer(conn, write.once.key, write.once.render(written))
    return [answer for answer in answers if answer is not None]


def forget_satellite_answers(conn: Connection) -> None:
    """As `forget_old_answers`, of the segregated partition."""
    with conn.transaction(), segregated_partition(conn):
        forget_old_answers(conn)


def _follow(
    conn: Connection, writes: Sequence[Write], taken: Sequence[Taken | None], known: dict[RecordKey, Head]
) -> dict[int, Followed]:
    to_settle = {t.record_id for t, w in zip(taken, writes, strict=True) if t is not None and moves(t, w, known)}
    followed = settle_satellites(conn, current(conn), to_settle)
    return {each.before.record_id: each for each in followed}


def _written(taken: Taken | None, head: Head | None, followed: dict[int, Followed]) -> Written:
    if taken is None or taken.record_id not in followed:
        return settled_before(taken, head)
    became = followed[taken.record_id]
    attachment = became.attachment
    return Written(
        outcome=_outcome(became),
        person_id=became.person_id,
        version=taken.version,
        probability=attachment.probability if attachment else None,
    )


def _outcome(became: Followed) -> WriteOutcome:
    before, person = became.before.person_id, became.person_id
    if person is None:
        return "withdrawn"
    if before == person:
        return "kept"
    if before is None or before == became.before.own_person_id:
        return "created" if person == became.before.own_person_id else "joined"
    return "moved"
