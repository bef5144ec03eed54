"""One population for all tests that only look at it."""

from __future__ import annotations

import pytest

from training.population import Population, generate
from training.population.parameters import PopulationParameters


@pytest.fixture(scope="session")
def population() -> Population:
    return generate(6_000, seed=11)


@pytest.fixture(scope="session")
def twins() -> Population:
    """Every other child a twin, and most children adopted once they leave care: rare things made common."""
    return generate(2_000, seed=12, parameters=PopulationParameters(twin_share=0.5, adoption_share_of_exits=0.9))
