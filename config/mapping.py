"""From a department's layout to canonical fields and back: two pure functions per source, inverse to each other.

The loader reads with one, the writer of synthetic extracts writes with the other, so that neither can drift.
Values keep the source's own spelling; only what the layout decides is undone here: column names, codes, date formats,
scopes, the department's placeholders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from config.fields import FLAG_TEXTS, IDENTIFIER_PREFIX, PROTECTIVE_FLAGS, WHEREABOUTS, is_canonical
from config.identifiers import IDENTIFIER_TYPES, SCOPE_SEPARATOR, IdentifierError, compose_scoped
from config.sources import ColumnMapping, RowRefusal, SourceConfig, Withholding

CanonicalValue = str | Sequence[str]

ALIAS_SEPARATOR = "; "
"""Between the full names in one cell of alias_names; a semicolon without the space separates too."""

Layout = Literal["department", "canonical"]


@dataclass(frozen=True, slots=True)
class MappingProblem:
    """A cell that could not be read as its column promises; it is left out. Never carries the value.

    `field` is canonical, `column` is the file's. Without source_record_id the row cannot be kept.
    """

    field: str
    column: str
    kind: Literal["placeholder", "invalid"]
    reason: str


Read = tuple[str | tuple[str, ...] | None, str]
"""A value, or None and the reason why there is none; an empty reason with None means: simply missing."""

_Reader = Callable[[str], Read]
_Writer = Callable[[CanonicalValue], str]


def to_canonical(
    row: Mapping[str, str], source: SourceConfig
) -> tuple[dict[str, CanonicalValue], list[MappingProblem]]:
    """Read a row in the department's layout into canonical fields. Empty cells are left out."""
    return row_reader(source, "department")(row)


def canonical_row_to_canonical(
    row: Mapping[str, str], source: SourceConfig
) -> tuple[dict[str, CanonicalValue], list[MappingProblem]]:
    """Read a row whose headers are canonical fields already; other columns are passed over."""
    return row_reader(source, "canonical")(row)


def to_extract_row(values: Mapping[str, CanonicalValue], source: SourceConfig) -> dict[str, str]:
    """Write canonical values in the department's layout, cut off where its system cuts off.

    Every column of the layout is there; fields that the source does not hold are dropped.
    A scoped identifier must carry its scope (`<county>:<number>`); without it the scope's column stays empty, and
    reading the row back says so.
    """
    blank, writers = _writers(source)
    row = blank.copy()
    for column, field, scoped, scope_column, limit, write in writers:
        value = values.get(field)
        if not value or row[column]:
            continue
        text = write(value)
        if scoped:
            scope, text = _split_scope(text)
            if scope_column:
                row[scope_column] = scope
        row[column] = text[:limit].rstrip() if limit else text
    return row


def refusal(row: Mapping[str, str], source: SourceConfig) -> str | None:
    """Say why a row must not enter the index, or None if it may."""
    for rule in source.refuse_rows:
        if _is_marked(row, rule):
            return rule.reason
    return None


def _withhold(values: dict[str, CanonicalValue], row: Mapping[str, str], source: SourceConfig) -> None:
    """Leave out what the index must not take of a marked row, the address of somebody in hiding for one."""
    for rule in source.withhold:
        if _is_marked(row, rule):
            for field in rule.fields:
                values.pop(field, None)
            if "address_line" in rule.fields:
                values["address_protected"] = "true"


def _heed_flags(values: dict[str, CanonicalValue]) -> None:
    """Leave out what the record itself says must not be taken."""
    if values.get("address_protected") == "true":
        for field in WHEREABOUTS:
            values.pop(field, None)
    if values.get("name_protected") == "true":
        values.pop("alias_names", None)


def _is_marked(row: Mapping[str, str], rule: RowRefusal | Withholding) -> bool:
    text = row.get(rule.column)
    return bool(text) and str(text).strip().upper() in rule.values  # the rule's own are upper case


# --- which layout a file has -----------------------------------------------------------------------


class LayoutError(ValueError):
    """A file's header fits neither the department's layout nor the canonical fields."""


@dataclass(frozen=True, slots=True)
class FileLayout:
    """How a file's rows are to be read, and which of its columns nobody knows."""

    layout: Layout
    unknown_columns: tuple[str, ...]


def recognise_layout(header: Sequence[str], source: SourceConfig) -> FileLayout:
    """Decide from its header how a file is to be read.

    Raises:
        LayoutError: columns that the layout cannot do without are missing; says which.
    """
    missing = [column for column in source.required_columns if column not in header]
    if not missing:
        return FileLayout("department", tuple(column for column in header if column not in source.header))
    if "source_record_id" in header:
        return FileLayout(
            "canonical", tuple(column for column in header if not is_canonical(column) and column != "source")
        )
    raise LayoutError(
        f"the file is no extract of {source.id}: it has no column {', '.join(missing)}; "
        "send the department's layout, or canonical headers with source_record_id"
    )


def read_row(
    row: Mapping[str, str], source: SourceConfig, layout: Layout
) -> tuple[dict[str, CanonicalValue], list[MappingProblem]]:
    """Read a row in either layout."""
    return row_reader(source, layout)(row)


RowReader = Callable[[Mapping[str, str]], tuple[dict[str, CanonicalValue], list[MappingProblem]]]


@lru_cache(maxsize=64)
def row_reader(source: SourceConfig, layout: Layout) -> RowReader:
    """How rows of a source in a layout are read: what the source file says is looked up once, not for every row."""
    read = _department_reader(source) if layout == "department" else _canonical_reader(source)
    withhold, own = source.withhold, source.record_id_type and own_identifier_field(source.record_id_type)

    def read_whole(row: Mapping[str, str]) -> tuple[dict[str, CanonicalValue], list[MappingProblem]]:
        values: dict[str, CanonicalValue] = {}
        problems: list[MappingProblem] = []
        read(row, values, problems)
        if withhold:
            _withhold(values, row, source)
        if "address_protected" in values or "name_protected" in values:
            _heed_flags(values)
        if own and own not in values and "source_record_id" in values:
            values[own] = values["source_record_id"]  # it counts as the identifier that other sources quote
        return values, problems

    return read_whole


# --- reading ---------------------------------------------------------------------------------------

_Step = Callable[[str, Mapping[str, str], dict[str, CanonicalValue], list[MappingProblem]], None]


_Fill = Callable[[Mapping[str, str], dict[str, CanonicalValue], list[MappingProblem]], None]


def _department_reader(source: SourceConfig) -> _Fill:
    """One entry per column; no step means that the text is taken as it stands."""
    by_column: dict[str, list[ColumnMapping]] = {}
    for mapping in source.columns:
        by_column.setdefault(mapping.column, []).append(mapping)
    steps = [(column, group[0].field, _step(group, source)) for column, group in by_column.items()]

    def read(row: Mapping[str, str], values: dict[str, CanonicalValue], problems: list[MappingProblem]) -> None:
        get = row.get
        for column, field, step in steps:
            text = get(column)
            if not text or not (text := text.strip()):
                continue
            if step is None:
                values[field] = text
            else:
                step(text, row, values, problems)

    return read


def _canonical_reader(source: SourceConfig) -> _Fill:
    readers = {**_CANONICAL_READERS, "source_record_id": record_id_reader(source)}

    def read(row: Mapping[str, str], values: dict[str, CanonicalValue], problems: list[MappingProblem]) -> None:
        for field, text in row.items():
            if not text or not (text := text.strip()) or not _is_canonical(field):
                continue
            reader = readers.get(field)
            if reader is None:
                values[field] = text
            else:
                _keep(reader(text), field, field, values, problems)

    return read


def _step(group: Sequence[ColumnMapping], source: SourceConfig) -> _Step | None:
    steps = [_step_of_one(mapping, source) for mapping in group]
    if group[0].when is None:
        return steps[0]
    forms = [(re.compile(mapping.when or ""), mapping.field, step) for mapping, step in zip(group, steps, strict=True)]

    def by_form(
        text: str, row: Mapping[str, str], values: dict[str, CanonicalValue], problems: list[MappingProblem]
    ) -> None:
        for form, field, step in forms:
            if form.fullmatch(text):
                if step is None:
                    values[field] = text
                else:
                    step(text, row, values, problems)
                return
        problems.append(MappingProblem(group[0].field, group[0].column, "invalid", "the value has no known form"))

    return by_form


def _step_of_one(mapping: ColumnMapping, source: SourceConfig) -> _Step | None:
    read = _reader(mapping, source)
    scoped = mapping.is_scoped
    if read is None and not scoped and not mapping.placeholders:
        return None
    read = read or _as_it_stands
    placeholders = frozenset(text.upper() for text in mapping.placeholders)
    field, column = mapping.field, mapping.column

    def plain_step(
        text: str, _row: Mapping[str, str], values: dict[str, CanonicalValue], problems: list[MappingProblem]
    ) -> None:
        value, reason = read(text)
        if value is not None:
            values[field] = value
        elif reason:
            problems.append(MappingProblem(field, column, "invalid", reason))

    def step(
        text: str, row: Mapping[str, str], values: dict[str, CanonicalValue], problems: list[MappingProblem]
    ) -> None:
        if placeholders and text.upper() in placeholders:
            problems.append(
                MappingProblem(field, column, "placeholder", "the system's filler for a value it does not know")
            )
            return
        if scoped:
            scope = mapping.scope or (row.get(mapping.scope_column or "") or "").strip()
            if not scope:
                reason = "the number means nothing without its county or court, and that column is empty"
                problems.append(MappingProblem(field, column, "invalid", reason))
                return
            text = compose_scoped(scope, text)
        plain_step(text, row, values, problems)

    return step if scoped or placeholders else plain_step


def _keep(
    read: Read, field: str, column: str, values: dict[str, CanonicalValue], problems: list[MappingProblem]
) -> None:
    value, reason = read
    if value is not None:
        values[field] = value
    elif reason:
        problems.append(MappingProblem(field, column, "invalid", reason))


def _reader(mapping: ColumnMapping, source: SourceConfig) -> _Reader | None:
    """How one column's text is read; None means as it stands."""
    if mapping.field == "source_record_id":
        return record_id_reader(source)
    if mapping.date_format is not None:
        return _date_reader(mapping.date_format)
    if mapping.codes is not None:
        return _code_reader(source.codes[mapping.codes])
    if mapping.read_as is not None:
        return _identifier_reader(mapping.read_as)
    return _read_aliases if mapping.field == "alias_names" else None


def _as_it_stands(text: str) -> Read:
    return text, ""


def _read_aliases(text: str) -> Read:
    return tuple(name.strip() for name in text.split(ALIAS_SEPARATOR.strip()) if name.strip()) or None, ""


def _code_reader(codes: Mapping[str, str]) -> _Reader:
    meanings: dict[str, Read] = {code.upper(): (meaning or None, "") for code, meaning in codes.items()}
    unknown: Read = None, "the code is not in the source's code list"

    def read(text: str) -> Read:
        return meanings.get(text.upper(), unknown)

    return read


@lru_cache(maxsize=64)
def record_id_reader(source: SourceConfig) -> _Reader:
    """How the source's own ids are read, into the spelling in which they are kept."""
    fits = re.compile(source.expectations.record_id_pattern).fullmatch
    read_id = _identifier_reader(source.record_id_type) if source.record_id_type else _as_it_stands

    def read(text: str) -> Read:
        value, reason = read_id(text)
        if isinstance(value, str) and not fits(value):
            return None, "the record id has not the form that this source's ids have"
        return value, reason

    return read


def _identifier_reader(type_name: str) -> _Reader:
    parse = IDENTIFIER_TYPES[type_name].parse

    def read(text: str) -> Read:
        try:
            return parse(text), ""
        except IdentifierError as error:
            return None, str(error)

    return read


_READ_PARTS = {"%Y": r"(?P<Y>\d{4})", "%m": r"(?P<m>\d{1,2})", "%d": r"(?P<d>\d{1,2})"}
_NO_DATE = "not a date in the form that the source writes"


@lru_cache(maxsize=64)
def _date_reader(date_format: str) -> _Reader:
    """Read dates of one format into ISO; day or month 00 makes the date partial: YYYY-MM, YYYY."""
    match = _date_pattern(date_format).fullmatch

    @lru_cache(maxsize=50_000)
    def read(text: str) -> Read:
        found = match(text)
        if found is None:
            return None, _NO_DATE
        return _iso(int(found["Y"]), int(found["m"]), int(found["d"]))

    return read


def _date_pattern(date_format: str) -> re.Pattern[str]:
    # Without anything between them the parts have fixed widths; with a slash or dash 3/4/2012 is as good as 03/04/2012.
    separated = re.sub(r"%[Ymd]", "", date_format) != ""
    pattern = re.escape(date_format)
    for part, expression in _READ_PARTS.items():
        pattern = pattern.replace(part, expression if separated else expression.replace("{1,2}", "{2}"))
    return re.compile(pattern, re.ASCII)


def _iso(year: int, month: int, day: int) -> Read:
    try:
        whole = date(year, month or 1, day or 1)
    except ValueError:
        return None, "no day of the calendar"
    if month == 0:
        return (None, "no day of the calendar") if day else (f"{year:04d}", "")
    return (whole.isoformat() if day else f"{year:04d}-{month:02d}"), ""


def _read_flag(text: str) -> Read:
    meaning = FLAG_TEXTS.get(text.lower())
    if meaning is None:
        return None, "write true or false"
    return ("true" if meaning else "false"), ""


def _read_protective_flag(text: str) -> Read:
    """What cannot be understood protects."""
    return ("false" if FLAG_TEXTS.get(text.lower()) is False else "true"), ""


_CANONICAL_READERS: Mapping[str, _Reader] = {
    "alias_names": _read_aliases,
    "birth_date_estimated": _read_flag,
    "multiple_birth": _read_flag,
    "deleted": _read_flag,
    **dict.fromkeys(PROTECTIVE_FLAGS, _read_protective_flag),
}

_is_canonical = lru_cache(maxsize=1024)(is_canonical)


def own_identifier_field(record_id_type: str) -> str:
    """The canonical field of a record id's type: CIN and SSN have fields of their own."""
    return record_id_type if record_id_type in {"cin", "ssn"} else f"{IDENTIFIER_PREFIX}{record_id_type}"


# --- writing ---------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _writers(
    source: SourceConfig,
) -> tuple[dict[str, str], tuple[tuple[str, str, bool, str | None, int | None, _Writer], ...]]:
    """Compile a source: its empty row, and per column field, whether scoped, the scope's column, length, writer."""
    return dict.fromkeys(source.header, ""), tuple(
        (m.column, m.field, m.is_scoped, m.scope_column, m.max_length, _writer(m, source)) for m in source.columns
    )


def _writer(mapping: ColumnMapping, source: SourceConfig) -> _Writer:
    if mapping.date_format is not None:
        return _date_writer(mapping.date_format)
    if mapping.codes is not None:
        return _code_writer(source.codes[mapping.codes])
    return _write_text


def _write_text(value: CanonicalValue) -> str:
    return value.strip() if isinstance(value, str) else ALIAS_SEPARATOR.join(value)


def _code_writer(codes: Mapping[str, str]) -> _Writer:
    """The first code of a meaning is the one that is written; a meaning without code leaves the cell empty."""
    first: dict[str, str] = {}
    for code, meaning in codes.items():
        first.setdefault(meaning, code)
    return lambda meaning: first.get(str(meaning), "")


def _split_scope(text: str) -> tuple[str, str]:
    scope, separator, value = text.partition(SCOPE_SEPARATOR)
    return (scope, value) if separator else ("", text)


def _date_writer(date_format: str) -> _Writer:
    @lru_cache(maxsize=50_000)
    def write(iso: CanonicalValue) -> str:
        year, month, day = (*str(iso).split("-"), "00", "00")[:3]
        return date_format.replace("%Y", year).replace("%m", month).replace("%d", day)

    return write
