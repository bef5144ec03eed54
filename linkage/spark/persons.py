"""Persons on Spark: connected components by Splink, each of them settled by the pipeline's own function.

What is in one component cannot influence another, so components are settled apart, many of them in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from splink.clustering import cluster_pairwise_predictions_at_threshold

from config.policy import LinkagePolicy
from linkage.model import Model
from linkage.native import NativeEngine
from linkage.pairs import WeighedPairs
from linkage.pipeline import Decisions, Partition, Reviews, Stages, partition, silent
from linkage.record import COLUMNS, NormalisedRecord
from linkage.spark.weighing import WEIGHED, pairs_of_table, table_of_pairs
from linkage.spark.workspace import Workspace
from linkage.weights import CompiledModel, compile_model

Rows = NDArray[np.int64]

RECORDS_OF_A_GROUP = 20_000
"""Records whose components are settled in one go: some 300 MB."""

FOUND = f"kind string, {WEIGHED}, component int, cluster int"
"""A row for each record, pair, close pair of clusters, and component that was cut; what a kind lacks is null."""


@dataclass(frozen=True, slots=True)
class Given:
    """What every worker is told."""

    model: Model
    policy: LinkagePolicy
    decisions: Decisions


def form_components(workspace: Workspace, must_link: Sequence[tuple[int, int]]) -> None:
    """Show the connected components of the view `weighed` and of what is decided to be one person, as `components`."""
    spark = workspace.spark
    workspace.write("decided", pa.table(_sides(must_link)))
    edges = spark.sql("select record_l, record_r from weighed union all select record_l, record_r from decided")
    edges.createOrReplaceTempView("edges")
    nodes = spark.sql("select distinct explode(array(record_l, record_r)) as record from edges")
    workspace.keep("nodes", nodes)
    spark.sparkContext.setCheckpointDir(workspace.path("checkpoints").as_uri())
    found = cluster_pairwise_predictions_at_threshold(
        spark.table("nodes"),
        spark.table("edges"),
        workspace.splink(),
        node_id_column_name="record",
        edge_id_column_name_left="record_l",
        edge_id_column_name_right="record_r",
    )
    found.as_spark_dataframe().createOrReplaceTempView("components")


def _sides(pairs: Sequence[tuple[int, int]]) -> dict[str, NDArray[np.int32]]:
    left, right = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
    return {"record_l": left, "record_r": right}


def settle_components(workspace: Workspace, given: Callable[[], Given]) -> None:
    """Settle the records of the view `components`, and keep what was found as `found`."""
    spark = workspace.spark
    groups = max(1, ceil(spark.table("nodes").count() / RECORDS_OF_A_GROUP))
    group = f"pmod(hash(c.cluster_id), {groups}) as group"
    records = spark.sql(
        f"select {', '.join(f'r.{name}' for name in COLUMNS)}, r.record, {group} "
        "from components c join records r on r.record = c.record"
    )
    pairs = spark.sql(f"select w.*, {group} from components c join weighed w on w.record_l = c.record")
    both = records.groupBy("group").cogroup(pairs.groupBy("group"))
    workspace.keep("found", both.applyInArrow(_settling(given), FOUND))


def _settling(given: Callable[[], Given]) -> Callable[[pa.Table, pa.Table], pa.Table]:
    def settle(records: pa.Table, pairs: pa.Table) -> pa.Table:
        said = given()
        compiled = compile_model(said.model)
        records = records.sort_by("record")
        numbers = records["record"].to_numpy().astype(np.int64)
        weighed = _renumbered(pairs_of_table(pairs, len(compiled.comparisons)), lambda of: np.searchsorted(numbers, of))
        engine = _Weighed(_records(records), compiled, weighed)
        decisions = Decisions(_among(said.decisions.must_link, numbers), _among(said.decisions.cannot_link, numbers))
        return _told(partition(engine, compiled, said.policy, decisions, Stages(silent, {})), numbers)

    return settle


class _Weighed(NativeEngine):
    """The native engine over records whose candidates are weighed already."""

    def __init__(self, records: Sequence[NormalisedRecord], compiled: CompiledModel, candidates: WeighedPairs) -> None:
        super().__init__(records, compiled)
        self._weighed = candidates

    def weigh_candidates(self, compiled: CompiledModel, least_bits: float) -> WeighedPairs:  # noqa: ARG002 - weighed
        return self._weighed.where(self._weighed.weight >= least_bits)


def _records(table: pa.Table) -> list[NormalisedRecord]:
    columns = []
    for name, kind in COLUMNS.items():
        values = table[name].to_pylist()
        columns.append([tuple(value or ()) for value in values] if kind == "text[]" else values)
    return [NormalisedRecord(*values) for values in zip(*columns, strict=True)]


def _renumbered(pairs: WeighedPairs, number: Callable[[Rows], Any]) -> WeighedPairs:
    return WeighedPairs(
        number(pairs.left),
        number(pairs.right),
        pairs.levels,
        pairs.weight,
        pairs.against_stranger,
        pairs.against_sibling,
    )


def _among(pairs: Sequence[tuple[int, int]], numbers: Rows) -> tuple[tuple[int, int], ...]:
    """Pairs of records that are both here, by their row here."""
    given = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    here = given[np.isin(given, numbers).all(axis=1)]
    return tuple((int(a), int(b)) for a, b in np.searchsorted(numbers, here))


def _told(found: Partition, numbers: Rows) -> pa.Table:
    """A partition of some records in the columns of `FOUND`."""
    size, close, cut = len(numbers), found.reviews, found.oversized_components
    records = {
        "kind": pa.array(["record"] * size, pa.string()),
        "record_l": numbers,
        "weight": found.probability,
        "component": numbers[found.component],
        "cluster": numbers[found.cluster],
    }
    pairs = table_of_pairs(_renumbered(found.pairs, lambda rows: numbers[rows]))
    pairs = pairs.append_column("kind", pa.array(["pair"] * len(pairs), pa.string()))
    reviews = {
        "kind": pa.array(["close"] * len(close.left), pa.string()),
        "record_l": numbers[close.left],
        "record_r": numbers[close.right],
        "weight": close.weight_bits,
    }
    cuts = {"kind": pa.array(["cut"] * len(cut), pa.string()), "record_l": np.array(cut, np.int32)}
    return pa.concat_tables([_filled(part) for part in (pa.table(records), pairs, pa.table(reviews), pa.table(cuts))])


_TYPES = {"string": pa.string(), "int": pa.int32(), "double": pa.float64(), "binary": pa.binary()}
_FIELDS = [(name, _TYPES[kind]) for name, kind in (column.split() for column in FOUND.split(", "))]


def _filled(part: pa.Table) -> pa.Table:
    """A table with all columns of `FOUND`: those that it lacks are null."""
    columns = [
        part[name].cast(kind) if name in part.column_names else pa.nulls(len(part), kind) for name, kind in _FIELDS
    ]
    return pa.table(columns, schema=pa.schema(_FIELDS))


def read_found(workspace: Workspace, size: int, comparisons: int) -> Partition:
    """The partition of all records that `settle_components` found; a record in no component is a person of its own."""
    table = workspace.read("found")
    of_kind = {kind: table.filter(pc.equal(table["kind"], kind)) for kind in ("record", "pair", "close", "cut")}
    cluster, component, probability = np.arange(size), np.arange(size), np.ones(size)
    settled = of_kind["record"]
    rows = settled["record_l"].to_numpy()
    cluster[rows], component[rows] = settled["cluster"].to_numpy(), settled["component"].to_numpy()
    probability[rows] = settled["weight"].to_numpy()
    close = of_kind["close"].sort_by([("record_l", "ascending"), ("record_r", "ascending")])
    left, right = (close[side].to_numpy().astype(np.int64) for side in ("record_l", "record_r"))
    return Partition(
        cluster=cluster,
        component=component,
        pairs=pairs_of_table(of_kind["pair"], comparisons),
        reviews=Reviews(left, right, close["weight"].to_numpy()),
        oversized_components=tuple(sorted(of_kind["cut"]["record_l"].to_pylist(), reverse=True)),
        probability=probability,
    )
