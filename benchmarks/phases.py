"""The phases of the speed benchmark, each run in a process of its own: `python -m benchmarks.phases PHASE FOLDER`.

A phase reads and writes files in the folder and ends by printing one line of JSON: its timings in seconds (work only;
starting Python and reading input files are not counted) and what it handled.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

SPLINK_THRESHOLD = 0.95
SPLINK_U_PAIRS = 1e7
SCORER_CANDIDATES = (8, 40, 200, 1_000)
SCORER_REPEATS = 100
MOVED = frozenset({"address_line", "city", "zip", "phone"})
CHANGED_ON = "2100-01-01"

Report = dict[str, Any]


class Stopwatch:
    """Names and times the parts of a phase: by the clock, and what all threads of the process worked."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.processor_seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        started, worked = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] = time.perf_counter() - started
        self.processor_seconds[name] = time.process_time() - worked

    def report(self) -> Report:
        return {"timings_s": self.seconds, "processor_s": self.processor_seconds}


def extracts(folder: Path, records: int, seed: int) -> Report:
    """Write the synthetic population as one Parquet extract per source, canonical columns, in `extracts/`."""
    from training.population.generate import records_for

    population = records_for(records, seed=seed)
    (folder / "extracts").mkdir(parents=True, exist_ok=True)
    sources = pc.unique(population.records["source"]).to_pylist()
    for source in sources:
        rows = population.records.filter(pc.equal(population.records["source"], source)).drop_columns(["source"])
        pq.write_table(rows, folder / "extracts" / f"{source}.parquet")
    return {"records": population.records.num_rows, "sources": sources}


def changed_extracts(folder: Path, number: int, seed: int) -> Report:
    """Write the records of the `number`-th hundredth of each extract anew to `changed-<number>/`, with a new day.

    Each has moved to where another of them lived, telephone included.
    """
    out = folder / f"changed-{number}"
    out.mkdir(parents=True, exist_ok=True)
    random, changed = np.random.default_rng(seed), 0
    for path in sorted((folder / "extracts").glob("*.parquet")):
        table = pq.read_table(path)
        rows = table.take(pa.array(np.arange(number, table.num_rows, 100)))
        moved = pa.array(random.permutation(rows.num_rows))
        for name in MOVED.intersection(rows.column_names):
            rows = rows.set_column(rows.column_names.index(name), name, rows[name].take(moved))
        if "record_date" in rows.column_names:
            rows = rows.drop_columns(["record_date"])
        pq.write_table(rows.append_column("record_date", pa.array([CHANGED_ON] * rows.num_rows)), out / path.name)
        changed += rows.num_rows
    return {"records": changed}


def normalise_records(folder: Path) -> Report:
    """Normalise all extracts into `normalised.parquet`."""
    from linkage.normalise import normalise
    from linkage.record import SourceRecord
    from linkage.record_table import table_of

    watch = Stopwatch()
    tables = [(path.stem, pq.read_table(path)) for path in sorted((folder / "extracts").glob("*.parquet"))]
    with watch("normalise"):
        records = table_of(
            normalise(SourceRecord(source, row.pop("source_record_id"), {k: v for k, v in row.items() if v}))[0]
            for source, table in tables
            for batch in table.to_batches(max_chunksize=10_000)
            for row in batch.to_pylist()
        )
    pq.write_table(records, folder / "normalised.parquet")
    return {**watch.report(), "records": records.num_rows}


def fit_model(folder: Path) -> Report:
    """Fit a model on the normalised records."""
    from linkage.model import save_model
    from training.fit import fit

    records, watch = pq.read_table(folder / "normalised.parquet"), Stopwatch()
    with watch("train"):
        fitted = fit(records)
    save_model(fitted.model, folder / "model.json")
    return {**watch.report(), "records": records.num_rows, "pairs": fitted.report.candidate_pairs}


def link_records(folder: Path) -> Report:
    """Link the normalised records with the fitted model under the service's policy: records in, persons out."""
    from config.policy import load_policy
    from linkage.model import load_model
    from linkage.pipeline import link

    records, model, watch = pq.read_table(folder / "normalised.parquet"), load_model(folder / "model.json"), Stopwatch()
    with watch("link"):
        result = link(records, model, load_policy())
    persons = len(np.unique(result.cluster))
    stages = dict(result.timings)
    return {
        **watch.report(),
        "stages_s": stages,
        "records": records.num_rows,
        "pairs": result.candidate_pairs,
        "persons": persons,
    }


def splink_input(folder: Path) -> Report:
    """Give bare Splink the records with the index's blocking keys as columns (oversized keys out), not timed.

    So both block on the very same keys, and Splink is spared deriving them.
    """
    from config.policy import load_policy
    from linkage.batch import BatchEngine
    from linkage.candidates import rules_named
    from linkage.key_numbers import hash_sql
    from linkage.model import load_model
    from linkage.whole_tables import whole_table

    records, model = pq.read_table(folder / "normalised.parquet"), load_model(folder / "model.json")
    rules = [rule for rule in rules_named(set(model.blocking_rules)) if not rule.listed]
    keys = ", ".join(
        f"case when ({rule.sql()}) is not null then {hash_sql(rule.sql())} end as key_{i}"
        for i, rule in enumerate(rules)
    )
    most = load_policy().max_block_records
    kept = ", ".join(
        f"case when count(*) over (partition by key_{i}) between 2 and {most} then key_{i} end as key_{i}"
        for i in range(len(rules))
    )
    with BatchEngine(records) as engine:
        engine.use_model(model)
        engine.con.execute(f"create table keys as select record, {keys} from records")
        engine.con.execute(f"create table kept_keys as select record, {kept} from keys")
        table = whole_table(engine.con, "select * from records join kept_keys using (record) order by record")
    pq.write_table(table, folder / "splink.parquet")
    return {"records": table.num_rows}


def splink(folder: Path) -> Report:
    """Run bare Splink on the same records and keys: train; block, score, cluster at .95 by connected components."""
    from splink import Linker, SettingsCreator, block_on
    from splink.backends.duckdb import DuckDBAPI

    logging.getLogger("splink").setLevel(logging.ERROR)
    records, watch = pq.read_table(folder / "splink.parquet"), Stopwatch()
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="record",
        comparisons=_splink_comparisons(records),
        blocking_rules_to_generate_predictions=_key_rules(records),
        retain_matching_columns=False,
    )
    linker = Linker(DuckDBAPI().register(records, dataset_display_name="records"), settings, log_level=None)
    with watch("train"):
        deterministic: list[Any] = [block_on("first_name", "last_name", "birth_date"), block_on("ssn", "birth_date")]
        linker.training.estimate_probability_two_random_records_match(deterministic, recall=0.7)
        linker.training.estimate_u_using_random_sampling(max_pairs=SPLINK_U_PAIRS, seed=0)
        for rule in (block_on("first_name", "last_name"), block_on("ssn")):
            linker.training.estimate_parameters_using_expectation_maximisation(rule)
    with watch("block"):
        pairs = linker.inference.compute_blocked_pairs_for_predict().as_duckdbpyrelation().count("*").fetchall()[0][0]
    with watch("score"):
        predicted = linker.inference.predict(threshold_match_probability=SPLINK_THRESHOLD, warning_mode="never")
    with watch("cluster"):
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, SPLINK_THRESHOLD)
    persons = clusters.as_duckdbpyrelation().aggregate("count(distinct cluster_id)").fetchall()[0][0]
    return {**watch.report(), "records": records.num_rows, "pairs": int(pairs), "persons": int(persons)}


def scorer(folder: Path) -> Report:
    """Time the native scorer: one record against so many candidates, median processor time of many calls."""
    from linkage.columns import RecordColumns, one_against_many
    from linkage.compare import agreement_levels
    from linkage.model import load_model
    from linkage.record import NormalisedRecord
    from linkage.record_table import SCHEMA
    from linkage.weights import compile_model, match_weights

    table, compiled = (
        pq.read_table(folder / "normalised.parquet", schema=SCHEMA),
        compile_model(load_model(folder / "model.json")),
    )
    rows = np.random.default_rng(0).permutation(table.num_rows)[: SCORER_REPEATS + max(SCORER_CANDIDATES)]
    sample = RecordColumns.of_table(table.take(pa.array(rows)))
    names = list(sample.values)
    records = [
        NormalisedRecord(**dict(zip(names, values, strict=True)))
        for values in zip(*sample.values.values(), strict=True)
    ]
    asking, offered = records[:SCORER_REPEATS], records[SCORER_REPEATS:]
    figures = {}
    for count in SCORER_CANDIDATES:
        candidates, seconds = RecordColumns.of(offered[:count]), []
        for record in asking:
            started = time.process_time()
            pairs = one_against_many(record, candidates)
            match_weights(pairs, agreement_levels(pairs, compiled.comparisons), compiled)
            seconds.append(time.process_time() - started)
        median = statistics.median(seconds)
        figures[str(count)] = {"milliseconds_a_record": median * 1e3, "microseconds_a_pair": median * 1e6 / count}
    return {"candidates": figures, "calls": len(asking)}


def _key_rules(records: pa.Table) -> list[Any]:
    from splink.blocking_rule_library import CustomRule

    keys = [field for field in records.schema if field.name.startswith("key_")]
    return [
        CustomRule(f"l.{key.name} = r.{key.name}", arrays_to_explode=[key.name] if pa.types.is_list(key.type) else None)
        for key in keys
    ]


def _splink_comparisons(records: pa.Table) -> list[Any]:
    """Comparisons of Splink's library on the same evidence, for the columns that hold values."""
    import splink.comparison_library as cl

    made: Mapping[str, Callable[[], Any]] = {
        "first_name": lambda: cl.NameComparison("first_name"),
        "middle_name": lambda: cl.JaroWinklerAtThresholds("middle_name", [0.88]),
        "last_name": lambda: cl.NameComparison("last_name"),
        "birth_date": lambda: cl.DateOfBirthComparison("birth_date", input_is_string=True, datetime_format="%Y-%m-%d"),
        "sex": lambda: cl.ExactMatch("sex"),
        "suffix": lambda: cl.ExactMatch("suffix"),
        "birth_order": lambda: cl.ExactMatch("birth_order"),
        "multiple_birth": lambda: cl.ExactMatch("multiple_birth"),
        "ssn": lambda: cl.LevenshteinAtThresholds("ssn", [2]),
        "cin": lambda: cl.LevenshteinAtThresholds("cin", [2]),
        "identifiers": lambda: cl.ArrayIntersectAtSizes("identifiers", [1]),
        "mother_first": lambda: cl.JaroWinklerAtThresholds("mother_first", [0.88]),
        "guardian_first": lambda: cl.JaroWinklerAtThresholds("guardian_first", [0.88]),
        "address": lambda: cl.JaroWinklerAtThresholds("address", [0.94]).configure(term_frequency_adjustments=True),
        "zip": lambda: cl.LevenshteinAtThresholds("zip", [1]).configure(term_frequency_adjustments=True),
        "phone": lambda: cl.LevenshteinAtThresholds("phone", [1]).configure(term_frequency_adjustments=True),
        "email": lambda: cl.JaroWinklerAtThresholds("email", [0.95]),
        "case_id": lambda: cl.ExactMatch("case_id"),
    }
    return [make() for name, make in made.items() if records[name].null_count < records.num_rows]


PHASES: Mapping[str, Callable[..., Report]] = {
    "extracts": extracts,
    "changed": changed_extracts,
    "normalise": normalise_records,
    "fit": fit_model,
    "link": link_records,
    "splink_input": splink_input,
    "splink": splink,
    "scorer": scorer,
}


def main(arguments: list[str]) -> None:
    """Run one phase and print its report as the last line."""
    name, folder = arguments[0], Path(arguments[1])
    print(json.dumps(PHASES[name](folder, *map(int, arguments[2:]))))


if __name__ == "__main__":
    main(sys.argv[1:])
