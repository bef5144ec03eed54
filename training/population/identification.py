"""The numbers on a record: SSN, CIN, the source's own id, and ids that one source quotes from another."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from training.population import faults
from training.population.columns import (
    Days,
    Floats,
    Ints,
    Texts,
    filled,
    nothing,
    texts,
    where,
)
from training.population.holdings import Rows, World
from training.population.numbers import STAFF_CODES, STAFF_PER_CHUNK, cws_cms_ids
from training.population.parameters import PopulationParameters
from training.population.people import CAREGIVER, DAYS_PER_YEAR
from training.population.places import HOME_COUNTY

_CLAIMS_ON_MOTHER_DAYS = 60


def _ssn_missing_share(age_days: Ints, p: PopulationParameters) -> Floats:
    """How many records of an age have no SSN, among people who have one; the never issued are taken off."""
    age = age_days / DAYS_PER_YEAR
    share = np.interp(age, [0.999, 1.0, 6.0], [p.ssn_missing_infant, 0.55 * p.ssn_missing_infant, p.ssn_missing_older])
    result: Floats = np.clip((share - p.ssn_never_issued) / (1 - p.ssn_never_issued), 0, 1)
    return result


def ssns(rng: np.random.Generator, world: World, rows: Rows) -> Texts:
    people, p, who = world.people, world.parameters, rows.person
    missing = rng.random(len(rows)) < _ssn_missing_share(rows.day - people.birth_day[who], p)
    own = where(missing, None, people.ssn[who])
    new_after_adoption = people.adopted[who] & (people.renamed_day[who] <= rows.day)
    own = where(new_after_adoption & ((who * 2654435761) % 1000 >= p.adoption_keeps_ssn * 1000), None, own)
    mother = people.mother[who]
    neighbour = np.minimum(who + 1, len(people) - 1)
    sibling = np.where(people.household[neighbour] == people.household[who], neighbour, mother)
    relative = np.where(rng.random(len(rows)) < 0.6, mother, sibling)
    wrong = (rng.random(len(rows)) < p.ssn_of_relative) & (relative >= 0) & filled(own)
    written = where(wrong, people.ssn[relative], own)
    written = faults.mistype_digits(rng, written, p.ssn_typo, among=9)
    dummy = ~filled(written) & (rng.random(len(rows)) < p.ssn_dummy)
    return where(dummy, faults.dummies(rng, len(rows)), written)


def cins(rng: np.random.Generator, world: World, rows: Rows) -> Texts:
    """The CIN: the older one before an adoption, and where another source still quotes it."""
    people, p, who = world.people, world.parameters, rows.person
    older = people.older_cin[who]
    before = (rows.day < people.renamed_day[who]) | (rng.random(len(rows)) < p.frozen_cin_quoted)
    cin = where(filled(older) & before, older, people.cin[who])
    return faults.mistype_digits(rng, cin, p.cin_typo, among=8)


Identify = Callable[[np.random.Generator, World, Rows, dict[str, Texts]], None]


def _quote(rng: np.random.Generator, world: World, rows: Rows, kind: str, share: float) -> Texts:
    quoted = where(rng.random(len(rows)) < share, world.quoted[kind][rows.person], None)
    keep = rng.random(len(rows)) >= world.parameters.quoted_identifier_typo
    # A slip takes the id of the next person, as when a line is misread.
    other = world.quoted[kind][np.minimum(rows.person + 1, len(world.people) - 1)]
    return where(keep | ~filled(quoted), quoted, other)


def _remember(world: World, rows: Rows, kind: str, ids: Texts) -> None:
    column = nothing(len(world.people))
    first = rows.nth == 0
    column[rows.person[first]] = ids[first]
    world.quoted[kind] = column


def _county(rng: np.random.Generator, world: World, rows: Rows) -> Texts:
    """The responsible county: that of the first address, another for some second records."""
    unit = np.maximum(world.life.unit[rows.person], 0)
    county = world.places.county[world.life.first_place[unit]]
    elsewhere = (rows.nth > 0) & (rng.random(len(rows)) < 0.4)
    return where(elsewhere, where(np.equal(county, HOME_COUNTY), "36", HOME_COUNTY), county)


def _family_key(world: World, rows: Rows) -> Ints:
    """Whose case a record belongs to: the family's; a caregiver's own; an adopted child's new one."""
    people, who = world.people, rows.person
    families = world.life.families
    key = np.where(people.household[who] >= 0, people.household[who], families + np.maximum(people.home[who], 0))
    own = families + world.life.homes + who
    adopted = people.adopted[who] & (people.renamed_day[who] <= rows.day)
    return np.where(adopted, own, key)


def _cases(rows: Rows, key: Ints, make: Callable[[int], Texts]) -> Texts:
    """One case number per key; a person's second record is in a case of its own."""
    separate = np.where(rows.nth > 0, key.max(initial=0) + 1 + np.arange(len(rows)), key)
    distinct, which = np.unique(separate, return_inverse=True)
    return make(len(distinct))[which]


def _identify_cws_cms(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """Clients of a family are entered in one sitting by one worker, some minutes apart."""
    people, life, who = world.people, world.life, rows.person
    made = np.where(rows.nth == 0, np.minimum(life.contact_day[who], rows.day), rows.day)
    made = np.where(people.role[who] == CAREGIVER, rows.day, made)
    sitting = np.where(rows.nth == 0, _raw_family(world, who), life.families + life.homes + np.arange(len(rows)))
    sittings = int(sitting.max(initial=0)) + 1
    staff = (world.chunk * STAFF_PER_CHUNK + rng.integers(0, STAFF_PER_CHUNK, sittings)[sitting]) % STAFF_CODES
    begun = rng.integers(8 * 360000, 17 * 360000, sittings)[sitting]
    columns["source_record_id"] = _distinct_keys(made, begun, staff, rng.integers(1500, 9000, len(rows)), sitting)
    _remember(world, rows, "cws_cms_client_id", columns["source_record_id"])
    _, at, which = np.unique(_family_key(world, rows), return_index=True, return_inverse=True)
    cases = cws_cms_ids(made[at], begun[at] + 500 + np.arange(len(at)) % 97, (staff[at] + 7) % STAFF_CODES)
    columns["case_id"] = where(filled(columns["case_id"]), cases[which], None)


def _raw_family(world: World, who: Ints) -> Ints:
    people = world.people
    return np.where(
        people.household[who] >= 0, people.household[who], world.life.families + np.maximum(people.home[who], 0)
    )


def _distinct_keys(made: Days, begun: Ints, staff: Ints, pause: Ints, sitting: Ints) -> Texts:
    order = np.argsort(sitting, kind="stable")
    total = np.cumsum(pause[order])
    first = np.unique(sitting[order], return_index=True)[1]
    base = np.repeat(total[first], np.diff(np.append(first, len(order))))
    offset = np.empty(len(order), dtype=np.int64)
    offset[order] = total - base
    ids = cws_cms_ids(made, begun + offset, staff)
    # Two sittings of one worker at the same hundredth of a second: next to impossible, and mended all the same.
    while True:
        unique, counts = np.unique(ids.astype(str), return_counts=True)
        if len(unique) == len(ids):
            return ids
        again = np.isin(ids.astype(str), unique[counts > 1])
        offset[again] += np.arange(1, int(again.sum()) + 1)
        ids = cws_cms_ids(made, begun + offset, staff)


def _identify_meds(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """One key per record; a duplicate has a CIN of its own, frozen later; pseudo numbers for want of an SSN."""
    p, people, who = world.parameters, world.people, rows.person
    columns["source_record_id"] = "C" + world.numbers.registry_ids(len(rows))
    second = np.flatnonzero((rows.nth > 0) & ~filled(people.older_cin[who]))
    own = world.numbers.cins(len(second))
    people.older_cin[who[second]] = own
    columns["cin"][second] = own
    young = rows.day - people.birth_day[who] < DAYS_PER_YEAR
    share = np.where(young, p.pseudo_number_of_infants, p.pseudo_number_later)
    # The share is of all records of the age; only those without a number can have a made-up one.
    without = ~filled(columns["ssn"])
    chance = np.where(young, share / max(float(without[young].mean()) if young.any() else 1.0, 1e-9), share)
    pseudo = without & (rng.random(len(rows)) < chance)
    column = nothing(len(rows))
    column[pseudo] = world.numbers.pseudo_numbers(int(pseudo.sum()))
    columns["identifier.meds_id"] = column
    _aid_cases(rng, world, rows, columns)


def _aid_cases(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """MEDS and CalSAWS quote the same case of a family."""
    if "aid_case" not in world.quoted:
        keys = world.life.families + world.life.homes + len(world.people)
        world.quoted["aid_case"] = world.numbers.aid_cases(keys)
    shared = world.quoted["aid_case"][_family_key(world, rows)]
    case = where(rows.nth > 0, world.numbers.aid_cases(len(rows)), shared)
    known = filled(columns["case_id"])
    columns["case_id"] = where(known, _county(rng, world, rows) + ":" + case, None)


def _identify_calsaws(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    columns["source_record_id"] = world.numbers.registry_ids(len(rows))
    _aid_cases(rng, world, rows, columns)


def _identify_medi_cal_rx(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """Claims; a newborn's may stand on the mother's CIN in the month of birth and the next."""
    columns["source_record_id"] = world.numbers.claims(len(rows))
    people, who = world.people, rows.person
    newborn = (rows.day - people.birth_day[who] < _CLAIMS_ON_MOTHER_DAYS) & (people.mother[who] >= 0)
    mothers = newborn & (rng.random(len(rows)) < world.parameters.mothers_cin_on_newborn_claim)
    columns["cin"] = where(mothers, people.cin[people.mother[who]], columns["cin"])


def _identify_csi(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    ids = _county(rng, world, rows) + ":" + world.numbers.county_client_numbers(len(rows))
    columns["source_record_id"] = ids


def _identify_juvenile_court(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """Siblings share a number and differ by letter; a later petition has a new number."""
    petition = np.where(rows.nth == 0, world.people.household[rows.person], world.life.families + np.arange(len(rows)))
    distinct, first, which = np.unique(petition, return_index=True, return_inverse=True)
    filed = np.minimum(world.life.removal_day[rows.person], rows.day)[first]
    number = world.numbers.court_numbers(filed)[which]
    order = np.argsort(petition, kind="stable")
    begins = np.searchsorted(petition[order], distinct)
    letter = np.empty(len(rows), dtype=np.int64)
    letter[order] = np.arange(len(rows)) - np.repeat(begins, np.diff(np.append(begins, len(rows))))
    suffix = texts(list("ABCDEFGHIJ"))[letter]
    columns["source_record_id"] = HOME_COUNTY + ":" + number + suffix
    bare = rng.random(len(rows)) < 0.1
    columns["identifier.court_number"] = HOME_COUNTY + ":" + number + where(bare, "", suffix)
    columns["case_id"] = where(filled(columns["case_id"]), HOME_COUNTY + ":" + number, None)
    _remember(world, rows, "court_number", columns["source_record_id"])


def _identify_calpads(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    """Schools were told the foster client id of some children in care."""
    columns["source_record_id"] = world.numbers.student_ids(len(rows))
    told = _quote(rng, world, rows, "cws_cms_client_id", 0.45)
    columns["identifier.cws_cms_client_id"] = where(world.life.removal_day[rows.person] <= rows.day, told, None)


def _identify_ccsas(_: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    columns["source_record_id"] = world.numbers.participants(len(rows))
    case = _cases(rows, _family_key(world, rows), world.numbers.support_cases)
    columns["case_id"] = where(filled(columns["case_id"]), case, None)


def _identify_cair2(_: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    columns["source_record_id"] = world.numbers.registry_ids(len(rows))


def _identify_dds(_: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    columns["source_record_id"] = world.numbers.regional_center_ids(len(rows))


def _identify_probation(rng: np.random.Generator, world: World, rows: Rows, columns: dict[str, Texts]) -> None:
    county = _county(rng, world, rows)
    columns["source_record_id"] = county + ":" + world.numbers.probation_numbers(len(rows))
    columns["identifier.cws_cms_client_id"] = _quote(rng, world, rows, "cws_cms_client_id", 0.3)
    columns["identifier.court_number"] = _quote(rng, world, rows, "court_number", 0.3)


IDENTIFY: Mapping[str, Identify] = {
    "cws_cms": _identify_cws_cms,
    "meds": _identify_meds,
    "calsaws": _identify_calsaws,
    "medi_cal_rx": _identify_medi_cal_rx,
    "csi": _identify_csi,
    "juvenile_court": _identify_juvenile_court,
    "calpads": _identify_calpads,
    "ccsas": _identify_ccsas,
    "cair2": _identify_cair2,
    "dds": _identify_dds,
    "probation": _identify_probation,
}
