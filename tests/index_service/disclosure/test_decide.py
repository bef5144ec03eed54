"""What a caller may do follows from the agreements, and denial comes first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.agreements import Agreement, Denial, load_agreements
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.decide import Permission, decide, windows
from tests.index_service.disclosure.generated import (
    ACTIONS,
    CLIENTS,
    CODES,
    PURPOSES,
    SOURCES,
    agreements,
    denials,
    several,
)

SHIPPED = load_agreements(SOURCES, PURPOSES)
NOON = datetime(2026, 3, 2, 20, tzinfo=UTC)
moments = st.datetimes(datetime(2025, 12, 30), datetime(2027, 1, 3), timezones=st.just(UTC))  # noqa: DTZ001
questions = st.tuples(st.sampled_from(CLIENTS), st.sampled_from((*CODES, "BTG")), st.sampled_from(ACTIONS))
Question = tuple[str, str, str]


def permission(of: Iterable[Agreement], question: Question, at: datetime = NOON) -> Permission:
    return decide(clauses_of(of, SOURCES, PURPOSES), *question, at)


def told(of: Iterable[Agreement], question: Question, at: datetime = NOON) -> set[tuple[object, ...]]:
    """Everything that may be released, each thing with the clause and conditions that release it."""
    return {
        (permit.source, attribute, permit.agreement, permit.clause, permit.breaks_glass)
        for permit in permission(of, question, at).permits
        for attribute in (None, *permit.attributes)
    }


@given(questions, moments)
def test_without_agreements_nothing_is_permitted(question: Question, at: datetime) -> None:
    assert permission([], question, at).permits == ()


@given(several, questions, moments)
def test_nothing_is_permitted_that_no_grant_names(of: tuple[Agreement, ...], question: Question, at: datetime) -> None:
    client, _, action = question
    granted = {
        source
        for agreement in of
        if client in agreement.clients and agreement.from_instant <= at < agreement.until_instant
        for grant in agreement.grants
        if action in grant.actions
        for source in grant.sources
    }
    assert permission(of, question, at).sources <= granted


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(several, denials, questions, moments, st.data())
def test_a_further_denial_never_adds_a_disclosure(
    of: tuple[Agreement, ...], denial: Denial, question: Question, at: datetime, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(of) - 1))
    stricter = list(of)
    stricter[place] = of[place].model_copy(update={"denials": (*of[place].denials, denial)})
    assert told(stricter, question, at) <= told(of, question, at)


@given(several, questions, moments, st.randoms(use_true_random=False))
def test_the_order_of_agreements_and_grants_is_of_no_effect(
    of: tuple[Agreement, ...], question: Question, at: datetime, random: object
) -> None:
    shuffled = [each.model_copy(update={"grants": each.grants[::-1], "denials": each.denials[::-1]}) for each in of]
    assert permission(reversed(shuffled), question, at) == permission(of, question, at)


@given(agreements(), questions)
def test_an_agreement_outside_its_dates_is_not_there(agreement: Agreement, question: Question) -> None:
    instant = timedelta(microseconds=1)
    assert permission([agreement], question, agreement.from_instant - instant).permits == ()
    assert permission([agreement], question, agreement.until_instant).permits == ()
    assert (
        permission([agreement], question, agreement.from_instant).permits
        == permission([agreement], question, agreement.until_instant - instant).permits
    )


@given(several, questions, moments, moments)
def test_a_permission_holds_until_it_says(
    of: tuple[Agreement, ...], question: Question, at: datetime, later: datetime
) -> None:
    now = permission(of, question, at)
    if at <= later and (now.valid_until is None or later < now.valid_until):
        assert permission(of, question, later).permits == now.permits


@given(several, questions, moments)
def test_what_is_decided_beforehand_is_what_is_decided_at_the_moment(
    of: tuple[Agreement, ...], question: Question, at: datetime
) -> None:
    found = [
        window.permits
        for window in windows(clauses_of(of, SOURCES, PURPOSES))
        if (window.client, window.purpose, window.action) == question and window.from_at <= at < window.until_at
    ]
    assert (found or [()]) == [permission(of, question, at).permits]


@given(several, questions, moments)
def test_only_who_breaks_the_glass_passes_by_the_conditions(
    of: tuple[Agreement, ...], question: Question, at: datetime
) -> None:
    for permit in permission(of, question, at).permits:
        assert permit.breaks_glass == (question[1] == "BTG")


def test_a_denial_wins_over_the_grant_of_another_agreement() -> None:
    pmap = next(each for each in SHIPPED if each.id == "pmap")
    other = pmap.model_copy(update={"id": "other", "denials": (Denial(name="no", sensitivities=("BH",), because="x"),)})
    assert "csi" in permission([pmap], ("pmap", "COURT", "pointers")).sources
    assert "csi" not in permission([pmap, other], ("pmap", "COURT", "pointers")).sources


# Who learns of which source, for which purpose: * on conditions.
WHO_LEARNS = {
    ("pmap", "COURT"): "cws_cms juvenile_court probation meds* medi_cal_rx* csi* cair2* calpads* dds*",
    ("pmap", "TREAT"): "",
    ("cws_worker", "CHILDPROT"): "cws_cms meds* calsaws* juvenile_court* probation* cair2* dds*",
    ("cws_worker", "FOSTERPLACE"): "cws_cms meds* calsaws* juvenile_court* probation* cair2* dds* calpads* csi*",
    ("cws_worker", "BTG"): "meds* calsaws* juvenile_court* probation* cair2* dds*",
    ("public_health_nurse", "COC"): "cws_cms* meds* medi_cal_rx* cair2* csi* dds*",
    ("county_behavioral_health", "TREAT"): "csi meds* cws_cms*",
    ("county_behavioral_health", "BTG"): "",
    ("school_liaison", "FOSTERPLACE"): "calpads* cws_cms*",
    ("school_liaison", "COURT"): "",
    ("research", "HRESCH"): "",
    ("auditor", "HOPERAT"): "",
    ("nobody", "COURT"): "",
}


@pytest.mark.parametrize("who", WHO_LEARNS, ids=" ".join)
def test_who_learns_of_pointers_under_the_shipped_examples(who: tuple[str, str]) -> None:
    found = permission(SHIPPED, (*who, "pointers"))
    shown = {permit.source + ("" if permit.is_unconditional else "*") for permit in found.permits}
    assert shown == set(WHO_LEARNS[who].split())


def test_research_learns_counts_and_the_auditor_the_ledger() -> None:
    assert permission(SHIPPED, ("research", "HRESCH", "counts")).sources
    assert "csi" not in permission(SHIPPED, ("research", "HRESCH", "counts")).sources
    assert permission(SHIPPED, ("auditor", "HOPERAT", "ledger")).sources == SOURCES.keys()
