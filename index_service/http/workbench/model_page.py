"""The page of the model: m and u of every level, thresholds, what it was fitted on, how stewards' decisions agree."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal, cast

from fastapi import APIRouter, Request
from starlette.responses import Response

from index_service.comparing import Outcome, outcome
from index_service.http.workbench.calibration import calibration
from index_service.http.workbench.desk import DeskDep
from index_service.http.workbench.pages import page
from index_service.http.workbench.person import Somebody
from index_service.http.workbench.plain_words import COMPARED, LAYERS_IN_WORDS, OUTCOMES, rounded
from index_service.http.workbench.said import source_title
from index_service.linking_context import LinkingContext, current
from index_service.side_by_side import weigh_sides
from index_service.store import workbench as store
from index_service.store.connection import Connection
from index_service.store.judgements import Judgement, judgements
from linkage.model import ComparisonParameters
from linkage.record import NormalisedRecord, RecordKey

router = APIRouter()
_MODELS_TOLD = 10
_DECISIONS_WEIGHED = 300
_BITS_SHOWN = 14.0
_HALF = 90.0


@dataclass(frozen=True, slots=True)
class LevelRow:
    """One level of agreement: how often it is seen in records of one person and of others, and its bits drawn."""

    label: str
    m: float
    u: float
    bits: float
    left: float
    wide: float


@dataclass(frozen=True, slots=True)
class ComparisonRows:
    """A comparison, its strongest agreement first."""

    label: str
    layer: str
    levels: tuple[LevelRow, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of the decisions of one kind: how many the model alone would have settled in each way."""

    said: str
    counts: dict[Outcome, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class FittedOn:
    """What a model was fitted on: records by title of the system; `note`: what else it says of them."""

    sources: tuple[tuple[str, int], ...]
    note: str

    @property
    def records(self) -> int:
        return sum(count for _, count in self.sources)


@router.get("/model")
def read_model(request: Request, desk: DeskDep, who: Somebody) -> Response:
    """The model that records are linked with now."""
    with desk.connect() as conn:
        context = current(conn)
        agreements, weighed = _agreement(conn, context)
        decided = store.decisions_by_weight(conn)
        models = store.models(conn, _MODELS_TOLD)
    model, policy = context.model, context.policy
    return page(
        request,
        "model.html",
        who=who,
        model=model,
        fitted_on=_fitted_on(model.fitted_on),
        policy=policy,
        comparisons=[_rows(comparison) for comparison in model.comparisons],
        frequencies=_one_in(context),
        statistics=sorted(model.statistics.items()),
        agreements=agreements,
        weighed=weighed,
        outcomes=OUTCOMES,
        models=models,
        calibration=calibration(decided),
        error_aim=rounded(1 / policy.link_error_aim),
    )


_SOURCE_COUNT = re.compile(r"(\w+): (\d+)")


def _fitted_on(text: str) -> FittedOn:
    counts = _SOURCE_COUNT.findall(text)
    note = text[: text.find(": ".join(counts[0]))] if counts else text
    titled = sorted((source_title(source), int(count)) for source, count in counts)
    return FittedOn(tuple(titled), note.strip(" ;.,"))


def _rows(comparison: ComparisonParameters) -> ComparisonRows:
    levels = [_level(level.label, level.m, level.u) for level in reversed(comparison.levels)]
    return ComparisonRows(COMPARED[comparison.name], LAYERS_IN_WORDS[comparison.layer], tuple(levels))


def _level(label: str, m: float, u: float) -> LevelRow:
    bits = math.log2(m / u)
    wide = min(1.0, abs(bits) / _BITS_SHOWN) * _HALF
    return LevelRow(label, m, u, bits, round(_HALF if bits >= 0 else _HALF - wide, 1), round(max(1.0, wide), 1))


def _one_in(context: LinkingContext) -> list[tuple[str, str]]:
    frequencies = context.model.class_frequencies
    named = (
        ("the same person", frequencies.same_person),
        ("twins", frequencies.twins),
        ("brothers or sisters of one household", frequencies.household),
    )
    return [(name, rounded(1 / share)) for name, share in named]


def _agreement(conn: Connection, context: LinkingContext) -> tuple[list[Agreement], int]:
    """How the model alone would settle what stewards have decided: of the last decisions in force."""
    decided = [pair for judgement in judgements(conn, limit=_DECISIONS_WEIGHED) for pair in _pair_judged(judgement)]
    records = store.normalised_by_key(conn, {key for _, *pair in decided for key in pair})
    found = {"same": Agreement("the same person", {}), "different": Agreement("different people", {})}
    weighed = 0
    for said, left, right in decided:
        if left in records and right in records:
            settled = _settled(records, (left, right), context)
            found[said].counts[settled] = found[said].counts.get(settled, 0) + 1
            weighed += 1
    return [agreement for agreement in found.values() if agreement.total], weighed


def _pair_judged(judgement: Judgement) -> Iterator[tuple[Literal["same", "different"], RecordKey, RecordKey]]:
    """What a decision in force says of two records: the first two of which it says anything."""
    if not judgement.in_force:
        return
    for kind, pairs in (("different", judgement.said.different()), ("same", judgement.said.same())):
        for left, right in islice(pairs, 1):
            yield cast("Literal['same', 'different']", kind), left, right
            return


def _settled(records: dict[RecordKey, NormalisedRecord], pair: Sequence[RecordKey], context: LinkingContext) -> Outcome:
    left, right = pair
    sides = weigh_sides([records[left]], [records[right]], context)
    return outcome(sides.weight, context.policy, opposed=sides.opposed)
