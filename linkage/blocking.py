"""Stage 2: blocking rules and the keys they derive from a record.

Two records are candidates if they share a key of the same rule. A rule is declared once: the same parts give
the key of one record natively and the key column of a whole table in SQL.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from struct import Struct
from typing import Any, Protocol, cast

from linkage.record import NormalisedRecord


class KeyPart(Protocol):
    """One part of a key; a record without it has no key of that rule."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        ...

    def sql(self) -> str: ...

    def values(self, record: NormalisedRecord) -> tuple[str, ...]:
        """The values of this part: none where missing, several for a list."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def sql(self) -> str:
        return f"cast({self.column} as varchar)"

    def values(self, record: NormalisedRecord) -> tuple[str, ...]:
        value = getattr(record, self.column)
        return () if value is None else (str(value),)


@dataclass(frozen=True, slots=True)
class Start:
    """The first `length` characters."""

    column: str
    length: int

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def sql(self) -> str:
        return f"left({self.column}, {self.length})"

    def values(self, record: NormalisedRecord) -> tuple[str, ...]:
        value = getattr(record, self.column)
        return () if value is None else (value[: self.length],)


@dataclass(frozen=True, slots=True)
class Each:
    """Every value of a list column gives a key of its own."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    @property
    def items_sql(self) -> str:
        return self.column

    def sql(self) -> str:
        return "item"

    def values(self, record: NormalisedRecord) -> tuple[str, ...]:
        found: tuple[str, ...] = getattr(record, self.column)
        return found


@dataclass(frozen=True, slots=True)
class EachOf:
    """Every value of some columns, single or lists, gives a key of its own: the same wherever it stands."""

    singles: tuple[str, ...]
    lists: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.singles, *self.lists)

    @property
    def items_sql(self) -> str:
        """The list of all of them."""
        joined = f"[{', '.join(self.singles)}]"
        for column in self.lists:
            joined = f"list_concat({joined}, {column})"
        return joined

    def sql(self) -> str:
        return "item"

    def values(self, record: NormalisedRecord) -> tuple[str, ...]:
        singles = (getattr(record, column) for column in self.singles)
        found = [value for value in singles if value is not None]
        for column in self.lists:
            found.extend(getattr(record, column))
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class YearAndNext:
    """The birth year in pairs of years, begun at an even and at an odd one: the same where years differ by one."""

    @property
    def columns(self) -> tuple[str, ...]:
        return ("birth_year",)

    @property
    def items_sql(self) -> str:
        return (
            "case when birth_year is not null then [birth_year - birth_year % 2, birth_year - (birth_year + 1) % 2] end"
        )

    def sql(self) -> str:
        return "cast(item as varchar)"

    def values(self, record: NormalisedRecord) -> tuple[str, ...]:
        year = record.birth_year
        return () if year is None else (str(year - year % 2), str(year - (year + 1) % 2))


@dataclass(frozen=True, slots=True)
class DayAndMonth:
    """Birth day and month in ascending order: the same when they are swapped."""

    @property
    def columns(self) -> tuple[str, ...]:
        return ("birth_month", "birth_day")

    def sql(self) -> str:
        low, high = "least(birth_month, birth_day)", "greatest(birth_month, birth_day)"
        return f"case when birth_month is not null and birth_day is not null then {low} || '-' || {high} end"

    def values(self, record: NormalisedRecord) -> tuple[str, ...]:
        if record.birth_month is None or record.birth_day is None:
            return ()
        low, high = sorted((record.birth_month, record.birth_day))
        return (f"{low}-{high}",)


@dataclass(frozen=True, slots=True)
class BlockingRule:
    """Records that agree on all parts are candidates.

    Attributes:
        name: stands in models and reports.
        why: which pairs it is there to find.
    """

    name: str
    parts: tuple[KeyPart, ...]
    why: str

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(c for part in self.parts for c in part.columns))

    @property
    def listed(self) -> str | None:
        """The SQL of the list whose every value gives a key, if there is one."""
        return next((part.items_sql for part in self.parts if isinstance(part, Each | EachOf | YearAndNext)), None)

    def keys(self, record: NormalisedRecord) -> Iterator[str]:
        for combination in itertools.product(*(part.values(record) for part in self.parts)):
            yield "|".join(combination)

    def sql(self) -> str:
        """The key of a row (of its list's `item` for a listed rule); NULL where a part is missing."""
        return " || '|' || ".join(part.sql() for part in self.parts)


BLOCKING_RULES: tuple[BlockingRule, ...] = (
    BlockingRule("ssn", (Whole("ssn"),), "the same Social Security number"),
    BlockingRule("cin", (Whole("cin"),), "the same Medi-Cal client index number"),
    BlockingRule("birth date, first name's sound", (Whole("birth_date"), Whole("first_sound")), "another surname"),
    BlockingRule(
        "birth date, surname's sound", (Whole("birth_date"), Whole("last_sound")), "another first name, or none yet"
    ),
    BlockingRule("birth date, first initial", (Whole("birth_date"), Start("first_name", 1)), "both names misspelt"),
    BlockingRule(
        "birth date, surname's initial",
        (Whole("birth_date"), Start("last_name", 1)),
        "a first name that shares nothing",
    ),
    BlockingRule(
        "first and last name", (Whole("name_key"),), "another birth date or none; also first and last name swapped"
    ),
    BlockingRule(
        "sounds of both names, birth year",
        (Whole("first_sound"), Whole("last_sound"), Whole("birth_year")),
        "spelling of both names",
    ),
    BlockingRule(
        "birth year, day and month either way, initials",
        (Whole("birth_year"), DayAndMonth(), Start("first_name", 1), Start("last_name", 1)),
        "day and month swapped",
    ),
    BlockingRule(
        "birth year, day and month either way, first name",
        (Whole("birth_year"), DayAndMonth(), Whole("first_name")),
        "day and month swapped, another surname",
    ),
    BlockingRule(
        "birth year, day and month either way, surname",
        (Whole("birth_year"), DayAndMonth(), Whole("last_name")),
        "day and month swapped, another first name or none yet",
    ),
    BlockingRule(
        "birth day and month, sounds of both names",
        (DayAndMonth(), Whole("first_sound"), Whole("last_sound")),
        "another birth year",
    ),
    BlockingRule("birth date, ZIP code", (Whole("birth_date"), Whole("zip")), "names that share nothing"),
    BlockingRule(
        "birth date, mother", (Whole("birth_date"), Whole("mother_first")), "newborns before they have a name"
    ),
    BlockingRule(
        "mother's full name, birth year",
        (Whole("mother_first"), Whole("mother_last"), Whole("birth_year")),
        "newborns under another birth date and surname",
    ),
    BlockingRule(
        "mother, surname's sound, birth year",
        (Whole("mother_first"), Whole("last_sound"), Whole("birth_year")),
        "newborns before they have a name, under another birth date",
    ),
    BlockingRule(
        "mother, first name's sound, birth year",
        (Whole("mother_first"), Whole("first_sound"), Whole("birth_year")),
        "another surname and birth date",
    ),
    BlockingRule(
        "telephone, first initial", (Whole("phone"), Start("first_name", 1)), "no birth date, another surname"
    ),
    BlockingRule("address", (Whole("house_number"), Whole("street")), "no birth date, other names"),
    BlockingRule(
        "ZIP code, first name, birth year", (Whole("zip"), Whole("first_name"), Whole("birth_year")), "another surname"
    ),
    BlockingRule(
        "ZIP code, surname, first initial", (Whole("zip"), Whole("last_name"), Start("first_name", 1)), "no birth date"
    ),
    BlockingRule("case, first initial", (Whole("case_id"), Start("first_name", 1)), "members of one case"),
    BlockingRule("e-mail address", (Whole("email"),), "the same e-mail address"),
    BlockingRule("identifier", (Each("identifiers"),), "any other personal identifier in common"),
    BlockingRule(
        "one surname of several, first name's sound, birth year",
        (Each("last_tokens"), Whole("first_sound"), Whole("birth_year")),
        "two surnames of which one record has one; aliases",
    ),
    BlockingRule(
        "birth date, any name",
        (Whole("birth_date"), EachOf(("first_name", "middle_name", "last_name"), ("last_tokens",))),
        "names in other places: the middle name as the first, first and last swapped beside another surname",
    ),
    BlockingRule(
        "sounds of both names, birth year or the next",
        (Whole("first_sound"), Whole("last_sound"), YearAndNext()),
        "an estimated birth date, a year off",
    ),
)
"""In this order; a pair counts for the first rule that finds it, and rules with several keys per record come last."""


_numbered_as: dict[str, str] = {}


def number_rules_as(names: Mapping[str, str]) -> None:
    """Give keys of some rules the numbers that they would have under other names, in both engines, in this process.

    Who stores numbers makes these names secret: else the keys of a few thousand million values can be tried out.
    """
    _numbered_as.clear()
    _numbered_as.update(names)


def numbered_as(rule: str) -> str:
    """The name under which keys of a rule are numbered."""
    return _numbered_as.get(rule, rule)


def key_number(rule: str, key: str) -> int:
    """The number by which a key is stored: the last 64 bits of MD5, signed, as DuckDB's `md5_number_lower` has them.

    Among a thousand million keys the chance that any two share a number is one in forty; they would make candidates.
    """
    return number_under(numbered_as(rule), key)


def identifier_key(column: str, value: str) -> int:
    """The number of the key that a single identifier gives: a rule of its own brings its bearers together."""
    return key_number(_RULE_OF_IDENTIFIER[column], value)


IDENTIFIER_COLUMNS = ("ssn", "cin", "identifiers")
_RULE_OF_IDENTIFIER = {
    column: next(rule.name for rule in BLOCKING_RULES if rule.parts in ((Whole(column),), (Each(column),)))
    for column in IDENTIFIER_COLUMNS
}


def number_under(name: str, key: str) -> int:
    """The number of a key whose rule is numbered under this name."""
    digest = hashlib.md5(f"{name}|{key}".encode(), usedforsecurity=False).digest()
    return int(_LAST_64_BITS.unpack(digest)[0])


_LAST_64_BITS = Struct("<8xq")

KeysOfParts = Callable[[Sequence[Sequence[str]]], list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class KeyMaker:
    """Some blocking rules, ready to be asked for the keys of one record after the other.

    Many rules share a part, whose values are asked for once; what puts them together is written from the rules and
    compiled, for it is done for every record that is linked live (`key_maker`).
    """

    parts: tuple[KeyPart, ...]
    keys_of_parts: KeysOfParts

    def keys(self, record: NormalisedRecord) -> list[tuple[str, str]]:
        """The keys of a record, with the names of their rules; one that a rule gives twice stands here twice."""
        return self.keys_of_parts([part.values(record) for part in self.parts])

    def numbers(self, record: NormalisedRecord) -> set[int]:
        """The numbers of the same."""
        return {key_number(rule, key) for rule, key in self.keys(record)}


@cache
def key_maker(rules: tuple[str, ...]) -> KeyMaker:
    """What makes the keys of the rules of these names; a name of no rule is passed over."""
    chosen = [rule for rule in BLOCKING_RULES if rule.name in rules]
    parts = tuple(dict.fromkeys(part for rule in chosen for part in rule.parts))
    namespace: dict[str, Any] = {f"rule_{n}": rule.name for n, rule in enumerate(chosen)}
    exec(_source(chosen, parts), namespace)  # noqa: S102 - written here, of numbers only
    return KeyMaker(parts, cast(KeysOfParts, namespace["keys"]))


def _source(rules: Sequence[BlockingRule], parts: Sequence[KeyPart]) -> str:
    """The text of a function: a loop for each rule over the values of its parts."""
    lines = ["def keys(values):", "    found = []", "    add = found.append"]
    for n, rule in enumerate(rules):
        for depth, part in enumerate(rule.parts):
            lines.append(f"{'    ' * (depth + 1)}for part_{depth} in values[{parts.index(part)}]:")
        key = "|".join(f"{{part_{depth}}}" for depth in range(len(rule.parts)))
        lines.append(f"{'    ' * (len(rule.parts) + 1)}add((rule_{n}, f'{key}'))")
    return "\n".join([*lines, "    return found"])


ALL_RULES = tuple(rule.name for rule in BLOCKING_RULES)


def key_numbers(record: NormalisedRecord) -> tuple[int, ...]:
    """The key numbers of a record under all rules, ascending and without repeats: as they are stored."""
    return tuple(sorted(key_maker(ALL_RULES).numbers(record)))
