"""What is said of a packet, as pure functions: mothers' claims, frozen numbers, other courts, certainty, changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.pmap import load_pmap
from index_service.packets import Asked, cins_of, may_be_mothers, other_court, other_name
from index_service.pmap import Certainty, certainty_of, changes_of, concern_of, may_know_of
from index_service.resolving import Resolved
from index_service.store.pmap import OpenTask, Packet, Provenance, Standing, ToldRecord
from index_service.store.releasing import Pointer
from linkage.normalise import normalise
from linkage.record import PersonId, RecordKey, SourceRecord

CONFIG = load_pmap()
CHILD, OTHER = PersonId("2222-2222-2222"), PersonId("3333-3333-3333")
THEN = datetime(2026, 2, 3, tzinfo=UTC)
OWN, MOTHERS = "91234567A", "97654321C"


def released(key: RecordKey, *, since: datetime = THEN - timedelta(days=9), cin: str | None = None) -> Pointer:
    attributes = {"cin": cin} if cin else None
    return Pointer(CHILD, CHILD, None, *key, since, None, 0.99, "relink", attributes, 1)


@pytest.mark.parametrize(
    ("cin", "service", "born", "own", "expected"),
    [
        (MOTHERS, "2026-01-30", "2026-01-02", [OWN], True),
        (MOTHERS, "2026-02-28", "2026-01-02", [OWN], True),
        (MOTHERS, "2026-03-01", "2026-01-31", [OWN], False),
        (MOTHERS, "2026-01-30", "2026-01-02", [], True),
        (OWN, "2026-01-30", "2026-01-02", [OWN], False),
        (None, "2026-01-30", "2026-01-02", [OWN], True),
        (MOTHERS, None, "2026-01-02", [OWN], True),
        (MOTHERS, "2026-01-30", None, [], False),
        (MOTHERS, "2025-12-31", "2026-01-02", [OWN], True),  # before birth it cannot be the child's
    ],
)
def test_a_newborns_claim_may_be_the_mothers_in_the_month_of_birth_and_the_next(
    cin: str | None, service: str | None, born: str | None, own: list[str], expected: bool
) -> None:
    assert may_be_mothers(cin, service, born, own, CONFIG) is expected


NUMBERS = st.sampled_from([OWN, "98765432C", "91111111D"])
DATES = st.sampled_from([None, "2019-01-01", "2026-02-03"])


@given(st.lists(st.tuples(st.sampled_from(["meds", "medi_cal_rx"]), NUMBERS, DATES), max_size=6))
def test_the_newest_eligibility_says_which_number_survives(records: list[tuple[str, str, str | None]]) -> None:
    told = [
        (released((source, str(n)), cin=cin), Provenance(day, THEN, None))
        for n, (source, cin, day) in enumerate(records)
    ]
    cins = cins_of(told, CONFIG)
    eligible = [(cin, day or "") for source, cin, day in records if source == "meds"]
    assert {each.cin for each in cins} == {cin for cin, _ in eligible}
    newest = {cin for cin, day in eligible if day == max(day for _, day in eligible)}
    assert {each.survivor for each in cins} <= {next(iter(newest)) if len(newest) == 1 else None}
    assert [each.is_frozen for each in cins] == [len(newest) == 1 and each.cin not in newest for each in cins]


@pytest.mark.parametrize(
    ("number", "asked", "expected"),
    [
        ("19:DK1-A", "19", False),
        ("43:DK1-A", "19", True),
        (None, "19", None),
        ("43:DK1", None, None),
        ("DK1", "19", None),
    ],
)
def test_another_court_is_told_where_both_are_known(
    number: str | None, asked: str | None, expected: bool | None
) -> None:
    assert other_court(number, asked) is expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (Asked(first_name="Maya", last_name="Garcia"), False),  # one of two surnames
        (Asked(first_name="Maya", last_name="Lindqvist"), False),  # an alias
        (Asked(first_name="Maya", last_name="Other"), True),
        (Asked(first_name="Otto"), True),
        (Asked(cin=OWN), None),
    ],
)
def test_another_name_is_one_that_neither_the_record_nor_its_aliases_have(asked: Asked, expected: bool | None) -> None:
    values = {"first_name": "Maya", "last_name": "Garcia Lopez", "alias_names": ["Maya Lindqvist"]}
    assert other_name(normalise(SourceRecord("juvenile_court", "19:P", values))[0], asked) is expected


def found(grade: str, probability: float, *, known: bool = False) -> Resolved:
    return Resolved(CHILD, grade, probability, 0.0, 0.0, 0.0, known, False, False, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("persons", "expected"),
    [
        ([], "not_found"),
        ([found("certain", 0.9999)], "certain"),
        ([found("certain", 0.6), found("possible", 0.01)], "certain"),
        ([found("certain", 0.02, known=True), found("probable", 0.98)], "review_pending"),
        ([found("probable", 0.8)], "review_pending"),
        ([found("possible", 0.45), found("possible", 0.45)], "review_pending"),
        ([found("possible", 0.3)], "not_found"),
        ([found("possible", 0.001, known=True)], "review_pending"),
    ],
)
def test_there_is_never_a_silent_best_guess(persons: list[Resolved], expected: Certainty) -> None:
    assert certainty_of(persons) == expected


def task(kind: str, *persons: PersonId, right: str = "b") -> OpenTask:
    sides = (frozenset({("cws_cms", "a")}), frozenset({("meds", right)}))
    return OpenTask(1, kind, frozenset(persons), *sides)  # type: ignore[arg-type]


def test_another_childs_record_in_a_packet_is_worse_than_one_that_is_missing() -> None:
    missing, overlaid = task("possible_duplicate", CHILD, OTHER), task("possible_overlay", CHILD)
    assert concern_of([missing]) == "records_missing"
    assert concern_of([missing, overlaid]) == "records_too_many"
    assert concern_of([task("possible_split", CHILD)]) == "records_too_many"
    assert concern_of([task("identifier_conflict", CHILD, OTHER)]) == "records_missing"
    assert concern_of([task("twin_or_sibling_alert", CHILD, OTHER)]) is None
    numbers = task("identifier_conflict", CHILD)
    assert concern_of([numbers]) == "numbers_differ"
    assert concern_of([numbers, missing]) == "records_missing"
    assert concern_of([]) is None


def test_a_question_about_a_record_that_may_not_be_known_is_not_known() -> None:
    asked = task("possible_duplicate", CHILD, OTHER)
    seen = {CHILD: frozenset({("cws_cms", "a")}), OTHER: frozenset({("meds", "b")})}
    assert may_know_of(asked, seen)
    assert not may_know_of(asked, {CHILD: seen[CHILD]})
    assert not may_know_of(asked, {**seen, OTHER: frozenset({("calpads", "c")})})


PACKET = Packet(CHILD, (ToldRecord("cws_cms", "a", CHILD), ToldRecord("meds", "b", CHILD)), frozenset(), THEN)
HERE = {record.key: released(record.key) for record in PACKET.records}
MEDS = ("meds", "b")
NEW = ("csi", "c")
LATER = THEN + timedelta(days=1)


def test_what_would_be_told_the_same_is_no_change() -> None:
    assert changes_of(PACKET, CHILD, HERE, {}) == []
    refreshed = {key: replace(pointer, probability=0.5) for key, pointer in HERE.items()}
    assert changes_of(PACKET, CHILD, refreshed, {}) == []


@pytest.mark.parametrize(
    ("gone", "came", "moved", "expected"),
    [
        (MEDS, None, {MEDS: Standing(OTHER, THEN)}, ["split"]),
        (MEDS, None, {MEDS: Standing(CHILD, THEN)}, ["removed"]),  # may no longer be told
        (MEDS, None, {MEDS: Standing(None, THEN)}, ["removed"]),  # withdrawn
        (None, released(NEW, since=LATER), {NEW: Standing(CHILD, LATER)}, ["added"]),
        (None, released(NEW, since=LATER), {NEW: Standing(CHILD, THEN - timedelta(days=1))}, ["joined"]),
        (None, released(NEW), {NEW: Standing(CHILD, THEN - timedelta(days=1))}, ["added"]),  # may be told now
        (
            MEDS,
            released(NEW, since=LATER),
            {MEDS: Standing(OTHER, THEN), NEW: Standing(CHILD, LATER)},
            ["added", "split"],
        ),
    ],
)
def test_what_became_of_pointers(
    gone: RecordKey | None, came: Pointer | None, moved: dict[RecordKey, Standing], expected: list[str]
) -> None:
    now = {key: pointer for key, pointer in HERE.items() if key != gone} | ({NEW: came} if came else {})
    assert changes_of(PACKET, CHILD, now, moved) == expected


def test_an_id_that_retired_into_another_was_joined() -> None:
    assert changes_of(PACKET, OTHER, HERE, {}) == ["joined"]
