"""Decide what the columns of a file are before a row of it is read: used, ignored with a note, or a reason to stop."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from index_service.errors import BadHeader

# What extracts call these columns. Only ever used to ask "did you mean": guessing wrong would link wrong people.
_OFTEN_CALLED = {
    "id": "source_record_id", "record_id": "source_record_id", "rec_id": "source_record_id",
    "client_id": "source_record_id", "unique_id": "source_record_id", "person_id": "source_record_id",
    "given_name": "first_name", "forename": "first_name", "fname": "first_name", "first": "first_name",
    "firstname": "first_name", "surname": "last_name", "lname": "last_name", "last": "last_name",
    "lastname": "last_name", "family_name": "last_name", "mname": "middle_name", "middle": "middle_name",
    "middle_initial": "middle_name", "dob": "birth_date", "birthdate": "birth_date", "date_of_birth": "birth_date",
    "gender": "sex", "social_security_number": "ssn", "soc_sec_id": "ssn", "street": "address_line",
    "address": "address_line", "address_1": "address_line", "street_address": "address_line",
    "postcode": "zip", "postal_code": "zip", "zip_code": "zip", "zipcode": "zip", "suburb": "city", "town": "city",
    "phone_number": "phone", "telephone": "phone", "phone_no": "phone", "email_address": "email",
    "dataset": "source", "system": "source", "aliases": "alias_names", "aka": "alias_names",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ColumnCheck:
    """Which columns are used and which ignored; `hints` maps an ignored one to the name it may have meant."""

    used: tuple[str, ...]
    ignored: tuple[str, ...]
    hints: dict[str, str]

    def notes(self) -> list[str]:
        """One sentence per thing that the person who wrote the file should know."""
        plain = [name or "(no name)" for name in self.ignored if name not in self.hints]
        said = [f"Column {name!r} is ignored; did you mean {meant!r}?" for name, meant in self.hints.items()]
        return said + ([f"Columns ignored: {', '.join(plain)}."] if plain else [])


def check_columns(
    file_name: str, columns: Sequence[str], is_known: Callable[[str], bool], known: Collection[str]
) -> ColumnCheck:
    """Compare a header with what is known.

    Raises:
        BadHeader: a column is named twice, or none is known; names the columns.
    """
    _refuse_duplicates(file_name, columns)
    used = tuple(name for name in columns if is_known(name))
    ignored = tuple(name for name in columns if not is_known(name))
    hints = {name: meant for name in ignored if (meant := did_you_mean(name, known)) and meant not in used}
    if not used or set(used) <= {"source"}:
        raise BadHeader(
            f"{file_name}: no column of the file is known. It has: {_listed(columns)}.",
            hint=_no_columns_hint(hints, known),
        )
    return ColumnCheck(used, ignored, hints)


def did_you_mean(name: str, known: Collection[str]) -> str:
    """The known column that an unknown one probably stands for, or ""."""
    plain = name.strip().lower().replace(" ", "_").replace("-", "_").replace(".", "_")
    if plain in known:
        return plain
    if (meant := _OFTEN_CALLED.get(plain, "")) in known:
        return meant
    return next(iter(difflib.get_close_matches(plain, known, n=1, cutoff=0.8)), "")


def _refuse_duplicates(file_name: str, columns: Sequence[str]) -> None:
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise BadHeader(
            f"{file_name}: the header names {_listed(twice)} more than once.",
            hint="Rename or remove one of each: which of the two is meant cannot be guessed.",
        )


def _no_columns_hint(hints: dict[str, str], known: Collection[str]) -> str:
    if hints:
        return "Did you mean " + ", ".join(f"{meant} for {name}" for name, meant in hints.items()) + "?"
    return f"Known columns are: {', '.join(known)}. If the file has no header line, add one."


def _listed(names: Sequence[str]) -> str:
    shown = [f"'{name[:60]}'" for name in names[:20]]
    return ", ".join(shown) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
