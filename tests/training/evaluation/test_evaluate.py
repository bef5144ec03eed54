"""A whole evaluation: tables in, figures out."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from tests.training.evaluation.invented import facts, invented
from training.evaluation.evaluate import UnusableTableError, evaluate, to_text
from training.evaluation.partitions import PairCounts
from training.evaluation.text import percent


def test_every_question_is_answered_from_the_two_tables_and_the_pairs() -> None:
    given = invented()
    found = evaluate(given.predicted, given.truth, pairs=given.pairs, how=facts())
    # child 0 gained two records (3 + 3 + 1 false pairs); children 1, 2 and 9 lost one of three (2 missed pairs each)
    assert found.pairs.counts == PairCounts(tp=180 - 6, fp=7, fn=6)
    assert (found.clusters.true, found.clusters.predicted, found.clusters.exact) == (60, 61, 56)
    assert (found.clusters.persons_mixed, found.clusters.persons_split) == (3, 3)
    assert {row.relation: row.pairs for row in found.false_links} == {
        "twin": 3,
        "sibling": 4,
        "household": 0,
        "stranger": 0,
    }
    assert found.twins is not None and (found.twins.pairs, found.twins.apart) == (20, 19)
    assert {row.reason: row.pairs for row in found.missed_links} == {
        "not proposed by blocking": 0,
        "too weak to be looked at": 1,
        "under the review threshold": 1,
        "in the review band": 0,
        "kept apart by clustering": 4,
    }
    assert found.completeness is not None and found.completeness.found == 179
    assert sum(row.pairs for row in found.weights) == found.calibration.cases if found.calibration else False


def test_the_worst_errors_are_named_by_record_and_explained_step_by_step() -> None:
    given = invented()
    found = evaluate(given.predicted, given.truth, pairs=given.pairs, how=facts())
    false, missed = found.worst[0], found.worst[2]
    assert (false.kind, false.relation, false.weight_bits) == ("false link", "twin", 9.0)
    assert (false.left, false.right) == (("cws_cms", "R0000"), ("cws_cms", "R0003"))
    assert (missed.kind, missed.relation, missed.weight_bits) == ("missed link", None, -2.0)
    assert false.rival == "a sibling or twin"
    assert [step.comparison for step in false.steps] == ["before any comparison", "first_name", "birth_date", "phone"]
    assert sum(step.bits for step in false.steps) == pytest.approx(5.5)


def test_subgroups_come_from_the_truth_tables_own_columns() -> None:
    given = invented()
    found = {g.name: g for g in evaluate(given.predicted, given.truth).subgroups}
    assert set(found) == {"is_twin", "has_sibling", "name_group=armenian", "name_group=hmong"}
    assert (found["is_twin"].persons, found["is_twin"].pairs.counts.fn) == (40, 2 + 2)
    assert found["name_group=hmong"].pairs.counts == PairCounts(tp=30 * 3 - 2, fp=7, fn=2)


def test_the_tables_may_come_in_different_orders() -> None:
    given = invented()
    shuffled = given.truth.take(np.random.default_rng(3).permutation(given.truth.num_rows))
    one, other = (evaluate(given.predicted, truth, pairs=given.pairs) for truth in (given.truth, shuffled))
    assert one.pairs == other.pairs
    assert one.false_links == other.false_links
    assert one.worst == other.worst


def test_a_record_that_was_never_linked_counts_as_standing_alone() -> None:
    given = invented()
    found = evaluate(given.predicted.slice(0, 177), given.truth)
    assert (found.records.judged, found.records.only_in_truth) == (180, 3)
    assert found.pairs.counts.fn == 6 + 3


def test_a_record_without_a_predicted_person_stands_alone() -> None:
    keys = {"source": ["meds"] * 3, "source_record_id": ["1", "2", "3"]}
    found = evaluate(pa.table({**keys, "person_id": ["a", None, None]}), pa.table({**keys, "person": [1, 1, 1]}))
    assert found.pairs.counts == PairCounts(0, 0, 3)


def test_records_that_the_truth_does_not_know_are_left_out_and_counted() -> None:
    given = invented()
    found = evaluate(given.predicted, given.truth.slice(0, 90), pairs=given.pairs)
    assert (found.records.judged, found.records.without_truth) == (90, 90)
    assert found.pairs.counts.tp + found.pairs.counts.fn == 90


def test_record_ids_written_as_numbers_meet_the_same_written_as_text() -> None:
    predicted = pa.table({"source": ["meds"], "source_record_id": ["7"], "person_id": ["P"]})
    truth = pa.table({"source": ["meds"], "source_record_id": [7], "cluster": ["c"]})
    assert evaluate(predicted, truth).records.judged == 1


def test_tables_without_a_common_record_are_refused_with_advice() -> None:
    predicted = pa.table({"source": ["meds"], "source_record_id": ["7"], "person_id": ["P"]})
    truth = pa.table({"source": ["MEDS"], "source_record_id": ["7"], "person": [1]})
    with pytest.raises(UnusableTableError, match="spelled alike"):
        evaluate(predicted, truth)


def test_a_truth_without_a_person_column_is_refused_with_advice() -> None:
    given = invented()
    with pytest.raises(UnusableTableError, match="no person column; name it one of person"):
        evaluate(given.predicted, given.truth.drop_columns(["person"]))


def test_the_figures_are_plain_json_and_repeatable() -> None:
    given = invented()
    one, again = (
        json.dumps(evaluate(given.predicted, given.truth, pairs=given.pairs, how=facts(), seed=2).as_dict())
        for _ in range(2)
    )
    assert one == again
    figures = json.loads(one)
    assert figures["pairs"]["counts"] == {"tp": 174, "fp": 7, "fn": 6}
    assert figures["pairs"]["precision"]["low"] < figures["pairs"]["precision"]["value"]


def test_the_text_shows_the_scores_and_fits_the_terminal() -> None:
    given = invented()
    text = to_text(evaluate(given.predicted, given.truth, pairs=given.pairs, how=facts()), width=90)
    assert f"{174 / 181:.2%}" in text and f"{174 / 180:.2%}" in text
    assert "is_twin" in text and "kept apart by clustering" in text
    assert max(len(line) for line in text.splitlines()) <= 90


def test_an_imperfect_share_is_never_shown_as_all() -> None:
    assert percent(0.999999) == "> 99.99%"
    assert percent(0.000001) == "< 0.01%"
    assert (percent(1.0), percent(0.0), percent(None)) == ("100.00%", "0.00%", "–")
