"""How frequent single values are among persons, and which are shared by too many to be evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from linkage.batch import DIGEST_SQL, BatchEngine
from linkage.model import Frequencies
from linkage.whole_tables import whole_table

LISTED_VALUES = 20_000
"""A model lists at most so many values of a field: the most frequent; the rest share one frequency."""

LEAST_LISTED = 3
"""A value that fewer persons bear is not listed: its frequency says nothing, and a model must not name anyone."""

LEAST_RATIO = 1.5
"""A value less than so many times as frequent as the unlisted ones is not listed."""

GENERIC_AT = {"ssn": 4, "cin": 4, "identifiers": 4, "phone": 12, "email": 6}
"""Column -> how many different people (by name and birth date) make a value generic."""


def value_frequencies(engine: BatchEngine, column: str, cluster: NDArray[np.int64] | None) -> Frequencies | None:
    """Estimate how likely a stranger is to have the same value.

    A value that r persons bear has been seen r − 1 times beside each of them, so r − 1 of the other persons are
    counted; values borne once share the mass that Good and Turing give to what was seen once (2·N2/N1 of a
    person each). Names thus keep some weight for rarity, numbers that nobody shares nearly all of it.

    Args:
        column: a text column.
        cluster: shape (n_records,), the person of each record as far as known; each record its own person if None.
    """
    counts = _persons_per_value(engine, column, cluster)
    if not len(counts):
        return None
    persons = counts["persons"].to_numpy().astype(np.float64)
    total = persons.sum()
    once, twice = (persons == 1).sum(), (persons == 2).sum()
    unseen = float(np.clip(2.0 * (twice + 0.5) / (once + 1.0), 0.02, 1.0))
    expected = np.where(persons == 1, unseen, persons - 1.0 + unseen * 0.5)
    share = np.clip(expected / max(total, 2.0), 1e-12, 1.0)
    listed, other = _worth_listing(persons, share)
    values = counts["value"].to_pylist()
    return Frequencies(
        values={values[i]: round(float(share[i]), 12) for i in sorted(listed, key=lambda i: values[i])}, other=other
    )


def _worth_listing(persons: NDArray[np.float64], share: NDArray[np.float64]) -> tuple[NDArray[np.int64], float]:
    """Values frequent enough to list, and the frequency that all others get: theirs on average."""
    listed = np.flatnonzero(persons >= LEAST_LISTED)
    listed = listed[np.argsort(-persons[listed], kind="stable")][:LISTED_VALUES]
    for _ in range(2):  # those little more frequent than the rest join it, which moves its average once more
        rest = np.ones(len(persons), dtype=bool)
        rest[listed] = False
        other = float(np.average(share[rest], weights=persons[rest])) if rest.any() else float(share.min())
        listed = listed[share[listed] > LEAST_RATIO * other]
    return listed, other


def _persons_per_value(
    engine: BatchEngine, column: str, cluster: NDArray[np.int64] | None
) -> Mapping[str, pa.ChunkedArray]:
    persons = np.arange(engine.size) if cluster is None else cluster
    engine.con.register("persons", pa.table({"record": np.arange(engine.size, dtype=np.int32), "person": persons}))
    table = whole_table(
        engine.con,
        f"select {column} as value, count(distinct person) as persons from records join persons using (record) "
        f"where {column} is not null group by 1 order by 1",
    )
    engine.con.unregister("persons")
    return _columns(table)


def _columns(table: pa.Table) -> Mapping[str, pa.ChunkedArray]:
    return {name: table.column(name) for name in table.column_names} if table.num_rows else {}


def generic_values(engine: BatchEngine) -> dict[str, tuple[str, ...]]:
    """Find values that many different people share: column -> digests."""
    found: dict[str, tuple[str, ...]] = {}
    for column, least in GENERIC_AT.items():
        value = f"unnest({column})" if column == "identifiers" else column
        sql = f"""
            select {DIGEST_SQL.format("value")}
            from (select {value} as value, first_sound, birth_year, last_sound from records)
            where value is not null group by value
            having count(distinct (first_sound, birth_year)) >= {least} and count(distinct last_sound) >= {least}
            order by 1"""
        digests = tuple(row[0] for row in engine.con.execute(sql).fetchall())
        if digests:
            found[column] = digests
    return found


def together(found: Mapping[str, Sequence[str]], marked: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """Generic values found in the data and marked by stewards: column -> digests, sorted."""
    columns = sorted({*found, *marked})
    return {column: tuple(sorted({*found.get(column, ()), *marked.get(column, ())})) for column in columns}
