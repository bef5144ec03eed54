"""The canonical fields."""

from __future__ import annotations

import pytest

from config.fields import CANONICAL_FIELDS, canonical_field, is_canonical

IN_THE_ORDER_OF_A_LOAD_FILE = [
    "source_record_id", "first_name", "middle_name", "last_name", "suffix", "alias_names", "birth_date",
    "birth_date_estimated", "sex", "birth_order", "multiple_birth", "ssn", "cin", "mother_first_name",
    "mother_last_name", "guardian_first_name", "guardian_last_name", "address_line", "city", "state", "zip",
    "phone", "email", "case_id", "record_date", "deleted", "minor_consent", "address_protected", "name_protected",
    "race", "ethnicity", "language",
]  # fmt: skip


def test_these_are_the_fields() -> None:
    assert list(CANONICAL_FIELDS) == IN_THE_ORDER_OF_A_LOAD_FILE


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("last_name", True),
        ("identifier.ssid", True),
        ("identifier.something_new", True),
        ("identifier.", False),
        ("identifier.Has Space", False),
        ("identifier.ssn", False),  # has a field of its own
        ("identifier.cin", False),
        ("LAST_NAME", False),
        ("surname", False),
    ],
)
def test_what_is_canonical(name: str, expected: bool) -> None:
    assert is_canonical(name) is expected


def test_race_ethnicity_and_language_are_never_evidence() -> None:
    carried = {name for name, field in CANONICAL_FIELDS.items() if field.kind == "statistics"}
    assert carried == {"race", "ethnicity", "language"}
    assert not any(CANONICAL_FIELDS[name].evidence for name in carried)


def test_the_social_security_number_alone_is_secret() -> None:
    assert [name for name, field in CANONICAL_FIELDS.items() if field.sensitivity == "secret"] == ["ssn"]


def test_an_identifier_of_any_type_is_a_confidential_field() -> None:
    field = canonical_field("identifier.ssid")
    assert (field.kind, field.sensitivity) == ("identifier", "confidential")
    with pytest.raises(KeyError):
        canonical_field("surname")
