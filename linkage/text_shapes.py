"""What a text looks like in a few numbers, and what two such shapes say for certain about their string measures.

A shape holds which characters occur, how many there are and how they begin. From two shapes follows how similar the
texts can be at most; every bound here errs on the side of similar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Truths = NDArray[np.bool_]
Places = NDArray[np.integer[Any]]

_ROUNDING = 1e-5  # of single precision
_BUCKETS = np.array([b - 97 if 97 <= b <= 122 else 26 + b % 38 for b in range(256)], dtype=np.uint8)
_BITS = np.uint64(1) << _BUCKETS.astype(np.uint64)
_MOST_PREFIX = 4  # Jaro-Winkler favours texts that begin with up to four equal characters
_PREFIX_WEIGHT = 0.1
_NIBBLES = 16


@dataclass(frozen=True, slots=True)
class TextShapes:
    """Shapes of texts, ASCII: arrays of shape (n_texts,).

    Attributes:
        letters: one bit for each character that occurs; a letter has a bit of its own, others may share one.
        length: characters.
        start: the first four characters, 0 where the text is shorter.
        digits: the lower four bits of the first sixteen characters.
    """

    letters: NDArray[np.uint64]
    length: NDArray[np.int32]
    start: NDArray[np.uint32]
    digits: NDArray[np.uint64]

    @classmethod
    def of(cls, texts: pa.Array) -> TextShapes:
        """Shapes of an Arrow array of strings without nulls."""
        offsets, data = _bytes(texts)
        length = np.diff(offsets)
        letters = np.zeros(len(length), np.uint64)
        some = length > 0
        if some.any():
            letters[some] = np.bitwise_or.reduceat(_BITS[data], offsets[:-1][some])
        start, digits = np.zeros(len(length), np.uint32), np.zeros(len(length), np.uint64)
        for place in range(_NIBBLES):
            character = np.zeros(len(length), np.uint8)
            there = length > place
            character[there] = data[offsets[:-1][there] + place]
            digits |= (character & 15).astype(np.uint64) << np.uint64(4 * place)
            if place < _MOST_PREFIX:
                start |= character.astype(np.uint32) << np.uint32(8 * place)
        return cls(letters, length.astype(np.int32), start, digits)

    def take(self, places: Places) -> TextShapes:
        return TextShapes(self.letters[places], self.length[places], self.start[places], self.digits[places])


def _bytes(texts: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Where each text begins (one more place than texts), and all bytes one after the other."""
    texts = texts.cast(pa.large_string())
    if not len(texts):
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    all_bytes = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return places - places[0], all_bytes[places[0] : places[-1]]


@dataclass(frozen=True, slots=True)
class ShapePairs:
    """Shapes side by side: what follows for the pair, arrays of shape (n_pairs,)."""

    left: TextShapes
    right: TextShapes
    left_only: NDArray[np.uint8]
    right_only: NDArray[np.uint8]

    @classmethod
    def of(cls, left: TextShapes, right: TextShapes) -> ShapePairs:
        left_only = np.bitwise_count(left.letters & ~right.letters)
        right_only = np.bitwise_count(right.letters & ~left.letters)
        return cls(left, right, left_only, right_only)

    def most_jaro_winkler(self) -> NDArray[np.float32]:
        """No pair is more similar: a character that the other side lacks has no partner there."""
        a, b = self.left.length, self.right.length
        matched = np.maximum(np.minimum(a - self.left_only, b - self.right_only), 0).astype(np.float32)
        jaro = (matched / np.maximum(a, 1) + matched / np.maximum(b, 1) + 1.0) / 3.0
        prefix = self._common_start().astype(np.float32) * np.float32(_PREFIX_WEIGHT)
        similarity: NDArray[np.float32] = (jaro + prefix * (1 - jaro) + _ROUNDING).astype(np.float32)
        return similarity

    def _common_start(self) -> NDArray[np.uint8]:
        """At how many of the first four places the characters are equal from the start on."""
        differing = self.left.start ^ self.right.start
        before = (differing & (~differing + np.uint32(1))) - np.uint32(1)  # ones below the lowest differing bit
        found: NDArray[np.uint8] = np.bitwise_count(before) >> np.uint8(3)
        return found

    def may_be_one_edit(self, least: int) -> Truths:
        a, b = self.left.length, self.right.length
        near: Truths = (np.abs(a - b) <= 1) & (np.minimum(a, b) >= least)
        return near & (self.left_only <= 1) & (self.right_only <= 1)

    def may_contain(self, least: int) -> Truths:
        enough: Truths = np.minimum(self.left.length, self.right.length) >= least
        nested: Truths = enough & ((self.left_only == 0) | (self.right_only == 0))
        return nested

    def is_initial(self) -> Truths:
        single: Truths = np.minimum(self.left.length, self.right.length) == 1
        return single & self.same_first()

    def same_first(self) -> Truths:
        same: Truths = (self.left.start & np.uint32(255)) == (self.right.start & np.uint32(255))
        return same

    def may_differ_in(self, most: int) -> Truths:
        """Whether equally long texts may differ in at most so many places: counted in the first sixteen."""
        differing = self.left.digits ^ self.right.digits
        differing = differing | (differing >> np.uint64(1))
        differing = (differing | (differing >> np.uint64(2))) & np.uint64(0x1111111111111111)
        near: Truths = np.bitwise_count(differing) <= most
        as_long: Truths = self.left.length == self.right.length
        return near & as_long
