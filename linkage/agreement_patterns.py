"""Agreement patterns of pairs of records, by Splink: one expression per comparison, from the declaration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from splink import Linker, SettingsCreator
from splink.comparison_level_library import CustomLevel
from splink.comparison_library import CustomComparison
from splink.internals.comparison_level_creator import ComparisonLevelCreator
from splink.internals.comparison_vector_values import compute_comparison_vector_values_from_id_pairs_sqls
from splink.internals.pipeline import CTEPipeline

from linkage.comparisons import Comparison

logging.getLogger("splink").setLevel(logging.ERROR)


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


class PatternQuery:
    """Writes statements over the agreement levels of tables of pairs; records stand in the table `records`."""

    def __init__(self, backend: Any, rendered: Callable[[str], str] = lambda predicate: predicate) -> None:
        """Args: `backend` is Splink's; `rendered` writes a declared predicate, which is DuckDB's, in its SQL."""
        self._splink, self._rendered = backend, rendered
        self._linkers = 0

    def sql(
        self, pairs: str, comparisons: Sequence[Comparison], select: str, extra: Sequence[tuple[str, str]] = ()
    ) -> str:
        """A statement that selects from `__splink__df_comparison_vectors`.

        The columns are record_l, record_r, gamma_<comparison>, and the extra ones.

        Args:
            pairs: a table with the columns match_key, join_key_l and join_key_r.
            extra: further columns, each an expression over the records l and r, and its name.
        """
        settings = self._linker(comparisons)._settings_obj
        sqls = compute_comparison_vector_values_from_id_pairs_sqls(
            [*settings._columns_to_select_for_blocking, *(f"{value} as {name}" for value, name in extra)],
            [*settings._columns_to_select_for_comparison_vector_values, *(name for _, name in extra)],
            input_tablename_l="records",
            input_tablename_r="records",
            source_dataset_input_column=settings.column_info_settings.source_dataset_input_column,
            unique_id_input_column=settings.column_info_settings.unique_id_input_column,
        )
        pipeline = CTEPipeline()
        pipeline.enqueue_sql(f"select * from {pairs}", "__splink__blocked_id_pairs")
        pipeline.enqueue_list_of_sqls(sqls)
        pipeline.enqueue_sql(select, "selected")
        return pipeline.generate_cte_pipeline_sql()

    def _linker(self, comparisons: Sequence[Comparison]) -> Linker:
        self._linkers += 1
        records = self._splink.register("records", dataset_display_name=f"records_{self._linkers}")
        settings = SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="record",
            comparisons=[_splink_comparison(c, self._rendered) for c in comparisons],
        )
        return Linker(records, settings, log_level=None, validate_settings=False)


def levels_sql(comparisons: Sequence[Comparison]) -> str:
    """The agreement levels of a pair as columns g0, g1, … of `__splink__df_comparison_vectors`."""
    return ", ".join(f"cast(gamma_{c.name} as tinyint) as g{k}" for k, c in enumerate(comparisons))


def levels_of(table: Any, comparisons: Sequence[Comparison]) -> NDArray[np.int8]:
    """The columns g0, g1, … of an Arrow table or batch: shape (n_rows, n_comparisons)."""
    levels = np.empty((table.num_rows, len(comparisons)), np.int8)
    for k in range(len(comparisons)):
        levels[:, k] = table.column(f"g{k}").to_numpy()
    return levels


def _splink_comparison(comparison: Comparison, rendered: Callable[[str], str]) -> CustomComparison:
    levels: list[ComparisonLevelCreator | dict[str, Any]] = []
    levels.append(CustomLevel(rendered(comparison.missing.sql()), "missing").configure(is_null_level=True))
    levels += [CustomLevel(rendered(level.condition.sql()), level.label) for level in comparison.levels]
    levels.append(CustomLevel("ELSE", "disagrees"))
    return CustomComparison(output_column_name=comparison.name, comparison_levels=levels)
