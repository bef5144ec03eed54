"""Writes a population as the departments would send it: one file per source in its own layout, and the truth.

Column by column, for speed; a test holds it equal to `config.mapping.to_extract_row`, which the loader inverts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from config.identifiers import SCOPE_SEPARATOR
from config.mapping import ALIAS_SEPARATOR, to_extract_row
from config.sources import ColumnMapping, SourceConfig, load_sources
from training.population.generate import Population

TRUTH_FILE = "truth.csv"


def write_extracts(
    population: Population, folder: Path, sources: Mapping[str, SourceConfig] | None = None
) -> dict[str, Path]:
    """Write one CSV file per source and `truth.csv` beside them; returns source -> file.

    Args:
        population: what to write; sources without records get no file.
        folder: made if it is not there; files of an earlier run are overwritten.
        sources: the layouts, the shipped ones by default.
    """
    sources = sources or load_sources()
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for source_id in pc.unique(population.records["source"]).to_pylist():
        records = population.records.filter(pc.equal(population.records["source"], source_id))
        source = sources[source_id]
        files[source_id] = folder / f"{source_id}.csv"
        _write_csv(extract(records, source), files[source_id], source)
    pa_csv.write_csv(population.truth, folder / TRUTH_FILE, pa_csv.WriteOptions(quoting_style="needed"))
    return files


def extract(records: Any, source: SourceConfig) -> Any:
    """Turn the records of one source, an Arrow table of canonical fields, into a table in the department's layout."""
    records = records.combine_chunks()
    cells = {column: pa.nulls(records.num_rows, pa.string()) for column in source.header}
    for mapping in source.columns:
        if mapping.field in records.column_names:
            _add_column(cells, records[mapping.field], mapping, source)
    return pa.table({column: pc.fill_null(cells[column], "") for column in source.header})


def _add_column(cells: dict[str, Any], values: Any, mapping: ColumnMapping, source: SourceConfig) -> None:
    """Fill the cells of a column that are still empty; two fields may share one column."""
    text = _written(values, mapping, source)
    if mapping.is_scoped:
        parts = pc.extract_regex(text, pattern=f"^(?:(?P<scope>[^{SCOPE_SEPARATOR}]*){SCOPE_SEPARATOR})?(?P<value>.*)$")
        if mapping.scope_column:
            scope = pc.struct_field(parts, "scope")
            cells[mapping.scope_column] = pc.coalesce(_or_null(scope), cells[mapping.scope_column])
        text = pc.struct_field(parts, "value")
    if mapping.max_length:
        text = pc.utf8_rtrim_whitespace(pc.utf8_slice_codeunits(text, 0, mapping.max_length))
    cells[mapping.column] = pc.coalesce(cells[mapping.column], _or_null(text))


def _or_null(text: Any) -> Any:
    return pc.if_else(pc.equal(text, ""), None, text)


def _written(values: Any, mapping: ColumnMapping, source: SourceConfig) -> Any:
    """The values as the department spells them, before scopes are split off and lengths cut."""
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_list(values.type):
        return pc.binary_join(values, ALIAS_SEPARATOR)
    if mapping.date_format is None and mapping.codes is None:
        return pc.utf8_trim_whitespace(values)
    # Dates and codes have few distinct values: each is written once, by the mapping itself.
    coded = values.dictionary_encode()
    spelled = [
        to_extract_row({mapping.field: value}, source)[mapping.column] or None for value in coded.dictionary.to_pylist()
    ]
    return pa.array(spelled, type=pa.string()).take(coded.indices)


def _write_csv(table: Any, path: Path, source: SourceConfig) -> None:
    options = pa_csv.WriteOptions(delimiter=source.file_format.separator, quoting_style="needed")
    if source.file_format.encoding == "utf-8":
        pa_csv.write_csv(table, path, options)
        return
    buffer = pa.BufferOutputStream()
    pa_csv.write_csv(table, buffer, options)
    text = buffer.getvalue().to_pybytes().decode("utf-8")
    path.write_bytes(text.encode(source.file_format.encoding, errors="replace"))
