"""The ledger in words: the accounting of a person, and FHIR AuditEvents."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

from config.agreements import load_agreements
from index_service.disclosure.accounting import Accounting, account, as_csv, as_html, as_text, without_numbers
from index_service.disclosure.audit_events import DISCLOSURE, audit_event
from index_service.disclosure.notices import PART2_NOTICE
from index_service.store.ledger import WORKBENCH, Entry, ToldPointer
from tests.index_service.disclosure.generated import PURPOSES, SOURCES

AGREEMENTS = {each.reference: each for each in load_agreements(SOURCES, PURPOSES)}
AT = datetime(2026, 3, 2, 20, 5, tzinfo=UTC)
SPAN = (datetime(2020, 3, 2, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
TOLD = ToldPointer(
    disclosure_id=7,
    at=AT,
    client="pmap",
    user="ann",
    purpose="COURT",
    action="pointers",
    person_id="P1",
    source="cws_cms",
    source_record_id="0Ab3",
    clauses=("pmap/1:child_welfare_and_court",),
    attributes=("birth_date",),
    request_id="r1",
    seal="stands",
)
TREATING = replace(TOLD, disclosure_id=8, client="public_health_nurse", clauses=("public_health_nurse/1:health",))


def accounting(*told: ToldPointer, segregated: str = "none", with_exempt: bool = False) -> Accounting:
    return account(
        "P1", told, AGREEMENTS, PURPOSES, segregated=frozenset({segregated}), span=SPAN, with_exempt=with_exempt
    )


def test_a_line_says_when_to_whom_what_and_what_for() -> None:
    (line,) = accounting(TOLD, replace(TOLD, source="meds", source_record_id="M1", attributes=())).lines
    assert line.date == "2026-03-02 12:05"
    assert (line.recipient, line.address) == (
        "PMAP application service (ann)",
        "Superior Court, Juvenile Division",
    )
    assert line.purpose == "juvenile court proceedings (COURT)"
    assert line.information == "that cws_cms has a record 0Ab3 and birth_date; that meds has a record M1"
    assert line.agreement == "pmap/1"


def test_what_counsel_marked_as_exempt_is_left_out_and_counted() -> None:
    found = accounting(TOLD, TREATING)
    assert [line.number for line in found.lines] == [7]
    assert found.exempt == 1
    assert [line.number for line in accounting(TOLD, TREATING, with_exempt=True).lines] == [7, 8]


def test_no_exemption_covers_a_segregated_source() -> None:
    assert [line.number for line in accounting(TREATING, segregated="cws_cms").lines] == [8]


def test_each_line_says_which_rule_asks_for_it_and_part_2_looks_back_three_years() -> None:
    before = replace(TOLD, disclosure_id=6, at=AT.replace(year=2023, month=1))
    found = accounting(before, TOLD, segregated="cws_cms")
    assert [line.rules for line in found.lines] == ["45 CFR 164.528", "45 CFR 164.528; 42 CFR 2.25"]
    head, notice, *_ = as_text(found)
    assert head.endswith("(45 CFR 164.528); of substance use disorder treatment from 2023-03-31 (42 CFR 2.25)")
    assert notice == PART2_NOTICE
    assert head in as_html(found)
    assert notice in as_html(found)
    assert "42 CFR" not in as_html(accounting(TOLD))


def test_numbers_that_count_what_others_were_told_can_be_left_out() -> None:
    found = without_numbers(accounting(TOLD))
    assert "its row stands as sealed" in "\n".join(as_text(found))
    assert next(csv.DictReader(io.StringIO(as_csv(found))))["number"] == ""


def test_what_was_shown_by_a_command_is_accounted_for_too() -> None:
    shown = replace(TOLD, client="person-index", clauses=(), purpose="HSYSADMIN")
    (line,) = accounting(shown).lines
    assert (line.recipient, line.agreement) == ("person-index (ann)", "")


def test_the_accounting_as_text_csv_and_page() -> None:
    found = accounting(replace(TOLD, source_record_id="=1+1<b>"))
    text = "\n".join(as_text(found))
    assert "from 2020-03-01 to 2026-03-31" in text
    assert "1 disclosures." in text
    (row,) = csv.DictReader(io.StringIO(as_csv(found)))
    assert row["recipient"] == "PMAP application service (ann)"
    page = as_html(found)
    assert "=1+1&lt;b&gt;" in page
    assert "<b>" not in page
    assert "http" not in page


ENTRY = Entry(
    disclosure_id=7,
    at=AT,
    client="pmap",
    user="ann",
    purpose="COURT",
    action="pointers",
    outcome="released",
    reason=None,
    application_id=1,
    person_id="P1",
    pointers=json.dumps(
        [{"source": "cws_cms", "id": "0Ab3", "clauses": ["pmap/1:child_welfare_and_court"], "attributes": []}]
    ),
    request_id="r1",
)


def test_a_disclosure_as_an_audit_event() -> None:
    event = audit_event(ENTRY, AGREEMENTS, PURPOSES)
    assert event["type"] == {
        "system": "http://dicom.nema.org/resources/ontology/DCM",
        "code": "110106",
        "display": "Export",
    }
    assert (event["action"], event["outcome"], event["recorded"]) == ("R", "0", "2026-03-02T20:05:00+00:00")
    assert event["purposeOfEvent"] == [
        {"coding": [{"system": PURPOSES.local_system, "code": "COURT", "display": "juvenile court proceedings"}]}
    ]
    agents: list[dict[str, object]] = event["agent"]  # type: ignore[assignment]
    assert [agent["requestor"] for agent in agents] == [False, False, True]
    assert agents[1]["policy"] == ["urn:person-index:agreement:pmap/1"]
    entities: list[dict[str, dict[str, dict[str, str]]]] = event["entity"]  # type: ignore[assignment]
    assert [entity["what"]["identifier"]["value"] for entity in entities] == ["P1", "0Ab3", "7", "r1"]
    assert event["meta"] == {"profile": [DISCLOSURE]}
    assert [agent["type"]["coding"][0]["code"] for agent in agents[:2]] == ["110153", "110152"]  # type: ignore[index]


def test_a_look_in_the_workbench_as_an_audit_event_is_an_access_and_no_export() -> None:
    look = replace(ENTRY, client=WORKBENCH, action="look at person", purpose="RECORDMGT")
    event = audit_event(look, AGREEMENTS, PURPOSES)
    assert event["type"]["code"] == "rest"  # type: ignore[index]
    assert [each["code"] for each in event["subtype"]] == ["read", "access"]  # type: ignore[attr-defined]
    assert event["entity"][0]["what"]["identifier"]["value"] == "P1"  # type: ignore[index]


def test_an_answer_that_told_nothing_and_a_refusal_as_audit_events() -> None:
    silent = replace(ENTRY, outcome="nothing", pointers=None, person_id=None, user=None)
    nothing = audit_event(silent, AGREEMENTS, PURPOSES)
    assert (nothing["action"], nothing["outcome"]) == ("E", "0")
    assert nothing["type"]["code"] == "rest"  # type: ignore[index]
    asking = [agent["type"]["coding"][0]["code"] for agent in nothing["agent"]]  # type: ignore[attr-defined]
    assert asking == ["110152", "110153"], "a question goes from the client to the index"
    refused = audit_event(replace(silent, outcome="refused", reason="not allowed"), AGREEMENTS, PURPOSES)
    assert (refused["outcome"], refused["outcomeDesc"]) == ("8", "not allowed")
