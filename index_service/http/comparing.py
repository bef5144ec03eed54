"""Routes: compare two records, with everything that the outcome follows from; in numbers, and as a picture."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Literal, cast

from fastapi import APIRouter, Body, Depends
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from config.record_ids import record_key
from index_service.comparing import Alternative, Otherwise, Outcome, PairExplanation, Rule, compare
from index_service.http import metrics
from index_service.http.access import RequiresScope
from index_service.http.answering import Releasing, ReleasingDep
from index_service.http.answers import Answer
from index_service.http.canonical import CanonicalFields, CanonicalFieldsBase
from index_service.http.connections import Connections
from index_service.http.encoded_paths import EncodedPathRoute
from index_service.http.faults import FieldProblem
from index_service.http.problems import NotFound, documented
from index_service.http.requests import PRINTABLE, ConnectionsDep, SourcePath, WholeRecordIdPath
from index_service.http.waterfall import waterfall
from index_service.linking_context import LinkingContext, read_current
from index_service.loading.records import RECORD_ID_LIMIT
from index_service.store.normalised import normalised_records
from index_service.visible_evidence import as_granted
from linkage.comparisons import MISSING, Layer
from linkage.normalise import normalise
from linkage.record import Finding, NormalisedRecord, RecordKey, SourceRecord
from linkage.weights import Part

router = APIRouter(
    prefix="/v1",
    tags=["comparing"],
    route_class=EncodedPathRoute,
    dependencies=[Depends(RequiresScope("index/resolve"))],
)

SOURCE_PATTERN = r"^[a-z][a-z0-9_]{0,49}$"
_PAIR = {
    "left": {
        "source": "cws_cms",
        "fields": {"first_name": "Marisol", "last_name": "Testvogel", "birth_date": "2015-03-02"},
    },
    "right": {"source": "meds", "source_record_id": "0Ab3/17"},
}


class _Asked(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class GivenRecord(_Asked):
    """A record that the caller gives; nothing of it is kept."""

    source: str | None = Field(
        default=None,
        pattern=SOURCE_PATTERN,
        description="Source system that it is of: how often records of two systems match is part of the weight.",
        examples=["cws_cms"],
    )
    fields: CanonicalFields = Field(description="What is said of the person.")  # type: ignore[valid-type]


class StoredRecord(_Asked):
    """A record that the index holds."""

    source: str = Field(pattern=SOURCE_PATTERN, description="Source system.", examples=["meds"])
    source_record_id: str = Field(
        min_length=1,
        max_length=RECORD_ID_LIMIT,
        pattern=PRINTABLE,
        description="Id in the source: opaque, case-sensitive.",
        examples=["0Ab3/17"],
    )

    @property
    def key(self) -> RecordKey:
        return record_key(self.source, self.source_record_id)


def _kind_of_record(side: object) -> str:
    stored = "source_record_id" in side if isinstance(side, Mapping) else isinstance(side, StoredRecord)
    return "stored" if stored else "given"


Side = Annotated[
    Annotated[GivenRecord, Tag("given")] | Annotated[StoredRecord, Tag("stored")], Discriminator(_kind_of_record)
]


class CompareQuestion(_Asked):
    """Two records to compare: each given with its fields, or named by its key."""

    left: Side = Field(description="One record.")
    right: Side = Field(description="The other.")


class ComparisonAnswer(Answer):
    """What one comparison says: how far the two values agree, and what that weighs. The values are not repeated."""

    comparison: str = Field(description="What is compared.", examples=["first_name"])
    layer: Layer = Field(description="Whose evidence it is: the person's, the birth's or the family's.")
    level: int = Field(description="Level of agreement, 0 is disagreement; -1: a side says nothing.", examples=[6])
    agreement: str = Field(description="The level in words.", examples=["same"])
    bits: float = Field(description="What it adds to every weight that counts its layer.", examples=[12.64])
    twins_bits: float = Field(
        description="What it adds besides to the weight against twins, who are not called the same, say.",
        examples=[2.0],
    )
    term_frequency_bits: float = Field(
        description="The share of `bits` that comes from the rarity of the value.", examples=[3.88]
    )

    @classmethod
    def of(cls, part: Part) -> ComparisonAnswer:
        return cls(
            comparison=part.comparison,
            layer=cast("Layer", part.layer),
            level=part.level,
            agreement=part.level_label,
            bits=part.against_stranger_bits,
            twins_bits=part.twins_bits,
            term_frequency_bits=part.term_frequency_bits if part.level != MISSING else 0.0,
        )


class WeighedComparison(ComparisonAnswer):
    """The same with what it adds to the weight against a sibling or twin."""

    sibling_bits: float = Field(
        description="What it adds to `weight_against_sibling`, which weighs siblings and twins together: after the "
        "comparisons before it.",
        examples=[11.9],
    )


class AlternativeAnswer(Answer):
    """What the pair could be instead of one person. `weight` = `prior_bits` + the bits of all comparisons of `layers`.

    Siblings of one household share the family's evidence, twins the birth's too: it says nothing against them. Against
    twins the `twins_bits` of all comparisons come on top.
    """

    otherwise: Otherwise = Field(description="Who the two would be.")
    layers: list[Layer] = Field(description="The layers that count.")
    prior_bits: float = Field(description="How much rarer one person is than this, among all pairs.", examples=[-14.75])
    weight: float = Field(description="The weight against this alternative, in bits.", examples=[26.63])

    @classmethod
    def of(cls, alternative: Alternative) -> AlternativeAnswer:
        return cls(
            otherwise=alternative.otherwise,
            layers=list(alternative.layers),
            prior_bits=alternative.prior_bits,
            weight=alternative.weight_bits,
        )


class NotUsed(Answer):
    """A value that was given and could not be used; the records were compared without it."""

    field: str = Field(description="Which one.", examples=["left.birth_date"])
    kind: Literal["placeholder", "invalid"] = Field(description="Whether it stands for something unknown, or is none.")
    reason: str = Field(description="What is wrong with it.", examples=["is no day of the calendar"])


class CompareAnswer(Answer):
    """The outcome, and everything that it follows from.

    `match_weight` = −log2(2^−a + 2^−b + 2^−c) with the `weight` of the three `alternatives`: the odds, in bits, that
    the two are one person rather than any of these. `weight_against_stranger` is the weight of the first:
    `prior_against_stranger` plus the `bits` of all comparisons. `weight_against_sibling` = −log2(2^−b + 2^−c) is that
    of the other two: `prior_against_sibling` plus the `sibling_bits` of all comparisons.
    """

    outcome: Outcome = Field(description="What the linkage policy makes of it.")
    match_weight: float = Field(description="Bits; +1 doubles the odds that the two are one person.", examples=[18.62])
    probability: float = Field(description="1 / (1 + 2^−match_weight).", examples=[0.9999975])
    weight_against_stranger: float = Field(description="Bits.", examples=[26.63])
    weight_against_sibling: float = Field(description="Bits; against a sibling or twin.", examples=[18.62])
    prior_against_stranger: float = Field(description="Where its sum begins, in bits.", examples=[-14.75])
    prior_against_sibling: float = Field(description="Where its sum begins, in bits.", examples=[-3.2])
    held_back_by: list[Rule] = Field(description="Rules of the policy that keep the two from linking by themselves.")
    alternatives: list[AlternativeAnswer] = Field(description="Strangers, siblings of a household, twins.")
    comparisons: list[WeighedComparison] = Field(description="In the order of the model.")
    not_used: list[NotUsed] = Field(description="What was given and could not be used.")
    model: str = Field(description="Fingerprint of the model.", examples=["3f9a2c71d0be"])
    policy: str = Field(description="Name of the linkage policy.", examples=["service"])

    @classmethod
    def of(cls, pair: PairExplanation, not_used: list[NotUsed], context: LinkingContext) -> CompareAnswer:
        said = pair.explanation
        return cls(
            outcome=pair.outcome,
            match_weight=said.weight,
            probability=said.probability,
            weight_against_stranger=said.weight_against_stranger,
            weight_against_sibling=said.weight_against_sibling,
            prior_against_stranger=said.prior_bits,
            prior_against_sibling=pair.against_sibling.prior_bits,
            held_back_by=list(pair.held_back_by),
            alternatives=[AlternativeAnswer.of(alternative) for alternative in pair.alternatives],
            comparisons=[
                WeighedComparison(**ComparisonAnswer.of(part).model_dump(), sibling_bits=bits)
                for part, bits in zip(pair.parts, pair.against_sibling.added_bits, strict=True)
            ],
            not_used=not_used,
            model=context.fingerprint,
            policy=context.policy.name,
        )


@router.post("/compare", responses=documented(404))
async def compare_records(
    connections: ConnectionsDep,
    releasing: ReleasingDep,
    question: Annotated[CompareQuestion, Body(examples=[_PAIR])],
) -> CompareAnswer:
    """Whether two records are one person, how sure that is, and why.

    Each record is given with its fields or named by its key; a record can be named that belongs to a person and that
    the caller may use to resolve. Of a record that is named, only attributes that the agreement grants are compared.
    The answer holds levels of agreement and weights, never a value.
    """
    sides = {"body.left": question.left, "body.right": question.right}
    wanted = {place: side.key for place, side in sides.items() if isinstance(side, StoredRecord)}
    context, stored = await _held(wanted, connections, releasing)
    return await asyncio.to_thread(_compared, question, stored, context)


@router.get(
    "/compare/{left_source}/{left_id}/{right_source}/{right_id}/waterfall.svg",
    response_class=Response,
    responses={
        200: {
            "description": "The picture.",
            "content": {"image/svg+xml": {"schema": {"type": "string"}, "example": '<svg role="img">…</svg>'}},
        },
        **documented(404, 422),
    },
)
async def draw_waterfall(
    connections: ConnectionsDep,
    releasing: ReleasingDep,
    left_source: SourcePath,
    left_id: WholeRecordIdPath,
    right_source: SourcePath,
    right_id: WholeRecordIdPath,
) -> Response:
    """The comparison of two stored records as a picture, with its numbers as text and described in words."""
    wanted = {
        "path.left_id": record_key(left_source, left_id),
        "path.right_id": record_key(right_source, right_id),
    }
    context, stored = await _held(wanted, connections, releasing)
    left, right = (stored[key] for key in wanted.values())
    picture = await asyncio.to_thread(lambda: waterfall(compare(left, right, context)))
    return Response(picture, media_type="image/svg+xml")


async def _held(
    wanted: Mapping[str, RecordKey], connections: Connections, releasing: Releasing
) -> tuple[LinkingContext, Mapping[RecordKey, NormalisedRecord]]:
    """What to compare with, and the records named, each of which the caller may let take part in an answer: with the
    attributes that it may learn, since to be told that a value agrees is to be told the value.

    Raises:
        NotFound: one is not held, or not for this caller.
    """
    told = await releasing.records(wanted.values(), action="resolve") if wanted else {}
    async with connections.lend() as conn:
        context = await read_current(conn)
        stored = await normalised_records(conn, told) if told else {}
        permission = await releasing.permission(conn, "resolve") if told else None
    _require_all(wanted, stored)
    if permission is None:
        return context, stored
    return context, {key: as_granted(record, permission.attributes_of(key[0])) for key, record in stored.items()}


def _require_all(wanted: Mapping[str, RecordKey], stored: Mapping[RecordKey, NormalisedRecord]) -> None:
    missing = [place for place, key in wanted.items() if key not in stored]
    if missing:
        mend = "Check the source and the id, which is case-sensitive."
        faults = [FieldProblem(field=place, problem="names no record that is held", mend=mend) for place in missing]
        raise NotFound("A record to compare is not held, or was withdrawn.", faults)


def _compared(
    question: CompareQuestion, stored: Mapping[RecordKey, NormalisedRecord], context: LinkingContext
) -> CompareAnswer:
    left, not_used_left = _record(question.left, stored)
    right, not_used_right = _record(question.right, stored)
    pair = compare(left, right, context)
    metrics.count_decision(pair.outcome)
    not_used = [*_not_used("left", not_used_left), *_not_used("right", not_used_right)]
    return CompareAnswer.of(pair, not_used, context)


def _record(
    side: GivenRecord | StoredRecord, stored: Mapping[RecordKey, NormalisedRecord]
) -> tuple[NormalisedRecord, tuple[Finding, ...]]:
    if isinstance(side, StoredRecord):
        return stored[side.key], ()
    fields: CanonicalFieldsBase = side.fields
    return normalise(SourceRecord(side.source or "", "", fields.values()))


def _not_used(side: str, findings: tuple[Finding, ...]) -> list[NotUsed]:
    return [NotUsed(field=f"{side}.{found.field}", kind=found.kind, reason=found.reason) for found in findings]
