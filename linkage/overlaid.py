"""Whether another person's data were written over a record: its versions, weighed as records of their own.

Pure functions. A record is its source's word about one person, and sources mostly correct it rightly, one thing at a
time: a newborn gets a name, an adopted child another, a clerk mends a typing error. An overlay shows another person:
nothing that one person keeps is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from config.policy import LinkagePolicy
from linkage.comparisons import MISSING
from linkage.evidence_rules import opposed_pairs, vouched_for
from linkage.native import NativeEngine
from linkage.pairs import WeighedPairs
from linkage.record import NormalisedRecord
from linkage.weights import CompiledModel

VERSIONS_WEIGHED = 50
"""Of a record that has more, the latest are looked at."""

_NUMBERS = ("ssn", "cin", "identifiers")


@dataclass(frozen=True, slots=True)
class Overlay:
    """That a record shows another person than before.

    Attributes:
        before: place of the last version that shows the other person; what the record says now is at odds with it.
        weight_bits: that both are one person.
        fields: comparisons in which they are at odds.
    """

    before: int
    weight_bits: float
    fields: tuple[str, ...]


def overlays(
    records: Sequence[Sequence[NormalisedRecord]], compiled: CompiledModel, policy: LinkagePolicy
) -> list[Overlay | None]:
    """Say of each record, given by what it said from version to version, whether it shows another person now.

    It does if a version was at odds with the one before it, what the record says now is at odds with that as well, and
    is the person of no version before: what was written over by mistake and restored is no question.
    """
    shown = [_own_number_left_out(said[-VERSIONS_WEIGHED:]) for said in records]
    starts = np.cumsum([0, *map(len, shown)])
    inside = [np.array(np.triu_indices(len(said), 1)) + start for said, start in zip(shown, starts, strict=False)]
    left, right = np.concatenate(inside, axis=1) if inside else np.zeros((2, 0), np.int64)
    engine = NativeEngine([version for said in shown for version in said], compiled)
    pairs = engine.weigh_pairs(left, right, compiled)
    one = (pairs.weight >= policy.link_threshold_bits) & ~opposed_pairs(pairs.levels, compiled.names, policy)
    other = shows_another(pairs.levels, compiled.names) & ~one
    ends = np.cumsum([0, *(these.shape[1] for these in inside)])
    found = []
    for at, (all_said, said) in enumerate(zip(records, shown, strict=True)):
        mine = slice(ends[at], ends[at + 1])
        k = _written_over(len(said), other[mine], one[mine])
        found.append(None if k is None else _overlay(pairs, compiled, ends[at + 1], k, len(said), len(all_said)))
    return found


def _written_over(size: int, other: NDArray[np.bool_], one: NDArray[np.bool_]) -> int | None:
    """The last version before another person was written over it, if that person stands there now.

    Args:
        other, one: whether two versions show two people, or one; of all pairs, in order.
    """
    pairs = list(combinations(range(size), 2))
    are_other = {pair for pair, is_other in zip(pairs, other.tolist(), strict=True) if is_other}
    are_one = {pair for pair, is_one in zip(pairs, one.tolist(), strict=True) if is_one}
    now = size - 1
    for k in reversed(range(now)):
        if {(k, k + 1), (k, now)} <= are_other and not any((earlier, now) in are_one for earlier in range(k)):
            return k
    return None


def _overlay(pairs: WeighedPairs, compiled: CompiledModel, end: int, k: int, size: int, versions: int) -> Overlay:
    """Args: `end`: where the pairs of the record end."""
    after = size - 1 - k
    at = end - after * (after + 1) // 2 + after - 1  # the last of the pairs that begin with k
    levels = pairs.levels[at].tolist()
    fields = tuple(name for name, level in zip(compiled.names, levels, strict=True) if level == 0)
    return Overlay(versions - size + k, float(pairs.weight[at]), fields)


def shows_another(levels: NDArray[np.int8], names: Sequence[str]) -> NDArray[np.bool_]:
    """Which pairs of versions show two people: two of first name, birth date and sex are other ones, and not by a slip.

    First name and sex alone are changed by people too: there a number has to be another as well, and none the same.
    Where two personal numbers are the same, all three have to differ.
    """

    def level(name: str) -> NDArray[np.int8]:
        return levels[:, list(names).index(name)] if name in names else np.full(len(levels), MISSING, np.int8)

    name, birth, sex = (level(trait) == 0 for trait in ("first_name", "birth_date", "sex"))
    numbers = [level(number) for number in _NUMBERS]
    number = np.any([each == 0 for each in numbers], axis=0) & ~np.any([each > 0 for each in numbers], axis=0)
    two = (birth & (name | (sex & (level("first_name") == MISSING)))) | (name & sex & number)
    found: NDArray[np.bool_] = (name & birth & sex) | (two & ~vouched_for(levels, names))
    return found


def _own_number_left_out(said: Sequence[NormalisedRecord]) -> list[NormalisedRecord]:
    """The versions without the number by which the source knows the record: it is the same whoever is written in."""
    found = []
    for version in said:
        kept = tuple(i for i in version.identifiers if i.partition(":")[2] != version.source_record_id)
        types = tuple(sorted({i.partition(":")[0] for i in kept}))
        found.append(replace(version, identifiers=kept, identifier_types=types))
    return found
