"""On which versions of a record a write may act: what HTTP's If-Match and If-None-Match say of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Versions:
    """Versions that a caller names, or (`any_at_all`) whichever there is."""

    numbers: frozenset[int] = frozenset()
    any_at_all: bool = False

    def include(self, held: int) -> bool:
        """Whether they include the version that holds; 0, that there is none, is never included."""
        return held > 0 and (self.any_at_all or held in self.numbers)


@dataclass(frozen=True, slots=True)
class Condition:
    """A write acts only if the version that holds is one of `among` and none of `not_among`; None asks nothing."""

    among: Versions | None = None
    not_among: Versions | None = None

    def holds(self, held: int) -> bool:
        """Whether a write may act. `held`: the version that holds, 0 if there is none."""
        if self.among is not None and not self.among.include(held):
            return False
        return self.not_among is None or not self.not_among.include(held)


ONLY_IF_NEW = Condition(not_among=Versions(any_at_all=True))
