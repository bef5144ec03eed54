"""The JSON that the service answers with: one model per answer, each with one constructor from what the store says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from index_service.disclosure.notices import notices_for
from index_service.store import releasing
from index_service.store.lookup import EventKind
from linkage.record import PersonId

PersonIdText = Annotated[str, Field(description="Person id.", examples=["K7Q2-MX9T-4RWA"])]
SourceText = Annotated[str, Field(description="Source system.", examples=["cws_cms"])]
RecordIdText = Annotated[str, Field(description="Id in the source: opaque, case-sensitive.", examples=["0Ab3/17"])]

PositionText = Annotated[
    str,
    Field(
        description="A position in the sequence of events: opaque, and this client's own.",
        examples=["AQABq0f1nZ0vY2xpZW50LW9uZQ"],
    ),
]


NoticesText = Annotated[
    list[str],
    Field(description="Words that have to travel with what is told (42 CFR 2.32); empty: none.", examples=[[]]),
]


class Answer(BaseModel):
    """What all answers share: they cannot be changed, and say exactly what they document."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Pointer(Answer):
    """A record of a person: in which system it is known, under which local id."""

    source: SourceText
    source_record_id: RecordIdText
    since: datetime = Field(description="Since when the record belongs to the person.")
    probability: float | None = Field(description="How sure we were when it came, 0 to 1.", examples=[0.998])
    reason: str = Field(description="Why it came.", examples=["relink"])


class RetiredId(Answer):
    """An id that was asked for and has retired."""

    person_id: PersonIdText
    retired_at: datetime = Field(description="When it retired.")


class PersonAnswer(Answer):
    """A person, and the records of this person that the caller may learn of."""

    person_id: PersonIdText
    retired: RetiredId | None = Field(
        description="Set where the id asked for has retired; `person_id` is its survivor."
    )
    as_of: datetime | None = Field(description="The moment that the answer is of; empty: now.")
    records: list[Pointer] = Field(description="The records, by source and id.")
    notices: NoticesText

    @classmethod
    def of(cls, told: Sequence[releasing.Pointer], as_of: datetime | None) -> PersonAnswer:
        """From what was released of one person, which is something."""
        first, retired = told[0], None
        if first.retired_at is not None:
            retired = RetiredId(person_id=first.asked_person_id, retired_at=first.retired_at)
        records = [
            Pointer(
                source=pointer.source,
                source_record_id=pointer.source_record_id,
                since=pointer.from_at,
                probability=pointer.probability,
                reason=pointer.reason,
            )
            for pointer in told
        ]
        return cls(
            person_id=first.person_id,
            retired=retired,
            as_of=as_of,
            records=records,
            notices=notices_for(pointer.source for pointer in told),
        )


class RecordKeyAnswer(Answer):
    """Names a record."""

    source: SourceText
    source_record_id: RecordIdText


class EventAnswer(Answer):
    """One published change. Applied in order, the events give the memberships.

    `created`, `joined`, `moved`, `added`: the records came to `person_id`. `revived`: they came back to it; it is an id
    that a judgement had retired, which was undone. `split`: they left it for the person in `other_person_ids`.
    `removed`: they left the index. `retired`: `other_person_ids` answers for the id, if anyone.

    `review_decided`: stewards decided a question about the records, which now belong to `person_id` and
    `other_person_ids`. `review_undone`: that decision was undone. What follows for persons the other kinds tell.
    """

    position: PositionText
    kind: EventKind = Field(description="What happened.", examples=["joined", "review_decided"])
    person_id: PersonIdText
    other_person_ids: list[PersonIdText] = Field(description="The persons on the other side.")
    records: list[RecordKeyAnswer] = Field(description="The records concerned.")
    at: datetime = Field(description="When it was published.")
    notices: NoticesText

    @classmethod
    def of(cls, event: releasing.ToldEvent, position: Callable[[releasing.Place], str]) -> EventAnswer:
        return cls(
            position=position(event.place),
            kind=event.kind,
            person_id=event.person_id,
            other_person_ids=list(event.other_person_ids),
            records=[RecordKeyAnswer(source=source, source_record_id=record) for source, record in event.records],
            at=event.at,
            notices=notices_for(source for source, _ in event.records),
        )


class EventsAnswer(Answer):
    """A stretch of the sequence of events."""

    events: list[EventAnswer] = Field(description="In order.")
    next_after: PositionText
    more: bool = Field(description="Whether there is more already.")


class PastPointer(Answer):
    """A record that belonged to a person for a time."""

    source: SourceText
    source_record_id: RecordIdText
    since: datetime = Field(description="When it came.")
    until: datetime | None = Field(description="When it left; empty while it belongs to the person.")
    probability: float | None = Field(description="How sure we were when it came, 0 to 1.", examples=[0.998])
    reason: str = Field(description="Why it came.", examples=["relink"])


class HistoryAnswer(Answer):
    """What happened to a person id, as far as the caller may learn of it."""

    person_id: PersonIdText
    retired_at: datetime | None = Field(description="When the id retired.")
    forwards_to: PersonIdText | None = Field(description="Who answers for the retired id.")
    records: list[PastPointer] = Field(description="Every record that ever belonged to the person.")
    events: list[EventAnswer] = Field(description="Every event in which the person had a part.")
    notices: NoticesText

    @classmethod
    def of(
        cls,
        told: Sequence[releasing.Pointer],
        events: Sequence[releasing.ToldEvent],
        position: Callable[[releasing.Place], str],
    ) -> HistoryAnswer:
        """From what was released of one person, which is something."""
        first = told[0]
        records = [
            PastPointer(
                source=past.source,
                source_record_id=past.source_record_id,
                since=past.from_at,
                until=past.to_at,
                probability=past.probability,
                reason=past.reason,
            )
            for past in told
        ]
        return cls(
            person_id=first.asked_person_id,
            retired_at=first.retired_at,
            forwards_to=_heir(first, events),
            records=records,
            events=[EventAnswer.of(event, position) for event in events],
            notices=notices_for(past.source for past in told),
        )


def _heir(pointer: releasing.Pointer, events: Sequence[releasing.ToldEvent]) -> PersonId | None:
    """Who answers for a retired id, as its last retirement says."""
    if pointer.retired_at is None:
        return None
    retirements = [e for e in events if e.kind == "retired" and e.person_id == pointer.asked_person_id]
    heirs = retirements[-1].other_person_ids if retirements else ()
    return heirs[0] if heirs else None


class HealthAnswer(Answer):
    """That the service is there."""

    status: Literal["ok"] = Field(description="Always this.", examples=["ok"])


class ReadinessAnswer(Answer):
    """That the service can answer."""

    status: Literal["ready"] = Field(description="Always this.", examples=["ready"])
    model: str = Field(description="Fingerprint of the model that records are linked with.", examples=["3f9a2c71d0be"])
