"""What a token tells later: joins, splits, seals and decisions, and nothing of what the caller may not know."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import structlog

from index_service.arriving import withdrawal
from index_service.ingesting import Write, ingest
from index_service.stewardship.deciding import Steward, judge
from index_service.stewardship.deciding import agree as agree_to
from index_service.stewardship.saying import Decision, Sides
from index_service.store.connection import Connection, connect
from index_service.store.judgements import JudgementKind
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

SENIOR, SECOND = Steward("senior", senior=True), Steward("second", senior=True)
Keys = frozenset[RecordKey]
ALL: Keys = frozenset((source, record_id) for source, record_id, _ in MAYAS)
CSI: RecordKey = ("csi", "19:00000000A")
OTTO_ID = "0Other0X5a"
Serve = Callable[[Use], None]
Callers = Mapping[str, Caller]
OTTOS: tuple[tuple[str, str, dict[str, str]], ...] = (("cws_cms", OTTO_ID, OTTO), ("meds", "M9", OTTO))


@pytest.fixture
def known(conn: Connection) -> dict[str, Minted]:
    agree(conn)
    put(conn, *MAYAS, *OTTOS)
    in_care(conn, CWS)
    in_care(conn, ("cws_cms", OTTO_ID))
    return clients(conn)


@pytest.fixture
def serve(database_url: str, tmp_path: Path, known: dict[str, Minted]) -> Iterator[Serve]:
    with structlog.testing.capture_logs():
        yield lambda use: served(database_url, tmp_path, known, use)


def say(url: str, kind: JudgementKind, left: Keys, right: Keys = frozenset(), chosen: Keys = frozenset()) -> None:
    """A steward decides beside the service; where it takes a second person, one agrees."""
    with connect(url) as conn:
        decision = Decision(kind, "birth certificate", chosen=chosen)
        made = judge(conn, decision, Sides(left, right, one_person=not right), SENIOR)
        if made.waits:
            agree_to(conn, made.judgement_id, SECOND, agrees=True, reason="seen")


def test_a_record_that_turns_out_to_be_another_childs_splits_the_packet(serve: Serve, database_url: str) -> None:
    async def use(callers: Callers) -> None:
        pmap = callers["pmap"]
        packet = await pmap.ask(cws_cms_id=CWS[1])
        unchanged = await pmap.changes(packet["token"])
        assert (unchanged["reassemble"], unchanged["changes"]) == (False, [])
        say(database_url, "split", ALL, chosen=frozenset({CSI}))
        assert "split" in (await pmap.changes(packet["token"]))["changes"]
        again = await pmap.ask(cws_cms_id=CWS[1])
        assert set(told(packet)) - set(told(again)) == {"csi 19:00000000A"}
        assert (await pmap.changes(again["token"]))["reassemble"] is False

    serve(use)


def test_two_children_that_are_one_make_the_packets_of_both_stale(serve: Serve, database_url: str) -> None:
    async def use(callers: Callers) -> None:
        pmap = callers["pmap"]
        maya, otto = await pmap.ask(cws_cms_id=CWS[1]), await pmap.ask(cws_cms_id=OTTO_ID)
        assert maya["person_id"] != otto["person_id"]
        say(database_url, "same", ALL, frozenset((source, record_id) for source, record_id, _ in OTTOS))
        for packet in (maya, otto):
            assert "joined" in (await pmap.changes(packet["token"]))["changes"]
        again = await pmap.ask(cws_cms_id=CWS[1])
        confirmed = pointer(again, *CWS)
        assert confirmed["confirmed_by"] == "steward"
        assert confirmed["confirmed_at"]

    serve(use)


def test_a_new_record_and_one_that_is_withdrawn_are_told(serve: Serve, conn: Connection) -> None:
    async def use(callers: Callers) -> None:
        pmap = callers["pmap"]
        packet = await pmap.ask(cws_cms_id=CWS[1])
        put(conn, ("dds", "D1", MAYA))
        assert (await pmap.changes(packet["token"]))["changes"] == ["added"]
        ingest(conn, [Write(withdrawal("cair2", "C1"))])
        assert (await pmap.changes(packet["token"]))["changes"] == ["added", "removed"]

    serve(use)


def test_what_the_caller_may_not_know_changes_nothing_for_it(serve: Serve, conn: Connection) -> None:
    async def use(callers: Callers) -> None:
        packet = await callers["pmap"].ask(cws_cms_id=CWS[1])
        put(conn, ("ccsas", "K1", MAYA), ("calsaws", "W2", MAYA))
        assert (await callers["pmap"].changes(packet["token"]))["reassemble"] is False
        for other in ("stranger", "school"):
            absent = await callers[other].changes("A" * 43, 404)
            refused = await callers[other].changes(packet["token"], 404)
            assert {**refused, "request_id": ""} == {**absent, "request_id": ""}

    serve(use)


def test_an_order_that_ends_takes_its_pointers_along(serve: Serve, conn: Connection) -> None:
    async def use(callers: Callers) -> None:
        packet = await callers["pmap"].ask(cws_cms_id=CWS[1])
        conn.execute(
            "INSERT INTO consent_revoked (consent_id, reason, revoked_by) "
            "SELECT consent_id, 'ended', 'clerk' FROM consent"
        )
        assert (await callers["pmap"].changes(packet["token"]))["changes"] == ["removed"]

    serve(use)


def test_a_child_of_whom_nothing_may_be_told_any_more_is_gone_and_nothing_else_is_said(
    serve: Serve, conn: Connection
) -> None:
    """As after an adoption seal: the old id answers nothing."""

    async def use(callers: Callers) -> None:
        packet = await callers["pmap"].ask(cws_cms_id=OTTO_ID)
        ingest(conn, [Write(withdrawal(source, record_id)) for source, record_id, _ in OTTOS])
        assert (await callers["pmap"].changes(packet["token"]))["changes"] == ["gone"]

    serve(use)


def test_a_token_that_has_expired_is_unknown(serve: Serve, conn: Connection) -> None:
    async def use(callers: Callers) -> None:
        packet = await callers["pmap"].ask(cws_cms_id=OTTO_ID)
        conn.execute("UPDATE packet SET asked_at = asked_at - interval '1 year', expires_at = now() - interval '1 day'")
        await callers["pmap"].changes(packet["token"], 404)
        await callers["pmap"].ask(cws_cms_id=OTTO_ID)

    serve(use)
    assert conn.execute("SELECT count(*) FROM packet").fetchone() == (1,)


def test_a_pending_review_rises_and_its_decision_is_told(serve: Serve, conn: Connection, database_url: str) -> None:
    """A record that may be the child's stays apart: its pointers may be missing until a steward has decided."""
    unlike = {"first_name": "Otakar", "last_name": "Beispielmann", "birth_date": "2012-09-03", "zip": OTTO["zip"]}
    put(conn, ("probation", "34:B1", unlike))
    about_otto = "SELECT due_on::text, due_why FROM review_task WHERE status = 'open' AND 'probation' = ANY (sources)"
    assert conn.execute(about_otto).fetchall() == [(None, None)]

    async def use(callers: Callers) -> None:
        packet = await callers["pmap"].ask(cws_cms_id=OTTO_ID, received_on="2026-02-10")
        assert packet["certainty"] == "certain"
        assert packet["review"] == {"concern": "records_missing", "due_on": "2026-02-23", "court_days": 7}
        assert conn.execute(about_otto).fetchall() == [("2026-02-23", "JV-220")]
        assert (await callers["pmap"].changes(packet["token"]))["reassemble"] is False
        ottos = frozenset((source, record_id) for source, record_id, _ in OTTOS)
        say(database_url, "different", ottos, frozenset({("probation", "34:B1")}))
        assert (await callers["pmap"].changes(packet["token"]))["changes"] == ["review_decided"]
        again = await callers["pmap"].ask(cws_cms_id=OTTO_ID)
        assert (again["certainty"], again["review"]) == ("certain", None)

    serve(use)
    assert conn.execute("SELECT count(*) FROM court_question WHERE answered_at IS NULL").fetchone() == (0,)
