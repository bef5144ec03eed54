"""What the medication process (form JV-220) is told of a child: who it is, how certain, and where the child is known.

Who the child is, is weighed over records that the caller may use for it, and pointers come from `releasing` alone: what
may not be told takes part in nothing. What is said of the pointers is in `packets`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

from config.agreements import Action
from config.pmap import PmapConfig
from index_service.disclosure.notices import notices_for
from index_service.linking_context import LinkingContext
from index_service.packets import TOLD_ATTRIBUTES, Asked, CinTold, PacketPointer, packet_of
from index_service.resolving import EVEN, FEW_RECORDS, Question, Resolved, resolve, weigh_members
from index_service.store import pmap as store
from index_service.store.connection import AsyncConnection
from index_service.store.neighbourhood import Member, read_records_of_persons
from index_service.store.normalised import normalised_records
from index_service.store.pmap import OpenTask, Packet, Standing, ToldRecord
from index_service.store.releasing import Pointer
from index_service.store.within import Within
from linkage.record import PersonId, RecordKey

Certainty = Literal["certain", "review_pending", "not_found"]
Concern = Literal["who_it_is", "records_too_many", "records_missing", "numbers_differ"]
"""What stewards are to find out: who the child is; whether some of its records are another child's; whether records
that are another person's now are the child's too; why its records have two numbers of a kind, as a frozen CIN leaves
them."""

Change = Literal["joined", "split", "added", "removed", "gone", "review_decided", "review_opened", "children_changed"]
"""What became of a packet.

joined: the child's id, or records of another person, were joined with it. split: a record told is another person's now.
added, removed: a pointer came, or may no longer be told. gone: nothing may be told of the child any more.
review_decided, review_opened: a question about the child was decided, or arose. children_changed: of those that it
could have been.
"""

CHILDREN_HASTENED = 3
"""Of those that a question may mean, the likeliest so many rise in the stewards' queue."""


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to a question.

    Attributes:
        person_id: the child; None unless certain.
        relative_competes: a twin or sibling answers to the question too, or a steward is asked about one.
        concern: what stewards are to find out; None if nothing.
        due_on: the court day by which it is needed; set where `concern` is.
        pointers: of the child, in the order of roles.
        stands_for: what a token is kept for: the pointers, or a record of each child it may be.
        tasks: open questions that the caller may know of. waits_for: records whose children stewards are to look at.
        nothing_is_open: no question about the child is open, known to the caller or not.
    """

    certainty: Certainty
    person_id: PersonId | None = None
    relative_competes: bool = False
    concern: Concern | None = None
    due_on: date | None = None
    pointers: tuple[PacketPointer, ...] = ()
    cins: tuple[CinTold, ...] = ()
    notices: tuple[str, ...] = ()
    stands_for: tuple[ToldRecord, ...] = ()
    tasks: frozenset[int] = frozenset()
    waits_for: tuple[RecordKey, ...] = ()
    nothing_is_open: bool = False


# --- gathering --------------------------------------------------------------------------------------------------------


class Tells(Protocol):
    """The way out: tells what the caller may learn, and enters it into the ledger."""

    async def persons(
        self,
        persons: Sequence[str],
        *,
        asked: Mapping[str, object],
        action: Action = "pointers",
        attributes: Collection[str] = (),
    ) -> list[Pointer]: ...


@dataclass(frozen=True, slots=True)
class Sight:
    """What a caller may know.

    reading: finds and weighs. tells: the way out. asked: the question for the ledger, which keeps it sealed.
    searches: among which records children are looked for: those that the caller may use whoever the child is, and those
    that it may use for some. Whom the first finds, nobody in the second can displace.
    """

    reading: AsyncConnection
    tells: Tells
    asked: Mapping[str, object]
    searches: Sequence[Within]
    client: str
    purpose: str

    async def usable(self, persons: Collection[str]) -> dict[PersonId, frozenset[RecordKey]]:
        """The records of persons that may take part in finding out who somebody is, by person.

        Enters into the ledger whom the answer may tell of, or that it tells of nobody.
        """
        told = await self.tells.persons(list(persons), asked=self.asked, action="resolve")
        records: dict[PersonId, set[RecordKey]] = {}
        for pointer in told:
            records.setdefault(pointer.person_id, set()).add((pointer.source, pointer.source_record_id))
        return {person: frozenset(keys) for person, keys in records.items()}


async def answer(sight: Sight, context: LinkingContext, asked: Asked, config: PmapConfig) -> Found:
    """Who the child is, how certain, and what may be told of it."""
    question = asked.question(config)
    found = [await resolve(sight.reading, context, question, within=within) for within in sight.searches]
    usable = await sight.usable(list(dict.fromkeys(person.person_id for each in found for person in each.persons)))
    members = await read_records_of_persons(sight.reading, usable)
    seen = [member for member in members if member.key in usable.get(member.person_id, ())]
    persons = await _weighed(question, seen, context)
    certainty = certainty_of(persons)
    if certainty == "not_found":
        return Found("not_found")
    if certainty == "review_pending":
        return await _children_it_may_be(sight, asked, persons, usable, config)
    return await _the_child(sight, asked, persons, usable, config)


async def _weighed(question: Question, seen: Sequence[Member], context: LinkingContext) -> tuple[Resolved, ...]:
    """Here, where there are few records to weigh; beyond, in a thread, so that others do not wait."""
    if len(seen) <= FEW_RECORDS:
        return weigh_members(question, seen, context)
    return await asyncio.to_thread(weigh_members, question, seen, context)


async def _children_it_may_be(
    sight: Sight,
    asked: Asked,
    persons: Sequence[Resolved],
    usable: Mapping[PersonId, frozenset[RecordKey]],
    config: PmapConfig,
) -> Found:
    children = [ToldRecord(*min(usable[person.person_id]), person.person_id) for person in persons]
    among = [task for person in persons for task in await store.open_tasks(sight.reading, person.person_id)]
    return Found(
        "review_pending",
        relative_competes=_relative_competes(persons),
        concern="who_it_is",
        due_on=asked.due_on(config),
        stands_for=tuple(children),
        tasks=frozenset(task.task_id for task in among if may_know_of(task, usable)),
        waits_for=tuple(child.key for child in children[:CHILDREN_HASTENED]),
    )


async def _the_child(
    sight: Sight,
    asked: Asked,
    persons: Sequence[Resolved],
    usable: Mapping[PersonId, frozenset[RecordKey]],
    config: PmapConfig,
) -> Found:
    child = persons[0].person_id
    every = await store.open_tasks(sight.reading, child)
    known = await _known_tasks(sight, every, usable)
    concern = concern_of(known)
    competes = _relative_competes(persons) or any(task.kind == "twin_or_sibling_alert" for task in known)
    tasks = frozenset(task.task_id for task in known)
    of_child = min(usable[child])
    due_on = asked.due_on(config) if concern else None
    waits_for = (of_child,) if every else ()
    if concern == "records_too_many":
        stands_for = (ToldRecord(*of_child, child),)
        return Found(
            "review_pending", None, competes, concern, due_on, stands_for=stands_for, tasks=tasks, waits_for=waits_for
        )
    pointers, cins = await _told(sight, asked, child, config)
    notices = await store.notices(sight.reading, sight.client, sight.purpose) if pointers else []
    return Found(
        "certain",
        child,
        competes,
        concern,
        due_on,
        pointers,
        cins,
        tuple(dict.fromkeys([*notices, *notices_for(each.pointer.source for each in pointers)])),
        stands_for=tuple(_told_record(each.pointer) for each in pointers),
        tasks=tasks,
        waits_for=waits_for,
        nothing_is_open=not every,
    )


async def _known_tasks(
    sight: Sight, tasks: Sequence[OpenTask], usable: Mapping[PersonId, frozenset[RecordKey]]
) -> list[OpenTask]:
    """Those of some questions that the caller may know of."""
    others = {person for task in tasks for person in task.persons} - usable.keys()
    seen = {**usable, **(await sight.usable(sorted(others)) if others else {})}
    return [task for task in tasks if may_know_of(task, seen)]


async def _told(
    sight: Sight, asked: Asked, child: PersonId, config: PmapConfig
) -> tuple[tuple[PacketPointer, ...], tuple[CinTold, ...]]:
    released = await sight.tells.persons([child], asked=sight.asked, attributes=TOLD_ATTRIBUTES)
    pointers = [pointer for pointer in released if pointer.source in config.role_of]
    keys = [(pointer.source, pointer.source_record_id) for pointer in pointers]
    if not keys:
        return (), ()
    records = await normalised_records(sight.reading, keys)
    origins = await store.provenance(sight.reading, keys)
    return packet_of(asked, pointers, records, origins, config)


def _told_record(pointer: Pointer) -> ToldRecord:
    return ToldRecord(pointer.source, pointer.source_record_id, pointer.person_id)


# --- deciding ---------------------------------------------------------------------------------------------------------


def certainty_of(persons: Sequence[Resolved]) -> Certainty:
    """How certain it is who the child is, from all that answer to the question, best first.

    Not certain where a record that was named leads to one child and the rest of what was said to another. Then, or
    where it is more likely than not one of these, a steward is asked. Otherwise it is more likely nobody.
    """
    if not persons:
        return "not_found"
    if persons[0].grade == "certain" and all(person.probability < EVEN for person in persons[1:]):
        return "certain"
    if sum(person.probability for person in persons) >= EVEN or any(person.is_known for person in persons):
        return "review_pending"
    return "not_found"


def _relative_competes(persons: Sequence[Resolved]) -> bool:
    return any(person.resembles_a_relative for person in persons[1:])


def may_know_of(task: OpenTask, usable: Mapping[PersonId, frozenset[RecordKey]]) -> bool:
    """Whether every record that a question is about may take part in what the caller learns."""
    seen = frozenset[RecordKey]().union(*(usable.get(person, frozenset()) for person in task.persons))
    return task.left | task.right <= seen


def concern_of(tasks: Collection[OpenTask]) -> Concern | None:
    """What the open questions about a child leave in doubt, the worst first: another child's record among its own."""
    of_one = {task.kind for task in tasks if len(task.persons) == 1}
    if of_one - {"identifier_conflict"}:
        return "records_too_many"
    if any(len(task.persons) > 1 and task.kind != "twin_or_sibling_alert" for task in tasks):
        return "records_missing"
    return "numbers_differ" if of_one else None


# --- what has changed -------------------------------------------------------------------------------------------------


async def changes(sight: Sight, packet: Packet, config: PmapConfig) -> list[Change]:
    """What became of a packet since it was put together; nothing if what would be told now is the same."""
    if packet.person_id is None:
        return await _changes_of_children(sight, packet)
    now = await sight.tells.persons([packet.person_id], asked=sight.asked)
    if not now:
        return ["gone"] if packet.records else []
    before = {record.key for record in packet.records}
    there = {(pointer.source, pointer.source_record_id): pointer for pointer in now if pointer.source in config.role_of}
    moved = await store.standings(sight.reading, before ^ there.keys()) if before ^ there.keys() else {}
    person_id = now[0].person_id
    found = changes_of(packet, person_id, there, moved)
    return [*found, *await _changes_of_tasks(sight, packet, person_id)]


def changes_of(
    packet: Packet, person_id: PersonId, now: Mapping[RecordKey, Pointer], moved: Mapping[RecordKey, Standing]
) -> list[Change]:
    """What became of the pointers of a child who still answers, as `person_id`. `moved`: records that came or went."""
    before = {record.key for record in packet.records}
    found: set[Change] = {"joined"} if person_id != packet.person_id else set()
    for key in now.keys() - before:
        came_here = now[key].from_at > packet.asked_at
        older = key in moved and moved[key].first_seen_at <= packet.asked_at
        found.add("joined" if came_here and older else "added")
    for key in before - now.keys():
        holder = moved[key].person_id if key in moved else None
        found.add("split" if holder is not None and holder != person_id else "removed")
    return sorted(found)


async def _changes_of_tasks(sight: Sight, packet: Packet, person_id: PersonId) -> list[Change]:
    every = await store.open_tasks(sight.reading, person_id)
    found: list[Change] = []
    if packet.tasks - {task.task_id for task in every}:
        found.append("review_decided")
    new = [task for task in every if task.task_id not in packet.tasks]
    if new and await _known_tasks(sight, new, await sight.usable([person_id])):
        found.append("review_opened")
    return found


async def _changes_of_children(sight: Sight, packet: Packet) -> list[Change]:
    """Where it was not certain who the child is: a question was decided, or those that it may be are others now."""
    found: list[Change] = []
    if packet.tasks - await store.still_open(sight.reading, packet.tasks):
        found.append("review_decided")
    usable = await sight.usable(sorted({record.person_id for record in packet.records}))
    if any(record.key not in usable.get(record.person_id, ()) for record in packet.records):
        found.append("children_changed")
    return found
