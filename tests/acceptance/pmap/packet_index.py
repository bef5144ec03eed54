"""Reference integration: the index page of a JV-220 packet, put together through the public API.

What an application of the court does, in full: it knows the child from the request, asks the person index who that is
and where the child is known, writes the packet's index page, keeps the token, and looks before each hearing whether the
page still holds. It needs `index_service.client` and a client credential; nothing of the index's inside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from index_service.client import Packet, PacketPart, PacketPointer, PersonIndexClient

Request = Mapping[str, str]
"""What the form says of the child: court_number, cws_cms_id, cin, first_name, last_name, birth_date."""

_WORDS = {
    "who_it_is": "It is not certain who the child is. A data steward is asked.",
    "records_too_many": "Some records may be another child's. A data steward is asked.",
    "records_missing": "There may be more records than are listed. A data steward is asked.",
    "numbers_differ": "The child's records have two numbers of a kind. A data steward is asked.",
}


@dataclass(slots=True)
class Filed:
    """A packet on file: the request, what the index told, and the page made of it."""

    request: Request
    told: Packet
    page: str

    @property
    def pointers(self) -> list[str]:
        return [f"{each.source} {each.source_record_id}" for part in self.told.packet for each in part.pointers]


class PacketDesk:
    """Puts packets together and keeps them up to date."""

    def __init__(self, index: PersonIndexClient) -> None:
        self._index = index

    def assemble(self, request: Request) -> Filed:
        """Ask for the child of a request and write the page."""
        told = self._index.resolve_for_packet(request)
        return Filed(request, told, index_page(request, told))

    def bring_up_to_date(self, filed: Filed) -> Sequence[str]:
        """Ask what has changed; if anything has, the packet is put together again. Returns what had changed."""
        if filed.told.token is None:
            return ()
        found = self._index.packet_changes(filed.told.token)
        if found.reassemble:
            again = self.assemble(filed.request)
            filed.told, filed.page = again.told, again.page
        return found.changes


def index_page(request: Request, told: Packet) -> str:
    """The page as HTML that stands alone."""
    name = " ".join(request[part] for part in ("first_name", "last_name") if part in request) or "the child"
    return "".join(
        [
            '<!doctype html><html lang="en"><head><meta charset="utf-8">',
            "<title>JV-220 packet: index</title></head><body>",
            f"<h1>JV-220 packet: {escape(name)}</h1>",
            *_cautions(told),
            *(_part(part) for part in told.packet),
            *_cins(told),
            *(f"<p><strong>{escape(notice)}</strong></p>" for notice in told.notices),
            "</body></html>",
        ]
    )


def _cautions(told: Packet) -> Iterator[str]:
    if told.certainty == "not_found":
        yield "<p>The person index knows nobody who could be this child.</p>"
    if told.review is not None:
        yield f"<p>{_WORDS[told.review.concern]} An answer is needed by {told.review.due_on}.</p>"
    if told.twin_or_sibling_competes:
        yield "<p>A twin or sibling resembles this child: compare the first name on every document.</p>"
    if told.claims_may_be_mothers:
        yield "<p>A pharmacy claim may be the mother's.</p>"


def _part(part: PacketPart) -> str:
    if not part.pointers:
        return f"<h2>{escape(part.title)}</h2><p>Nothing to ask for.</p>"
    rows = "".join(_row(pointer) for pointer in part.pointers)
    head = "<tr><th>System</th><th>Ask for</th><th>As of</th><th>Linked by</th><th>Mind</th></tr>"
    return f"<h2>{escape(part.title)}</h2><table>{head}{rows}</table>"


def _row(pointer: PacketPointer) -> str:
    as_of = pointer.as_of or pointer.received_at.date().isoformat()
    cells = (pointer.source, pointer.source_record_id, as_of, pointer.confirmed_by, "; ".join(_minds(pointer)))
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _minds(pointer: PacketPointer) -> Iterator[str]:
    if pointer.may_be_mothers:
        yield "may be the mother's"
    if pointer.other_court:
        yield "another court"
    if pointer.other_name:
        yield "another name"


def _cins(told: Packet) -> Iterator[str]:
    for number in told.cins:
        note = f"frozen; use {number.survivor}" if number.frozen else "in use" if number.survivor else "unclear"
        yield f"<p>CIN {escape(number.cin)}: {escape(note)}</p>"
