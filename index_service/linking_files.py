"""Link files without a database: canonical columns in, one row per input record with its person out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from config.fields import CANONICAL_FIELDS, FLAG_TEXTS, is_canonical
from config.policy import LINK_FILES_POLICY_FILE, LinkagePolicy, load_policy
from index_service.csv_output import csv_output, refuse_overwriting
from index_service.errors import BadHeader, UsageError
from index_service.linking_engine import link_all
from index_service.loading.columns import check_columns
from index_service.loading.files import open_table
from index_service.loading.records import NOT_LOADED, NOT_USED, record_id_problem
from index_service.loading.rejects import RejectFile
from index_service.loading.rows import CellValue, Reject, Row, Table
from index_service.spark_session import SparkOptions
from index_service.stages import Advance, StageByStage, unwatched
from linkage.model import Model
from linkage.normalise import normalise
from linkage.person_ids import new_person_id
from linkage.record import NormalisedRecord, RecordKey, SourceRecord
from linkage.record_table import table_of

OUTPUT_COLUMNS = ("source", "source_record_id", "person_id", "probability")
UNLINKED = -1

_KNOWN = ("source", *CANONICAL_FIELDS)
_NOT_EVIDENCE = frozenset({"source", "source_record_id", "deleted", "record_date"})


@dataclass(frozen=True, slots=True)
class LinkSummary:
    """What became of the records of some files."""

    records: int
    persons: int
    linked_records: int
    records_by_source: Mapping[str, int]
    rejects: int
    reject_file: str | None
    notes: tuple[str, ...]
    model_fingerprint: str | None
    threshold: float
    candidate_pairs: int
    reviews: int
    timings_s: Mapping[str, float]


@dataclass(slots=True)
class InputRecords:
    """The rows of the files in order: key by key, and which row of the table each one is (-1: none).

    A record that comes twice is one record: its later rows point to the first.
    """

    keys: list[RecordKey] = field(default_factory=list)
    table_rows: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _row_of_key: dict[RecordKey, int] = field(default_factory=dict)
    repeated: int = 0
    withdrawn: int = 0

    def add_unlinkable(self, key: RecordKey) -> None:
        self.keys.append(key)
        self.table_rows.append(UNLINKED)

    def add(self, key: RecordKey) -> bool:
        """Note a record; say whether it is a new row of the table."""
        known = self._row_of_key.get(key)
        row = len(self._row_of_key) if known is None else known
        self._row_of_key[key] = row
        self.keys.append(key)
        self.table_rows.append(row)
        self.repeated += known is not None
        return known is None


def link_files(
    files: Sequence[Path],
    out: Path,
    *,
    obtain_model: Callable[[pa.Table], Model],
    threshold: float,
    rejects: Path,
    encoding: str | None = None,
    spark: SparkOptions | None = None,
    advance: Advance = unwatched,
) -> LinkSummary:
    """Link the records of files and write one row per record, in order, to `out`; ids are written exactly as read.

    Args:
        obtain_model: gives the model for the records read, by fitting or from a file; not asked for a lone record.
        threshold: probability from which records are one person, above 0 and below 1.
        rejects: where rows and values that could not be used are listed; no file if there are none.
        spark: where the records are linked on Spark; None for this process.

    Raises:
        InputError, UsageError, OutputError, LinkageError: nothing is written.
    """
    policy = policy_at(threshold)
    refuse_overwriting(out, files)
    refuse_same_sources(files)
    found = InputRecords()
    with RejectFile(rejects) as reject_file:
        table = table_of(_normalised(files, encoding, found, reject_file, advance))
    if table.num_rows < 2:
        persons, probability, figures = _each_alone(table.num_rows)
    else:
        model = obtain_model(table)
        progress = StageByStage(advance)
        progress.records = table.num_rows
        result = link_all(table, model, policy, progress=progress, spark=spark)
        progress.done()
        persons, probability = result.cluster.tolist(), result.probability.tolist()
        figures = _Figures(model.fingerprint, result.candidate_pairs, len(result.reviews.left), dict(result.timings))
    sizes = _write(out, found, persons, probability)
    return LinkSummary(
        records=len(found.keys),
        persons=len(sizes),
        linked_records=sum(size for size in sizes.values() if size > 1),
        records_by_source=dict(Counter(source for source, _ in found.keys)),
        rejects=reject_file.count,
        reject_file=str(rejects) if reject_file.count else None,
        notes=tuple(_notes(found)),
        model_fingerprint=figures.model_fingerprint,
        threshold=threshold,
        candidate_pairs=figures.candidate_pairs,
        reviews=figures.reviews,
        timings_s=figures.timings_s,
    )


@dataclass(frozen=True, slots=True)
class _Figures:
    model_fingerprint: str | None
    candidate_pairs: int
    reviews: int
    timings_s: Mapping[str, float]


def policy_at(threshold: float) -> LinkagePolicy:
    """The policy for linking files, with its link threshold at the given probability.

    Raises:
        UsageError: not a probability between 0 and 1.
    """
    if not 0.0 < threshold < 1.0:
        raise UsageError(f"--threshold is a probability between 0 and 1, not {threshold}.", hint="Try 0.5, or 0.99.")
    base = load_policy(LINK_FILES_POLICY_FILE)
    bits = math.log2(threshold / (1.0 - threshold))
    return LinkagePolicy.model_validate(
        base.model_dump()
        | {
            "link_threshold_bits": bits,
            "link_error_aim": 1.0 - threshold,
            "review_threshold_bits": min(base.review_threshold_bits, bits),
            "component_threshold_bits": min(base.component_threshold_bits, bits),
        }
    )


def refuse_same_sources(files: Sequence[Path]) -> None:
    """Two files of one stem would be taken for one source.

    Raises:
        UsageError: names the stem.
    """
    stems = Counter(path.stem for path in files)
    if twice := [stem for stem, count in stems.items() if count > 1]:
        raise UsageError(
            f"Several files are called {twice[0]!r}; their records would be taken for one source's.",
            hint="Rename one, or put all records into one file with a `source` column.",
        )


def _normalised(
    files: Sequence[Path], encoding: str | None, found: InputRecords, rejects: RejectFile, advance: Advance
) -> Iterator[NormalisedRecord]:
    for path in files:
        with open_table(path, encoding=encoding) as table:
            yield from _normalised_file(path, table, found, rejects, advance)


def _normalised_file(
    path: Path, table: Table, found: InputRecords, rejects: RejectFile, advance: Advance
) -> Iterator[NormalisedRecord]:
    columns = _check_columns(path, table, found)
    has_ids, number = "source_record_id" in table.columns, 0
    for number, row in enumerate(table.rows, start=1):
        if number % 1_000 == 0:
            advance(f"Reading {path.name}", table.position() / max(table.size, 1), done=number)
        key, problem = _key(row, path.stem, number, has_ids)
        if problem is not None:
            rejects.write(problem)
            found.add_unlinkable(key)
        elif _is_withdrawn(row):
            found.withdrawn += 1
            found.add_unlinkable(key)
        elif found.add(key):
            record, findings = normalise(SourceRecord(*key, _values(row, columns)))
            for finding in findings:
                if finding.kind == "invalid":
                    rejects.write(Reject(row.line, key[1], finding.field, NOT_USED + finding.reason))
            yield record
    advance(f"Reading {path.name}", 1.0, done=number)


def _check_columns(path: Path, table: Table, found: InputRecords) -> frozenset[str]:
    check = check_columns(path.name, table.columns, lambda name: name == "source" or is_canonical(name), _KNOWN)
    evidence = frozenset(check.used) - _NOT_EVIDENCE
    if not evidence:
        raise BadHeader(
            f"{path.name} has no column that tells persons apart.",
            hint=" ".join(check.notes()) or "Names, birth dates, …",
        )
    found.notes.extend(f"{path.name}: {note}" for note in check.notes())
    if "source_record_id" not in check.used:
        found.notes.append(f"{path.name}: no column source_record_id; the row number is used instead.")
    return evidence


def _key(row: Row | Reject, stem: str, number: int, has_ids: bool) -> tuple[RecordKey, Reject | None]:
    """The key of a row, and what is wrong if it has none of its own; the row number then stands for the id."""
    if isinstance(row, Reject):
        return (stem, f"row {number}" if has_ids else str(number)), row
    source = _text(row.values.get("source")) or stem
    if not has_ids:
        return (source, str(number)), None
    record_id = _text(row.values.get("source_record_id"))
    standing_in = f"row {number}"  # cannot be taken for an id that is a plain number
    if reason := record_id_problem(record_id) if record_id else "the id is missing":
        return (source, standing_in), Reject(row.line, standing_in, "source_record_id", NOT_LOADED + reason)
    return (source, record_id), None


def _text(value: CellValue | None) -> str:
    return value if isinstance(value, str) else " ".join(value or ())


def _is_withdrawn(row: Row | Reject) -> bool:
    return isinstance(row, Row) and FLAG_TEXTS.get(_text(row.values.get("deleted")).strip().lower(), False)


def _values(row: Row | Reject, columns: frozenset[str]) -> Mapping[str, CellValue]:
    return {name: value for name, value in row.values.items() if name in columns} if isinstance(row, Row) else {}


def _each_alone(records: int) -> tuple[list[int], list[float], _Figures]:
    """Nothing to compare: every record is a person of its own."""
    return list(range(records)), [1.0] * records, _Figures(None, 0, 0, {})


def _write(out: Path, found: InputRecords, persons: Sequence[int], probability: Sequence[float]) -> Counter[str]:
    """Write the answer; return how many input rows each person has."""
    ids: dict[int, str] = {}
    sizes: Counter[str] = Counter()
    with csv_output(out, OUTPUT_COLUMNS) as write_row:
        for key, row in zip(found.keys, found.table_rows, strict=True):
            person = new_person_id() if row == UNLINKED else ids.get(persons[row]) or new_person_id()
            if row != UNLINKED:
                ids[persons[row]] = person
            sizes[person] += 1
            write_row((*key, person, 1.0 if row == UNLINKED else round(probability[row], 6)))
    return sizes


def _notes(found: InputRecords) -> Iterator[str]:
    yield from found.notes
    if found.repeated:
        yield f"{found.repeated:,} rows repeat an earlier source_record_id of their source: taken for the same record."
    if found.withdrawn:
        yield f"{found.withdrawn:,} records are marked as deleted: each stands alone."
