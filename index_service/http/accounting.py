"""Route: to whom a person's records were disclosed; as far as the caller may learn of these records' ledger."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import PlainTextResponse, Response

from config.purposes import load_purposes
from index_service.disclosure.accounting import (
    COLUMNS,
    LOOK_BACK_YEARS,
    Accounting,
    Line,
    account,
    as_csv,
    as_text,
    notices,
    title,
    without_numbers,
)
from index_service.disclosure.notices import segregated_sources
from index_service.http.access import RequiresScope
from index_service.http.answering import ReleasingDep
from index_service.http.answers import Answer, PersonIdText
from index_service.http.problems import NotFound, documented
from index_service.http.requests import PersonIdPath
from index_service.store.ledger import SealState

router = APIRouter(prefix="/v1", tags=["ledger"], dependencies=[Depends(RequiresScope("index/ledger"))])


Format = Literal["json", "text", "csv"]


class DisclosureAnswer(Answer):
    """One disclosure, in words. It has no number: numbers count what was told of others."""

    at: datetime = Field(description="When it was told.")
    recipient: str = Field(description="Who was told.", examples=["PMAP application service (ann)"])
    address: str = Field(description="The recipient's address, if the agreement has it.", examples=["Sacramento"])
    purpose: str = Field(description="What for.", examples=["Court proceedings (COURT)"])
    information: str = Field(description="What was told.", examples=["that cws_cms has a record 0Ab3"])
    agreement: str = Field(description="Under which agreement and version.", examples=["pmap/1"])
    person_id: PersonIdText
    rules: str = Field(description="Which rules ask for this line.", examples=["45 CFR 164.528"])
    seal: SealState = Field(description="Whether the row is what was sealed of it.", examples=["stands"])

    @classmethod
    def of(cls, line: Line) -> DisclosureAnswer:
        return cls(**{name: getattr(line, name) for name in cls.model_fields})


class AccountingAnswer(Answer):
    """The accounting of disclosures of a person, of records granted to the caller for the action `ledger`."""

    person_id: PersonIdText
    title: str = Field(description="What it covers, and under which rules.", examples=["Disclosures of the records"])
    notices: list[str] = Field(description="What has to travel with it (42 CFR 2.32).", examples=[[]])
    since: datetime = Field(description="From when on.")
    until: datetime = Field(description="Until when; that this was read is a later row.")
    disclosures: list[DisclosureAnswer] = Field(description="The disclosures, the oldest first.")
    exempt: int = Field(description="So many were left out as exempt (45 CFR 164.528(a)(1)).", examples=[2])

    @classmethod
    def of(cls, accounting: Accounting) -> AccountingAnswer:
        return cls(
            person_id=accounting.person_id,
            title=title(accounting),
            notices=notices(accounting),
            since=accounting.from_at,
            until=accounting.until_at,
            disclosures=[DisclosureAnswer.of(line) for line in accounting.lines],
            exempt=accounting.exempt,
        )


@router.get(
    "/persons/{person_id}/accounting",
    response_model=AccountingAnswer,
    responses={
        200: {
            "description": "The accounting, in the form that was asked for.",
            "content": {
                "text/plain": {"schema": {"type": "string"}, "example": "Disclosures of the records of person ..."},
                "text/csv": {"schema": {"type": "string"}, "example": ",".join(COLUMNS)},
            },
        },
        **documented(400, 404, 422, 503),
    },
)
async def read_accounting(
    releasing: ReleasingDep,
    person_id: PersonIdPath,
    with_exempt: Annotated[bool, Query(description="Also what 45 CFR 164.528(a)(1) exempts, as treatment.")] = False,
    form: Annotated[Format, Query(alias="format", description="text to print, csv for a spreadsheet.")] = "json",
) -> AccountingAnswer | Response:
    """To whom a person's records were disclosed in six years (45 CFR 164.528, 42 CFR 2.25). Itself a row of the ledger.

    Each line says whether its row stands as it was sealed. 404 also where there are no records of which the caller may
    learn this.
    """
    told = await releasing.accounting(person_id, LOOK_BACK_YEARS)
    if told is None:
        raise NotFound("There is no person of this id.")
    span = (told.from_at, told.until_at)
    found = without_numbers(account(
        told.person_id, told.pointers, told.agreements, load_purposes(),
        segregated=segregated_sources(), span=span, with_exempt=with_exempt,
    ))  # fmt: skip
    if form == "text":
        return PlainTextResponse("\n".join(as_text(found)) + "\n")
    if form == "csv":
        return Response(as_csv(found), media_type="text/csv; charset=utf-8")
    return AccountingAnswer.of(found)
