"""Signs that one person is several, and where it would be parted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.nights import SentinelConfig
from linkage.overmerged import Surroundings, bridge, deduplicated_sources, may_show_a_sign, suspicion
from linkage.pairs import WeighedPairs
from linkage.record import NormalisedRecord

NAMES = ("birth_date", "sex")
CONFIG = SentinelConfig()
AROUND = Surroundings(year=2026, deduplicated=frozenset({"dds"}), without_adults=frozenset({"calpads"}))
STRONG, WEAK, LINK = 20.0, -3.0, 5.0
Pair = tuple[int, int]


def record(number: int, source: str = "meds", **values: object) -> NormalisedRecord:
    return replace(NormalisedRecord(source, f"R{number}"), **values)  # type: ignore[arg-type]


def weighed(
    size: int, weights: Mapping[Pair, float], disagree: Mapping[str, Sequence[Pair]] | None = None
) -> WeighedPairs:
    """All pairs of so many records: weak unless given, agreeing unless named."""
    every = list(combinations(range(size), 2))
    levels = [[0 if pair in (disagree or {}).get(name, ()) else 3 for name in NAMES] for pair in every]
    bits = np.array([weights.get(pair, WEAK) for pair in every])
    left, right = (np.array([pair[side] for pair in every], dtype=np.int64) for side in (0, 1))
    return WeighedPairs(left, right, np.array(levels, dtype=np.int8), bits, bits, bits)


def alike(size: int) -> dict[Pair, float]:
    return dict.fromkeys(combinations(range(size), 2), STRONG)


def test_a_person_without_a_sign_is_left_in_peace() -> None:
    records = [record(n, birth_year=2012) for n in range(4)]
    assert suspicion(records, weighed(4, alike(4)), NAMES, AROUND, CONFIG, LINK) is None


def test_two_birth_dates_are_parted_where_they_differ() -> None:
    pairs = weighed(4, alike(4) | {(0, 3): 6.0, (1, 3): 6.0, (2, 3): 6.0}, {"birth_date": [(0, 3), (1, 3), (2, 3)]})
    found = suspicion([record(n, birth_year=2012) for n in range(4)], pairs, NAMES, AROUND, CONFIG, LINK)
    assert found is not None
    assert (found.kind, found.signs, found.fields) == ("possible_overlay", ("two_birth_dates",), ("birth_date",))
    assert (found.stays, found.leaves, found.weight_bits, found.pairs) == ((0, 1, 2), (3,), 6.0, 3)


def test_an_estimated_birth_date_contradicts_nobody() -> None:
    records = [record(0, birth_year=2012), record(1, birth_year=2012, birth_estimated=True)]
    pairs = weighed(2, alike(2), {"birth_date": [(0, 1)]})
    assert suspicion(records, pairs, NAMES, AROUND, CONFIG, LINK) is None


def test_the_split_parts_what_contradicts_even_where_something_else_is_held_more_weakly() -> None:
    pairs = weighed(4, alike(4) | {(0, 2): 1.0, (1, 2): 1.0, (2, 3): 1.0}, {"sex": [(0, 1), (1, 3)]})
    found = suspicion([record(n) for n in range(4)], pairs, NAMES, AROUND, CONFIG, LINK)
    assert found is not None
    assert (found.signs, found.leaves) == (("two_sexes",), (1,))


@pytest.mark.parametrize(
    ("records", "sign"),
    [
        ([record(0, "dds"), record(1, "dds")], "two_of_one_source"),
        ([record(0, birth_year=1985), record(1, birth_year=2012)], "implausible_age"),
        ([record(0, birth_year=2031), record(1)], "implausible_age"),
        ([record(0, birth_year=1990), record(1, "calpads", birth_year=1990)], "implausible_age"),
        ([record(0, cin="95555555A"), record(1, cin="95555555A")], "number_of_many"),
        ([record(0, identifiers=("ssid:1",)), record(1, identifiers=("ssid:1", "x:2"))], "number_of_many"),
    ],
)
def test_each_sign(records: list[NormalisedRecord], sign: str) -> None:
    many = frozenset({("cin", "95555555A"), ("identifiers", "ssid:1")})
    around = replace(AROUND, numbers_of_many=many)
    found = suspicion(records, weighed(2, alike(2)), NAMES, around, CONFIG, LINK)
    assert found is not None
    assert found.signs == (sign,)


def test_an_outlier_in_size_is_parted_at_its_weakest_cut() -> None:
    weights = alike(6) | {(a, b): 7.0 for a in range(4) for b in (4, 5)}
    around = replace(AROUND, many_records=5)
    found = suspicion([record(n) for n in range(6)], weighed(6, weights), NAMES, around, CONFIG, LINK)
    assert found is not None
    assert (found.kind, found.signs, found.leaves) == ("possible_split", ("many_records",), (4, 5))


def test_two_families_of_records_tied_by_one_record() -> None:
    weights = dict.fromkeys([(0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 4)], STRONG)
    found = suspicion([record(n) for n in range(5)], weighed(5, weights), NAMES, AROUND, CONFIG, LINK)
    assert found is not None
    assert (found.signs, found.stays, found.leaves) == (("one_bridge",), (2, 3, 4), (0, 1))


def test_two_families_of_records_tied_by_one_pair() -> None:
    weights = {(0, 1): STRONG, (2, 3): STRONG, (1, 2): STRONG}
    assert bridge(4, weighed(4, weights), LINK, 2) == (0, 1)
    assert bridge(4, weighed(4, weights | {(0, 3): STRONG}), LINK, 2) == ()


@given(size=st.integers(3, 9), data=st.data())
def test_a_bridge_is_found_exactly_where_removing_one_record_or_pair_parts_the_rest(
    size: int, data: st.DataObject
) -> None:
    every = list(combinations(range(size), 2))
    tied = data.draw(st.sets(st.sampled_from(every)))
    found = bridge(size, weighed(size, dict.fromkeys(tied, STRONG)), LINK, 2)

    def parts(rows: set[int], edges: set[Pair]) -> list[set[int]]:
        """The connected parts that leave two rows or more on either side."""
        part = {row: {row} for row in rows}
        for a, b in edges:
            if a in rows and b in rows and part[a] is not part[b]:
                part[a] |= part[b]
                part.update(dict.fromkeys(part[b], part[a]))
        return [each for each in part.values() if 2 <= len(each) <= len(rows) - 2]

    rows = set(range(size))
    by_record = [part for row in rows for part in parts(rows - {row}, tied)]
    by_pair = [part for pair in tied for part in parts(rows, tied - {pair})]
    assert bool(found) == bool(by_record or by_pair)
    assert not found or set(found) in (by_record or by_pair)


def test_that_a_source_has_one_record_of_each_person_is_stated_or_learned() -> None:
    frequencies = {"clean": 1e-9, "doubled": 1e-4, "stated": 1e-4, "denied": 1e-9}
    records = dict.fromkeys(frequencies, 10_000.0)
    stated = {"clean": None, "doubled": None, "stated": True, "denied": False}
    assert deduplicated_sources(frequencies, records, stated) == {"clean", "stated"}


@given(st.integers(4, 7), st.data())
def test_whom_a_bridge_holds_together_may_show_a_sign(size: int, data: st.DataObject) -> None:
    every = list(combinations(range(size), 2))
    left, right = np.array(every, dtype=np.int64).T
    weight = np.array(data.draw(st.lists(st.sampled_from([0.0, 40.0]), min_size=len(every), max_size=len(every))))
    levels = np.ones((len(every), 1), dtype=np.int8)
    pairs = WeighedPairs(left, right, levels, weight, weight, weight)
    if bridge(size, pairs, 20.0, 2):
        assert may_show_a_sign(np.zeros(size, dtype=np.int64), pairs, ["sex"], 20.0).tolist() == [0]
