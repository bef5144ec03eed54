"""Route: a source sends many records at once. One that cannot be used does not keep the others out."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from config.sources import SourceConfig
from index_service.arriving import Received, UnusableRecord, receive
from index_service.http.access import RequiresScope
from index_service.http.answers import Answer, RecordIdText
from index_service.http.canonical import CanonicalFields, CanonicalFieldsBase
from index_service.http.encoded_paths import EncodedPathRoute
from index_service.http.faults import FieldProblem
from index_service.http.problems import RequestProblem, documented
from index_service.http.records import (
    IdempotencyKey,
    Writer,
    WriterDep,
    field_problem,
    kept_under,
    release,
    submit,
    telling_of,
)
from index_service.http.requests import PRINTABLE
from index_service.http.written_answers import WriteAnswer
from index_service.ingesting import Once, Write
from index_service.loading.records import RECORD_ID_LIMIT

router = APIRouter(
    prefix="/v1", tags=["records"], route_class=EncodedPathRoute, dependencies=[Depends(RequiresScope("index/write"))]
)

BATCH_LIMIT = 1_000

WRITES_UNDER_WAY = 64
"""Records of one batch that wait for their turn at a time, so that other callers' writes come between."""


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


@router.post(
    "/sources/{source}/records:batch",
    response_model=BatchAnswer,
    responses=documented(400, 404, 409, 413, 422, 503),
)
async def put_records(
    request: Request, writer: WriterDep, batch: Batch, idempotency_key: IdempotencyKey = None
) -> Response:
    """Take in up to 1,000 records of a source, in order; one that cannot be used does not keep the others out.

    Where an answer does not come, or is 503, records may have been taken in: the same batch sent again under the same
    `Idempotency-Key` is answered as before for these, and goes on with the others. `If-Match` and `If-None-Match` are
    of one record, and refused here.
    """
    _require_no_condition(request)
    received = await asyncio.to_thread(lambda: [_received_or_problem(writer.source, each) for each in batch.records])
    under_key = None if idempotency_key is None else _UnderKey.of(idempotency_key, received, writer)
    entries: list[BatchEntry] = []
    for part in _parts(received, under_key):
        entries += await _take_in(batch.records[part], received[part], part.start, under_key, writer)
    content = await asyncio.to_thread(lambda: BatchAnswer(records=entries).model_dump_json())
    return Response(content, media_type="application/json")


@dataclass(frozen=True, slots=True)
class _UnderKey:
    """The idempotency key of a batch, and the hash of all that it sends. Each record keeps an answer of its own."""

    key: str
    batch_hash: bytes
    client_id: str

    @classmethod
    def of(cls, key: str, received: Sequence[Received | FieldProblem], writer: Writer) -> _UnderKey:
        arrivals = [each.arrival for each in received if isinstance(each, Received)]
        sent = [(arrival.record.source_record_id, arrival.ready.hash_hex) for arrival in arrivals]
        return cls(key, hashlib.sha256(orjson.dumps(["POST", writer.name, sent])).digest(), writer.client_id)

    def once(self, number: int, received: Received) -> Once:
        """Args: `number`: the record's place in the batch."""
        name = f"{self.client_id} {self.key}\x1f{number}"  # no key that a caller may choose holds this character
        return Once(name, self.batch_hash, partial(kept_under, self.batch_hash, received))


def _require_no_condition(request: Request) -> None:
    stated = [name for name in ("if-match", "if-none-match") if name in request.headers]
    if stated:
        mend = "Send the record by itself, with PUT: a condition is about one record."
        faults = [FieldProblem(field=f"header.{name}", problem="is not for a batch", mend=mend) for name in stated]
        raise RequestProblem(422, "invalid", "The request cannot be understood: see errors.", errors=faults)


def _parts(received: Sequence[Received | FieldProblem], under_key: _UnderKey | None) -> Iterator[slice]:
    """What is taken in at a time, in order.

    Under a key first what ends with the first usable record: if the key is another batch's, nothing is written.
    """
    start = 0
    if under_key is not None:
        start = next((number for number, each in enumerate(received, start=1) if isinstance(each, Received)), 0)
        yield slice(0, start)
    for at in range(start, len(received), WRITES_UNDER_WAY):
        yield slice(at, at + WRITES_UNDER_WAY)


async def _take_in(
    records: Sequence[BatchRecord],
    received: Sequence[Received | FieldProblem],
    first: int,
    under_key: _UnderKey | None,
    writer: Writer,
) -> list[BatchEntry]:
    """Args: `first`: the place in the batch of the first of these records."""
    usable = [(number, each) for number, each in enumerate(received, start=first) if isinstance(each, Received)]
    writes = [
        Write(each.arrival, once=under_key.once(number, each) if under_key else None, sees=writer.sees)
        for number, each in usable
    ]
    told = []
    for (_, each), write, future in zip(usable, writes, submit(writer.turns, writes), strict=True):
        told.append(telling_of(await asyncio.wrap_future(future), each, write, writer))
    written = iter(await release(told, writer))
    return [
        BatchEntry(source_record_id=record.source_record_id, written=next(written), problem=None)
        if isinstance(each, Received)
        else BatchEntry(source_record_id=record.source_record_id, written=None, problem=each)
        for record, each in zip(records, received, strict=True)
    ]


def _received_or_problem(source: SourceConfig, record: BatchRecord) -> Received | FieldProblem:
    fields: CanonicalFieldsBase = record.fields
    try:
        return receive(source, record.source_record_id, fields.values())
    except UnusableRecord as error:
        return field_problem(error)
