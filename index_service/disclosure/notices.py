"""The notice that accompanies what is told of records under 42 CFR Part 2 (section 2.32)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from config.sources import load_sources

PART2_NOTICE = "42 CFR part 2 prohibits unauthorized use or disclosure of these records."
"""Word for word as 42 CFR 2.32(a)(2) has it."""


@cache
def segregated_sources() -> frozenset[str]:
    """The sources whose records are under 42 CFR Part 2."""
    return frozenset(name for name, source in load_sources().items() if source.segregated)


def notices_for(sources: Iterable[str]) -> list[str]:
    """What has to travel with pointers to records of these sources: nothing, or the notice."""
    return [] if segregated_sources().isdisjoint(sources) else [PART2_NOTICE]
