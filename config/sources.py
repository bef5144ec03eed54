"""Source systems: one reviewed file per department's system says what its extract holds and what is expected of it.

A file changes answers, so it is configuration and not settings; a load that breaks its expectations stops.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from config.errors import ConfigError
from config.fields import CANONICAL_FIELDS, canonical_field, is_canonical
from config.identifiers import IDENTIFIER_TYPES
from config.labels import Confidentiality, Sensitivity
from config.reading import ConfigModel, read_config

SOURCES_FOLDER = Path(__file__).parent / "sources"


def _canonical(name: str) -> str:
    if not is_canonical(name):
        raise ValueError(
            f"{name!r} is no canonical field; the fields are {', '.join(CANONICAL_FIELDS)} and identifier.<type>"
        )
    return name


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return text


_DATE_PART = re.compile(r"%[Ymd]")


def _date_format(text: str) -> str:
    if sorted(_DATE_PART.findall(text)) != ["%Y", "%d", "%m"] or "%" in _DATE_PART.sub("", text):
        raise ValueError("a date format has %Y, %m and %d, once each, for example %m/%d/%Y")
    return text


def _identifier_type(name: str) -> str:
    if name not in IDENTIFIER_TYPES:
        raise ValueError(f"no such type of identifier; the types are {', '.join(IDENTIFIER_TYPES)}")
    return name


IdentifierTypeName = Annotated[str, AfterValidator(_identifier_type)]
UpperCase = Annotated[str, AfterValidator(str.upper)]
CanonicalName = Annotated[str, AfterValidator(_canonical)]
Pattern = Annotated[str, AfterValidator(_pattern)]
DateFormat = Annotated[str, AfterValidator(_date_format)]
Share = Annotated[float, Field(ge=0, le=1)]


class ColumnMapping(ConfigModel):
    """What one column of the department's extract means."""

    column: str = Field(min_length=1, description="The column's header in the department's extract.")
    field: CanonicalName = Field(description="The canonical field that it fills.")
    codes: str | None = Field(
        default=None, description="Name of the code list that turns its codes into canonical values."
    )
    date_format: DateFormat | None = Field(default=None, description="How its dates are written, for example %Y%m%d.")
    when: Pattern | None = Field(
        default=None,
        description="Regular expression that a value must match as a whole to fill this field; "
        "lets one column hold two kinds of value, such as SSN and pseudo number.",
    )
    read_as: IdentifierTypeName | None = Field(
        default=None, description="Type of identifier whose one canonical spelling the value is brought to."
    )
    scope_column: str | None = Field(
        default=None,
        description="Column with the county or court without which the value is not unique; becomes `<scope>:<value>`.",
    )
    scope: str | None = Field(
        default=None, description="The county or court itself, where the whole extract comes from one."
    )
    max_length: int | None = Field(
        default=None, ge=1, description="Characters after which the system cuts off, where it is known to."
    )
    placeholders: tuple[str, ...] = Field(
        default=(), description="Texts that the system writes where it knows nothing; read as missing."
    )

    @property
    def is_scoped(self) -> bool:
        """Whether the value is read together with its county or court."""
        return self.scope is not None or self.scope_column is not None

    @model_validator(mode="after")
    def _fits_its_field(self) -> Self:
        kind = canonical_field(self.field).kind
        if (kind == "date") != (self.date_format is not None):
            raise ValueError(
                f"`date_format` belongs to date columns, and every one has it; {self.field} is of kind {kind}"
            )
        if kind in {"code", "flag"} and self.codes is None:
            raise ValueError(f"{self.field} needs `codes`, the list that says what each code means")
        if self.scope is not None and self.scope_column is not None:
            raise ValueError("give `scope` or `scope_column`, not both")
        return self


class FileFormat(ConfigModel):
    """How the department writes its files."""

    delimiter: str = Field(default=",", min_length=1, description="What stands between two values; `\\t` for a tab.")
    encoding: Literal["utf-8", "utf-8-sig", "cp1252", "latin-1"] = Field(
        default="utf-8", description="Character encoding."
    )

    @property
    def separator(self) -> str:
        """The delimiter itself, escape resolved."""
        return "\t" if self.delimiter == "\\t" else self.delimiter


class Expectations(ConfigModel):
    """What the load demands of a file; one that breaks any of it stops with the reason and changes nothing."""

    min_rows: int = Field(default=1, ge=0, description="Fewest rows a file may have.")
    record_id_pattern: Pattern = Field(
        default=r"\S.{0,99}", description="Regular expression for the whole of source_record_id, in canonical form."
    )
    required_columns: tuple[str, ...] = Field(
        default=(), description="Department columns without which the file is refused."
    )
    min_filled: Mapping[CanonicalName, Share] = Field(
        default={}, description="Canonical field -> smallest share of rows in which it holds a usable value."
    )
    max_placeholder_share: Mapping[CanonicalName, Share] = Field(
        default={}, description="Canonical field -> largest share of rows in which it holds a placeholder."
    )
    max_rejected_share: Share = Field(
        default=0.05, description="Largest share of rows that may be rejected as unreadable."
    )
    min_rows_for_shares: int = Field(
        default=100, ge=1, description="Rows from which shares are judged; below, one bad row would stop a small file."
    )


class RowRefusal(ConfigModel):
    """Rows that must not enter the index at all. They are counted and not stored."""

    column: str = Field(min_length=1, description="The department's column that tells.")
    values: tuple[UpperCase, ...] = Field(min_length=1, description="Codes that refuse the row.")
    reason: str = Field(min_length=1, description="Why, in words a steward and counsel can check.")


class Withholding(ConfigModel):
    """Values of a marked row that the index must not take: the row enters without them."""

    column: str = Field(min_length=1, description="The department's column that marks the row.")
    values: tuple[UpperCase, ...] = Field(min_length=1, description="Codes that mark it.")
    fields: tuple[CanonicalName, ...] = Field(min_length=1, description="Canonical fields that are left out.")
    reason: str = Field(min_length=1, description="Why, in words a steward and counsel can check.")


class SourceConfig(ConfigModel):
    """One source system."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="The source's name in the index; also the file's name.")
    title: str = Field(min_length=1, description="What people call the system.")
    department: str = Field(min_length=1, description="Who keeps it.")
    description: str = Field(min_length=1, description="What it holds of whom, and its known faults.")
    deduplicated: bool | None = Field(
        default=None,
        description="Whether one person has one record there, truly; left out, it is learned from the data.",
    )
    addresses_are_placements: bool = Field(
        description="Whether addresses are foster placements, which unrelated children share. For people to read: "
        "linking learns from the data which addresses many share, whatever is said here."
    )
    adults_possible: bool = Field(description="Whether records of parents and other adults stand among the children's.")
    segregated: bool = Field(
        default=False,
        description="Whether the mere presence of a record is protected, so that it may influence nothing others see.",
    )
    confidentiality: Confidentiality = Field(
        default="N", description="How confidential it is that a person is known there (HL7: U, L, M, N, R, V)."
    )
    sensitivities: tuple[Sensitivity, ...] = Field(
        default=(), description="What it would give away that a person is known there; agreements may deny by it."
    )
    laws: tuple[str, ...] = Field(
        default=(), description="Law that bounds who may learn of a record; for counsel to keep."
    )
    record_id_type: IdentifierTypeName | None = Field(
        default=None, description="Type of identifier that source_record_id itself is, where other sources quote it."
    )
    columns: tuple[ColumnMapping, ...] = Field(min_length=1, description="The columns that are read.")
    ignored_columns: tuple[str, ...] = Field(
        default=(), description="Columns that the extract has and the index does not want."
    )
    codes: Mapping[str, Mapping[str, str]] = Field(
        default={},
        description="Code lists: name -> department's code -> canonical value; an empty value means missing.",
    )
    withhold: tuple[Withholding, ...] = Field(default=(), description="Values of marked rows that are left out.")
    file_format: FileFormat = Field(default=FileFormat(), description="How its files are written.")
    refuse_rows: tuple[RowRefusal, ...] = Field(default=(), description="Rows that are turned away at the door.")
    expectations: Expectations = Field(default=Expectations(), description="What a load demands of its data.")

    # Hashing all of a file's content for every row would cost more than mapping the row.
    def __hash__(self) -> int:
        return hash(self.id)

    @property
    def protections(self) -> tuple[RowRefusal | Withholding, ...]:
        """The rules that keep rows, or values of them, out of the index."""
        return (*self.refuse_rows, *self.withhold)

    @cached_property
    def header(self) -> tuple[str, ...]:
        """All columns of the department's layout that the file names, each once, in order."""
        names: list[str] = []
        for mapping in self.columns:
            names.append(mapping.column)
            if mapping.scope_column:
                names.append(mapping.scope_column)
        names.extend(rule.column for rule in self.protections)
        names.extend(self.ignored_columns)
        return tuple(dict.fromkeys(names))

    @cached_property
    def fields(self) -> frozenset[str]:
        """The canonical fields that the source holds."""
        return frozenset(mapping.field for mapping in self.columns)

    @cached_property
    def required_columns(self) -> tuple[str, ...]:
        """Columns a department file must have: those of the record id, those that protect, those expected."""
        of_the_id = [name for m in self._record_id_columns() for name in (m.column, m.scope_column) if name]
        protecting = [rule.column for rule in self.protections]
        return tuple(dict.fromkeys([*of_the_id, *protecting, *self.expectations.required_columns]))

    def _record_id_columns(self) -> Iterable[ColumnMapping]:
        return (mapping for mapping in self.columns if mapping.field == "source_record_id")

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for problem in self._contradictions():
            raise ValueError(problem)
        return self

    def _contradictions(self) -> Iterable[str]:
        if len(list(self._record_id_columns())) != 1:
            yield "exactly one column must fill source_record_id"
        yield from self._columns_filling_a_field_twice()
        yield from self._columns_of_two_meanings()
        yield from self._code_list_faults()
        yield from self._expectations_of_nothing()

    def _columns_filling_a_field_twice(self) -> Iterable[str]:
        fields = [mapping.field for mapping in self.columns]
        for field in dict.fromkeys(fields):
            if fields.count(field) > 1:
                yield f"{field} is filled by more than one column; keep one"

    def _columns_of_two_meanings(self) -> Iterable[str]:
        columns = [mapping.column for mapping in self.columns]
        for mapping in self.columns:
            if columns.count(mapping.column) > 1 and mapping.when is None:
                yield f"column {mapping.column} fills several fields; each then needs `when`"

    def _code_list_faults(self) -> Iterable[str]:
        for mapping in self.columns:
            if mapping.codes is not None and mapping.codes not in self.codes:
                yield f"column {mapping.column} uses the code list `{mapping.codes}`, which is not in `codes`"
            allowed = canonical_field(mapping.field).values
            for meaning in self.codes.get(mapping.codes or "", {}).values():
                if allowed and meaning and meaning not in allowed:
                    choice = ", ".join(allowed)
                    yield f"code list `{mapping.codes}` says {meaning!r}; {mapping.field} is one of {choice}"
        for unused in self.codes.keys() - {mapping.codes for mapping in self.columns}:
            yield f"code list `{unused}` is used by no column"

    def _expectations_of_nothing(self) -> Iterable[str]:
        for field in [*self.expectations.min_filled, *self.expectations.max_placeholder_share]:
            if field not in self.fields:
                yield f"expectations name {field}, which no column fills"
        for column in self.expectations.required_columns:
            if column not in self.header:
                yield f"expectations require the column {column}, which `columns` does not have"


def load_source(path: Path) -> SourceConfig:
    """Read one source file.

    Raises:
        ConfigError: the file cannot be used; the error names file and key.
    """
    source = read_config(path, SourceConfig)
    if source.id != path.stem:
        raise ConfigError(path, "id", f"the id differs from the file's name {path.stem!r}", "Make the two the same.")
    return source


def load_sources(folder: Path | None = None) -> Mapping[str, SourceConfig]:
    """Read all source files of a folder, the shipped ones by default: id -> source, ordered by id.

    Raises:
        ConfigError: a file cannot be used, or there is none.
    """
    folder = folder or SOURCES_FOLDER
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise ConfigError(folder, "", "no source files", "Put one <source>.yaml per source system there.")
    return {path.stem: load_source(path) for path in paths}
