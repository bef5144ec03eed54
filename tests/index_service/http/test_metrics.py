"""What is counted and how: by our own words alone."""

from __future__ import annotations

from typing import get_args

from index_service.http import metrics
from index_service.http.metrics import count_decision, exposition, observe_request
from index_service.ingesting import WriteOutcome
from index_service.resolving import Grade


def figure(name: str) -> float:
    lines = [line for line in exposition().decode().splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].rpartition(" ")[2]) if lines else 0.0


def test_a_request_is_counted_by_method_template_and_status() -> None:
    name = 'person_index_requests_total{method="GET",route="/v1/persons/{person_id}",status="404"}'
    before = figure(name)
    observe_request("GET", "/v1/persons/{person_id}", 404, 0.01)
    assert figure(name) == before + 1


def test_a_method_and_a_path_that_are_not_ours_are_not_told() -> None:
    observe_request("CANARY", None, 404, 0.01)
    assert figure('person_index_requests_total{method="other",route="unmatched",status="404"}') >= 1
    assert b"CANARY" not in exposition()


def test_an_outcome_that_is_no_word_of_ours_is_counted_as_other() -> None:
    before = figure('person_index_decisions_total{outcome="other"}')
    count_decision("Canaryname")
    assert figure('person_index_decisions_total{outcome="other"}') == before + 1
    assert b"Canaryname" not in exposition()


def test_every_outcome_of_the_program_has_its_own_count() -> None:
    for outcome in (*get_args(WriteOutcome), *get_args(Grade), "link", "review", "no_link"):
        assert outcome in metrics._OUTCOMES, outcome
