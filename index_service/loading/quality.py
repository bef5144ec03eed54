"""Count, per field, how often an extract filled it, filled it with a placeholder, or filled it with nonsense."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from linkage.record import Finding, SourceRecord


@dataclass(frozen=True, slots=True)
class FieldQuality:
    """Counts over the records of one load; `filled` includes placeholders and rejected values."""

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
        self.records += 1
        self._filled.update(record.values.keys())
        kinds = {finding.field: finding.kind for finding in findings}
        for name, kind in kinds.items():
            (self._placeholder if kind == "placeholder" else self._rejected)[name] += 1

    def fields(self, order: Iterable[str] = ()) -> list[FieldQuality]:
        """One entry per field that any record filled, in the given order, then by name."""
        names = dict.fromkeys([*order, *sorted(self._filled)])
        return [
            FieldQuality(name, self._filled[name], self._placeholder[name], self._rejected[name], self.records)
            for name in names
            if self._filled[name]
        ]
