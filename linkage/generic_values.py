"""Values that too many people share: the model names them by digest, and they are no evidence.

The batch engine blanks them set-wise (`BatchEngine.remove_generic`); this is the same for one record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from linkage.columns import RecordColumns
from linkage.kept_by_model import kept_by_model
from linkage.model import Model, value_digest
from linkage.record import COLUMNS, NormalisedRecord

VERDICTS_KEPT = 20_000


class _Generic(dict[str, bool]):
    """Whether a value of one column is generic: a digest is made once for each of the values met lately."""

    __slots__ = ("_digests",)

    def __init__(self, digests: Iterable[str]) -> None:
        super().__init__()
        self._digests = frozenset(digests)

    def __missing__(self, value: str) -> bool:
        if len(self) >= VERDICTS_KEPT:
            self.clear()
        found = self[value] = value_digest(value) in self._digests
        return found


@kept_by_model
def _generic_values(model: Model) -> Mapping[str, _Generic]:
    return {column: _Generic(digests) for column, digests in model.generic_values.items() if digests}


def without_generic_values(record: NormalisedRecord, model: Model) -> NormalisedRecord:
    """Blank what the model holds to be generic: the record as the model sees it."""
    blanked: dict[str, Any] = {}
    for column, generic in _generic_values(model).items():
        value = getattr(record, column)
        if isinstance(value, tuple):
            kept = tuple(item for item in value if not generic[item])
            if kept != value:
                blanked[column] = kept
        elif value is not None and generic[value]:
            blanked[column] = None
    return replace(record, **blanked) if blanked else record


def columns_without_generic_values(columns: RecordColumns, model: Model) -> RecordColumns:
    """The same for many records, column by column."""
    seen = dict(columns.values)
    for column, generic in _generic_values(model).items():
        values = columns.column(column)
        if COLUMNS[column] == "text[]":
            seen[column] = [tuple([item for item in items if not generic[item]]) for items in values]
        else:
            seen[column] = [None if value is None or generic[value] else value for value in values]
    return RecordColumns(seen, columns.size)
