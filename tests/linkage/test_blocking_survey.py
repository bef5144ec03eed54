"""Blocking looked at before it runs: nothing is refused, everything is told."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from config.policy import load_policy
from linkage import candidates
from linkage.blocking import BLOCKING_RULES
from linkage.blocking_survey import estimated_completeness, survey_blocking
from linkage.record_table import table_of
from tests.linkage.edge_cases import edge_cases
from tests.linkage.invented import record
from tests.linkage.models import frequencies_of, made_model

RECORDS = edge_cases(200, seed=3)
MODEL = made_model(frequencies=frequencies_of(RECORDS))


def test_a_survey_tells_of_every_rule_and_how_many_pairs_would_link() -> None:
    survey = survey_blocking(table_of(RECORDS), MODEL, load_policy())
    assert [report.rule for report in survey.reports] == [rule.name for rule in BLOCKING_RULES]
    assert sum(report.new_pairs for report in survey.reports) == survey.candidate_pairs
    assert 0 < survey.links < survey.candidate_pairs
    assert survey.exploding == {}
    assert survey.completeness is not None
    assert 0.9 < survey.completeness <= 1.0


def test_a_rule_that_would_explode_is_named_with_advice_and_its_pairs_are_not_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "FEW_PAIRS", 10)
    records = [record(i, first_name=name, email="a@example.org") for i, name in enumerate(("Ana", "Zoe") * 4)]
    survey = survey_blocking(table_of(records), MODEL, load_policy().model_copy(update={"max_pairs_per_record": 1.0}))
    assert list(survey.exploding) == ["e-mail address"]
    assert "max_block_records" in survey.exploding["e-mail address"]
    assert "e-mail address" not in {report.rule for report in survey.reports}
    assert survey.candidate_pairs == 0


def test_keys_left_out_are_told_by_number() -> None:
    records = [record(i, email="a@example.org") for i in range(4)]
    survey = survey_blocking(table_of(records), MODEL, load_policy().model_copy(update={"max_block_records": 3}))
    assert [(key.rule, key.records) for key in survey.oversized] == [("e-mail address", 4)]


def test_no_links_no_estimate() -> None:
    assert survey_blocking(table_of([record(1), record(2)]), MODEL, load_policy()).completeness is None


def test_the_estimate_is_near_the_truth_where_rules_find_pairs_independently() -> None:
    rng = np.random.default_rng(1)
    found = (rng.random((20_000, 20)) < 0.1).sum(axis=1)
    truth = (found > 0).mean()
    assert estimated_completeness(np.bincount(found, minlength=3)) == pytest.approx(truth, abs=0.02)


def test_pairs_that_several_rules_find_leave_none_to_miss() -> None:
    assert estimated_completeness(np.array([0, 0, 5, 7])) == 1.0
    assert all(
        (estimated_completeness(np.array([0, a, 10])) or 0) > (estimated_completeness(np.array([0, b, 10])) or 0)
        for a, b in combinations((2, 5, 20), 2)
    )
