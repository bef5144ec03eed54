"""Decide, agree as the second person, undo: the fact, and what follows from it at once, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

from index_service.linking_context import LinkingContext, current, current_for_writing
from index_service.linking_live import Settlement, close_live_run, live_run, settle
from index_service.stewardship.effects import Effect, effect_of
from index_service.stewardship.errors import (
    ClaimedByAnother,
    ContradictoryJudgement,
    ImpossibleChoice,
    LeaseExpired,
    NeedsSecondPerson,
    NotClaimed,
    NothingWaits,
    RecordVanished,
    SealedPerson,
    TaskChanged,
    TaskClosed,
    UnknownRecord,
    UnknownTask,
)
from index_service.stewardship.saying import (
    DECIDES,
    DEMANDS,
    Decision,
    Sides,
    change_needs_second_person,
    needs_second_person,
    parts_of,
)
from index_service.store import stewardship as store
from index_service.store.adoptions import touched_by_seals
from index_service.store.connection import Connection
from index_service.store.judgements import (
    AlreadyUndone,
    Judgement,
    JudgementKind,
    NewJudgement,
    add_judgement,
    judgement,
    mark_generic,
    note_effect,
    note_second,
    persons_before,
    said_around,
    tell_of_review,
    undo_judgement,
)
from index_service.store.publish import lock_publication
from index_service.store.retrying import retried
from index_service.store.stewardship import Named, Task
from linkage.judged import Part, Said, contradiction
from linkage.model import value_digest
from linkage.record import PersonId, RecordKey


@dataclass(frozen=True, slots=True)
class Steward:
    """Who decides. `senior`: may be the second person, and undo what took two. `supervisor`: may seal and unseal."""

    name: str
    senior: bool = False
    supervisor: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """A judgement made, agreed to or undone.

    Attributes:
        waits: it takes effect when a second person agrees.
        effect: what became of persons; None where nothing took effect.
    """

    judgement_id: int
    waits: bool
    effect: Effect | None


@retried
def decide(
    conn: Connection, task_id: int, decision: Decision, steward: Steward, *, seen_version: int | None = None
) -> Decided:
    """Decide a task that the steward holds, and let it take effect.

    Args:
        seen_version: of the task, as the steward saw it.

    Raises:
        UnknownTask, TaskClosed, TaskChanged: the task is not what was seen.
        NotClaimed, LeaseExpired, ClaimedByAnother: the steward does not hold it.
        RecordVanished: a record of it was withdrawn.
        ImpossibleChoice: the records chosen do not make this decision.
        SealedPerson: a record of it is of a time before an adoption that is sealed.
        ContradictoryJudgement: it contradicts judgements in force.
    """
    with conn.transaction():
        lock_publication(conn)
        asked = _open_task(conn, task_id, seen_version)
        _require_holder(asked, steward)
        sides, records = _sides_of(conn, asked)
        decided = _judge(conn, decision, sides, records, steward, asked)
        if decision.kind == "ask_second":
            store.set_status(conn, task_id, asked.status, asked.judgement_id, asked_senior=True)
        return decided


@retried
def preview(conn: Connection, task_id: int, decision: Decision, steward: Steward) -> Effect:
    """What a decision would do to persons; nothing is kept. A second person is not waited for.

    Raises:
        As `decide`, except that the task need not be claimed.
    """
    with conn.transaction(force_rollback=True):
        lock_publication(conn)
        asked = _open_task(conn, task_id, None)
        sides, records = _sides_of(conn, asked)
        return _would_do(conn, decision, sides, records, steward, asked)


@retried
def judge(conn: Connection, decision: Decision, sides: Sides, steward: Steward) -> Decided:
    """Decide about records without a task.

    Raises:
        UnknownRecord: one of them never came.
        ImpossibleChoice, SealedPerson, ContradictoryJudgement: as `decide`.
    """
    with conn.transaction():
        lock_publication(conn)
        return _judge(conn, decision, sides, _known(conn, sides.all | decision.chosen), steward, None)


@retried
def say(conn: Connection, kind: JudgementKind, parts: tuple[Part, ...], reason: str, steward: Steward) -> Decided:
    """Make a judgement from its parts, as a file has them. Raises as `judge`."""
    keys = _named(parts)
    sides = Sides(parts[0].records, frozenset().union(*(part.records for part in parts[1:])))
    decision = Decision(kind, reason, chosen=parts[0].records if kind in ("split", "detach") else frozenset())
    with conn.transaction():
        lock_publication(conn)
        records = _known(conn, keys)
        waits = waits_for_second(conn, decision, sides, current(conn)) or _joins_in_care(conn, parts, records)
        judgement_id = _note(conn, decision, sides, records, steward, None, current(conn), parts, waits)
        effect = None if waits else _take_effect(conn, judgement_id, keys)
        return Decided(judgement_id, waits, effect)


def agreed_to(conn: Connection, judgement_id: int) -> Effect:
    """What a judgement that waits would do once somebody agrees; nothing of that is kept."""
    with conn.transaction(force_rollback=True):
        first = judgement(conn, judgement_id, sealed_too=True)
        note_second(conn, judgement_id, agrees=True, reason="What would happen?", who="nobody")
        return _take_effect(conn, judgement_id, first.said.records)


@retried
def preview_judgement(conn: Connection, decision: Decision, sides: Sides, steward: Steward) -> Effect:
    """What it would do; nothing is kept. Raises as `judge`."""
    with conn.transaction(force_rollback=True):
        lock_publication(conn)
        return _would_do(conn, decision, sides, _known(conn, sides.all | decision.chosen), steward, None)


def sides_of_person(conn: Connection, person_id: str) -> Sides:
    """All records of a person, to split or detach some of them."""
    return Sides(frozenset(r.key for r in store.records_of_persons(conn, [person_id])), one_person=True)


@retried
def agree(conn: Connection, judgement_id: int, steward: Steward, *, agrees: bool, reason: str) -> Decided:
    """Say as the second person whether a decision that waits shall take effect.

    Raises:
        UnknownJudgement, NothingWaits: there is nothing to agree to.
        NeedsSecondPerson: the steward made the decision, or is not senior.
        ContradictoryJudgement: it contradicts judgements made meanwhile.
    """
    with conn.transaction():
        lock_publication(conn)
        first = judgement(conn, judgement_id, sealed_too=True)
        if not first.waits:
            raise NothingWaits
        if not steward.senior or steward.name == first.who:
            raise NeedsSecondPerson
        asked = None if first.task_id is None else store.task(conn, first.task_id, lock=True)
        if asked is not None and not asked.is_open:
            raise TaskClosed
        if agrees:
            _refuse_sealed(conn, first.said.records | first.looked_at)
        note_second(conn, judgement_id, agrees=agrees, reason=reason, who=steward.name)
        if asked is not None:
            store.set_status(conn, asked.task_id, "decided" if agrees else "open", judgement_id if agrees else None)
        if not agrees:
            return Decided(judgement_id, waits=False, effect=None)
        _refuse_contradiction(conn, first.parts, judgement_id)
        return Decided(judgement_id, waits=False, effect=_take_effect(conn, judgement_id, first.said.records))


@retried
def undo(conn: Connection, judgement_id: int, steward: Steward, *, reason: str) -> Decided:
    """Let a judgement no longer hold: persons are again as they follow from what else is known, under their old ids.

    Raises:
        UnknownJudgement, AlreadyUndone: there is nothing to undo.
        NeedsSecondPerson: it took two persons to make, or what undoing it does to persons takes two; then it is for a
            senior steward, and of what one alone decided, for another than that one.
    """
    with conn.transaction():
        lock_publication(conn)
        made = judgement(conn, judgement_id, sealed_too=True)
        if made.undone is not None:
            raise AlreadyUndone
        if made.needs_second and made.in_force and not steward.senior:
            raise NeedsSecondPerson
        is_another = steward.senior and (made.needs_second or steward.name != made.who)
        _refuse_sealed(conn, made.said.records | made.looked_at)
        undo_judgement(conn, judgement_id, reason=reason, who=steward.name)
        store.reopen_task_of(conn, judgement_id)
        if made.kind in DECIDES and not made.parts:
            tell_of_review(conn, judgement_id, "review_undone", live_run(conn, "judgement", current(conn)))
        if not (made.parts and made.in_force):
            return Decided(judgement_id, waits=False, effect=None)
        settled = _take_back(conn, made)
        if not is_another and _undoing_needs_second(conn, made, settled):
            raise NeedsSecondPerson(
                "Undoing this changes persons in a way that takes two: another senior steward than who decided it."
            )
        return Decided(judgement_id, waits=False, effect=settled.effect)


@retried
def claim(conn: Connection, task_id: int, steward: Steward, *, minutes: int | None = None) -> Task:
    """Keep a task for a steward, or keep it longer.

    Raises:
        UnknownTask, TaskClosed: there is nothing to claim.
        ClaimedByAnother: somebody else has it.
    """
    if minutes is None:
        minutes = current(conn).policy.stewardship.lease_minutes
    with conn.transaction():
        asked = _open_task(conn, task_id, None)
        if store.claim_task(conn, task_id, who=steward.name, minutes=minutes) is None:
            raise ClaimedByAnother(asked.claimed_by or "Somebody", asked.claimed_until)
        return _open_task(conn, task_id, None)


def release(conn: Connection, task_id: int, steward: Steward) -> None:
    """Give a task back.

    Raises:
        NotClaimed: the steward does not have it.
    """
    if not store.release_task(conn, task_id, who=steward.name):
        raise NotClaimed


def _open_task(conn: Connection, task_id: int, seen_version: int | None) -> Task:
    asked = store.task(conn, task_id, lock=True)
    if asked is None:
        raise UnknownTask(f"There is no task {task_id}.")
    if not asked.is_open:
        raise TaskClosed
    if seen_version is not None and seen_version != asked.version:
        raise TaskChanged
    return asked


def _require_holder(asked: Task, steward: Steward) -> None:
    if asked.status == "waiting":
        raise NeedsSecondPerson("A decision of this task waits for a second person.")
    if asked.claimed_by is None:
        raise NotClaimed
    now = datetime.now(UTC)
    if asked.claimed_by != steward.name:
        raise ClaimedByAnother(asked.claimed_by, asked.claimed_until) if asked.holder(now) else NotClaimed
    if asked.holder(now) is None:
        raise LeaseExpired


def _sides_of(conn: Connection, asked: Task) -> tuple[Sides, dict[RecordKey, Named]]:
    records = store.records_by_id(conn, (*asked.left_records, *asked.right_records))
    if any(record.withdrawn or record.person_id is None for record in records):
        raise RecordVanished
    right = frozenset(() if asked.one_record else asked.right_records)
    sides = Sides(
        frozenset(record.key for record in records if record.record_id not in right),
        frozenset(record.key for record in records if record.record_id in right),
        asked.one_person,
        one_record=asked.one_record,
    )
    return sides, {record.key: record for record in records}


def _known(conn: Connection, keys: Collection[RecordKey]) -> dict[RecordKey, Named]:
    known = {record.key: record for record in store.records_by_key(conn, keys)}
    if len(known) < len(keys):
        raise UnknownRecord
    return known


def _judge(
    conn: Connection,
    decision: Decision,
    sides: Sides,
    records: Mapping[RecordKey, Named],
    steward: Steward,
    asked: Task | None,
) -> Decided:
    context = current(conn)
    parts = parts_of(decision, sides)
    waits = waits_for_second(conn, decision, sides, context) or _joins_in_care(conn, parts, records)
    judgement_id = _note(conn, decision, sides, records, steward, asked, context, parts, waits)
    if asked is not None and decision.kind in DECIDES:
        store.set_status(conn, asked.task_id, "waiting" if waits else "decided", judgement_id)
    if decision.kind in DECIDES and not parts:
        tell_of_review(conn, judgement_id, "review_decided", live_run(conn, "judgement", context))
    if waits or not parts:
        return Decided(judgement_id, waits, None)
    return Decided(judgement_id, False, _take_effect(conn, judgement_id, _named(parts)))


def _would_do(
    conn: Connection,
    decision: Decision,
    sides: Sides,
    records: Mapping[RecordKey, Named],
    steward: Steward,
    asked: Task | None,
) -> Effect:
    """Do it, in a transaction that is rolled back."""
    parts = parts_of(decision, sides)
    judgement_id = _note(conn, decision, sides, records, steward, asked, current(conn), parts, False)
    if asked is not None and decision.kind in DECIDES:
        store.set_status(conn, asked.task_id, "decided", judgement_id)
    return _take_effect(conn, judgement_id, _named(parts)) if parts else Effect()


def _note(
    conn: Connection,
    decision: Decision,
    sides: Sides,
    records: Mapping[RecordKey, Named],
    steward: Steward,
    asked: Task | None,
    context: LinkingContext,
    parts: tuple[Part, ...],
    waits: bool,
) -> int:
    _refuse_sealed(conn, sides.all | decision.chosen | _named(parts))
    _refuse_contradiction(conn, parts, 0)
    digest = _generic_digest(conn, decision, records)
    judgement_id = add_judgement(
        conn,
        NewJudgement(
            kind=decision.kind,
            reason=decision.reason,
            who=steward.name,
            parts=parts,
            looked_at=sides.all,
            task_id=None if asked is None else asked.task_id,
            evidence=_evidence(asked, records),
            model_fingerprint=context.fingerprint,
            missing=decision.missing,
            needs_second=waits,
        ),
    )
    if digest is not None and decision.field is not None:
        mark_generic(conn, judgement_id, decision.field, digest)
    return judgement_id


def _evidence(asked: Task | None, records: Mapping[RecordKey, Named]) -> dict[str, Any]:
    seen: dict[str, Any] = {
        "versions": [[*key, record.version] for key, record in sorted(records.items())],
    }
    if asked is not None:
        seen |= {"question": asked.kind, "weight_bits": asked.weight_bits, "pairs": asked.pairs}
        if asked.one_record:
            seen["before_version"] = asked.before_version
    return seen


def _generic_digest(conn: Connection, decision: Decision, records: Mapping[RecordKey, Named]) -> str | None:
    """The digest of the value that is marked; the value itself is kept nowhere but in its record."""
    if decision.kind != "generic":
        return None
    if decision.field not in GENERIC_FIELDS or len(decision.chosen) != 1:
        raise ImpossibleChoice(f"Choose one record, and one field of {', '.join(GENERIC_FIELDS)}.")
    (key,) = decision.chosen
    if key not in records:
        raise UnknownRecord
    value = store.value_of(conn, records[key].record_id, decision.field)
    if not isinstance(value, str):
        raise ImpossibleChoice("The record says nothing in this field.")
    return value_digest(value)


GENERIC_FIELDS = ("ssn", "cin", "phone", "address", "email", "first_name", "case_id", "birth_date")
"""Columns of the normalised record in which a value may be marked as shared by many people."""


def waits_for_second(conn: Connection, decision: Decision, sides: Sides, context: LinkingContext) -> bool:
    """Whether a second person has to agree: by policy, and always where a child is concerned that was adopted."""
    if needs_second_person(decision, sides, context.policy.stewardship):
        return True
    return (
        decision.kind in DEMANDS
        and not sides.one_record
        and touched_by_seals(conn, sides.all | decision.chosen).adopted
    )


def _joins_in_care(conn: Connection, parts: Collection[Part], records: Mapping[RecordKey, Named]) -> bool:
    """Whether parts hold together persons of whom the policy wants that two agree, by all records that these have."""
    policy = current(conn).policy.stewardship
    for part in parts:
        named = {person for key in part.records if part.held and (person := records[key].person_id) is not None}
        if len(named) > 1:
            members = store.records_of_persons(conn, named)
            sides = [frozenset(each.key for each in members if each.person_id == person) for person in sorted(named)]
            if any(needs_second_person(Decision("same", ""), Sides(*two), policy) for two in combinations(sides, 2)):
                return True
    return False


def _refuse_sealed(conn: Connection, keys: Collection[RecordKey]) -> None:
    if touched_by_seals(conn, keys).sealed:
        raise SealedPerson


def _refuse_contradiction(conn: Connection, parts: Sequence[Part], judgement_id: int) -> None:
    """Over all judgements in force, whether their records are there or not: a record that returns finds no conflict."""
    if not parts:
        return
    said = Said(judgement_id, tuple(parts))
    around = [other for other in said_around(conn, said.records) if other.judgement_id != judgement_id]
    if chain := contradiction([*around, said]):
        raise ContradictoryJudgement(chain)


def _named(parts: Sequence[Part]) -> frozenset[RecordKey]:
    return frozenset().union(*(part.records for part in parts))


@dataclass(frozen=True, slots=True)
class _Settled:
    """What settling did, and by which run."""

    settlement: Settlement
    effect: Effect
    run_id: int


def _take_effect(conn: Connection, judgement_id: int, keys: Collection[RecordKey]) -> Effect:
    settled = _settle(conn, keys, f"judgement {judgement_id}", {})
    note_effect(conn, judgement_id, settled.run_id)
    tell_of_review(conn, judgement_id, "review_decided", settled.run_id)
    return settled.effect


def _take_back(conn: Connection, made: Judgement) -> _Settled:
    before = persons_before(conn, made.judgement_id)
    keys = made.said.records | {record.key for record in store.records_by_id(conn, before)}
    settled = _settle(conn, keys, f"judgement {made.judgement_id} undone", before)
    tell_of_review(conn, made.judgement_id, "review_undone", settled.run_id)
    return settled


def _undoing_needs_second(conn: Connection, made: Judgement, settled: _Settled) -> bool:
    """By the policy for decisions that do the same; always where the child was adopted, or the next relink does it."""
    standing = settled.settlement.records
    there = {i: each.record.key for i, each in standing.items() if each.record is not None}
    before = {key: person for i, key in there.items() if (person := standing[i].person_id) is not None}
    after = {key: settled.settlement.persons[i] for i, key in there.items() if i in settled.settlement.persons}
    if before == after and not settled.effect.waits:
        return False
    policy = current(conn).policy.stewardship
    return (
        settled.effect.waits
        or change_needs_second_person(before, after, policy)
        or touched_by_seals(conn, made.said.records | before.keys()).adopted
    )


def _settle(conn: Connection, keys: Collection[RecordKey], reason: str, restore: Mapping[int, PersonId]) -> _Settled:
    records = {record.record_id: record for record in store.records_by_key(conn, keys)}
    context = current_for_writing(conn)
    run_id = live_run(conn, "judgement", context)
    settlement: Settlement = settle(conn, run_id, context, set(records), reason=reason, restore=restore)
    close_live_run(conn, run_id, set(records), settlement)
    return _Settled(settlement, effect_of(conn, run_id, settlement), run_id)
