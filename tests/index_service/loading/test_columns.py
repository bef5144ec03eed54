"""What the columns of a file are taken for, and when a file is refused for them."""

from __future__ import annotations

import pytest

from config.fields import CANONICAL_FIELDS, is_canonical
from index_service.errors import BadHeader
from index_service.loading.columns import ColumnCheck, check_columns, did_you_mean


def check(*columns: str) -> ColumnCheck:
    return check_columns("extract.csv", columns, is_canonical, tuple(CANONICAL_FIELDS))


def test_known_columns_are_used_and_others_ignored_with_a_note() -> None:
    found = check("source_record_id", "first_name", "shoe_size", "identifier.ssid")
    assert found.used == ("source_record_id", "first_name", "identifier.ssid")
    assert found.notes() == ["Columns ignored: shoe_size."]


@pytest.mark.parametrize(
    ("column", "meant"),
    [
        ("firstname", "first_name"), ("First Name", "first_name"), ("FIRST_NAME", "first_name"),
        ("surname", "last_name"),        ("dob", "birth_date"),
        ("Date of Birth", "birth_date"), ("gender", "sex"), ("postcode", "zip"),
        ("birth_dat", "birth_date"), ("shoe_size", ""),
    ],
)  # fmt: skip
def test_a_column_close_to_a_known_one_is_asked_about_and_never_guessed(column: str, meant: str) -> None:
    assert did_you_mean(column, tuple(CANONICAL_FIELDS)) == meant
    assert column not in check("source_record_id", column).used


def test_a_hint_is_not_given_for_a_column_that_is_there_already() -> None:
    assert check("first_name", "firstname").hints == {}


def test_duplicate_headers_are_refused_and_named() -> None:
    with pytest.raises(BadHeader, match="'last_name' more than once"):
        check("source_record_id", "last_name", "last_name")


def test_no_column_in_common_is_refused_with_what_was_probably_meant() -> None:
    with pytest.raises(BadHeader, match="'fname', 'dob'") as refused:
        check("fname", "dob")
    assert "first_name for fname" in refused.value.hint
    assert "birth_date for dob" in refused.value.hint


def test_a_file_without_a_header_line_is_refused_with_the_known_columns() -> None:
    with pytest.raises(BadHeader) as refused:
        check("10471", "Ana", "1990")
    assert "no header line" in refused.value.hint
    assert "source_record_id" in refused.value.hint


def test_columns_without_a_name_may_stand_several_times() -> None:
    assert check("source_record_id", "", "").notes() == ["Columns ignored: (no name), (no name)."]
