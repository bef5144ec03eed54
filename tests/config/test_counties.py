"""County codes are those of the state's systems."""

from __future__ import annotations

from config.counties import COUNTIES


def test_codes_follow_the_alphabet() -> None:
    assert len(COUNTIES) == 58
    assert list(COUNTIES.values()) == sorted(COUNTIES.values())
    assert [COUNTIES[code] for code in ("01", "19", "34", "43", "58")] == [
        "Alameda",
        "Los Angeles",
        "Sacramento",
        "Santa Clara",
        "Yuba",
    ]
