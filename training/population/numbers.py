"""Identifiers in each system's own form, every one given out once.

A supply counts upwards and scatters the count over its space by a multiplication modulo its size, so that numbers are
unique by construction, however many chunks a population is made in, and look random.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from training.population.columns import Days, Ints, Texts, digits, from_codes, texts, together

SSN_AREAS = range(734, 750)
"""Area numbers that were never assigned before 2011: reserved here for invented people.

Since then areas say nothing, so no range can be sure to be free; a number from here is as unlikely as can be to be
somebody's, and passes every check of form that a real one passes.
"""

_SSNS_PER_AREA = 99 * 9999
_SSN_SLOTS = len(SSN_AREAS) * _SSNS_PER_AREA // 2  # two consecutive numbers each, so that twins can have both

_CIN_LETTERS = texts(list("ACDEFGHMNSTUVWXY"))
_CASE_CHARACTERS = np.array([ord(c) for c in "0123456789BCDFGHJKLMNPQRSTVWXYZ"], dtype=np.uint32)
_BASE_62 = np.array([ord(c) for c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"], dtype=np.uint32)
STAFF_CODES = 62**3
STAFF_PER_CHUNK = 1500


class ExhaustedError(ValueError):
    """A population is too large for a number space."""


class Supply:
    """Gives out the whole numbers below `size`, each once, in a scattered order fixed by `seed`."""

    def __init__(self, size: int, seed: int, what: str) -> None:
        self.size, self.what, self.given = size, what, 0
        rng = np.random.default_rng([seed, size % 2**32, sum(what.encode())])
        self.step = _coprime_near(int(size * (0.3 + 0.4 * rng.random())), size)
        self.start = int(rng.integers(size))

    def take(self, count: int) -> Ints:
        """The next `count` numbers, int64.

        Raises:
            ExhaustedError: there are not so many left.
        """
        if self.given + count > self.size:
            raise ExhaustedError(
                f"more people than {self.what} can be made for: {self.size:,}; generate fewer children"
            )
        counter = np.arange(self.given, self.given + count, dtype=np.uint64)
        self.given += count
        return ((counter * np.uint64(self.step) + np.uint64(self.start)) % np.uint64(self.size)).astype(np.int64)


def _coprime_near(number: int, size: int) -> int:
    while math.gcd(number, size) != 1:
        number += 1
    return number


class Numbers:
    """All supplies of a population. Shared by its chunks, so that ids are disjoint."""

    def __init__(self, seed: int) -> None:
        self._ssn = Supply(_SSN_SLOTS, seed, "SSNs")
        self._cin = Supply(10**7 * len(_CIN_LETTERS), seed, "CINs")
        self._pseudo = Supply(2 * 10**7, seed, "MEDS pseudo numbers")
        self._ssid = Supply(9 * 10**9, seed, "student ids")
        self._ccn = Supply(10**9, seed, "county client numbers")
        self._participant = Supply(9 * 10**9, seed, "child support participants")
        self._registry = Supply(9 * 10**8, seed, "registry patients")
        self._uci = Supply(9 * 10**6, seed, "regional center clients")
        self._probation = Supply(9 * 10**6, seed, "probation numbers")
        self._claim = Supply(9 * 10**10, seed, "claims")
        self._case = Supply(len(_CASE_CHARACTERS) ** 6, seed, "cases")
        self._support_case = Supply(10**9, seed, "child support cases")
        self._court_numbers_given: dict[int, int] = {}
        self.persons = 0
        self.households = 0
        self.chunks = 0

    def ssns(self, twin_of: Ints, consecutive: npt.NDArray[np.bool_]) -> Texts:
        """A Social Security number for everybody; `consecutive` people get the number after that of `twin_of`."""
        number = self._ssn.take(len(twin_of)) * 2
        number[consecutive] = number[twin_of[consecutive]] + 1
        area = SSN_AREAS.start + number // _SSNS_PER_AREA
        group = 1 + number % _SSNS_PER_AREA // 9999
        return digits(area * 10**6 + group * 10**4 + 1 + number % 9999, 9)

    def cins(self, count: int) -> Texts:
        """Client Index Numbers: 9, seven digits, a letter."""
        number = self._cin.take(count)
        return together(digits(9 * 10**7 + number % 10**7, 8), _CIN_LETTERS[number // 10**7])

    def pseudo_numbers(self, count: int) -> Texts:
        """MEDS pseudo numbers: 8 or 9, seven digits, P."""
        return together(digits(8 * 10**7 + self._pseudo.take(count), 8), "P")

    def student_ids(self, count: int) -> Texts:
        """Ten digits, the first not 0."""
        return digits(10**9 + self._ssid.take(count), 10)

    def county_client_numbers(self, count: int) -> Texts:
        """Nine digits; the county comes before them."""
        return digits(self._ccn.take(count), 9)

    def participants(self, count: int) -> Texts:
        """Child support participants: the published form is unknown; ten digits here."""
        return digits(10**9 + self._participant.take(count), 10)

    def registry_ids(self, count: int) -> Texts:
        """Immunization registry patients: the published form is unknown; nine digits here."""
        return digits(10**8 + self._registry.take(count), 9)

    def regional_center_ids(self, count: int) -> Texts:
        """Seven digits."""
        return digits(10**6 + self._uci.take(count), 7)

    def probation_numbers(self, count: int) -> Texts:
        """A county's own number: J and seven digits."""
        return together("J", digits(10**6 + self._probation.take(count), 7))

    def claims(self, count: int) -> Texts:
        """Pharmacy claims: eleven digits."""
        return digits(10**10 + self._claim.take(count), 11)

    def aid_cases(self, count: int) -> Texts:
        """Serials of aid cases: 1 and six letters or digits."""
        number = self._case.take(count)
        base = len(_CASE_CHARACTERS)
        powers = base ** np.arange(5, -1, -1, dtype=np.int64)
        return together("1", from_codes(_CASE_CHARACTERS[(number[:, None] // powers) % base]))

    def support_cases(self, count: int) -> Texts:
        """Child support cases: 200 and nine digits."""
        return together("200", digits(self._support_case.take(count), 9))

    def court_numbers(self, filed: Days) -> Texts:
        """Numbers of a court's families: year, CCJP and a running number in the year."""
        years = filed.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
        running = np.zeros(len(years), dtype=np.int64)
        for year in np.unique(years).tolist():
            rows = np.flatnonzero(years == year)
            first = self._court_numbers_given.get(year, 0)
            running[rows] = first + 1 + np.arange(len(rows))
            self._court_numbers_given[year] = first + len(rows)
        width = 5 if running.max(initial=0) < 10**5 else 6
        return together(digits(years % 100, 2), "CCJP", digits(running, width))


def cws_cms_ids(days: Days, hundredths_of_day: Ints, staff: Ints) -> Texts:
    """CWS/CMS keys: seven base-62 characters of creation time and three of who created it.

    Args:
        days: day of creation, since 1970.
        hundredths_of_day: time of creation, hundredths of a second since midnight.
        staff: the creator, below 62 cubed.

    Source: the public CmsKeyIdGenerator; `5Y3vKVs0X5` is 2012-11-25 11:15:22.18, staff 0X5.
    """
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    year, month = months.astype(np.int64) // 12 + 1970, months.astype(np.int64) % 12
    day = days - months.astype("datetime64[D]").astype(np.int64) + 1
    seconds, hundredths = hundredths_of_day // 100, hundredths_of_day % 100
    packed = hundredths
    for value, bits in ((seconds % 60, 6), (seconds // 60 % 60, 6), (seconds // 3600, 5), (day, 5), (month, 4)):
        packed = (packed << bits) | value
    packed = (packed << 8) | (year - 1900)
    return together(_base_62(packed, 7), _base_62(staff, 3))


def _base_62(numbers: Ints, width: int) -> Texts:
    powers = 62 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return from_codes(_BASE_62[(numbers[:, None] // powers) % 62])
