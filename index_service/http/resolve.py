"""Route: who is this? From whatever traits and identifiers the caller has; nothing of the question is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt

from config.policy import LinkagePolicy
from index_service.disclosure.decide import Permission
from index_service.http import metrics
from index_service.http.access import RequiresScope, found_nothing
from index_service.http.answering import Releasing, ReleasingDep
from index_service.http.answers import Answer, PersonIdText
from index_service.http.canonical import CanonicalFields, CanonicalFieldsBase
from index_service.http.comparing import SOURCE_PATTERN, ComparisonAnswer, StoredRecord
from index_service.http.off_the_loop import off_the_loop_if_much
from index_service.http.problems import documented
from index_service.http.requests import ConnectionDep
from index_service.linking_context import read_context
from index_service.resolving import Answer as Found
from index_service.resolving import BasisChanged, Grade, Question, Resolved, resolve
from index_service.store.asking import Basis, read_basis
from index_service.store.connection import AsyncConnection
from index_service.store.current_model import CurrentVersion
from index_service.store.within import Within
from index_service.visible_evidence import least_probability, may_tell, said_by, weight_of
from linkage.comparisons import MISSING
from linkage.normalise import normalise
from linkage.record import PersonId, RecordKey, SourceRecord

router = APIRouter(prefix="/v1", tags=["resolving"], dependencies=[Depends(RequiresScope("index/resolve"))])

_QUESTION = {
    "fields": {
        "first_name": "Marisol",
        "last_name": "Testvogel",
        "birth_date": "2015-03-02",
        "mother_first_name": "Ines",
        "zip": "95814",
    },
    "count": 3,
}


class ResolveQuestion(BaseModel):
    """What the caller knows of a person: traits, identifiers, records of other systems; as much or little as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    fields: CanonicalFields = Field(  # type: ignore[valid-type]
        default_factory=CanonicalFields, description="Traits and identifiers."
    )
    source: str | None = Field(
        default=None,
        pattern=SOURCE_PATTERN,
        description="Source system that the traits come from, if one: how often its records match is evidence.",
        examples=["csi"],
    )
    records: list[StoredRecord] = Field(
        default=[], max_length=20, description="Records of the person that the caller knows: they answer by themselves."
    )
    count: StrictInt = Field(default=5, ge=1, le=12, description="Persons to answer with, at most.")
    only_certain: StrictBool = Field(default=False, description="Answer with persons of the grade `certain` alone.")


@dataclass(frozen=True, slots=True)
class _Sight:
    """Of which fields of a question the answer may tell how they agree."""

    asked: frozenset[str]
    granted: frozenset[str]
    policy: LinkagePolicy

    @property
    def hides(self) -> bool:
        return not self.asked <= self.granted

    def tells(self, comparison: str) -> bool:
        return may_tell(comparison, self.asked, self.granted)

    def figures(self, grade: Grade) -> tuple[float, float, float, float] | None:
        """The least probability and weights of a grade, where the real ones may not be told."""
        if not self.hides:
            return None
        probability = least_probability(grade, self.policy)
        return (probability, *[weight_of(probability)] * 3)  # type: ignore[return-value]


class ResolvedPerson(Answer):
    """A person that may be the one asked about."""

    person_id: PersonIdText
    grade: Grade = Field(
        description="certain: the index would link it by itself, and nobody else is plausible. probable: more likely "
        "than not. possible: less likely, or contradictory."
    )
    probability: float = Field(
        description="That it is this person: all persons told and nobody share the whole.", examples=[0.99993]
    )
    match_weight: float = Field(description="From all records of the person, in bits.", examples=[23.4])
    weight_against_stranger: float = Field(description="The same against strangers alone.", examples=[31.0])
    weight_against_sibling: float = Field(description="The same against siblings and twins.", examples=[23.4])
    figures_are_least: bool = Field(
        description="Values of the question took part that the agreement does not let the caller learn: the figures "
        "are then the least that the grade says, and of the evidence only that on granted attributes is told.",
    )
    known: bool = Field(description="A record that was named leads here.")
    contradiction: bool = Field(
        description="A record or number that was named leads here, and the traits speak against it; or they agree as "
        "a twin's would."
    )
    agreed: list[ComparisonAnswer] = Field(description="What agreed, the weightiest first.")
    disagreed: list[ComparisonAnswer] = Field(description="What disagreed, the weightiest first.")

    @classmethod
    def of(cls, person: Resolved, sight: _Sight) -> ResolvedPerson:
        every = person.evidence.parts if person.evidence else ()
        parts = [part for part in every if part.level != MISSING and sight.tells(part.comparison)]
        parts.sort(key=lambda part: -abs(part.against_stranger_bits))
        figures = (person.probability, person.weight, person.against_stranger, person.against_sibling)
        probability, weight, against_stranger, against_sibling = sight.figures(person.grade) or figures
        return cls(
            person_id=person.person_id,
            grade=person.grade,
            probability=probability,
            match_weight=weight,
            weight_against_stranger=against_stranger,
            weight_against_sibling=against_sibling,
            figures_are_least=sight.hides,
            known=person.is_known,
            contradiction=person.contradicts,
            agreed=[ComparisonAnswer.of(part) for part in parts if part.against_stranger_bits > 0],
            disagreed=[ComparisonAnswer.of(part) for part in parts if part.against_stranger_bits <= 0],
        )


class ResolveAnswer(Answer):
    """Persons, best first. Where two are plausible, both are there and neither is certain."""

    persons: list[ResolvedPerson] = Field(description="Empty where nobody is likely enough to be told.")
    more: bool = Field(description="Further persons would have been told, but for `count`.")
    twin_or_sibling_competes: bool = Field(
        description="Besides the first, a person answers to this who looks like its twin or sibling."
    )
    records_disagree: bool = Field(description="The records that were named belong to different persons.")
    incomplete: bool = Field(
        description="What was asked is shared by so many records that some were not looked at: ask with more."
    )


@router.post("/resolve", responses=documented(400, 413, 422, 503))
async def resolve_person(
    request: Request,
    conn: ConnectionDep,
    releasing: ReleasingDep,
    question: Annotated[ResolveQuestion, Body(openapi_examples={"a child": {"value": _QUESTION}})],
) -> ResolveAnswer:
    """Who this is: persons of the index, graded, with what speaks for and against each.

    Only records of sources that the caller may use to resolve take part: in weights, grades and counts there is nothing
    of any other.
    """
    fields: CanonicalFieldsBase = question.fields
    values = fields.values()
    asked = question.model_dump(mode="json", exclude_defaults=True)
    source = question.source or ""
    record, _ = await off_the_loop_if_much(values, lambda said: normalise(SourceRecord(source, "", said)))
    keys = [stored.key for stored in question.records]
    named = await releasing.records(keys, action="resolve", asked=asked) if keys else {}
    found, sight = await _found(request, conn, releasing, Question(record, bool(values), keys), named)
    _count(found)
    told = [person for person in found.persons if person.grade == "certain" or not question.only_certain]
    persons = [person.person_id for person in told[: question.count]]
    with metrics.timed_stage("release"):
        pointers = await releasing.persons(persons, asked=asked, action="resolve")
    released = {pointer.person_id for pointer in pointers}
    if not released:
        found_nothing(request)
    return ResolveAnswer(
        persons=[ResolvedPerson.of(person, sight) for person in told[: question.count] if person.person_id in released],
        more=len(told) > question.count,
        twin_or_sibling_competes=found.relative_competes,
        records_disagree=found.pointers_disagree,
        incomplete=found.cut,
    )


async def _found(
    request: Request,
    conn: AsyncConnection,
    releasing: Releasing,
    question: Question,
    named: Mapping[RecordKey, PersonId],
) -> tuple[Found, _Sight]:
    """Ask on what held when this process was last asked; the very statement that finds records says whether it holds.

    Only where it does not, the question is put again.
    """
    state = request.app.state
    basis: Basis = getattr(state, "basis", None) or await read_basis(conn)
    while True:
        context = await read_context(conn, _version(basis))
        permission = await _permission(conn, releasing, basis)
        # sources that the caller may use to resolve whoever it is, so that nothing hangs on who
        within = Within(permission.unconditional_sources, permission.client, permission.purpose)
        try:
            found = await resolve(conn, context, question, within=within, named=named, basis=basis)
        except BasisChanged as changed:
            basis = changed.basis
        else:
            state.basis = basis
            return found, _Sight(said_by(question.record), _granted(permission), context.policy)


def _version(basis: Basis) -> CurrentVersion | None:
    return None if basis.fingerprint is None else CurrentVersion(basis.fingerprint, basis.pinned_by)


async def _permission(conn: AsyncConnection, releasing: Releasing, basis: Basis) -> Permission:
    """What the caller may use to resolve."""
    caller, held = releasing.caller, releasing.answering.permissions
    return await held.under(conn, basis.application, caller.client_id, caller.purpose, "resolve", datetime.now(UTC))


def _granted(permission: Permission) -> frozenset[str]:
    """What may be told of every source that takes part, so that it does not matter of which a record is."""
    each = [permission.attributes_of(source) for source in permission.unconditional_sources]
    return frozenset.intersection(*each) if each else frozenset()


def _count(found: Found) -> None:
    metrics.count_decision(found.persons[0].grade if found.persons else "nobody")
    metrics.observe_candidates(found.candidates)
    for stage, seconds in found.seconds.items():
        metrics.observe_stage(stage, seconds)
