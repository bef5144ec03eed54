"""What the workbench's pages read of persons, records, runs and models; and that somebody looked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from psycopg import sql
from psycopg.rows import class_row

from index_service.store.connection import Connection
from index_service.store.ledger import WORKBENCH
from index_service.store.lookup import IdentityEvent, PastMember
from index_service.store.neighbourhood import normalised_of
from index_service.store.numbers import opened_values
from index_service.store.statements import statements
from index_service.store.within import EVERYTHING, NOTHING_HIDDEN
from linkage.record import COLUMNS, CanonicalValue, NormalisedRecord, PersonId, RecordKey

LookedAt = Literal["person", "history", "record", "numbers", "search", "task"]
WORKBENCH_PURPOSE = "RECORDMGT"
"""What people look for in the workbench: to keep records in order (records management)."""
RELINKS = ("full", "changed", "undo")

_sql = statements("workbench")
_lookup = statements("lookup")
_by_keys = sql.SQL(statements("normalised")["by_keys"]).format(
    columns=sql.SQL(", ").join(sql.Identifier("n", name) for name in COLUMNS),
    hides_place=NOTHING_HIDDEN,
    may_be_found=EVERYTHING,
)
_LAST = 2**62
_NEVER_ENDING = "infinity"


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """A record of a person: what its source said, since when and why it belongs there."""

    person_id: PersonId
    record_id: int
    source: str
    source_record_id: str
    withdrawn: bool
    version: int
    source_values: Mapping[str, CanonicalValue]
    recorded_at: datetime
    from_at: datetime
    probability: float | None
    reason: str
    run_id: int

    @property
    def key(self) -> RecordKey:
        return (self.source, self.source_record_id)


@dataclass(frozen=True, slots=True)
class RecordHead:
    """A record, and whom it belongs to now; nobody while it is withdrawn or was not linked yet."""

    record_id: int
    source: str
    source_record_id: str
    current_version: int
    withdrawn: bool
    record_date: str | None
    person_id: PersonId | None


@dataclass(frozen=True, slots=True)
class Version:
    """What a source said of a record at one time; `file_name` is empty for what came over the API."""

    version: int
    source_values: Mapping[str, CanonicalValue]
    deleted: bool
    recorded_at: datetime
    file_name: str | None


@dataclass(frozen=True, slots=True)
class RecordMembership:
    """That a record belonged to a person for a time; `to_at` None: it still does."""

    person_id: PersonId
    from_at: datetime
    to_at: datetime | None
    probability: float | None
    reason: str
    run_id: int


@dataclass(frozen=True, slots=True)
class Life:
    """An id from its first day on."""

    person_id: PersonId
    created_at: datetime
    retired_at: datetime | None
    forwards_to: PersonId | None


@dataclass(frozen=True, slots=True)
class FormerId:
    """An id for which a person answers."""

    person_id: PersonId
    retired_at: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One linking."""

    run_id: int
    kind: str
    status: str
    model_fingerprint: str | None
    policy: Mapping[str, Any]
    counts: Mapping[str, Any]
    timings: Mapping[str, float]
    started_at: datetime
    finished_at: datetime | None
    decided_by: str | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Examples:
    """Changes of one kind that a run published: how many, and the first few."""

    kind: str
    total: int
    events: tuple[IdentityEvent, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """That somebody looked at a person."""

    at: datetime
    at_what: LookedAt
    display_name: str


@dataclass(frozen=True, slots=True)
class DecisionsAtWeight:
    """Decisions about questions of a weight, from `bits` to two more; `expected`: share of one person by the model."""

    bits: int
    expected: float
    one_person: int
    decisions: int


@dataclass(frozen=True, slots=True)
class AddressSaid:
    """An address as a version of a record names it; `day`: YYYY-MM-DD or shorter."""

    record_id: int
    day: str
    address_line: str | None
    city: str | None
    state: str | None
    zip: str | None


@dataclass(frozen=True, slots=True)
class Follower:
    """A client that may learn of events about some sources; `only_if_on_file`: by a consent, order or relationship."""

    client_id: str
    name: str
    only_if_on_file: bool
    is_posted: bool


def records_of_persons(conn: Connection, persons: Collection[str], at: datetime | None = None) -> list[PersonRecord]:
    """The records of persons, now or at a past time, person by person."""
    cursor = conn.cursor(row_factory=class_row(PersonRecord))
    found = cursor.execute(_sql["records_of_persons"], {"persons": list(persons), "at": at or _NEVER_ENDING}).fetchall()
    return [replace(each, source_values=opened_values(each.source_values)) for each in found]


def as_it_was(conn: Connection, record: PersonRecord, version: int) -> PersonRecord:
    """A record of a person with what its source said in an earlier version."""
    row = conn.execute(_sql["version"], {"record_id": record.record_id, "version": version}).fetchone()
    if row is None:
        return record
    return replace(record, version=row[0], source_values=opened_values(row[1]), recorded_at=row[2])


def life(conn: Connection, person_id: str) -> Life | None:
    """The life of an id; None if it was never given out."""
    cursor = conn.cursor(row_factory=class_row(Life))
    return cursor.execute(_lookup["person_ever"], {"person_id": person_id}).fetchone()


def former_ids(conn: Connection, person_id: str) -> list[FormerId]:
    """The ids for which a person answers directly."""
    return conn.cursor(row_factory=class_row(FormerId)).execute(_sql["former_ids"], {"person_id": person_id}).fetchall()


def memberships_ever(conn: Connection, person_id: str) -> list[PastMember]:
    """Every record that ever belonged to an id."""
    cursor = conn.cursor(row_factory=class_row(PastMember))
    return cursor.execute(_lookup["memberships_ever"], {"person_id": person_id}).fetchall()


def events_of_person(conn: Connection, person_id: str) -> list[IdentityEvent]:
    """Every event in which an id has a part."""
    cursor = conn.cursor(row_factory=class_row(IdentityEvent))
    return cursor.execute(_lookup["events_of_person"], {"person_id": person_id}).fetchall()


def record_head(conn: Connection, source: str, source_record_id: str) -> RecordHead | None:
    """A record by its key; None if no such record ever came."""
    cursor = conn.cursor(row_factory=class_row(RecordHead))
    return cursor.execute(_sql["record"], {"source": source, "source_record_id": source_record_id}).fetchone()


def versions(conn: Connection, record_id: int, limit: int) -> list[Version]:
    """What a source said of a record, the newest first."""
    cursor = conn.cursor(row_factory=class_row(Version))
    found = cursor.execute(_sql["versions"], {"record_id": record_id, "limit": limit}).fetchall()
    return [replace(each, source_values=opened_values(each.source_values)) for each in found]


def addresses_of_records(conn: Connection, record_ids: Collection[int], zone: ZoneInfo) -> list[AddressSaid]:
    """Every address of some records, of earlier versions too, the oldest first."""
    cursor = conn.cursor(row_factory=class_row(AddressSaid))
    return cursor.execute(_sql["addresses_of_records"], {"record_ids": list(record_ids), "zone": zone.key}).fetchall()


def memberships_of_record(conn: Connection, record_id: int) -> list[RecordMembership]:
    """Whom a record belonged to, the newest first."""
    cursor = conn.cursor(row_factory=class_row(RecordMembership))
    return cursor.execute(_sql["memberships_of_record"], {"record_id": record_id}).fetchall()


def normalised_by_key(conn: Connection, keys: Collection[RecordKey]) -> dict[RecordKey, NormalisedRecord]:
    """The normalised records of some keys; what is unknown or withdrawn is not among them."""
    parameters = {"sources": [source for source, _ in keys], "ids": [record_id for _, record_id in keys]}
    rows = conn.execute(_by_keys, parameters).fetchall()
    return {record.key: record for record in (normalised_of(values) for _, *values in rows)}


def persons_beside(conn: Connection, persons: Collection[str]) -> list[PersonId]:
    """The other persons in the components of these, all of them."""
    rows = conn.execute(_sql["persons_beside"], {"persons": list(persons)})
    return [person_id for (person_id,) in rows]


def runs(conn: Connection, limit: int, *, before: int | None = None, kinds: Sequence[str] = RELINKS) -> list[Run]:
    """Runs, the newest first, from before a number on."""
    parameters = {"before": before or _LAST, "kinds": list(kinds), "limit": limit}
    return conn.cursor(row_factory=class_row(Run)).execute(_sql["runs"], parameters).fetchall()


def run(conn: Connection, run_id: int) -> Run | None:
    """One run."""
    return conn.cursor(row_factory=class_row(Run)).execute(_sql["run"], {"run_id": run_id}).fetchone()


def examples_of_run(conn: Connection, run_id: int, examples: int) -> list[Examples]:
    """What a run published, by kind, with the first few of each."""
    found: dict[str, tuple[int, list[IdentityEvent]]] = {}
    for kind, total, *event in conn.execute(_sql["examples_of_run"], {"run_id": run_id, "examples": examples}):
        seq, person_id, others, records, of_run, at = event
        found.setdefault(kind, (total, []))[1].append(IdentityEvent(seq, kind, person_id, others, records, of_run, at))
    return [Examples(kind, total, tuple(events)) for kind, (total, events) in found.items()]


def weights_of_run(conn: Connection, run_id: int) -> tuple[dict[int, int], int]:
    """Memberships that a run began, by weight in whole bits; and how many records are alone in their person."""
    counts: dict[int | None, int] = dict(conn.execute(_sql["weights_of_run"], {"run_id": run_id}).fetchall())
    alone = counts.pop(None, 0)
    return {bits: count for bits, count in counts.items() if bits is not None}, alone


def questions_of_run(conn: Connection, run_id: int) -> dict[int, int]:
    """Questions that a run asked first, by weight in whole bits."""
    return dict(conn.execute(_sql["questions_of_run"], {"run_id": run_id}).fetchall())


def models(conn: Connection, limit: int) -> list[tuple[str, bool, datetime]]:
    """Fingerprint, whether it is current, and since when it is kept; the newest first."""
    return [(f, is_current, at) for f, is_current, at in conn.execute(_sql["models"], {"limit": limit})]


def followers(conn: Connection, sources: Collection[str]) -> list[Follower]:
    """The clients that are told of changes to records of some sources, by the agreements in force."""
    cursor = conn.cursor(row_factory=class_row(Follower))
    return cursor.execute(_sql["followers"], {"sources": list(sources)}).fetchall()


def decisions_by_weight(conn: Connection) -> list[DecisionsAtWeight]:
    """How stewards decided questions of each weight, the heaviest first."""
    return conn.cursor(row_factory=class_row(DecisionsAtWeight)).execute(_sql["decisions_by_weight"]).fetchall()


@dataclass(frozen=True, slots=True)
class Looker:
    """Who looks, in which session. name: of the account, as the ledger keeps it."""

    account_id: int
    session_id: int
    name: str


def add_look(
    conn: Connection,
    who: Looker,
    at_what: LookedAt,
    *,
    person_id: str | None = None,
    record: RecordKey | None = None,
    task_id: int | None = None,
) -> None:
    """Enter that somebody looks, in the ledger too: at a person, a record, or what a task is about."""
    source, source_record_id = record or (None, None)
    parameters = {
        "account_id": who.account_id,
        "session_id": who.session_id,
        "name": who.name,
        "client": WORKBENCH,
        "purpose": WORKBENCH_PURPOSE,
        "at_what": at_what,
        "person_id": person_id,
        "source": source,
        "source_record_id": source_record_id,
        "task_id": task_id,
    }
    conn.execute(_sql["add_look"], parameters)


def looks_at_person(conn: Connection, person_id: str, limit: int) -> list[Look]:
    """Who looked at a person last."""
    parameters = {"person_id": person_id, "limit": limit, "client": WORKBENCH}
    return conn.cursor(row_factory=class_row(Look)).execute(_sql["looks_at_person"], parameters).fetchall()


def records_by_number(conn: Connection, record_ids: Collection[int]) -> dict[int, PersonRecord]:
    """Records with what their sources say now; `person_id` is empty for one that belongs to nobody."""
    cursor = conn.cursor(row_factory=class_row(PersonRecord))
    rows = cursor.execute(_sql["records_by_number"], {"record_ids": list(record_ids)}).fetchall()
    return {row.record_id: replace(row, source_values=opened_values(row.source_values)) for row in rows}
