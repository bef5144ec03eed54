"""What a packet says of each pointer, and what is asked: pure functions over what may be told.

A pointer is told with what it takes to read it rightly: of when it is, who confirmed it, whether a claim may be the
mother's, whether a court record is of another court or under another name. Nothing clinical is known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

from config.identifiers import IdentifierError, cin_value
from config.pmap import PmapConfig, Role, Urgency
from index_service.court_days import add_court_days
from index_service.resolving import Question
from index_service.store.pmap import Provenance
from index_service.store.releasing import Pointer
from linkage.normalise import normalise
from linkage.record import CanonicalValue, NormalisedRecord, RecordKey, SourceRecord

TOLD_ATTRIBUTES = ("cin", "identifier.court_number")
"""The only values that are told beside keys, where the agreement grants them."""

IDENTIFYING = ("court_number", "cws_cms_id", "cin", "first_name", "last_name", "birth_date")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the caller knows of the child; identifiers in canonical form.

    court_number: `<court>:<number>[:<suffix>]`; without suffix it names a set of siblings.
    received_on: the day on which the court received the request.
    """

    court_number: str | None = None
    cws_cms_id: str | None = None
    cin: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    birth_date: str | None = None
    urgency: Urgency = "application"
    received_on: date = date.min

    @property
    def court(self) -> str | None:
        return self.court_number.partition(":")[0] if self.court_number else None

    @property
    def not_said(self) -> tuple[str, ...]:
        return tuple(name for name in IDENTIFYING if getattr(self, name) is None)

    def question(self, config: PmapConfig) -> Question:
        """As matching asks it: the CWS/CMS id names a record, the rest are traits."""
        traits: dict[str, CanonicalValue] = {
            field: value
            for field, value in (
                ("identifier.court_number", self.court_number),
                ("cin", self.cin),
                ("first_name", self.first_name),
                ("last_name", self.last_name),
                ("birth_date", self.birth_date),
            )
            if value is not None
        }
        pointers = [(config.client_id_source, self.cws_cms_id)] if self.cws_cms_id else []
        if traits and self.cws_cms_id:  # elsewhere it is an identifier among others
            traits["identifier.cws_cms_client_id"] = self.cws_cms_id
        return Question(normalise(SourceRecord("", "", traits))[0], bool(traits), pointers)

    def due_on(self, config: PmapConfig) -> date:
        """The court day by which an answer is needed."""
        return add_court_days(self.received_on, config.clocks[self.urgency].court_days, config.court_closures)


@dataclass(frozen=True, slots=True)
class PacketPointer:
    """A record of the child, as it may be told.

    pointer: as released. may_be_mothers: of a claim, whether it may be the mother's.
    court_number: as released. other_court, other_name: of a court record, against what was asked; None where that, or
    the record, does not say.
    """

    pointer: Pointer
    role: Role
    provenance: Provenance
    may_be_mothers: bool | None = None
    court_number: str | None = None
    other_court: bool | None = None
    other_name: bool | None = None


@dataclass(frozen=True, slots=True)
class CinTold:
    """A Client Index Number of the child. survivor: the number that holds now; None where records leave it open."""

    cin: str
    survivor: str | None

    @property
    def is_frozen(self) -> bool:
        return self.survivor is not None and self.survivor != self.cin


def packet_of(
    asked: Asked,
    pointers: Sequence[Pointer],
    records: Mapping[RecordKey, NormalisedRecord],
    origins: Mapping[RecordKey, Provenance],
    config: PmapConfig,
) -> tuple[tuple[PacketPointer, ...], tuple[CinTold, ...]]:
    """The pointers in the order of roles, each with what it takes to read it rightly, and the child's CINs."""
    keys = [(pointer.source, pointer.source_record_id) for pointer in pointers]
    cins = cins_of([(pointer, origins[key]) for pointer, key in zip(pointers, keys, strict=True)], config)
    born = most_said([records[key].birth_date for key in keys if key in records]) or asked.birth_date
    own = {told.cin for told in cins}
    order = [part.role for part in config.roles]
    packet = [
        _packet_pointer(asked, pointer, records.get(key), origins[key], born, own, config)
        for pointer, key in zip(pointers, keys, strict=True)
        if key in origins
    ]
    return tuple(sorted(packet, key=lambda each: order.index(each.role))), cins


def _packet_pointer(
    asked: Asked,
    pointer: Pointer,
    record: NormalisedRecord | None,
    origin: Provenance,
    born: str | None,
    own_cins: Collection[str],
    config: PmapConfig,
) -> PacketPointer:
    role = config.role_of[pointer.source]
    claim = pointer.source in config.claims_sources
    in_court = role == "court"
    number = _attribute(pointer, "identifier.court_number") if in_court else None
    return PacketPointer(
        pointer,
        role,
        origin,
        may_be_mothers(record.cin if record else None, origin.source_date, born, own_cins, config) if claim else None,
        number,
        other_court(number, asked.court) if in_court else None,
        other_name(record, asked) if in_court and record else None,
    )


def may_be_mothers(
    cin: str | None, last_service: str | None, born: str | None, own_cins: Collection[str], config: PmapConfig
) -> bool:
    """Whether a claim may be the mother's: in the month of birth and the next, newborns are billed on her number.

    Not where the number is known to be the child's own. Without a day of service, a number that is not the child's own
    is enough.
    """
    if cin is not None and cin in own_cins:
        return False
    service, birth = _month(last_service), _month(born)
    if service is None or birth is None:
        return cin is not None and bool(own_cins)
    return service - birth <= config.newborn_claim_months


def _month(day: str | None) -> int | None:
    """A day, or a month, as the number of its month; None if it names none."""
    with suppress(ValueError):
        if day and len(day) >= len("2026-01"):
            return int(day[:4]) * 12 + int(day[5:7])
    return None


def cins_of(told: Sequence[tuple[Pointer, Provenance]], config: PmapConfig) -> tuple[CinTold, ...]:
    """The child's own CINs: the one in the newest record of eligibility survives, the others are frozen.

    Where two of the newest records differ, which of them survives stays open.
    """
    newest: dict[str, str] = {}
    for pointer, origin in told:
        cin = _cin(pointer) if pointer.source in config.eligibility_sources else None
        if cin is not None:
            newest[cin] = max(newest.get(cin, ""), origin.source_date or "")
    last = max(newest.values(), default="")
    survivors = [cin for cin, day in newest.items() if day == last]
    survivor = survivors[0] if len(survivors) == 1 else None
    return tuple(CinTold(cin, survivor) for cin in sorted(newest, key=lambda cin: (cin != survivor, cin)))


def other_court(number: str | None, asked: str | None) -> bool | None:
    """Whether a court number is of another court than the one asked about; None where either is not known."""
    court = number.partition(":")[0].strip().upper() if number and ":" in number else None
    return None if court is None or asked is None else court != asked


def other_name(record: NormalisedRecord, asked: Asked) -> bool | None:
    """Whether a record names the child otherwise than the question; an alias of the record counts as its name."""
    if asked.first_name is None and asked.last_name is None:
        return None
    said = normalise(SourceRecord("", "", {"first_name": asked.first_name or "", "last_name": asked.last_name or ""}))[
        0
    ]
    first = _disjoint(said.first_alternatives, record.first_alternatives)
    last = _disjoint(said.last_tokens, record.last_tokens)
    return bool(first or last)


def _disjoint(left: Collection[str], right: Collection[str]) -> bool:
    return bool(left) and bool(right) and set(left).isdisjoint(right)


def most_said(values: Sequence[str | None]) -> str | None:
    """What most records say; the smaller of two said as often."""
    counts = Counter(value for value in values if value)
    return min(counts, key=lambda value: (-counts[value], value)) if counts else None


def _attribute(pointer: Pointer, name: str) -> str | None:
    value = (pointer.attributes or {}).get(name)
    return value if isinstance(value, str) else None


def _cin(pointer: Pointer) -> str | None:
    with suppress(IdentifierError):
        return cin_value(_attribute(pointer, "cin") or "")
    return None
