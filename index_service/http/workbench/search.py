"""Search: by an id that is known exactly, or by traits through the same resolving as POST /v1/resolve. No browsing.

What is searched for travels in the body of the request and is not kept: no value stands in an address or a log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from config.fields import IDENTIFIER_PREFIX
from config.record_ids import record_key
from config.sources import load_sources
from index_service.http.connections import Connections
from index_service.http.workbench.desk import Desk, DeskDep
from index_service.http.workbench.links import person_path, record_path
from index_service.http.workbench.looks import note_look
from index_service.http.workbench.pages import page
from index_service.http.workbench.person import Somebody, Trait, name_of, traits
from index_service.http.workbench.said import said
from index_service.linking_context import LinkingContext, read_current
from index_service.resolving import Question, Resolved, resolve
from index_service.store import workbench as store
from linkage.comparisons import MISSING
from linkage.normalise import normalise
from linkage.record import SourceRecord
from linkage.weights import Part

router = APIRouter()

TRAITS: tuple[tuple[str, str, str], ...] = (
    ("first_name", "First name", ""),
    ("middle_name", "Middle name", ""),
    ("last_name", "Last name", ""),
    ("birth_date", "Birth date", "As 2015-03-02; 2015-03 or 2015 where no more is known."),
    ("sex", "Sex", ""),
    ("ssn", "Social security number", ""),
    ("cin", "Client index number (CIN)", ""),
    ("mother_first_name", "Mother’s first name", ""),
    ("mother_last_name", "Mother’s last name", ""),
    ("address_line", "Street and number", ""),
    ("city", "City", ""),
    ("zip", "ZIP code", ""),
    ("phone", "Telephone", ""),
)
"""Field, label and hint of what can be searched by."""

IDENTIFIERS: tuple[tuple[str, str], ...] = (
    ("court_number", "Juvenile court number, as 19:24CCJP00012:A"),
    ("cws_cms_client_id", "CWS/CMS client id"),
    ("meds_id", "MEDS pseudo number"),
    ("ccn", "County client number of behavioral health, as 19:0001234"),
    ("ssid", "Statewide student identifier (SSID)"),
    ("uci", "Regional center client identifier (UCI)"),
    ("ccsas_participant_id", "Child support participant"),
    ("calsaws_person_id", "CalSAWS person"),
    ("cair2_id", "Immunization registry patient"),
    ("probation_number", "Probation number, as 19:1234567"),
)
"""Type and label of the other numbers that one person alone has."""

_LONGEST = 300
_LEAST_TRAITS = 2
_NAME_ONE_PERSON = ("ssn", "cin")
_SHOWN_TRAITS = ("first_name", "birth_date", "last_name", "mother", "address")


@dataclass(frozen=True, slots=True)
class Found:
    """A person that may be meant, with what agrees and what differs."""

    resolved: Resolved
    name: str
    traits: tuple[Trait, ...]
    records: int
    agreed: tuple[Part, ...]
    differed: tuple[Part, ...]


@router.get("/search")
def read_search(request: Request, who: Somebody) -> Response:
    """The empty form."""
    return _search_page(request, who)


@router.post("/search/id")
def search_by_id(
    request: Request,
    desk: DeskDep,
    who: Somebody,
    person_id: Annotated[str, Form()] = "",
    source: Annotated[str, Form()] = "",
    record_id: Annotated[str, Form()] = "",
) -> Response:
    """Go to the person or record of an id; the form again where there is none."""
    person_id, source, record_id = (text.strip()[:_LONGEST] for text in (person_id, source, record_id))
    if person_id:
        with desk.connect() as conn:
            if store.life(conn, person_id) is not None:
                return RedirectResponse(person_path(person_id), 303)
        errors = {"person_id": "There is no person of this id. It is case-sensitive; copy it whole."}
    elif source and record_id:
        key = record_key(source, record_id)
        with desk.connect() as conn:
            if store.record_head(conn, *key) is not None:
                return RedirectResponse(record_path(*key), 303)
        errors = {"record_id": "No record of this source and id has come. The id is case-sensitive."}
    else:
        errors = {"person_id": "Enter a person id, or a source and the record’s id there."}
    given = {"person_id": person_id, "source": source, "record_id": record_id}
    return _search_page(request, who, errors=errors, given=given, status=422)


@router.post("/search")
async def search_by_traits(request: Request, desk: DeskDep, who: Somebody) -> Response:
    """Persons who may be meant, best first; at most a dozen, and none that the traits do not point to."""
    form = await request.form()
    given = {name: _text(form, name) for name, _, _ in TRAITS}
    values = {name: value for name, value in given.items() if value}
    given |= {name: _text(form, name) for name in ("identifier", "identifier_type")}
    if given["identifier"] and given["identifier_type"] in dict(IDENTIFIERS):
        values[f"{IDENTIFIER_PREFIX}{given['identifier_type']}"] = given["identifier"]
    if errors := _too_little(values, given):
        return await run_in_threadpool(_search_page, request, who, errors=errors, given=given, status=422)
    record, findings = normalise(SourceRecord("", "", values))
    unused = {_input_of(found.field): f"This {found.reason}; it was not used." for found in findings}
    connections: Connections = request.app.state.service.state.connections
    async with connections.lend() as conn:
        context = await read_current(conn)
        answer = await resolve(conn, context, Question(record, has_traits=True))

    def answered() -> Response:
        found = _found(desk, who, answer.persons, context)
        return _search_page(
            request,
            who,
            errors=unused,
            given=given,
            found=found,
            relative_competes=answer.relative_competes,
            incomplete=answer.cut,
        )

    return await run_in_threadpool(answered)


def _too_little(values: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with a question that one cannot search by."""
    if given["identifier"] and given["identifier_type"] not in dict(IDENTIFIERS):
        return {"identifier_type": "Choose what kind of number it is."}
    if len(values) < _LEAST_TRAITS and not any(map(_names_one_person, values)):
        return {"first_name": "Enter a number of the person, or at least two traits, as a name and a birth date."}
    return {}


def _names_one_person(field: str) -> bool:
    return field in _NAME_ONE_PERSON or field.startswith(IDENTIFIER_PREFIX)


def _input_of(field: str) -> str:
    return "identifier" if field.startswith(IDENTIFIER_PREFIX) else field


def _text(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip()[:_LONGEST] if isinstance(value, str) else ""


def _found(desk: Desk, who: Somebody, persons: tuple[Resolved, ...], context: LinkingContext) -> list[Found]:
    with desk.connect() as conn:
        note_look(conn, who, "search")
        told = []
        for resolved in persons:
            records = [said(record) for record in store.records_of_persons(conn, [resolved.person_id])]
            note_look(conn, who, "search", person_id=resolved.person_id)
            parts = [part for part in (resolved.evidence.parts if resolved.evidence else ()) if part.level != MISSING]
            parts.sort(key=lambda part: -abs(part.against_stranger_bits))
            shown = tuple(trait for trait in traits(records, context) if trait.comparison in _SHOWN_TRAITS)
            agreed = tuple(part for part in parts if part.against_stranger_bits > 0)
            differed = tuple(part for part in parts if part.against_stranger_bits <= 0)
            told.append(Found(resolved, name_of(records), shown, len(records), agreed, differed))
        return told


def _search_page(
    request: Request,
    who: Somebody,
    *,
    errors: Mapping[str, str] | None = None,
    given: Mapping[str, str] | None = None,
    found: list[Found] | None = None,
    relative_competes: bool = False,
    incomplete: bool = False,
    status: int = 200,
) -> Response:
    return page(
        request,
        "search.html",
        status,
        who=who,
        fields=TRAITS,
        identifiers=IDENTIFIERS,
        sources=sorted((source.title, name) for name, source in load_sources().items()),
        errors=dict(errors or {}),
        given=dict(given or {}),
        found=found,
        relative_competes=relative_competes,
        incomplete=incomplete,
    )
