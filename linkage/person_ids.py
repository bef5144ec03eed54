"""Stage 7: identifiers that last. A cluster keeps the id of the earlier person that gave it most records."""

from __future__ import annotations

import itertools
import secrets
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_37_36

from linkage.record import PersonId, RecordKey

ClusterT = TypeVar("ClusterT", bound=Hashable)

_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without 0, 1, I, L, O and U: read over the telephone, none is taken for another."""

_LENGTH = 11

_BASE_36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_LETTERS = np.frombuffer(_ALPHABET.encode(), np.uint8)
_VALUES = np.zeros(128, np.int8)
_VALUES[np.frombuffer(_BASE_36.encode(), np.uint8)] = np.arange(36)
_CARRIED = np.array([(n or 36) * 2 % 37 for n in range(36)], np.int8)
"""What ISO 7064 MOD 37,36 carries from one character to the next; it begins with `_START`."""

_START = 18


def new_person_id() -> PersonId:
    """Draw a random id with a check character, for example ``K7Q2-MX9T-4RWA``: 53 bits, no meaning.

    The check character shows every wrong character; the one in 700 transpositions that it would miss is not drawn.
    """
    while True:
        body = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        compact = body + mod_37_36.calc_check_digit(body)
        if is_valid(compact) and not any(is_valid(swapped) for swapped in _transpositions(compact)):
            return _spaced(compact)


def new_person_ids(count: int) -> list[PersonId]:
    """Draw so many different ids at once, by the same rule: some hundred times as fast as one by one."""
    drawn: dict[PersonId, None] = {}
    while len(drawn) < count:
        drawn.update(dict.fromkeys(_draw((count - len(drawn)) * 3 // 2 + 8)))
    return list(itertools.islice(drawn, count))


def _draw(count: int) -> list[PersonId]:
    """Draw some `count` bodies, add check characters, and keep what `new_person_id` would: about four in five."""
    octets = np.frombuffer(secrets.token_bytes(count * _LENGTH), np.uint8)
    letters = _LETTERS[octets[octets < 256 // len(_LETTERS) * len(_LETTERS)] % len(_LETTERS)]  # each as likely
    values = _VALUES[letters[: len(letters) // _LENGTH * _LENGTH].reshape(-1, _LENGTH)]
    carried = np.full(len(values), _START, np.int8)
    for column in values.T:
        carried = (_CARRIED[carried] + column) % 36
    check = ((1 - _CARRIED[carried]) % 36).astype(np.int8)
    whole = np.column_stack([values, check])[np.isin(check, _VALUES[_LETTERS])]
    whole = whole[~_misses_a_transposition(whole)]
    text = np.frombuffer(_BASE_36.encode(), np.uint8)[whole].tobytes().decode()
    return [_spaced(text[i : i + _LENGTH + 1]) for i in range(0, len(text), _LENGTH + 1)]


def _misses_a_transposition(values: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Which valid rows stay valid with two different neighbours changed over.

    What follows the two does not matter: it depends on what they leave behind alone, and that one to one.
    """
    missed = np.zeros(len(values), dtype=bool)
    carried = np.full(len(values), _START, np.int8)
    for first, second in pairwise(values.T):
        in_order, changed_over = (
            (_CARRIED[(_CARRIED[carried] + a) % 36] + b) % 36 for a, b in ((first, second), (second, first))
        )
        missed |= (in_order == changed_over) & (first != second)
        carried = (_CARRIED[carried] + first) % 36
    return missed


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
