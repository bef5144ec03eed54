"""Nobody can tell who an adopted child was: two databases that differ only in that answer alike, over all ways out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC

import httpx
from fastapi import FastAPI

from index_service.access.scopes import OURS
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.everything import everything_for
from index_service.store.agreements import apply_agreements
from index_service.store.connection import connect
from linkage.record import RecordKey
from tests.conftest import NewDatabase
from tests.index_service.access.minting import PURPOSES, UNLIMITED, bearer, mint_client, mint_token
from tests.index_service.disclosure.generated import SOURCES
from tests.index_service.disclosure.test_nothing_told import Sent, named, without_what_varies
from tests.index_service.http.client import with_client
from tests.index_service.stewardship.adopted import A1, A2, ADOPTED, B1, B2, BIRTH, O, sealed
from tests.index_service.stewardship.invented import OTHER, persons, send
from tests.index_service.store.partitions import decide_question

CHILD = {A1: ADOPTED, A2: ADOPTED}
ELSE = BIRTH | {
    "first_name": "Wendy",
    "last_name": "Abernathy",
    "mother_first_name": "Inez",
    "mother_last_name": "Abernathy",
    "address_line": "9 Pine Rd",
    "cin": "90000009Z",
}
"""Who the child had been in the other database."""

EVENTS = re.compile(r'"events":\[.*\]', re.DOTALL)
"""Of a child that had to be parted the history has no beginning; who has followed the events is told a retirement."""

LATE: RecordKey = ("csi", "late")
"""A record of the time before that comes after the seal."""


def requests(past: Past) -> Iterator[Sent]:
    """Every way to ask for the child by what it was, and for others."""
    for source, record_id in (B1, B2, *CHILD, LATE, O, ("csi", "both"), ("meds", "nobody")):
        record = f"/v1/sources/{source}/records/{record_id}"
        yield Sent("GET", f"{record}/person")
        yield Sent("GET", f"{record}/person?as_of={past.moment}")
        yield Sent("POST", "/v1/resolve", {"records": [named((source, record_id))]})
        yield Sent("POST", "/v1/compare", {"left": named((source, record_id)), "right": named(A2)})
    for person in past.ids.values():
        yield Sent("GET", f"/v1/persons/{person}")
        yield Sent("GET", f"/v1/persons/{person}?attributes=last_name&attributes=alias_names")
        yield Sent("GET", f"/v1/persons/{person}/history")
    for fields in (BIRTH, ELSE, {name: BIRTH[name] for name in ("first_name", "last_name", "birth_date")}):
        yield Sent("POST", "/v1/resolve", {"fields": fields})


@dataclass(frozen=True)
class Past:
    """A database in which a child was adopted; ids by name, and a moment before the seal."""

    url: str
    ids: Mapping[str, str]
    moment: str


def prepared(url: str, before: Mapping[str, str]) -> Past:
    """A database in which a child was adopted who had been somebody."""
    with connect(url) as conn:
        send(conn, {B1: before, B2: before, **CHILD, O: OTHER})
        old = persons(conn)[B1]
        (moment,) = conn.execute("SELECT clock_timestamp()").fetchall()[0]
        decide_question(conn, [B1, B2], [O])
        decide_question(conn, list(CHILD), [O])
        sealed(conn)
        send(conn, {LATE: before})
        held = [everything_for("all_seeing", ("TREAT",), name="all_seeing")]
        apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")
        now = persons(conn)
        assert now[A1] == now[A2] not in (old, now[B1])
        assert now[LATE] == now[B1]
        ids = {"old": old, "before": now[B1], "child": now[A1], "other": now[O]}
        return Past(url, ids, moment.astimezone(UTC).isoformat().replace("+00:00", "Z"))


def answers(past: Past, sent: list[Sent]) -> list[tuple[Sent, int, str]]:
    """What a caller that may learn of every source is answered, ids by their name."""
    told: list[tuple[Sent, int, str]] = []
    with connect(past.url) as conn:
        minted = mint_client(conn, "all_seeing", scopes=OURS, limits=UNLIMITED)

    async def as_caller(client: httpx.AsyncClient) -> None:
        app: FastAPI = client._transport.app  # type: ignore[attr-defined]
        client.headers.update(bearer(mint_token(app, minted.client)))
        for each in sent:
            answer = await client.request(each.verb, each.path, json=each.body)
            text = without_what_varies(answer.text).replace(past.moment, "<moment>")
            for name, person in past.ids.items():
                text = text.replace(person, f"<{name}>")
            told.append((each, answer.status_code, text if "/events" in each.path else EVENTS.sub("", text)))

    with_client(past.url, as_caller)
    return told


def test_whoever_the_child_was_all_answers_are_the_same(new_database: NewDatabase) -> None:
    told = []
    for before in (BIRTH, ELSE):
        past = prepared(new_database(), before)
        found = answers(past, list(requests(past)))
        told.append(found)
        for sent, status, text in found:
            assert "<before>" not in text, sent
            assert not any(key[1] in text for key in (B1, B2, LATE) if key[1] not in str(sent)), sent
            if past.ids["old"] in sent.path or any(f"/{key[1]}/person" in sent.path for key in (B1, B2, LATE)):
                assert status == 404, sent
        assert any(status == 200 and "<child>" in text for _, status, text in found)
    for (sent, *one), (_, *other) in zip(*told, strict=True):
        assert one == other, sent


def test_consumers_are_told_a_bare_retirement_and_none_of_the_events_of_before(new_database: NewDatabase) -> None:
    past = prepared(new_database(), BIRTH)
    ((_, _, text),) = answers(past, [Sent("GET", "/v1/events?limit=1000")])
    told = [(each["kind"], each["person_id"], each["other_person_ids"]) for each in json.loads(text)["events"]]
    assert ("retired", "<old>", []) in told
    assert "review_decided" not in {kind for kind, _, _ in told}
    assert [each for each in told if "<old>" in each[1]] == [("retired", "<old>", [])]
    assert not any("<before>" in person or "<before>" in others for _, person, others in told)
