"""Turn the rows of one source's extract into source records, or say why a row is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from config.fields import CANONICAL_FIELDS, is_canonical
from config.mapping import (
    ALIAS_SEPARATOR,
    FileLayout,
    LayoutError,
    MappingProblem,
    recognise_layout,
    refusal,
    row_reader,
)
from config.sources import SourceConfig
from index_service.errors import BadHeader
from index_service.loading.columns import ColumnCheck, check_columns
from index_service.loading.rows import CellValue, Reject, Row
from linkage.record import Finding, SourceRecord

RECORD_ID_LIMIT = 200
NOT_LOADED = "record not loaded: "
NOT_USED = "value not used: "


@dataclass(frozen=True, slots=True)
class ReadRecord:
    """A source record as read, with the line it came from and what the source's layout could not make sense of."""

    line: int
    record: SourceRecord
    deleted: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that the source's rules keep out; its id, if it can be read, so that what came in before can go."""

    source_record_id: str


@dataclass(frozen=True, slots=True)
class Extract:
    """How the files of one source are read: the department's layout or canonical headers."""

    source: SourceConfig
    layout: FileLayout
    columns: ColumnCheck

    @property
    def fields(self) -> frozenset[str]:
        """The canonical fields for which the file has a column."""
        columns = set(self.columns.used)
        if self.layout.layout == "canonical":
            return frozenset(columns)
        return frozenset(mapping.field for mapping in self.source.columns if mapping.column in columns)

    def read(self, row: Row) -> ReadRecord | Reject | RefusedRow:
        """Return the record of a row; a reject if it cannot be one; only its id if the source's rules turn it away."""
        cells = _cells(row.values)
        values, problems = row_reader(self.source, self.layout.layout)(cells)
        record_id = str(values.pop("source_record_id", ""))
        is_refused = self.source.refuse_rows and refusal(cells, self.source) is not None
        if is_refused or values.pop("minor_consent", "false") == "true":
            return RefusedRow("" if record_id_problem(record_id) else record_id)
        if reason := record_id_problem(record_id) if record_id else _no_record_id(problems):
            return Reject(row.line, _printable(record_id), "source_record_id", NOT_LOADED + reason)
        if problems and any(problem.field == "deleted" for problem in problems):
            return Reject(row.line, record_id, "deleted", NOT_LOADED + "cannot tell whether it is withdrawn")
        return ReadRecord(
            line=row.line,
            record=SourceRecord(self.source.id, record_id, values),
            deleted=values.get("deleted") == "true",
            findings=tuple([Finding(p.field, p.kind, p.reason) for p in problems]) if problems else (),
        )


def recognise_extract(file_name: str, columns: tuple[str, ...], source: SourceConfig) -> Extract:
    """Decide from its header how a file of a source is read.

    Raises:
        BadHeader: columns are named twice, or it is no extract of this source; names the columns.
    """
    known = [*dict.fromkeys([*source.header, *CANONICAL_FIELDS])]
    check = check_columns(file_name, columns, lambda name: name in source.header or is_canonical(name), known)
    try:
        layout = recognise_layout(columns, source)
    except LayoutError as error:
        raise BadHeader(f"{file_name}: {error}.", hint="; ".join(check.notes())) from None
    unknown = set(layout.unknown_columns)
    return Extract(
        source,
        layout,
        ColumnCheck(
            used=tuple(name for name in columns if name not in unknown),
            ignored=tuple(name for name in columns if name in unknown),
            hints={name: meant for name, meant in check.hints.items() if name in unknown},
        ),
    )


def record_id_problem(record_id: str) -> str:
    """Say why an id cannot name a record, or return "". Any printable characters will do: it is opaque."""
    if len(record_id) > RECORD_ID_LIMIT:
        return f"the id is longer than {RECORD_ID_LIMIT} characters"
    if not record_id.isprintable():
        return "the id holds control or invisible characters"
    return ""


def field_rejects(read: ReadRecord, findings: tuple[Finding, ...]) -> list[Reject]:
    """The lines of the reject file for values that cannot be what their field means; the record itself is kept."""
    return [
        Reject(read.line, read.record.source_record_id, finding.field, NOT_USED + finding.reason)
        for finding in findings
        if finding.kind == "invalid"
    ]


def _cells(values: Mapping[str, CellValue]) -> Mapping[str, str]:
    """Cells as single texts, lists joined the way a CSV cell holds them."""
    if tuple not in map(type, values.values()):
        return cast("Mapping[str, str]", values)
    return {name: ALIAS_SEPARATOR.join(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _no_record_id(problems: list[MappingProblem]) -> str:
    return next((problem.reason for problem in problems if problem.field == "source_record_id"), "the id is missing")


def _printable(record_id: str) -> str:
    """As much of an unusable id as a reject file can show."""
    return "".join(character for character in record_id[:RECORD_ID_LIMIT] if character.isprintable())
