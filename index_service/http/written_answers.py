"""What is told of a write: everything that became of the record, then only what the caller may learn of."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from index_service.arriving import Received
from index_service.http.answers import Answer, PersonIdText, RecordIdText, SourceText
from index_service.http.comparing import ComparisonAnswer
from index_service.ingesting import Evidence, WriteOutcome, Written
from index_service.store.arrivals import Arrival
from linkage.record import Finding, PersonId, RecordKey


class StrongestPair(Answer):
    """The record of the person with which the written one agrees most, and what each comparison says."""

    source: SourceText
    source_record_id: RecordIdText
    match_weight: float = Field(description="Weight of the pair, in bits.", examples=[31.4])
    weight_against_stranger: float = Field(description="The same against strangers alone.", examples=[40.2])
    weight_against_sibling: float = Field(description="The same against siblings and twins.", examples=[31.4])
    comparisons: list[ComparisonAnswer] = Field(description="Comparison by comparison.")

    @property
    def key(self) -> RecordKey:
        return (self.source, self.source_record_id)

    @classmethod
    def of(cls, evidence: Evidence) -> StrongestPair:
        source, source_record_id = evidence.record
        explanation = evidence.explanation
        return cls(
            source=source,
            source_record_id=source_record_id,
            match_weight=explanation.weight,
            weight_against_stranger=explanation.weight_against_stranger,
            weight_against_sibling=explanation.weight_against_sibling,
            comparisons=[ComparisonAnswer.of(part) for part in explanation.parts],
        )


class Question(Answer):
    """A person that may be the same: a steward is asked."""

    person_id: PersonIdText
    weight: float = Field(description="Weight of the two persons' evidence, in bits.", examples=[6.3])


class NotUsedValue(Answer):
    """A value that was sent and could not be used; the record was linked without it."""

    field: str = Field(description="Which one.", examples=["birth_date"])
    reason: str = Field(description="What is wrong with it.", examples=["lies in the future"])


class WriteAnswer(Answer):
    """What became of a record, as far as the caller may learn of it.

    Records that it may not know of are passed over; whose the record is stays empty where it may write and not read.
    """

    source: SourceText
    source_record_id: RecordIdText
    version: int = Field(description="The version of the record that holds; 0 if none does.", examples=[1])
    outcome: WriteOutcome = Field(
        description="created: a new person. joined: it joined an earlier person. joined_persons: it made earlier "
        "persons one. moved: it went to another person. split: its earlier person came apart. kept: it changed and "
        "stays. unchanged: nothing new. outdated: older, by the source's date, than what holds. withdrawn: it belongs "
        "to nobody. unknown: it never came."
    )
    person_id: PersonIdText | None = Field(description="Whom the record belongs to now.")
    probability: float | None = Field(description="That it does, 0 to 1.", examples=[0.99998])
    strongest: StrongestPair | None = Field(description="Why; empty where the person has no other record.")
    retired_person_ids: list[PersonIdText] = Field(description="Earlier persons that became this one.")
    split_person_ids: list[PersonIdText] = Field(description="Persons to which records of its earlier person went.")
    waits_for_review: list[Question] = Field(description="Persons that may be this one: stewards are asked.")
    waits_for_relink: bool = Field(
        description="The next relink decides: too many records are alike for an answer at once."
    )
    is_cut: bool = Field(
        default=False,
        description="More records are alike than the policy lets be looked at together: the group was cut at higher "
        "weights, which may keep the record from a person it belongs to.",
    )
    not_used: list[NotUsedValue] = Field(description="Values that could not be used.")

    @classmethod
    def of(cls, arrival: Arrival, written: Written, findings: Sequence[Finding]) -> WriteAnswer:
        return cls(
            source=arrival.record.source,
            source_record_id=arrival.record.source_record_id,
            version=written.version,
            outcome=written.outcome,
            person_id=written.person_id,
            probability=written.probability,
            strongest=None if written.evidence is None else StrongestPair.of(written.evidence),
            retired_person_ids=list(written.joined),
            split_person_ids=list(written.left),
            waits_for_review=[Question(person_id=person, weight=bits) for person, bits in written.reviews],
            waits_for_relink=written.waits is not None,
            is_cut=written.is_cut,
            not_used=[NotUsedValue(field=f.field, reason=f.reason) for f in findings if f.kind == "invalid"],
        )

    @property
    def key(self) -> RecordKey:
        return (self.source, self.source_record_id)

    @property
    def others(self) -> list[str]:
        """Persons told of beside the record's own."""
        return [*self.retired_person_ids, *self.split_person_ids, *(asked.person_id for asked in self.waits_for_review)]

    def of_the_record_alone(self) -> WriteAnswer:
        """What may be told to a caller who writes the record and may not know whose it is."""
        alone: WriteOutcome = "created" if self.version == 1 else "kept"
        return self.model_copy(
            update={
                "outcome": self.outcome if self.outcome in SAYS_NOTHING_OF_OTHERS else alone,
                "person_id": None,
                "probability": None,
                "strongest": None,
                "retired_person_ids": [],
                "split_person_ids": [],
                "waits_for_review": [],
                "is_cut": False,
            }
        )


SAYS_NOTHING_OF_OTHERS = ("unchanged", "outdated", "withdrawn", "unknown")


@dataclass(frozen=True, slots=True)
class Telling:
    """An answer before it is known what the caller may learn; `witnesses` as of `Written`."""

    answer: WriteAnswer
    witnesses: Mapping[PersonId, RecordKey]

    @classmethod
    def of(cls, received: Received, written: Written) -> Telling:
        answer = WriteAnswer.of(received.arrival, written, received.findings)
        return cls(answer, {person: key for person, key in written.witnesses.items() if person in answer.others})

    @classmethod
    def remembered(cls, answer: Mapping[str, Any]) -> Telling:
        body = dict(answer)
        witnesses = {PersonId(person): (key[0], key[1]) for person, key in body.pop("witnesses").items()}
        return cls(WriteAnswer.model_validate(body), witnesses)

    def to_remember(self) -> dict[str, Any]:
        return self.answer.model_dump(mode="json") | {"witnesses": {p: list(key) for p, key in self.witnesses.items()}}

    @property
    def keys(self) -> set[RecordKey]:
        """Records that the caller must be allowed to know for the whole answer; none, if it tells of nobody."""
        strongest = self.answer.strongest
        if self.answer.person_id is None:
            return set()
        return {self.answer.key, *self.witnesses.values(), *([strongest.key] if strongest else [])}

    def told(self, known: Collection[RecordKey]) -> WriteAnswer:
        """The answer to a caller who may know of these records."""
        answer = self.answer
        if answer.key not in known:
            return answer.of_the_record_alone()
        persons = {person for person, key in self.witnesses.items() if key in known}
        strongest = answer.strongest if answer.strongest and answer.strongest.key in known else None
        return answer.model_copy(
            update={
                "strongest": strongest,
                "retired_person_ids": [p for p in answer.retired_person_ids if p in persons],
                "split_person_ids": [p for p in answer.split_person_ids if p in persons],
                "waits_for_review": [asked for asked in answer.waits_for_review if asked.person_id in persons],
            }
        )
