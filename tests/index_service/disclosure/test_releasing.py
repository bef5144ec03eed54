"""The database releases what the pure decision says, never without a row in the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.agreements import Agreement, load_agreements
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.decide import decide
from index_service.disclosure.everything import everything_for
from index_service.disclosure.on_file import BrokenGlass, Caller, verdicts
from index_service.store.agreements import applied_agreements, apply_agreements
from index_service.store.connection import Connection, connect
from index_service.store.on_file import (
    add_consent,
    add_relationship,
    break_glass,
    end_relationship,
    on_file,
    revoke_consent,
)
from index_service.store.releasing import (
    AskedPersons,
    AskedRecords,
    Pointer,
    note_refusal,
    released_events,
    released_persons,
    released_records,
)
from index_service.store.roles import answering_url, grant_answering
from linkage.record import RecordKey
from tests.index_service.disclosure.generated import (
    ATTRIBUTES,
    CLIENTS,
    CODES,
    PURPOSES,
    SOURCE_NAMES,
    SOURCES,
    several,
    some,
)
from tests.index_service.disclosure.population import CHILD, OTHER, RECORDS, ask, question, told, two_children
from tests.index_service.store.partitions import decide_question, load_ids, publish

SHIPPED = load_agreements(SOURCES, PURPOSES)
TODAY = datetime.now(UTC)
LONG_AGO = TODAY - timedelta(days=400)
KEYS: list[RecordKey] = list(RECORDS.items())


@pytest.fixture
def url(database_url: str) -> Iterator[str]:
    """Two children, the shipped agreements, the role of the service; yields the URL of that role."""
    with connect(database_url) as conn:
        two_children(conn)
        apply(conn, *SHIPPED)
        grant_answering(conn)
    yield answering_url(database_url)


def apply(conn: Connection, *agreements: Agreement) -> None:
    lasting = [
        each.model_copy(update={"from_date": LONG_AGO.date(), "until_date": (TODAY + timedelta(days=400)).date()})
        for each in agreements
    ]
    apply_agreements(conn, lasting, clauses_of(lasting, SOURCES, PURPOSES), reason="test", who="tester")


def pointers(url: str, client: str = "pmap", purpose: str = "COURT", person: str = CHILD) -> list[Pointer]:
    return told(url, AskedPersons(question(client, purpose), persons=[person]))


def sources(found: list[Pointer]) -> str:
    return " ".join(each.source for each in found)


def ledger(conn: Connection) -> list[tuple[object, ...]]:
    return conn.execute("SELECT outcome, person_id, pointers FROM disclosure ORDER BY disclosure_id").fetchall()


def grant(conn: Connection, *names: str) -> None:
    """Let the client `all_seeing` do everything with these sources, and nobody anything else."""
    apply(conn, everything_for("all_seeing", ("TREAT",), names, name="_".join(names)))


def responsible(conn: Connection) -> int:
    return add_relationship(
        conn, "legal_responsibility", ("cws_cms", "0Ab3"), client="county", from_at=LONG_AGO, who="clerk"
    )


def consent(conn: Connection, kind: str = "consent", source: str = "csi", record: RecordKey = KEYS[0]) -> int:
    return add_consent(
        conn,
        kind,  # type: ignore[arg-type]
        record,
        sources=[source],
        from_at=LONG_AGO,
        until_at=None,
        document="file 1",
        who="clerk",
    )


# ------------------------------------------------------------------------------------- the two decisions are one


def facts(data: st.DataObject, conn: Connection, references: list[str]) -> None:
    """Put a few things on file for the child, ended ones and others' among them."""
    for _ in range(data.draw(st.integers(0, 3))):
        number = add_consent(
            conn,
            data.draw(st.sampled_from(("consent", "court_order", "refusal"))),
            data.draw(st.sampled_from([*KEYS, ("cws_cms", "0Other")])),
            sources=data.draw(some(SOURCE_NAMES)),
            clients=data.draw(some(CLIENTS, 0)),
            purposes=data.draw(some(CODES, 0)),
            from_at=data.draw(st.sampled_from((LONG_AGO, TODAY + timedelta(days=9)))),
            until_at=data.draw(st.sampled_from((None, TODAY + timedelta(days=90)))),
            document="file 1",
            who="clerk",
            record_only=data.draw(st.booleans()),
        )
        if data.draw(st.integers(0, 3)) == 0:
            revoke_consent(conn, number, reason="withdrawn", who="clerk")
    for _ in range(data.draw(st.integers(0, 3))):
        number = add_relationship(
            conn,
            data.draw(st.sampled_from(("assigned_worker", "caregiver", "legal_responsibility"))),
            data.draw(st.sampled_from([*KEYS, ("cws_cms", "0Other")])),
            client=data.draw(st.sampled_from(CLIENTS)),
            user=data.draw(st.sampled_from((None, "ann", "bob"))),
            from_at=LONG_AGO,
            until_at=data.draw(st.sampled_from((None, LONG_AGO + timedelta(days=1)))),
            who="clerk",
        )
        if data.draw(st.integers(0, 3)) == 0:
            end_relationship(conn, number, reason="moved", who="clerk")
    if data.draw(st.booleans()):
        broken = TODAY - timedelta(minutes=5)
        until = data.draw(st.sampled_from((TODAY + timedelta(hours=1), TODAY - timedelta(minutes=1))))
        agreement = data.draw(st.sampled_from(references))
        break_glass(
            conn, BrokenGlass(0, agreement, "pmap", "ann", CHILD, "a reason", ("officer",), broken, until, until)
        )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(several, st.data())
def test_the_database_releases_what_the_pure_decision_says(
    url: str, conn: Connection, of: tuple[Agreement, ...], data: st.DataObject
) -> None:
    caller = Caller(data.draw(st.sampled_from(CLIENTS)), data.draw(st.sampled_from((None, "ann", "bob"))))
    purpose = data.draw(st.sampled_from((*CODES, "BTG")))
    agreements = [
        each.model_copy(
            update={
                "from_date": (TODAY - timedelta(days=20)).date(),
                "until_date": (TODAY + timedelta(days=data.draw(st.sampled_from((-10, 10, 10))))).date(),
            }
        )
        for each in of
    ]
    clauses = clauses_of(agreements, SOURCES, PURPOSES)
    with conn.transaction(force_rollback=True):
        apply_agreements(conn, agreements, clauses, reason="generated", who="tester")
        facts(data, conn, [each.reference for each in agreements])
        now = datetime.now(UTC)
        permission = decide(clauses, caller.client, purpose, "pointers", now)
        filed = on_file(conn, CHILD)
        said = {key: verdicts(permission, key, filed, caller, now) for key in KEYS}
        expected = {
            key: sorted({name for each in found if each.releases for name in each.permit.attributes})
            for key, found in said.items()
            if any(each.releases for each in found)
        }
        rows = conn.execute(
            "SELECT source, source_record_id, attributes FROM "
            "released(%s, %s, %s, 'pointers', 'r', NULL, %s, NULL, NULL, %s, NULL, false)",
            [caller.client, caller.user, purpose, [CHILD], list(ATTRIBUTES)],
        ).fetchall()
        assert {(row[0], row[1]): sorted(row[2] or {}) for row in rows} == expected
        written = ledger(conn)
        assert len(written) == 1
        assert written[0][0] == ("released" if expected else "nothing")


# ------------------------------------------------------------------------------------------------ what is released


def test_a_caller_sees_the_sources_of_its_agreement_and_no_others(url: str, conn: Connection) -> None:
    assert sources(pointers(url)) == "cws_cms"
    responsible(conn)
    assert sources(pointers(url)) == "calpads cws_cms meds"
    consent(conn)
    assert sources(pointers(url)) == "calpads csi cws_cms meds"


def test_another_purpose_another_client_and_another_person_see_nothing(url: str) -> None:
    assert pointers(url, purpose="TREAT") == []
    assert pointers(url, client="research", purpose="HRESCH") == []
    assert pointers(url, person="4444-4444-4444") == []


def test_a_revoked_consent_ends_at_once(url: str, conn: Connection) -> None:
    responsible(conn)
    number = consent(conn)
    assert "csi" in sources(pointers(url))
    revoke_consent(conn, number, reason="withdrawn by the child", who="clerk")
    assert "csi" not in sources(pointers(url))


def test_a_refusal_wins_over_what_an_agreement_grants(url: str, conn: Connection) -> None:
    consent(conn, "refusal", "cws_cms")
    assert pointers(url) == []


def test_a_consent_stays_with_the_child_through_split_and_join(url: str, conn: Connection) -> None:
    responsible(conn)
    consent(conn, record=("meds", "M1"))
    assert "csi" in sources(pointers(url))
    publish(conn, {"0Ab3": CHILD, "19:A": CHILD, "S1": CHILD, "M1": OTHER, "0Other": OTHER})
    assert "csi" not in sources(pointers(url))  # the record that it was given for is another child's
    publish(conn, dict.fromkeys(["0Ab3", "19:A", "S1", "M1", "0Other"], OTHER))
    assert "csi" in sources(pointers(url))


def test_a_retired_id_answers_with_its_survivor(url: str, conn: Connection) -> None:
    publish(conn, dict.fromkeys([*RECORDS.values(), "0Other"], OTHER))
    (first, _) = pointers(url)
    assert (first.asked_person_id, first.person_id, first.retired_at is not None) == (CHILD, OTHER, True)


def test_a_retired_id_leads_on_only_for_who_could_know_it(url: str, conn: Connection) -> None:
    publish(conn, {"0Ab3": CHILD, "M1": CHILD, "S1": CHILD, "19:A": "4444-4444-4444", "0Other": OTHER})
    publish(conn, {**dict.fromkeys(RECORDS.values(), CHILD), "0Other": OTHER})
    assert pointers(url, person="4444-4444-4444") == []
    grant(conn, "csi", "cws_cms")
    found = pointers(url, "all_seeing", "TREAT", "4444-4444-4444")
    assert {(each.person_id, each.source) for each in found} == {(CHILD, "csi"), (CHILD, "cws_cms")}


def test_a_record_that_the_caller_may_not_know_finds_nobody(url: str, conn: Connection) -> None:
    assert told(url, AskedPersons(question(), record=("csi", "19:A"))) == []
    found = told(url, AskedPersons(question(), record=("cws_cms", "0Ab3")))
    assert [(each.person_id, each.source) for each in found] == [(CHILD, "cws_cms")]
    assert [row[0] for row in ledger(conn)] == ["nothing", "released"]


def test_values_are_told_only_as_far_as_asked_for_and_granted(url: str) -> None:
    wanted = ["first_name", "cin", "ssn"]
    (found,) = told(url, AskedPersons(question(), persons=[CHILD], attributes=wanted))
    assert found.attributes == {"first_name": "Maya"}


def test_the_database_tells_no_ssn_even_where_a_clause_says_so(url: str, conn: Connection) -> None:
    applied = applied_agreements(conn)
    clauses = clauses_of(applied, SOURCES, PURPOSES)
    forged = [replace(each, attributes=frozenset({"ssn", "first_name"})) for each in clauses]
    apply_agreements(conn, applied, forged, reason="test", who="tester")
    (found,) = told(url, AskedPersons(question(), persons=[CHILD], attributes=["ssn", "first_name"]))
    assert found.attributes == {"first_name": "Maya"}


def test_a_past_belief_is_told_with_the_rights_of_today(url: str, conn: Connection) -> None:
    before = datetime.now(UTC)
    publish(conn, {"0Ab3": OTHER, "0Other": OTHER, "19:A": CHILD, "M1": CHILD, "S1": CHILD})
    now = told(url, AskedPersons(question(), "history", [OTHER]))
    then = told(url, AskedPersons(question(), "history", [OTHER], as_of=before))
    assert [each.source_record_id for each in now] == ["0Ab3", "0Other"]
    assert [each.source_record_id for each in then] == ["0Other"]


def test_history_tells_the_memberships_that_the_caller_may_know(url: str, conn: Connection) -> None:
    publish(conn, {"0Ab3": OTHER, "0Other": OTHER, "19:A": CHILD, "M1": CHILD, "S1": CHILD})
    found = told(url, AskedPersons(question(), "history", [CHILD], ever=True))
    assert [(each.source_record_id, each.to_at is None) for each in found] == [("0Ab3", False)]


def test_of_single_records_those_that_the_caller_may_know_are_told_with_their_persons(
    url: str, conn: Connection
) -> None:
    asked = [("cws_cms", "0Ab3"), ("csi", "19:A"), ("cws_cms", "0Other"), ("cws_cms", "nobody")]
    (found,) = ask(url, lambda c: released_records(c, [AskedRecords(question(), "pointers", asked)]))
    assert found == {("cws_cms", "0Ab3"): CHILD, ("cws_cms", "0Other"): OTHER}
    told = [(row[1], [each["id"] for each in row[2]]) for row in ledger(conn) if row[0] == "released"]  # type: ignore[attr-defined]
    assert sorted(told) == [(CHILD, ["0Ab3"]), (OTHER, ["0Other"])]
    assert ask(url, lambda c: released_records(c, [AskedRecords(question(), "pointers", asked[1:2])])) == [{}]
    assert ledger(conn)[-1] == ("nothing", None, None)


def events_told(
    url: str, client: str = "all_seeing", purpose: str = "TREAT", **asked: int
) -> list[tuple[str, str, str]]:
    page = ask(url, lambda c: released_events(c, question(client, "TREAT"), after=0, limit=100))
    return [(e.kind, e.person_id, " ".join(record_id for _, record_id in e.records)) for e in page.events]


def test_events_are_told_of_the_records_that_the_caller_may_know(url: str, conn: Connection) -> None:
    grant(conn, "cws_cms", "meds")
    publish(conn, dict.fromkeys([*RECORDS.values(), "0Other"], OTHER))
    assert events_told(url) == [
        ("created", CHILD, "0Ab3 M1"),
        ("created", OTHER, "0Other"),
        ("joined", OTHER, "0Ab3 M1"),
        ("retired", CHILD, ""),
    ]
    assert {row[0] for row in ledger(conn)} == {"released"}
    assert {row[1] for row in ledger(conn)} == {CHILD, OTHER}
    assert events_told(url, "nobody") == []
    assert ledger(conn)[-1][0] == "nothing"


def test_a_decided_question_is_told_to_who_may_know_all_of_its_records_and_accounted_for_on_both_sides(
    url: str, conn: Connection
) -> None:
    decide_question(conn, [("cws_cms", "0Ab3"), ("meds", "M1")], [("cws_cms", "0Other")])
    for sources in (["cws_cms"], ["meds"], ["cws_cms", "csi", "calpads"]):
        grant(conn, *sources)
        assert "review_decided" not in {kind for kind, _, _ in events_told(url)}
    grant(conn, "cws_cms", "meds")
    before = len(ledger(conn))
    page = ask(url, lambda c: released_events(c, question("all_seeing", "TREAT"), after=2, limit=1))
    (told,) = page.events
    assert (told.kind, told.person_id, told.other_person_ids, page.more) == ("review_decided", CHILD, [OTHER], False)
    assert told.records == [("cws_cms", "0Ab3"), ("cws_cms", "0Other"), ("meds", "M1")]
    entered = {row[1]: [each["id"] for each in row[2]] for row in ledger(conn)[before:]}  # type: ignore[attr-defined]
    assert entered == {CHILD: ["0Ab3", "M1"], OTHER: ["0Other"]}
    consent(conn, "refusal", "meds", ("meds", "M1"))
    assert "review_decided" not in {kind for kind, _, _ in events_told(url)}


def test_a_page_of_events_goes_as_far_as_it_tells_and_the_last_one_to_the_end(url: str, conn: Connection) -> None:
    grant(conn, "cws_cms")
    publish(conn, {**dict.fromkeys(RECORDS.values(), CHILD), "0Other": CHILD})

    def page(after: int, limit: int) -> tuple[list[int], int, bool]:
        found = ask(url, lambda c: released_events(c, question("all_seeing", "TREAT"), after=after, limit=limit))
        return [event.seq for event in found.events], found.reaches, found.more

    assert page(0, 3) == ([1, 2, 3], 3, True)
    assert page(3, 3) == ([4], 4, False)
    assert page(4, 3) == ([], 4, False)
    grant(conn, "calpads")
    assert page(0, 3) == ([1], 4, False)


def test_a_record_added_to_somebody_unknown_to_the_caller_is_a_new_person_to_it(url: str, conn: Connection) -> None:
    grant(conn, "meds")
    load_ids(conn, ["M2"], source="meds")
    publish(conn, {**dict.fromkeys(RECORDS.values(), CHILD), "0Other": OTHER, "M2": OTHER})
    assert events_told(url) == [("created", CHILD, "M1"), ("created", OTHER, "M2")]
    grant(conn, "meds", "cws_cms")
    assert events_told(url)[-1] == ("added", OTHER, "M2")


def test_broken_glass_passes_by_conditions_for_one_user_and_person_until_it_expires(url: str, conn: Connection) -> None:
    def seen(user: str, person: str = CHILD) -> str:
        asked = question("cws_worker", "BTG", user)
        return sources(told(url, AskedPersons(asked, persons=[person])))

    now = datetime.now(UTC)
    assert seen("ann") == ""
    glass = BrokenGlass(0, "cws_worker/1", "cws_worker", "ann", CHILD, "a child in danger", ("officer",), now, now, now)
    later = now + timedelta(hours=1)
    break_glass(conn, replace(glass, expires_at=later, review_by=later))
    assert seen("ann") == "meds"
    assert seen("bob") == ""
    assert seen("ann", OTHER) == ""


# ------------------------------------------------------------------------------------- no answer without its row


def test_the_row_says_who_learned_what_under_which_clause(url: str, conn: Connection) -> None:
    (found,) = told(url, AskedPersons(question("pmap", "COURT", "ann"), persons=[CHILD], attributes=["first_name"]))
    row = conn.execute(
        "SELECT client_id, user_id, purpose, action, outcome, person_id, pointers, question, request_id, "
        "application_id FROM disclosure WHERE disclosure_id = %s",
        [found.disclosure_id],
    ).fetchone()
    pointer = {
        "source": "cws_cms",
        "id": "0Ab3",
        "clauses": ["pmap/1:child_welfare_and_court"],
        "attributes": ["first_name"],
    }
    expected = ("pmap", "ann", "COURT", "pointers", "released", CHILD, [pointer], b"sealed", "request-1", 1)
    assert row == expected


def test_one_row_for_each_person_told_of(url: str, conn: Connection) -> None:
    told(url, AskedPersons(question(), persons=[CHILD, OTHER]))
    assert [(row[0], row[1]) for row in ledger(conn)] == [("released", CHILD), ("released", OTHER)]


def test_nothing_and_refused_are_in_the_ledger_too(url: str, conn: Connection) -> None:
    pointers(url, purpose="TREAT")
    ask(url, lambda c: note_refusal(c, question(), "pointers", "purpose not allowed to the client"))
    assert [row[0] for row in ledger(conn)] == ["nothing", "refused"]
    assert json.dumps([row[1:] for row in ledger(conn)]) == "[[null, null], [null, null]]"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM person",
        "SELECT * FROM segregated.membership",
        "SELECT * FROM membership",
        "SELECT * FROM source_record_version",
        "SELECT * FROM normalised_record",
        "SELECT * FROM disclosure",
        "SELECT * FROM consent",
        "SELECT * FROM agreement_permit",
        "SELECT told_values(1, 1, NULL, '{first_name}', '{first_name}')",
        "INSERT INTO disclosure (at, client_id, purpose, action, outcome) VALUES (now(), 'a', 'b', 'c', 'nothing')",
        "DELETE FROM disclosure",
        "RESET ROLE; SELECT * FROM person",
        "SET ROLE person_index",
        "CREATE TABLE mine ()",
    ],
)
def test_the_role_of_the_service_reads_nothing_by_another_way(url: str, statement: str) -> None:
    with (
        psycopg.connect(url, autocommit=True) as service,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        service.execute(statement.encode())


def test_what_the_role_may_call_is_what_is_listed(url: str, conn: Connection) -> None:
    """A function of ours that everybody may call, or a table right, would be a way round the ledger."""
    tables = conn.execute("""
        SELECT relname FROM pg_class
        WHERE relnamespace IN ('public'::regnamespace, 'segregated'::regnamespace) AND relkind IN ('r', 'v', 'm')
          AND has_table_privilege('person_index_answering', oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
    """).fetchall()
    functions = conn.execute("""
        SELECT proname FROM pg_proc
        WHERE pronamespace IN ('public'::regnamespace, 'segregated'::regnamespace) AND prorettype <> 'trigger'::regtype
          AND has_function_privilege('person_index_answering', oid, 'EXECUTE') ORDER BY 1
    """).fetchall()
    assert tables == []
    assert [name for (name,) in functions] == [
        "break_glass",
        "ledger_horizon",
        "note_refusal",
        "released",
        "released_events",
        "released_records",
        "seal_ledger",
        "told_accounting",
        "told_counts",
        "told_of_events",
        "told_of_persons",
        "told_of_records",
    ]


def test_several_questions_in_one_statement_are_answered_and_kept_as_one_by_one(url: str, conn: Connection) -> None:
    asked = [
        AskedPersons(question(), persons=[CHILD, OTHER]),
        AskedPersons(question(), record=("cws_cms", "0Ab3")),
        AskedPersons(question(), record=("csi", "19:A")),  # not for this caller
        AskedPersons(question("nobody"), persons=[CHILD]),
        AskedPersons(question()),
        AskedPersons(question(), "history", [OTHER], as_of=datetime.now(UTC)),
        AskedPersons(question(), persons=[OTHER], attributes=["last_name", "first_name"]),
        AskedPersons(question(), "history", [CHILD], ever=True),
    ]
    alone = [told(url, each) for each in asked]
    entered = ledger(conn)
    together = ask(url, lambda c: released_persons(c, asked))
    without_row = [[replace(pointer, disclosure_id=0) for pointer in pointers] for pointers in alone]
    assert [[replace(pointer, disclosure_id=0) for pointer in pointers] for pointers in together] == without_row
    assert alone[0] and alone[1] and not alone[2] and not alone[3]
    assert ledger(conn)[len(entered) :] == entered
    keys = [AskedRecords(question(name), "pointers", KEYS) for name in ("pmap", "nobody")]
    keys.append(AskedRecords(question(), "pointers", KEYS[1:2]))
    one_by_one = [ask(url, lambda c, each=each: released_records(c, [each]))[0] for each in keys]  # type: ignore[misc]
    assert ask(url, lambda c: released_records(c, keys)) == one_by_one
    assert one_by_one[0] and not one_by_one[1] and not one_by_one[2]


def test_an_answer_that_is_rolled_back_was_never_given(url: str, conn: Connection) -> None:
    with psycopg.connect(url) as service:
        service.execute(
            "SELECT * FROM released('pmap', NULL, 'COURT', 'pointers', 'r', NULL, %s, NULL, NULL, '{}', NULL, false)",
            [[CHILD]],
        )
        service.rollback()
    assert ledger(conn) == []


def test_on_a_county_s_server_the_owner_grants_the_same(debian_database_url: str) -> None:
    """PostgreSQL 15, a login of its own that is not the owner."""
    with connect(debian_database_url) as conn:
        grant_answering(conn, "county_service")
    with psycopg.connect(answering_url(debian_database_url, "county_service"), autocommit=True) as service:
        call = (
            "SELECT * FROM released('pmap', NULL, 'COURT', 'pointers', 'r', NULL, '{}', NULL, NULL, '{}', NULL, false)"
        )
        assert service.execute(call).fetchall() == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            service.execute("SELECT * FROM person")
