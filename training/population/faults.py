"""What goes wrong between a person and a record: one function per fault, on a drawn share of a column.

Every function leaves its input as it is and returns a new column, unless it says otherwise.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from training.population.columns import (
    Days,
    Flags,
    Floats,
    Ints,
    Texts,
    codes_of,
    digits,
    filled,
    from_codes,
    iso_dates,
    texts,
    where,
)
from training.population.names import Variants

_NEIGHBOURS = {
    "a": "qsz", "b": "vgn", "c": "xdv", "d": "sfe", "e": "wrd", "f": "dgr", "g": "fht", "h": "gjy", "i": "uok",
    "j": "hku", "k": "jli", "l": "kop", "m": "nj", "n": "bmh", "o": "ipl", "p": "ol", "q": "wa", "r": "etf",
    "s": "adw", "t": "ryg", "u": "yij", "v": "cbf", "w": "qes", "x": "zcs", "y": "tuh", "z": "xas",
}  # fmt: skip
_KEYS_BESIDE = np.arange(128)[:, None].repeat(3, axis=1).astype(np.uint32)
for _key, _beside in _NEIGHBOURS.items():
    for _number in range(3):
        _KEYS_BESIDE[ord(_key), _number] = ord(_beside[_number % len(_beside)])
        _KEYS_BESIDE[ord(_key.upper()), _number] = ord(_beside[_number % len(_beside)].upper())

DUMMY_SSNS = ("999999999", "123456789", "111111111", "000000000", "333333333")


def chosen(rng: np.random.Generator, column: Texts, rate: float | Floats) -> Ints:
    """Rows of the column that hold a value and that a fault of this rate befalls."""
    return np.flatnonzero((rng.random(len(column)) < rate) & filled(column))


def mistype(rng: np.random.Generator, column: Texts, rate: float) -> Texts:
    """One wrong key in a word: a neighbouring key, two letters exchanged, one left out or twice; seldom the first."""
    result = column.copy()
    rows = chosen(rng, column, rate)
    codes = codes_of(column[rows])
    length = (codes != 0).sum(axis=1)
    long_enough = length >= 3
    rows, codes, length = rows[long_enough], codes[long_enough], length[long_enough]
    if len(rows) == 0:
        return result
    place = 1 + (rng.random(len(rows)) * (length - 1)).astype(np.int64)
    place[rng.random(len(rows)) < 0.08] = 0
    kind = rng.choice(4, len(rows), p=[0.35, 0.25, 0.22, 0.18])
    result[rows] = from_codes(_type_wrongly(rng, codes, length, place, kind))
    return result


def _type_wrongly(
    rng: np.random.Generator, codes: npt.NDArray[np.uint32], length: Ints, place: Ints, kind: Ints
) -> npt.NDArray[np.uint32]:
    width = codes.shape[1]
    wide = np.concatenate((codes, np.zeros((len(codes), 1), dtype=np.uint32)), axis=1)
    columns = np.arange(width + 1)[None, :].repeat(len(codes), axis=0)
    at = place[:, None]
    columns += (kind == 2)[:, None] & (columns >= at)
    columns -= (kind == 3)[:, None] & (columns > at)
    swapped = np.flatnonzero(kind == 1)
    left = np.clip(place[swapped], 0, length[swapped] - 2)
    columns[swapped, left], columns[swapped, left + 1] = left + 1, left
    typed = np.take_along_axis(wide, np.minimum(columns, width), axis=1)
    beside = np.flatnonzero(kind == 0)
    key = typed[beside, place[beside]]
    wrong = _KEYS_BESIDE[np.minimum(key, 127), rng.integers(0, 3, len(beside))]
    typed[beside, place[beside]] = np.where(key < 128, wrong, key)
    return typed


def mistype_digits(rng: np.random.Generator, column: Texts, rate: float, among: int) -> Texts:
    """One of the first `among` digits wrong, or two neighbours of them exchanged; letters stay."""
    result = column.copy()
    rows = chosen(rng, column, rate)
    if len(rows) == 0:
        return result
    codes = codes_of(column[rows])
    place = rng.integers(0, among - 1, len(rows))
    every = np.arange(len(rows))
    here, there = codes[every, place], codes[every, place + 1]
    swap = (rng.random(len(rows)) < 0.4) & (here != there)
    zero = np.uint32(ord("0"))
    other = zero + (here - zero + rng.integers(1, 10, len(rows)).astype(np.uint32)) % np.uint32(10)
    codes[every, place] = np.where(swap, there, other)
    codes[every, place + 1] = np.where(swap, here, there)
    result[rows] = from_codes(codes)
    return result


def respell(rng: np.random.Generator, column: Texts, rate: float | Floats, variants: Variants) -> Texts:
    """Another spelling or a nickname, for names that have one in the list."""
    result = column.copy()
    rows = chosen(rng, column, rate)
    other = variants.of(rng, column[rows])
    result[rows] = where(filled(other), other, column[rows])
    return result


def exchange(left: Texts, right: Texts, rows: Flags) -> tuple[Texts, Texts]:
    """Exchange two columns where both are filled."""
    rows = rows & filled(left) & filled(right)
    return where(rows, right, left), where(rows, left, right)


def write_birth_dates(
    rng: np.random.Generator,
    days: Days,
    *,
    swapped: float,
    off_by_one: float,
    estimated: float,
    partial: float,
    missing: float,
) -> tuple[Texts, Flags]:
    """Write birth dates as sources do, with their faults.

    Returns:
        The dates, YYYY-MM-DD or shorter, some missing; and which of them are guesses.
    """
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    year = months.astype(np.int64) // 12 + 1970
    month = months.astype(np.int64) % 12 + 1
    day = days - months.astype("datetime64[D]").astype(np.int64) + 1
    fate = rng.random(len(days))
    year, month, day = _one_field_off(rng, year, month, day, fate < off_by_one)
    guess = (fate >= off_by_one) & (fate < off_by_one + estimated)
    year, month, day = _guess(rng, year, month, day, guess)
    # Only days up to the twelfth can be swapped, so those are swapped the oftener: the share is of all records.
    can = (day <= 12) & (day != month)
    swap = can & ~guess & (rng.random(len(days)) < swapped * len(days) / max(int(can.sum()), 1))
    month, day = np.where(swap, day, month), np.where(swap, month, day)
    written = iso_dates(_to_days(year, month, day))
    short = rng.random(len(days)) < partial
    cut_at = np.where(rng.random(len(days)) < 0.5, 4, 7)
    rows = np.flatnonzero(short)
    written[rows] = [text[:length] for text, length in zip(written[rows], cut_at[rows].tolist(), strict=True)]
    written[rng.random(len(days)) < missing] = None
    return written, guess


def _one_field_off(
    rng: np.random.Generator, year: Ints, month: Ints, day: Ints, rows: Flags
) -> tuple[Ints, Ints, Ints]:
    field = rng.choice(3, len(year), p=[0.5, 0.2, 0.3])
    step = np.where(rng.random(len(year)) < 0.5, -1, 1)
    step = np.where((field == 0) & (rng.random(len(year)) < 0.4), step * 10, step)
    day_off, month_off, year_off = rows & (field == 0), rows & (field == 1), rows & (field == 2)
    day = np.where(
        day_off, np.where((day + step >= 1) & (day + step <= 28), day + step, np.where(day > 1, day - 1, 2)), day
    )
    month = np.where(month_off, np.where((month + step >= 1) & (month + step <= 12), month + step, 13 - month), month)
    year = np.where(year_off, year + np.where(np.abs(step) == 1, step, 1), year)
    return year, month, np.minimum(day, _days_in(year, month))


def _guess(rng: np.random.Generator, year: Ints, month: Ints, day: Ints, rows: Flags) -> tuple[Ints, Ints, Ints]:
    """A guessed date: 1 January in seven of ten, else the first of some month; the year right in seven of ten."""
    january = rng.random(len(year)) < 0.7
    year = np.where(rows & (rng.random(len(year)) < 0.3), year + np.where(rng.random(len(year)) < 0.5, -1, 1), year)
    month = np.where(rows, np.where(january, 1, month), month)
    return year, month, np.where(rows, 1, day)


def _month_start(year: Ints, month: Ints) -> Days:
    months = (year - 1970) * 12 + month - 1
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _days_in(year: Ints, month: Ints) -> Ints:
    return _month_start(year + month // 12, month % 12 + 1) - _month_start(year, month)


def _to_days(year: Ints, month: Ints, day: Ints) -> Days:
    return _month_start(year, month) + day - 1


def placeholder_names(rng: np.random.Generator, sex: Ints, birth_order: Ints, mother_first: Texts) -> Texts:
    """What hospitals and clerks write before a baby has a name; twins by letter or number."""
    boy = sex == 1
    word = where(boy, "Boy", "Girl")
    letter = texts(["", " A", " B", " C"])[birth_order]
    figure = texts(["", "1", "2", "3"])[birth_order]
    forms = [
        "Baby " + word + letter,
        "Baby" + word + figure,
        where(boy, "BB", "BG") + letter,
        where(filled(mother_first), where(filled(mother_first), mother_first, "") + "s" + word, "Baby " + word)
        + figure,
        "Infant" + letter,
        "Baby" + letter,
    ]
    form = rng.choice(len(forms), len(sex), p=[0.45, 0.12, 0.15, 0.14, 0.07, 0.07])
    result: Texts = np.choose(form, forms).astype(object)
    return result


def lose_units(rng: np.random.Generator, unit: Texts, rate: float) -> Texts:
    """Leave out the flat's number."""
    return where(rng.random(len(unit)) < rate, None, unit)


def dummies(rng: np.random.Generator, rows: int) -> Texts:
    """Fillers in place of a Social Security number."""
    return texts(DUMMY_SSNS)[rng.integers(0, len(DUMMY_SSNS), rows)]


def other_phones(rng: np.random.Generator, phones: Texts, rate: float) -> Texts:
    """Somebody else's telephone in the same area: a relative's, a worker's."""
    result = phones.copy()
    rows = chosen(rng, phones, rate)
    area = phones[rows].astype(str).astype(np.int64) // 10**7 if len(rows) else np.zeros(0, dtype=np.int64)
    result[rows] = digits(area * 10**7 + 555 * 10**4 + rng.integers(0, 10**4, len(rows)), 10)
    return result
