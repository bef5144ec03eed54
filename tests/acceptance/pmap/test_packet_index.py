"""A JV-220 packet for three invented children through the public API, with a real client credential over HTTP."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import uvicorn

from index_service.client import NotAllowed, NotFound, PersonIndexClient
from index_service.client_tokens import ClientTokens
from index_service.http.app import create_app
from index_service.stewardship.deciding import Steward, judge
from index_service.stewardship.deciding import agree as agree_to
from index_service.stewardship.saying import Decision, Sides
from index_service.store.connection import Connection, connect
from index_service.store.on_file import add_relationship
from linkage.record import RecordKey
from tests.acceptance.pmap.packet_index import PacketDesk, Request
from tests.conftest import NewDatabase
from tests.index_service.access.minting import Minted
from tests.index_service.pmap.serving import LONG_AGO, agree, clients, in_care, settings_in
from tests.stewards_cases import put
from training.population import generate

CHILDREN = 40
FORBIDDEN_TO_THE_PROCESS = ("calsaws", "ccsas")
OF_A_SCHOOL = "calpads"
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Child:
    """A child of the population, as the truth has it: its records, by key."""

    records: dict[RecordKey, Row]

    @property
    def cws(self) -> RecordKey:
        return next(key for key in self.records if key[0] == "cws_cms")

    @property
    def school(self) -> RecordKey:
        return next(key for key in self.records if key[0] == OF_A_SCHOOL)

    def request(self) -> Request:
        """What the form says: as the court of the latest case has it, with the CWS/CMS id."""
        row = [row for (source, _), row in self.records.items() if source == "juvenile_court"][-1]
        said = {name: row[name] for name in ("first_name", "last_name", "birth_date") if row.get(name)}
        return said | {"court_number": row["identifier.court_number"], "cws_cms_id": self.cws[1]}

    def as_its_school_knows_it(self) -> Request:
        row = self.records[self.school]
        return {name: row[name] for name in ("first_name", "last_name", "birth_date")}

    def for_the_process(self) -> set[str]:
        return {f"{source} {record}" for source, record in self.records if source not in FORBIDDEN_TO_THE_PROCESS}


def population() -> tuple[list[tuple[str, str, Row]], list[Child]]:
    """Records of a generated population; the three children whom most systems know, the best known last."""
    made = generate(CHILDREN, seed=6)
    records: list[tuple[str, str, Row]] = []
    people: dict[int, dict[RecordKey, Row]] = {}
    for row, truth in zip(made.records.to_pylist(), made.truth.to_pylist(), strict=True):
        source, record_id = row.pop("source"), row.pop("source_record_id")
        said = {name: value for name, value in row.items() if value}
        records.append((source, record_id, said))
        if truth["role"] == "child":
            people.setdefault(truth["person"], {})[(source, record_id)] = said
    children = [Child(of_child) for of_child in people.values() if _is_usable(of_child)]
    children.sort(key=lambda child: -len({source for source, _ in child.records}))
    return records, children[2::-1]


def _is_usable(records: dict[RecordKey, Row]) -> bool:
    sources = [source for source, _ in records]
    complete = all(
        {"first_name", "last_name", "birth_date"} <= row.keys() and len(row["birth_date"]) == len("2015-03-02")
        for (source, _), row in records.items()
        if source in ("juvenile_court", OF_A_SCHOOL)
    )
    return complete and sources.count(OF_A_SCHOOL) == 1 and {"cws_cms", "juvenile_court", "meds"} <= set(sources)


RECORDS, THREE = population()


def fill(conn: Connection, only: str | None = None) -> dict[str, Minted]:
    """The population, or one source of it; agreements, orders and clients."""
    put(conn, *(record for record in RECORDS if only in (None, record[0])))
    agree(conn)
    for child in THREE:
        if only is None:
            in_care(conn, child.cws)
        add_relationship(conn, "enrolled_student", child.school, client="school_liaison", from_at=LONG_AGO, who="clerk")
    return clients(conn)


Connect = Callable[[str, str], PersonIndexClient]


@contextmanager
def service(url: str, folder: Path, known: dict[str, Minted]) -> Iterator[Connect]:
    """The service on a port of its own; makes clients of it that get their tokens as any other would."""
    with socket.create_server(("127.0.0.1", 0)) as listening, structlog.testing.capture_logs():
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        app = create_app(url, settings_in(folder, public_url=base))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()

        def connect_as(name: str, purpose: str) -> PersonIndexClient:
            minted = known[name]  # whose client id may be another
            key = folder / f"{name}.jwk"
            key.touch(mode=0o600)
            key.write_text(json.dumps(dict(minted.key.as_dict(private=True))), encoding="ascii")
            tokens = ClientTokens(base, minted.client.client_id, key, ["index/pmap"])
            return PersonIndexClient(base, token=tokens, purpose=purpose)

        try:
            yield connect_as
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def connected(database_url: str, tmp_path: Path) -> Iterator[Connect]:
    with connect(database_url) as conn:
        known = fill(conn)
    with service(database_url, tmp_path, known) as connect_as:
        yield connect_as


def test_three_packets_a_change_and_what_a_school_gets(
    connected: Connect, database_url: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    assert len(THREE) == 3
    with connected("pmap", "COURT") as process:
        packets_are_put_together_and_again_after_a_change(PacketDesk(process), database_url)
    with connected("school", "FOSTERPLACE") as liaison:
        found = [liaison.resolve_for_packet(child.as_its_school_knows_it()) for child in THREE]
        by_court_number = liaison.resolve_for_packet({"cws_cms_id": THREE[0].cws[1]})
    for child, told in zip(THREE, found, strict=True):
        pointers = [f"{each.source} {each.source_record_id}" for part in told.packet for each in part.pointers]
        assert (told.certainty, pointers) == ("certain", [" ".join(child.school)])
    assert by_court_number.certainty == "not_found"
    assert [shown(told) for told in found] == what_a_school_gets_where_there_is_nothing_else(new_database(), tmp_path)


def packets_are_put_together_and_again_after_a_change(desk: PacketDesk, url: str) -> None:
    """The identifiers of the first child lead to several persons, which are one: stewards find that out meanwhile."""
    packets = [desk.assemble(child.request()) for child in THREE]
    assert [packet.told.certainty for packet in packets] == ["review_pending", "certain", "certain"]
    assert packets[0].pointers == []
    assert "A data steward is asked." in packets[0].page
    assert all(desk.bring_up_to_date(packet) == () for packet in packets)

    join(url, THREE[0])
    assert desk.bring_up_to_date(packets[0]) != ()
    for child, packet in zip(THREE, packets, strict=True):
        assert packet.told.certainty == "certain"
        assert " ".join(child.cws) in packet.pointers
        assert set(packet.pointers) == child.for_the_process()
        assert all(pointer.split(" ", 1)[1] in packet.page for pointer in packet.pointers)
        assert desk.bring_up_to_date(packet) == ()

    before, leaves = packets[1].page, next(key for key in THREE[1].records if key[0] == "meds")
    split_off(url, leaves)
    assert "split" in desk.bring_up_to_date(packets[1])
    assert packets[1].page != before
    assert " ".join(leaves) not in packets[1].pointers
    assert all(desk.bring_up_to_date(packet) == () for packet in packets)


def join(url: str, child: Child) -> None:
    """Two stewards find that all persons of a child are one."""
    with connect(url) as conn:
        mine = person_of(conn, child.cws)
        others = {person_of(conn, key) for key in child.records} - {mine}
        left = frozenset(records_of(conn, mine))
        right = frozenset(key for person in others for key in records_of(conn, person))
        made = judge(conn, Decision("same", "birth certificate"), Sides(left, right), Steward("first"))
        if made.waits:
            agree_to(conn, made.judgement_id, Steward("second", senior=True), agrees=True, reason="seen too")


def split_off(url: str, leaves: RecordKey) -> None:
    """A steward finds that a record is another child's."""
    with connect(url) as conn:
        sides = Sides(frozenset(records_of(conn, person_of(conn, leaves))), one_person=True)
        judge(conn, Decision("split", "other child", chosen=frozenset({leaves})), sides, Steward("first"))


def person_of(conn: Connection, key: RecordKey) -> str:
    (person,) = conn.execute(
        "SELECT person_id FROM membership m JOIN source_record h USING (record_id) "
        "WHERE m.to_at IS NULL AND h.source = %s AND h.source_record_id = %s",
        key,
    ).fetchone() or ("",)
    return str(person)


def records_of(conn: Connection, person: str) -> list[RecordKey]:
    return conn.execute(
        "SELECT h.source, h.source_record_id FROM membership m JOIN source_record h USING (record_id) "
        "WHERE m.to_at IS NULL AND m.person_id = %s",
        [person],
    ).fetchall()


def what_a_school_gets_where_there_is_nothing_else(url: str, folder: Path) -> list[Row]:
    """The same questions to an index in which no other department ever had a record."""
    alone = folder / "alone"
    alone.mkdir()
    with connect(url) as conn:
        known = fill(conn, only=OF_A_SCHOOL)
    with service(url, alone, known) as connect_as, connect_as("school", "FOSTERPLACE") as liaison:
        return [shown(liaison.resolve_for_packet(child.as_its_school_knows_it())) for child in THREE]


def shown(told: Any) -> Row:
    """An answer but for ids, tokens and times, which differ between any two databases."""
    return {
        name: (
            [(p.role, [(q.source, q.source_record_id, q.as_of, q.confirmed_by) for q in p.pointers]) for p in value]
            if name == "packet"
            else value
        )
        for name, value in ((name, getattr(told, name)) for name in told.__dataclass_fields__)
        if name not in ("person_id", "token")
    }


def test_a_credential_is_good_for_its_own_purpose_and_its_own_tokens_only(connected: Connect) -> None:
    with connected("pmap", "COURT") as process, connected("stranger", "COURT") as stranger:
        packet = process.resolve_for_packet(THREE[0].request())
        assert packet.token is not None
        with pytest.raises(NotFound):
            stranger.packet_changes(packet.token)
        assert stranger.resolve_for_packet(THREE[0].request()).certainty == "not_found"
    with connected("pmap", "TREAT") as wrong_purpose, pytest.raises(NotAllowed):
        wrong_purpose.resolve_for_packet(THREE[0].request())
