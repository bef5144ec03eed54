"""The stewards' pages over HTTP: what they show, whom they let, what they refuse, and what never leaves them."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import structlog
from psycopg.types.json import Jsonb

from index_service.accounts.roles import Role
from index_service.cli.demo_arrivals import keep_watch, let_arrive
from index_service.court_days import add_court_days
from index_service.disclosure.accounting_for import accounting_for
from index_service.linking_context import shipped
from index_service.stewardship.adoptions import agree_to_seal, propose_seal
from index_service.stewardship.deciding import Steward
from index_service.store import stewardship as tasks
from index_service.store.connection import Connection, connect
from index_service.store.embedded import EmbeddedServer
from index_service.store.ledger import WORKBENCH, seal, verify
from index_service.store.overview import keep_page
from index_service.store.stewardship import note_court_question
from tests.index_service.access.minting import hub_headers
from tests.index_service.accounts.invented import add_steward
from tests.index_service.http.workbench.browsing import Visitor, with_visitor
from tests.index_service.stewardship.invented import withdraw
from tests.stewards_cases import (
    ALEXA,
    ALEXANDRIA,
    JONAH_ADOPTED,
    SCRIPT,
    copy_of,
    invented_ssn,
    person_of_record,
    put,
    task_about,
    template,
)

Story = Callable[[Visitor], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def filled(embedded_server: EmbeddedServer) -> Iterator[str]:
    with template(embedded_server, children=0) as name:
        yield name


@dataclass(frozen=True, slots=True)
class Office:
    """A filled database, and a way to be somebody at the service on it."""

    url: str
    conn: Connection
    seals: Path

    def as_(self, role: Role, story: Story, name: str = "ana.lopez") -> None:
        if self.conn.execute("SELECT FROM account WHERE name = %s", (name,)).fetchone() is None:
            add_steward(self.conn, name, role)

        async def signed_in(visitor: Visitor) -> None:
            await visitor.sign_in(name)
            await story(visitor)

        asyncio.run(with_visitor(self.url, signed_in, ledger_seals=self.seals))

    def row(self, statement: str, *parameters: object) -> tuple[Any, ...]:
        return self.conn.execute(statement, parameters).fetchone() or ()

    def one(self, statement: str, *parameters: object) -> Any:
        row = self.conn.execute(statement, parameters).fetchone()
        return row[0] if row else None


@pytest.fixture
def office(embedded_server: EmbeddedServer, filled: str, tmp_path: Path) -> Iterator[Office]:
    with copy_of(embedded_server, filled) as url, connect(url) as conn:
        yield Office(url, conn, tmp_path / "ledger-seals")


def text_of(page: str) -> str:
    """What a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


async def ok(visitor: Visitor, path: str) -> str:
    answer = await visitor.get(f"/workbench{path}")
    assert answer.status_code == 200, (path, answer.text[:500])
    return text_of(answer.text)


def record_page(source: str, source_record_id: str) -> str:
    return str(httpx.URL("/record", params={"source": source, "id": source_record_id}))


def test_the_queue_shows_what_is_asked_and_filters(office: Office) -> None:
    async def story(visitor: Visitor) -> None:
        said = await ok(visitor, "/queue")
        assert "Possible duplicate" in said
        assert "Alexandria Musterfeld and Alexa Musterfeld" in said
        assert "Testvogel" not in await ok(visitor, "/queue?source=csi")
        assert "No open task fits the filter" in await ok(visitor, "/queue?kind=possible_overlay")
        assert "No open task fits the filter" in await ok(visitor, "/queue?county=58")
        assert "No open task fits the filter" in await ok(visitor, "/queue?age=week")
        assert "No open task fits the filter" in await ok(visitor, "/queue?whose=mine")
        assert "Possible duplicate" in await ok(visitor, "/queue?weight=likely&age=nonsense&kind=nonsense")

    office.as_(Role.STEWARD, story)


def test_the_queue_says_how_long_a_court_still_waits_and_filters_by_who_works_on_a_task(office: Office) -> None:
    task, other = task_about(office.conn, "calpads", "alex-4"), task_about(office.conn, "cair2", "newborn-7")
    today = datetime.now(ZoneInfo("America/Los_Angeles")).date()
    for record, due_on in (("alex-4", add_court_days(today, 7)), ("newborn-7", date(2026, 3, 2))):
        source = "calpads" if record == "alex-4" else "cair2"
        note_court_question(office.conn, (source, record), matter="JV-220", due_on=due_on, who="tests")

    async def claims(visitor: Visitor) -> None:
        said = await ok(visitor, "/queue")
        assert "7 court days left JV-220" in said and "overdue by" in said
        assert said.index(f"Task {other}") < said.index(f"Task {task}")
        assert "7 court days left" in await ok(visitor, f"/tasks/{task}")
        await visitor.send(f"/workbench/tasks/{task}/claim")
        said = await ok(visitor, "/queue?whose=mine")
        assert f"Task {task}" in said and f"Task {other}" not in said

    async def looks(visitor: Visitor) -> None:
        assert "With ana.lopez" in await ok(visitor, "/queue")
        said = await ok(visitor, "/queue?whose=of:ana.lopez")
        assert f"Task {task}" in said and f"Task {other}" not in said
        assert "No open task fits the filter" in await ok(visitor, "/queue?whose=of:nobody")

    office.as_(Role.STEWARD, claims)
    office.as_(Role.STEWARD, looks, "bo.kim")


def test_a_task_shows_both_sides_in_plain_words(office: Office) -> None:
    task = task_about(office.conn, "calpads", "alex-4")

    async def story(visitor: Visitor) -> None:
        said = await ok(visitor, f"/tasks/{task}")
        assert "Are these two persons one?" in said
        assert "One digit off, or day and month swapped" in said
        assert "2010-06-41 cannot be right, not used" in said
        assert "Lexi Musterfeld other name" in said
        assert "Same ZIP code, in 2 of 3 comparisons" in said
        assert "strangers in about" in said and "every pair of twins" in said
        assert "retires" in said and "answers for it from then on" in said
        assert "Nobody has decided about these records before." in said

    office.as_(Role.STEWARD, story)


def test_a_record_that_was_written_over_is_shown_as_it_was_and_as_it_is(office: Office) -> None:
    who = {"first_name": "Thaddeus", "last_name": "Okonkwo", "birth_date": "2001-11-30"}
    other = {**who, "sex": "male", "zip": "93701"}
    put(office.conn, ("calsaws", "alex-1", other))
    task = office.one("SELECT task_id FROM review_task WHERE before_version IS NOT NULL")

    async def story(visitor: Visitor) -> None:
        said = await ok(visitor, f"/tasks/{task}")
        assert "it shows another person than before. At odds: " in said and "birth date" in said
        assert "Before" in said and "Now" in said
        assert "Alexandria" in said and "Thaddeus" in said and "If they split" not in said
        assert "one record, sent again as another person" in await ok(visitor, "/queue?kind=possible_overlay")
        await visitor.get(f"/workbench/tasks/{task}")
        await visitor.send(f"/workbench/tasks/{task}/claim")
        said = await ok(visitor, f"/tasks/{task}")
        assert "Rightly changed" in said and "Another person’s data" in said and "They belong together" not in said
        deed = {"kind": "different", "reason": "The clinic mixed up two files."}
        assert (await visitor.send(f"/workbench/tasks/{task}/decide", deed)).status_code == 303

    office.as_(Role.STEWARD, story)
    assert office.row("SELECT status, closed_why FROM review_task WHERE task_id = %s", task) == ("decided", "decided")


def test_whereabouts_and_former_names_of_a_protected_person_are_not_shown(office: Office) -> None:
    """Whichever record says that they are protected, no record's are shown; the flagged record's own name is."""
    task = task_about(office.conn, "calpads", "alex-4")
    flags = {"address_protected": "true", "name_protected": "true"}
    put(office.conn, ("cws_cms", "alex-2", {**ALEXANDRIA, "middle_name": "Juniper", "alias_names": [], **flags}))
    person = person_of_record(office.conn, "cws_cms", "alex-2")
    assert person == person_of_record(office.conn, "calsaws", "alex-1")

    async def story(visitor: Visitor) -> None:
        for page in (f"/persons/{person}", f"/tasks/{task}", record_page("calsaws", "alex-1")):
            said = await ok(visitor, page)
            assert not [known for known in ("Fictional", "Lexi", "June ", "93702") if known in said], page
        said = await ok(visitor, f"/persons/{person}")
        assert "This person is protected" in said and "Juniper" in said

    office.as_(Role.STEWARD, story)


def test_addresses_stand_on_a_line_of_time_and_values_have_their_day(office: Office) -> None:
    """Of both sides, the oldest first, with what earlier versions of a record said."""
    moved = ALEXANDRIA | {"address_line": "1 Imaginary Pl", "record_date": "2026-05-06"}
    put(office.conn, ("csi", "alex-3", moved | {"record_date": "2021-02-03", "address_line": "44 Earlier Rd"}))
    put(office.conn, ("csi", "alex-3", moved))
    task, person = task_about(office.conn, "calpads", "alex-4"), person_of_record(office.conn, "csi", "alex-3")

    async def story(visitor: Visitor) -> None:
        for page, of in ((f"/tasks/{task}", "Person A "), (f"/persons/{person}", "")):
            said = await ok(visitor, page)
            rows = [
                f"{of}44 Earlier Rd Fresno 93701 2021-02-03 2021-02-03 County behavioral health (CSI)",
                f"{of}1 Imaginary Pl Fresno 93701 2026-05-06 2026-05-06 County behavioral health (CSI)",
            ]
            assert 0 < said.index(rows[0]) < said.index(rows[1])
            assert "County behavioral health (CSI) 2026-05-06" in said
            bars = re.findall(r'class="side-a" x="([\d.]+)"', visitor.page)
            assert [float(x) for x in bars] == sorted(map(float, bars)) and bars[0] == "0.0"

    office.as_(Role.STEWARD, story)


def test_where_a_twin_fits_as_well_the_task_says_so(office: Office) -> None:
    task = task_about(office.conn, "cair2", "newborn-7")

    async def story(visitor: Visitor) -> None:
        said = await ok(visitor, f"/tasks/{task}")
        assert "They may be twins or siblings" in said
        assert "the same birth date, the same mother, the same address" in said
        assert "about as well. At most one of them can be right" in said
        assert "stands for “not known”" in said

    office.as_(Role.STEWARD, story)


def test_of_many_persons_close_by_those_that_weigh_most_are_shown(office: Office) -> None:
    """Whatever their ids: the twin that fits as well is not lost among thirty who do not."""
    task = task_about(office.conn, "cair2", "newborn-7")
    for number in range(30):
        name, born = f"Quentin {chr(97 + number % 26)}ob", f"19{50 + number}-07-{1 + number % 28:02d}"
        record = {
            "first_name": name,
            "last_name": f"Zz{chr(97 + number % 26)}ymanski",
            "birth_date": born,
            "sex": "male",
        }
        put(office.conn, ("dds", f"far-{number}", record))
    office.conn.execute(
        "INSERT INTO person_component (person_id, component_id) SELECT m.person_id, c.component_id "
        "FROM membership m JOIN source_record h USING (record_id), person_component c "
        "WHERE m.to_at IS NULL AND starts_with(h.source_record_id, 'far-') AND c.person_id = "
        "(SELECT left_person_id FROM review_task WHERE task_id = %s) "
        "ON CONFLICT (person_id) DO UPDATE SET component_id = excluded.component_id",
        (task,),
    )

    async def story(visitor: Visitor) -> None:
        said = await ok(visitor, f"/tasks/{task}")
        assert "about as well. At most one of them can be right" in said
        assert said.count("Quentin") == 5
        assert said.index("how they weigh with either side") < said.index("Testvogel 3 ") < said.index("Quentin")

    office.as_(Role.STEWARD, story)


def test_the_family_is_named_also_outside_the_component(office: Office) -> None:
    """Twins, siblings of other years, the same case, the same address; nobody by whereabouts that are protected."""
    family = {"mother_first_name": "Ottilie", "mother_last_name": "Musterfeld", "case_id": "0412-77"}
    home = {name: ALEXANDRIA[name] for name in ("address_line", "city", "zip")}
    put(
        office.conn,
        ("calsaws", "alex-1", ALEXANDRIA | family),
        ("meds", "kin-1", _child("Wendelin", "2010-06-14") | _only(family, "mother")),
        ("meds", "kin-2", _child("Bertram", "2003-01-09") | _only(family, "mother")),
        ("meds", "kin-3", _child("Casimir", "1999-04-04") | {"last_name": "Vogt"} | _only(family, "case")),
        ("meds", "kin-4", _child("Dorothea", "1971-12-12") | {"last_name": "Nemo"} | home),
        ("meds", "kin-5", _child("Ephraim", "1972-12-12") | home | {"last_name": "Hid", "address_protected": "true"}),
        ("meds", "kin-6", _child("Florentin", "2010-06-14") | {"last_name": "Alone"}),
    )
    task = task_about(office.conn, "calpads", "alex-4")
    alexandria = person_of_record(office.conn, "calsaws", "alex-1")
    side = "left" if office.one("SELECT left_person_id FROM review_task WHERE task_id = %s", task) == alexandria else ""

    def row(name: str, relation: str, shares: str) -> str:
        return f"{name} {relation} {shares} –" if side else f"{name} {relation} – {shares}"

    async def story(visitor: Visitor) -> None:
        said = await ok(visitor, f"/tasks/{task}")
        told = said[said.index("The family, as far as records name it") :]
        places = [
            told.index(row("Wendelin Musterfeld", "Twin", "birth date, mother")),
            told.index(row("Bertram Musterfeld", "Sibling", "mother")),
            told.index(row("Casimir Vogt", "Same case", "case")),
            told.index(row("Dorothea Nemo", "Same address", "address")),
        ]
        assert places == sorted(places)
        assert "Ephraim" not in said and "Florentin" not in said

    office.as_(Role.STEWARD, story)


def _child(first_name: str, birth_date: str) -> dict[str, Any]:
    return {"first_name": first_name, "last_name": "Musterfeld", "birth_date": birth_date, "sex": "male"}


def _only(values: dict[str, Any], begins: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name.startswith(begins)}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_component_is_a_picture_with_words(office: Office, theme: str) -> None:
    task = task_about(office.conn, "cair2", "newborn-7")

    async def story(visitor: Visitor) -> None:
        answer = await visitor.client.get(f"/workbench/tasks/{task}/component.svg", params={"theme": theme})
        assert answer.headers["content-type"] == "image/svg+xml"
        assert "<title" in answer.text and "Between Person A and Person B: weights from" in answer.text
        assert "Testvogel" not in answer.text and "style=" not in answer.text
        assert (await visitor.get("/workbench/tasks/99999/component.svg")).status_code == 404

    office.as_(Role.STEWARD, story)


def test_a_decision_takes_effect_leads_on_and_can_be_undone(office: Office) -> None:
    task = task_about(office.conn, "calpads", "alex-4")
    before = person_of_record(office.conn, "calpads", "alex-4")
    other = person_of_record(office.conn, "calsaws", "alex-1")

    async def story(visitor: Visitor) -> None:
        await visitor.get(f"/workbench/tasks/{task}")
        assert (await visitor.send(f"/workbench/tasks/{task}/claim")).status_code == 303
        await ok(visitor, f"/tasks/{task}")
        answer = await visitor.send(f"/workbench/tasks/{task}/decide", {"kind": "same", "reason": "The same school."})
        assert answer.status_code == 303
        onward = answer.headers["location"]
        assert re.fullmatch(r"/workbench/tasks/\d+\?done=\d+#task", onward) and f"/{task}?" not in onward
        assert person_of_record(office.conn, "calpads", "alex-4") == other
        number = re.findall(r"done=(\d+)", onward)[0]
        said = await ok(visitor, onward.removeprefix("/workbench"))
        assert f"Done: decision {number}, the same person" in said
        assert "You work on this until" in said
        assert "A steward decided it." in await ok(visitor, f"/tasks/{task}")
        assert "which retired into this person" in await ok(visitor, f"/persons/{other}")
        assert f"{other} answers for it" in await ok(visitor, f"/persons/{before}")
        undone = await visitor.send(f"/workbench/judgements/{number}/undo", {"reason": "Wrong child."})
        assert undone.headers["location"] == f"/workbench/tasks/{task}?done={number}#task"
        assert person_of_record(office.conn, "calpads", "alex-4") == before
        said = await ok(visitor, f"/persons/{before}/history")
        assert "ana.lopez decided: the same person. “The same school.”" in said
        assert f"ana.lopez undid decision {number}. “Wrong child.”" in said

    office.as_(Role.STEWARD, story)


def test_a_decision_without_choice_or_reason_keeps_what_was_typed(office: Office) -> None:
    task = task_about(office.conn, "calpads", "alex-4")

    async def story(visitor: Visitor) -> None:
        await visitor.get(f"/workbench/tasks/{task}")
        await visitor.send(f"/workbench/tasks/{task}/claim")
        await ok(visitor, f"/tasks/{task}")
        answer = await visitor.send(f"/workbench/tasks/{task}/decide", {"reason": "Because of the school."})
        assert answer.status_code == 422
        assert "Choose what you decide." in answer.text and ">Because of the school.</textarea>" in answer.text
        answer = await visitor.send(f"/workbench/tasks/{task}/decide", {"kind": "same", "reason": "  "})
        assert answer.status_code == 422 and "Write the reason" in answer.text
        assert office.one("SELECT count(*) FROM judgement") == 0

    office.as_(Role.STEWARD, story)


def test_a_task_says_why_it_is_asked_and_who_was_told(office: Office) -> None:
    """The bridge, with its sign of the sentinel; a client that was told of both parts is named."""
    let_arrive(office.conn)
    keep_watch(office.conn, shipped().model)
    bridge, twins = (task_about(office.conn, "calpads", f"demo-{name}-3") for name in ("bridge", "twins"))
    person = person_of_record(office.conn, "calpads", "demo-bridge-3")

    async def story(visitor: Visitor) -> None:
        said = await ok(visitor, f"/tasks/{bridge}")
        assert "One record, or one pair, alone holds two groups of its records together." in said
        assert "No client was told of them as one person." in said
        said = await ok(visitor, f"/tasks/{twins}")
        assert "something that only one person has contradicts" in said
        assert "The two persons have the same: client index number (CIN)." in said
        headers = hub_headers(office.url, visitor.client._transport.app)  # type: ignore[attr-defined]
        assert (await visitor.client.get(f"/v1/persons/{person}", headers=headers)).status_code == 200
        said = await ok(visitor, f"/tasks/{bridge}")
        assert "These clients were told of both sides as one person" in said and "county-hub 1 1" in said

    office.as_(Role.STEWARD, story)


def test_what_the_chosen_decision_would_do_is_told_before_it_is_taken(office: Office) -> None:
    task = task_about(office.conn, "calpads", "alex-4")
    other = person_of_record(office.conn, "calsaws", "alex-1")
    record_id = str(office.one("SELECT record_id FROM source_record WHERE source_record_id = 'alex-3'"))

    async def story(visitor: Visitor) -> None:
        hub_headers(office.url, visitor.client._transport.app)  # type: ignore[attr-defined]
        await visitor.get(f"/workbench/tasks/{task}")
        await visitor.send(f"/workbench/tasks/{task}/claim")
        await ok(visitor, f"/tasks/{task}")
        typed = {"reason": "Because of the school.", "record": record_id}

        async def would(kind: str, status: int = 200, **more: str) -> str:
            answer = await visitor.send(f"/workbench/tasks/{task}/preview", typed | {"kind": kind} | more)
            assert answer.status_code == status
            assert ">Because of the school.</textarea>" in answer.text or status == 422
            return text_of(answer.text)

        said = await would("split")
        assert "What would happen: these records are another person" in said
        assert "1 new person comes to be, under a new id." in said
        assert "this client may learn it: county-hub" in said
        said = await would("different")
        assert "What would happen: different people No id changes and nobody is told." in said
        assert "retires; " in await would("same")
        assert "Choose some records of one person, not all." in await would("detach", 409, record="0")
        assert "Choose what you decide." in await would("nonsense", 422)
        assert person_of_record(office.conn, "csi", "alex-3") == other
        assert office.one("SELECT count(*) FROM judgement") == 0

    office.as_(Role.STEWARD, story)


def test_only_who_holds_a_task_decides_it(office: Office) -> None:
    task = task_about(office.conn, "calpads", "alex-4")
    deed = {"kind": "same", "reason": "The same."}

    async def claims(visitor: Visitor) -> None:
        await visitor.get(f"/workbench/tasks/{task}")
        answer = await visitor.send(f"/workbench/tasks/{task}/decide", deed)
        assert answer.status_code == 409 and "You have not claimed the task" in answer.text
        await visitor.send(f"/workbench/tasks/{task}/claim")

    async def comes_second(visitor: Visitor) -> None:
        said = await ok(visitor, f"/tasks/{task}")
        assert "ana.lopez works on this until" in said and "Decide and go on" not in said
        assert (await visitor.send(f"/workbench/tasks/{task}/claim")).status_code == 409
        answer = await visitor.send(f"/workbench/tasks/{task}/decide", deed)
        assert answer.status_code == 409 and "ana.lopez works on this task" in answer.text
        assert "ana.lopez" in await ok(visitor, "/queue")

    async def comes_late(visitor: Visitor) -> None:
        answer = await visitor.get(f"/workbench/tasks/{task}")
        answer = await visitor.send(f"/workbench/tasks/{task}/decide", deed)
        assert answer.status_code == 409 and "Your claim has ended; nothing was done." in answer.text

    office.as_(Role.STEWARD, claims)
    office.as_(Role.STEWARD, comes_second, "bo.kim")
    office.conn.execute(
        "UPDATE review_task SET claimed_until = now() - %s WHERE claimed_by IS NOT NULL", (timedelta(minutes=1),)
    )
    office.as_(Role.STEWARD, comes_late)
    assert office.one("SELECT count(*) FROM judgement") == 0


def test_a_task_that_changed_since_it_was_seen_is_not_decided(office: Office) -> None:
    task = task_about(office.conn, "calpads", "alex-4")

    async def story(visitor: Visitor) -> None:
        await visitor.get(f"/workbench/tasks/{task}")
        await visitor.send(f"/workbench/tasks/{task}/claim")
        await ok(visitor, f"/tasks/{task}")
        seen = str(office.one("SELECT version FROM review_task WHERE task_id = %s", task))
        office.conn.execute("UPDATE review_task SET version = version + 1 WHERE task_id = %s", (task,))
        deed = {"kind": "same", "reason": "The same.", "version": seen}
        answer = await visitor.send(f"/workbench/tasks/{task}/decide", deed)
        assert answer.status_code == 409 and "The task has changed since you looked at it" in answer.text

    office.as_(Role.STEWARD, story)


def test_a_record_that_was_withdrawn_leaves_nothing_to_decide(office: Office) -> None:
    task = task_about(office.conn, "calpads", "alex-4")
    office.conn.execute("UPDATE source_record SET withdrawn = true WHERE source_record_id = 'alex-4'")

    async def story(visitor: Visitor) -> None:
        said = await ok(visitor, f"/tasks/{task}")
        assert "A side of this question has no records any more" in said
        assert "Decide and go on" not in said

    office.as_(Role.STEWARD, story)


def test_a_task_for_a_senior_steward_is_not_handed_to_others_again(office: Office) -> None:
    task = task_about(office.conn, "calpads", "alex-4")
    others = [each.task_id for each in tasks.tasks(office.conn) if each.task_id != task]
    held = "UPDATE review_task SET claimed_by = 'somebody', claimed_until = 'infinity' WHERE task_id = ANY (%s)"
    office.conn.execute(held, (others,))

    async def asks(visitor: Visitor) -> None:
        await visitor.send(f"/workbench/tasks/{task}/claim")
        deed = {"kind": "ask_second", "reason": "I know the family."}
        for _ in range(2):
            answer = await visitor.send(f"/workbench/tasks/{task}/decide", deed)
            answer = await visitor.send("/workbench/queue/next")
            assert answer.headers["location"].startswith("/workbench/queue")

    async def is_handed_nothing(visitor: Visitor) -> None:
        assert (await visitor.send("/workbench/queue/next")).headers["location"].startswith("/workbench/queue")

    async def is_handed_it(visitor: Visitor) -> None:
        assert f"/tasks/{task}" in (await visitor.send("/workbench/queue/next")).headers["location"]

    office.as_(Role.SENIOR_STEWARD, asks)
    office.as_(Role.STEWARD, is_handed_nothing, "li.chen")
    office.as_(Role.SENIOR_STEWARD, is_handed_it, "kim.tran")


def test_what_touches_two_children_in_care_waits_for_a_senior_steward(office: Office) -> None:
    withdraw(office.conn, ("calpads", "alex-4"))
    put(office.conn, ("juvenile_court", "alex-9", ALEXA))
    task = task_about(office.conn, "juvenile_court", "alex-9")
    before = person_of_record(office.conn, "juvenile_court", "alex-9")

    async def decides(visitor: Visitor) -> None:
        said = await ok(visitor, f"/tasks/{task}")
        await visitor.send(f"/workbench/tasks/{task}/claim")
        said = await ok(visitor, f"/tasks/{task}")
        assert "Both are in care: waits for a second person." in said
        answer = await visitor.send(f"/workbench/tasks/{task}/decide", {"kind": "same", "reason": "The same child."})
        assert "Waits for a second person" in text_of(
            (await visitor.get(answer.headers["location"].partition("#")[0])).text
        )
        assert person_of_record(office.conn, "juvenile_court", "alex-9") == before
        said = await ok(visitor, f"/tasks/{task}")
        assert "A senior steward other than ana.lopez has to agree." in said

    async def agrees(visitor: Visitor) -> None:
        assert "waits for a second person" in await ok(visitor, "/queue?whose=second")
        await ok(visitor, f"/tasks/{task}")
        number = str(office.one("SELECT max(judgement_id) FROM judgement"))
        answer = await visitor.send(f"/workbench/tasks/{task}/second", {"judgement_id": number})
        assert answer.status_code == 422 and "Choose whether you agree." in answer.text
        answer = await visitor.send(
            f"/workbench/tasks/{task}/second", {"judgement_id": number, "agrees": "yes", "reason": "So do I."}
        )
        assert answer.status_code == 303
        assert person_of_record(office.conn, "juvenile_court", "alex-9") != before

    office.as_(Role.STEWARD, decides)
    office.as_(Role.SENIOR_STEWARD, agrees, "kim.tran")


def test_splitting_an_adopted_child_says_that_it_waits_and_does(office: Office) -> None:
    put(office.conn, ("calpads", "jonah-3", JONAH_ADOPTED))
    ruth, sue = Steward("ruth", supervisor=True), Steward("sue", senior=True)
    before = person_of_record(office.conn, "cws_cms", "jonah-1")
    after = {("meds", "jonah-2"), ("calpads", "jonah-3")}
    asked = propose_seal(office.conn, before, after, ruth, reason="An order of adoption.")
    agree_to_seal(office.conn, asked.seal.seal_id, sue, agrees=True, reason="Seen.")
    person = person_of_record(office.conn, "meds", "jonah-2")
    record_id = str(office.one("SELECT record_id FROM source_record WHERE source_record_id = 'jonah-3'"))

    async def story(visitor: Visitor) -> None:
        deed = {"record": record_id, "reason": "Another child."}
        answer = await visitor.send(f"/workbench/persons/{person}/unmerge", deed)
        assert "Waits for a second person" in text_of(answer.text)
        await visitor.send(f"/workbench/persons/{person}/unmerge/now", deed)
        assert person_of_record(office.conn, "calpads", "jonah-3") == person

    office.as_(Role.STEWARD, story)


def test_a_person_is_split_after_a_preview(office: Office) -> None:
    person = person_of_record(office.conn, "calsaws", "alex-1")
    record_id = str(office.one("SELECT record_id FROM source_record WHERE source_record_id = 'alex-3'"))

    async def story(visitor: Visitor) -> None:
        await ok(visitor, f"/persons/{person}")
        answer = await visitor.send(f"/workbench/persons/{person}/unmerge")
        assert answer.status_code == 422 and "Mark some of the person’s records" in answer.text
        answer = await visitor.send(f"/workbench/persons/{person}/unmerge", {"record": record_id})
        assert "1 new person comes to be" in text_of(answer.text)
        assert person_of_record(office.conn, "csi", "alex-3") == person
        answer = await visitor.send(f"/workbench/persons/{person}/unmerge/now", {"record": record_id})
        assert answer.status_code == 422 and "Write the reason" in answer.text
        deed = {"record": record_id, "reason": "Another child."}
        answer = await visitor.send(f"/workbench/persons/{person}/unmerge/now", deed)
        assert answer.status_code == 303
        assert person_of_record(office.conn, "csi", "alex-3") != person
        assert "these records are another person" in await ok(
            visitor, answer.headers["location"].removeprefix("/workbench")
        )

    office.as_(Role.STEWARD, story)


def test_contradictory_decisions_are_refused_with_the_facts(office: Office) -> None:
    task = task_about(office.conn, "calpads", "alex-4")
    person = person_of_record(office.conn, "calsaws", "alex-1")
    record_id = str(office.one("SELECT record_id FROM source_record WHERE source_record_id = 'alex-4'"))

    async def story(visitor: Visitor) -> None:
        await ok(visitor, f"/tasks/{task}")
        await visitor.send(f"/workbench/tasks/{task}/claim")
        await visitor.send(f"/workbench/tasks/{task}/decide", {"kind": "same", "reason": "The same."})
        answer = await visitor.send(f"/workbench/persons/{person}/unmerge", {"record": record_id})
        assert answer.status_code == 409
        assert "is the same person as" in text_of(answer.text) and re.search(r"\(judgement \d+\)", text_of(answer.text))

    office.as_(Role.STEWARD, story)


def test_a_person_now_and_as_of_a_day(office: Office) -> None:
    person = person_of_record(office.conn, "calsaws", "alex-1")

    async def story(visitor: Visitor) -> None:
        said = await ok(visitor, f"/persons/{person}")
        assert "Known in 3 systems, by 3 records" in said and "A new person came to be with" in said
        assert "On this day there was no such person yet." in await ok(visitor, f"/persons/{person}?as_of=2020-02-29")
        assert "Write the day as" in await ok(visitor, f"/persons/{person}?as_of=yesterday")
        assert "The day lies in the future." in await ok(visitor, f"/persons/{person}?as_of=2199-01-01")
        for nobody in ("AAAA-BBBB-CCCC", "%00", "..%2f..", "<script>"):
            answer = await visitor.get(f"/workbench/persons/{nobody}")
            assert answer.status_code in (400, 404) and "<script>" not in answer.text.replace("<script src", "")

    office.as_(Role.AUDITOR, story)


def test_a_record_with_all_its_versions_and_findings(office: Office) -> None:
    put(office.conn, ("csi", "alex-3", ALEXA | {"first_name": "Alexandria"}))

    async def story(visitor: Visitor) -> None:
        said = await ok(visitor, record_page("csi", "alex-3"))
        assert "Version 2 (holds)" in said and "Version 1" in said
        assert "Birth date changed 2010-07-14 2010-06-41" in said
        assert "Every value could be used." in said
        assert "What matching reads" in said and "alexandria" in said
        assert "Belongs to" in await ok(visitor, record_page("meds", "twin/2"))
        assert (await visitor.get("/workbench/record?source=meds&id=nobody")).status_code == 404
        assert (await visitor.get("/workbench/record")).status_code == 404

    office.as_(Role.STEWARD, story)


def test_whole_numbers_are_shown_on_demand_and_that_is_kept(office: Office) -> None:
    person = person_of_record(office.conn, "calsaws", "alex-1")
    task = task_about(office.conn, "calpads", "alex-4")
    number = invented_ssn(5)

    async def story(visitor: Visitor) -> None:
        pages = {
            f"/persons/{person}": ({}, f"/persons/{person}/numbers"),
            record_page("csi", "alex-3"): ({"source": "csi", "id": "alex-3"}, "/record/numbers"),
            f"/tasks/{task}": ({}, f"/tasks/{task}/numbers"),
        }
        for number_of_pages, (path, (fields, show)) in enumerate(pages.items(), 1):
            page = (await visitor.get(f"/workbench{path}")).text
            assert number not in page and number.replace("-", "") not in page and f"•••-••-{number[-4:]}" in page
            shown = await visitor.send(f"/workbench{show}", fields)
            assert shown.status_code == 200 and number in shown.text
            looks = office.one("SELECT count(DISTINCT (person_id, source)) FROM steward_look WHERE at_what = 'numbers'")
            assert looks >= number_of_pages
        with pytest.raises(Exception, match="append-only"):
            office.conn.execute("DELETE FROM steward_look")

    office.as_(Role.STEWARD, story)


def test_what_stewards_look_at_is_in_the_ledger_sealed_and_accounted_for(office: Office) -> None:
    person = person_of_record(office.conn, "calsaws", "alex-1")
    task = task_about(office.conn, "calpads", "alex-4")

    async def story(visitor: Visitor) -> None:
        await ok(visitor, f"/persons/{person}")
        await ok(visitor, f"/tasks/{task}")
        await ok(visitor, record_page("csi", "alex-3"))
        await visitor.send(f"/workbench/tasks/{task}/numbers")
        await visitor.get("/workbench/persons/nobody")

    office.as_(Role.STEWARD, story)
    rows = office.conn.execute(
        "SELECT action, outcome, person_id, pointers FROM disclosure "
        "WHERE client_id = %s AND user_id = 'ana.lopez' AND purpose = 'RECORDMGT' ORDER BY disclosure_id",
        [WORKBENCH],
    ).fetchall()
    told = {(action, each["source"], each["id"]) for action, _, _, pointers in rows for each in pointers or ()}
    assert {
        ("look at person", "calsaws", "alex-1"),
        ("look at record", "csi", "alex-3"),
        ("look at task", "calpads", "alex-4"),
        ("look at numbers", "calpads", "alex-4"),
    } <= told
    assert ("look at person", "nothing", None, None) in rows
    for _, outcome, person_id, pointers in rows:
        now = {person_of_record(office.conn, each["source"], each["id"]) for each in pointers or ()}
        assert now == ({person_id} if outcome == "released" else set())
    attributes = [each["attributes"] for action, *_, pointers in rows for each in pointers or () if "num" in action]
    assert attributes and all(each == ["ssn"] for each in attributes)

    found = accounting_for(office.conn, person, who="tests")
    assert found is not None
    looked = [line for line in found.lines if line.recipient == f"{WORKBENCH} (ana.lopez)"]
    assert {line.purpose for line in looked} == {"records management (RECORDMGT)"}
    seal(office.conn)
    assert not verify(office.conn).faults
    with office.conn.transaction():
        office.conn.execute("SET LOCAL session_replication_role = replica")
        office.conn.execute("DELETE FROM disclosure WHERE action = 'look at record'")
        office.conn.execute("UPDATE disclosure SET user_id = 'bob' WHERE action = 'look at person'")
    assert {fault.kind for fault in verify(office.conn).faults} == {"changed", "removed"}


def test_the_page_of_a_night_is_handed_out_as_the_operator_got_it(office: Office) -> None:
    night_id = office.one("INSERT INTO night (status, finished_at) VALUES ('good', now()) RETURNING night_id")
    keep_page(office.conn, night_id, "<!doctype html><title>Night</title>")

    async def story(visitor: Visitor) -> None:
        answer = await visitor.get(f"/workbench/runs/nights/{night_id}")
        assert (answer.status_code, answer.text) == (200, "<!doctype html><title>Night</title>")
        assert answer.headers["content-disposition"] == f'attachment; filename="night-{night_id}.html"'
        assert f"/workbench/runs/nights/{night_id}" in (await visitor.get("/workbench/runs")).text
        assert (await visitor.get("/workbench/runs/nights/99999")).status_code == 404

    office.as_(Role.AUDITOR, story)


def test_an_auditor_reads_and_decides_nothing(office: Office) -> None:
    task = task_about(office.conn, "calpads", "alex-4")
    person = person_of_record(office.conn, "calsaws", "alex-1")

    async def story(visitor: Visitor) -> None:
        assert "Claim this task" not in await ok(visitor, f"/tasks/{task}")
        said = await ok(visitor, f"/persons/{person}")
        assert "Preview the split" not in said and "Show whole numbers" not in said
        assert "Who looked last" in said
        for path in (
            f"/tasks/{task}/claim",
            f"/tasks/{task}/decide",
            f"/tasks/{task}/preview",
            f"/tasks/{task}/numbers",
            f"/persons/{person}/numbers",
            f"/persons/{person}/unmerge",
            "/judgements/1/undo",
            "/queue/next",
        ):
            answer = await visitor.send(f"/workbench{path}", {"judgement_id": "1"})
            assert answer.status_code == 403, path
            await ok(visitor, "/queue")

    office.as_(Role.AUDITOR, story)


def test_an_auditor_reads_who_was_told_and_whether_the_ledger_stands(office: Office) -> None:
    person = person_of_record(office.conn, "calsaws", "alex-1")

    async def steward(visitor: Visitor) -> None:
        assert "Ledger" not in text_of((await visitor.get("/workbench/queue")).text)
        assert (await visitor.get("/workbench/ledger")).status_code == 403

    async def audit(visitor: Visitor) -> None:
        assert "Nothing is sealed yet." in await ok(visitor, "/ledger")
        headers = hub_headers(office.url, visitor.client._transport.app)  # type: ignore[attr-defined]
        assert (await visitor.client.get(f"/v1/persons/{person}", headers=headers)).status_code == 200

        async def shown(path: str, **fields: str) -> httpx.Response:
            return await visitor.send(f"/workbench/ledger/{path}", fields)

        said = text_of((await shown("accounting", person_id=person)).text)
        assert "1 disclosure" in said and "that csi has a record alex-3" in said and "everything/1" in said
        file = await shown("accounting.csv", person_id=person)
        assert file.headers["content-type"].startswith("text/csv") and file.text.count(",everything/1,") == 1
        rows = office.conn.execute(
            "SELECT action, user_id FROM disclosure ORDER BY disclosure_id DESC LIMIT 2"
        ).fetchall()
        assert rows == [("look at history", "ruth.okafor"), ("accounting", "ruth.okafor")]
        assert (await shown("accounting", person_id="nobody")).status_code == 422
        seal(office.conn)
        assert "All as sealed" in text_of((await shown("verify")).text)
        office.conn.execute("SET session_replication_role = replica")
        office.conn.execute("UPDATE disclosure SET purpose = 'HRESCH' WHERE action = 'pointers'")
        said = text_of((await shown("verify")).text)
        assert "1 thing is not as sealed" in said and "the row is not what was sealed" in said

    office.as_(Role.STEWARD, steward)
    office.as_(Role.AUDITOR, audit, "ruth.okafor")


def test_search_by_traits_and_by_id(office: Office) -> None:
    twin = person_of_record(office.conn, "calsaws", "twin 1")

    async def story(visitor: Visitor) -> None:
        await ok(visitor, "/search")
        traits = {"first_name": "Marisol", "last_name": "Testvogel", "birth_date": "2015-03-02"}
        answer = await visitor.send("/workbench/search", traits)
        assert answer.status_code == 200 and twin in answer.text
        without_name = {"last_name": "Testvogel", "birth_date": "2015-03-02", "mother_first_name": "Ines"}
        answer = await visitor.send("/workbench/search", without_name | {"zip": "95814"})
        assert "A twin or sibling competes." in answer.text
        answer = await visitor.send("/workbench/search", {"first_name": "Marisol"})
        assert answer.status_code == 422 and "or at least two traits" in answer.text
        answer = await visitor.send("/workbench/search", {"last_name": "Nobodyhere", "birth_date": "1999-13-45"})
        assert "No persons found" in text_of(answer.text) and "it was not used" in answer.text
        assert (await visitor.send("/workbench/search/id", {"person_id": twin})).headers["location"].endswith(twin)
        answer = await visitor.send("/workbench/search/id", {"source": "meds", "record_id": "twin/2"})
        assert answer.headers["location"] == "/workbench/record?source=meds&id=twin%2F2"
        for wrong in ({"person_id": "x"}, {"source": "meds", "record_id": "x"}, {"source": "meds"}, {}):
            assert (await visitor.send("/workbench/search/id", wrong)).status_code == 422

    office.as_(Role.STEWARD, story)


def test_a_number_that_one_person_has_is_enough_to_search_by(office: Office) -> None:
    """A CIN, an SSN or a court number alone; of a kind that is not chosen, or that cannot be right, it is said."""
    court = {**ALEXA, "first_name": "Wilhelmina", "identifier.court_number": "19:24CCJP00012:A"}
    put(office.conn, ("juvenile_court", "court-1", court))
    twin, jonah = (person_of_record(office.conn, "meds", record) for record in ("twin/2", "jonah-2"))
    wilhelmina = person_of_record(office.conn, "juvenile_court", "court-1")

    async def story(visitor: Visitor) -> None:
        await ok(visitor, "/search")

        async def found(**traits: str) -> str:
            return text_of((await visitor.send("/workbench/search", traits)).text)

        for person, traits in (
            (twin, {"ssn": invented_ssn(1)}),
            (jonah, {"cin": "90000001A"}),
            (wilhelmina, {"identifier_type": "court_number", "identifier": "19:24CCJP00012:A"}),
        ):
            said = await found(**traits)
            assert "1 person found" in said and person in said, traits
        assert "No persons found" in await found(cin="90000009Z")
        assert "it was not used" in await found(identifier_type="court_number", identifier="?", first_name="Wilhelmina")
        assert "Choose what kind of number it is." in await found(identifier="19:24CCJP00012:A")

    office.as_(Role.STEWARD, story)


def test_a_person_as_of_a_day_shows_what_had_happened_by_then(office: Office) -> None:
    task = task_about(office.conn, "calpads", "alex-4")
    person = person_of_record(office.conn, "calsaws", "alex-1")

    async def story(visitor: Visitor) -> None:
        await visitor.get(f"/workbench/tasks/{task}")
        await visitor.send(f"/workbench/tasks/{task}/claim")
        await ok(visitor, f"/tasks/{task}")
        answer = await visitor.send(f"/workbench/tasks/{task}/decide", {"kind": "same", "reason": "The same school."})
        (number,) = re.findall(r"done=(\d+)", answer.headers["location"])
        assert "The same school." in await ok(visitor, record_page("calpads", "alex-4"))
        await visitor.send(f"/workbench/judgements/{number}/undo", {"reason": "Wrong child."})
        _let_days_pass(office, number)
        said = await ok(visitor, f"/persons/{person}")
        assert "The same school." in said and "Wrong child." in said
        said = await ok(visitor, f"/persons/{person}?as_of={_days_ago(3)}")
        assert "The same school." in said and "Wrong child." not in said and "undone" not in said
        assert "Undo decision" not in said
        said = await ok(visitor, f"/persons/{person}?as_of={_days_ago(8)}")
        assert "came to be" in said and "The same school." not in said
        said = await ok(visitor, f"/persons/{person}?as_of={_days_ago(30)}")
        assert "On this day there was no such person yet." in said and "came to be" not in said

    office.as_(Role.STEWARD, story)


def _days_ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).date().isoformat()


def _let_days_pass(office: Office, judgement_id: str) -> None:
    """The records came ten days ago, the decision was taken five days ago, and undone now."""
    conn = office.conn
    conn.execute("SET session_replication_role = replica")
    before = office.one("SELECT run_id FROM judgement_effect WHERE judgement_id = %s", judgement_id)
    for days, runs in ((10, "<"), (5, "=")):
        ago = timedelta(days=days)
        conn.execute(f"UPDATE identity_event SET at = at - %s WHERE run_id {runs} %s", (ago, before))
        conn.execute(f"UPDATE membership SET from_at = from_at - %s WHERE run_id {runs} %s", (ago, before))
        conn.execute(f"UPDATE membership SET to_at = to_at - %s WHERE ended_run {runs} %s", (ago, before))
    conn.execute("UPDATE person SET created_at = created_at - interval '10 days'")
    conn.execute("UPDATE source_record_version SET recorded_at = recorded_at - interval '10 days'")
    conn.execute(
        "UPDATE judgement SET decided_at = decided_at - interval '5 days' WHERE judgement_id = %s", (judgement_id,)
    )
    conn.execute("SET session_replication_role = DEFAULT")


def test_runs_model_and_help(office: Office) -> None:
    async def story(visitor: Visitor) -> None:
        assert "No relink has run yet." in await ok(visitor, "/runs")
        said = await ok(visitor, "/runs/1")
        assert "New persons" in said and "came to be with" in said
        said = await ok(visitor, "/model")
        assert "What each agreement is worth" in said and "No decision is in force yet" in said
        assert "One child, or twins or siblings?" in await ok(visitor, "/help")
        for path in ("/runs/999", "/runs/x", "/tasks/999"):
            assert (await visitor.get(f"/workbench{path}")).status_code in (404, 422)

    office.as_(Role.SUPERVISOR, story)


def test_a_relink_that_waits_says_what_it_would_do_and_how_to_accept_it(office: Office) -> None:
    one, other = (person_of_record(office.conn, "calsaws", record) for record in ("twin 1", "twin 4"))
    counts = {
        "joined": 1,
        "over_budget": ["2 of 7 persons (28.6%) would be joined into others; 1.0% may"],
        "examples": [{"kind": "joined", "persons": [one, other], "records": 2}],
    }
    number = office.one(
        "INSERT INTO run (kind, status, counts, finished_at) VALUES ('full', 'waiting', %s, now()) RETURNING run_id",
        Jsonb(counts),
    )

    async def story(visitor: Visitor) -> None:
        assert "Waits to be accepted" in await ok(visitor, "/runs")
        said = await ok(visitor, f"/runs/{number}")
        assert "28.6%" in said and f"person-index relink accept {number}" in said
        assert f"{one} and {other} : 2 records" in said

    office.as_(Role.SUPERVISOR, story)


def test_the_model_page_tells_how_decisions_agree(office: Office) -> None:
    task = task_about(office.conn, "calpads", "alex-4")

    async def story(visitor: Visitor) -> None:
        await ok(visitor, f"/tasks/{task}")
        await visitor.send(f"/workbench/tasks/{task}/claim")
        await visitor.send(f"/workbench/tasks/{task}/decide", {"kind": "different", "reason": "Two children."})
        said = await ok(visitor, "/model")
        assert "Different people 0 1 0" in said
        assert re.search(r"2 to 4 bits \d\d % outside 0 % \(0 to 79 %\) 1", said)

    office.as_(Role.STEWARD, story)


def test_a_script_in_a_name_is_text_on_every_page(office: Office) -> None:
    person = person_of_record(office.conn, "calpads", "script-1")

    async def story(visitor: Visitor) -> None:
        for path in (f"/persons/{person}", f"/persons/{person}/history", record_page("calpads", "script-1")):
            page = (await visitor.get(f"/workbench{path}")).text
            assert SCRIPT not in page
        assert "&lt;script&gt;" in page
        await ok(visitor, "/search")
        answer = await visitor.send("/workbench/search", {"last_name": SCRIPT, "first_name": SCRIPT, "zip": SCRIPT})
        assert SCRIPT not in answer.text

    office.as_(Role.STEWARD, story)


def test_no_value_reaches_an_address_or_the_log(office: Office) -> None:
    said = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(said), cache_logger_on_first_use=False)
    task = task_about(office.conn, "cair2", "newborn-7")
    person = person_of_record(office.conn, "calsaws", "twin 1")

    async def story(visitor: Visitor) -> None:
        pages = []
        for path in ("/queue", f"/tasks/{task}", f"/persons/{person}", record_page("meds", "twin/2"), "/search"):
            pages.append((await visitor.get(f"/workbench{path}")).text)
        traits = {"first_name": "Marisol", "last_name": "Testvogel", "ssn": invented_ssn(1)}
        answer = await visitor.send("/workbench/search", traits)
        pages.append(answer.text)
        addresses = " ".join(
            found for page in pages for found in re.findall(r'(?:href|action|src|srcset)="([^"]*)"', page)
        )
        for value in ("Marisol", "Testvogel", "2015-03-02", invented_ssn(1), invented_ssn(1).replace("-", "")):
            assert value not in addresses and value not in said.getvalue()
        assert invented_ssn(1) not in answer.text

    try:
        office.as_(Role.STEWARD, story)
    finally:
        structlog.reset_defaults()
    assert "route=/workbench/persons/{person_id}" in said.getvalue() and person not in said.getvalue()


def test_keys_can_be_switched_off(office: Office) -> None:
    async def story(visitor: Visitor) -> None:
        await ok(visitor, "/help")
        assert "shortcuts." in visitor.page and 'data-shortcuts="on"' in visitor.page
        await visitor.send("/workbench/shortcuts", {"use": "off"})
        await ok(visitor, "/help")
        assert "shortcuts." not in visitor.page and 'data-shortcuts="off"' in visitor.page
        await visitor.send("/workbench/shortcuts", {"use": "on"})
        await ok(visitor, "/help")
        assert 'data-shortcuts="on"' in visitor.page

    office.as_(Role.STEWARD, story)


def test_the_next_task_is_claimed_and_none_is_given_twice(office: Office) -> None:
    async def takes(visitor: Visitor) -> None:
        await ok(visitor, "/queue")
        answer = await visitor.send("/workbench/queue/next")
        assert re.fullmatch(r"/workbench/tasks/\d+#task", answer.headers["location"])

    office.as_(Role.STEWARD, takes)
    office.as_(Role.STEWARD, takes, "bo.kim")
    holders = [task.claimed_by for task in tasks.tasks(office.conn) if task.claimed_by]
    assert sorted(holders) == ["ana.lopez", "bo.kim"]
