"""What is read from a truth table: persons, relations, subgroups."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from training.evaluation.truth import UnusableTableError, codes, read_table, record_keys, relations, subgroup_masks


def table(**columns: list[object]) -> pa.Table:
    size = len(next(iter(columns.values()), [None, None]))
    keys = {"source": ["meds"] * size, "source_record_id": [str(i) for i in range(size)]}
    return pa.table({**keys, "person": list(range(size)), **columns})


def test_twins_are_the_children_of_one_mother_born_on_one_day() -> None:
    found = relations(table(mother=["a", "a", "a", "b"], birth_date=["d1", "d1", "d2", "d1"]))
    assert found.twin[0] == found.twin[1]
    assert len({int(code) for code in found.twin}) == 3
    assert found.sibling[0] == found.sibling[2] != found.sibling[3]


def test_without_birth_dates_the_twins_of_one_household_are_twins() -> None:
    found = relations(
        table(household=["h", "h", "h", "i"], is_twin=[True, True, False, True], has_sibling=[True, True, True, False])
    )
    assert found.twin[0] == found.twin[1] >= 0 > found.twin[2]
    assert found.sibling[0] == found.sibling[2] >= 0 > found.sibling[3]
    assert found.household[0] == found.household[2] != found.household[3]


def test_a_flag_keeps_those_who_merely_share_a_birth_date_from_being_twins() -> None:
    found = relations(table(family=["f", "f"], birth_date=["d", "d"], is_twin=[False, False]))
    assert found.twin.tolist() == [-1, -1]


def test_a_truth_of_persons_alone_knows_no_relations() -> None:
    assert not relations(table()).known


def test_an_unknown_household_is_nobodys_household() -> None:
    assert relations(table(household=["h", None, None])).household.tolist() == [0, -1, -1]


def test_boolean_columns_and_text_columns_of_few_values_are_subgroups() -> None:
    masks = subgroup_masks(
        table(
            is_infant=[True, None, False],
            no_ssn=[0, 1, 1],
            never=[False, False, False],
            name_group=["hmong", "armenian", None],
            household=["h", "h", "i"],
            age=[3, 4, 5],
            note=["the same", "the same", "the same"],
        )
    )
    assert {name: mask.tolist() for name, mask in masks.items()} == {
        "is_infant": [True, False, False],
        "no_ssn": [False, True, True],
        "name_group=armenian": [False, True, False],
        "name_group=hmong": [True, False, False],
    }


def test_a_column_of_many_values_is_no_subgroup() -> None:
    assert subgroup_masks(table(case=[f"c{i}" for i in range(13)])) == {}


def test_record_ids_keep_their_leading_zeros(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text("source,source_record_id,person,is_twin\nmeds,007,12,true\nmeds,7,,false\n", encoding="utf-8")
    truth = read_table(path)
    assert truth["source_record_id"].to_pylist() == ["007", "7"]
    assert codes(truth["person"]).tolist() == [0, -1]
    assert list(subgroup_masks(truth)) == ["is_twin"]


def test_a_record_named_twice_is_refused_without_telling_its_id() -> None:
    twice = pa.table({"source": ["meds", "meds"], "source_record_id": ["A-1", "A-1"]})
    with pytest.raises(UnusableTableError, match="names 1 records more than once") as refused:
        record_keys(twice, "truth")
    assert "A-1" not in str(refused.value)


def test_a_missing_key_column_is_named() -> None:
    with pytest.raises(UnusableTableError, match="'source_record_id'"):
        record_keys(pa.table({"source": ["meds"]}), "predicted")
