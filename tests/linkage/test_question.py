"""A question is weighed against a person as clustering would weigh it, and plausible persons share the probability."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from config.policy import load_policy
from linkage.cluster import BITS_TO_UNITS, Agglomeration, pair_evidence
from linkage.columns import RecordColumns, pairs_within
from linkage.compare import agreement_levels
from linkage.evidence_rules import opposed_pairs
from linkage.question import pair_weights, person_weights
from linkage.record import NormalisedRecord
from linkage.weights import class_priors, compile_model, frequency_bits, of_one_source, probability
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import record
from tests.linkage.models import made_model

POLICY = load_policy()
COMPILED = compile_model(made_model())
RECORDS = edge_cases(40, seed=11, people=6)


def clustered_weights(question: NormalisedRecord, persons: list[list[NormalisedRecord]]) -> list[float]:
    """The weight between the question and each person once the person's records are joined."""
    records = [question, *(r for person in persons for r in person)]
    size = len(records)
    left, right = np.triu_indices(size, 1)
    pairs = pairs_within(RecordColumns.of(records), left, right)
    levels = agreement_levels(pairs, COMPILED.comparisons)
    evidence = pair_evidence(
        levels,
        frequency_bits(pairs, levels, COMPILED),
        class_priors(pairs.sides("source"), COMPILED.model),
        opposed_pairs(levels, COMPILED.names, POLICY),
        COMPILED,
        of_one_source(pairs.sides("source")),
    )
    state = Agglomeration(1, size, evidence, COMPILED, (np.zeros(len(left), np.int64), left, right))
    first = 1
    firsts = []
    for person in persons:
        state.join_decided(0, [(first, first + i) for i in range(1, len(person))])
        firsts.append(first)
        first += len(person)
    return [float(state.weights[0, 0, f]) / BITS_TO_UNITS for f in firsts]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_it_weighs_what_clustering_weighs(data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(range(len(RECORDS))), min_size=2, max_size=9, unique=True))
    question, *others = (RECORDS[i] for i in chosen)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(others) - 1)), max_size=3)) - {len(others)})
    persons = [others[a:b] for a, b in zip([0, *cuts], [*cuts, len(others)], strict=True)]
    numbers = [n for n, person in enumerate(persons) for _ in person]
    found = person_weights(question, RecordColumns.of(others), numbers, COMPILED, POLICY)
    np.testing.assert_allclose(found.weight, clustered_weights(question, persons), atol=2e-6)
    single = pair_weights(question, RecordColumns.of(others), COMPILED)
    for n, row in enumerate(found.strongest.tolist()):
        members = [i for i, number in enumerate(numbers) if number == n]
        assert single[row] == max(single[i] for i in members)
        if len(members) == 1:
            assert abs(found.weight[n] - single[row]) < 1e-5
    assert 0 <= found.probability.sum() <= 1 + 1e-9
    assert (found.probability <= probability(found.weight) + 1e-9).all()


def test_two_persons_who_answer_equally_well_share_the_probability() -> None:
    child = {"first_name": "Ana", "last_name": "Testvogel", "birth_date": "2015-03-02", "sex": "female"}
    question, left, right = (record(n, **child) for n in range(3))
    found = person_weights(question, RecordColumns.of([left, right]), [0, 1], COMPILED, POLICY)
    assert found.weight[0] == found.weight[1] > 10
    np.testing.assert_allclose(found.probability, 0.5, atol=1e-3)
