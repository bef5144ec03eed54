"""The commands that work on the database: load, relink, evaluate, export, check."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Any

import pytest
from pyarrow.csv import read_csv
from pyarrow.parquet import read_table

from config.policy import load_policy
from index_service.cli.relink import figures, lines
from index_service.errors import TooMuchWouldChange
from index_service.models import read_model
from index_service.relinking import RelinkOptions, relink
from index_service.store.connection import Connection, connect
from index_service.store.judgements import NewJudgement, add_judgement, undo_judgement
from index_service.store.runs import relinking
from linkage.judged import Part
from tests.index_service.cli.conftest import PersonIndex
from tests.index_service.loading.invented import write_csv

SOURCES = ("meds", "calsaws", "cair2")


@pytest.fixture
def loaded(person_index: PersonIndex, in_database: str, children: Path) -> PersonIndex:
    """Three departments' extracts are loaded."""
    for source in SOURCES:
        assert person_index("load", source, children / f"{source}.csv").code == 0
    return person_index


def published(conn: Connection) -> list[tuple[object, ...]]:
    return conn.execute("SELECT record_id, person_id FROM membership WHERE to_at IS NULL ORDER BY record_id").fetchall()


def test_load_tells_what_came_of_every_row(person_index: PersonIndex, in_database: str, children: Path) -> None:
    first = person_index("load", "meds", children / "meds.csv", "--json")
    assert first.code == 0, first.err
    figures = first.json()["loads"][0]
    assert figures["new"] == figures["rows"] > 50
    assert figures["quality"]["last_name"]["filled"] > 50
    again = person_index("load", "meds", children / "meds.csv", "--json").json()["loads"][0]
    assert (again["new"], again["changed"], again["unchanged"]) == (0, 0, figures["rows"])
    assert again["loaded_before"] is True


def test_load_for_people_has_a_line_per_field(person_index: PersonIndex, in_database: str, children: Path) -> None:
    answer = person_index("load", "meds", children / "meds.csv")
    assert "meds.csv -> meds" in answer.out
    assert "last_name" in answer.out
    assert "usable" in answer.out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("shoe_size\n38\n", "no column of the file is known"),
        ("first_name\nAna\n", "is no extract of meds"),
        ("source_record_id,first_name,first_name\n", "more than once"),
        ("source_record_id,first_name\n", "at least 1"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_refused_and_changes_nothing(
    person_index: PersonIndex, in_database: str, conn: Connection, tmp_path: Path, content: str, says: str
) -> None:
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    answer = person_index("load", "meds", "a.csv")
    assert answer.code == 1
    assert says in answer.err
    assert conn.execute("SELECT count(*) FROM source_record").fetchone() == (0,)


def test_a_load_in_which_every_row_is_rejected_ends_with_1(
    person_index: PersonIndex, in_database: str, tmp_path: Path
) -> None:
    write_csv(tmp_path, "1", "2", name="a.csv")
    answer = person_index("load", "meds", "a.csv", "--accept", "--json")
    assert answer.code == 1
    assert answer.json()["loads"][0]["rejected"] == 2
    with (tmp_path / answer.json()["loads"][0]["reject_file"]).open(encoding="utf-8") as file:
        assert [row["line"] for row in csv.DictReader(file)] == ["2", "3"]


def test_relink_dry_then_for_good_then_again(
    loaded: PersonIndex, conn: Connection, model_file: Path, children: Path, tmp_path: Path
) -> None:
    dry = loaded("relink", "--model", model_file, "--dry-run", "--json")
    assert dry.code == 0, dry.err
    assert (dry.json()["published"], published(conn)) == (False, [])

    began = time.perf_counter()
    figures = loaded("relink", "--model", model_file, "--json").json()
    took = figures["timings_s"]
    assert {"read snapshot", "find candidates", "keep person ids", "publish", "look for several"} <= set(took)
    assert sum(took.values()) <= time.perf_counter() - began
    assert figures["published"] is True
    assert figures["changes"]["created"] == figures["persons"] == dry.json()["persons"]
    persons = published(conn)
    assert len(persons) == figures["records"]

    again = loaded("relink", "--full", "--json").json()  # with the model that is current by now
    assert again["changes"] == dict.fromkeys(figures["changes"], 0)
    assert published(conn) == persons
    assert figures["scope"] == "full" and figures["full_because"] == "nothing was linked in full before"
    assert loaded("relink", "--json").json()["nothing_to_do"] is True, "what changed is the default"
    assert "by: --full" in loaded("relink").out

    assert loaded("relink", "--verify", "--json").json()["differences"] == []
    conn.execute(
        "INSERT INTO oversized_key SELECT DISTINCT unnest(keys), 'any', 2 FROM record_key ON CONFLICT DO NOTHING"
    )
    assert loaded("relink", "--verify").code == 1, "with all keys pinned no record meets another"
    assert loaded("relink", "--review-keys", "--verify").code == 0, "which keys are too large is judged anew"
    conn.execute("DELETE FROM oversized_key")

    judged = loaded("evaluate", "--truth", children / "truth.csv", "--json").json()
    assert judged["pairs"]["precision"]["value"] > 0.9
    assert loaded("export", "persons", "--out", "persons.csv", "--json").json()["rows"] == len(persons)
    assert len((tmp_path / "persons.csv").read_text(encoding="utf-8").splitlines()) == len(persons) + 1
    assert loaded("check").code == 0


def test_keys_that_too_many_records_share_are_counted(loaded: PersonIndex, conn: Connection) -> None:
    narrow = load_policy().model_copy(update={"max_block_records": 2})
    outcome = relink(conn, read_model(), narrow, RelinkOptions(dry_run=True))
    run = conn.execute("SELECT counts->>'oversized_keys' FROM run WHERE run_id = %s", [outcome.run_id]).fetchone()
    assert run == (str(outcome.oversized_keys),)
    assert figures(outcome, dry_run=True)["oversized_keys"] == outcome.oversized_keys > 0
    assert any("blocking keys left out" in line for line in lines(outcome, dry_run=True))


@pytest.mark.parametrize("name", ["persons.csv", "persons.parquet"])
def test_an_export_of_persons_is_in_the_ledger_person_by_person(
    loaded: PersonIndex, conn: Connection, model_file: Path, name: str
) -> None:
    loaded("relink", "--model", model_file)
    assert loaded("export", "persons", "--out", name).code == 0
    told = conn.execute("""
        SELECT d.person_id, p.source, p.id
        FROM disclosure d CROSS JOIN LATERAL json_to_recordset(d.pointers) AS p (source text, id text)
        WHERE d.action = 'export' AND d.client_id = 'person-index' AND d.user_id <> '' AND d.purpose = 'HSYSADMIN'
    """).fetchall()
    read = read_csv if name.endswith(".csv") else read_table
    taken_out = read(name).select(["person_id", "source", "source_record_id"]).to_pylist()
    assert sorted(told) == sorted(tuple(row.values()) for row in taken_out)
    assert (
        conn.execute("SELECT count(*), count(DISTINCT person_id) FROM disclosure").fetchone()
        == (len({person for person, _, _ in told}),) * 2
    )


def test_where_the_ledger_cannot_be_written_no_persons_are_taken_out(
    loaded: PersonIndex, conn: Connection, model_file: Path
) -> None:
    loaded("relink", "--model", model_file)
    conn.execute("ALTER TABLE disclosure ADD CONSTRAINT full_disk CHECK (action <> 'export')")
    assert loaded("export", "persons", "--out", "persons.csv").code != 0
    assert not Path("persons.csv").exists()


def test_a_withdrawn_record_leaves_its_person(
    loaded: PersonIndex, conn: Connection, model_file: Path, tmp_path: Path
) -> None:
    loaded("relink", "--model", model_file)
    before = published(conn)
    row = conn.execute(
        "SELECT record_id, source_record_id FROM source_record WHERE source = 'cair2' LIMIT 1"
    ).fetchone()
    assert row is not None
    write_csv(tmp_path, f"{row[1]},true", name="gone.csv", header="source_record_id,deleted")
    assert loaded("load", "cair2", "gone.csv", "--accept").code == 0
    figures = loaded("relink", "--changed", "--accept", "--json").json()
    assert figures["changes"]["removed"] == 1
    assert {record for record, _ in before} - {record for record, _ in published(conn)} == {row[0]}


def test_a_judgement_new_or_undone_is_a_change(loaded: PersonIndex, conn: Connection, model_file: Path) -> None:
    def relink_changed() -> dict[str, Any]:
        figures: dict[str, Any] = loaded("relink", "--changed", "--accept", "--json").json()
        return figures

    loaded("relink", "--model", model_file)
    person = "SELECT person_id FROM membership GROUP BY person_id HAVING count(*) = 2 ORDER BY person_id LIMIT 1"
    of_person = (
        "SELECT source, source_record_id FROM membership JOIN source_record USING (record_id) WHERE to_at IS NULL"
    )
    pair = conn.execute(f"{of_person} AND person_id = ({person})").fetchall()
    parts = tuple(Part(frozenset({record})) for record in pair)
    judgement = add_judgement(conn, NewJudgement("different", "Two children.", "a steward", parts))
    assert relink_changed()["changes"]["split"] == 1
    assert relink_changed()["nothing_to_do"] is True
    undo_judgement(conn, judgement, reason="One child after all.", who="a steward")
    assert relink_changed()["changes"]["joined"] == 1
    assert relink_changed()["nothing_to_do"] is True


def test_of_two_relinks_at_once_the_second_says_so(loaded: PersonIndex, in_database: str, model_file: Path) -> None:
    with connect(in_database) as other, relinking(other, "full"):
        answer = loaded("relink", "--model", model_file)
    assert answer.code == 1
    assert "Another relink is running" in answer.err


def test_a_relink_that_would_change_too_many_persons_asks_first(
    loaded: PersonIndex, conn: Connection, model_file: Path
) -> None:
    loaded("relink", "--model", model_file)
    before = published(conn)
    stricter = load_policy().model_copy(update={"link_threshold_bits": 60.0})
    model = read_model(model_file)
    with pytest.raises(TooMuchWouldChange, match="Nothing was published"):
        relink(conn, model, stricter)
    assert published(conn) == before
    assert relink(conn, model, stricter, RelinkOptions(dry_run=True)).needs_accepting
    assert published(conn) == before
    accepted = relink(conn, model, stricter, RelinkOptions(accept=True))
    assert accepted.change is not None
    assert accepted.change.split
    assert published(conn) != before


def test_a_relink_that_fails_publishes_nothing(
    loaded: PersonIndex, conn: Connection, model_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(conn: Connection, *_: object, **__: object) -> None:
        with connect(conn.info.dsn) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (conn.info.backend_pid,))
        conn.execute("SELECT 1")

    with monkeypatch.context() as patched:
        patched.setattr("index_service.relink_proposal.publish_change", cut_off)
        answer = loaded("relink", "--model", model_file)
    assert answer.code == 1
    assert "The database went away" in answer.err
    assert published(conn) == []
    assert loaded("relink", "--model", model_file).code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["relink", "--model", "MODEL"], "no records to work on"),
        (["train"], "at least two records"),
        (["export", "persons", "--out", "out.csv"], "No persons are published yet"),
    ],
)
def test_an_empty_index_is_said_so(
    person_index: PersonIndex, in_database: str, model_file: Path, arguments: list[str], says: str
) -> None:
    answer = person_index(*(str(model_file) if word == "MODEL" else word for word in arguments))
    assert answer.code == 1
    assert says in answer.err
