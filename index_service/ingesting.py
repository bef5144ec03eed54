"""Take in records as they come: the facts, whom they belong to and why, in one transaction.

Writes that wait at the same time are taken in one turn: one search, one settlement, one commit for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from index_service.conditions import Condition
from index_service.linking_context import LinkingContext, current_for_writing
from index_service.linking_live import Settlement, WaitReason, close_live_run, live_run, settle
from index_service.stewardship.overlays import ask_about_overlays
from index_service.store.arrivals import (
    Arrival,
    Head,
    RememberedAnswer,
    Taken,
    answered_before,
    heads,
    lock_sources,
    remember_answer,
    take,
    try_lock_sources,
)
from index_service.store.connection import Connection
from index_service.store.neighbourhood import Standing
from index_service.store.publish import Question, forget_records_to_link, lock_publication
from linkage.record import NormalisedRecord, PersonId, RecordKey
from linkage.weights import Explanation
from linkage.weights_of_few import explain_few_pairs

WriteOutcome = Literal[
    "created", "joined", "joined_persons", "moved", "split", "kept", "unchanged", "outdated", "withdrawn", "unknown"
]
"""What a write did.

created: the record is a new person. joined: it joined an earlier person. joined_persons: it made earlier persons one.
moved: it went from one person to another. split: it or others left its earlier person. kept: it changed and stays with
its person. unchanged: we knew that. outdated: older, by the source's date, than what we hold. withdrawn: it belongs to
nobody any more. unknown: a withdrawal of a record that never came.
"""


@dataclass(frozen=True, slots=True)
class Write:
    """A record that a source sends or withdraws, on conditions.

    condition: what must hold of the record; None: anything.
    once: keeps the answer, so that the same request sent again gets it and does nothing.
    sees: sources of which the answer may tell, beside the record itself; None: all. What became of the record is told
        as if there were no other sources, as far as persons are formed alike.
    """

    arrival: Arrival
    condition: Condition | None = None
    once: Once | None = None
    sees: frozenset[str] | None = None

    @property
    def key(self) -> RecordKey:
        return self.arrival.record.key

    @property
    def names(self) -> tuple[object, ...]:
        """What two writes of one turn must not share."""
        return (self.key,) if self.once is None else (self.key, self.once.key)


@dataclass(frozen=True, slots=True)
class Once:
    """An idempotency key, and the hash of the request that it stands for; `render` makes the answer that is kept."""

    key: str
    request_hash: bytes
    render: Callable[[Written | Refused], RememberedAnswer]


@dataclass(frozen=True, slots=True)
class Evidence:
    """The record of its person with which a written record agrees most, and what that weighs."""

    record: RecordKey
    explanation: Explanation


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a write.

    Attributes:
        person_id: whom the record belongs to now.
        version: the version of the record that holds; 0 if there is none.
        probability: that the record belongs to the person.
        evidence: why it belongs there; None for a person of one record.
        joined: earlier persons that retired into this one.
        left: persons that records of the earlier person went to.
        reviews: persons that a steward is asked about, with the weight in bits.
        waits: why the record waits for the next relink; None if it does not.
        is_cut: its component is above the policy's cap, and was cut at higher thresholds.
        candidates: records that the turn compared.
        witnesses: each other person that is told of, to a record from which the caller may know it.
    """

    outcome: WriteOutcome
    person_id: PersonId | None
    version: int
    probability: float | None = None
    evidence: Evidence | None = None
    joined: tuple[PersonId, ...] = ()
    left: tuple[PersonId, ...] = ()
    reviews: tuple[tuple[PersonId, float], ...] = ()
    waits: WaitReason | None = None
    is_cut: bool = False
    candidates: int = 0
    witnesses: Mapping[PersonId, RecordKey] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refused:
    """A write whose condition does not hold: nothing was done. `version` is the one that holds, 0 if there is none."""

    version: int


Answered = Written | Refused | RememberedAnswer
"""What became of a write; the answer given before, where the same request came before."""


class SourcesLoading(Exception):
    """A batch of some of the writes' sources is being loaded; nothing was done."""

    def __init__(self, sources: Collection[str]) -> None:
        super().__init__(f"{len(sources)} sources are being loaded")
        self.sources = frozenset(sources)


def ingest(conn: Connection, writes: Sequence[Write]) -> list[Answered]:
    """Take in records of different keys, link them and everything they touch, and publish, in one transaction.

    Where a batch of one of the sources is being loaded, it waits; nobody else waits for it meanwhile, for the lock of
    publications is taken afterwards.

    Returns:
        What became of each write, in order.
    """
    with conn.transaction():
        lock_sources(conn, _sources(writes))
        return _ingest(conn, writes)


def ingest_at_once(conn: Connection, writes: Sequence[Write]) -> list[Answered]:
    """As `ingest`, without waiting for a load.

    Raises:
        SourcesLoading: names the sources of which a batch is being loaded.
    """
    with conn.transaction():
        if loading := try_lock_sources(conn, _sources(writes)):
            raise SourcesLoading(loading)
        return _ingest(conn, writes)


def _sources(writes: Sequence[Write]) -> list[str]:
    return sorted({write.key[0] for write in writes})


def _ingest(conn: Connection, writes: Sequence[Write]) -> list[Answered]:
    with conn.pipeline():
        lock_publication(conn)
        context = current_for_writing(conn)
    known = heads(conn, [write.key for write in writes])
    answers = [answered_or_refused(conn, write, known.get(write.key)) for write in writes]
    places = [place for place, answer in enumerate(answers) if answer is None]
    accepted = [writes[place] for place in places]
    for place, written in zip(places, _take_in(conn, context, accepted, known), strict=True):
        answers[place] = written
        if once := writes[place].once:
            remember_answer(conn, once.key, once.render(written))
    return [answer for answer in answers if answer is not None]


def answered_or_refused(conn: Connection, write: Write, head: Head | None) -> Answered | None:
    """The answer given before to the same request, or that a condition does not hold; None: the write is taken in."""
    before = None if write.once is None else answered_before(conn, write.once.key)
    return before or _refusal(write, head)


def _refusal(write: Write, head: Head | None) -> Answered | None:
    held = 0 if head is None or head.withdrawn else head.current_version
    return None if write.condition is None or write.condition.holds(held) else Refused(held)


def _take_in(
    conn: Connection, context: LinkingContext, writes: Sequence[Write], known: dict[RecordKey, Head]
) -> list[Written]:
    taken = take(conn, [write.arrival for write in writes], known)
    to_settle = {t.record_id for t, w in zip(taken, writes, strict=True) if t is not None and moves(t, w, known)}
    if not to_settle:
        return [settled_before(t, known.get(w.key)) for t, w in zip(taken, writes, strict=True)]
    run_id = live_run(conn, "online", context)
    settlement = settle(conn, run_id, context, to_settle, arrived=_arrived(taken, writes, to_settle))
    with conn.pipeline():
        close_live_run(conn, run_id, to_settle, settlement)
        forget_records_to_link(conn, to_settle - settlement.waiting.keys())
    if known_before := to_settle & {head.record_id for head in known.values()}:
        ask_about_overlays(conn, run_id, context, known_before)
    settled = [(t, w) for t, w in zip(taken, writes, strict=True) if t is not None and t.record_id in to_settle]
    evidence = _evidence(settled, settlement, context)
    return [
        _written(t, w, known.get(w.key), settlement, evidence.get(t.record_id))
        if t is not None and t.record_id in to_settle
        else settled_before(t, known.get(w.key))
        for t, w in zip(taken, writes, strict=True)
    ]


def _arrived(
    taken: Sequence[Taken | None], writes: Sequence[Write], to_settle: Collection[int]
) -> dict[int, NormalisedRecord] | None:
    """The records that hold now, withdrawn ones left out; None where one is not what the write says."""
    settling = [(t, w) for t, w in zip(taken, writes, strict=True) if t is not None and t.record_id in to_settle]
    if any(t.outcome not in ("new", "changed", "withdrawn") for t, _ in settling):
        return None
    return {t.record_id: w.arrival.normalised for t, w in settling if t.outcome != "withdrawn"}


def moves(taken: Taken, write: Write, known: dict[RecordKey, Head]) -> bool:
    """Whether the record has to be linked: it is new or says something else, or was loaded and not linked yet."""
    head = known.get(write.key)
    waiting = head is not None and head.person_id is None and not head.withdrawn
    return taken.outcome in ("new", "changed", "withdrawn") or (waiting and not write.arrival.deleted)


def settled_before(taken: Taken | None, head: Head | None) -> Written:
    """What is told of a write that changed nothing; of one that was withdrawn and never came, that it is unknown."""
    if taken is None or head is None:
        return Written("unknown", None, 0)
    outcome: WriteOutcome = "outdated" if taken.outcome == "outdated" else "unchanged"
    return Written(outcome, None if head.withdrawn else head.person_id, taken.version)


def _written(
    taken: Taken, write: Write, head: Head | None, settlement: Settlement, evidence: Evidence | None
) -> Written:
    before = head.person_id if head else None
    person = settlement.persons.get(taken.record_id)
    seen = replace(settlement, records=_seen(settlement, taken.record_id, write.sees))
    joined = _retired_into(seen, person)
    left = _went_to(seen, before)
    witnesses = _witnesses(seen)
    return Written(
        outcome=_what_it_did(seen, before, person, joined, left, taken.record_id),
        person_id=person,
        version=taken.version,
        probability=_probability(settlement, taken.record_id),
        evidence=evidence,
        joined=joined,
        left=left,
        reviews=tuple(asked for asked in _questions(settlement.questions, person) if asked[0] in witnesses),
        waits=settlement.waiting.get(taken.record_id),
        is_cut=taken.record_id in settlement.cut,
        candidates=settlement.candidates,
        witnesses=witnesses,
    )


def _seen(settlement: Settlement, record_id: int, sees: frozenset[str] | None) -> Mapping[int, Standing]:
    """The records that an answer may tell of: of the sources that the caller sees, and the one written."""
    return {
        i: standing
        for i, standing in settlement.records.items()
        if sees is None or i == record_id or (standing.record is not None and standing.record.source in sees)
    }


def _witnesses(seen: Settlement) -> Mapping[PersonId, RecordKey]:
    """Persons before and after, each to the first record by which it can be known."""
    keys = sorted((standing.record.key, i) for i, standing in seen.records.items() if standing.record is not None)
    found: dict[PersonId, RecordKey] = {}
    for key, i in keys:
        for person in (seen.persons.get(i), seen.records[i].person_id):
            if person is not None:
                found.setdefault(person, key)
    return found


def _what_it_did(
    settlement: Settlement,
    before: PersonId | None,
    person: PersonId | None,
    joined: tuple[PersonId, ...],
    left: tuple[PersonId, ...],
    record_id: int,
) -> WriteOutcome:
    if person is None:
        return "withdrawn"
    if joined:
        return "joined_persons"
    if before is None:
        others = any(s.person_id == person for i, s in settlement.records.items() if i != record_id)
        return "joined" if others else "created"
    if left:
        return "split"
    return "moved" if before != person else "kept"


def _retired_into(settlement: Settlement, person: PersonId | None) -> tuple[PersonId, ...]:
    """Earlier persons of which nobody is left, and whose records came to this person."""
    living = set(settlement.persons.values())
    came = {
        s.person_id
        for i, s in settlement.records.items()
        if person is not None and s.person_id is not None and settlement.persons.get(i) == person
    }
    return tuple(sorted(came - living))


def _went_to(settlement: Settlement, before: PersonId | None) -> tuple[PersonId, ...]:
    """Persons that records which shared the record's earlier person belong to now, if they no longer share one."""
    if before is None:
        return ()
    now = {
        settlement.persons[i]
        for i, s in settlement.records.items()
        if s.person_id == before and i in settlement.persons
    }
    return tuple(sorted(now - {before})) if len(now) > 1 else ()


def _probability(settlement: Settlement, record_id: int) -> float | None:
    if record_id not in settlement.rows:
        return None
    return float(settlement.partition.probability[settlement.rows.index(record_id)])


def _evidence(
    settled: Sequence[tuple[Taken, Write]], settlement: Settlement, context: LinkingContext
) -> dict[int, Evidence]:
    """Why each written record belongs to its person, by record id; all at once; none for persons of one record."""
    beside: dict[int, NormalisedRecord] = {}
    lefts: list[NormalisedRecord] = []
    for taken, write in settled:
        other = _strongest(settlement, _seen(settlement, taken.record_id, write.sees), taken.record_id)
        if other is not None:
            beside[taken.record_id] = other
            lefts.append(write.arrival.normalised)
    if not beside:
        return {}
    explained = zip(beside.items(), explain_few_pairs(lefts, list(beside.values()), context.compiled), strict=True)
    return {record_id: Evidence(other.key, explanation) for (record_id, other), explanation in explained}


def _strongest(settlement: Settlement, seen: Mapping[int, Standing], record_id: int) -> NormalisedRecord | None:
    """The record of the same person with which a record agrees most, among those of which the answer may tell."""
    if record_id not in settlement.rows:
        return None
    row, cluster, pairs = settlement.rows.index(record_id), settlement.partition.cluster, settlement.partition.pairs
    is_seen = np.array([i in seen for i in settlement.rows], dtype=bool)
    of_record = np.flatnonzero(
        ((pairs.left == row) | (pairs.right == row))
        & (cluster[pairs.left] == cluster[pairs.right])
        & is_seen[pairs.left]
        & is_seen[pairs.right]
    )
    if not len(of_record):
        return None
    best = of_record[np.argmax(pairs.weight[of_record])]
    return seen[settlement.rows[int(pairs.left[best] + pairs.right[best]) - row]].record


def _questions(questions: Sequence[Question], person: PersonId | None) -> tuple[tuple[PersonId, float], ...]:
    """Persons that may be this one, and the weight."""
    asked = [
        (PersonId(q.right_person_id if q.left_person_id == person else q.left_person_id), q.weight_bits)
        for q in questions
        if person in (q.left_person_id, q.right_person_id) and q.left_person_id != q.right_person_id
    ]
    return tuple(sorted(asked, key=lambda question: -question[1]))
