"""What a population promises to whoever evaluates on it: the same bytes again, unique ids, a truth that is true."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from config.fields import is_canonical
from config.identifiers import classify_ssn, parse_cin, parse_meds_id, read_identifier
from config.sources import load_sources
from training.population import Population, PopulationParameters, generate, generate_chunks, records_for
from training.population.numbers import SSN_AREAS
from training.population.parameters import GROUPS, SOURCES


def _digest(table: Any) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return hashlib.sha256(sink.getvalue()).hexdigest()


def _truth(population: Population, *names: str) -> list[np.ndarray[Any, Any]]:
    return [population.truth[name].to_numpy(zero_copy_only=False) for name in names]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_ones() -> None:
    first, again, other = generate(300, seed=5), generate(300, seed=5), generate(300, seed=6)
    assert _digest(first.records) == _digest(again.records)
    assert _digest(first.truth) == _digest(again.truth)
    assert _digest(first.records) != _digest(other.records)


def test_all_eleven_sources_take_part_and_ids_are_unique_within_each(population: Population) -> None:
    sources = load_sources()
    assert set(pc.unique(population.records["source"]).to_pylist()) == set(SOURCES) == set(sources)
    keys = pc.binary_join_element_wise(population.records["source"], population.records["source_record_id"], " ")
    assert pc.count_distinct(keys).as_py() == len(population)


def test_record_ids_have_the_form_that_their_source_demands(population: Population) -> None:
    for source_id, source in load_sources().items():
        records = population.records.filter(pc.equal(population.records["source"], source_id))
        form = re.compile(source.expectations.record_id_pattern)
        for record_id in records["source_record_id"].to_pylist():
            assert form.fullmatch(record_id)
            if source.record_id_type:
                assert read_identifier(source.record_id_type, record_id).value == record_id


def test_records_fill_canonical_fields_only_and_those_that_their_source_holds(population: Population) -> None:
    assert all(is_canonical(name) for name in population.records.column_names if name != "source")
    for source_id, source in load_sources().items():
        records = population.records.filter(pc.equal(population.records["source"], source_id))
        filled = {name for name in records.column_names if records[name].null_count < len(records)}
        assert filled - {"source"} <= source.fields
        for field, share in source.expectations.min_filled.items():
            assert 1 - records[field].null_count / len(records) >= share


def test_a_missing_value_is_null_and_never_empty_text(population: Population) -> None:
    for name in population.records.column_names:
        column = population.records[name]
        if pa.types.is_string(column.type):
            assert not pc.any(pc.equal(pc.utf8_trim_whitespace(column), "")).as_py()


def test_identifiers_can_be_read_and_ssns_come_from_the_reserved_areas(population: Population) -> None:
    records = population.records
    readings = [classify_ssn(ssn).kind for ssn in pc.unique(records["ssn"]).to_pylist() if ssn]
    assert set(readings) <= {"ssn", "dummy", "invalid", "itin", "atin"}
    assert readings.count("ssn") > 0.98 * len(readings)
    areas = pc.value_counts(pc.utf8_slice_codeunits(pc.drop_null(records["ssn"]), 0, 3)).to_pylist()
    reserved = sum(each["counts"] for each in areas if int(each["values"]) in SSN_AREAS)
    assert reserved > 0.98 * sum(each["counts"] for each in areas)
    assert all(parse_cin(cin).value == cin for cin in pc.unique(records["cin"]).to_pylist() if cin)
    pseudo = pc.drop_null(records["identifier.meds_id"]).to_pylist()
    assert pseudo
    assert {parse_meds_id(number).kind for number in pseudo} == {"pseudo"}
    for number in pc.drop_null(records["identifier.court_number"]).to_pylist():
        read_identifier("court_number", number)


def test_the_truth_has_one_row_per_record_in_the_same_order(population: Population) -> None:
    for name in ("source", "source_record_id"):
        assert population.truth[name].equals(population.records[name])


def test_records_hold_about_as_many_as_asked_for_and_five_per_child(population: Population) -> None:
    assert 4.9 < len(population) / 6_000 < 5.6
    assert records_for(4_000, seed=3).records.num_rows == pytest.approx(4_000, rel=0.06)


def test_siblings_have_one_mother_and_twins_one_birthday(twins: Population) -> None:
    person, mother, twin_group = _truth(twins, "person", "mother", "twin_group")
    has_sibling, role, household = _truth(twins, "has_sibling", "role", "household")
    child = role == "child"
    for family in np.unique(household[child & has_sibling])[:200]:
        rows = child & (household == family)
        assert len(np.unique(mother[rows])) == 1
        assert len(np.unique(person[rows])) >= 1
    dates = twins.records["birth_date"].to_numpy(zero_copy_only=False)
    agree, total = 0, 0
    for group in np.unique(twin_group[~np.isnan(twin_group)])[:200]:
        of_group = [date for date in dates[twin_group == group] if date]
        total += len(of_group)
        agree += max(of_group.count(date) for date in set(of_group))
    assert agree / total > 0.94  # all but the faulty ones


def test_same_sex_twins_are_twins_and_both_kinds_occur(twins: Population) -> None:
    is_twin, same_sex = _truth(twins, "is_twin", "same_sex_twin")
    assert not (same_sex & ~is_twin).any()
    assert 0.5 < same_sex[is_twin].mean() < 0.8


def test_adoption_changes_the_surname_and_the_cin_and_keeps_the_ssn(twins: Population) -> None:
    before, after = _two_sides_of_adoptions(twins)
    both = before.keys() & after.keys()
    ssn = [len(before[key]["ssn"] & after[key]["ssn"]) > 0 for key in both if before[key]["ssn"] and after[key]["ssn"]]
    names = [not before[key]["last_name"] & after[key]["last_name"] for key in both]
    cins = [bool(before[key]["cin"] & after[key]["cin"]) for key in both if before[key]["cin"] and after[key]["cin"]]
    assert len(ssn) > 20
    assert np.mean(ssn) > 0.85
    assert np.mean(names) > 0.75  # clinics keep the name at birth
    assert np.mean(cins) < 0.7  # some sources still quote the frozen one


def _two_sides_of_adoptions(population: Population) -> tuple[dict[int, dict[str, set[str]]], ...]:
    person, adopted, after = _truth(population, "person", "adopted", "adopted_before_record")
    sides: tuple[dict[int, dict[str, set[str]]], ...] = ({}, {})
    for row in np.flatnonzero(adopted):
        record = population.records.slice(int(row), 1).to_pylist()[0]
        side = sides[int(after[row])].setdefault(int(person[row]), {"ssn": set(), "last_name": set(), "cin": set()})
        for field, values in side.items():
            if record[field]:
                values.add(record[field].upper())
    return sides


def test_court_numbers_are_shared_by_siblings_and_told_apart_by_letter(population: Population) -> None:
    court = pc.equal(population.truth["source"], "juvenile_court")
    records, truth = population.records.filter(court), population.truth.filter(court)
    family_of: dict[str, set[int]] = {}
    for record_id, household in zip(
        records["source_record_id"].to_pylist(), truth["household"].to_pylist(), strict=True
    ):
        assert re.fullmatch(r"19:\d{2}CCJP\d{5}[A-J]", record_id)
        family_of.setdefault(record_id[:-1], set()).add(household)
    assert all(len(families) == 1 for families in family_of.values())
    assert len(family_of) < 0.8 * len(records)


def test_chunks_are_disjoint_and_families_stay_together() -> None:
    chunks = list(generate_chunks(900, seed=2, chunk_children=300))
    whole = pa.concat_tables([chunk.truth for chunk in chunks])
    keys = pc.binary_join_element_wise(whole["source"], whole["source_record_id"], " ")
    assert len(chunks) == 3
    assert pc.count_distinct(keys).as_py() == whole.num_rows
    for name in ("person", "household", "twin_group"):
        seen = [set(pc.drop_null(chunk.truth[name]).to_pylist()) for chunk in chunks]
        assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    ssns = [set(pc.drop_null(chunk.records["ssn"]).to_pylist()) for chunk in chunks]
    assert len(ssns[0] & ssns[1]) < 10  # dummies and rare slips


def test_every_name_group_occurs(population: Population) -> None:
    assert set(pc.unique(population.truth["name_group"]).to_pylist()) == set(GROUPS)


def test_a_population_needs_a_child() -> None:
    with pytest.raises(ValueError, match="at least one child"):
        generate(0, seed=1)


@pytest.mark.parametrize("children", [1, 2, 7])
def test_the_smallest_populations_can_be_made(children: int) -> None:
    population = generate(children, seed=4, parameters=PopulationParameters())
    assert len(population) == population.truth.num_rows
