"""Two sides weighed: nothing is left out of the sum, and two single records weigh what a pair weighs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index_service.linking_context import shipped
from index_service.side_by_side import weigh_sides, weights_among
from linkage.normalise import normalise
from linkage.record import NormalisedRecord, SourceRecord
from linkage.weights import explain
from tests.stewards_cases import CASES

RECORDS = [normalise(SourceRecord(*case))[0] for case in CASES]
some = st.lists(st.sampled_from(RECORDS), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(left=some, right=some)
def test_what_is_told_adds_up_to_the_weights(
    left: Sequence[NormalisedRecord], right: Sequence[NormalisedRecord]
) -> None:
    found = weigh_sides(left, right, shipped())
    told = found.prior_bits + sum(part.against_stranger_bits for part in found.parts)
    assert told == pytest.approx(found.against_stranger, abs=1e-4)
    told = found.sibling_prior_bits + sum(part.against_sibling_bits for part in found.parts)
    assert told == pytest.approx(found.against_sibling, abs=1e-4)
    assert found.weight <= min(found.against_stranger, found.against_sibling) + 1e-9


@settings(max_examples=40, deadline=None)
@given(left=st.sampled_from(RECORDS), right=st.sampled_from(RECORDS))
def test_one_record_beside_one_weighs_as_the_pair(left: NormalisedRecord, right: NormalisedRecord) -> None:
    sides, pair = weigh_sides([left], [right], shipped()), explain(left, right, shipped().model)
    assert sides.weight == pytest.approx(pair.weight, abs=1e-4)
    assert sides.against_sibling == pytest.approx(pair.weight_against_sibling, abs=1e-4)
    assert [part.level_label for part in sides.parts] == [part.level_label for part in pair.parts]


def test_weights_among_records_are_those_of_the_pairs() -> None:
    weights = weights_among(RECORDS[:6], shipped())
    assert weights.shape == (6, 6)
    assert weights[0, 5] == pytest.approx(explain(RECORDS[0], RECORDS[5], shipped().model).weight)
    assert weights[0, 5] == pytest.approx(weights[5, 0])


def test_levels_are_counted_over_all_pairs_of_records() -> None:
    alexandria = [record for record in RECORDS if record.source_record_id.startswith("alex-")]
    found = weigh_sides(alexandria[:3], alexandria[3:], shipped())
    place = found.part("locality")
    assert place is not None
    assert (place.pairs, place.at_level, place.level_label) == (3, 2, "same ZIP code")
