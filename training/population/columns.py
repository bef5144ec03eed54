"""Text columns as numpy object arrays of str or None, and the few operations on them that the population needs."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Texts = npt.NDArray[np.object_]
Days = npt.NDArray[np.int64]
"""Days since 1970-01-01."""
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

NEVER = 10**7
"""A day that does not come."""


def texts(values: Sequence[str | None]) -> Texts:
    """A text column from a sequence."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def nothing(rows: int) -> Texts:
    """A column in which every value is missing."""
    return np.full(rows, None, dtype=object)


def filled(column: Texts) -> Flags:
    """Where the column holds a value."""
    known: Flags = np.not_equal(column, np.array(None, dtype=object)).astype(np.bool_)
    return known


def where(condition: Flags, yes: Texts | str | None, no: Texts | str | None) -> Texts:
    """Choose row by row, missing values allowed."""
    result = np.empty(len(condition), dtype=object)
    result[:] = no
    chosen: Any = yes[condition] if isinstance(yes, np.ndarray) else yes
    result[condition] = chosen
    return result


def joined(left: Texts, between: str, right: Texts) -> Texts:
    """Join two columns; where one side is missing the other stands alone."""
    both = filled(left) & filled(right)
    result = where(filled(left), left, right)
    result[both] = left[both] + between + right[both]
    return result


def together(*parts: Texts | str) -> Texts:
    """Write columns and fixed texts one after the other; no value may be missing."""
    result: Any = ""
    for part in parts:
        result = result + part
    column: Texts = result
    return column


def digits(numbers: Ints, width: int) -> Texts:
    """Write whole numbers with leading zeros, `width` digits each."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    codes = ((numbers[:, None] // powers) % 10 + ord("0")).astype(np.uint32)
    return from_codes(codes)


def codes_of(column: Texts) -> npt.NDArray[np.uint32]:
    """The characters of a column without missing values: shape (rows, longest), code points, 0 after the end."""
    fixed = np.array(column, dtype=str)
    width = max(fixed.dtype.itemsize // 4, 1)
    if len(fixed) == 0:
        return np.zeros((0, 1), dtype=np.uint32)
    return np.ascontiguousarray(fixed).view(np.uint32).reshape(len(fixed), width).copy()


def from_codes(codes: npt.NDArray[np.uint32]) -> Texts:
    """The inverse of `codes_of`."""
    rows, width = codes.shape
    if rows == 0:
        return nothing(0)
    fixed = np.ascontiguousarray(codes).view(f"<U{width}").reshape(rows)
    return fixed.astype(object)


def iso_dates(days: Days) -> Texts:
    """Write days as YYYY-MM-DD."""
    return np.datetime_as_string(days.astype("datetime64[D]")).astype(object)


def arrow(column: Texts) -> Any:
    """The column as an Arrow text array."""
    return pa.array(column, type=pa.string(), from_pandas=False)


def from_arrow(array: Any) -> Texts:
    """An Arrow text array as a column."""
    column: Texts = array.to_numpy(zero_copy_only=False)
    return column


def upper(column: Texts) -> Texts:
    """Capitals, as old systems write."""
    return from_arrow(pc.utf8_upper(arrow(column)))


def plain(column: Texts) -> Texts:
    """Without accents, as systems write that have only A to Z."""
    result = column.copy()
    known = np.flatnonzero(filled(column))
    accented = known[(codes_of(column[known]) > 127).any(axis=1)]
    result[accented] = texts([_without_accents(value) for value in column[accented]])
    return result


def _without_accents(value: str) -> str:
    letters = unicodedata.normalize("NFKD", value.replace("đ", "d").replace("Đ", "D"))
    return letters.encode("ascii", "ignore").decode("ascii")


def cut(column: Texts, length: int) -> Texts:
    """Cut off after `length` characters."""
    return from_arrow(pc.utf8_rtrim_whitespace(pc.utf8_slice_codeunits(arrow(column), 0, length)))


def cumulative(weights: Floats) -> Floats:
    """Weights as a distribution function for `draw`."""
    total = np.cumsum(weights.astype(np.float64))
    result: Floats = total / total[-1]
    return result


def draw(rng: np.random.Generator, distribution: Floats, rows: int) -> Ints:
    """Draw indices from a distribution function made by `cumulative`."""
    return np.minimum(np.searchsorted(distribution, rng.random(rows), side="right"), len(distribution) - 1).astype(
        np.int64
    )
