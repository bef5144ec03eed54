"""What the sources say, as they wrote it: placeholders, cut-off and generic values are marked, numbers are masked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from config.fields import CANONICAL_FIELDS, IDENTIFIER_PREFIX, PROTECTIVE_FLAGS
from config.sources import SourceConfig, load_sources
from index_service.linking_context import LinkingContext
from index_service.store.workbench import PersonRecord
from linkage.generic_values import without_generic_values
from linkage.normalise import normalise
from linkage.record import CanonicalValue, Finding, NormalisedRecord, RecordKey, SourceRecord

HIDDEN = "•••-••-"

FIELDS_COMPARED: Mapping[str, tuple[str, ...]] = {
    "first_name": ("first_name",),
    "middle_name": ("middle_name",),
    "suffix": ("suffix",),
    "sex": ("sex",),
    "ssn": ("ssn",),
    "cin": ("cin",),
    "birth_order": ("birth_order",),
    "birth_date": ("birth_date",),
    "multiple_birth": ("multiple_birth",),
    "last_name": ("last_name",),
    "mother": ("mother_first_name", "mother_last_name"),
    "guardian": ("guardian_first_name", "guardian_last_name"),
    "address": ("address_line",),
    "locality": ("city", "state", "zip"),
    "phone": ("phone",),
    "email": ("email",),
    "case_id": ("case_id",),
}
"""Comparison -> the fields of a record that it reads; `identifiers` reads all that begin with `identifier.`."""

_GENERIC_COLUMNS = {"locality": "zip", "mother": "mother_first", "guardian": "guardian_first"}


@dataclass(frozen=True, slots=True)
class Said:
    """A record with what its source said, what normalising made of it, and what of that no evidence is."""

    record_id: int
    key: RecordKey
    values: Mapping[str, CanonicalValue]
    normalised: NormalisedRecord
    findings: tuple[Finding, ...]

    @property
    def name(self) -> str:
        """First and last name as the source wrote them."""
        names = (text_of(self.values, field) for field in ("first_name", "last_name", "suffix"))
        return " ".join(name for name in names if name) or "No name"

    @property
    def is_protected(self) -> bool:
        """Whether the record says that whereabouts or names of its person are protected."""
        return not PROTECTIVE_FLAGS.isdisjoint(self.values)

    @property
    def source_title(self) -> str:
        return source_title(self.key[0])


@dataclass(frozen=True, slots=True)
class Value:
    """A value as sources wrote it; `marks` says in words what is wrong with it, if anything.

    sources: who writes it so, those of one day together, with that day: the source's own date of the record, if any.
    """

    text: str
    sources: tuple[tuple[str, str], ...]
    marks: tuple[str, ...]


def said(record: PersonRecord) -> Said:
    """A record of a person as the pages show it."""
    return said_of(record.record_id, record.key, record.source_values)


def said_of(record_id: int, key: RecordKey, values: Mapping[str, CanonicalValue]) -> Said:
    """A record as the pages show it, from what its source said."""
    normalised, findings = normalise(SourceRecord(*key, values))
    return Said(record_id, key, values, normalised, findings)


def source_title(source: str) -> str:
    """What people call a source; its id, if no file describes it."""
    config = _sources().get(source)
    return config.title if config else source


@cache
def _sources() -> Mapping[str, SourceConfig]:
    return load_sources()


def text_of(values: Mapping[str, CanonicalValue], field: str) -> str:
    """A field as one line of text."""
    value = values.get(field) or ""
    return value.strip() if isinstance(value, str) else "; ".join(value)


def masked(number: str) -> str:
    """The last four digits of a social security number."""
    digits = "".join(character for character in number if character.isdigit())
    return HIDDEN + digits[-4:] if len(digits) > 4 else HIDDEN + "••••"


def shown(field: str, text: str, *, whole_numbers: bool = False) -> str:
    """A value as a page shows it: numbers masked unless somebody asked for them whole."""
    return masked(text) if field == "ssn" and text and not whole_numbers else text


def values_compared(
    comparison: str, records: Iterable[Said], context: LinkingContext, *, whole_numbers: bool = False
) -> list[Value]:
    """What the records say of one thing, each spelling once, with who writes it so; capitals count in ids alone."""
    found: dict[tuple[str, tuple[str, ...]], dict[str, dict[str, None]]] = {}
    written: dict[str, str] = {}
    for record in records:
        for text, marks in _texts(comparison, record, context, whole_numbers=whole_numbers):
            folded = text if comparison in _IDS else text.casefold()
            if written.setdefault(folded, text).isupper():
                written[folded] = text
            days = found.setdefault((folded, marks), {})
            days.setdefault(text_of(record.values, "record_date"), {})[record.source_title] = None
    return [Value(written[folded], _dated(days), marks) for (folded, marks), days in found.items()]


_IDS = ("case_id", "identifiers")
"""Comparisons of ids, in which `a` is another letter than `A`."""


def _dated(days: Mapping[str, Iterable[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((", ".join(titles), day) for day, titles in sorted(days.items(), reverse=True))


def _texts(
    comparison: str, record: Said, context: LinkingContext, *, whole_numbers: bool
) -> Iterable[tuple[str, tuple[str, ...]]]:
    if comparison == "identifiers":
        for field in sorted(record.values):
            if field.startswith(IDENTIFIER_PREFIX):
                kind = field.removeprefix(IDENTIFIER_PREFIX).replace("_", " ")
                yield f"{kind} {text_of(record.values, field)}", marks_of(record, (field,))
        return
    fields = FIELDS_COMPARED[comparison]
    text = " ".join(filter(None, (shown(f, text_of(record.values, f), whole_numbers=whole_numbers) for f in fields)))
    if text:
        marks = marks_of(record, fields)
        if comparison == "birth_date" and record.normalised.birth_estimated:
            marks = (*marks, "estimated")
        if is_generic(record, comparison, context):
            marks = (*marks, "shared by many people: no evidence")
        yield _in_words(comparison, text), marks
    if comparison == "first_name":
        for alias in _aliases(record.values):
            yield alias, ("other name",)


def _in_words(comparison: str, text: str) -> str:
    if comparison == "multiple_birth":
        return {"true": "yes", "false": "no"}.get(text.lower(), text)
    return text


def _aliases(values: Mapping[str, CanonicalValue]) -> Sequence[str]:
    aliases = values.get("alias_names") or ()
    return [name.strip() for name in aliases.split(";")] if isinstance(aliases, str) else aliases


def marks_of(record: Said, fields: Iterable[str]) -> tuple[str, ...]:
    """What is wrong with a record's values, in words."""
    wanted = set(fields)
    marks = [_FINDINGS[found.kind] for found in record.findings if found.field in wanted]
    marks += ["cut off" for field in wanted if _is_cut_off(record, field)]
    return tuple(dict.fromkeys(marks))


_FINDINGS = {"placeholder": "stands for “not known”", "invalid": "cannot be right, not used"}


def _is_cut_off(record: Said, field: str) -> bool:
    longest = _longest(record.key[0]).get(field)
    return longest is not None and len(text_of(record.values, field)) >= longest


@cache
def _longest(source: str) -> Mapping[str, int]:
    """Names and addresses that a source is known to cut off, and after how many characters."""
    config = _sources().get(source)
    if config is None:
        return {}
    kinds = ("name", "relation", "address")
    return {
        column.field: column.max_length
        for column in config.columns
        if column.max_length
        and column.max_length > 5
        and column.field in CANONICAL_FIELDS
        and CANONICAL_FIELDS[column.field].kind in kinds
    }


def is_generic(record: Said, comparison: str, context: LinkingContext) -> bool:
    """Whether so many people share the value that the model takes it for no evidence."""
    column = _GENERIC_COLUMNS.get(comparison, comparison)
    before = getattr(record.normalised, column)
    return bool(before) and getattr(without_generic_values(record.normalised, context.model), column) != before
