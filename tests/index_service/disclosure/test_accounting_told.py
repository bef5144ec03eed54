"""The accounting over the API: of the records whose ledger the caller may read, with its own row; else nobody."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from index_service.disclosure.accounting_for import accounting_for
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.everything import everything_for
from index_service.store.access import client as client_version
from index_service.store.agreements import apply_agreements
from index_service.store.connection import Connection, connect
from index_service.store.ledger import seal
from index_service.store.releasing import AskedPersons, released_persons
from index_service.store.roles import answering_url, grant_answering
from tests.index_service.access.minting import PURPOSES, UNLIMITED, bearer, mint_client, mint_token
from tests.index_service.disclosure.generated import SOURCES
from tests.index_service.disclosure.population import CHILD, OTHER, RECORDS, ask, question, two_children
from tests.index_service.http.client import with_client

AUDITED = ("cws_cms", "meds")


@pytest.fixture
def told(database_url: str, conn: Connection) -> Connection:
    """A child whose four records were told to `everybody`, and an auditor of two sources who may do nothing else."""
    two_children(conn)
    everybody = everything_for("everybody", ("TREAT",), tuple(RECORDS), name="everybody")
    auditor = everything_for("auditor", ("HOPERAT",), AUDITED, name="auditor")
    (grant,) = auditor.grants
    held = [everybody, auditor.model_copy(update={"grants": (grant.model_copy(update={"actions": ("ledger",)}),)})]
    apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")
    grant_answering(conn)
    asked = AskedPersons(question("everybody", "TREAT", "ann"), persons=[CHILD])
    (given,) = ask(answering_url(database_url), lambda service: released_persons(service, [asked]))
    assert {each.source for each in given} == set(RECORDS)
    return conn


def accounting(
    url: str,
    person: str,
    client_id: str = "auditor",
    purpose: str = "HOPERAT",
    scope: str = "index/ledger",
    query: str = "",
    media_type: str = "json",
) -> tuple[int, Any]:
    found: list[tuple[int, Any]] = []

    async def use(client: httpx.AsyncClient) -> None:
        with connect(url) as conn:
            known = client_version(conn, client_id) or mint_client(
                conn, client_id, scopes=(scope,), purposes=(purpose,), limits=UNLIMITED
            )
        token = mint_token(client._transport.app, known.client)  # type: ignore[attr-defined]
        answer = await client.get(f"/v1/persons/{person}/accounting{query}", headers=bearer(token))
        assert media_type in answer.headers["content-type"]
        found.append((answer.status_code, answer.json() if media_type == "json" else answer.text))

    with_client(url, use)
    return found[0]


def last_row(conn: Connection) -> tuple[Any, ...]:
    row = conn.execute("""
        SELECT client_id, action, outcome, person_id, pointers FROM disclosure ORDER BY disclosure_id DESC LIMIT 1
    """).fetchone()
    assert row is not None
    return row


def test_an_auditor_is_told_of_the_sources_granted_alone_and_that_is_in_the_ledger(
    told: Connection, database_url: str
) -> None:
    status, answer = accounting(database_url, CHILD)
    assert (status, answer["person_id"]) == (200, CHILD)
    (line,) = answer["disclosures"]
    assert line["information"] == "that cws_cms has a record 0Ab3; that meds has a record M1"
    assert (line["agreement"], "(ann)" in line["recipient"]) == ("everybody/1", True)
    client, action, outcome, person, pointers = last_row(told)
    assert (client, action, outcome, person) == ("auditor", "ledger", "released", CHILD)
    assert {each["source"] for each in pointers} == set(AUDITED)


def test_the_lines_are_those_of_the_command(told: Connection, database_url: str) -> None:
    auditor = everything_for("auditor", ("HOPERAT",), tuple(RECORDS), name="auditor")
    held = [auditor.model_copy(update={"version": 2})]
    apply_agreements(told, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")
    by_command = accounting_for(told, CHILD, who="tests")
    assert by_command is not None
    _, answer = accounting(database_url, CHILD)
    first, *_ = by_command.lines
    line = answer["disclosures"][0]
    assert {name: getattr(first, name) for name in line if name != "at"} == {n: line[n] for n in line if n != "at"}


@pytest.mark.parametrize(("form", "media_type"), [("text", "text/plain"), ("csv", "text/csv")])
def test_it_is_also_given_as_text_and_for_a_spreadsheet(
    told: Connection, database_url: str, form: str, media_type: str
) -> None:
    _, answer = accounting(database_url, CHILD)
    (line,) = answer["disclosures"]
    _, text = accounting(database_url, CHILD, query=f"?format={form}", client_id="auditor", media_type=media_type)
    assert line["information"] in text


def test_each_line_says_whether_its_row_stands_as_sealed(told: Connection, database_url: str) -> None:
    def state() -> str:
        return str(accounting(database_url, CHILD)[1]["disclosures"][0]["seal"])

    assert state() == "not yet"
    seal(told)
    assert state() == "stands"
    with told.transaction():
        told.execute("ALTER TABLE disclosure DISABLE TRIGGER append_only")
        told.execute("UPDATE disclosure SET user_id = 'bob' WHERE user_id = 'ann'")
        told.execute("ALTER TABLE disclosure ENABLE TRIGGER append_only")
    assert state() == "differs"


@pytest.mark.parametrize(
    ("client", "purpose"), [("everybody", "TREAT"), ("auditor", "HOPERAT"), ("auditor", "TREAT"), ("nobody", "HOPERAT")]
)
def test_forbidden_and_absent_are_answered_alike(
    told: Connection, database_url: str, client: str, purpose: str
) -> None:
    """Whoever may do all but read the ledger, ask for another purpose, or has no agreement."""
    everybody = everything_for("everybody", ("TREAT",), tuple(RECORDS), name="everybody")
    (grant,) = everybody.grants
    actions = tuple(action for action in grant.actions if action != "ledger")
    without = grant.model_copy(update={"actions": actions})
    held = [everybody.model_copy(update={"version": 2, "grants": (without,)})]
    apply_agreements(told, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")
    status, forbidden = accounting(database_url, CHILD, client, purpose)
    assert status == 404
    assert last_row(told) == (client, "ledger", "nothing", None, None)
    status, absent = accounting(database_url, "nobody", client + "2", purpose)
    assert status == 404
    assert {**forbidden, "request_id": ""} == {**absent, "request_id": ""}


def test_a_person_who_was_never_told_of_has_an_empty_accounting(told: Connection, database_url: str) -> None:
    status, answer = accounting(database_url, OTHER)
    assert (status, answer["disclosures"], answer["exempt"]) == (200, [], 0)


def test_without_the_scope_nothing_is_told(told: Connection, database_url: str) -> None:
    status, _ = accounting(database_url, CHILD, scope="index/read")
    assert status == 403
