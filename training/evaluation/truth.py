"""Reads the truth: who each record is, how persons are related, and which subgroups they belong to.

A truth table has `source`, `source_record_id` and a person (`person`, `cluster` or `person_id`). Everything else is
optional: columns that tell relations (`household`, `mother`, `twin_group`, ...), and any further boolean column, or
text column with few values, names a subgroup.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

KEY_COLUMNS = ("source", "source_record_id")
PERSON_COLUMNS = ("person", "cluster", "person_id")
SIBLING_COLUMNS = ("sibling_group", "family", "mother")
TWIN_COLUMNS = ("twin_group",)
RELATION_COLUMNS = ("household", "birth_date", *SIBLING_COLUMNS, *TWIN_COLUMNS)
MOST_VALUES_OF_A_SUBGROUP = 12

Relation = Literal["twin", "sibling", "household", "stranger"]
RELATIONS: tuple[Relation, ...] = ("twin", "sibling", "household", "stranger")

IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


class UnusableTableError(ValueError):
    """A table given to the evaluation lacks a column, or names a record twice."""


@dataclass(frozen=True, slots=True)
class Relations:
    """Which records' persons are related: one group code per record, each of shape (n_records,); -1 = none known.

    Two different persons are twins if they share a twin group, else siblings if they share a sibling group, else of
    one household if they share that, else strangers.
    """

    twin: IntArray
    sibling: IntArray
    household: IntArray

    @property
    def known(self) -> bool:
        return any(bool((codes >= 0).any()) for codes in (self.twin, self.sibling, self.household))


def read_table(path: Path) -> pa.Table:
    """Read a CSV or Parquet table; record ids stay text, so that leading zeros survive."""
    if path.suffix.lower() in (".parquet", ".pq"):
        return pyarrow.parquet.read_table(path)
    as_text = {name: pa.string() for name in (*KEY_COLUMNS, *PERSON_COLUMNS, *RELATION_COLUMNS)}
    options = pyarrow.csv.ConvertOptions(column_types=as_text, strings_can_be_null=True)
    return pyarrow.csv.read_csv(path, convert_options=options)


def record_keys(table: pa.Table, what: str) -> pa.Array:
    """One text key per record.

    Raises:
        UnusableTableError: a key column is missing or empty in places, or a record is named twice.
    """
    missing = [name for name in KEY_COLUMNS if name not in table.column_names]
    if missing:
        raise UnusableTableError(f"the {what} table has no column {missing[0]!r}; it needs source and source_record_id")
    parts = [pc.cast(_chunkless(table[name]), pa.string()) for name in KEY_COLUMNS]
    keys = pc.binary_join_element_wise(*parts, "\x1f")
    if keys.null_count:
        raise UnusableTableError(f"the {what} table has {keys.null_count} rows without source or source_record_id")
    repeated = len(keys) - pc.count_distinct(keys).as_py()
    if repeated:
        raise UnusableTableError(
            f"the {what} table names {repeated} records more than once; one row per record is needed"
        )
    return keys


def person_codes(table: pa.Table, what: str) -> IntArray:
    """The person of each row as a code, shape (n_rows,); -1 where it is not known."""
    for name in PERSON_COLUMNS:
        if name in table.column_names:
            return codes(table[name])
    raise UnusableTableError(f"the {what} table has no person column; name it one of {', '.join(PERSON_COLUMNS)}")


def codes(column: pa.ChunkedArray) -> IntArray:
    """Equal values get equal codes 0..n-1 in order of appearance; null gets -1."""
    encoded = _chunkless(column).dictionary_encode()
    found: IntArray = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return found


def _chunkless(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def relations(truth: pa.Table) -> Relations:
    """Derive who is whose twin, sibling or household member from the columns that are there.

    Twins: `twin_group`; else twins (`is_twin`) or, without that column, all, of one family and birth date; else the
    twins of one family. Siblings: `sibling_group`, `family` or `mother`; else those with `has_sibling` in a household.
    """
    household = _column_codes(truth, ("household",))
    sibling = _column_codes(truth, SIBLING_COLUMNS)
    if not (sibling >= 0).any():
        sibling = np.where(_flag(truth, "has_sibling"), household, -1)
    twin = _column_codes(truth, TWIN_COLUMNS)
    if not (twin >= 0).any():
        family = np.where(sibling >= 0, sibling, household) if not _any_sibling_column(truth) else sibling
        twin = _twins(truth, family)
    return Relations(twin, sibling, household)


def _any_sibling_column(truth: pa.Table) -> bool:
    return any(name in truth.column_names for name in SIBLING_COLUMNS)


def _twins(truth: pa.Table, family: IntArray) -> IntArray:
    dated = "birth_date" in truth.column_names
    flagged = "is_twin" in truth.column_names
    if not dated and not flagged:
        return np.full(truth.num_rows, -1)
    birth = codes(truth["birth_date"]) if dated else np.zeros(truth.num_rows, dtype=np.int64)
    eligible = (family >= 0) & (birth >= 0) & (_flag(truth, "is_twin") if flagged else True)
    return np.where(eligible, family * (birth.max(initial=0) + 1) + birth, -1)


def _column_codes(truth: pa.Table, names: tuple[str, ...]) -> IntArray:
    for name in names:
        if name in truth.column_names:
            return codes(truth[name])
    return np.full(truth.num_rows, -1)


def _flag(truth: pa.Table, name: str) -> BoolArray:
    if name not in truth.column_names:
        return np.zeros(truth.num_rows, dtype=bool)
    return _as_mask(_chunkless(truth[name]))


def _as_mask(column: pa.Array) -> BoolArray:
    mask: BoolArray = pc.fill_null(pc.cast(column, pa.bool_()), False).to_numpy(zero_copy_only=False)
    return mask


def subgroup_masks(truth: pa.Table) -> Mapping[str, BoolArray]:
    """The subgroups that the truth table's own columns name: each with a mask of shape (n_records,).

    A boolean column (or one of 0 and 1) is a subgroup of its name; a text column with few values is one per value,
    named `column=value`. Keys, persons and relations are not subgroups.
    """
    masks: dict[str, BoolArray] = {}
    for name in truth.column_names:
        if name not in (*KEY_COLUMNS, *PERSON_COLUMNS, *RELATION_COLUMNS):
            masks |= _masks_of(name, _chunkless(truth[name]))
    return {name: mask for name, mask in masks.items() if mask.any()}


def _masks_of(name: str, column: pa.Array) -> dict[str, BoolArray]:
    if pa.types.is_boolean(column.type) or (pa.types.is_integer(column.type) and _zero_or_one(column)):
        return {name: _as_mask(column)}
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return {}
    values = sorted(pc.unique(column).drop_null().to_pylist())
    if not 2 <= len(values) <= MOST_VALUES_OF_A_SUBGROUP:
        return {}
    return {f"{name}={value}": _as_mask(pc.equal(column, value)) for value in values}


def _zero_or_one(column: pa.Array) -> bool:
    return set(pc.unique(column).drop_null().to_pylist()) <= {0, 1}
