"""The records of a relink or a fit in DuckDB, numbered by their row: read in, made ready for a model, asked about."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from linkage.bounds import ABSENT, RecordCodes
from linkage.comparisons import Comparison
from linkage.conditions import Across, AllOf, AnyOf, Condition, Crossed
from linkage.key_numbers import column_sql
from linkage.memory import duckdb_limit
from linkage.model import Frequencies, Model
from linkage.record import COLUMNS
from linkage.weights import CompiledModel, compile_model, log2_frequencies
from linkage.whole_tables import whole_table

DIGEST_SQL = "left(sha256({0}), 16)"


class RecordsInDuckDB:
    """Records in the table `records`, in the order given. Use as a context manager."""

    def __init__(self, records: pa.Table, *, memory_limit_gb: float = 4.0, threads: int | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="person-index-")
        self.con = duckdb.connect()
        self.con.execute("set enable_progress_bar = false")  # started by `python -c` it would draw one into the output
        self.con.execute(f"set memory_limit = '{duckdb_limit(memory_limit_gb)}'")
        self.con.execute(f"set temp_directory = '{self._folder.name}'")
        self.con.execute("set preserve_insertion_order = false")
        if threads:
            self.con.execute(f"set threads = {threads}")
        self.size = records.num_rows
        self._corrections: dict[str, NDArray[np.float64]] = {}
        self._written: set[str] = set()
        try:
            self._load(records)
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        self.con.close()
        self._folder.cleanup()

    def _load(self, records: pa.Table) -> None:
        table = records.append_column("record", pa.array(np.arange(records.num_rows, dtype=np.int32)))
        self.con.register("given", table)
        columns = [column_sql(name, records) for name in COLUMNS]
        self.con.execute(
            "create type source_name as enum (select distinct source from given order by source)"
            if self.size
            else "create type source_name as enum ('')"
        )
        self.con.execute(
            f"create table records as select record, {', '.join(columns)}, "
            "cast(enum_code(cast(source as source_name)) as integer) as source_number from given"
        )
        self.con.unregister("given")
        self.sources: tuple[str, ...] = tuple(
            row[0] for row in self.con.execute("select unnest(enum_range(null::source_name))::varchar").fetchall()
        )
        numbers = whole_table(self.con, "select source_number from records order by record")
        self._source_numbers = numbers.column(0).to_numpy()
        self._priors = np.zeros((4, len(self.sources), len(self.sources)))

    def source_counts(self) -> dict[str, int]:
        return dict(self.con.execute("select source, count(*) from records group by source").fetchall())

    def corrections(
        self, left: NDArray[np.int64], levels: NDArray[np.int8], compiled: CompiledModel
    ) -> NDArray[np.float64]:
        """What `weights.frequency_bits` gives, from the records' columns: shape (n_pairs, n_comparisons), bits."""
        found = np.zeros(levels.shape)
        for k, comparison in enumerate(compiled.comparisons):
            if comparison.frequency_column in self._corrections:
                at_top = levels[:, k] == comparison.top
                found[at_top, k] = self._corrections[comparison.frequency_column][left[at_top]]
        return found

    def priors(self, left: NDArray[np.integer[Any]], right: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
        """log2 class frequencies of pairs: shape (4, n_pairs). Call `set_class_frequencies` first."""
        low, high = (
            np.minimum(self._source_numbers[left], self._source_numbers[right]),
            np.maximum(self._source_numbers[left], self._source_numbers[right]),
        )
        return self._priors[:, low, high]

    def of_one_source(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether both records of each pair are of one source: shape (n_pairs,)."""
        same: NDArray[np.bool_] = self._source_numbers[left] == self._source_numbers[right]
        return same

    def key_order(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rank of the given rows by record key: shape (n_records,), 0 elsewhere. Ties in clustering go by it."""
        self.con.register("wanted", pa.table({"record": rows.astype(np.int32)}))
        ranked = whole_table(
            self.con,
            "select record, row_number() over (order by source, source_record_id) as rank "
            "from records semi join wanted using (record)",
        )
        self.con.unregister("wanted")
        order = np.zeros(self.size, dtype=np.int64)
        order[ranked.column("record").to_numpy()] = ranked.column("rank").to_numpy()
        return order

    def remove_generic(self, values: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """Blank values that the model holds to be generic. Returns how many values went, by column."""
        removed = {}
        for column, digests in values.items():
            if not digests:
                continue
            listed = "[" + ", ".join(f"'{digest}'" for digest in digests) + "]"
            if COLUMNS[column] == "text[]":
                kept = f"list_filter({column}, lambda x: not list_contains({listed}, {DIGEST_SQL.format('x')}))"
                changed = self.con.execute(
                    f"update records set {column} = {kept} where len({column}) > len({kept})"
                ).fetchone()
            else:
                generic_value = f"list_contains({listed}, {DIGEST_SQL.format(column)})"
                changed = self.con.execute(
                    f"update records set {column} = null where {column} is not null and {generic_value}"
                ).fetchone()
            removed[column] = int(changed[0]) if changed else 0
        return removed

    def set_frequencies(self, column: str, frequencies: Frequencies, log2_u_top: float) -> None:
        """Note for each record by how many bits its value corrects u, for the comparison with this frequency column."""
        listed = pa.table(
            {
                "value": pa.array(list(frequencies.values), pa.string()),
                "bits": pa.array([float(np.log2(f)) - log2_u_top for f in frequencies.values.values()], pa.float64()),
            }
        )
        self.con.register("frequency", listed)
        found = whole_table(
            self.con, f'select record, bits from records join frequency on records."{column}" = frequency.value'
        )
        self.con.unregister("frequency")
        bits = np.full(self.size, float(np.log2(frequencies.other)) - log2_u_top)
        bits[found.column("record").to_numpy()] = found.column("bits").to_numpy()
        self._corrections[column] = bits
        self._written.discard(column)

    def use_model(self, model: Model) -> CompiledModel:
        """Prepare the records for a fitted model: generic values out, value frequencies in."""
        compiled = compile_model(model)
        self.remove_generic(model.generic_values)
        for k, comparison in enumerate(compiled.comparisons):
            fitted = model.comparisons[k].frequencies
            if comparison.frequency_column and fitted:
                self.set_frequencies(comparison.frequency_column, fitted, float(compiled.u_bits[k][comparison.top + 1]))
        return compiled

    def set_class_frequencies(self, model: Model) -> None:
        """Note the model's class frequencies by pair of sources; `priors` gives them."""
        for low, left in enumerate(self.sources):
            for high in range(low, len(self.sources)):
                self._priors[:, low, high] = log2_frequencies(model.frequencies_between(left, self.sources[high]))

    def write_corrections(self) -> list[str]:
        """Bring the corrections of u into the table `records`, as `correction_<column>`; the columns that have one."""
        for column in sorted(set(self._corrections) - self._written):
            name = correction_column(column)
            self.con.register(
                "bits", pa.table({"number": np.arange(self.size), "correction": self._corrections[column]})
            )
            self.con.execute(f'alter table records add column if not exists "{name}" double')
            self.con.execute(f'update records set "{name}" = correction from bits where record = number')
            self.con.unregister("bits")
            self._written.add(column)
        return list(self._corrections)

    def codes(self, comparisons: Sequence[Comparison]) -> RecordCodes:
        """A number for each value of the columns that linking reads."""
        crossed = {(c.first, c.second) for comparison in comparisons for c in _crossed(comparison)}
        codes: dict[str, NDArray[np.int32]] = {}
        texts: dict[str, pa.Array] = {}
        items: dict[str, NDArray[np.uint64]] = {}
        for name, kind in COLUMNS.items():
            if name in codes or name in ("source", "source_record_id"):
                continue
            if kind == "text[]":
                items[name] = self._list_bits(name)
                codes[name] = np.where(items[name] == 0, ABSENT, 0).astype(np.int32)
            elif kind != "text":
                codes[name] = self._column(f"coalesce(cast({name} as integer), {ABSENT})").to_numpy()
            else:
                together = sorted({name, *(other for pair in crossed if name in pair for other in pair)})
                for column, (of_column, different) in zip(together, self._text_codes(together), strict=True):
                    codes[column], texts[column] = of_column, different
        filled = {name: of_column for name, of_column in codes.items() if (of_column != ABSENT).any()}
        return RecordCodes(filled, texts, items)

    def _column(self, expression: str) -> pa.ChunkedArray:
        return whole_table(self.con, f"select {expression} as value from records order by record")["value"]

    def _text_codes(self, names: Sequence[str]) -> list[tuple[NDArray[np.int32], pa.Array]]:
        """Codes of columns in which the same text has the same code, and the different texts."""
        chunks = [chunk for name in names for chunk in self._column(name).chunks]
        encoded = pa.chunked_array(chunks, type=pa.string()).dictionary_encode().combine_chunks()
        codes = pc.fill_null(encoded.indices, ABSENT).to_numpy()
        return [(of_column, encoded.dictionary) for of_column in np.split(codes, len(names))]

    def _list_bits(self, name: str) -> NDArray[np.uint64]:
        """Of each record's list: one bit of 64 for each value in it."""
        bit = "1::ubigint << (hash(item) >> 58)::integer"
        together = f"list_reduce(list_transform({name}, lambda item: {bit}), lambda a, b: a | b, 0::ubigint)"
        bits: NDArray[np.uint64] = self._column(f"cast(coalesce({together}, 0) as ubigint)").to_numpy()
        return bits


def correction_column(frequency_column: str) -> str:
    return f"correction_{frequency_column}"


def _crossed(comparison: Comparison) -> Iterator[Crossed | Across]:
    """The conditions that compare one column with another."""
    waiting: list[Condition] = [comparison.missing, *(level.condition for level in comparison.levels)]
    while waiting:
        condition = waiting.pop()
        if isinstance(condition, Crossed | Across):
            yield condition
        if isinstance(condition, AllOf | AnyOf):
            waiting.extend(condition.conditions)
