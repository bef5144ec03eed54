"""The linkage policy: where link, review and no link are divided, and which evidence may never decide alone."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from config.reading import ConfigModel, read_config

POLICY_FILE = Path(__file__).parent / "policy.yaml"
LINK_FILES_POLICY_FILE = Path(__file__).parent / "policies" / "link_files.yaml"

Share = Annotated[float, Field(ge=0, le=1)]


class StewardshipPolicy(ConfigModel):
    """How stewards work, and which decisions need a second person."""

    lease_minutes: int = Field(default=20, ge=1, description="So long a claimed task is kept for who claimed it.")
    material_change_bits: float = Field(
        default=3.0,
        ge=0,
        description="A question that was decided comes back once its weight has moved by more than this.",
    )
    in_care_sources: tuple[str, ...] = Field(
        default=("cws_cms", "juvenile_court"),
        description="A person with a record of one of these sources is a child in care: such tasks come first.",
    )
    second_person_for_joins_in_care: Literal["both", "either", "never"] = Field(
        default="both",
        description="A join waits for a second person where so many of the two persons are children in care.",
    )
    second_person_from_split_records: int = Field(
        default=6, ge=2, description="A split waits for a second person where so many records or more leave."
    )


class SourceChurn(ConfigModel):
    """How much a relink may change of one source before it waits for a person. Shares of its records."""

    joined: Share = Field(default=0.05, description="Records whose person may become one with another.")
    split: Share = Field(default=0.05, description="Records that may leave their person, split off or moved.")
    retired: Share = Field(default=0.05, description="Records whose person may lose its id, for whatever reason.")


class ChurnBudget(ConfigModel):
    """How much a relink may change before it waits for a person. Shares of the persons there are."""

    joined: Share = Field(default=0.01, description="Persons whose id may retire into another's.")
    split: Share = Field(default=0.005, description="Persons that may lose a part to a new person.")
    retired: Share = Field(default=0.05, description="Ids that may retire for whatever reason.")
    of_a_source: SourceChurn = Field(
        default_factory=lambda: SourceChurn(),
        description="Of any one source: a small one does not change unseen.",
    )
    sources: Mapping[str, SourceChurn] = Field(
        default_factory=dict, description="Of a source by its id, where other shares are right for it."
    )


class LinkagePolicy(ConfigModel):
    """How sure the index must be before it acts. All thresholds are match weights in bits (log2 odds)."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]*$", description="The policy's name, kept with every decision made under it."
    )
    description: str = Field(min_length=1, description="What the policy is for.")
    link_threshold_bits: float = Field(
        description="Average weight from which two clusters are linked without a person's look."
    )
    link_error_aim: float = Field(
        gt=0,
        lt=1,
        description="Largest share of false links aimed at, at the threshold itself; 0.0001 is one in 10,000.",
    )
    review_threshold_bits: float = Field(
        description="Average weight from which two clusters are shown to a steward; below it they are kept apart."
    )
    certain_error_aim: float = Field(
        default=0.00025,
        gt=0,
        lt=1,
        description="Largest chance that the person answered to a question as certain is another. A question is one "
        "record's word where a person has many, so it takes more than a link.",
    )
    component_threshold_bits: float = Field(
        default=0.0, description="Weight of a pair from which its two records are looked at together as one component."
    )
    max_component_records: int = Field(
        default=200,
        ge=2,
        description="Component size beyond which it is reported and cut at ever higher thresholds until it fits.",
    )
    max_block_records: int = Field(
        default=500,
        ge=2,
        description="Records sharing a blocking key beyond which the key makes no candidates and is reported.",
    )
    hard_block_records: int = Field(
        default=2000,
        ge=2,
        description="Records sharing a blocking key beyond which the key makes no candidates between two relinks; a "
        "relink pins the keys above max_block_records.",
    )
    max_pairs_per_record: float = Field(
        default=100.0,
        gt=0,
        description="Pairs for each record, on average, beyond which a blocking rule is refused before a relink runs; "
        "fewer than a million pairs never are.",
    )
    max_live_records: int = Field(
        default=400,
        ge=2,
        description="Records that one arriving record may set in motion; beyond it they wait for the next relink.",
    )
    number_alone_never_links: bool = Field(
        default=True,
        description="Whether an agreeing SSN or CIN needs something else to agree before it may link.",
    )
    number_of_a_relative_needs_review: bool = Field(
        default=True,
        description="Whether an agreeing number needs the first name or the birth date to agree too; a parent's number "
        "on a child's record otherwise makes one person of both.",
    )
    contradiction_needs_review: bool = Field(
        default=True,
        description="Whether a strong contradiction at agreement of birth date and household goes to review at best, "
        "whatever the weight: another first name, birth order or verified identifier, as twins and siblings have; or "
        "birth dates that have nothing in common, as parent and child have.",
    )
    family_alone_never_links: bool = Field(
        default=True,
        description="Whether a record without a first name needs a number or the exact birth date to agree before it "
        "may link: a surname, a mother and an address are a brother's too.",
    )
    contested_needs_review: bool = Field(
        default=True,
        description="Whether a record that two persons claim, of whom neither is ahead by link_threshold_bits, stays "
        "apart for a steward to say whose it is; what siblings and twins are most often mistaken by.",
    )
    max_share_of_persons_changed: Share = Field(
        default=0.01, description="Share of persons a relink may change before it waits to be accepted by hand."
    )
    churn: ChurnBudget = Field(
        default_factory=lambda: ChurnBudget(),
        description="How much a relink may change of each kind before it waits to be accepted by hand.",
    )
    split_review_bits: float = Field(
        default=6.0,
        description="Average weight across the weakest cut of a person below which a steward is asked to split it.",
    )
    stewardship: StewardshipPolicy = Field(
        default_factory=lambda: StewardshipPolicy(),
        description="How stewards work: leases, when a question comes back, and what needs a second person.",
    )

    @property
    def sha256(self) -> str:
        """Digest of all that it says, in hexadecimal."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @model_validator(mode="after")
    def _thresholds_stand_in_order(self) -> Self:
        if self.review_threshold_bits > self.link_threshold_bits:
            raise ValueError("review_threshold_bits is above link_threshold_bits; review is the outcome below link")
        if self.component_threshold_bits > self.link_threshold_bits:
            raise ValueError(
                "component_threshold_bits is above link_threshold_bits; pairs that link would not be looked at"
            )
        if self.hard_block_records < self.max_block_records:
            raise ValueError("hard_block_records is below max_block_records; a key would be cut before it is pinned")
        if self.link_threshold_bits < threshold_for(self.link_error_aim) - _ROUNDING_BITS:
            raise ValueError(
                f"link_threshold_bits misses link_error_aim, which takes {threshold_for(self.link_error_aim):.2f} bits"
            )
        return self


_ROUNDING_BITS = 0.05  # a threshold is written with one decimal


def threshold_for(error_aim: float) -> float:
    """The weight in bits at which the share of false links is `error_aim`: log2 of the odds against it."""
    return math.log2((1 - error_aim) / error_aim)


def load_policy(path: Path | None = None) -> LinkagePolicy:
    """Read a linkage policy, the service's own by default.

    Raises:
        ConfigError: the file cannot be used; the error names file and key.
    """
    return read_config(path or POLICY_FILE, LinkagePolicy)
