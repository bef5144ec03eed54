"""The two methods beside which the index is measured, each used as a competent reader of its documentation would.

* `stock_splink`: Splink 5 on DuckDB with its comparison library, the recipe of its own FEBRL examples and tutorial:
  prior from deterministic rules, u by random sampling, m by expectation maximisation in blocked sessions, connected
  components over the pairs at or above a probability of .95.
* `recordlinkage_ecm`: the ECM classifier of `recordlinkage` with its defaults on binary comparisons of the very
  candidate pairs that Splink scored, connected components over the pairs that it calls matches.

Both are given the same lightly cleaned text and choose comparisons by the columns that are there. Neither sees truth.

Splink comes in two recipes, since its documentation supports either and neither is better everywhere: with every
column compared, and with a single one for the place of living (its examples leave out columns that are strongly
correlated with the postcode). Where the index is measured against "stock Splink", the better of the two is meant.
"""

from __future__ import annotations

import logging
import re
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from scipy.sparse import coo_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

from benchmarks.datasets import BenchmarkData, LinkType
from benchmarks.scoring import CandidatePairs

Rows = NDArray[np.int64]
Recipe = Literal["every column", "one column of place"]

COLUMNS = (
    "first_name", "middle_name", "last_name", "birth_date", "sex", "ssn", "cin", "mother_first_name",
    "address_line", "city", "state", "zip", "phone", "email",
)  # fmt: skip
"""What the baselines read, with every `identifier.<type>`; Splink's recipes compare all but city and state."""

SPLINK_THRESHOLD = 0.95
SPLINK_RULES_RECALL = 0.8
SPLINK_U_PAIRS = 1e7
ECM_MAX_PAIRS = 3_000_000
ECM_NAME_SIMILARITY = 0.85
ECM_LEAST_FILLED = 0.5  # it takes missing for disagreement: sparse columns would tell it who is in which source


@dataclass(frozen=True, slots=True)
class Outcome:
    """A method's partition of the records (label per record), what it took, and how it was set up."""

    cluster: Rows
    seconds: float
    candidates: CandidatePairs
    settings: dict[str, Any]
    timings: dict[str, float] = field(default_factory=dict)


class CannotLink(Exception):
    """The method has no answer for this data set; the message says why."""


def cleaned(data: BenchmarkData) -> pd.DataFrame:
    """Standardise as Splink's guide to data preparation asks: lower case, single spaces, digits only in numbers."""
    columns = {"unique_id": pa.array(range(data.record_count)), "source_dataset": data.records["source"]}
    frame = pd.DataFrame({name: values.to_pandas() for name, values in columns.items()})
    for name in (n for n in data.evidence_columns if n in COLUMNS or n.startswith("identifier.")):
        clean = _digits if name in {"ssn", "phone"} else _plain
        frame[name.replace(".", "_")] = [clean(value) for value in data.records[name].to_pylist()]
    return frame


def stock_splink(data: BenchmarkData, seed: int, recipe: Recipe = "every column") -> Outcome:
    """Link with stock two-class Splink.

    Raises:
        CannotLink: its deterministic rules find no pair, so that it has nothing to start from.
    """
    logging.getLogger("splink").setLevel(logging.ERROR)
    frame, started = cleaned(data), time.perf_counter()
    columns = tuple(frame.columns[2:])
    linker = _splink_linker(frame, data.link_type, columns, recipe)
    training = _train(linker, columns, seed)
    trained = time.perf_counter()
    predicted = linker.inference.predict(warning_mode="never")
    scored = time.perf_counter()
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(predicted, SPLINK_THRESHOLD)
    label = clusters.as_duckdbpyrelation().select("unique_id, cluster_id").df()
    finished = time.perf_counter()
    return Outcome(
        cluster=_in_row_order(label["unique_id"].to_numpy(), label["cluster_id"].to_numpy()),
        seconds=finished - started,
        candidates=_pairs(predicted),
        settings={
            "threshold_probability": SPLINK_THRESHOLD,
            "clustering": "connected components",
            "comparisons": _described_comparisons(linker),
            "recipe": recipe,
            "blocking_rules": _blocking_sql(linker),
            "training": training,
        },
        timings={"train": trained - started, "score": scored - trained, "cluster": finished - scored},
    )


def recordlinkage_ecm(data: BenchmarkData, candidates: CandidatePairs) -> Outcome:
    """Link with the ECM classifier over the candidate pairs given.

    Raises:
        CannotLink: there are more candidate pairs than `ECM_MAX_PAIRS`.
    """
    import recordlinkage

    if len(candidates.left) > ECM_MAX_PAIRS:
        raise CannotLink(f"{len(candidates.left):,} candidate pairs, too many for comparisons in plain Python")
    frame, started = cleaned(data), time.perf_counter()
    comparer = recordlinkage.Compare()
    settings = _add_binary_comparisons(comparer, frame)
    index = pd.MultiIndex.from_arrays([candidates.left, candidates.right])
    with warnings.catch_warnings():  # logarithms of zero inside, for a level that the data never show
        warnings.simplefilter("ignore")
        features = comparer.compute(index, frame).astype("int8")
        features = features.loc[:, features.nunique() > 1]
        matches = recordlinkage.ECMClassifier().fit_predict(features)
    left, right = (matches.get_level_values(side).to_numpy(dtype=np.int64) for side in (0, 1))
    cluster = components(data.record_count, left, right)
    return Outcome(
        cluster=cluster,
        seconds=time.perf_counter() - started,
        candidates=candidates,
        settings={"comparisons": settings, "candidates": "those of stock Splink", "clustering": "connected components"},
    )


def components(record_count: int, left: Rows, right: Rows) -> Rows:
    """Label the connected components of the pairs given, one label per record."""
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(record_count, record_count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _plain(value: str | None) -> str | None:
    return re.sub(r"[^\w@.\-]+", " ", value).strip().lower() or None if value else None


def _digits(value: str | None) -> str | None:
    return re.sub(r"\D", "", value) or None if value else None


def _splink_linker(frame: pd.DataFrame, link_type: LinkType, columns: Sequence[str], recipe: Recipe) -> Any:
    from splink import Linker, SettingsCreator
    from splink.backends.duckdb import DuckDBAPI

    database = DuckDBAPI()
    compared = _with_one_place(columns) if recipe == "one column of place" else columns
    settings = SettingsCreator(
        link_type=link_type,
        comparisons=_splink_comparisons(compared),
        blocking_rules_to_generate_predictions=_available(_BLOCKING_RULES, columns),
        retain_matching_columns=False,
    )
    if link_type == "link_only":
        parts = [part.drop(columns="source_dataset") for _, part in frame.groupby("source_dataset", sort=False)]
    else:
        parts = [frame.drop(columns="source_dataset")]
    tables = [
        database.register(pa.Table.from_pandas(part, preserve_index=False), dataset_display_name=f"part_{number}")
        for number, part in enumerate(parts)
    ]
    return Linker(tables if len(tables) > 1 else tables[0], settings, log_level=None)


def _splink_comparisons(columns: Sequence[str]) -> list[Any]:
    import splink.comparison_library as cl

    made: dict[str, Callable[[], Any]] = {
        "first_name": lambda: cl.NameComparison("first_name"),
        "middle_name": lambda: cl.JaroWinklerAtThresholds("middle_name", [0.9, 0.7]),
        "last_name": lambda: cl.NameComparison("last_name"),
        "birth_date": lambda: cl.DateOfBirthComparison("birth_date", input_is_string=True, datetime_format="%Y-%m-%d"),
        "sex": lambda: cl.ExactMatch("sex"),
        "ssn": lambda: cl.DamerauLevenshteinAtThresholds("ssn", [1, 2]),
        "cin": lambda: cl.DamerauLevenshteinAtThresholds("cin", [1, 2]),
        "mother_first_name": lambda: cl.NameComparison("mother_first_name"),
        "address_line": lambda: _with_term_frequencies(cl.JaroWinklerAtThresholds("address_line", [0.9, 0.7])),
        "zip": lambda: _with_term_frequencies(cl.DamerauLevenshteinAtThresholds("zip", [1, 2])),
        "phone": lambda: cl.DamerauLevenshteinAtThresholds("phone", [1, 2]),
        "email": lambda: cl.EmailComparison("email"),
    }
    chosen = [make() for name, make in made.items() if name in columns]
    identifiers = [name for name in columns if name.startswith("identifier_")]
    return chosen + [cl.DamerauLevenshteinAtThresholds(name, [1, 2]) for name in identifiers]


def _with_one_place(columns: Sequence[str]) -> tuple[str, ...]:
    places = [name for name in ("zip", "address_line", "city") if name in columns]
    return tuple(name for name in columns if name not in places[1:])


def _with_term_frequencies(comparison: Any) -> Any:
    return comparison.configure(term_frequency_adjustments=True)


_BLOCKING_RULES: tuple[tuple[str, ...], ...] = (
    ("ssn",),
    ("cin",),
    ("identifier_*",),
    ("phone",),
    ("email",),
    ("birth_date",),
    ("first_name", "last_name"),
    ("last_name", "zip"),
    ("first_name", "zip"),
    ("address_line",),
    ("substr(last_name, 1, 3)", "substr(first_name, 1, 3)", "substr(birth_date, 1, 4)"),
)

_DETERMINISTIC_RULES: tuple[tuple[str, ...], ...] = (
    ("ssn", "birth_date"),
    ("cin", "birth_date"),
    ("identifier_*", "birth_date"),
    ("first_name", "last_name", "birth_date"),
    ("first_name", "last_name", "address_line"),
)


def _available(rules: Sequence[Sequence[str]], columns: Sequence[str]) -> list[Any]:
    """Give the blocking rules whose columns are all there; `identifier_*` stands for each identifier column in turn."""
    from splink import block_on

    identifiers = [name for name in columns if name.startswith("identifier_")]
    spelled = [
        [name if part == "identifier_*" else part for part in rule]
        for rule in rules
        for name in (identifiers if "identifier_*" in rule else [""])
    ]
    return [block_on(*rule) for rule in spelled if all(_column_of(part) in columns for part in rule)]


def _column_of(expression: str) -> str:
    return re.sub(r"^substr\((\w+),.*", r"\1", expression)


def _train(linker: Any, columns: Sequence[str], seed: int) -> dict[str, Any]:
    training, deterministic = linker.training, _available(_DETERMINISTIC_RULES, columns)
    training.estimate_probability_two_random_records_match(deterministic, recall=SPLINK_RULES_RECALL)
    prior = float(linker._settings_obj._probability_two_random_records_match)  # has no public name
    if prior == 0.0:
        raise CannotLink("its deterministic rules find no pair, so that its training has nothing to start from")
    training.estimate_u_using_random_sampling(max_pairs=SPLINK_U_PAIRS, seed=seed)
    sessions = _training_rules(columns)
    for rule in sessions:
        training.estimate_parameters_using_expectation_maximisation(rule)
    return {
        "deterministic_rules": _spelled(deterministic),
        "assumed_recall_of_deterministic_rules": SPLINK_RULES_RECALL,
        "probability_two_random_records_match": prior,
        "u": f"random sampling of at most {SPLINK_U_PAIRS:,.0f} pairs",
        "expectation_maximisation_blocked_on": _spelled(sessions),
    }


def _training_rules(columns: Sequence[str]) -> list[Any]:
    """Block on names, and on the best identifier (else the birth date), so that all comparisons are fitted."""
    identifiers = [name for name in columns if name in {"ssn", "cin"} or name.startswith("identifier_")]
    return _available((("first_name", "last_name"), (identifiers[0] if identifiers else "birth_date",)), columns)


def _spelled(rules: Sequence[Any]) -> list[str]:
    return [str(rule.get_blocking_rule("duckdb").blocking_rule_sql) for rule in rules]


def _described_comparisons(linker: Any) -> dict[str, list[str]]:
    comparisons = linker._settings_obj.comparisons
    return {c.output_column_name: [level.label_for_charts for level in c.comparison_levels] for c in comparisons}


def _blocking_sql(linker: Any) -> list[str]:
    return [rule.blocking_rule_sql for rule in linker._settings_obj._blocking_rules_to_generate_predictions]


def _pairs(predicted: Any) -> CandidatePairs:
    ids = predicted.as_duckdbpyrelation().select("unique_id_l, unique_id_r").fetchnumpy()
    return CandidatePairs(left=ids["unique_id_l"].astype(np.int64), right=ids["unique_id_r"].astype(np.int64))


def _in_row_order(row: NDArray[Any], label: NDArray[Any]) -> Rows:
    """Number arbitrary cluster labels and put them in the order of the records."""
    numbered = np.unique(label.astype(str), return_inverse=True)[1]
    ordered = np.empty(len(row), dtype=np.int64)
    ordered[row.astype(np.int64)] = numbered
    return ordered


def _add_binary_comparisons(comparer: Any, frame: pd.DataFrame) -> dict[str, str]:
    """Declare one yes-or-no comparison per well-filled column; missing counts as no, the default."""
    described: dict[str, str] = {}
    filled = frame.columns[2:][frame.iloc[:, 2:].notna().mean() >= ECM_LEAST_FILLED]
    for name in filled:
        if name.endswith("_name") or name in {"address_line", "city"}:
            comparer.string(name, name, method="jarowinkler", threshold=ECM_NAME_SIMILARITY, label=name)
            described[name] = f"Jaro-Winkler >= {ECM_NAME_SIMILARITY}"
        else:
            comparer.exact(name, name, label=name)
            described[name] = "exact"
    return described
