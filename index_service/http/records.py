"""Routes: a source sends a record, corrects it, withdraws it, or sends many; the answer says whose it is and why."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Body, Depends, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from config.sources import SourceConfig, load_sources
from index_service.arriving import Received, UnusableRecord, receive, withdrawal
from index_service.http import metrics
from index_service.http.access import RequiresScope
from index_service.http.answering import Releasing, ReleasingDep
from index_service.http.answers import Answer, PersonIdText, RecordIdText, SourceText
from index_service.http.canonical import CanonicalFields, CanonicalFieldsBase
from index_service.http.comparing import ComparisonAnswer
from index_service.http.connections import Connections
from index_service.http.encoded_paths import EncodedPathRoute
from index_service.http.faults import FieldProblem
from index_service.http.off_the_loop import off_the_loop_if_much
from index_service.http.problems import NotFound, RequestProblem, documented, too_busy
from index_service.http.requests import PRINTABLE, RecordIdPath, SourcePath
from index_service.ingesting import Answered, Evidence, Once, Refused, Write, WriteOutcome, Written
from index_service.loading.records import RECORD_ID_LIMIT
from index_service.store.arrivals import Arrival, RememberedAnswer
from index_service.turns import TooManyWrites, Turns
from linkage.record import CanonicalValue, Finding, PersonId, RecordKey

router = APIRouter(
    prefix="/v1", tags=["records"], route_class=EncodedPathRoute, dependencies=[Depends(RequiresScope("index/write"))]
)

BATCH_LIMIT = 1_000

IfMatch = Annotated[
    str | None,
    Header(
        pattern=r'^"\d{1,9}"$',
        description="Write only if this version of the record holds: the ETag of an earlier answer.",
        examples=['"3"'],
    ),
]
IfNoneMatch = Annotated[
    str | None, Header(pattern=r"^\*$", description="`*`: write only if the record is new.", examples=["*"])
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=PRINTABLE,
        description="Chosen by the caller: the same request sent again under the same key is answered as before, "
        "for a day, and changes nothing.",
        examples=["9f1c6b1e-7d58-4a55-8f3a-3f0d8f3c0d51"],
    ),
]


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
            waits_for_relink=written.waits,
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
            }
        )


SAYS_NOTHING_OF_OTHERS = ("unchanged", "outdated", "withdrawn", "unknown")


class BatchRecord(BaseModel):
    """One record of a batch; `deleted` among its fields withdraws it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    source_record_id: str = Field(
        min_length=1, max_length=RECORD_ID_LIMIT, pattern=PRINTABLE, description="Id in the source.", examples=["0Ab3"]
    )
    fields: CanonicalFields = Field(description="What is said of the person.")  # type: ignore[valid-type]


class Batch(BaseModel):
    """Records of one source."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    records: list[BatchRecord] = Field(max_length=BATCH_LIMIT, description="Taken in in this order.")


class BatchEntry(Answer):
    """What became of one record of a batch: the answer, or the reason why it was left out."""

    source_record_id: RecordIdText
    written: WriteAnswer | None = Field(description="What became of it; empty if it was left out.")
    problem: FieldProblem | None = Field(description="Why it was left out.")


class BatchAnswer(Answer):
    """What became of the records of a batch, in their order."""

    records: list[BatchEntry]


@cache
def _sources() -> dict[str, SourceConfig]:
    return dict(load_sources())


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes the records of a source, and what it may be told about them.

    sees: sources whose records the caller may learn of, whoever the person is.
    turns: where the source's records are taken in.
    """

    name: str
    source: SourceConfig
    sees: frozenset[str]
    releasing: Releasing
    turns: Turns

    @property
    def client_id(self) -> str:
        return self.releasing.caller.client_id


async def _writer(request: Request, source: SourcePath, releasing: ReleasingDep) -> Writer:
    """Raises NotFound if there is no such source, or the caller may not write its records."""
    connections: Connections = request.app.state.connections
    async with connections.lend() as conn:
        writes, pointers = await releasing.permissions(conn, ("write", "pointers"))
    found = _sources().get(source)
    if found is None or source not in writes.unconditional_sources:
        await releasing.refuse("write", "no agreement lets the client write this source", asked={"source": source})
        raise NotFound("There is no source of this name.")
    state = request.app.state
    turns: Turns = state.satellites.turns if found.segregated else state.turns
    return Writer(source, found, pointers.unconditional_sources, releasing, turns)


WriterDep = Annotated[Writer, Depends(_writer)]


@router.put(
    "/sources/{source}/records/{source_record_id}",
    response_model=WriteAnswer,
    responses={
        201: {"model": WriteAnswer, "description": "The record is new."},
        **documented(400, 404, 409, 412, 413, 422, 503),
    },
)
async def put_record(
    writer: WriterDep,
    source_record_id: RecordIdPath,
    fields: Annotated[CanonicalFields, Body(description="What the source says of the person, whole.")],  # type: ignore[valid-type]
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Take in a record, or another version of one, and say whom it belongs to and why.

    The record replaces what the source said before. It may join persons or split one: always as linking everything
    at once would.
    """
    received = await _received(writer.source, source_record_id, fields)
    once = _once("PUT", received, idempotency_key, writer)
    write = Write(received.arrival, _version_wanted(if_match, if_none_match), once, writer.sees)
    return await _answer(await _one(writer.turns, write), received, write, writer)


@router.delete(
    "/sources/{source}/records/{source_record_id}",
    response_model=WriteAnswer,
    responses=documented(400, 404, 409, 412, 422, 503),
)
async def delete_record(
    writer: WriterDep,
    source_record_id: RecordIdPath,
    if_match: IfMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Withdraw a record: it belongs to nobody from now on; what was said and believed before stays in the history."""
    received = Received(withdrawal(writer.name, source_record_id), ())
    once = _once("DELETE", received, idempotency_key, writer)
    write = Write(received.arrival, _version_wanted(if_match, None), once, writer.sees)
    return await _answer(await _one(writer.turns, write), received, write, writer)


@router.post("/sources/{source}/records:batch", responses=documented(400, 404, 413, 422, 503))
async def put_records(writer: WriterDep, batch: Batch) -> BatchAnswer:
    """Take in up to 1,000 records of a source, in order; one that cannot be used does not keep the others out."""
    received = await asyncio.to_thread(lambda: [_received_or_problem(writer.source, each) for each in batch.records])
    entries = []
    for start in range(0, len(received), WRITES_UNDER_WAY):
        entries += await _take_in(batch.records[start:], received[start : start + WRITES_UNDER_WAY], writer)
    return BatchAnswer(records=entries)


WRITES_UNDER_WAY = 64
"""Records of one batch that wait for their turn at a time, so that other callers' writes come between."""


async def _take_in(
    records: Sequence[BatchRecord], received: Sequence[Received | FieldProblem], writer: Writer
) -> list[BatchEntry]:
    usable = [each for each in received if isinstance(each, Received)]
    futures = _submit(writer.turns, [Write(each.arrival, sees=writer.sees) for each in usable])
    told = []
    for each, future in zip(usable, futures, strict=True):
        answer = await asyncio.wrap_future(future)
        if isinstance(answer, Written):
            _count(answer, writer)
            told.append(Telling.of(each, answer))
    written = iter(await _release(told, writer))
    return [
        BatchEntry(source_record_id=record.source_record_id, written=None, problem=each)
        if isinstance(each, FieldProblem)
        else BatchEntry(source_record_id=record.source_record_id, written=next(written), problem=None)
        for record, each in zip(records, received, strict=False)
    ]


def _received_or_problem(source: SourceConfig, record: BatchRecord) -> Received | FieldProblem:
    try:
        return receive(source, record.source_record_id, _values(record.fields))
    except UnusableRecord as error:
        return _field_problem(error)


async def _received(source: SourceConfig, source_record_id: str, fields: CanonicalFieldsBase) -> Received:
    try:
        return await off_the_loop_if_much(fields.values(), partial(receive, source, source_record_id))
    except UnusableRecord as error:
        detail = "The record cannot be taken in: see errors."
        raise RequestProblem(422, "invalid", detail, errors=[_field_problem(error)]) from None


def _values(fields: CanonicalFieldsBase) -> dict[str, CanonicalValue]:
    return fields.values()


def _field_problem(error: UnusableRecord) -> FieldProblem:
    return FieldProblem(field=error.field, problem=error.reason, mend=error.hint)


def _version_wanted(if_match: str | None, if_none_match: str | None) -> int | None:
    if if_none_match is not None:
        return 0
    return None if if_match is None else int(if_match.strip('"'))


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


async def _release(told: Sequence[Telling], writer: Writer) -> list[WriteAnswer]:
    """The answers as the caller may have them; with their rows in the ledger."""
    keys = {key for telling in told for key in telling.keys}
    known = await writer.releasing.records(sorted(keys), action="pointers") if keys else {}
    return [telling.told(known) for telling in told]


def _once(method: str, received: Received, key: str | None, writer: Writer) -> Once | None:
    """Keys of different clients are different keys."""
    if key is None:
        return None
    arrival = received.arrival
    content = orjson.dumps([method, *arrival.record.key, arrival.ready.hash_hex])

    def render(answer: Written | Refused) -> RememberedAnswer:
        if isinstance(answer, Refused):
            return RememberedAnswer(request_hash, 412, {"version": answer.version})
        return RememberedAnswer(request_hash, _status(answer), Telling.of(received, answer).to_remember())

    request_hash = hashlib.sha256(content).digest()
    return Once(f"{writer.client_id} {key}", request_hash, render)


async def _one(turns: Turns, write: Write) -> Answered:
    (future,) = _submit(turns, [write])
    return await asyncio.wrap_future(future)


def _submit(turns: Turns, writes: Sequence[Write]) -> list[Future[Answered]]:
    try:
        return turns.submit(writes)
    except TooManyWrites:
        raise too_busy("Too many writes wait already. Try again in a moment.") from None


async def _answer(answer: Answered, received: Received, write: Write, writer: Writer) -> Response:
    if isinstance(answer, RememberedAnswer):
        if write.once is not None and answer.request_hash != write.once.request_hash:
            detail = "Another request was sent under this Idempotency-Key. Choose a new key for a new request."
            raise RequestProblem(409, "key-in-use", detail)
        if answer.status == 412:
            raise _precondition_failed(int(answer.answer["version"]))
        (told,) = await _release([Telling.remembered(answer.answer)], writer)
        return _json(told, answer.status)
    if isinstance(answer, Refused):
        raise _precondition_failed(answer.version)
    _count(answer, writer)
    if answer.outcome == "unknown":
        raise NotFound("No such record ever came.")
    (told,) = await _release([Telling.of(received, answer)], writer)
    return _json(told, _status(answer))


def _precondition_failed(version: int) -> RequestProblem:
    held = f"Version {version} of the record holds" if version else "The record is not there"
    return RequestProblem(
        412, "precondition-failed", f"{held}; nothing was written.", headers={"ETag": f'"{version}"'} if version else {}
    )


def _status(written: Written) -> int:
    return 201 if written.version == 1 and written.outcome in ("created", "joined", "joined_persons") else 200


def _json(answer: WriteAnswer, status: int) -> Response:
    content = answer.model_dump_json()
    return Response(content, status, headers={"ETag": f'"{answer.version}"'}, media_type="application/json")


def _count(written: Written, writer: Writer) -> None:
    """For the metrics, which tell nothing of segregated records."""
    if writer.source.segregated:
        return
    metrics.count_decision(written.outcome)
    if written.reviews:
        metrics.count_decision("waits_for_review")
    if written.waits:
        metrics.count_outgrown_key()
    metrics.observe_candidates(written.candidates)
