"""Purposes of use: a grant covers what lies below it, and only that."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError
from config.purposes import HL7_SYSTEM, PURPOSES_FILE, load_purposes

PURPOSES = load_purposes()
CODES = st.sampled_from(sorted(PURPOSES.by_code))


@pytest.mark.parametrize(
    ("granted", "stated", "allowed"),
    [
        ("TREAT", "TREAT", True),
        ("TREAT", "COC", True),
        ("TREAT", "ERTREAT", True),
        ("HPAYMT", "ELIGVER", True),
        ("BTG", "BTG", True),
        ("TREAT", "BTG", False),  # breaking the glass must be granted by name
        ("ETREAT", "BTG", False),
        ("COC", "TREAT", False),
        ("GOV", "FOSTERPLACE", False),  # the nearest HL7 code grants nothing
        ("FOSTERPLACE", "GOV", False),
        ("TREAT", "NONSENSE", False),
    ],
)
def test_what_a_grant_covers(granted: str, stated: str, allowed: bool) -> None:
    assert PURPOSES.covers({granted}, stated) is allowed


@given(st.frozensets(CODES), st.frozensets(CODES))
def test_a_wider_grant_never_covers_less(granted: frozenset[str], more: frozenset[str]) -> None:
    assert granted <= PURPOSES.covered(granted) <= PURPOSES.covered(granted | more)
    assert PURPOSES.covered(PURPOSES.covered(granted)) == PURPOSES.covered(granted)


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("TREAT", "TREAT"),
        (" TREAT ", "TREAT"),
        (f"{HL7_SYSTEM}|TREAT", "TREAT"),
        ("urn:oid:2.16.840.1.113883.5.8#TREAT", "TREAT"),
        ("2.16.840.1.113883.5.8|TREAT", "TREAT"),
        ("urn:person-index:purpose-of-use|COURT", "COURT"),
        ("COURT", "COURT"),
        (f"{HL7_SYSTEM}|COURT", None),  # not a code of that system
        ("urn:person-index:purpose-of-use|TREAT", None),
        ("treat", None),
        ("TREAT,COURT", None),
        ("", None),
        ("|", None),
    ],
)
def test_how_a_purpose_may_be_written(written: str, code: str | None) -> None:
    assert PURPOSES.read(written) == code


def test_local_codes_are_told_from_hl7s() -> None:
    assert PURPOSES.system_of("COURT") == "urn:person-index:purpose-of-use"
    assert PURPOSES.system_of("TREAT") == HL7_SYSTEM
    assert [purpose.code for purpose in PURPOSES.purposes if purpose.local] == [
        "CHILDPROT",
        "FOSTERPLACE",
        "ADOPTSVC",
        "COURT",
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("{code: COC,", "{code: TREAT,", "TREAT stands twice"),
        ("nearest: HLEGAL", "nearest: CHILDPROT", "names no HL7 code"),
        ("{code: HRESCH,", "{code: HRESCH, nearest: GOV,", "needs no `nearest`"),
        ("{code: HRESCH,", "{code: HRESCH, local: true, nearest: GOV,", "has no description"),
        ("code: HRESCH", "code: research", "pattern"),
    ],
)
def test_purposes_that_do_not_fit_together_are_refused(tmp_path: Path, old: str, new: str, problem: str) -> None:
    shipped = PURPOSES_FILE.read_text(encoding="utf-8")
    assert old in shipped
    path = tmp_path / "purposes.yaml"
    path.write_text(shipped.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=problem):
        load_purposes(path)
