"""The commands of disclosure, in the order in which an installation uses them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from config.agreements import AGREEMENTS_FOLDER
from index_service.cli.whoever import who_runs
from index_service.store.connection import connect
from tests.index_service.cli.conftest import PersonIndex
from tests.index_service.disclosure.population import CHILD, OTHER, two_children

LOOK_UP = (
    "SELECT * FROM released('pmap', 'ann', 'COURT', 'pointers', 'r1', NULL, ARRAY[%s], NULL, NULL, '{}', NULL, false)"
)


@pytest.fixture
def database(in_database: str) -> str:
    with connect(in_database) as conn:
        two_children(conn)
    return in_database


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The PMAP agreement alone, in force for long."""
    shutil.copy(AGREEMENTS_FOLDER / "pmap.yaml", tmp_path / "pmap.yaml")
    change(tmp_path, "until_date: 2028-12-31", "until_date: 2098-12-31")
    return tmp_path


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "pmap.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def told(person_index: PersonIndex) -> str:
    """Which sources PMAP would be told of, as `explain` says."""
    answer = person_index("agreements", "explain", CHILD, "--client", "pmap", "--purpose", "COURT", "--json")
    return " ".join(each["source"] for each in answer.json()["records"] if each["is_told"])


def exported(person_index: PersonIndex) -> set[str]:
    """Of which sources PMAP is given the child's records in a file."""
    answer = person_index("export", "persons", "--client", "pmap", "--purpose", "COURT", "--out", "for-pmap.csv")
    assert answer.code == 0, answer.err
    with Path("for-pmap.csv").open(encoding="utf-8") as file:
        return {row["source"] for row in csv.DictReader(file) if row["person_id"] == CHILD}


def shown_by_command(database: str, command: str) -> list[tuple[str, str]]:
    """Whom the ledger says that a command named, with the first source of each."""
    with connect(database) as conn:
        return conn.execute(
            "SELECT person_id, pointers -> 0 ->> 'source' FROM disclosure "
            "WHERE client_id = 'person-index' AND action = %s ORDER BY disclosure_id",
            [command],
        ).fetchall()


def test_from_no_agreements_to_an_accounting(person_index: PersonIndex, database: str, folder: Path) -> None:
    """One story, since every step needs those before it."""
    assert told(person_index) == ""
    assert person_index("agreements", "check", "--folder", folder).code == 0
    difference = person_index("agreements", "diff", "--folder", folder)
    assert (difference.code, difference.out.splitlines()[0]) == (1, "pmap:")
    applied = person_index("agreements", "apply", "--folder", folder, "--reason", "signed", "--json")
    assert applied.json() == {"application": 1, "agreements": ["pmap/1"]}
    assert person_index("agreements", "diff", "--folder", folder).code == 0

    assert told(person_index) == "cws_cms"
    said = person_index("agreements", "explain", CHILD, "--client", "pmap", "--purpose", "COURT").out
    assert "csi 19:A: not told: pmap/1:behavioral_health: no consent or court order is on file" in said
    wrong = person_index("agreements", "explain", CHILD, "--client", "pmap", "--purpose", "TREAT").out
    assert "pmap/1:child_welfare_and_court grants it for other purposes or actions" in wrong
    assert "no agreement names the client school" in person_index(
        "agreements", "explain", CHILD, "--client", "school", "--purpose", "COURT"
    ).out  # fmt: skip

    responsible = ("relationships", "add", "legal_responsibility", "cws_cms", "0Ab3", "--client", "county")
    assert person_index(*responsible, "--json").json() == {"relationship_id": 1}
    consent = ("consents", "add", "consent", "cws_cms", "0Ab3", "--covers", "csi", "--document", "file 17")
    assert person_index(*consent, "--purpose", "COURT", "--json").json() == {"consent_id": 1}
    assert told(person_index) == "calpads csi cws_cms meds"
    assert "file 17" in person_index("consents", "list", "--person", CHILD).out
    assert exported(person_index) == {"calpads", "csi", "cws_cms", "meds"}
    with connect(database) as conn:
        row = conn.execute(
            "SELECT user_id, purpose, action, pointers::text FROM disclosure "
            "WHERE client_id = 'pmap' AND person_id = %s",
            [CHILD],
        ).fetchone()
    assert row is not None
    assert row[:3] == (who_runs(), "COURT", "pointers")
    assert "pmap/1:behavioral_health" in row[3]
    assert person_index("consents", "revoke", 1, "--reason", "withdrawn").code == 0
    assert person_index("relationships", "end", 1, "--reason", "case closed").code == 0
    assert told(person_index) == "cws_cms"
    assert exported(person_index) == {"cws_cms"}
    assert person_index("export", "persons", "--client", "pmap", "--out", "p.csv").code == 2
    assert not person_index("consents", "list", "--json").json()["consents"][0]["holds"]
    assert not person_index("relationships", "list", "--json").json()["relationships"][0]["holds"]

    with connect(database) as conn:
        conn.execute(LOOK_UP, [CHILD])
    assert person_index("ledger", "seal", "--json").json()["sealed"][0]["block"] == 1
    assert "all as sealed" in person_index("ledger", "verify").out
    accounted = person_index("ledger", "accounting", CHILD)
    assert "PMAP application service (ann)" in accounted.out
    assert "that cws_cms has a record 0Ab3" in accounted.out
    assert person_index("ledger", "accounting", CHILD, "--format", "html", "--out", "a.html").code == 0
    assert "PMAP" in Path("a.html").read_text(encoding="utf-8")
    before = shown_by_command(database, "ledger")
    assert person_index("ledger", "export", "--fhir", "--out", "audit.ndjson").code == 0
    assert shown_by_command(database, "ledger") == [*before, (CHILD, "calpads"), (OTHER, "cws_cms")]
    events = [json.loads(line) for line in Path("audit.ndjson").read_text(encoding="utf-8").splitlines()]
    assert {event["resourceType"] for event in events} == {"AuditEvent"}


def test_a_text_changed_under_its_version_is_not_applied(
    person_index: PersonIndex, database: str, folder: Path
) -> None:
    apply = ("agreements", "apply", "--folder", folder, "--reason", "signed")
    assert person_index(*apply).code == 0
    change(folder, "attributes: [cin]", "attributes: []")
    assert "raise it" in person_index("agreements", "diff", "--folder", folder).out
    refused = person_index(*apply)
    assert (refused.code, "another text" in refused.err) == (1, True)
    change(folder, "version: 1", "version: 2")
    assert person_index(*apply).code == 0


def test_a_tampered_ledger_ends_with_1(person_index: PersonIndex, database: str) -> None:
    assert told(person_index) == ""
    person_index("ledger", "seal")
    with connect(database) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("UPDATE disclosure SET user_id = 'somebody else'")
    found = person_index("ledger", "verify")
    assert (found.code, found.out.splitlines()[0]) == (1, "changed: 1: the row is not what was sealed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("consents", "add", "consent", "cws_cms", "0no", "--covers", "csi", "--document", "x"), "no record of"),
        (("consents", "add", "consent", "cws_cms", "0Ab3", "--covers", "cis", "--document", "x"), "no source 'cis'"),
        (("consents", "revoke", 9, "--reason", "x"), "nothing of this number"),
        (("relationships", "add", "friend", "cws_cms", "0Ab3", "--client", "x"), "no relationship 'friend'"),
        (("relationships", "end", 9, "--reason", "x"), "nothing of this number"),
        (("ledger", "accounting", "nobody"), "no person of this id"),
        (("agreements", "explain", "nobody", "--client", "a", "--purpose", "COURT"), "no person of this id"),
        (("agreements", "check", "--folder", "nowhere"), "nowhere is no folder"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said(
    person_index: PersonIndex, database: str, arguments: tuple[object, ...], message: str
) -> None:
    answer = person_index(*arguments)
    assert answer.code in (1, 2)
    assert message in answer.err
