"""A client of the person index for programs that integrate with it; needs httpx and nothing else of this package.

    with PersonIndexClient("http://127.0.0.1:8000", token=my_tokens, purpose="TREAT") as index:
        written = index.put_record("cws_cms", "0Ab3", {"first_name": "Marisol", "birth_date": "2015-03-02"})
        for event in index.events(after=last_position_seen):
            ...

Every call may be sent again without harm, and is, where the service is busy or away for a moment; a write carries an
Idempotency-Key, so that it happens once. A client may be used by several threads.
"""

from __future__ import annotations

import random
import time
import types
import typing
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx

TokenProvider = Callable[[], str]
"""Gives a bearer token that is valid now. Asked before every request: it keeps a token as long as it may be used."""

CanonicalFields = Mapping[str, object]
"""Canonical fields by name, as /docs lists them; `identifier.<type>` for identifiers of any other type."""

RecordKey = tuple[str, str]
"""(source, source_record_id)"""

LONGEST_WAIT_S = 30.0
BATCH_LIMIT = 1_000
_PASSING = frozenset({429, 503})
_Told = TypeVar("_Told")


class PersonIndexError(Exception):
    """The person index did not answer as asked.

    Attributes:
        status: of the HTTP answer; None if there was none.
        kind: names the kind of error, as `urn:person-index:not-found`; stable.
        request_id: names the request in the service's log.
        faults: the fields at fault, if fields are.
    """

    def __init__(
        self,
        detail: str,
        *,
        status: int | None = None,
        kind: str = "",
        request_id: str = "",
        faults: Sequence[FieldFault] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.request_id = request_id
        self.faults = tuple(faults)


class NotFound(PersonIndexError):
    """There is nothing of this name; or nothing that this client may know of."""


class InvalidRequest(PersonIndexError):
    """The request cannot be understood: `faults` says which fields are wrong, and how to mend them."""


class NotAllowed(PersonIndexError):
    """The token is missing, expired, or not good for this."""


class Conflict(PersonIndexError):
    """The record is another version than the one that was to be replaced, or the key was used for another request."""


class Unavailable(PersonIndexError):
    """The service is busy, stopping or away, and remained so over all attempts."""


class ServiceFailed(PersonIndexError):
    """The service failed; its log names the request."""


_ERRORS: Mapping[int, type[PersonIndexError]] = {
    400: InvalidRequest,
    401: NotAllowed,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    413: InvalidRequest,
    422: InvalidRequest,
    429: Unavailable,
    503: Unavailable,
}


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field of a request, and how to mend it."""

    field: str
    problem: str
    mend: str


@dataclass(frozen=True, slots=True)
class Pointer:
    """A record of a person."""

    source: str
    source_record_id: str
    since: datetime
    probability: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class RetiredId:
    """An id that was asked for and has retired."""

    person_id: str
    retired_at: datetime


@dataclass(frozen=True, slots=True)
class Person:
    """A person and its records. `retired` is set where the id asked for has retired; `person_id` is its survivor.

    notices: words that have to travel with the records.
    """

    person_id: str
    retired: RetiredId | None
    as_of: datetime | None
    records: tuple[Pointer, ...]
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """Names a record."""

    source: str
    source_record_id: str


@dataclass(frozen=True, slots=True)
class Event:
    """One published change; see `person-index` /docs for what each kind says of `records` and `other_person_ids`.

    Pass over a kind that you do not know.

    position: opaque, this client's own; where to go on.
    """

    position: str
    kind: str
    person_id: str
    other_person_ids: tuple[str, ...]
    records: tuple[Record, ...]
    at: datetime
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _EventPage:
    events: tuple[Event, ...]
    next_after: str
    more: bool


@dataclass(frozen=True, slots=True)
class PastPointer:
    """A record that belonged to a person for a time; `until` is None while it does."""

    source: str
    source_record_id: str
    since: datetime
    until: datetime | None
    probability: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class History:
    """Everything that ever happened to a person id."""

    person_id: str
    retired_at: datetime | None
    forwards_to: str | None
    records: tuple[PastPointer, ...]
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one comparison says: the level of agreement, and what it weighs in bits.

    bits: against a stranger. sibling_bits: against a sibling or twin; told by `compare` alone.
    """

    comparison: str
    layer: str
    level: int
    agreement: str
    bits: float
    twins_bits: float
    term_frequency_bits: float
    sibling_bits: float | None


@dataclass(frozen=True, slots=True)
class Alternative:
    """What a pair could be instead of one person, and the weight against it."""

    otherwise: str
    layers: tuple[str, ...]
    prior_bits: float
    weight: float


@dataclass(frozen=True, slots=True)
class NotUsed:
    """A value that was given and could not be used."""

    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Whether two records are one person (`link`, `review`, `no_link`), how sure that is, and why."""

    outcome: str
    match_weight: float
    probability: float
    weight_against_stranger: float
    weight_against_sibling: float
    prior_against_stranger: float
    prior_against_sibling: float
    held_back_by: tuple[str, ...]
    alternatives: tuple[Alternative, ...]
    comparisons: tuple[Comparison, ...]
    not_used: tuple[NotUsed, ...]
    model: str
    policy: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A person that may be the same: a steward is asked."""

    person_id: str
    weight: float


@dataclass(frozen=True, slots=True)
class Strongest:
    """The record of its person with which a written record agrees most, and why."""

    source: str
    source_record_id: str
    match_weight: float
    weight_against_stranger: float
    weight_against_sibling: float
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a record that was written: `outcome` as /docs lists them, whose it is now, and why (`strongest`).

    `strongest` is None where the person has no other record, or none that this client may learn of.
    """

    source: str
    source_record_id: str
    version: int
    outcome: str
    person_id: str | None
    probability: float | None
    strongest: Strongest | None
    retired_person_ids: tuple[str, ...]
    split_person_ids: tuple[str, ...]
    waits_for_review: tuple[Waiting, ...]
    waits_for_relink: bool
    not_used: tuple[NotUsed, ...]


@dataclass(frozen=True, slots=True)
class BatchEntry:
    """What became of one record of a batch; `problem` says why it was left out."""

    source_record_id: str
    written: Written | None
    problem: FieldFault | None


@dataclass(frozen=True, slots=True)
class _Batch:
    records: tuple[BatchEntry, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person that may be the one asked about; `grade` is certain, probable or possible."""

    person_id: str
    grade: str
    probability: float
    match_weight: float
    weight_against_stranger: float
    weight_against_sibling: float
    figures_are_least: bool
    known: bool
    contradiction: bool
    agreed: tuple[Comparison, ...]
    disagreed: tuple[Comparison, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Persons, best first. Where two are plausible, both are there and neither is certain."""

    persons: tuple[Candidate, ...]
    more: bool
    twin_or_sibling_competes: bool
    records_disagree: bool
    incomplete: bool


@dataclass(frozen=True, slots=True)
class PacketPointer:
    """Where the child of a packet is known; see `person-index` /docs for what each property says."""

    source: str
    source_record_id: str
    since: datetime
    as_of: str | None
    received_at: datetime
    confirmed_by: str
    confirmed_at: datetime | None
    may_be_mothers: bool | None
    court_number: str | None
    other_court: bool | None
    other_name: bool | None


@dataclass(frozen=True, slots=True)
class PacketPart:
    """One part of a packet: child_welfare, medi_cal, behavioral_health, court, school, …"""

    role: str
    title: str
    pointers: tuple[PacketPointer, ...]


@dataclass(frozen=True, slots=True)
class Cin:
    """A Client Index Number of the child; a frozen one leads to `survivor`."""

    cin: str
    frozen: bool
    survivor: str | None


@dataclass(frozen=True, slots=True)
class PendingReview:
    """What stewards are to find out, and the last court day for it (ISO)."""

    concern: str
    due_on: str
    court_days: int


@dataclass(frozen=True, slots=True)
class Packet:
    """Who a child is (certain, review_pending, not_found), and where its records are; `token` asks for changes."""

    certainty: str
    person_id: str | None
    twin_or_sibling_competes: bool
    review: PendingReview | None
    ask_with: tuple[str, ...]
    packet: tuple[PacketPart, ...]
    cins: tuple[Cin, ...]
    claims_may_be_mothers: bool
    notices: tuple[str, ...]
    token: str | None


@dataclass(frozen=True, slots=True)
class PacketChanges:
    """Whether a packet has to be put together again, and what has changed."""

    reassemble: bool
    changes: tuple[str, ...]
    asked_at: datetime


class PersonIndexClient:
    """Asks the person index, and writes to it.

    Args:
        base_url: of the service, without /v1.
        token: gives a bearer token; see `ClientTokens`.
        purpose: the purpose of use that every call states; may be left out where the token is bound to one.
        timeout_s: how long one attempt may take.
        attempts: how often a call is sent at most, while the service is busy or away.
        transport: of httpx; for tests and proxies.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: TokenProvider | None = None,
        purpose: str | None = None,
        timeout_s: float = 35.0,
        attempts: int = 5,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        headers = {"X-Purpose-Of-Use": purpose} if purpose else {}
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=timeout_s, transport=transport)
        self._token = token
        self._attempts = attempts

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def person_of_record(self, source: str, source_record_id: str, *, as_of: datetime | None = None) -> Person:
        """The person that a record belongs to, now or as believed at a past moment.

        Raises:
            NotFound: the record is unknown, withdrawn or not linked yet.
        """
        return _read(Person, self._call("GET", f"{_record(source, source_record_id)}/person", query=_moment(as_of)))

    def person(self, person_id: str, *, as_of: datetime | None = None) -> Person:
        """A person; for a retired id its survivor."""
        return _read(Person, self._call("GET", f"/v1/persons/{_segment(person_id)}", query=_moment(as_of)))

    def history(self, person_id: str) -> History:
        """Everything that ever happened to a person id."""
        return _read(History, self._call("GET", f"/v1/persons/{_segment(person_id)}/history"))

    def events(self, after: str | None = None, *, page: int = 500) -> Iterator[Event]:
        """The events after a position, in order, up to now; go on later with the `position` of the last one seen."""
        more = True
        while more:
            query = {"limit": str(page)} | ({"after": after} if after else {})
            found = _read(_EventPage, self._call("GET", "/v1/events", query=query))
            yield from found.events
            after, more = found.next_after, found.more

    def put_record(
        self,
        source: str,
        source_record_id: str,
        record: CanonicalFields,
        *,
        if_version: int | None = None,
        only_if_new: bool = False,
    ) -> Written:
        """Take in a record, whole, or another version of one.

        Args:
            if_version: replace only this version.
            only_if_new: replace none.

        Raises:
            Conflict: another version holds; nothing was written.
        """
        headers = _write_headers(if_version) | ({"If-None-Match": "*"} if only_if_new else {})
        path = _record(source, source_record_id)
        return _read(Written, self._call("PUT", path, body=dict(record), headers=headers))

    def delete_record(self, source: str, source_record_id: str, *, if_version: int | None = None) -> Written:
        """Withdraw a record."""
        return _read(
            Written, self._call("DELETE", _record(source, source_record_id), headers=_write_headers(if_version))
        )

    def record_version(self, source: str, source_record_id: str) -> int:
        """The version of a record that holds, for `if_version`; of sources that this client may write.

        Raises:
            NotFound: none holds: it never came, or was withdrawn.
        """
        return int(self._call("GET", _record(source, source_record_id))["version"])

    def put_records(self, source: str, records: Mapping[str, CanonicalFields]) -> list[BatchEntry]:
        """Take in many records of a source, by their ids, in order; one that cannot be used does not stop the others.

        They are sent in batches: where one fails for good, those before it are taken in.
        """
        path = f"/v1/sources/{_segment(source)}/records:batch"
        entries: list[BatchEntry] = []
        waiting = [{"source_record_id": record_id, "fields": dict(said)} for record_id, said in records.items()]
        for start in range(0, len(waiting), BATCH_LIMIT):
            body = {"records": waiting[start : start + BATCH_LIMIT]}
            entries += _read(_Batch, self._call("POST", path, body, headers=_write_headers())).records
        return entries

    def resolve(
        self,
        known: CanonicalFields,
        *,
        source: str | None = None,
        records: Sequence[RecordKey] = (),
        count: int = 5,
        only_certain: bool = False,
    ) -> Resolved:
        """Who this is: persons graded and best first. Nothing of the question is kept.

        Args:
            known: traits and identifiers, whatever there is.
            source: the source system that they come from.
            records: records of the person that are known.
        """
        body = {"fields": dict(known), "source": source, "count": count, "only_certain": only_certain}
        return _read(Resolved, self._call("POST", "/v1/resolve", body | {"records": [_named(key) for key in records]}))

    def resolve_for_packet(
        self, known: Mapping[str, str], *, urgency: str = "application", received_on: str | None = None
    ) -> Packet:
        """Who the child of a request on form JV-220 is, and where the pointers of its packet lead.

        Args:
            known: any of court_number, cws_cms_id, cin, first_name, last_name, birth_date.
            urgency: `application`, or `emergency` where medication was given already.
            received_on: the day (ISO) on which the court received the request; today, if left out.
        """
        body = {**known, "urgency": urgency, "received_on": received_on}
        return _read(Packet, self._call("POST", "/v1/pmap/resolve", body))

    def packet_changes(self, token: str) -> PacketChanges:
        """Whether a packet still holds.

        Raises:
            NotFound: the token is not of this client and purpose, or is too old.
        """
        return _read(PacketChanges, self._call("GET", "/v1/pmap/changes", query={"token": token}))

    def compare(self, left: CanonicalFields | RecordKey, right: CanonicalFields | RecordKey) -> Compared:
        """Whether two records are one person, and why; each is given with its fields or named by its key."""
        return _read(Compared, self._call("POST", "/v1/compare", {"left": _side(left), "right": _side(right)}))

    def waterfall(self, left: RecordKey, right: RecordKey) -> str:
        """The comparison of two stored records as a picture: an SVG document, described in words."""
        sides = "/".join(_segment(part) for part in (*left, *right))
        return self._send("GET", f"/v1/compare/{sides}/waterfall.svg").text

    def _call(
        self,
        verb: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON that a request is answered with; raises as `_send` does."""
        return self._send(verb, path, body, query=query, headers=headers).json()

    def _send(
        self,
        verb: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request, again where that may help; returns the answer.

        Raises:
            PersonIndexError: as its subclasses say.
        """
        for attempt in range(1, self._attempts + 1):
            try:
                answer = self._http.request(
                    verb, path, params=query, json=body, headers={**(headers or {}), **self._authorization()}
                )
            except httpx.TransportError as error:
                if attempt == self._attempts:
                    raise Unavailable(f"The service does not answer ({type(error).__name__}).") from error
                time.sleep(_pause(attempt))
                continue
            if answer.status_code not in _PASSING or attempt == self._attempts:
                break
            time.sleep(_pause(attempt, answer.headers.get("Retry-After", "")))
        if answer.is_success:
            return answer
        raise _error(answer)

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token()}"} if self._token else {}


def _pause(attempt: int, wanted: str = "") -> float:
    """Seconds until the next attempt: what the service wants, else ever longer; spread, lest all come at once."""
    seconds = float(wanted) if wanted.isdecimal() else 0.1 * 2.0**attempt
    return min(seconds, LONGEST_WAIT_S) * random.uniform(1.0, 1.25)  # noqa: S311 - no secret


def _error(answer: httpx.Response) -> PersonIndexError:
    kind = _ERRORS.get(answer.status_code, ServiceFailed if answer.status_code >= 500 else PersonIndexError)
    try:
        told = answer.json()
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    return kind(
        str(told.get("detail") or f"The answer was {answer.status_code}."),
        status=answer.status_code,
        kind=str(told.get("type", "")),
        request_id=str(told.get("request_id", "")),
        faults=[_read(FieldFault, fault) for fault in told.get("errors", ())],
    )


def _segment(value: str) -> str:
    """A value as one segment of a path; dots too, for `..` would be a way up."""
    return quote(value, safe="").replace(".", "%2E")


def _record(source: str, source_record_id: str) -> str:
    return f"/v1/sources/{_segment(source)}/records/{_segment(source_record_id)}"


def _moment(as_of: datetime | None) -> dict[str, str]:
    return {"as_of": as_of.isoformat()} if as_of else {}


def _write_headers(version: int | None = None) -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())} | ({"If-Match": f'"{version}"'} if version is not None else {})


def _named(key: RecordKey) -> dict[str, str]:
    return {"source": key[0], "source_record_id": key[1]}


def _side(side: CanonicalFields | RecordKey) -> dict[str, object]:
    return dict(_named(side)) if isinstance(side, tuple) else {"fields": dict(side)}


def _read(kind: type[_Told], told: Any) -> _Told:
    """Make a dataclass of a JSON object. Properties that this version does not know are passed over."""
    hints = typing.get_type_hints(kind)
    return kind(**{f.name: _value(hints[f.name], told.get(f.name)) for f in fields(kind)})  # type: ignore[arg-type]


def _value(kind: Any, told: Any) -> Any:
    if told is None:
        return None
    if isinstance(kind, types.UnionType):
        return _value(next(each for each in typing.get_args(kind) if each is not type(None)), told)
    if typing.get_origin(kind) is tuple:
        return tuple(_value(typing.get_args(kind)[0], each) for each in told)
    if kind is datetime:
        return datetime.fromisoformat(told)
    return _read(kind, told) if isinstance(kind, type) and is_dataclass(kind) else told
