"""The medication process over HTTP: who the child is, where pointers lead, what stewards have to decide."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import structlog

from config.identifiers import format_cws_cms_id
from index_service import pmap, resolving
from index_service.stewardship.deciding import Steward, judge
from index_service.stewardship.deciding import agree as agree_to
from index_service.stewardship.saying import Decision, Sides
from index_service.store.connection import Connection
from linkage.record import RecordKey
from tests.index_service.access.minting import Minted
from tests.index_service.pmap.serving import (
    CWS,
    MAYA,
    MAYAS,
    OTTO,
    Caller,
    Use,
    agree,
    clients,
    in_care,
    pointer,
    served,
    told,
)
from tests.stewards_cases import put

NAMED = {name: MAYA[name] for name in ("first_name", "last_name", "birth_date")}
Serve = Callable[[Use], None]
Callers = Mapping[str, Caller]
EVERYTHING = [
    "cws_cms 5Y3vKVs0X5", "medi_cal_rx R1", "meds M0", "meds M1", "csi 19:00000000A", "juvenile_court 19:P1",
    "juvenile_court 43:P2", "calpads S1", "cair2 C1",
]  # fmt: skip


@pytest.fixture
def known(conn: Connection) -> dict[str, Minted]:
    agree(conn)
    return clients(conn)


@pytest.fixture
def serve(database_url: str, tmp_path: Path, known: dict[str, Minted]) -> Iterator[Serve]:
    """One child in every kind of system, in care; another in child welfare alone."""
    with structlog.testing.capture_logs():
        yield lambda use: served(database_url, tmp_path, known, use)


@pytest.fixture
def maya(conn: Connection) -> None:
    put(conn, *MAYAS)
    put(conn, ("cws_cms", "0Other0X5a", OTTO))
    in_care(conn, CWS)


@pytest.mark.usefixtures("maya")
def test_every_way_to_name_the_child_leads_to_the_same_packet(serve: Serve) -> None:
    async def use(callers: Callers) -> None:
        answers = [
            await callers["pmap"].ask(**question)
            for question in (
                {"cws_cms_id": CWS[1]},
                {"cws_cms_id": format_cws_cms_id(CWS[1])},
                {"cin": "91234567A", **NAMED},
                {"cin": "91234567A2", "birth_date": MAYA["birth_date"]},
                {"cin": "9123-4567-A21234", **NAMED},
                {"court_number": "19:dk12345-a", **NAMED},
                {"cin": "98765432C", **NAMED},
                NAMED | {"cws_cms_id": CWS[1]},
            )
        ]
        assert {answer["certainty"] for answer in answers} == {"certain"}
        assert len({answer["person_id"] for answer in answers}) == 1
        assert len({answer["token"] for answer in answers}) == len(answers)
        for answer in answers:
            assert told(answer) == EVERYTHING
        assert [part["role"] for part in answers[0]["packet"]] == [
            "child_welfare", "medi_cal", "behavioral_health", "court", "school", "regional_center", "immunizations",
        ]  # fmt: skip

    serve(use)


@pytest.mark.usefixtures("maya")
def test_many_records_are_weighed_in_a_thread(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others do not wait; the answer is the same."""
    weighed_in: list[threading.Thread] = []
    weigh = resolving.weigh_members

    def noting(*args: Any) -> Any:
        weighed_in.append(threading.current_thread())
        return weigh(*args)

    monkeypatch.setattr(pmap, "weigh_members", noting)

    async def use(callers: Callers) -> None:
        few = await callers["pmap"].ask(**NAMED)
        assert weighed_in.pop() is threading.current_thread()
        monkeypatch.setattr(pmap, "FEW_RECORDS", 2)
        many = await callers["pmap"].ask(**NAMED)
        assert weighed_in.pop() is not threading.current_thread()
        assert many | {"token": few["token"]} == few
        assert few["certainty"] == "certain"

    serve(use)


@pytest.mark.usefixtures("maya")
def test_a_pointer_says_of_when_it_is_and_what_it_takes_to_read_it_rightly(serve: Serve) -> None:
    async def use(callers: Callers) -> None:
        answer = await callers["pmap"].ask(court_number="19:DK12345-A", **NAMED)
        prior, now = pointer(answer, "juvenile_court", "43:P2"), pointer(answer, "juvenile_court", "19:P1")
        assert (now["other_court"], now["other_name"], now["court_number"]) == (False, False, "19:DK12345-A")
        assert (prior["other_court"], prior["court_number"]) == (True, "43:JD777-A")
        assert (now["as_of"], now["confirmed_by"], now["confirmed_at"]) == ("2026-02-03", "linkage", None)
        assert answer["cins"] == [
            {"cin": "91234567A", "frozen": False, "survivor": "91234567A"},
            {"cin": "98765432C", "frozen": True, "survivor": "91234567A"},
        ]
        assert pointer(answer, "medi_cal_rx", "R1")["may_be_mothers"] is False
        assert answer["claims_may_be_mothers"] is False
        assert any("5328.04" in notice for notice in answer["notices"])
        assert answer["ask_with"] == []
        assert pointer(answer, "csi", "19:00000000A")["may_be_mothers"] is None

    serve(use)


@pytest.mark.usefixtures("maya")
def test_nobody_and_nobody_for_this_caller_are_told_alike(serve: Serve, conn: Connection) -> None:
    async def use(callers: Callers) -> None:
        absent = await callers["pmap"].ask(cws_cms_id="0000000000")
        assert absent["certainty"] == "not_found"
        assert absent["token"] is None
        assert await callers["stranger"].ask(cws_cms_id=CWS[1]) == absent
        assert await callers["school"].ask(cws_cms_id=CWS[1]) == absent

    serve(use)
    outcomes = conn.execute("SELECT client_id, outcome, person_id FROM disclosure ORDER BY disclosure_id").fetchall()
    assert outcomes == [(client, "nothing", None) for client in ("pmap", "stranger", "school_liaison")]


def test_a_child_nobody_is_responsible_for_is_known_to_the_court_alone(serve: Serve, conn: Connection) -> None:
    put(conn, *MAYAS)

    async def use(callers: Callers) -> None:
        answer = await callers["pmap"].ask(cws_cms_id=CWS[1])
        assert told(answer) == ["cws_cms 5Y3vKVs0X5", "juvenile_court 19:P1", "juvenile_court 43:P2"]
        assert answer["cins"] == []
        assert (await callers["pmap"].ask(cin="91234567A"))["certainty"] != "certain"

    serve(use)


@pytest.mark.usefixtures("maya")
def test_each_answer_has_its_rows_in_the_ledger_and_no_name_stands_there_in_clear(
    serve: Serve, conn: Connection
) -> None:
    async def use(callers: Callers) -> None:
        await callers["pmap"].ask(cws_cms_id=CWS[1], **NAMED)

    serve(use)
    rows = conn.execute("SELECT action, outcome, pointers, question FROM disclosure ORDER BY disclosure_id").fetchall()
    assert [(action, outcome) for action, outcome, _, _ in rows] == [("resolve", "released"), ("pointers", "released")]
    assert sorted(f"{p['source']} {p['id']}" for p in rows[1][2]) == sorted(EVERYTHING)
    assert all(b"Testvogel" not in bytes(question) for _, _, _, question in rows)


def test_a_frozen_number_beside_the_surviving_one_is_asked_about_and_keeps_no_pointer_back(
    serve: Serve, conn: Connection
) -> None:
    """The process learns of the question to stewards where it may use all records that this is about."""
    put(conn, *(record for record in MAYAS if record[0] in ("cws_cms", "meds")))
    in_care(conn, CWS)

    async def use(callers: Callers) -> None:
        answer = await callers["pmap"].ask(cws_cms_id=CWS[1], received_on="2026-02-10")
        assert (answer["certainty"], answer["review"]["concern"]) == ("certain", "numbers_differ")
        assert told(answer) == ["cws_cms 5Y3vKVs0X5", "meds M0", "meds M1"]

    serve(use)


def test_a_newborns_claim_on_another_number_may_be_the_mothers(serve: Serve, conn: Connection) -> None:
    born = {"birth_date": "2026-01-20", "record_date": "2026-02-03"}
    baby = MAYA | born
    claim = {name: baby[name] for name in ("first_name", "last_name", "birth_date", "sex", "record_date")}
    put(conn, (*CWS, baby), ("meds", "M1", baby), ("medi_cal_rx", "R1", claim | {"cin": "97777777C"}))
    say_same(conn, [CWS, ("meds", "M1"), ("medi_cal_rx", "R1")])
    in_care(conn, CWS)

    async def use(callers: Callers) -> None:
        answer = await callers["pmap"].ask(cws_cms_id=CWS[1])
        assert answer["claims_may_be_mothers"]
        assert pointer(answer, "medi_cal_rx", "R1")["may_be_mothers"] is True
        assert [cin["cin"] for cin in answer["cins"]] == ["91234567A"]

    serve(use)


def say_same(conn: Connection, keys: list[RecordKey]) -> None:
    """A steward holds records together; a second agrees where that takes two."""
    sides = Sides(frozenset(keys[:1]), frozenset(keys[1:]))
    made = judge(conn, Decision("same", "hospital called"), sides, Steward("first"))
    if made.waits:
        agree_to(conn, made.judgement_id, Steward("second", senior=True), agrees=True, reason="seen")


@pytest.mark.usefixtures("maya")
def test_nothing_that_names_the_child_is_logged(database_url: str, tmp_path: Path, known: dict[str, Minted]) -> None:
    async def use(callers: Callers) -> None:
        told_now = await callers["pmap"].ask(cws_cms_id=CWS[1], cin="91234567A", court_number="19:DK12345-A", **NAMED)
        await callers["pmap"].changes(told_now["token"])
        await callers["pmap"].ask(422, cin="Mayalinda", **NAMED)

    with structlog.testing.capture_logs() as lines:
        served(database_url, tmp_path, known, use)
    assert [line["route"] for line in lines if line["event"] == "request"] == [
        "/v1/pmap/resolve", "/v1/pmap/changes", "/v1/pmap/resolve",
    ]  # fmt: skip
    for said in ("Mayalinda", "Testvogel", "2014-05-17", CWS[1], "91234567", "DK12345"):
        assert said not in str(lines)


TWINS = MAYA | {"first_name": "Evadne", "cin": "91111111A", "multiple_birth": "true"}


def test_twins_that_fit_alike_are_left_to_a_steward_with_the_courts_clock(serve: Serve, conn: Connection) -> None:
    anna = MAYA | {"multiple_birth": "true"}
    put(conn, (*CWS, anna), ("calpads", "S1", anna), ("cws_cms", "0Other0X5a", TWINS), ("calpads", "S2", TWINS))
    question = {"last_name": MAYA["last_name"], "birth_date": MAYA["birth_date"], "received_on": "2026-02-10"}

    async def use(callers: Callers) -> None:
        answer = await callers["pmap"].ask(**question)
        assert answer["certainty"] == "review_pending"
        assert answer["person_id"] is None
        assert told(answer) == []
        assert answer["twin_or_sibling_competes"]
        assert answer["review"] == {"concern": "who_it_is", "due_on": "2026-02-23", "court_days": 7}
        assert answer["ask_with"] == ["court_number", "cws_cms_id", "cin", "first_name"]
        urgent = await callers["pmap"].ask(**question, urgency="emergency")
        assert urgent["review"]["due_on"] == "2026-02-13"
        await callers["pmap"].ask(**question)
        clear = await callers["pmap"].ask(**question, first_name=MAYA["first_name"], cws_cms_id=CWS[1])
        assert (clear["certainty"], told(clear)) == ("certain", ["cws_cms 5Y3vKVs0X5"])

    serve(use)
    waiting = conn.execute(
        "SELECT source_record_id, matter, due_on, answered_at IS NULL FROM court_question ORDER BY 1, 2"
    ).fetchall()
    assert {(record, matter, day) for record, matter, day, _ in waiting} == {
        (record, matter, day)
        for record in (CWS[1], "0Other0X5a")
        for matter, day in (("JV-220", date(2026, 2, 23)), ("JV-220 after an emergency", date(2026, 2, 13)))
    }
    assert len(waiting) == 4


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({}, "body"),
        ({"urgency": "emergency"}, "body"),
        ({"cws_cms_id": "not an id"}, "body.cws_cms_id"),
        ({"cin": "no card"}, "body.cin"),
        ({"court_number": "DK12345"}, "body.court_number"),
        ({"last_name": "Testvogel", "birth_date": "2015-02-30"}, "body.birth_date"),
        ({"cin": "91234567A", "received_on": "2999-01-01"}, "body.received_on"),
        ({"cin": "91234567A", "ssn": "900-12-3456"}, "body.ssn"),
    ],
)
def test_what_cannot_be_understood_is_told_with_the_mend_and_never_repeated(
    serve: Serve, question: dict[str, Any], field: str
) -> None:
    async def use(callers: Callers) -> None:
        problem = await callers["pmap"].ask(422, **question)
        (error,) = problem["errors"]
        assert error["field"] in (field, "body.(unknown)")
        assert error["mend"]
        assert not any(str(value) in str(problem) for value in question.values() if value != "emergency")

    serve(use)
