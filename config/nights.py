"""What the night job does by the calendar, and what its sentinel holds suspicious in a person."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from config.reading import ConfigModel, read_config

NIGHTS_FILE = Path(__file__).parent / "nights.yaml"


class Calendar(ConfigModel):
    """What is done every so many days, whatever has changed; left out: never by the calendar."""

    full_relink_days: int | None = Field(
        default=7, ge=1, description="Days after which a night links all records again, and not what changed alone."
    )
    new_statistics_days: int | None = Field(
        default=30,
        ge=1,
        description="Days after which a night fits the model anew (frequencies of values, generic values, m and u) and "
        "links all records with it; what that changes is held against the churn budgets as ever.",
    )


class SentinelConfig(ConfigModel):
    """From when on a person is suspected of being several."""

    most_records: int = Field(
        default=30, ge=2, description="A person with more records than this is looked at for its size alone."
    )
    times_the_usual: float = Field(
        default=3.0,
        gt=1,
        description="So is one with more than so many times the records that 999 of 1,000 persons have.",
    )
    bridge_sides: int = Field(
        default=2, ge=2, description="A bridge is told of if so many records or more lie on either side of it."
    )
    most_persons_of_a_number: int = Field(
        default=3,
        ge=1,
        description="An SSN, CIN or other identifier on the records of more persons than this has become generic.",
    )
    most_years_between_births: int = Field(
        default=10, ge=1, description="Birth years of one person that lie further apart are a parent's and a child's."
    )
    oldest_child: int = Field(
        default=26, ge=18, description="Age from which a record of a source without adults is implausible, in years."
    )
    oldest_person: int = Field(default=110, ge=90, description="Age from which any record is implausible, in years.")


class NightsConfig(ConfigModel):
    """The night job's calendar and sentinel."""

    calendar: Calendar = Field(default_factory=lambda: Calendar(), description="What is done by the calendar.")
    sentinel: SentinelConfig = Field(
        default_factory=lambda: SentinelConfig(), description="When a person is suspected of being several."
    )


def load_nights(path: Path | None = None) -> NightsConfig:
    """Read the file, the shipped one by default.

    Raises:
        ConfigError: it cannot be used; the error names file and key.
    """
    return read_config(path or NIGHTS_FILE, NightsConfig)
