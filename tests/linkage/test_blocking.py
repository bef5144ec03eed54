"""Blocking: what each rule finds that no other rule does, and that SQL and native keys are the same keys."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage import blocking, candidates
from linkage.batch import BatchEngine, OversizedKey
from linkage.blocking import (
    ALL_RULES,
    BLOCKING_RULES,
    BlockingRule,
    EachOf,
    key_maker,
    key_number,
    key_numbers,
    number_rules_as,
)
from linkage.errors import ExplodingRule, ModelMismatch
from linkage.key_numbers import hash_sql, record_keys
from linkage.model import value_digest
from linkage.record import NormalisedRecord
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import invented_ssn, record, table_of

RULES = {rule.name: rule for rule in BLOCKING_RULES}
NO_CAP = 10_000

Values = Mapping[str, Any]


def rules_that_find(left: NormalisedRecord, right: NormalisedRecord) -> set[str]:
    return {rule.name for rule in BLOCKING_RULES if set(rule.keys(left)) & set(rule.keys(right))}


ONLY_THIS_RULE: dict[str, tuple[Values, Values]] = {
    "ssn": ({"ssn": invented_ssn()}, {"ssn": invented_ssn()}),
    "cin": ({"cin": "90000001A"}, {"cin": "90000001A"}),
    "identifier": (
        {"identifier.ssid": "0000000001", "identifier.uci": "0000001"},
        {"identifier.ssid": "0000000001", "identifier.uci": "0000002"},
    ),
    "birth date, first name's sound": (
        {"first_name": "Kristina", "last_name": "Ray", "birth_date": "2015-03-09"},
        {"first_name": "Kristyna", "last_name": "Lopez", "birth_date": "2015-03-09"},
    ),
    "birth date, surname's sound": (
        {"first_name": "Baby Boy", "last_name": "Martinez", "birth_date": "2015-03-09"},
        {"first_name": "Ana", "last_name": "Martines", "birth_date": "2015-03-09"},
    ),
    "birth date, first initial": (
        {"first_name": "Ana", "last_name": "Ray", "birth_date": "2015-03-09"},
        {"first_name": "Alicia", "last_name": "Lopez", "birth_date": "2015-03-09"},
    ),
    "birth date, surname's initial": (
        {"first_name": "Ana", "last_name": "Lopez", "birth_date": "2015-03-09"},
        {"first_name": "Zoe", "last_name": "Lucas", "birth_date": "2015-03-09"},
    ),
    "first and last name": (
        {"first_name": "Kim", "last_name": "Lee", "birth_date": "2015-03-09"},
        {"first_name": "Lee", "last_name": "Kim", "birth_date": "2011-10-21"},
    ),
    "sounds of both names, birth year": (
        {"first_name": "Stephen", "last_name": "Martinez-Ray", "birth_date": "2015-03-09"},
        {"first_name": "Steven", "last_name": "Martines-Cruz", "birth_date": "2015-10-21"},
    ),
    "one surname of several, first name's sound, birth year": (
        {"first_name": "Ana", "last_name": "García López", "birth_date": "2015-03-09"},
        {"first_name": "Anna", "last_name": "Lopez", "birth_date": "2015-10-21"},
    ),
    "birth year, day and month either way, initials": (
        {"first_name": "Ana", "last_name": "Lopez", "birth_date": "2015-03-09"},
        {"first_name": "Alicia", "last_name": "Lucas", "birth_date": "2015-09-03"},
    ),
    "birth day and month, sounds of both names": (
        {"first_name": "Stephen", "last_name": "Martinez", "birth_date": "2015-03-09"},
        {"first_name": "Steven", "last_name": "Martines", "birth_date": "2011-03-09"},
    ),
    "birth year, day and month either way, first name": (
        {"first_name": "Ana", "last_name": "Lopez", "birth_date": "2015-03-09"},
        {"first_name": "Ana", "last_name": "Ray", "birth_date": "2015-09-03"},
    ),
    "birth year, day and month either way, surname": (
        {"first_name": "Baby Boy", "last_name": "Lopez", "birth_date": "2015-03-09"},
        {"first_name": "Ana", "last_name": "Lopez", "birth_date": "2015-09-03"},
    ),
    "mother's full name, birth year": (
        {"birth_date": "2015-03-09", "mother_first_name": "Rosa", "mother_last_name": "Lopez"},
        {"first_name": "Ana", "birth_date": "2015-10-21", "mother_first_name": "Rosa", "mother_last_name": "Lopez"},
    ),
    "mother, surname's sound, birth year": (
        {"last_name": "Martinez", "birth_date": "2015-03-09", "mother_first_name": "Rosa"},
        {"first_name": "Ana", "last_name": "Martines", "birth_date": "2015-10-21", "mother_first_name": "Rosa"},
    ),
    "mother, first name's sound, birth year": (
        {"first_name": "Kristina", "last_name": "Ray", "birth_date": "2015-03-09", "mother_first_name": "Rosa"},
        {"first_name": "Kristyna", "last_name": "Lopez", "birth_date": "2015-10-21", "mother_first_name": "Rosa"},
    ),
    "birth date, any name": (
        {"first_name": "Ana", "middle_name": "Zoe", "last_name": "Ray", "birth_date": "2015-03-09"},
        {"first_name": "Zoe", "last_name": "Lopez", "birth_date": "2015-03-09"},
    ),
    "sounds of both names, birth year or the next": (
        {"first_name": "Stephen", "last_name": "Martinez", "birth_date": "2015-03-09"},
        {"first_name": "Steven", "last_name": "Martines", "birth_date": "2014-10-21"},
    ),
    "birth date, ZIP code": (
        {"first_name": "Ana", "birth_date": "2015-03-09", "zip": "93701"},
        {"first_name": "Zoe", "birth_date": "2015-03-09", "zip": "93701"},
    ),
    "birth date, mother": (
        {"first_name": "Baby Girl", "birth_date": "2015-03-09", "mother_first_name": "Rosa"},
        {"first_name": "Ana", "birth_date": "2015-03-09", "mother_first_name": "Rosa"},
    ),
    "telephone, first initial": (
        {"first_name": "Ana", "phone": "555-010-0199"},
        {"first_name": "Alicia", "phone": "555-010-0199"},
    ),
    "address": (
        {"first_name": "Ana", "address_line": "12 Oak Avenue Apt 3"},
        {"first_name": "Zoe", "address_line": "12 Oak Ave"},
    ),
    "ZIP code, first name, birth year": (
        {"first_name": "Ana", "last_name": "Lopez", "birth_date": "2015-03-09", "zip": "93701"},
        {"first_name": "Ana", "last_name": "Ray", "birth_date": "2015-10-21", "zip": "93701"},
    ),
    "ZIP code, surname, first initial": (
        {"first_name": "Ana", "last_name": "Lopez", "zip": "93701"},
        {"first_name": "Alicia", "last_name": "Lopez", "zip": "93701"},
    ),
    "case, first initial": (
        {"first_name": "Ana", "case_id": "C-7"},
        {"first_name": "Alicia", "case_id": "C-7"},
    ),
    "e-mail address": ({"email": "ana@example.org"}, {"email": "Ana@example.org"}),
}


WIDER_RULES = {
    "birth date, first name's sound": {"birth date, first initial"},
    "birth date, surname's sound": {"birth date, surname's initial"},
    "sounds of both names, birth year": {"sounds of both names, birth year or the next"},
}
"""Rules whose pairs a wider one finds too; they stand before it, so that the report shows what each brings."""


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_finds_a_pair_that_no_other_rule_finds(rule: str) -> None:
    left, right = ONLY_THIS_RULE[rule]
    assert rules_that_find(record(1, **left), record(2, **right)) == {rule} | WIDER_RULES.get(rule, set())


@pytest.mark.parametrize("rule", RULES)
def test_a_record_that_lacks_a_part_has_no_key_of_the_rule(rule: str) -> None:
    values, _ = ONLY_THIS_RULE[rule]
    assert list(RULES[rule].keys(record(1, **values)))
    for part in RULES[rule].parts:
        for columns in [part.columns] if isinstance(part, EachOf) else [(column,) for column in part.columns]:
            assert not any(RULES[rule].keys(_without(record(1, **values), columns)))


def _without(whole: NormalisedRecord, columns: Sequence[str]) -> NormalisedRecord:
    blank = {column: () if isinstance(getattr(whole, column), tuple) else None for column in columns}
    return replace(whole, **blank)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def hard_records() -> list[NormalisedRecord]:
    return edge_cases(250, seed=8)


@pytest.mark.parametrize("rule", BLOCKING_RULES, ids=lambda rule: rule.name)
def test_batch_candidates_are_exactly_the_pairs_that_share_a_native_key(
    rule: BlockingRule, hard_records: list[NormalisedRecord]
) -> None:
    keys = [set(rule.keys(r)) for r in hard_records]
    native = {(a, b) for a, b in itertools.combinations(range(len(keys)), 2) if keys[a] & keys[b]}
    assert native, "the records should exercise every rule"
    with BatchEngine(table_of(hard_records)) as engine:
        engine.block([rule.name], NO_CAP)
        assert _candidates(engine) == native


def test_all_rules_together_find_each_pair_once(hard_records: list[NormalisedRecord]) -> None:
    first_rules = _first_rules(hard_records, BLOCKING_RULES)
    with BatchEngine(table_of(hard_records)) as engine:
        reports = engine.block(RULES, NO_CAP)
        assert _candidates(engine) == set(first_rules)
        assert engine.candidate_count() == len(first_rules), "no pair stands there twice"
    assert sum(report.new_pairs for report in reports) == len(first_rules)


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_pairs_that_touch_some_records_are_those_of_all_pairs(data: st.DataObject) -> None:
    records = edge_cases(60, seed=9)
    touching = np.array(data.draw(st.lists(st.booleans(), min_size=len(records), max_size=len(records))))
    with BatchEngine(table_of(records)) as engine:
        engine.block(RULES, 30)
        every = engine.found.where(touching[engine.found.left] | touching[engine.found.right])
        engine.block(RULES, 30, touching=touching)
        found = engine.found
        assert found.left.tolist() == every.left.tolist()
        assert found.right.tolist() == every.right.tolist()
        assert found.rules.tolist() == every.rules.tolist()
        assert found.first.tolist() == every.first.tolist()
        assert _candidates(engine) == set(zip(found.left.tolist(), found.right.tolist(), strict=True))


def test_a_pair_counts_for_the_first_rule_that_finds_it(hard_records: list[NormalisedRecord]) -> None:
    rules = BLOCKING_RULES[:10]
    first_rules = list(_first_rules(hard_records, rules).values())
    with BatchEngine(table_of(hard_records)) as engine:
        reports = engine.block([rule.name for rule in rules], NO_CAP)
    assert {r.rule: r.new_pairs for r in reports} == {rule.name: first_rules.count(rule.name) for rule in rules}


def _first_rules(records: Sequence[NormalisedRecord], rules: Sequence[BlockingRule]) -> dict[tuple[int, int], str]:
    """Pair of rows -> the first of the rules that finds it."""
    keys = [[set(rule.keys(record)) for rule in rules] for record in records]
    found = {}
    for a, b in itertools.combinations(range(len(records)), 2):
        first = next((rule.name for rule, x, y in zip(rules, keys[a], keys[b], strict=True) if x & y), None)
        if first:
            found[a, b] = first
    return found


def _candidates(engine: BatchEngine) -> set[tuple[int, int]]:
    rows = engine.con.execute("select join_key_l, join_key_r from candidates").fetchall()
    return {(min(pair), max(pair)) for pair in rows}


def test_a_key_that_more_records_share_than_the_cap_brings_no_pair_and_is_reported() -> None:
    phones = ["555-010-0199"] * 4 + ["555-010-0111"] * 3
    records = [record(i, first_name="Ana", phone=phone) for i, phone in enumerate(phones)]
    with BatchEngine(table_of(records)) as engine:
        (report,) = engine.block(["telephone, first initial"], 3)
        assert _candidates(engine) == {(4, 5), (4, 6), (5, 6)}
    assert (report.keys, report.pairs, report.new_pairs) == (1, 3, 3)
    assert (report.oversized_keys, report.largest_block) == (1, 3)


def test_a_key_that_an_earlier_relink_pinned_is_left_out_however_few_share_it() -> None:
    emails = ["a@example.org", "a@example.org", "b@example.org", "b@example.org"]
    records = [record(i, email=email) for i, email in enumerate(emails)]
    with BatchEngine(table_of(records)) as engine:
        (report,) = engine.block(["e-mail address"], NO_CAP, {key_number("e-mail address", "a@example.org"), 7})
        assert _candidates(engine) == {(2, 3)}
        assert report.oversized_keys == 1
        assert engine.found.oversized == ()


@pytest.mark.parametrize("rule", ["telephone, first initial", "identifier"])
def test_oversized_keys_are_told_by_their_number_and_how_many_share_them(rule: str) -> None:
    values = {"first_name": "Ana", "phone": "555-010-0199", "identifier.ssid": "0000000001"}
    records = [record(i, **values) for i in range(4)]
    (key,) = RULES[rule].keys(records[0])
    with BatchEngine(table_of([*records, record(9, first_name="Zoe")])) as engine:
        engine.block([rule], 3)
        assert engine.found.oversized == (OversizedKey(rule, key_number(rule, key), 4),)
        assert _candidates(engine) == set()


def test_a_rule_that_makes_too_many_pairs_for_each_record_is_refused_with_advice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "FEW_PAIRS", 5)
    with BatchEngine(table_of([record(i, email="a@example.org") for i in range(4)])) as engine:
        engine.block(["e-mail address"], NO_CAP, max_pairs_per_record=1.5)
        with pytest.raises(ExplodingRule, match=r"e-mail address.*person-index blocking"):
            engine.block(["e-mail address"], NO_CAP, max_pairs_per_record=1.4)
        monkeypatch.setattr(candidates, "FEW_PAIRS", 6)
        engine.block(["e-mail address"], NO_CAP, max_pairs_per_record=1.4)


def test_pairs_are_the_same_however_many_are_sorted_at_once(
    hard_records: list[NormalisedRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    with BatchEngine(table_of(hard_records)) as engine:
        whole = engine.block(RULES, NO_CAP)
        pairs = engine.candidates()
        monkeypatch.setattr(candidates, "PAIRS_AT_ONCE", 1000)
        assert engine.block(RULES, NO_CAP) == whole
        assert np.array_equal(engine.candidates().left, pairs.left)
        assert np.array_equal(engine.candidates().right, pairs.right)


def test_a_report_counts_the_pairs_that_no_other_rule_finds(hard_records: list[NormalisedRecord]) -> None:
    keys = [{rule.name: set(rule.keys(r)) for rule in BLOCKING_RULES} for r in hard_records]
    only = Counter(
        finders[0]
        for a, b in itertools.combinations(keys, 2)
        if len(finders := [rule for rule in RULES if a[rule] & b[rule]]) == 1
    )
    with BatchEngine(table_of(hard_records)) as engine:
        reports = engine.block(RULES, NO_CAP)
    assert {report.rule: report.only_here for report in reports} == {rule: only[rule] for rule in RULES}


def test_generic_values_make_no_key() -> None:
    records = [record(i, first_name="Ana", phone="555-010-0199") for i in range(2)]
    with BatchEngine(table_of(records)) as engine:
        assert engine.remove_generic({"phone": (value_digest("5550100199"),)}) == {"phone": 2}
        engine.block(RULES, NO_CAP)
        assert _candidates(engine) == set()


def test_a_rule_this_version_does_not_have_is_refused() -> None:
    with BatchEngine(table_of([record(1), record(2)])) as engine, pytest.raises(ModelMismatch, match="shoe size"):
        engine.block(["shoe size"], 500)


@pytest.mark.parametrize("key", ["900000001", "", "ana|1", "señor"])
def test_a_key_number_is_the_lower_half_of_md5_as_duckdb_has_it_with_a_sign(key: str) -> None:
    row = duckdb.execute("select md5_number_lower('cin|' || $key)", {"key": key}).fetchone()
    assert row is not None
    assert key_number("cin", key) % 2**64 == row[0]
    assert -(2**63) <= key_number("cin", key) < 2**63


def test_the_key_numbers_of_a_record_are_those_of_all_rules_ascending_and_distinct(
    hard_records: list[NormalisedRecord],
) -> None:
    for hard in hard_records[:50]:
        wanted = {key_number(rule.name, key) for rule in BLOCKING_RULES for key in rule.keys(hard)}
        assert list(key_numbers(hard)) == sorted(wanted)
    assert key_numbers(record(1)) == ()


@pytest.mark.parametrize("rules", [ALL_RULES, ALL_RULES[3:9], ALL_RULES[-1:], ("ssn", "no such rule"), ()])
def test_the_keys_made_for_all_rules_at_once_are_those_of_each_rule(
    rules: Sequence[str], hard_records: list[NormalisedRecord]
) -> None:
    for hard in hard_records:
        made = key_maker(tuple(rules)).keys(hard)
        assert made == [(rule.name, key) for rule in BLOCKING_RULES if rule.name in rules for key in rule.keys(hard)]


def test_rules_numbered_under_secret_names_give_other_numbers_and_both_engines_the_same(
    hard_records: list[NormalisedRecord],
) -> None:
    before = dict(blocking._numbered_as)
    plain = [key_numbers(each) for each in hard_records]
    try:
        number_rules_as({"ssn": "ssn of one secret", "cin": "cin of 'another'"})
        secret = [key_numbers(each) for each in hard_records]
        assert record_keys(table_of(hard_records)).to_pylist() == [list(numbers) for numbers in secret]
    finally:
        number_rules_as(before)
    with_numbers = [each.ssn is not None or each.cin is not None for each in hard_records]
    assert [one != other for one, other in zip(plain, secret, strict=True)] == with_numbers


def test_key_numbers_of_a_table_are_those_of_its_records(hard_records: list[NormalisedRecord]) -> None:
    assert record_keys(table_of(hard_records)).to_pylist() == [list(key_numbers(r)) for r in hard_records]


def test_key_numbers_of_a_table_without_some_columns_or_rows() -> None:
    table = table_of([record(1, email="ana@example.org"), record(2)])
    expected = [[key_number("e-mail address", "ana@example.org")], []]
    assert record_keys(table.select(["source", "source_record_id", "email"])).to_pylist() == expected
    assert record_keys(table.slice(0, 0)).to_pylist() == []


def test_keys_that_differ_at_the_ends_of_two_blocks_of_bytes_are_two() -> None:
    """The hash of a text alone takes them for one; no two of these keys may be."""
    texts = [f"garcia|{sound}400|200{year}" for sound in "ABCDFGHJKLMNPRSTVW" for year in range(10)]
    with duckdb.connect() as con:
        given = ", ".join(f"('{text}')" for text in texts)
        counts = con.execute(
            f"select count(distinct hash(k)), count(distinct {hash_sql('k')}) from (values {given}) as t (k)"
        ).fetchone()
    assert counts is not None
    assert counts[0] < len(texts), "DuckDB has mended it: hash(k) will do again"
    assert counts[1] == len(texts)
