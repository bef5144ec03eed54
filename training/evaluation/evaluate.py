"""Judges a linkage against the truth: puts the two tables side by side and asks every question of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from linkage.record import RecordKey
from training.evaluation.calibration import Calibration, agreement_with_others, calibration, probability_of
from training.evaluation.errors import (
    KeptApart,
    MissCount,
    false_links_by_relation,
    kept_apart,
    missed_links_by_reason,
    relation_of_pairs,
    worst_pairs,
)
from training.evaluation.pair_completeness import PairCompleteness, distinct_pairs, pair_completeness
from training.evaluation.partitions import (
    SourcePairScores,
    by_source_pair,
    by_subgroup,
    cluster_scores,
    pair_scores,
)
from training.evaluation.result import (
    BlockingRuleLike,
    Evaluation,
    ExplanationLike,
    ModelLike,
    RecordCounts,
    Step,
    WorstError,
    blocking_rows,
    level_shares,
)
from training.evaluation.text import to_text
from training.evaluation.thresholds import ThresholdPoint, WeightBin, error_curve, weight_histogram
from training.evaluation.truth import (
    RELATIONS,
    Relations,
    UnusableTableError,
    codes,
    person_codes,
    record_keys,
    relations,
    subgroup_masks,
)

__all__ = ["Evaluation", "LinkageFacts", "UnusableTableError", "evaluate", "to_text"]

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]

KINDS = ("same person", *RELATIONS)


class PairRows(Protocol):
    """Pairs of records, as rows of the predicted table; arrays of shape (n_pairs,)."""

    @property
    def left(self) -> IntArray: ...
    @property
    def right(self) -> IntArray: ...


class ScoredPairs(PairRows, Protocol):
    """Pairs with their match weights in bits, as linking returns them; each pair once."""

    @property
    def weight(self) -> FloatArray: ...


@dataclass(frozen=True, slots=True)
class LinkageFacts:
    """What is known of how the linkage was made; each fact adds a section to the report.

    Attributes:
        model: the model that scored the pairs.
        blocking: the engine's report of its blocking rules.
        candidates: the pairs that blocking proposed; without them nobody can say what blocking lost.
        explain: says why two records (rows of the predicted table) have their weight.
        link_bits, review_bits: the policy's thresholds.
        worst_errors: how many of the worst false and missed links to name, of each.
    """

    model: ModelLike | None = None
    blocking: Sequence[BlockingRuleLike] = ()
    candidates: PairRows | None = None
    explain: Callable[[int, int], ExplanationLike] | None = None
    link_bits: float | None = None
    review_bits: float | None = None
    worst_errors: int = 5


@dataclass(frozen=True, slots=True)
class _Sides:
    """Prediction and truth of the same records, row by row: the predicted table's rows, then those only in truth."""

    predicted: IntArray
    truth: IntArray
    aligned: pa.Table  # the truth table's columns in this order; null where the truth does not know the record
    counts: RecordCounts


@dataclass(frozen=True, slots=True)
class _Scored:
    """The scored pairs whose truth is known; `kind` indexes KINDS."""

    left: IntArray
    right: IntArray
    weight_bits: FloatArray
    kind: NDArray[np.int8]


def evaluate(
    predicted: pa.Table,
    truth: pa.Table,
    *,
    pairs: ScoredPairs | None = None,
    how: LinkageFacts | None = None,
    seed: int = 0,
) -> Evaluation:
    """Judge predicted persons by the truth.

    Args:
        predicted: `source`, `source_record_id`, `person_id`, and if there is one `probability`.
        truth: `source`, `source_record_id`, `person` (or `cluster`), and what else is known; see `truth.py`.
        pairs: the scored pairs, such as `LinkResult.pairs`.
        how: how the linkage was made.
        seed: of the intervals' random draws.

    Raises:
        UnusableTableError: a column is missing, a record is named twice, or the tables have no record in common.
    """
    how = how or LinkageFacts()
    sides = _side_by_side(predicted, truth)
    related = relations(sides.aligned)
    scored = _scored(pairs, sides, related)
    pair_figures = pair_scores(sides.predicted, sides.truth, seed=seed)
    return Evaluation(
        records=sides.counts,
        pairs=pair_figures,
        clusters=cluster_scores(sides.predicted, sides.truth, seed=seed),
        subgroups=tuple(by_subgroup(sides.predicted, sides.truth, subgroup_masks(sides.aligned), seed=seed)),
        source_pairs=tuple(_between_sources(sides)),
        false_links=tuple(false_links_by_relation(sides.predicted, sides.truth, related)) if related.known else (),
        twins=_apart(sides, related.twin),
        siblings=_apart(sides, related.sibling),
        membership=_membership(predicted, sides),
        calibration=_calibration(scored),
        missed_links=tuple(_missed(scored, sides, pair_figures.counts.fn, how)),
        completeness=_completeness(how.candidates, sides, seed),
        weights=tuple(_weights(scored)),
        thresholds=tuple(_thresholds(scored, pair_figures.counts.tp + pair_figures.counts.fn)),
        worst=tuple(_worst(scored, sides, how)),
        link_bits=how.link_bits,
        review_bits=how.review_bits,
        levels=level_shares(how.model),
        blocking=blocking_rows(how.blocking),
        seed=seed,
    )


def _side_by_side(predicted: pa.Table, truth: pa.Table) -> _Sides:
    predicted_keys, truth_keys = record_keys(predicted, "predicted"), record_keys(truth, "truth")
    truth_row = pc.index_in(predicted_keys, value_set=truth_keys)
    if truth_row.null_count == len(truth_row):
        raise UnusableTableError(
            "the predicted and the truth table have no record in common; "
            "check that source and source_record_id are spelled alike in both"
        )
    only_in_truth = np.flatnonzero(pc.invert(pc.is_in(truth_keys, value_set=predicted_keys)).to_numpy(False))
    rows = pa.concat_arrays([truth_row, pa.array(only_in_truth, type=pa.int32())])
    person = person_codes(truth, "truth")
    persons = np.where(rows.is_null().to_numpy(False), -1, person[rows.fill_null(0).to_numpy(False)])
    return _Sides(
        predicted=_alone_where_unknown(person_codes(predicted, "predicted"), len(rows)),
        truth=persons,
        aligned=_with_keys(truth.take(rows), predicted, truth.take(only_in_truth)),
        counts=RecordCounts(
            judged=int((persons >= 0).sum()),
            only_in_truth=int((persons[len(truth_row) :] >= 0).sum()),
            without_truth=int((persons < 0).sum()),
        ),
    )


def _with_keys(aligned: pa.Table, *parts: pa.Table) -> pa.Table:
    """Replace the truth's keys, which are null where it does not know a record, by those of the parts in turn."""
    keys = pa.concat_tables([part.select(_KEYS.names).cast(_KEYS) for part in parts])
    others = aligned.drop_columns(_KEYS.names)
    return pa.table([*keys.columns, *others.columns], names=[*keys.column_names, *others.column_names])


_KEYS = pa.schema([("source", pa.string()), ("source_record_id", pa.string())])


def _alone_where_unknown(person: IntArray, records: int) -> IntArray:
    """Give a person of its own to each record that the prediction has none for."""
    labels = np.concatenate([person, np.full(records - len(person), -1)])
    alone = labels < 0
    labels[alone] = labels.max(initial=0) + 1 + np.arange(int(alone.sum()))
    return labels


def _between_sources(sides: _Sides) -> list[SourcePairScores]:
    names = sides.aligned["source"].unique().to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    rank = np.argsort(order)
    return by_source_pair(
        sides.predicted, sides.truth, rank[codes(sides.aligned["source"])], tuple(names[i] for i in order)
    )


def _apart(sides: _Sides, group: IntArray) -> KeptApart | None:
    return kept_apart(sides.predicted, sides.truth, group) if (group >= 0).any() else None


def _membership(predicted: pa.Table, sides: _Sides) -> Calibration | None:
    """Calibration of the probability that a record belongs to its person, over records that do not stand alone."""
    if "probability" not in predicted.column_names:
        return None
    probability = predicted["probability"].to_numpy().astype(np.float64)
    right = agreement_with_others(sides.predicted, sides.truth)[: len(probability)]
    judged = ~np.isnan(right) & ~np.isnan(probability)
    return calibration(probability[judged], right[judged])


def _scored(pairs: ScoredPairs | None, sides: _Sides, related: Relations) -> _Scored | None:
    if pairs is None:
        return None
    left, right = _rows(pairs)
    known = (sides.truth[left] >= 0) & (sides.truth[right] >= 0)
    left, right = left[known], right[known]
    same = sides.truth[left] == sides.truth[right]
    kind = np.where(same, 0, 1 + relation_of_pairs(left, right, related)).astype(np.int8)
    return _Scored(left, right, np.asarray(pairs.weight, dtype=np.float64)[known], kind)


def _calibration(scored: _Scored | None) -> Calibration | None:
    return calibration(probability_of(scored.weight_bits), scored.kind == 0) if scored else None


def _weights(scored: _Scored | None) -> list[WeightBin]:
    return weight_histogram(scored.weight_bits, scored.kind, KINDS) if scored else []


def _thresholds(scored: _Scored | None, true_pairs: int) -> list[ThresholdPoint]:
    return error_curve(scored.weight_bits, scored.kind == 0, true_pairs) if scored else []


def _missed(scored: _Scored | None, sides: _Sides, missed: int, how: LinkageFacts) -> list[MissCount]:
    if scored is None or how.candidates is None or how.link_bits is None or how.review_bits is None:
        return []
    lost = (scored.kind == 0) & (sides.predicted[scored.left] != sides.predicted[scored.right])
    left, right = _rows(how.candidates)
    lost_too = _missed_pairs(left, right, sides)
    proposed, _ = distinct_pairs(
        np.concatenate([scored.left[lost], left[lost_too]]),
        np.concatenate([scored.right[lost], right[lost_too]]),
        len(sides.truth),
    )
    return missed_links_by_reason(
        missed, len(proposed), scored.weight_bits[lost], link_bits=how.link_bits, review_bits=how.review_bits
    )


def _missed_pairs(left: IntArray, right: IntArray, sides: _Sides) -> NDArray[np.bool_]:
    """Which of the pairs are one person that was not put together; shape (n_pairs,)."""
    same = (sides.truth[left] >= 0) & (sides.truth[left] == sides.truth[right])
    apart: NDArray[np.bool_] = same & (sides.predicted[left] != sides.predicted[right])
    return apart


def _completeness(candidates: PairRows | None, sides: _Sides, seed: int) -> PairCompleteness | None:
    return None if candidates is None else pair_completeness(sides.truth, *_rows(candidates), seed=seed)


def _rows(pairs: PairRows) -> tuple[IntArray, IntArray]:
    return np.asarray(pairs.left, dtype=np.int64), np.asarray(pairs.right, dtype=np.int64)


def _worst(scored: _Scored | None, sides: _Sides, how: LinkageFacts) -> list[WorstError]:
    if scored is None:
        return []
    linked = sides.predicted[scored.left] == sides.predicted[scored.right]
    worst = worst_pairs(
        sides.truth, scored.left, scored.right, scored.weight_bits, linked=linked, how_many=how.worst_errors
    )
    return [_named(scored, sides, int(row), how) for row in (*worst.false_links, *worst.missed_links)]


def _named(scored: _Scored, sides: _Sides, row: int, how: LinkageFacts) -> WorstError:
    left, right, kind = int(scored.left[row]), int(scored.right[row]), int(scored.kind[row])
    error = WorstError(
        kind="false link" if kind else "missed link",
        left=_key(sides.aligned, left),
        right=_key(sides.aligned, right),
        weight_bits=float(scored.weight_bits[row]),
        relation=RELATIONS[kind - 1] if kind else None,
    )
    return _explained(error, how.explain(left, right)) if how.explain else error


def _key(table: pa.Table, row: int) -> RecordKey:
    return (table["source"][row].as_py(), table["source_record_id"][row].as_py())


def _explained(error: WorstError, explanation: ExplanationLike) -> WorstError:
    """Add the steps, against the rival reading that explains the pair best; they sum up to the weight against it."""
    sibling = explanation.weight_against_sibling < explanation.weight_against_stranger
    steps = [
        Step(part.comparison, part.level_label, part.against_sibling_bits if sibling else part.against_stranger_bits)
        for part in explanation.parts
    ]
    total = explanation.weight_against_sibling if sibling else explanation.weight_against_stranger
    start = Step("before any comparison", "how common such pairs are", total - sum(step.bits for step in steps))
    return replace(error, rival="a sibling or twin" if sibling else "a stranger", steps=(start, *steps))
