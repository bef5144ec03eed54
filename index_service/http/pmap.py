"""Routes for the medication process (form JV-220): a child with the pointers of a packet; whether it has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from functools import cache
from typing import Annotated, Self

from fastapi import APIRouter, Body, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from config.agreements import ZONE
from config.identifiers import IdentifierError, cin_value, identifier_value, parse_cws_cms_id
from config.pmap import PmapConfig, Role, Urgency, load_pmap
from index_service.http.access import RequiresScope, found_nothing
from index_service.http.answering import Releasing, ReleasingDep
from index_service.http.answers import Answer, PersonIdText, RecordIdText, SourceText
from index_service.http.faults import Unusable
from index_service.http.problems import NotFound, documented
from index_service.http.requests import PRINTABLE, ConnectionsDep
from index_service.http.workbench.desk import Desk, DeskDep
from index_service.linking_context import read_current
from index_service.packets import Asked, CinTold, PacketPointer
from index_service.pmap import Certainty, Change, Concern, Found, Sight, answer, changes
from index_service.store import pmap as store
from index_service.store.connection import AsyncConnection
from index_service.store.within import Within

SCOPE = "index/pmap"
router = APIRouter(prefix="/v1/pmap", tags=["medication process"], dependencies=[Depends(RequiresScope(SCOPE))])

_QUESTION = {
    "court_number": "19:DK12345-A",
    "first_name": "Marisol",
    "last_name": "Testvogel",
    "birth_date": "2015-03-02",
    "urgency": "application",
    "received_on": "2026-03-02",
}
_ONLY_A_CARD = {"cin": "91234567A21234", "birth_date": "2015-03-02"}
_PATTERN_OF_DAY = r"^\d{4}-\d{2}-\d{2}$"


def _canonical(read: Callable[[str], str]) -> AfterValidator:
    def check(text: str) -> str:
        try:
            return read(text)
        except IdentifierError as error:
            raise Unusable(error.problem, f"{error.mend[:1].upper()}{error.mend[1:]}.") from None

    return AfterValidator(check)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Unusable("is no day of the calendar", "Write it as 2026-01-31.") from None


def _not_in_the_future(text: str) -> str:
    if date.fromisoformat(text) > today():
        raise Unusable("lies in the future", "Give the day on which the court received the request.")
    return text


def today() -> date:
    """The day it is where the courts sit."""
    return datetime.now(ZONE).date()


Text = Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE)]
Day = Annotated[str, Field(pattern=_PATTERN_OF_DAY, json_schema_extra={"format": "date"}), AfterValidator(_day)]


class PacketQuestion(BaseModel):
    """What is known of the child: any of these, at least one. Nothing of it is kept but sealed, in the ledger."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    court_number: Annotated[Text, _canonical(lambda text: identifier_value("court_number", text)[0])] | None = Field(
        default=None,
        description="Court number with its court before it, as `<court>:<number>`. One letter after the last digit is "
        "the child's; without it the number names a set of siblings.",
        examples=["19:DK12345-A"],
    )
    cws_cms_id: Annotated[Text, _canonical(parse_cws_cms_id)] | None = Field(
        default=None,
        description="CWS/CMS client id: 10 characters, in which case matters, or 19 digits with or without dashes.",
        examples=["5Y3vKVs0X5"],
    )
    cin: Annotated[Text, _canonical(cin_value)] | None = Field(
        default=None,
        description="Client Index Number: 9 characters, 10 with check digit, or the 14 of a card.",
        examples=["91234567A"],
    )
    first_name: Text | None = Field(default=None, description="Given name.", examples=["Marisol"])
    last_name: Text | None = Field(default=None, description="Surname.", examples=["Testvogel"])
    birth_date: Day | None = Field(default=None, description="Birth date.", examples=["2015-03-02"])
    urgency: Urgency = Field(
        default="application",
        description="Which clock runs: `application` 7 court days, `emergency` 2 (medication was given already).",
    )
    received_on: Annotated[Day, AfterValidator(_not_in_the_future)] | None = Field(
        default=None,
        description="Day on which the court received the request; today, if left out.",
        examples=["2026-03-02"],
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if len(self.asked().not_said) == len(Asked().not_said):
            raise Unusable(
                "says nothing of the child", "Give a court number, a CWS/CMS id, a CIN, or name and birth date."
            )
        return self

    def asked(self) -> Asked:
        received_on = date.fromisoformat(self.received_on) if self.received_on else today()
        return Asked(**self.model_dump(exclude={"received_on"}), received_on=received_on)


class PacketPointerAnswer(Answer):
    """A record of the child in one system. Where to ask, not what is there."""

    source: SourceText
    source_record_id: RecordIdText
    since: datetime = Field(description="Since when the record belongs to the child, for the index.")
    as_of: str | None = Field(
        description="The source's own date of what it says; empty where it gives none.", examples=["2026-01-31"]
    )
    received_at: datetime = Field(description="When that version came to the index.")
    confirmed_by: str = Field(
        description="`linkage`: the index linked it by itself. `steward`: a person decided that it is this child's, "
        "together with another record told here.",
        examples=["steward"],
    )
    confirmed_at: datetime | None = Field(description="When the steward did.")
    may_be_mothers: bool | None = Field(
        description="Of claims: they may be the mother's, on whose number newborns are billed in the month of birth "
        "and the next. Empty for anything else.",
        examples=[None],
    )
    court_number: str | None = Field(description="Of court records: the number, as the court has it.", examples=[None])
    other_court: bool | None = Field(
        description="Of court records: of another court than the one asked about. Empty where none was asked about.",
        examples=[None],
    )
    other_name: bool | None = Field(
        description="Of court records: under another name than the one asked about. Empty where none was given.",
        examples=[None],
    )

    @classmethod
    def of(cls, told: PacketPointer) -> PacketPointerAnswer:
        origin = told.provenance
        return cls(
            source=told.pointer.source,
            source_record_id=told.pointer.source_record_id,
            since=told.pointer.from_at,
            as_of=origin.source_date,
            received_at=origin.received_at,
            confirmed_by="steward" if origin.confirmed_at else "linkage",
            confirmed_at=origin.confirmed_at,
            may_be_mothers=told.may_be_mothers,
            court_number=told.court_number,
            other_court=told.other_court,
            other_name=told.other_name,
        )


class PacketPartAnswer(Answer):
    """One part of the packet. Empty: nothing there that this caller may be told of, or nothing at all."""

    role: Role = Field(description="Which part.", examples=["child_welfare"])
    title: str = Field(description="What a page may call it.", examples=["Child welfare and probation"])
    pointers: list[PacketPointerAnswer] = Field(description="Where the child is known.")


class CinAnswer(Answer):
    """A Client Index Number of the child, from its records of eligibility."""

    cin: str = Field(description="Nine characters.", examples=["91234567A"])
    frozen: bool = Field(description="No longer in use: `survivor` is.", examples=[False])
    survivor: str | None = Field(
        description="The number that holds now; empty where records of the same day differ.", examples=["91234567A"]
    )

    @classmethod
    def of(cls, told: CinTold) -> CinAnswer:
        return cls(cin=told.cin, frozen=told.is_frozen, survivor=told.survivor)


class ReviewAnswer(Answer):
    """What stewards are asked to find out, and by when. Their tasks about the child come first until then."""

    concern: Concern = Field(
        description="who_it_is: it may be one of several children, or this one is not likely enough. records_too_many: "
        "some of the child's records may be another child's. records_missing: the pointers are the child's, and there "
        "may be more. numbers_differ: the child's records have two numbers of a kind.",
        examples=["records_missing"],
    )
    due_on: date = Field(description="The last court day of the clock.", examples=["2026-03-11"])
    court_days: int = Field(description="The clock, in court days from the day of receipt.", examples=[7])


class PacketAnswer(Answer):
    """Who the child is, how certain, and the pointers of the packet. Without certainty no pointer is told."""

    certainty: Certainty = Field(
        description="certain: the index would link it by itself, and nobody else is plausible. review_pending: "
        "stewards are asked. not_found: more likely nobody, or nobody for this caller.",
        examples=["certain"],
    )
    person_id: PersonIdText | None = Field(description="The child's id; only if certain.", examples=["K7Q2-MX9T-4RWA"])
    twin_or_sibling_competes: bool = Field(
        description="A twin or sibling answers to the question too, or stewards are asked whether two are one.",
        examples=[False],
    )
    review: ReviewAnswer | None = Field(description="What is pending; empty where nothing is.")
    ask_with: list[str] = Field(
        description="Where it is not certain who it is: what was not said and may help.",
        examples=[[]],
    )
    packet: list[PacketPartAnswer] = Field(description="All parts, in the order of the packet.")
    cins: list[CinAnswer] = Field(description="The child's own CINs, the one that holds first.")
    claims_may_be_mothers: bool = Field(description="One of the claims may be the mother's.", examples=[False])
    notices: list[str] = Field(
        description="Words of the data-sharing agreement that have to travel with the pointers.",
        examples=[["WIC 5328.04 - no further disclosure except for the same purpose."]],
    )
    token: str | None = Field(
        description="Asks for changes later; it reveals nothing. Empty where nobody was found.",
        examples=["h1Vq2mXn0cW9oJ3uYb7kTzLr5eAsDfGi8pQwMxNvC4E"],
    )

    @classmethod
    def of(cls, found: Found, asked: Asked, token: str | None, config: PmapConfig) -> PacketAnswer:
        review = None
        if found.concern and found.due_on:
            days = config.clocks[asked.urgency].court_days
            review = ReviewAnswer(concern=found.concern, due_on=found.due_on, court_days=days)
        packet = [
            PacketPartAnswer(
                role=part.role,
                title=part.title,
                pointers=[PacketPointerAnswer.of(each) for each in found.pointers if each.role == part.role],
            )
            for part in config.roles
        ]
        return cls(
            certainty=found.certainty,
            person_id=found.person_id,
            twin_or_sibling_competes=found.relative_competes,
            review=review,
            ask_with=[] if found.certainty == "certain" else list(asked.not_said),
            packet=packet,
            cins=[CinAnswer.of(cin) for cin in found.cins],
            claims_may_be_mothers=any(each.may_be_mothers for each in found.pointers),
            notices=list(found.notices),
            token=token,
        )


class ChangesAnswer(Answer):
    """Whether a packet still holds."""

    reassemble: bool = Field(description="Something has changed: ask anew and put the packet together again.")
    changes: list[Change] = Field(
        description="joined: the child's id, or records of another person, were joined with it. split: a record told "
        "is another person's now. added, removed: a pointer came, or may no longer be told. gone: nothing may be told "
        "of the child any more. review_decided, review_opened: a question about the child was decided, or arose. "
        "children_changed: those that it could have been are others now.",
        examples=[["split"]],
    )
    asked_at: datetime = Field(description="When the packet was put together.")


@cache
def _config() -> PmapConfig:
    return load_pmap()


ConfigDep = Annotated[PmapConfig, Depends(_config)]
TokenQuery = Annotated[
    str,
    Query(
        pattern=r"^[A-Za-z0-9_-]{43}$",
        description="The token of a packet.",
        examples=["h1Vq2mXn0cW9oJ3uYb7kTzLr5eAsDfGi8pQwMxNvC4E"],
    ),
]


@router.post("/resolve", responses=documented(400, 401, 403, 422, 503))
async def resolve_for_packet(
    request: Request,
    connections: ConnectionsDep,
    releasing: ReleasingDep,
    desk: DeskDep,
    config: ConfigDep,
    question: Annotated[
        PacketQuestion,
        Body(
            openapi_examples={
                "an application": {"value": _QUESTION},
                "a card and a birth date": {"value": _ONLY_A_CARD},
            }
        ),
    ],
) -> PacketAnswer:
    """Who the child of a request on form JV-220 is, and where the pointers of the packet lead.

    A question that is pending is put before stewards with the court's clock. No clinical content.
    """
    asked = question.asked()
    async with connections.lend() as reading:
        sight = await _sight(reading, releasing, asdict(asked))
        found = await answer(sight, await read_current(reading), asked, config)
    if found.certainty == "not_found":
        found_nothing(request)
    token = await run_in_threadpool(_keep, desk, releasing, asked, found, config)
    return PacketAnswer.of(found, asked, token, config)


@router.get("/changes", responses=documented(400, 401, 403, 404, 422, 503))
async def read_changes(
    connections: ConnectionsDep, releasing: ReleasingDep, config: ConfigDep, token: TokenQuery
) -> ChangesAnswer:
    """Whether a packet still holds: what has become of the child's identity since it was put together.

    Of what this caller may not learn, no change is told. 404 for a token of another client or purpose, or too old.
    """
    async with connections.lend() as reading:
        caller = releasing.caller
        packet = await store.packet_of(reading, token, caller.client_id, caller.purpose)
        if packet is None:
            raise NotFound("There is no packet of this token for this caller.")
        found = await changes(await _sight(reading, releasing, {"packet": packet.person_id}), packet, config)
    return ChangesAnswer(reassemble=bool(found), changes=found, asked_at=packet.asked_at)


async def _sight(reading: AsyncConnection, releasing: Releasing, asked: dict[str, object]) -> Sight:
    permission = await releasing.permission(reading, "resolve")
    client, purpose = permission.client, permission.purpose
    searches = dict.fromkeys((permission.unconditional_sources, permission.sources))
    within = [Within(sources, client, purpose) for sources in searches]
    return Sight(reading, releasing, asked, within, client, purpose)


def _keep(desk: Desk, releasing: Releasing, asked: Asked, found: Found, config: PmapConfig) -> str | None:
    """Keep what a token stands for, and let stewards' tasks rise as long as the answer waits for them."""
    if found.certainty == "not_found":
        return None
    caller, clock = releasing.caller, config.clocks[asked.urgency]
    with desk.connect() as conn, conn.transaction():
        if found.waits_for:
            due_on = asked.due_on(config)
            store.wait_for_stewards(conn, found.waits_for, matter=clock.matter, due_on=due_on, who=caller.client_id)
        elif found.person_id is not None and found.nothing_is_open:
            matters = [each.matter for each in config.clocks.values()]
            store.wait_no_longer(conn, found.person_id, matters=matters, who=caller.client_id)
        return store.keep_packet(
            conn,
            client=caller.client_id,
            purpose=caller.purpose,
            person_id=found.person_id,
            records=found.stands_for,
            tasks=found.tasks,
            days=config.token_days,
        )
