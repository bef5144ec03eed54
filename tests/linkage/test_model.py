"""The model file: what it keeps, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.comparisons import COMPARISONS, FIRST_NAME
from linkage.errors import ModelMismatch, UnfittedLevel
from linkage.model import (
    ClassFrequencies,
    Frequencies,
    LevelParameters,
    Model,
    check_model,
    load_model,
    parse_model,
    save_model,
    value_digest,
)
from tests.linkage.models import made_model


@pytest.fixture
def model() -> Model:
    return made_model(
        frequencies={"first_name": Frequencies(values={"ana": 0.02}, other=1 / 3e5)},
        by_sources={"cws_cms|meds": ClassFrequencies(same_person=0.01, twins=1e-5, household=1e-4)},
        generic_values={"phone": (value_digest("5550100199"),)},
    )


def test_a_saved_model_is_the_same_model_to_the_last_bit(model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path / "model.json")
    loaded = load_model(tmp_path / "model.json")
    assert loaded == model
    assert loaded.fingerprint == model.fingerprint


def test_the_file_is_readable_json_that_names_levels_and_no_generic_value(model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path / "model.json")
    text = (tmp_path / "model.json").read_text(encoding="utf-8")
    assert json.loads(text)["comparisons"][0]["levels"][-1]["label"] == "same"
    assert "5550100199" not in text


level_places = st.sampled_from([(k, level) for k, c in enumerate(COMPARISONS) for level in range(c.top + 1)])


@settings(max_examples=40, deadline=None)
@given(level_places, st.sampled_from(["m", "u"]))
def test_the_fingerprint_changes_with_any_m_and_any_u(place: tuple[int, int], which: str) -> None:
    model = made_model()
    document = model.model_dump(mode="json")
    level = document["comparisons"][place[0]]["levels"][place[1]]
    level[which] = level[which] * 0.999999
    assert Model.model_validate(document).fingerprint != model.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"class_frequencies": {"same_person": 0.1, "twins": 0.1, "household": 0.1}},
        {"class_frequencies_by_sources": {}},
        {"blocking_rules": ["ssn"]},
        {"generic_values": {}},
    ],
)
def test_the_fingerprint_changes_with_whatever_could_change_an_answer(model: Model, change: dict[str, Any]) -> None:
    assert Model.model_validate({**model.model_dump(mode="json"), **change}).fingerprint != model.fingerprint


@pytest.mark.parametrize(
    "change", [{"name": "other"}, {"fitted_on": "other"}, {"created": "2020-01-01"}, {"statistics": {"records": 1.0}}]
)
def test_the_fingerprint_does_not_change_with_what_is_only_for_people(model: Model, change: dict[str, Any]) -> None:
    assert Model.model_validate({**model.model_dump(mode="json"), **change}).fingerprint == model.fingerprint


def test_a_file_changed_by_hand_is_refused_and_says_what_to_do(model: Model, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    save_model(model, path)
    document = json.loads(path.read_text(encoding="utf-8"))
    document["comparisons"][0]["levels"][0]["m"] = 0.5
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ModelMismatch, match=r"model\.json was changed after it was fitted.*person-index train"):
        load_model(path)


def test_a_model_of_other_comparisons_is_refused(model: Model) -> None:
    other = model.model_copy(update={"declaration": "0" * 16})
    with pytest.raises(ModelMismatch, match="fitted for other comparisons"):
        check_model(other)


def test_a_model_with_other_levels_is_refused(model: Model) -> None:
    document = model.model_dump(mode="json")
    del document["comparisons"][0]["levels"][1]
    with pytest.raises(ModelMismatch, match="is not a model of this version"):
        parse_model(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "not JSON", '{"name": "half"}'])
def test_what_is_no_model_is_refused(text: str) -> None:
    with pytest.raises(ModelMismatch, match="is not a model of this version"):
        parse_model(text)


@pytest.mark.parametrize("probability", [0.0, -0.1, 1.5])
def test_a_level_without_a_probability_is_refused(model: Model, probability: float) -> None:
    document = {"fingerprint": model.fingerprint, **model.model_dump(mode="json")}
    document["comparisons"][0]["levels"][0]["m"] = probability
    with pytest.raises(ModelMismatch):
        parse_model(json.dumps(document))


def test_a_level_that_was_never_fitted_is_refused(model: Model) -> None:
    first = model.comparisons[0]
    unfitted = LevelParameters.model_construct(label=first.levels[0].label, m=float("nan"), u=0.5)
    broken = first.model_copy(update={"levels": (unfitted, *first.levels[1:])})
    with pytest.raises(UnfittedLevel, match=f"{FIRST_NAME.name}: level “disagrees” was never fitted"):
        check_model(model.model_copy(update={"comparisons": (broken, *model.comparisons[1:])}))
