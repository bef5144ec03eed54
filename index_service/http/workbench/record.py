"""The page of a record: all its versions side by side, what normalising made of them, what could not be used."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from config.fields import CANONICAL_FIELDS
from config.record_ids import record_key
from index_service.http.workbench.desk import Desk, DeskDep
from index_service.http.workbench.error_pages import error_page
from index_service.http.workbench.looks import note_look
from index_service.http.workbench.pages import page
from index_service.http.workbench.person import SeesNumbers, Somebody, may_decide
from index_service.http.workbench.plain_words import JUDGEMENTS
from index_service.http.workbench.said import Said, marks_of, masked, said_of, shown, source_title, text_of
from index_service.linking_context import LinkingContext, current
from index_service.store import workbench as store
from index_service.store.judgements import judgements
from index_service.store.workbench import LookedAt, Version
from linkage.generic_values import without_generic_values
from linkage.record import NormalisedRecord

router = APIRouter()
_MOST_VERSIONS = 4
"""Versions side by side: more would not fit a screen; the older ones are counted."""


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field in all versions, the newest first; `marks` of the newest; `changed`: it differs between versions."""

    label: str
    texts: tuple[str, ...]
    marks: tuple[str, ...]
    changed: bool


@dataclass(frozen=True, slots=True)
class NormalisedRow:
    """One column of the normalised record; `is_generic`: so many share it that it is no evidence."""

    label: str
    text: str
    is_generic: bool


@router.get("/record")
def read_record(request: Request, desk: DeskDep, who: Somebody, source: str = "", id: str = "") -> Response:
    """A record by its source and its id there."""
    return _record_page(request, desk, who, source, id, "record")


@router.post("/record/numbers")
def show_numbers(
    request: Request,
    desk: DeskDep,
    who: SeesNumbers,
    source: Annotated[str, Form()] = "",
    id: Annotated[str, Form()] = "",
) -> Response:
    """The record with its whole social security number: a deliberate act, written down before it is answered."""
    return _record_page(request, desk, who, source, id, "numbers")


def _record_page(
    request: Request, desk: Desk, who: Somebody, source: str, source_record_id: str, at_what: LookedAt
) -> Response:
    with desk.connect() as conn:
        head = store.record_head(conn, *record_key(source, source_record_id))
        if head is None:
            detail = "No record of this source and id has come. The id is case-sensitive."
            return error_page(request, 404, "No such record", detail, hint="Copy the id again from the source system.")
        key = (head.source, head.source_record_id)
        note_look(conn, who, at_what, record=key)
        versions = store.versions(conn, head.record_id, _MOST_VERSIONS)
        holding = next((v for v in versions if v.version == head.current_version), versions[0])
        now = said_of(head.record_id, key, holding.source_values)
        return page(
            request,
            "record.html",
            who=who,
            head=head,
            said=now,
            source=source_title(head.source),
            versions=versions,
            holding=holding,
            rows=_rows(now, versions, whole_numbers=at_what == "numbers"),
            normalised=_normalised(now.normalised, current(conn), whole_numbers=at_what == "numbers"),
            findings=[(label_of(found.field), found.kind, found.reason) for found in now.findings],
            memberships=store.memberships_of_record(conn, head.record_id),
            decisions=judgements(conn, record=key),
            judged=JUDGEMENTS,
            may_decide=may_decide(who),
            whole_numbers=at_what == "numbers",
            has_number=any(text_of(v.source_values, "ssn") for v in versions),
        )


_NAMES = {
    "ssn": "Social security number",
    "cin": "Client index number (CIN)",
    "zip": "ZIP code",
    "alias_names": "Other names",
    "address_line": "Street and number",
    "email": "E-mail",
    "phone": "Telephone",
}


def label_of(field: str) -> str:
    """A canonical field as a person calls it."""
    if field in _NAMES:
        return _NAMES[field]
    return field.removeprefix("identifier.").replace("_", " ").capitalize()


def _rows(now: Said, versions: list[Version], *, whole_numbers: bool) -> list[FieldRow]:
    order = {name: place for place, name in enumerate(CANONICAL_FIELDS)}
    names = sorted({name for v in versions for name in v.source_values}, key=lambda n: (order.get(n, 99), n))
    found = []
    for name in names:
        raw = [text_of(v.source_values, name) for v in versions]
        texts = tuple(shown(name, text, whole_numbers=whole_numbers) for text in raw)
        found.append(FieldRow(label_of(name), texts, marks_of(now, (name,)), len(set(raw)) > 1))
    return found


def _normalised(record: NormalisedRecord, context: LinkingContext, *, whole_numbers: bool) -> list[NormalisedRow]:
    seen = without_generic_values(record, context.model)
    found = []
    for column in fields(NormalisedRecord):
        value = getattr(record, column.name)
        if column.name in ("source", "source_record_id") or value in (None, ()):
            continue
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        if column.name == "ssn" and not whole_numbers:
            text = masked(text)
        is_generic = getattr(seen, column.name) != value
        found.append(NormalisedRow(label_of(column.name), text, is_generic))
    return found
