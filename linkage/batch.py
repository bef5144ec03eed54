"""The batch engine: candidates, agreement patterns and weights of all pairs, set-wise, with Splink on DuckDB.

It computes what `compare` and `weights` compute natively, from the same declarations; the parity test holds the
two together. Splink makes the candidate pairs and the comparison vectors; the layered weights are one more SELECT.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from splink import Linker, SettingsCreator
from splink.backends.duckdb import DuckDBAPI
from splink.blocking_rule_library import CustomRule
from splink.comparison_level_library import CustomLevel
from splink.comparison_library import CustomComparison
from splink.internals.comparison_level_creator import ComparisonLevelCreator
from splink.internals.comparison_vector_values import compute_comparison_vector_values_from_id_pairs_sqls
from splink.internals.pipeline import CTEPipeline

from linkage.blocking import BLOCKING_RULES, BlockingRule
from linkage.comparisons import LAYERS, MISSING, Comparison
from linkage.errors import ModelMismatch
from linkage.model import Frequencies, Model
from linkage.record import COLUMNS
from linkage.weights import CompiledModel, compile_model, log2_frequencies

logging.getLogger("splink").setLevel(logging.ERROR)

DIGEST_SQL = "left(sha256({0}), 16)"


@dataclass(frozen=True, slots=True)
class BlockingRuleReport:
    """What one blocking rule brought.

    Attributes:
        keys: distinct keys that at least two records share.
        pairs: pairs that share a key of this rule.
        new_pairs: those that no earlier rule had found.
        oversized_keys: keys left out because more records share them than the policy's cap.
        largest_block: records under the most frequent key that was kept.
    """

    rule: str
    keys: int
    pairs: int
    new_pairs: int
    oversized_keys: int
    largest_block: int


@dataclass(frozen=True, slots=True)
class Patterns:
    """Agreement patterns with how many pairs show them.

    Attributes:
        levels: shape (n_patterns, n_comparisons).
        sources: shape (n_patterns,), an index into `source_pairs`.
        corrections: shape (3, n_patterns): by layer, what value frequencies correct u by, in bits, to the half bit.
        counts: shape (n_patterns,), pairs.
    """

    levels: NDArray[np.int8]
    sources: NDArray[np.int64]
    corrections: NDArray[np.float64]
    counts: NDArray[np.float64]
    source_pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CandidatePairs:
    """Pairs that blocking brought together, by row number: arrays of shape (n_pairs,), `left` < `right`."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class WeighedPairs:
    """Pairs of records with patterns and weights: arrays over pairs, `left` < `right`."""

    left: NDArray[np.int64]
    right: NDArray[np.int64]
    levels: NDArray[np.int8]
    weight: NDArray[np.float64]
    against_stranger: NDArray[np.float64]
    against_sibling: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.left)


@dataclass(frozen=True, slots=True)
class _KeySizes:
    """Of one rule's keys that at least two records share."""

    keys: int
    pairs: int
    oversized_keys: int
    largest: int


class BatchEngine:
    """One set of records in DuckDB, and the questions a relink or a fit asks of them.

    Use as a context manager. Records are numbered by their row in the table given.
    """

    def __init__(self, records: pa.Table, *, memory_limit_gb: float = 4.0, threads: int | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="person-index-")
        self.con = duckdb.connect()
        self.con.execute(f"set memory_limit = '{memory_limit_gb}GB'")
        self.con.execute(f"set temp_directory = '{self._folder.name}'")
        self.con.execute("set preserve_insertion_order = false")
        if threads:
            self.con.execute(f"set threads = {threads}")
        self.size = records.num_rows
        self._splink = DuckDBAPI(self.con)
        self._tables = 0
        self._corrections: dict[str, NDArray[np.float64]] = {}
        self._load(records)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.con.close()
        self._folder.cleanup()

    # --- records -------------------------------------------------------------------------------------------------

    def _load(self, records: pa.Table) -> None:
        table = records.append_column("record", pa.array(np.arange(records.num_rows, dtype=np.int32)))
        self.con.register("given", table)
        types = {"text": "varchar", "integer": "integer", "boolean": "boolean", "text[]": "varchar[]"}
        columns = []
        for name, kind in COLUMNS.items():
            value = f'"{name}"' if name in records.column_names else "null"
            empty = f"coalesce({value}, [])" if kind == "text[]" else value
            columns.append(f'cast({empty} as {types[kind]}) as "{name}"')
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
        numbers = self.con.execute("select source_number from records order by record").to_arrow_table()
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

    def priors(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.float64]:
        """log2 class frequencies of pairs: shape (4, n_pairs). Call `weigh` first."""
        low, high = (
            np.minimum(self._source_numbers[left], self._source_numbers[right]),
            np.maximum(self._source_numbers[left], self._source_numbers[right]),
        )
        return self._priors[:, low, high]

    def key_order(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rank of the given rows by record key: shape (n_records,), 0 elsewhere. Ties in clustering go by it."""
        self.con.register("wanted", pa.table({"record": rows.astype(np.int32)}))
        ranked = self.con.execute(
            "select record, row_number() over (order by source, source_record_id) as rank "
            "from records semi join wanted using (record)"
        ).to_arrow_table()
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
        """Give each record its value's correction of u (bits), for the comparison whose frequency column this is."""
        table = pa.table(
            {
                "value": pa.array(list(frequencies.values), pa.string()),
                "bits": pa.array([float(np.log2(f)) - log2_u_top for f in frequencies.values.values()], pa.float64()),
            }
        )
        self.con.register("frequency", table)
        other = float(np.log2(frequencies.other)) - log2_u_top
        self.con.execute(f'alter table records drop column if exists "{correction_column(column)}"')
        self.con.execute(
            f'alter table records add column "{correction_column(column)}" double default {_double(other)}'
        )
        self.con.execute(
            f'update records set "{correction_column(column)}" = bits '
            f'from frequency where records."{column}" = frequency.value'
        )
        self.con.unregister("frequency")
        values = self.con.execute(
            f'select "{correction_column(column)}" as bits from records order by record'
        ).to_arrow_table()
        self._corrections[column] = values.column("bits").to_numpy()

    def use_model(self, model: Model) -> CompiledModel:
        """Prepare the records for a fitted model: generic values out, value frequencies in."""
        compiled = compile_model(model)
        self.remove_generic(model.generic_values)
        for k, comparison in enumerate(compiled.comparisons):
            fitted = model.comparisons[k].frequencies
            if comparison.frequency_column and fitted:
                self.set_frequencies(comparison.frequency_column, fitted, float(compiled.u_bits[k][comparison.top + 1]))
        return compiled

    # --- candidates ----------------------------------------------------------------------------------------------

    def block(
        self, rules: Iterable[str], max_block_records: int, pinned: Mapping[str, Sequence[str]] | None = None
    ) -> list[BlockingRuleReport]:
        """Make the table `candidates` of all pairs that share a key of some rule.

        Args:
            rules: names of blocking rules; one whose columns are empty brings nothing.
            max_block_records: a key that more records share is left out and reported.
            pinned: rule -> digests of keys that the model leaves out in any case.

        Raises:
            ModelMismatch: a rule is not one of this version's.
        """
        chosen = _rules_named(set(rules))
        sizes = [
            self._derive_keys(i, rule, max_block_records, (pinned or {}).get(rule.name, ()))
            for i, rule in enumerate(chosen)
        ]
        useful = [i for i, size in enumerate(sizes) if size.pairs]
        found = self._candidates_of_columns([i for i in useful if not chosen[i].listed])
        for i in useful:
            if chosen[i].listed:
                found[i] = self._candidates_of_list(i)
        return [
            BlockingRuleReport(rule.name, size.keys, size.pairs, found.get(i, 0), size.oversized_keys, size.largest)
            for i, (rule, size) in enumerate(zip(chosen, sizes, strict=True))
        ]

    def _derive_keys(self, number: int, rule: BlockingRule, cap: int, pinned: Sequence[str]) -> _KeySizes:
        """Make the table `keys_<number>` of one rule: hashes of keys that between 2 and `cap` records share."""
        rows = f"(select *, unnest({rule.listed}) as item from records)" if rule.listed else "records"
        self.con.register("pinned", pa.table({"digest": pa.array(list(pinned), pa.string())}))
        keep = f"and {DIGEST_SQL.format('k')} not in (select digest from pinned)" if pinned else ""
        once = "distinct" if rule.listed else ""
        self.con.execute(
            f"create or replace temp table derived as select {once} record, hash(k) as key "
            f"from (select record, {rule.sql()} as k from {rows}) where k is not null {keep}"
        )
        self.con.unregister("pinned")
        self.con.execute(
            "create or replace temp table sizes as "
            "select key, count(*) as records from derived group by key having count(*) > 1"
        )
        row = self.con.execute(
            "select count(*) filter (records <= $cap), "
            "coalesce(sum(records * (records - 1) // 2) filter (records <= $cap), 0), "
            "count(*) filter (records > $cap), coalesce(max(records) filter (records <= $cap), 0) from sizes",
            {"cap": cap},
        ).fetchone()
        self.con.execute(
            f"create or replace table keys_{number} as select record, key as key_{number} from derived "
            f"semi join (select key from sizes where records <= {int(cap)}) using (key)"
        )
        return _KeySizes(*(int(figure) for figure in row or (0, 0, 0, 0)))

    def _candidates_of_columns(self, rules: Sequence[int]) -> dict[int, int]:
        """Make `candidates` with Splink, for rules that give a record one key; how many pairs each brought."""
        columns, joins = (
            "".join(f", key_{i}" for i in rules),
            " ".join(f"left join keys_{i} using (record)" for i in rules),
        )
        self.con.execute(f"create or replace table blocking_keys as select record{columns} from records {joins}")
        self.con.execute("create or replace table listed_pairs (join_key_l integer, join_key_r integer)")
        if not rules:
            self.set_pairs("candidates", np.zeros(0, np.int64), np.zeros(0, np.int64))
            return {}
        linker = self._linker("blocking_keys", [], [CustomRule(f"l.key_{i} = r.key_{i}") for i in rules])
        blocked = linker.inference.compute_blocked_pairs_for_predict()
        self.con.execute("drop table if exists candidates")
        self.con.execute(f"alter table {blocked.physical_name} rename to candidates")
        counts = self.con.execute("select match_key::integer, count(*) from candidates group by 1").fetchall()
        return {rules[int(k)]: int(n) for k, n in counts}

    def _candidates_of_list(self, rule: int) -> int:
        """Add the pairs that only a rule with several keys per record finds.

        Splink would do this by grouping all candidates again, which costs more than all the rest.
        """
        before = self.candidate_count()
        others = [
            row[0]
            for row in self.con.execute(
                "select column_name from duckdb_columns() where table_name = 'blocking_keys'"
            ).fetchall()
        ]
        shared = " or ".join(f"coalesce(a.{c} = b.{c}, false)" for c in others if c != "record") or "false"
        key = f"key_{rule}"
        self.con.execute(f"""
            insert into candidates (match_key, join_key_l, join_key_r)
            select distinct 'list {rule}', l.record, r.record
            from keys_{rule} l join keys_{rule} r on l.{key} = r.{key} and l.record < r.record
            join blocking_keys a on a.record = l.record join blocking_keys b on b.record = r.record
            where not ({shared})
            and not exists (select 1 from listed_pairs p where p.join_key_l = l.record and p.join_key_r = r.record)""")
        self.con.execute(
            f"insert into listed_pairs select join_key_l, join_key_r from candidates where match_key = 'list {rule}'"
        )
        return self.candidate_count() - before

    def candidates(self) -> CandidatePairs:
        table = self.con.execute("select join_key_l, join_key_r from candidates").to_arrow_table()
        return CandidatePairs(*(table.column(i).to_numpy().astype(np.int64) for i in range(2)))

    def candidate_count(self) -> int:
        row = self.con.execute("select count(*) from candidates").fetchone()
        return int(row[0]) if row else 0

    def _linker(self, table: str, comparisons: Sequence[Comparison], rules: Sequence[CustomRule]) -> Linker:
        self._tables += 1
        records = self._splink.register(table, dataset_display_name=f"{table}_{self._tables}")
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="record",
            comparisons=[_splink_comparison(c) for c in comparisons],
            blocking_rules_to_generate_predictions=[*rules],
        )
        return Linker(records, settings, log_level=None, validate_settings=False)

    # --- agreement patterns --------------------------------------------------------------------------------------

    def set_pairs(self, table: str, left: NDArray[np.int64], right: NDArray[np.int64]) -> None:
        self.con.register(
            "given_pairs", pa.table({"join_key_l": left.astype(np.int32), "join_key_r": right.astype(np.int32)})
        )
        self.con.execute(
            f"create or replace table {table} as select '0' as match_key, join_key_l, join_key_r from given_pairs"
        )
        self.con.unregister("given_pairs")

    def _vectors_sql(self, pairs: str, comparisons: Sequence[Comparison], select: str, tail: str = "") -> str:
        """The statement that reads `pairs`, has Splink compute their comparison vectors, and selects from them."""
        linker = self._linker("records", comparisons, [])
        settings = linker._settings_obj
        wanted = [c.frequency_column for c in comparisons if c.frequency_column]
        corrections = [correction_column(c) for c in dict.fromkeys(wanted) if c in self._corrections]
        sqls = compute_comparison_vector_values_from_id_pairs_sqls(
            [
                *settings._columns_to_select_for_blocking,
                *(f'l."{c}" as "{c}"' for c in corrections),
                "least(l.source_number, r.source_number) as source_low",
                "greatest(l.source_number, r.source_number) as source_high",
            ],
            [
                *settings._columns_to_select_for_comparison_vector_values,
                *(f'"{c}"' for c in corrections),
                "source_low",
                "source_high",
            ],
            input_tablename_l="records",
            input_tablename_r="records",
            source_dataset_input_column=settings.column_info_settings.source_dataset_input_column,
            unique_id_input_column=settings.column_info_settings.unique_id_input_column,
        )
        pipeline = CTEPipeline()
        pipeline.enqueue_sql(f"select * from {pairs}", "__splink__blocked_id_pairs")
        pipeline.enqueue_list_of_sqls(sqls)
        pipeline.enqueue_sql(f"{select} {tail}", "selected")
        return pipeline.generate_cte_pipeline_sql()

    def patterns(
        self, pairs: str, comparisons: Sequence[Comparison], sample: int | None = None, seed: int = 0
    ) -> Patterns:
        """Count the agreement patterns of a table of pairs.

        Args:
            pairs: `candidates`, or a table made by `set_pairs`.
            sample: count about so many pairs only, scaled up to all.
        """
        total = self.con.execute(f"select count(*) from {pairs}").fetchone()
        count = int(total[0]) if total else 0
        scale = 1.0
        if sample and count > sample:
            scale = count / sample
            self.con.execute(
                f"create or replace table sampled_pairs as select * from {pairs} "
                f"where hash(join_key_l, join_key_r, {int(seed)}) % 1000000 < {round(1e6 / scale)}"
            )
            pairs = "sampled_pairs"
        gammas = [f"gamma_{c.name}::tinyint as g{k}" for k, c in enumerate(comparisons)]
        layers = [
            f"cast(round(2 * ({self._correction_sql(layer, comparisons)})) as integer) as f{i}"
            for i, layer in enumerate(LAYERS)
        ]
        inner = f"select {', '.join([*gammas, *layers])}, source_low, source_high from __splink__df_comparison_vectors"
        sql = self._vectors_sql(
            pairs, comparisons, f"select *, count(*) as pairs from ({inner})", "group by all order by all"
        )
        table = self.con.execute(sql).to_arrow_table()
        levels = np.column_stack([table.column(f"g{k}").to_numpy() for k in range(len(comparisons))]).astype(np.int8)
        low, high = (
            table.column("source_low").to_numpy().astype(np.int64),
            table.column("source_high").to_numpy().astype(np.int64),
        )
        codes, sources = np.unique(low * len(self.sources) + high, return_inverse=True)
        named = tuple((self.sources[c // len(self.sources)], self.sources[c % len(self.sources)]) for c in codes)
        corrections = np.stack([table.column(f"f{i}").to_numpy() / 2.0 for i in range(len(LAYERS))])
        return Patterns(levels, sources.reshape(-1), corrections, table.column("pairs").to_numpy() * scale, named)

    def _correction_sql(self, layer: str, comparisons: Sequence[Comparison]) -> str:
        terms = [
            f'case when gamma_{c.name} = {c.top} then "{correction_column(c.frequency_column)}" else 0e0 end'
            for c in comparisons
            if c.layer == layer and c.frequency_column and c.frequency_column in self._corrections
        ]
        return " + ".join(terms) or "0e0"

    # --- weights -------------------------------------------------------------------------------------------------

    def weigh(
        self, pairs: str, compiled: CompiledModel, least_bits: float | None = None, levels: bool = True
    ) -> WeighedPairs:
        """Weigh a table of pairs; those under `least_bits` are left out."""
        self._set_priors(compiled.model)
        comparisons = compiled.comparisons
        shared = {layer: self._evidence_sql(layer, compiled, compiled.m_bits) for layer in LAYERS}
        plain = {layer: self._evidence_sql(layer, compiled, compiled.u_bits) for layer in LAYERS}
        chance = {layer: f"{plain[layer]} + {self._correction_sql(layer, comparisons)}" for layer in LAYERS}
        sums = ", ".join([*(f"{shared[x]} as m_{x}" for x in LAYERS), *(f"{chance[x]} as u_{x}" for x in LAYERS)])
        gammas = ", ".join(f"gamma_{c.name}::tinyint as g{k}" for k, c in enumerate(comparisons))
        select = f"""
            select record_l, record_r{", " + ", ".join(f"g{k}" for k in range(len(comparisons))) if levels else ""},
                   l_m - {_logsum("l_t", "l_h", "l_u")} as weight,
                   l_m - l_u as against_stranger,
                   l_m - {_logsum("l_t", "l_h")} as against_sibling
            from (
                select *, p_m + m_person + m_birth + m_family as l_m, p_t + u_person + m_birth + m_family as l_t,
                       p_h + u_person + u_birth + m_family as l_h, p_u + u_person + u_birth + u_family as l_u
                from (
                    select record_l, record_r, source_low, source_high, {gammas}, {sums}
                    from __splink__df_comparison_vectors
                ) join class_priors using (source_low, source_high)
            )"""
        tail = f"where weight >= {_double(least_bits)}" if least_bits is not None else ""
        sql = self._vectors_sql(pairs, comparisons, f"select * from ({select})", tail)
        table = self.con.execute(sql).to_arrow_table()
        names = [f"g{k}" for k in range(len(comparisons))] if levels else []
        pattern = (
            np.column_stack([table.column(n).to_numpy() for n in names])
            if names
            else np.empty((table.num_rows, 0), np.int8)
        )
        column = {
            n: table.column(n).to_numpy()
            for n in ("record_l", "record_r", "weight", "against_stranger", "against_sibling")
        }
        return WeighedPairs(
            column["record_l"].astype(np.int64),
            column["record_r"].astype(np.int64),
            pattern.astype(np.int8),
            column["weight"],
            column["against_stranger"],
            column["against_sibling"],
        )

    def weigh_candidates(self, compiled: CompiledModel, least_bits: float) -> WeighedPairs:
        """Weigh the pairs that blocking found, without their patterns; those under `least_bits` are left out."""
        return self.weigh("candidates", compiled, least_bits, levels=False)

    def weigh_pairs(self, left: NDArray[np.int64], right: NDArray[np.int64], compiled: CompiledModel) -> WeighedPairs:
        """Weigh given pairs of rows; they come back in an order of their own."""
        self.set_pairs("given_component_pairs", left, right)
        return self.weigh("given_component_pairs", compiled)

    def _evidence_sql(self, layer: str, compiled: CompiledModel, bits: Sequence[NDArray[np.float64]]) -> str:
        terms = []
        for k, comparison in enumerate(compiled.comparisons):
            if comparison.layer == layer:
                whens = " ".join(
                    f"when {level} then {_double(bits[k][level + 1])}"
                    for level in range(MISSING + 1, comparison.top + 1)
                )
                terms.append(f"case gamma_{comparison.name} {whens} else 0e0 end")
        return " + ".join(terms) or "0e0"

    def _set_priors(self, model: Model) -> None:
        rows = []
        for low, left in enumerate(self.sources):
            for high in range(low, len(self.sources)):
                logs = log2_frequencies(model.frequencies_between(left, self.sources[high]))
                self._priors[:, low, high] = logs
                rows.append((low, high, *logs))
        names = ("source_low", "source_high", "p_m", "p_t", "p_h", "p_u")
        self.con.register(
            "given_priors",
            pa.table({n: list(column) for n, column in zip(names, zip(*rows, strict=True), strict=True)}),
        )
        self.con.execute("create or replace table class_priors as select * from given_priors")
        self.con.unregister("given_priors")


def _rules_named(names: set[str]) -> list[BlockingRule]:
    unknown = sorted(names - {rule.name for rule in BLOCKING_RULES})
    if unknown:
        raise ModelMismatch(
            f"The model names blocking rules that this version does not have: {', '.join(unknown)}. "
            "Fit it again: person-index train."
        )
    return [rule for rule in BLOCKING_RULES if rule.name in names]


def correction_column(frequency_column: str) -> str:
    return f"correction_{frequency_column}"


def _double(number: float) -> str:
    """A literal that DuckDB reads as a double to the last bit; without an exponent it would be a decimal."""
    return format(float(number), ".17e")


def _logsum(*terms: str) -> str:
    """log2 of the sum of powers of two, without overflow."""
    highest = f"greatest({', '.join(terms)})"
    return f"({highest} + log2({' + '.join(f'pow(2.0, {t} - {highest})' for t in terms)}))"


def _splink_comparison(comparison: Comparison) -> CustomComparison:
    levels: list[ComparisonLevelCreator | dict[str, Any]] = []
    levels.append(CustomLevel(comparison.missing.sql(), "missing").configure(is_null_level=True))
    levels += [CustomLevel(level.condition.sql(), level.label) for level in comparison.levels]
    levels.append(CustomLevel("ELSE", "disagrees"))
    return CustomComparison(output_column_name=comparison.name, comparison_levels=levels)
