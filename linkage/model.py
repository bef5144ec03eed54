"""The fitted model: a readable JSON document that gives the same answer wherever it is read."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from linkage.comparisons import BY_NAME, Layer, declaration_digest
from linkage.errors import ModelMismatch, UnfittedLevel

Probability = Annotated[float, Field(gt=0.0, le=1.0)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LevelParameters(_Document):
    """How often one level of agreement is seen."""

    label: str = Field(description="What the level says; level 0 is disagreement.")
    m: Probability = Field(description="Share of pairs at this level where the two records share the layer.")
    u: Probability = Field(description="Share of pairs at this level where they do not.")


class Frequencies(_Document):
    """How frequent single values are among persons; at exact agreement they stand for u."""

    values: Mapping[str, Probability] = Field(description="Values whose frequency says more than `other` would.")
    other: Probability = Field(description="The frequency of every value that is not listed.")

    def of(self, value: str) -> float:
        return self.values.get(value, self.other)


class ComparisonParameters(_Document):
    """One comparison as fitted."""

    name: str
    layer: Layer
    levels: tuple[LevelParameters, ...] = Field(description="By level number, disagreement first.")
    frequencies: Frequencies | None = None


class ClassFrequencies(_Document):
    """How many of all pairs of records fall in each class; strangers are the rest."""

    same_person: Probability
    twins: Probability
    household: Probability

    @property
    def strangers(self) -> float:
        return 1.0 - self.same_person - self.twins - self.household


class Model(_Document):
    """Comparisons with m and u, class frequencies, value frequencies, blocking rules, generic values."""

    name: str = Field(description="Date and origin, for people.")
    fitted_on: str = Field(description="What it was fitted on: how many records of which sources.")
    created: dt.date
    declaration: str = Field(description="Digest of the comparisons this model was fitted for.")
    comparisons: tuple[ComparisonParameters, ...]
    class_frequencies: ClassFrequencies = Field(description="For pairs of sources the model has not seen.")
    class_frequencies_by_sources: Mapping[str, ClassFrequencies] = Field(
        default_factory=dict, description='Keyed "source|source", in order.'
    )
    blocking_rules: tuple[str, ...]
    generic_values: Mapping[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Column -> digests of its generic values."
    )
    statistics: Mapping[str, float] = Field(default_factory=dict, description="Figures of the fit, for the report.")

    @model_validator(mode="after")
    def _fits_declaration(self) -> Self:
        for fitted in self.comparisons:
            declared = BY_NAME.get(fitted.name)
            if declared is None or declared.labels != tuple(level.label for level in fitted.levels):
                raise ValueError(f"comparison {fitted.name} has other levels than this version declares")
        return self

    @cached_property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with anything that could change an answer."""
        content = self.model_dump(mode="json", exclude={"name", "fitted_on", "created", "statistics"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    def frequencies_between(self, left: str, right: str) -> ClassFrequencies:
        key = "|".join(sorted((left, right)))
        return self.class_frequencies_by_sources.get(key, self.class_frequencies)


def value_digest(value: str) -> str:
    """How a generic value stands in a model: enough to recognise it, not to read it."""
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def check_model(model: Model) -> None:
    """Refuse a model that would answer by accident.

    Raises:
        ModelMismatch: fitted for other comparisons.
        UnfittedLevel: a probability is not a number.
    """
    if model.declaration != declaration_digest():
        raise ModelMismatch(
            "The model was fitted for other comparisons than this version's. Fit it again: person-index train."
        )
    for comparison in model.comparisons:
        for level in comparison.levels:
            if not (math.isfinite(level.m) and math.isfinite(level.u)):
                raise UnfittedLevel(
                    f"{comparison.name}: level “{level.label}” was never fitted. Fit the model on more records."
                )


def save_model(model: Model, path: Path) -> None:
    """Write the model as JSON, keys in a fixed order so that two versions can be compared by line."""
    document = {"fingerprint": model.fingerprint, **model.model_dump(mode="json")}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def parse_model(text: str, origin: str = "model") -> Model:
    """Read a model and check that it still means what it meant.

    Raises:
        ModelMismatch: not a model, changed by hand, or fitted for another version.
    """
    try:
        document = json.loads(text)
        fingerprint = document.pop("fingerprint", None)
        model = Model.model_validate(document)
    except (ValueError, AttributeError, TypeError, ValidationError) as error:
        raise ModelMismatch(
            f"{origin} is not a model of this version ({type(error).__name__}). Fit one: person-index train."
        ) from error
    if fingerprint != model.fingerprint:
        raise ModelMismatch(
            f"{origin} was changed after it was fitted (its fingerprint differs). Fit it again: person-index train."
        )
    check_model(model)
    return model


def load_model(path: Path) -> Model:
    return parse_model(path.read_text(encoding="utf-8"), path.name)
