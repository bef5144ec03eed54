"""Identifiers have the forms of their systems and are given out once."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.identifiers import BASE_62, classify_ssn, format_cws_cms_id, parse_cin, parse_meds_id
from training.population.numbers import SSN_AREAS, ExhaustedError, Numbers, Supply, cws_cms_ids


@settings(max_examples=50, deadline=None)
@given(st.integers(2, 5_000), st.integers(0, 1_000), st.integers(1, 7))
def test_a_supply_gives_every_number_once_however_it_is_asked(size: int, seed: int, portions: int) -> None:
    supply = Supply(size, seed, "tests")
    cuts = [size * part // portions for part in range(portions + 1)]
    given_out = np.concatenate([supply.take(stop - start) for start, stop in pairwise(cuts)])
    assert sorted(given_out.tolist()) == list(range(size))
    with pytest.raises(ExhaustedError):
        supply.take(1)


def test_a_published_cws_cms_id_is_made_from_its_time_and_staff() -> None:
    day = (date(2012, 11, 25) - date(1970, 1, 1)).days
    time_of_day = ((11 * 60 + 15) * 60 + 22) * 100 + 18
    staff = BASE_62.index("X") * 62 + BASE_62.index("5")
    ids = cws_cms_ids(np.array([day]), np.array([time_of_day]), np.array([staff]))
    assert list(ids) == ["5Y3vKVs0X5"]
    assert format_cws_cms_id(ids[0]) == "0315-2076-8676-8002051"


def test_ssns_are_distinct_well_formed_and_of_the_reserved_areas() -> None:
    ssns = Numbers(1).ssns(np.arange(50_000), np.zeros(50_000, dtype=np.bool_))
    assert len(set(ssns)) == 50_000
    assert {classify_ssn(ssn).kind for ssn in ssns[:2_000]} == {"ssn"}
    assert {int(ssn[:3]) for ssn in ssns} == set(SSN_AREAS)


def test_twins_may_have_consecutive_ssns_that_nobody_else_has() -> None:
    consecutive = np.arange(1_000) % 2 == 1
    ssns = Numbers(1).ssns(np.arange(1_000) - consecutive, consecutive)
    assert len(set(ssns)) == 1_000
    near = [int(b) - int(a) for a, b in zip(ssns[::2], ssns[1::2], strict=True)]
    assert near.count(1) > 490  # but for the last of a group


def test_cins_and_pseudo_numbers_are_read_without_doubts() -> None:
    numbers = Numbers(3)
    assert all(parse_cin(cin).doubts == () for cin in numbers.cins(300))
    assert all(parse_meds_id(number).doubts == () for number in numbers.pseudo_numbers(300))


def test_court_numbers_run_on_within_a_year_from_call_to_call() -> None:
    numbers = Numbers(4)
    day = (date(2019, 5, 1) - date(1970, 1, 1)).days
    assert list(numbers.court_numbers(np.array([day, day + 1]))) == ["19CCJP00001", "19CCJP00002"]
    assert list(numbers.court_numbers(np.array([day, day + 365]))) == ["19CCJP00003", "20CCJP00001"]
