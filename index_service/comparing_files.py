"""Compare the pairs of a file: every row holds two records side by side, and gets its match weight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from config.fields import CANONICAL_FIELDS, is_canonical
from config.policy import LinkagePolicy
from index_service.comparing import Outcome, outcome
from index_service.csv_output import csv_output, refuse_overwriting
from index_service.errors import BadHeader
from index_service.loading.columns import ColumnCheck, check_columns
from index_service.loading.files import open_table
from index_service.loading.rejects import RejectFile
from index_service.loading.rows import CellValue, Reject, Row
from index_service.stages import Advance, unwatched
from linkage.batch import BatchEngine
from linkage.evidence_rules import opposed_pairs
from linkage.model import Model
from linkage.normalise import normalise
from linkage.record import NormalisedRecord, SourceRecord
from linkage.record_table import table_of
from linkage.weights import probability

RESULT_COLUMNS = ("match_weight", "probability", "outcome", "weight_against_stranger", "weight_against_sibling")
CHUNK_ROWS = 20_000

_SIDES = ("a_", "b_")
_KNOWN = tuple(side + name for side in _SIDES for name in ("source", *CANONICAL_FIELDS))
_NOT_EVIDENCE = frozenset({"source", "source_record_id", "deleted", "record_date"})


@dataclass(slots=True)
class CompareSummary:
    """How many pairs came out how."""

    pairs: int = 0
    rejects: int = 0
    reject_file: str | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    notes: tuple[str, ...] = ()
    model_fingerprint: str = ""


def compare_files(
    pairs: Path,
    out: Path,
    *,
    model: Model,
    policy: LinkagePolicy,
    rejects: Path,
    encoding: str | None = None,
    advance: Advance = unwatched,
) -> CompareSummary:
    """Weigh every pair of a file, a few thousand at a time, and write its row with the result, in order.

    A row that cannot be read keeps its place with empty cells and is listed in the reject file. Cells are written
    exactly as read.

    Raises:
        InputError, UsageError, OutputError: nothing is written.
    """
    refuse_overwriting(out, [pairs])
    summary = CompareSummary(model_fingerprint=model.fingerprint)
    with open_table(pairs, encoding=encoding) as table, RejectFile(rejects) as reject_file:
        check = check_pair_columns(pairs.name, table.columns)
        summary.notes = tuple(check.notes())
        with csv_output(out, [*table.columns, *RESULT_COLUMNS]) as write_row:
            while rows := list(islice(table.rows, CHUNK_ROWS)):
                for row, result in zip(rows, _weigh(rows, check, model, policy), strict=True):
                    if isinstance(row, Reject):
                        reject_file.write(row)
                    else:
                        summary.outcomes[result[2]] += 1
                    write_row([*_cells(row, table.columns), *result])
                summary.pairs += len(rows)
                advance(f"Comparing {pairs.name}", table.position() / max(table.size, 1))
    summary.rejects = reject_file.count
    summary.reject_file = str(rejects) if reject_file.count else None
    return summary


def check_pair_columns(file_name: str, columns: Sequence[str]) -> ColumnCheck:
    """Check that both sides of the pairs are there.

    Raises:
        BadHeader: a column is named twice or like a result, or a side has nothing to compare.
    """
    check = check_columns(file_name, columns, _is_known, _KNOWN)
    if taken := [name for name in columns if name in RESULT_COLUMNS]:
        raise BadHeader(
            f"{file_name}: the column {taken[0]!r} is one that comparing adds.", hint="Rename or remove it."
        )
    for side in _SIDES:
        if not any(name.startswith(side) and name[2:] not in _NOT_EVIDENCE for name in check.used):
            raise BadHeader(
                f"{file_name}: no column of the side {side!r} can be compared.",
                hint="Pairs have columns a_<field> and b_<field>, such as a_first_name and b_first_name.",
            )
    return check


def _is_known(column: str) -> bool:
    return column[:2] in _SIDES and (column[2:] == "source" or is_canonical(column[2:]))


Result = tuple[float | str, float | str, Outcome | str, float | str, float | str]
"""The cells of RESULT_COLUMNS for one pair; all empty where its row could not be read."""

_NO_RESULT: Result = ("", "", "", "", "")


def _weigh(rows: Sequence[Row | Reject], check: ColumnCheck, model: Model, policy: LinkagePolicy) -> Iterator[Result]:
    readable = [row for row in rows if isinstance(row, Row)]
    left, right = ([_side(row, side, check) for row in readable] for side in _SIDES)
    weighed = iter(weigh_pairs(left, right, model, policy))
    return (next(weighed) if isinstance(row, Row) else _NO_RESULT for row in rows)


def weigh_pairs(
    left: Sequence[NormalisedRecord], right: Sequence[NormalisedRecord], model: Model, policy: LinkagePolicy
) -> list[Result]:
    """Weigh records that stand side by side: match weight (bits), probability, outcome, the two partial weights.

    The outcome also follows the policy's rules of evidence, which may send a weight that would link to review.
    """
    if not left:
        return []
    size = len(left)
    with BatchEngine(table_of([*left, *right])) as engine:
        compiled = engine.use_model(model)
        engine.set_pairs("given", np.arange(size), np.arange(size, 2 * size))
        weighed = engine.weigh("given", compiled)
    opposed = opposed_pairs(weighed.levels, compiled.names, policy)
    columns = (weighed.weight, probability(weighed.weight), opposed, weighed.against_stranger, weighed.against_sibling)
    in_order = np.argsort(weighed.left)
    return [
        (
            round(weight, 6),
            round(likely, 9),
            outcome(weight, policy, opposed=bool(ruled_out)),
            round(stranger, 6),
            round(sibling, 6),
        )
        for weight, likely, ruled_out, stranger, sibling in np.column_stack(columns)[in_order].tolist()
    ]


def _side(row: Row, side: str, check: ColumnCheck) -> NormalisedRecord:
    values: Mapping[str, CellValue] = {
        name[2:]: row.values[name] for name in check.used if name.startswith(side) and name in row.values
    }
    source = str(values.get("source", side[0]))
    evidence = {name: value for name, value in values.items() if name not in _NOT_EVIDENCE}
    record, _ = normalise(SourceRecord(source, side[0], evidence))
    return record


def _cells(row: Row | Reject, columns: Sequence[str]) -> list[str]:
    values = row.values if isinstance(row, Row) else {}
    return [_text(values.get(name, "")) for name in columns]


def _text(value: CellValue) -> str:
    return value if isinstance(value, str) else "; ".join(value)
