"""Every rate of the synthetic population, by name, with where the figure comes from.

A comment names the source of a figure: a published count, or "judgement" where nothing was found and a plausible value
was chosen. The figures describe children known to child welfare in California, not children at large.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

GROUPS = ("hispanic", "white", "black", "vietnamese", "hmong", "chinese", "other")
"""Name cultures: they decide surnames, given names and the faults that befall them."""

SOURCES = (
    "cws_cms",
    "meds",
    "calsaws",
    "medi_cal_rx",
    "csi",
    "juvenile_court",
    "calpads",
    "ccsas",
    "cair2",
    "dds",
    "probation",
)
"""The eleven source systems, by their ids."""


@dataclass(frozen=True, slots=True)
class PopulationParameters:
    """The rates of a population. All shares are between 0 and 1."""

    as_of: date = date(2025, 6, 30)  # the day on which all extracts are drawn

    # --- families -------------------------------------------------------------------------------------------------
    # Children by number of children in their household: 65 % have a sibling. 66 % of California's foster children had
    # one in care on 1 April 2006 (52,191 of 78,960); how the rest divides over family sizes is judgement.
    children_by_family_size: tuple[float, ...] = (0.35, 0.29, 0.19, 0.10, 0.07)
    twin_share: float = 0.035  # of children; 31.2 twin births per 1,000 births (2021); oversample for tests
    triplet_share: float = 0.0015  # of children; 0.13 % of newborns are of higher order
    twin_same_sex_share: float = 0.65  # judgement: a third identical, half of the others
    twin_similar_name_share: float = 0.35  # judgement: the other's name begins with the same letter
    infant_family_share: float = 0.12  # of families whose youngest is under one; oversampled on purpose, judgement
    oldest_age_years: float = 20.9  # young people stay in extended foster care until 21
    half_sibling_share: float = 0.25  # of younger siblings, with another father; judgement
    group_shares: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(  # judgement: Asian groups above their share, to be measurable
            {
                "hispanic": 0.50,
                "white": 0.20,
                "black": 0.18,
                "vietnamese": 0.03,
                "hmong": 0.03,
                "chinese": 0.025,
                "other": 0.035,
            }
        )
    )
    mixed_parents_share: float = 0.12  # father of another group; judgement
    adults_per_placement_home: float = 4.0  # children in care per resource family; judgement

    # --- names ----------------------------------------------------------------------------------------------------
    surname_outside_group: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType(  # drawn from all surnames instead; judgement
            {
                "hispanic": 0.05,
                "white": 0.08,
                "black": 0.35,
                "vietnamese": 0.04,
                "hmong": 0.03,
                "chinese": 0.05,
                "other": 0.6,
            }
        )
    )
    traditional_given_share: float = 0.45  # of Vietnamese, Hmong and Chinese children; judgement
    respelled_given_share: float = 0.05  # given names spelled as nobody else does, the long tail; judgement
    middle_name_share: float = 0.75  # judgement
    two_surname_share: float = 0.45  # of Hispanic children, father's and mother's surname; judgement
    compound_given_share: float = 0.10  # of Hispanic children: "Maria Guadalupe"; judgement
    father_surname_share: float = 0.62  # of children with one surname; the others bear the mother's; judgement
    named_after_father_share: float = 0.05  # of sons: the father's name and "Jr"; judgement
    surname_varies: float = 0.15  # of persons: a second surname in use across systems; domain default, judgement
    two_surnames_vary: float = 0.40  # of two-surname children; domain default, judgement
    second_surname_used: float = 0.45  # of the records of a person whose surname varies; judgement
    mother_marries_share: float = 0.3  # mothers who change their surname while known; judgement
    chosen_name_share: float = 0.008  # of youth from 13 on, new given name and gender code; judgement

    # --- life -----------------------------------------------------------------------------------------------------
    household_moves_per_year: float = 0.35  # judgement: poor families move more than one in ten a year
    placement_moves_per_year: float = 1.45  # 3.5-4.5 moves per 1,000 days in care
    removed_share: float = 0.62  # of households with a child removed; judgement
    sibling_also_removed: float = 0.9  # of the children of such a household; judgement
    years_in_care: float = 1.9  # mean; judgement
    siblings_placed_together: float = 0.57  # 46 % with all, 68 % with all or some
    group_home_share: float = 0.22  # of placements from age ten on; judgement
    children_per_group_home: float = 600.0  # children of the population per group home; judgement
    adoption_share_of_exits: float = 0.08  # of children who left care; domain default
    adopted_given_name_share: float = 0.25  # of adopted children, a new first name; judgement
    adoption_keeps_ssn: float = 0.95  # "usually unchanged" (Santa Clara county handbook); the figure is judgement
    out_of_county_share: float = 0.15  # households and placements in neighbouring counties; judgement

    # --- Social Security numbers ----------------------------------------------------------------------------------
    ssn_never_issued: float = 0.05  # of persons, no number at all; judgement
    # Records without an SSN in sources that ask for one: 80 % under one year, 25 % from six on, falling evenly
    # between; about 35 % overall (38 % in Illinois' Cornerstone).
    ssn_missing_infant: float = 0.80
    ssn_missing_older: float = 0.25
    ssn_of_relative: float = 0.01  # of records with an SSN: the mother's or a sibling's; domain default, judgement
    ssn_dummy: float = 0.004  # of records without one: 999999999 and its like; judgement
    ssn_typo: float = 0.012  # one digit wrong or two swapped; judgement
    twins_consecutive_ssn: float = 0.5  # twins whose numbers were issued one after the other; judgement
    pseudo_number_of_infants: float = 0.15  # MEDS records under one with a pseudo number; domain default
    pseudo_number_later: float = 0.05  # the same from one on, where no SSN is there; judgement

    # --- CIN and other identifiers --------------------------------------------------------------------------------
    cin_typo: float = 0.004  # judgement
    frozen_cin_quoted: float = 0.3  # other sources that quote the older of a person's two CINs; judgement
    mothers_cin_on_newborn_claim: float = 0.55  # claims for the birth month and the next; judgement
    quoted_identifier_typo: float = 0.005  # judgement

    # --- names on records -----------------------------------------------------------------------------------------
    baby_name: float = 0.12  # of records made before the 30th day of life; domain default
    unknown_name: float = 0.003  # "Unknown" in place of a given name; judgement
    nickname: float = 0.06  # of records whose given name has one; tripled in schools, clinics, probation; judgement
    respelling: float = 0.05  # of records whose name has another spelling; judgement
    transliteration: float = 0.10  # the same for Vietnamese, Hmong, Chinese names; judgement
    alias: float = 0.20  # of child welfare records, an also-known-as; domain default
    typo: float = 0.022  # of each name on a record, one key wrong; judgement
    order_swapped: float = 0.004  # given name and surname exchanged; judgement
    order_swapped_asian: float = 0.06  # the same for Vietnamese, Hmong, Chinese names; judgement
    middle_joined_to_first: float = 0.015  # judgement
    middle_used_as_first: float = 0.01  # judgement
    caregivers_surname: float = 0.01  # of records in care: the child under the caregiver's surname; judgement
    caregiver_as_mother: float = 0.02  # of records in care; judgement
    suffix_kept: float = 0.5  # "Jr" written at all; judgement

    # --- birth date, sex ------------------------------------------------------------------------------------------
    birth_day_month_swapped: float = 0.008  # of all records; domain default
    birth_off_by_one_field: float = 0.015  # domain default
    birth_estimated: float = 0.02  # 1 January or otherwise guessed; domain default
    born_first_january: float = 0.02  # of Hmong and other families: the official date; 14 % of refugees of FY 2009
    birth_partial: float = 0.002  # year or month only; judgement
    birth_missing: float = 0.004  # judgement
    sex_wrong: float = 0.004  # judgement
    sex_missing: float = 0.012  # judgement

    # --- address, telephone ---------------------------------------------------------------------------------------
    address_stale: float = 0.12  # of records, an address before the last; judgement
    address_typo: float = 0.03  # judgement
    address_unit_lost: float = 0.2  # of addresses with a unit; judgement
    office_address: float = 0.008  # the county office instead of a home; judgement
    substitute_address: float = 0.003  # Safe at Home's post office box; judgement
    post_office_box: float = 0.015  # of homes; judgement
    phone_typo: float = 0.01  # judgement
    phone_other: float = 0.12  # somebody else's: a relative, a worker; judgement

    # --- duplicates -----------------------------------------------------------------------------------------------
    duplicate_factor: float = 1.0  # multiplies every source's share of persons with a second record
