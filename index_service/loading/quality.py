"""Count, per field, how often an extract filled it, filled it with a placeholder, or filled it with nonsense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from linkage.record import Finding, SourceRecord


@dataclass(frozen=True, slots=True)
class FieldQuality:
    """Counts over the records of one load; a placeholder or a rejected value counts as filled too."""

    field: str
    filled: int
    placeholder: int
    rejected: int
    records: int

    @property
    def usable_share(self) -> float:
        """Share of the records whose value can serve as evidence, 0 to 1."""
        return (self.filled - self.placeholder - self.rejected) / self.records if self.records else 0.0


@dataclass(slots=True)
class QualityCount:
    """Adds up as records pass; one finding per field and record counts."""

    records: int = 0
    _filled: Counter[str] = field(default_factory=Counter)
    _placeholder: Counter[str] = field(default_factory=Counter)
    _rejected: Counter[str] = field(default_factory=Counter)

    def add(self, record: SourceRecord, findings: Iterable[Finding]) -> None:
        """Count one record. A value that its layout could not make sense of is in the findings alone."""
        self.records += 1
        kinds = {finding.field: finding.kind for finding in findings}
        self._filled.update(record.values.keys() | kinds.keys() if kinds else record.values.keys())
        for name, kind in kinds.items():
            (self._placeholder if kind == "placeholder" else self._rejected)[name] += 1

    def merge(self, other: QualityCount) -> None:
        """Add what another count has counted."""
        self.records += other.records
        self._filled.update(other._filled)
        self._placeholder.update(other._placeholder)
        self._rejected.update(other._rejected)

    def fields(self, order: Iterable[str] = ()) -> list[FieldQuality]:
        """One entry per field that any record filled, in the given order, then by name."""
        names = dict.fromkeys([*order, *sorted(self._filled)])
        return [
            FieldQuality(name, self._filled[name], self._placeholder[name], self._rejected[name], self.records)
            for name in names
            if self._filled[name]
        ]

    def shares(self, fields: Iterable[str]) -> tuple[dict[str, float], dict[str, float]]:
        """Share of the records in which each field holds a usable value, and in which it holds a placeholder."""
        counted = {entry.field: entry for entry in self.fields()}
        known = {name: counted.get(name, FieldQuality(name, 0, 0, 0, self.records)) for name in fields}
        usable = {name: entry.usable_share for name, entry in known.items()}
        return usable, {name: entry.placeholder / max(self.records, 1) for name, entry in known.items()}
