"""Records that come one by one after the demo's relink: five families with the cases that stewards learn from.

All are invented. None has a social security number: whatever could be somebody's is left out. With a model that was
fitted to very few people, the bridge ties too weakly to make one person, and stewards are asked whether it should.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from config.nights import load_nights
from config.pmap import load_pmap
from config.policy import load_policy
from config.sources import load_sources
from index_service.court_days import add_court_days
from index_service.ingesting import Write, ingest
from index_service.sentinel import watch
from index_service.store.arrivals import Arrival
from index_service.store.connection import Connection
from index_service.store.stewardship import Filter, Task, note_court_question, records_by_key, tasks
from linkage.model import Model
from linkage.normalise import normalise
from linkage.record import CanonicalValue, RecordKey, SourceRecord

Fields = Mapping[str, CanonicalValue]


@dataclass(frozen=True, slots=True)
class Case:
    """A family that arrives.

    Attributes:
        title: what makes it hard.
        arrivals: source, id there and fields, in the order of arrival; an id that comes twice is a new version.
        about: the record that the steward's question names.
    """

    title: str
    arrivals: tuple[tuple[str, str, Fields], ...]
    about: RecordKey


def _fields(of: Fields | None = None, **more: CanonicalValue) -> Fields:
    return MappingProxyType({**(of or {}), **more})


_SAMPLETON = _fields(
    last_name="Sampleton",
    birth_date="2014-03-02",
    sex="female",
    multiple_birth="true",
    mother_first_name="Ines",
    mother_last_name="Sampleton",
    address_line="27 Imaginary Ave",
    city="Sacramento",
    zip="95825",
    phone="916-555-0188",
    record_date="2025-02-03",
)
_ANNIKA = _fields(_SAMPLETON, first_name="Annika", cin="90000011A")
_ODETTE = _fields(_SAMPLETON, first_name="Odette", cin="90000012B")

_PROBEHOF = _fields(
    last_name="Probehof",
    birth_date="2012-07-19",
    sex="male",
    multiple_birth="true",
    mother_first_name="Greta",
    mother_last_name="Probehof",
    address_line="31 Invented Ave",
    city="Stockton",
    zip="95202",
    record_date="2025-01-12",
)
_LORENZ = _fields(_PROBEHOF, first_name="Lorenz", cin="90000021C")
_TIMOTHY = _fields(_PROBEHOF, first_name="Timothy")

_BEFORE = _fields(
    first_name="Jonah",
    last_name="Musterkind",
    birth_date="2011-10-06",
    sex="male",
    mother_first_name="Dana",
    mother_last_name="Musterkind",
    address_line="4 Sample Ct",
    city="Carmichael",
    zip="95608",
    record_date="2019-04-02",
)
_AFTER = _fields(
    first_name="Jonah",
    last_name="Bergstrom",
    birth_date="2011-10-06",
    sex="male",
    mother_first_name="Solveig",
    mother_last_name="Bergstrom",
    address_line="7 Fictional Way",
    city="San Francisco",
    zip="94117",
    record_date="2025-06-11",
)

_HELENA = _fields(
    first_name="Helena",
    middle_name="Noor",
    last_name="Mustermann",
    birth_date="2011-05-23",
    sex="female",
    cin="90000031D",
    mother_first_name="Ruth",
    mother_last_name="Mustermann",
    address_line="88 Nowhere Rd",
    city="Fresno",
    zip="93701",
    record_date="2025-02-01",
)
_WRITTEN_OVER = _fields(_HELENA, first_name="Caspar", sex="male", birth_date="2011-05-28", record_date="2025-06-20")

_VIOLA = _fields(
    first_name="Viola",
    middle_name="Ann",
    last_name="Beispiel",
    birth_date="2013-01-17",
    sex="female",
    cin="90000041E",
    address_line="5 Model Ln",
    city="Modesto",
    zip="95350",
    record_date="2025-01-07",
)
_OTHER_VIOLA = _fields(
    first_name="Viola",
    middle_name="Jo",
    last_name="Ejemplo",
    birth_date="2013-01-17",
    sex="female",
    mother_first_name="Consuelo",
    mother_last_name="Ejemplo",
    address_line="610 Pattern St",
    city="Merced",
    zip="95340",
    phone="209-555-0187",
    email="consuelo@example.org",
    record_date="2025-01-09",
)
_BRIDGE = _fields(_OTHER_VIOLA, middle_name="", cin="90000041E", record_date="2025-03-01")

CASES = (
    Case(
        "a newborn without a name, who may be either of two twins",
        (
            ("calsaws", "demo-newborn-1", _ANNIKA),
            ("meds", "demo-newborn-2", _ANNIKA),
            ("calsaws", "demo-newborn-3", _ODETTE),
            ("meds", "demo-newborn-4", _ODETTE),
            ("cair2", "demo-newborn-5", _fields(_SAMPLETON, first_name="Baby Girl", record_date="2014-03-04")),
        ),
        ("cair2", "demo-newborn-5"),
    ),
    Case(
        "twins, one of them with the other’s number",
        (
            ("meds", "demo-twins-1", _LORENZ),
            ("calsaws", "demo-twins-2", _LORENZ),
            ("calpads", "demo-twins-3", _TIMOTHY),
            ("csi", "demo-twins-4", _fields(_TIMOTHY, cin="90000021C")),
        ),
        ("calpads", "demo-twins-3"),
    ),
    Case(
        "a child before and after the adoption",
        (
            ("cws_cms", "demo-adopted-1", _BEFORE),
            ("calsaws", "demo-adopted-2", _BEFORE),
            ("cair2", "demo-adopted-3", _AFTER),
        ),
        ("cair2", "demo-adopted-3"),
    ),
    Case(
        "an overlay: another child’s data written over a record",
        (
            ("meds", "demo-overlay-1", _HELENA),
            ("calpads", "demo-overlay-2", _HELENA),
            ("csi", "demo-overlay-3", _HELENA),
            ("csi", "demo-overlay-3", _WRITTEN_OVER),
        ),
        ("csi", "demo-overlay-3"),
    ),
    Case(
        "a bridge: one record that ties two children together",
        (
            ("meds", "demo-bridge-1", _VIOLA),
            ("calsaws", "demo-bridge-2", _VIOLA),
            ("calpads", "demo-bridge-3", _OTHER_VIOLA),
            ("csi", "demo-bridge-4", _OTHER_VIOLA),
            ("juvenile_court", "demo-bridge-5", _BRIDGE),
        ),
        ("calpads", "demo-bridge-3"),
    ),
)


WAITS_FOR_A_COURT = CASES[0].about


def let_arrive(conn: Connection) -> int:
    """Write all records as a client would over the API, each linked as it comes; returns how many."""
    count = 0
    for case in CASES:
        for source, record_id, fields in case.arrivals:
            record = SourceRecord(source, record_id, fields)
            ingest(conn, [Write(Arrival.of(record, normalise(record)[0]))])
            count += 1
    return count


def let_a_court_wait(conn: Connection, today: date) -> None:
    """An application to the court waits for the newborn's question: it stands first in the queue, with its day."""
    clock = load_pmap().clocks["application"]
    due_on = add_court_days(today, clock.court_days)
    note_court_question(conn, WAITS_FOR_A_COURT, matter=clock.matter, due_on=due_on, who="demo")


def keep_watch(conn: Connection, model: Model) -> None:
    """The sentinel's pass, as after each night: persons that look like several become questions too."""
    watch(conn, model, load_policy(), load_nights().sentinel, load_sources())


def questions(conn: Connection) -> list[tuple[Case, Task]]:
    """The open question of each case; none of a case about which nobody is asked."""
    return [(case, task) for case in CASES for task in _about(conn, case.about)[:1]]


def _about(conn: Connection, record: RecordKey) -> list[Task]:
    persons = [named.person_id for named in records_by_key(conn, [record])]
    return [task for person in persons if person for task in tasks(conn, Filter(person_id=person))]
