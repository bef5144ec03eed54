"""The JSON that the service answers with: one model per answer, each with one constructor from what the store says."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from index_service.store import lookup

PersonIdText = Annotated[str, Field(description="Person id.", examples=["K7Q2-MX9T-4RWA"])]
SourceText = Annotated[str, Field(description="Source system.", examples=["cws_cms"])]
RecordIdText = Annotated[str, Field(description="Id in the source: opaque, case-sensitive.", examples=["0Ab3/17"])]


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
    """A person, and the records that are this person's."""

    person_id: PersonIdText
    created_at: datetime = Field(description="When the person was published first.")
    retired: RetiredId | None = Field(
        description="Set where the id asked for has retired; `person_id` is its survivor."
    )
    as_of: datetime | None = Field(description="The moment that the answer is of; empty: now.")
    records: list[Pointer] = Field(description="The records; empty where all were withdrawn and nobody answers.")

    @classmethod
    def of(cls, person: lookup.Person) -> PersonAnswer:
        retired = None
        if person.asked_retired_at is not None:
            retired = RetiredId(person_id=person.asked_person_id, retired_at=person.asked_retired_at)
        records = [
            Pointer(
                source=member.source,
                source_record_id=member.source_record_id,
                since=member.from_at,
                probability=member.probability,
                reason=member.reason,
            )
            for member in person.members
        ]
        return cls(
            person_id=person.person_id,
            created_at=person.created_at,
            retired=retired,
            as_of=person.as_of,
            records=records,
        )


class RecordKeyAnswer(Answer):
    """Names a record."""

    source: SourceText
    source_record_id: RecordIdText


class EventAnswer(Answer):
    """One published change. Applied in order, the events give the memberships.

    `created`, `revived`, `joined`, `moved`, `added`: the records came to `person_id`, which is new or, where a judgement
    was undone, an id that had retired. `split`: they left it for the person in
    `other_person_ids`. `removed`: they left the index. `retired`: `other_person_ids` answers for the id, if anyone.
    """

    seq: int = Field(description="Counts without a gap.", examples=[17])
    kind: lookup.EventKind = Field(description="What happened.", examples=["joined"])
    person_id: PersonIdText
    other_person_ids: list[PersonIdText] = Field(description="The persons on the other side.")
    records: list[RecordKeyAnswer] = Field(description="The records concerned.")
    run_id: int = Field(description="The linking run that published it.", examples=[3])
    at: datetime = Field(description="When it was published.")

    @classmethod
    def of(cls, event: lookup.IdentityEvent) -> EventAnswer:
        return cls(
            seq=event.seq,
            kind=event.kind,
            person_id=event.person_id,
            other_person_ids=list(event.other_person_ids),
            records=[RecordKeyAnswer(source=source, source_record_id=record) for source, record in event.records],
            run_id=event.run_id,
            at=event.at,
        )


class EventsAnswer(Answer):
    """A stretch of the sequence of events."""

    events: list[EventAnswer] = Field(description="In order.")
    next_after: int = Field(description="Ask with `after` = this for what follows.", examples=[17])
    more: bool = Field(description="Whether there is more already.")


class PastPointer(Answer):
    """A record that belonged to a person for a time."""

    source: SourceText
    source_record_id: RecordIdText
    since: datetime = Field(description="When it came.")
    until: datetime | None = Field(description="When it left; empty while it belongs to the person.")
    probability: float | None = Field(description="How sure we were when it came, 0 to 1.", examples=[0.998])
    reason: str = Field(description="Why it came.", examples=["relink"])
    run_id: int = Field(description="The linking run that brought it.", examples=[3])


class HistoryAnswer(Answer):
    """Everything that ever happened to a person id."""

    person_id: PersonIdText
    created_at: datetime = Field(description="When the person was published first.")
    retired_at: datetime | None = Field(description="When the id retired.")
    forwards_to: PersonIdText | None = Field(description="Who answers for the retired id.")
    records: list[PastPointer] = Field(description="Every record that ever belonged to the person.")
    events: list[EventAnswer] = Field(description="Every event in which the person had a part.")

    @classmethod
    def of(cls, history: lookup.History) -> HistoryAnswer:
        records = [
            PastPointer(
                source=past.source,
                source_record_id=past.source_record_id,
                since=past.from_at,
                until=past.to_at,
                probability=past.probability,
                reason=past.reason,
                run_id=past.run_id,
            )
            for past in history.memberships
        ]
        return cls(
            person_id=history.person_id,
            created_at=history.created_at,
            retired_at=history.retired_at,
            forwards_to=history.forwards_to,
            records=records,
            events=[EventAnswer.of(event) for event in history.events],
        )


class HealthAnswer(Answer):
    """That the service is there."""

    status: Literal["ok"] = Field(description="Always this.", examples=["ok"])


class ReadinessAnswer(Answer):
    """That the service can answer."""

    status: Literal["ready"] = Field(description="Always this.", examples=["ready"])
    model: str = Field(description="Fingerprint of the model that records are linked with.", examples=["3f9a2c71d0be"])
