"""Linking records into persons: what the partition depends on, and what outranks every weight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.policy import LinkagePolicy, load_policy
from linkage.comparisons import COMPARISONS
from linkage.errors import ContradictoryConstraints, NothingToLink
from linkage.model import Model
from linkage.normalise import normalise
from linkage.pipeline import LinkResult, link
from linkage.record import Constraints, NormalisedRecord, RecordKey, SourceRecord
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import TODAY, invented_ssn, record, table_of
from tests.linkage.models import made_model
from training.fit import fit
from training.population import generate

Persons = frozenset[frozenset[RecordKey]]
POLICY = load_policy()


def keys_of(records: pa.Table) -> list[RecordKey]:
    return list(zip(records.column("source").to_pylist(), records.column("source_record_id").to_pylist(), strict=True))


def persons(records: pa.Table, result: LinkResult) -> Persons:
    groups: dict[int, set[RecordKey]] = {}
    for key, label in zip(keys_of(records), result.cluster.tolist(), strict=True):
        groups.setdefault(label, set()).add(key)
    return frozenset(frozenset(group) for group in groups.values())


def together(found: Persons, a: RecordKey, b: RecordKey) -> bool:
    return any({a, b} <= group for group in found)


@pytest.fixture(scope="module")
def population() -> pa.Table:
    """Some 60 children and their parents, as eleven departments know them."""
    rows = generate(60, seed=17).records.to_pylist()
    return table_of([_normalised(row) for row in rows])


def _normalised(row: dict[str, Any]) -> NormalisedRecord:
    source, record_id = row.pop("source"), row.pop("source_record_id")
    values = {name: value for name, value in row.items() if value}
    return normalise(SourceRecord(source, record_id, values), TODAY)[0]


@pytest.fixture(scope="module")
def model(population: pa.Table) -> Model:
    return fit(population, seed=1).model


@pytest.fixture(scope="module")
def linked(population: pa.Table, model: Model) -> LinkResult:
    return link(population, model, POLICY)


def test_labels_are_the_smallest_row_of_each_cluster(linked: LinkResult, population: pa.Table) -> None:
    assert linked.cluster.shape == (population.num_rows,)
    for label in np.unique(linked.cluster):
        assert label == np.flatnonzero(linked.cluster == label).min()
    assert 1 < len(np.unique(linked.cluster)) < population.num_rows


def test_probabilities_belong_to_the_members(linked: LinkResult) -> None:
    assert ((linked.probability >= 0) & (linked.probability <= 1)).all()
    sizes = np.bincount(linked.cluster)[linked.cluster]
    assert (linked.probability[sizes == 1] == 1.0).all()


def test_reviews_are_of_clusters_that_stayed_apart(linked: LinkResult) -> None:
    labels = set(linked.cluster.tolist())
    assert len(linked.reviews.left), "a population with twins leaves something to review"
    assert (linked.reviews.left < linked.reviews.right).all()
    assert {*linked.reviews.left.tolist(), *linked.reviews.right.tolist()} <= labels
    assert (linked.reviews.weight_bits >= POLICY.review_threshold_bits).all()


@pytest.mark.parametrize("seed", [1])
def test_the_partition_does_not_depend_on_the_order_of_the_rows(
    population: pa.Table, model: Model, linked: LinkResult, seed: int
) -> None:
    shuffled = population.take(np.random.default_rng(seed).permutation(population.num_rows))
    result = link(shuffled, model, POLICY)
    assert persons(shuffled, result) == persons(population, linked)
    assert _reviews(shuffled, result) == _reviews(population, linked)


def _reviews(records: pa.Table, result: LinkResult) -> set[tuple[frozenset[frozenset[RecordKey]], float]]:
    keys = keys_of(records)
    members: dict[int, frozenset[RecordKey]] = {
        label: frozenset(keys[row] for row in np.flatnonzero(result.cluster == label))
        for label in {*result.reviews.left.tolist(), *result.reviews.right.tolist()}
    }
    rows = zip(
        result.reviews.left.tolist(), result.reviews.right.tolist(), result.reviews.weight_bits.tolist(), strict=True
    )
    return {(frozenset((members[a], members[b])), round(bits, 5)) for a, b, bits in rows}


def test_linking_a_component_alone_gives_what_linking_everything_gives(
    population: pa.Table, model: Model, linked: LinkResult
) -> None:
    """One computation, two scopes: what makes ingesting one record and relinking all the same."""
    chosen = np.flatnonzero(np.isin(linked.cluster, np.unique(linked.cluster)[::7]))
    touched = set(chosen.tolist())
    while True:  # whatever is scored beside one of them belongs to the scope
        left, right = linked.pairs.left, linked.pairs.right
        beside = np.isin(left, list(touched)) | np.isin(right, list(touched))
        wider = touched | set(left[beside].tolist()) | set(right[beside].tolist())
        if wider == touched:
            break
        touched = wider
    scope = population.take(sorted(touched))
    keys = set(keys_of(scope))
    assert persons(scope, link(scope, model, POLICY)) == {p for p in persons(population, linked) if p <= keys}
    assert len(keys) < population.num_rows


def _pairs(records: pa.Table, result: LinkResult, linked: bool) -> list[tuple[RecordKey, RecordKey]]:
    """Scored pairs that are (or are not) in one cluster."""
    keys = keys_of(records)
    inside = result.cluster[result.pairs.left] == result.cluster[result.pairs.right]
    rows = np.flatnonzero(inside == linked)
    return [(keys[result.pairs.left[i]], keys[result.pairs.right[i]]) for i in rows]


@pytest.mark.parametrize("seed", range(2))
def test_cannot_link_is_never_violated_and_must_link_always_kept(
    population: pa.Table, model: Model, linked: LinkResult, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    same, apart = _pairs(population, linked, linked=True), _pairs(population, linked, linked=False)
    keys = keys_of(population)
    cannot = {same[i] for i in rng.choice(len(same), 12, replace=False)}
    must = {apart[i] for i in rng.choice(len(apart), 3, replace=False)}
    must |= {(keys[a], keys[b]) for a, b in rng.choice(len(keys), (3, 2), replace=False)}  # never candidates
    try:
        result = link(population, model, POLICY, Constraints(frozenset(must), frozenset(cannot)))
    except ContradictoryConstraints:
        pytest.fail("these constraints contradict each other: choose another seed")
    found = persons(population, result)
    assert all(together(found, a, b) for a, b in must)
    assert not any(together(found, a, b) for a, b in cannot)


# --- small cases, a model made by hand -----------------------------------------------------------------------------

CHILD: dict[str, Any] = {
    "first_name": "Ana", "last_name": "Lopez", "sex": "f", "birth_date": "2015-03-09", "ssn": invented_ssn(1111),
    "mother_first_name": "Rosa", "address_line": "12 Oak Ave", "zip": "93701", "phone": "555-010-0199",
}  # fmt: skip
TWIN = {**CHILD, "first_name": "Zoe", "ssn": invented_ssn(2233)}
BETWEEN = {k: v for k, v in CHILD.items() if k not in ("first_name", "ssn")}  # could be either twin
COMPARED = ("first_name", "sex", "ssn", "birth_date", "last_name", "mother", "address", "phone")
RULES = ("ssn", "birth date, surname's sound", "first and last name", "telephone, first initial", "address")
MODEL = made_model(c for c in COMPARISONS if c.name in COMPARED).model_copy(update={"blocking_rules": RULES})


def grouped(
    *records: NormalisedRecord, constraints: Constraints | None = None, policy: LinkagePolicy = POLICY
) -> list[set[int]]:
    table = table_of(records)
    found = persons(table, link(table, MODEL, policy, constraints))
    return sorted(({int(number) for _, number in group} for group in found), key=min)


def must(*pairs: tuple[int, int]) -> Constraints:
    return Constraints(must_link=frozenset((("cws_cms", str(a)), ("cws_cms", str(b))) for a, b in pairs))


def cannot(*pairs: tuple[int, int]) -> Constraints:
    return Constraints(cannot_link=must(*pairs).must_link)


def test_a_child_known_twice_is_one_person_and_its_twin_another() -> None:
    assert grouped(record(1, **CHILD), record(2, **CHILD), record(3, **TWIN), record(4, **TWIN)) == [{1, 2}, {3, 4}]


def test_a_record_that_could_be_either_twin_never_chains_them_together() -> None:
    records = (record(1, **CHILD), record(2, **CHILD), record(3, **TWIN), record(4, **TWIN), record(5, **BETWEEN))
    found = grouped(*records)
    assert not any({1, 3} <= group or {2, 4} <= group for group in found)
    assert any({1, 2} <= group for group in found)
    assert any({3, 4} <= group for group in found)


def test_an_ssn_alone_never_links_however_rare() -> None:
    other = {"first_name": "Omar", "last_name": "Ray", "birth_date": "2007-11-21", "ssn": CHILD["ssn"]}
    assert grouped(record(1, **CHILD), record(2, **other)) == [{1}, {2}]


def test_a_steward_may_join_what_the_weights_keep_apart_and_part_what_they_join() -> None:
    records = (record(1, **CHILD), record(2, **CHILD), record(3, **TWIN))
    assert grouped(*records, constraints=must((1, 3))) in ([{1, 2, 3}], [{1, 3}, {2}])
    assert grouped(*records, constraints=cannot((1, 2))) == [{1}, {2}, {3}]


def test_a_decision_about_a_record_that_is_not_there_has_no_effect() -> None:
    assert grouped(record(1, **CHILD), record(2, **CHILD), constraints=cannot((1, 99))) == [{1, 2}]


def test_decisions_that_contradict_each_other_over_a_third_record_are_refused() -> None:
    both = Constraints(must((1, 2), (2, 3)).must_link, cannot((1, 3)).cannot_link)
    with pytest.raises(ContradictoryConstraints, match="Undo one of the judgements"):
        grouped(record(1, **CHILD), record(2, **CHILD), record(3, **CHILD), constraints=both)


def test_a_component_above_the_cap_is_reported() -> None:
    small = LinkagePolicy(**{**POLICY.model_dump(), "max_component_records": 3})
    table = table_of([record(i, **CHILD) for i in range(5)])
    assert link(table, MODEL, small).oversized_components == (5,)
    assert link(table, MODEL, POLICY).oversized_components == ()


def test_a_model_that_compares_nothing_is_refused() -> None:
    empty = MODEL.model_copy(update={"comparisons": ()})
    with pytest.raises(NothingToLink):
        link(table_of([record(1, **CHILD)]), empty, POLICY)


@pytest.mark.parametrize("count", [0, 1])
def test_no_records_and_one_record(count: int) -> None:
    result = link(table_of([record(i, **CHILD) for i in range(count)]), MODEL, POLICY)
    assert result.cluster.tolist() == list(range(count))


HARD = edge_cases(70, seed=3, people=9)
EASY_POLICY = LinkagePolicy(
    **{**POLICY.model_dump(), "link_threshold_bits": 1.0, "link_error_aim": 0.4, "review_threshold_bits": 0.0}
)


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.permutations(range(30)),
    st.integers(0, 40),
    st.sets(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=5),
)
def test_order_and_names_of_rows_do_not_matter_and_constraints_hold(
    order: list[int], start: int, forbidden: Iterable[tuple[int, int]]
) -> None:
    records = HARD[start : start + 30]
    apart = frozenset((records[a].key, records[b].key) for a, b in forbidden if a != b)
    constraints = Constraints(cannot_link=apart)
    straight, shuffled = table_of(records), table_of([records[i] for i in order])
    first = persons(straight, link(straight, MODEL, EASY_POLICY, constraints))
    assert persons(shuffled, link(shuffled, MODEL, EASY_POLICY, constraints)) == first
    assert not any(together(first, a, b) for a, b in apart)


def test_the_hard_records_do_link() -> None:
    table = table_of(HARD)
    assert len(persons(table, link(table, MODEL, EASY_POLICY))) < len(HARD) - 15


def test_columns_that_are_not_there_are_missing_values() -> None:
    columns = [
        "source",
        "source_record_id",
        "first_name",
        "first_alternatives",
        "last_name",
        "last_tokens",
        "birth_date",
        "birth_year",
    ]
    records = [replace(record(i, **CHILD), ssn=None) for i in range(2)]
    few = table_of(records).select(columns)
    few_comparisons = made_model(c for c in COMPARISONS if c.name in ("first_name", "last_name", "birth_date"))
    policy = LinkagePolicy(**{**POLICY.model_dump(), "link_threshold_bits": 1.0, "link_error_aim": 0.4})
    rules = {"blocking_rules": ("birth date, first initial", "birth date, surname's initial")}
    result = link(few, few_comparisons.model_copy(update=rules), policy)
    assert result.candidate_pairs == 1
