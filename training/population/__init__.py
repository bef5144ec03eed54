"""A synthetic population with known truth: invented children in eleven source systems, with the faults those have."""

from __future__ import annotations

from training.population.generate import Population, generate, generate_chunks, records_for
from training.population.parameters import PopulationParameters

__all__ = ["Population", "PopulationParameters", "generate", "generate_chunks", "records_for"]
