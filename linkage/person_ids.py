"""Stage 7: identifiers that last. A cluster keeps the id of the earlier person that gave it most records."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_37_36

from linkage.record import PersonId, RecordKey

ClusterT = TypeVar("ClusterT", bound=Hashable)

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without 0, 1, I, L, O and U: read over the telephone, none is taken for another."""

_LENGTH = 11


def new_person_id() -> PersonId:
    """Draw a random id with a check character, for example ``K7Q2-MX9T-4RWA``: 53 bits, no meaning.

    The check character shows every wrong character; the one in 700 transpositions that it would miss is not drawn.
    """
    while True:
        body = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        compact = body + mod_37_36.calc_check_digit(body)
        if is_valid(compact) and not any(is_valid(swapped) for swapped in _transpositions(compact)):
            return _spaced(compact)


def _transpositions(characters: str) -> Iterator[str]:
    """The text with two different neighbours changed over, in every place."""
    for i, (a, b) in enumerate(pairwise(characters)):
        if a != b:
            yield f"{characters[:i]}{b}{a}{characters[i + 2 :]}"


def _spaced(characters: str) -> PersonId:
    return PersonId("-".join(characters[i : i + 4] for i in range(0, len(characters), 4)))


def is_valid(text: str) -> bool:
    """Whether the text can be a person id: length, alphabet and check character."""
    compact = text.replace("-", "").upper()
    if len(compact) != _LENGTH + 1 or not set(compact) <= set(_ALPHABET):
        return False
    try:
        mod_37_36.validate(compact)
    except ValidationError:
        return False
    return True


def assign_person_ids(
    clusters: Mapping[ClusterT, Sequence[RecordKey]],
    previous: Mapping[RecordKey, PersonId],
    age: Mapping[PersonId, int],
    mint: Callable[[], PersonId] = new_person_id,
) -> dict[ClusterT, PersonId]:
    """Give every cluster a person id.

    A cluster inherits the id of the earlier person that gave it the most member records; between equals the
    older id. An earlier person that fell apart leaves its id to the part that got most of its records; the
    other parts get new ids.

    Args:
        clusters: cluster -> its record keys.
        previous: record key -> the person it belonged to.
        age: person id -> rank by creation, 0 the oldest; ids not in it count as the youngest.
        mint: draws a new id.

    Returns:
        Cluster -> person id; no id is given twice.
    """
    claims = []
    for cluster, keys in clusters.items():
        for person, count in Counter(previous[key] for key in keys if key in previous).items():
            claims.append((-count, age.get(person, len(age)), person, min(keys), cluster))
    claims.sort(key=lambda claim: claim[:4])
    given: dict[ClusterT, PersonId] = {}
    taken: set[PersonId] = set()
    for _, _, person, _, cluster in claims:
        if cluster not in given and person not in taken:
            given[cluster] = person
            taken.add(person)
    for cluster in sorted((c for c in clusters if c not in given), key=lambda c: min(clusters[c])):
        given[cluster] = mint()
    return given
