"""The same questions against the same candidates through Splink's scoring of pairs, as the yardstick for ours.

Splink compares on the same normalised records and the same evidence; it scores a question beside its candidates with
`linker.inference.score_pairs`, as its documentation has it for one record at a time. Untrained: the parameters have no
influence on the time.
"""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import pyarrow as pa

from benchmarks.phases import _splink_comparisons
from benchmarks.service_requests import HttpRequest, beside_candidates
from index_service.linking_context import LinkingContext, current
from index_service.store.connection import Connection, connect
from index_service.store.extract import read_snapshot
from linkage.columns import RecordColumns, one_against_many
from linkage.record import NormalisedRecord
from linkage.weights_of_few import weights_of

QUESTIONS = 60
TERM_FREQUENCIES = ("address", "zip", "phone")


def ask_splink(url: str, asked: Sequence[HttpRequest]) -> dict[str, Any]:
    """Milliseconds for scoring one question beside its candidates, median: wall clock and processor."""
    with connect(url) as conn:
        context = current(conn)
        questions = _with_candidates(conn, context, asked)
        linker = _linker(read_snapshot(conn).records)
    ours = [_timed(partial(_weigh, context, *question)) for question in questions]
    theirs = [_timed(partial(_score, linker, *question)) for question in questions]
    return {
        "questions": len(questions),
        "candidates": statistics.fmean(len(found) for _, found in questions),
        "ours_ms": statistics.median(wall for wall, _ in ours),
        "ours_cpu_ms": statistics.median(cpu for _, cpu in ours),
        "splink_ms": statistics.median(wall for wall, _ in theirs),
        "splink_cpu_ms": statistics.median(cpu for _, cpu in theirs),
    }


def _with_candidates(
    conn: Connection, context: LinkingContext, asked: Sequence[HttpRequest]
) -> list[tuple[NormalisedRecord, list[NormalisedRecord]]]:
    """Questions that blocking brings records for, beside these records."""
    found = []
    for request in asked:
        question, brought = beside_candidates(conn, context, request)
        if brought:
            found.append((question, brought))
        if len(found) == QUESTIONS:
            break
    return found


def _timed(do: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds: by the clock, and of the processor, all threads."""
    began, cpu = time.perf_counter(), time.process_time()
    do()
    return (time.perf_counter() - began) * 1e3, (time.process_time() - cpu) * 1e3


def _linker(records: pa.Table) -> Any:
    from splink import Linker, SettingsCreator, block_on
    from splink.backends.duckdb import DuckDBAPI

    logging.getLogger("splink").setLevel(logging.ERROR)
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record_id",
        comparisons=_splink_comparisons(records),
        blocking_rules_to_generate_predictions=[block_on("birth_date", "first_sound")],
        retain_matching_columns=False,
    )
    linker = Linker(DuckDBAPI().register(records, dataset_display_name="records"), settings, log_level=None)
    for column in TERM_FREQUENCIES:
        linker.table_management.compute_tf_table(column)
    return linker


def _weigh(context: LinkingContext, question: NormalisedRecord, found: Sequence[NormalisedRecord]) -> list[float]:
    return weights_of(one_against_many(question, RecordColumns.of(found)), context.compiled)


def _score(linker: Any, question: NormalisedRecord, found: Sequence[NormalisedRecord]) -> list[Any]:
    left = {**asdict(question), "record_id": -1}
    right = [{**asdict(record), "record_id": number} for number, record in enumerate(found)]
    scored: list[Any] = linker.inference.score_pairs(_arrow([left]), _arrow(right)).as_record_list()
    return scored


def _arrow(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lists, where the records have tuples."""
    return [{k: list(v) if isinstance(v, tuple) else v for k, v in row.items()} for row in rows]
