"""An invented source and its extracts."""

from __future__ import annotations

from pathlib import Path

from config.sources import ColumnMapping, Expectations, SourceConfig

SOURCE = SourceConfig(
    id="shelter",
    title="Shelter",
    department="An invented department",
    description="Invented children.",
    addresses_are_placements=False,
    adults_possible=False,
    columns=(
        ColumnMapping(column="CLIENT", field="source_record_id"),
        ColumnMapping(column="FIRST", field="first_name"),
        ColumnMapping(column="BORN", field="birth_date", date_format="%m/%d/%Y"),
    ),
    expectations=Expectations(record_id_pattern=r"(?s).{1,300}"),
)


def write_csv(folder: Path, *rows: str, name: str = "extract.csv", header: str = "source_record_id,first_name") -> Path:
    """A CSV file of a header and rows."""
    path = folder / name
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path
