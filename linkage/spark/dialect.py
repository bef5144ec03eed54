"""What is declared in DuckDB's SQL, in Spark's: the predicates of agreement levels, and their string measures.

The declaration stays one. Spark has counterparts for most of its functions; Jaro-Winkler and Hamming are the very
functions of the native scorer, since those that Splink ships for Spark, and Spark's own, give other numbers
(docs/decisions/0029-spark.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import sqlglot
from rapidfuzz.distance import Hamming, JaroWinkler
from sqlglot import exp

Measure = Callable[[str, str], float]

JARO_WINKLER, HAMMING = "rapidfuzz_jaro_winkler", "rapidfuzz_hamming"
"""Names of the measures in Spark: not DuckDB's, since Spark prefers functions of its own that are called so."""


def spark_sql(expression: str) -> str:
    """A declared predicate for Spark."""
    rendered: str = sqlglot.parse_one(expression, read="duckdb").transform(_as_spark_calls_it).sql(dialect="spark")
    return rendered


def _as_spark_calls_it(node: Any) -> Any:
    if isinstance(node, exp.ArrayOverlaps):
        return exp.Anonymous(this="arrays_overlap", expressions=[node.this, node.expression])
    if isinstance(node, exp.JarowinklerSimilarity):
        return exp.Anonymous(this=JARO_WINKLER, expressions=[node.this, node.expression])
    if isinstance(node, exp.Anonymous) and node.name.upper() in _ELSEWHERE:
        return exp.Anonymous(this=_ELSEWHERE[node.name.upper()], expressions=node.expressions)
    return node


_ELSEWHERE = {"SUFFIX": "endswith", "HAMMING": HAMMING}


def register_measures(spark: Any) -> None:
    """Teach a Spark session the string measures."""
    from pyspark.sql.functions import arrow_udf

    spark.udf.register(JARO_WINKLER, arrow_udf(_similarity, "double"))
    spark.udf.register(HAMMING, arrow_udf(_differing, "int"))


def _similarity(left: pa.Array, right: pa.Array) -> pa.Array:
    return _measured(JaroWinkler.similarity, pa.float64(), left, right)


def _differing(left: pa.Array, right: pa.Array) -> pa.Array:
    return _measured(Hamming.distance, pa.int32(), left, right)


def _measured(measure: Measure, kind: pa.DataType, left: pa.Array, right: pa.Array) -> pa.Array:
    both = zip(left.to_pylist(), right.to_pylist(), strict=True)
    return pa.array([None if a is None or b is None else measure(a, b) for a, b in both], type=kind)
