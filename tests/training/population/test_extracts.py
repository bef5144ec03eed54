"""The extracts are what the departments' layouts say, and reading them gives the records back."""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from config.mapping import recognise_layout, to_canonical, to_extract_row
from config.sources import load_sources
from training.population import Population
from training.population.extracts import TRUTH_FILE, extract, write_extracts


def test_columns_are_written_as_single_rows_are(population: Population) -> None:
    for source_id, source in load_sources().items():
        records = population.records.filter(pc.equal(population.records["source"], source_id)).slice(0, 400)
        rows = extract(records, source).to_pylist()
        for record, row in zip(records.to_pylist(), rows, strict=True):
            assert row == to_extract_row({field: value for field, value in record.items() if value}, source)


def test_files_are_read_back_into_the_same_records(population: Population, tmp_path: Path) -> None:
    sources = load_sources()
    files = write_extracts(Population(population.records, population.truth), tmp_path)
    assert set(files) == set(sources)
    for source_id, path in files.items():
        records = population.records.filter(pc.equal(population.records["source"], source_id))
        limited = {mapping.field for mapping in sources[source_id].columns if mapping.max_length}
        with path.open(encoding=sources[source_id].file_format.encoding, newline="") as stream:
            reader = csv.DictReader(stream, delimiter=sources[source_id].file_format.separator)
            layout = recognise_layout(reader.fieldnames or [], sources[source_id])
            rows = list(reader)
        assert (layout.layout, layout.unknown_columns) == ("department", ())
        assert len(rows) == len(records)
        for record, row in zip(records.slice(0, 300).to_pylist(), rows[:300], strict=True):
            values, problems = to_canonical(row, sources[source_id])
            assert all(problem.kind == "placeholder" for problem in problems)
            unreadable = {problem.field for problem in problems}
            for field, value in record.items():
                if value and field not in {"source", *limited, *unreadable}:
                    assert values[field] == (tuple(value) if isinstance(value, list) else value)


def test_the_truth_is_written_beside_the_extracts(population: Population, tmp_path: Path) -> None:
    write_extracts(population, tmp_path)
    with (tmp_path / TRUTH_FILE).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(population)
    assert rows[0]["source_record_id"] == population.truth["source_record_id"][0].as_py()


def test_nothing_that_a_source_refuses_is_in_its_extract(population: Population) -> None:
    for source_id, source in load_sources().items():
        records = population.records.filter(pc.equal(population.records["source"], source_id)).slice(0, 50)
        table: pa.Table = extract(records, source)
        for rule in source.refuse_rows:
            assert set(table[rule.column].to_pylist()) == {""}
