"""Whether a load keeps what its source file promises; if not, the load stops with these reasons and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from config.sources import SourceConfig


@dataclass(frozen=True, slots=True)
class LoadMeasures:
    """What a load found. Shares are of the accepted rows, 0 to 1.

    A field whose column the file does not have belongs in neither mapping, and nothing is expected of it; one whose
    column is there and empty throughout is in `usable_share` with 0.
    """

    rows: int
    rejected: int
    usable_share: Mapping[str, float] = field(default_factory=dict)
    placeholder_share: Mapping[str, float] = field(default_factory=dict)


def broken_expectations(measures: LoadMeasures, source: SourceConfig) -> tuple[str, ...]:
    """Say which expectations of its source a load breaks: one sentence each, with both figures; empty if none."""
    return tuple(_broken(measures, source))


def _broken(measures: LoadMeasures, source: SourceConfig) -> Iterator[str]:
    expected = source.expectations
    if measures.rows < expected.min_rows:
        yield f"{measures.rows:,} rows; {source.id} is expected to have at least {expected.min_rows:,}"
    if measures.rows < expected.min_rows_for_shares:
        return
    rejected_share = measures.rejected / measures.rows
    if rejected_share > expected.max_rejected_share:
        yield f"{rejected_share:.1%} of the rows were rejected; at most {expected.max_rejected_share:.1%} may be"
    for name, least in expected.min_filled.items():
        if measures.usable_share.get(name, 1.0) < least:
            share = measures.usable_share[name]
            yield f"{name} is usable in {share:.1%} of the rows; at least {least:.1%} are expected"
    for name, most in expected.max_placeholder_share.items():
        if measures.placeholder_share.get(name, 0.0) > most:
            share = measures.placeholder_share[name]
            yield f"{name} is a placeholder in {share:.1%} of the rows; at most {most:.1%} may be"
