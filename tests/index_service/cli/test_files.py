"""`link` and `compare`: files in, files out, no database."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from index_service.comparing import outcome
from index_service.comparing_files import RESULT_COLUMNS
from index_service.linking_files import OUTPUT_COLUMNS, policy_at
from linkage.person_ids import is_valid
from tests.index_service.cli.conftest import PersonIndex
from tests.index_service.loading.invented import write_csv
from training.population import Population


def read_rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_link_writes_one_row_per_record_in_order_with_good_persons(
    person_index: PersonIndex, children: Path, model_file: Path, population: Population, tmp_path: Path
) -> None:
    answer = person_index("link", children / "all.parquet", "--model", model_file, "--out", "out.csv", "--json")
    assert answer.code == 0, answer.err
    rows = read_rows(tmp_path / "out.csv")
    assert tuple(rows[0]) == OUTPUT_COLUMNS
    keys = zip(
        population.records["source"].to_pylist(), population.records["source_record_id"].to_pylist(), strict=True
    )
    assert [(row["source"], row["source_record_id"]) for row in rows] == list(keys)
    assert all(is_valid(row["person_id"]) and 0 <= float(row["probability"]) <= 1 for row in rows)
    assert answer.json()["records"] == len(rows)
    assert answer.json()["persons"] == len({row["person_id"] for row in rows})
    judged = person_index("evaluate", "--truth", children / "truth.csv", "--persons", "out.csv", "--json").json()
    assert judged["pairs"]["precision"]["value"] > 0.9
    assert judged["pairs"]["recall"]["value"] > 0.8


def test_link_reads_all_formats_and_takes_the_source_from_the_files_name(
    person_index: PersonIndex, tmp_path: Path, model_file: Path
) -> None:
    write_csv(
        tmp_path,
        "7,Mariana,Delgado,2015-03-02",
        name="schools.csv",
        header="source_record_id,first_name,last_name,birth_date",
    )
    line = '{"source_record_id": 7, "first_name": "Mariana", "last_name": "Delgado", "birth_date": "2015-03-02"}'
    (tmp_path / "courts.ndjson").write_text(line, encoding="utf-8")
    answer = person_index("link", "schools.csv", "courts.ndjson", "--model", model_file, "--out", "out.csv", "--json")
    assert answer.json()["records_by_source"] == {"schools": 1, "courts": 1}
    first, second = read_rows(tmp_path / "out.csv")
    assert (first["source"], second["source"]) == ("schools", "courts")
    assert first["person_id"] == second["person_id"]


def test_one_record_is_one_person_and_needs_no_model(person_index: PersonIndex, tmp_path: Path) -> None:
    write_csv(tmp_path, "1,Ana", name="a.csv")
    assert person_index("link", "a.csv", "--out", "out.csv").code == 0
    assert [(row["source_record_id"], row["probability"]) for row in read_rows(tmp_path / "out.csv")] == [("1", "1.0")]


def test_rows_that_cannot_be_linked_are_in_the_output_all_the_same(
    person_index: PersonIndex, tmp_path: Path, model_file: Path
) -> None:
    rows = ["=1,Ana,Diaz,", "2,Ben", ",Cyrus,Okafor,", "=1,Ana,Diaz,", "5,Dee,Long,yes"]
    write_csv(tmp_path, *rows, name="a.csv", header="source_record_id,first_name,last_name,deleted")
    answer = person_index("link", "a.csv", "--model", model_file, "--out", "out.csv", "--json")
    assert answer.code == 0, answer.err
    linked = read_rows(tmp_path / "out.csv")
    assert [row["source_record_id"] for row in linked] == ["=1", "row 2", "row 3", "=1", "5"]
    persons = [row["person_id"] for row in linked]
    assert persons[0] == persons[3]
    assert len(set(persons)) == 4
    assert answer.json()["rejects"] == 2
    assert "repeat an earlier source_record_id" in answer.err
    assert "marked as deleted" in answer.err


def test_without_ids_the_row_number_is_used_and_said_so(person_index: PersonIndex, tmp_path: Path) -> None:
    write_csv(tmp_path, "Ana", name="a.csv", header="first_name")
    answer = person_index("link", "a.csv", "--out", "out.csv")
    assert [row["source_record_id"] for row in read_rows(tmp_path / "out.csv")] == ["1"]
    assert "the row number is used" in answer.err


def test_columns_that_are_not_used_are_said_so(person_index: PersonIndex, tmp_path: Path) -> None:
    write_csv(tmp_path, "1,Ana,2015-03-02,38", name="a.csv", header="source_record_id,first_name,dob,shoe_size")
    answer = person_index("link", "a.csv", "--out", "out.csv")
    assert "Column 'dob' is ignored; did you mean 'birth_date'?" in answer.err
    assert "Columns ignored: shoe_size." in answer.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("fname,dob\nAna,2015\n", "no column of the file is known"),
        ("source_record_id,source\n1,a\n", "no column that tells persons apart"),
        ("first_name,first_name\nAna,Ben\n", "more than once"),
    ],
)
def test_a_file_that_cannot_be_linked_is_refused_and_nothing_written(
    person_index: PersonIndex, tmp_path: Path, content: str, says: str
) -> None:
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")
    answer = person_index("link", "a.csv", "--out", "out.csv")
    assert answer.code == 1
    assert says in answer.err
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("probability", [0.01, 0.5, 0.99])
def test_the_threshold_is_the_probability_asked_for(probability: float) -> None:
    bits = policy_at(probability).link_threshold_bits
    assert 1 / (1 + 2**-bits) == pytest.approx(probability)


PAIRS = "a_first_name,a_last_name,a_birth_date,b_first_name,b_last_name,b_birth_date,note"


def test_compare_keeps_columns_and_order_and_tells_same_from_different(
    person_index: PersonIndex, tmp_path: Path, model_file: Path
) -> None:
    write_csv(
        tmp_path,
        "Ben,Okafor,2011-01-09,Carla,Smith,2004-05-21,=x",
        "short",
        "Mariana,Delgado,2015-03-02,Mariana,Delgado,2015-03-02,",
        name="pairs.csv",
        header=PAIRS,
    )
    answer = person_index("compare", "pairs.csv", "--model", model_file, "--out", "out.csv", "--json")
    assert answer.code == 0, answer.err
    different, unread, same = read_rows(tmp_path / "out.csv")
    assert list(different) == [*PAIRS.split(","), *RESULT_COLUMNS]
    assert (different["a_first_name"], different["note"], different["outcome"]) == ("Ben", "=x", "no_link")
    assert unread["outcome"] == unread["a_first_name"] == ""
    assert float(same["match_weight"]) > 0 > float(different["match_weight"])
    assert answer.json()["pairs"] == 3
    assert answer.json()["rejects"] == 1


def test_the_outcome_follows_the_two_thresholds() -> None:
    policy = policy_at(0.5).model_copy(update={"review_threshold_bits": 0.0, "link_threshold_bits": 10.0})
    assert [outcome(bits, policy) for bits in (-0.1, 0.0, 9.9, 10.0)] == ["no_link", "review", "review", "link"]
    assert outcome(50.0, policy, opposed=True) == "review"


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("a_first_name,c_first_name", "side 'b_'"),
        ("a_first_name,b_first_name,outcome", "'outcome' is one that comparing adds"),
    ],
)
def test_pairs_that_cannot_be_compared_are_refused(
    person_index: PersonIndex, tmp_path: Path, model_file: Path, header: str, says: str
) -> None:
    write_csv(tmp_path, name="pairs.csv", header=header)
    answer = person_index("compare", "pairs.csv", "--model", model_file, "--out", "out.csv")
    assert answer.code == 1
    assert says in answer.err
