"""Routes: a source sends a record, corrects it, withdraws it; the answer says whose it is and why."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache, partial
from typing import Annotated

import orjson
from fastapi import APIRouter, Body, Depends, Header, Request, Response
from pydantic import Field

from config.sources import SourceConfig, load_sources
from index_service.arriving import Received, UnusableRecord, receive, withdrawal
from index_service.http import metrics
from index_service.http.access import RequiresScope
from index_service.http.answering import Releasing, ReleasingDep
from index_service.http.answers import Answer, RecordIdText, SourceText
from index_service.http.canonical import CanonicalFields, CanonicalFieldsBase
from index_service.http.connections import Connections
from index_service.http.encoded_paths import EncodedPathRoute
from index_service.http.faults import FieldProblem
from index_service.http.off_the_loop import off_the_loop_if_much
from index_service.http.preconditions import IfMatch, IfNoneMatch, condition_of, etag
from index_service.http.problems import NotFound, RequestProblem, documented, too_busy
from index_service.http.requests import PRINTABLE, RecordIdPath, SourcePath
from index_service.http.written_answers import Telling, WriteAnswer
from index_service.ingesting import Answered, Once, Refused, Write, Written
from index_service.store.arrivals import RememberedAnswer
from index_service.store.record_versions import version_held
from index_service.turns import TooManyWrites, Turns

router = APIRouter(
    prefix="/v1", tags=["records"], route_class=EncodedPathRoute, dependencies=[Depends(RequiresScope("index/write"))]
)

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
    state = request.app.state
    application = await state.applications.ask(None)  # those who write at once are told by one statement
    writes, pointers = await releasing.permissions(state.connections, application, ("write", "pointers"))
    found = _sources().get(source)
    if found is None or source not in writes.unconditional_sources:
        await releasing.refuse("write", "no agreement lets the client write this source", asked={"source": source})
        raise NotFound("There is no source of this name.")
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
    write = Write(received.arrival, condition_of(if_match, if_none_match), once, writer.sees)
    return await _answer(await _one(writer.turns, write), received, write, writer)


class RecordAnswer(Answer):
    """That a record is held: its version, and nothing of what it says or whose it is."""

    source: SourceText
    source_record_id: RecordIdText
    version: int = Field(description="The version that holds; the ETag says it too.", examples=[3])


@router.get(
    "/sources/{source}/records/{source_record_id}",
    responses=documented(400, 404, 422, 503),
)
async def read_record(
    request: Request, response: Response, writer: WriterDep, source_record_id: RecordIdPath
) -> RecordAnswer:
    """Which version of a record holds, for who may write its source: what `If-Match` of the next write names.

    404 also where the record was withdrawn, and for every record of a source that the caller may not write.
    """
    connections: Connections = request.app.state.connections
    async with connections.lend() as conn:
        held = await version_held(conn, (writer.name, source_record_id), segregated=writer.source.segregated)
    if held is None:
        raise NotFound("No such record is held.")
    response.headers.update(etag(held))
    return RecordAnswer(source=writer.name, source_record_id=source_record_id, version=held)


@router.delete(
    "/sources/{source}/records/{source_record_id}",
    response_model=WriteAnswer,
    responses=documented(400, 404, 409, 412, 422, 503),
)
async def delete_record(
    writer: WriterDep,
    source_record_id: RecordIdPath,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Withdraw a record: it belongs to nobody from now on; what was said and believed before stays in the history."""
    received = Received(withdrawal(writer.name, source_record_id), ())
    once = _once("DELETE", received, idempotency_key, writer)
    write = Write(received.arrival, condition_of(if_match, if_none_match), once, writer.sees)
    return await _answer(await _one(writer.turns, write), received, write, writer)


async def _received(source: SourceConfig, source_record_id: str, fields: CanonicalFieldsBase) -> Received:
    try:
        return await off_the_loop_if_much(fields.values(), partial(receive, source, source_record_id))
    except UnusableRecord as error:
        detail = "The record cannot be taken in: see errors."
        raise RequestProblem(422, "invalid", detail, errors=[field_problem(error)]) from None


def field_problem(error: UnusableRecord) -> FieldProblem:
    return FieldProblem(field=error.field, problem=error.reason, mend=error.hint)


async def release(told: Sequence[Telling], writer: Writer) -> list[WriteAnswer]:
    """The answers as the caller may have them; with their rows in the ledger."""
    keys = {key for telling in told for key in telling.keys}
    known = await writer.releasing.records(sorted(keys), action="pointers") if keys else {}
    return [telling.told(known) for telling in told]


def _once(method: str, received: Received, key: str | None, writer: Writer) -> Once | None:
    """Keys of different clients are different keys."""
    if key is None:
        return None
    arrival = received.arrival
    request_hash = hashlib.sha256(orjson.dumps([method, *arrival.record.key, arrival.ready.hash_hex])).digest()
    return Once(f"{writer.client_id} {key}", request_hash, partial(kept_under, request_hash, received))


def kept_under(request_hash: bytes, received: Received, answer: Written | Refused) -> RememberedAnswer:
    """The answer to a write as it is kept under an idempotency key."""
    if isinstance(answer, Refused):
        return RememberedAnswer(request_hash, _status(answer), {"version": answer.version})
    return RememberedAnswer(request_hash, _status(answer), Telling.of(received, answer).to_remember())


async def _one(turns: Turns, write: Write) -> Answered:
    (future,) = submit(turns, [write])
    return await asyncio.wrap_future(future)


def submit(turns: Turns, writes: Sequence[Write]) -> list[Future[Answered]]:
    try:
        return turns.submit(writes)
    except TooManyWrites:
        raise too_busy("Too many writes wait already. Try again in a moment.") from None


async def _answer(answer: Answered, received: Received, write: Write, writer: Writer) -> Response:
    telling = telling_of(answer, received, write, writer)
    if telling.answer.outcome == "unknown":
        raise NotFound("No such record ever came.")
    (told,) = await release([telling], writer)
    return _json(told, _status(answer))


def telling_of(answer: Answered, received: Received, write: Write, writer: Writer) -> Telling:
    """What there is to tell of a write.

    Raises:
        RequestProblem: its condition does not hold, or another request came under its idempotency key.
    """
    if isinstance(answer, Written):
        _count(answer, writer)
        return Telling.of(received, answer)
    if isinstance(answer, Refused):
        raise _precondition_failed(answer.version)
    if write.once is not None and answer.request_hash != write.once.request_hash:
        detail = "Another request was sent under this Idempotency-Key. Choose a new key for a new request."
        raise RequestProblem(409, "key-in-use", detail)
    if answer.status == 412:
        raise _precondition_failed(int(answer.answer["version"]))
    return Telling.remembered(answer.answer)


def _precondition_failed(version: int) -> RequestProblem:
    held = f"Version {version} of the record holds" if version else "The record is not there"
    return RequestProblem(
        412, "precondition-failed", f"{held}; nothing was written.", headers=etag(version) if version else {}
    )


def _status(answer: Answered) -> int:
    if isinstance(answer, Refused):
        return 412
    if isinstance(answer, RememberedAnswer):
        return answer.status
    is_new = answer.version == 1 and answer.outcome in ("created", "joined", "joined_persons")
    return 201 if is_new else 200


def _json(answer: WriteAnswer, status: int) -> Response:
    content = answer.model_dump_json()
    return Response(content, status, headers=etag(answer.version), media_type="application/json")


def _count(written: Written, writer: Writer) -> None:
    """For the metrics, which tell nothing of segregated records."""
    if writer.source.segregated:
        return
    metrics.count_decision(written.outcome)
    if written.reviews:
        metrics.count_decision("waits_for_review")
    if written.waits is not None:
        metrics.count_put_off(written.waits)
    if written.is_cut:
        metrics.count_cut()
    metrics.observe_candidates(written.candidates)
