"""The rates found in a population are those that its parameters name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from training.population import Population, PopulationParameters, generate
from training.population.holdings import FIRST_MONTH_DAYS, SOURCE_TABLE

P = PopulationParameters()
ASKS_FOR_SSN = [source for source, table in SOURCE_TABLE.items() if "ssn" in table.fills]


def _column(population: Population, name: str) -> np.ndarray[Any, Any]:
    table = population.truth if name in population.truth.column_names else population.records
    values: np.ndarray[Any, Any] = table[name].to_numpy(zero_copy_only=False)
    return values


def _one_row_per_child(population: Population) -> np.ndarray[Any, Any]:
    children = np.flatnonzero(_column(population, "role") == "child")
    _, first = np.unique(_column(population, "person")[children], return_index=True)
    rows: np.ndarray[Any, Any] = children[first]
    return rows


def test_two_children_in_three_have_a_sibling(population: Population) -> None:
    rows = _one_row_per_child(population)
    assert _column(population, "has_sibling")[rows].mean() == pytest.approx(0.65, abs=0.02)


def test_twins_are_as_frequent_as_asked(population: Population, twins: Population) -> None:
    asked = P.twin_share + P.triplet_share
    assert _column(population, "is_twin")[_one_row_per_child(population)].mean() == pytest.approx(asked, abs=0.006)
    assert _column(twins, "is_twin")[_one_row_per_child(twins)].mean() == pytest.approx(0.5, abs=0.04)


def test_ssns_are_missing_as_often_as_known_of_real_files(population: Population) -> None:
    asks = np.isin(_column(population, "source"), ASKS_FOR_SSN)
    missing, infant = _column(population, "ssn_missing"), _column(population, "is_infant")
    assert missing[asks].mean() == pytest.approx(0.35, abs=0.04)
    assert missing[asks & infant].mean() == pytest.approx(P.ssn_missing_infant, abs=0.04)
    adult = _column(population, "role") == "adult"
    assert missing[asks & adult].mean() == pytest.approx(P.ssn_missing_older, abs=0.04)


def test_newborns_have_placeholder_names_in_twelve_of_a_hundred_records(population: Population) -> None:
    days = _whole_dates(_column(population, "record_date"))
    birth = _whole_dates(_column(population, "birth_date"))
    young = (days - birth).astype(np.int64) < FIRST_MONTH_DAYS
    young &= _column(population, "role") == "child"
    young &= ~np.isnat(birth) & (days >= birth)
    assert _column(population, "baby_name")[young].mean() == pytest.approx(P.baby_name, abs=0.035)
    first = _column(population, "first_name")[_column(population, "baby_name")]
    assert np.mean(["baby" in str(name).lower() for name in first]) > 0.5


def _whole_dates(column: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.array([text if text and len(text) == 10 else "NaT" for text in column], dtype="datetime64[D]")


def test_birth_dates_disagree_with_the_truth_as_often_as_the_faults_add_up(population: Population) -> None:
    person, dates = _column(population, "person"), _column(population, "birth_date")
    groups: dict[int, list[str]] = {}
    for who, date in zip(person.tolist(), dates, strict=True):
        if date and len(date) == 10:
            groups.setdefault(who, []).append(date)
    several = [each for each in groups.values() if len(each) >= 4]
    odd = sum(len(each) - max(each.count(date) for date in set(each)) for each in several)
    expected = P.birth_day_month_swapped + P.birth_off_by_one_field + P.birth_estimated
    assert odd / sum(map(len, several)) == pytest.approx(expected, abs=0.012)
    assert _column(population, "birth_date_guessed").mean() == pytest.approx(P.birth_estimated, abs=0.004)


def test_an_alias_stands_on_one_child_welfare_record_in_five_where_there_is_one_to_know(population: Population) -> None:
    records = population.records.filter(pc.equal(population.records["source"], "cws_cms"))
    share = 1 - records["alias_names"].null_count / len(records)
    assert 0.6 * P.alias < share <= P.alias + 0.01


def test_two_surnames_are_written_in_several_ways(population: Population) -> None:
    two = _column(population, "two_surnames")
    tokens = [len(str(name).replace("-", " ").split()) for name in _column(population, "last_name")[two]]
    assert 0.3 < np.mean(np.array(tokens) >= 2) < 0.85
    assert any("-" in str(name) for name in _column(population, "last_name")[two])


def test_relatives_share_an_ssn_in_one_record_of_a_hundred(population: Population) -> None:
    owners: dict[str, dict[int, int]] = {}
    for ssn, who in zip(_column(population, "ssn"), _column(population, "person").tolist(), strict=True):
        if ssn and int(ssn[:3]) in range(734, 750):
            owners.setdefault(ssn, {}).setdefault(who, 0)
            owners[ssn][who] += 1
    shared = sum(min(each.values()) for each in owners.values() if len(each) > 1)
    total = sum(sum(each.values()) for each in owners.values())
    assert 0.003 < shared / total < 0.016


def test_newborn_claims_stand_on_the_mothers_cin(population: Population) -> None:
    people_of: dict[str, set[int]] = {}
    for cin, who in zip(_column(population, "cin"), _column(population, "person").tolist(), strict=True):
        if cin:
            people_of.setdefault(cin, set()).add(who)
    assert sum(len(each) > 1 for each in people_of.values()) > 20


def test_records_of_one_person_in_one_source_are_duplicates_by_parameter() -> None:
    none = generate(400, seed=8, parameters=PopulationParameters(duplicate_factor=0.0))
    assert not pc.any(none.truth["second_record"]).as_py()
    many = generate(400, seed=8, parameters=PopulationParameters(duplicate_factor=3.0))
    assert pc.mean(many.truth["second_record"]).as_py() > 0.1


def test_unrelated_children_share_the_address_of_a_group_home(population: Population) -> None:
    group_home = _column(population, "group_home")
    assert group_home.any()
    places: dict[tuple[str, str], set[int]] = {}
    for line, zip_code, family in zip(
        _column(population, "address_line")[group_home],
        _column(population, "zip")[group_home],
        _column(population, "household")[group_home].tolist(),
        strict=True,
    ):
        if line:
            places.setdefault((str(line).upper(), str(zip_code)), set()).add(int(family))
    assert max(map(len, places.values())) >= 2


def test_names_of_asian_groups_are_often_exchanged(population: Population) -> None:
    frequent = {"NGUYEN", "TRAN", "XIONG", "VANG", "YANG", "CHEN", "MOUA", "THAO", "PHAM"}
    asian = np.isin(_column(population, "name_group"), ["vietnamese", "hmong", "chinese"])
    exchanged = [str(name).upper() in frequent for name in _column(population, "first_name")[asian]]
    assert 0.005 < np.mean(exchanged) < 0.06
