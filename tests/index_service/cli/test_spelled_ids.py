"""On the command line a CWS/CMS id may be written as its screens print it."""

from __future__ import annotations

from pathlib import Path

import pytest

from index_service.cli.options import record_named
from index_service.store.connection import Connection
from tests.index_service.cli.conftest import PersonIndex
from tests.index_service.stewardship.invented import DOUBTFUL, MARIA, persons, send

STORED, PRINTED = "5Y3vKVs0X5", "0315-2076-8676-8002051"


@pytest.fixture
def index(conn: Connection, in_database: str, person_index: PersonIndex) -> PersonIndex:
    """One child's record in CWS/CMS and one of Medi-Cal that may be the same's."""
    send(conn, {("cws_cms", STORED): MARIA, ("meds", "m2"): DOUBTFUL})
    return person_index


def test_in_a_file_of_judgements(index: PersonIndex, conn: Connection, tmp_path: Path) -> None:
    rows = f"1,same,1,cws_cms,{PRINTED},papers\n1,same,1,meds,m2,papers\n"
    (tmp_path / "said.csv").write_text(f"judgement,kind,part,source,source_record_id,reason\n{rows}")
    assert index("review", "import", "said.csv").code == 0
    assert len(set(persons(conn).values())) == 1


def test_where_a_record_is_one_option() -> None:
    assert record_named(f"cws_cms:{PRINTED}") == record_named(f"cws_cms:{STORED}") == ("cws_cms", STORED)


def test_for_a_consent_and_a_relationship(index: PersonIndex) -> None:
    record = ("cws_cms", PRINTED)
    added = index("consents", "add", "consent", *record, "--covers", "csi", "--document", "file 12")
    related = index("relationships", "add", "assigned_worker", *record, "--client", "cws_worker")
    assert (added.code, related.code) == (0, 0), added.err + related.err
    assert STORED in index("consents", "list").out
    assert STORED in index("relationships", "list").out
