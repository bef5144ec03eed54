"""An adoption seal: two persons for ever, and nothing that arrives, relinks or is decided brings them together."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from psycopg import errors

from config.policy import ChurnBudget, SourceChurn
from index_service.errors import TooMuchWouldChange
from index_service.relinking import RelinkOptions, accept, relink
from index_service.stewardship.adoptions import (
    agree_to_seal,
    agree_to_unsealing,
    propose_seal,
    propose_unsealing,
)
from index_service.stewardship.deciding import Steward, agree, judge, undo
from index_service.stewardship.errors import (
    ImpossibleSeal,
    NeedsSecondPerson,
    NoCourtOrder,
    NothingWaits,
    SealChanged,
    SealedPerson,
    SupervisorsOnly,
    UnknownRecord,
)
from index_service.stewardship.files import MalformedJudgements, import_judgements, read_judgements
from index_service.stewardship.saying import Decision, Sides
from index_service.store.adoptions import Seal, seals
from index_service.store.connection import Connection
from index_service.store.on_file import add_consent
from linkage.judged import Sealed as Sides_
from linkage.judged import with_seals
from linkage.record import Constraints
from tests.index_service.stewardship.adopted import (
    A1,
    A2,
    ADOPTED,
    AFTER,
    B1,
    B2,
    BEFORE,
    BIRTH,
    SUPERVISOR,
    O,
    is_apart,
    sealed,
)
from tests.index_service.stewardship.invented import CONTEXT, OTHER, SENIOR, open_tasks, persons, send, withdraw
from tests.index_service.stewardship.test_lasting import other_model

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING_MAY_CHANGE = ChurnBudget(joined=0, split=0, retired=0, of_a_source=SourceChurn(joined=0, split=0, retired=0))


@pytest.fixture
def index(conn: Connection) -> Connection:
    """One person who was adopted, over-merged by the number, and another child."""
    send(conn, {**BEFORE, **AFTER, O: OTHER})
    found = persons(conn)
    assert len({found[key] for key in (*BEFORE, *AFTER)}) == 1
    return conn


def seal_of(conn: Connection) -> Seal:
    (found,) = seals(conn)
    return found


def test_a_seal_makes_two_persons_in_one_step(index: Connection) -> None:
    old = persons(index)[B1]
    last = index.execute("SELECT max(seq) FROM identity_event").fetchall()[0][0]
    done = sealed(index)
    now = persons(index)
    assert done.retired == (old,)
    assert done.persons == (now[A1],) == (now[A2],)
    assert now[B1] == now[B2] not in (old, now[A1])
    told = index.execute("SELECT kind, person_id, other_person_ids, records FROM identity_event WHERE seq > %s", [last])
    assert told.fetchall() == [("retired", old, [], [])]
    assert index.execute("SELECT forwards_to FROM person WHERE person_id = %s", [old]).fetchall() == [(None,)]
    assert open_tasks(index) == []


class TestWhoSeals:
    def test_it_takes_a_supervisor_and_another_person(self, index: Connection) -> None:
        person = persons(index)[B1]
        with pytest.raises(SupervisorsOnly):
            propose_seal(index, person, {A1, A2}, SENIOR, reason="order")
        asked = propose_seal(index, person, {A1, A2}, SUPERVISOR, reason="order")
        for not_second in (SUPERVISOR, Steward("ann")):
            with pytest.raises(NeedsSecondPerson):
                agree_to_seal(index, asked.seal.seal_id, not_second, agrees=True, reason="seen")
        assert set(persons(index).values()) == {person, persons(index)[O]}
        agree_to_seal(index, asked.seal.seal_id, SENIOR, agrees=False, reason="wrong child")
        assert persons(index)[A1] == person
        with pytest.raises(NothingWaits):
            agree_to_seal(index, asked.seal.seal_id, SENIOR, agrees=True, reason="seen")

    def test_both_times_need_a_record(self, index: Connection) -> None:
        with pytest.raises(ImpossibleSeal):
            propose_seal(index, persons(index)[B1], {*BEFORE, *AFTER}, SUPERVISOR, reason="order")
        with pytest.raises(UnknownRecord):
            propose_seal(index, persons(index)[B1], {("meds", "nobody")}, SUPERVISOR, reason="order")

    def test_what_has_changed_since_is_not_sealed(self, index: Connection) -> None:
        asked = propose_seal(index, persons(index)[B1], {A1, A2}, SUPERVISOR, reason="order")
        send(index, {("ccsas", "new"): BIRTH})
        with pytest.raises(SealChanged):
            agree_to_seal(index, asked.seal.seal_id, SENIOR, agrees=True, reason="seen")
        assert set(persons(index).values()) == {persons(index)[B1], persons(index)[O]}

    def test_times_that_were_two_persons_already_keep_the_id_that_tells_nothing(self, conn: Connection) -> None:
        send(conn, {B1: BIRTH, A2: {**OTHER, "cin": "90000002B"}})
        before = persons(conn)
        asked = propose_seal(conn, before[B1], {A2}, SUPERVISOR, reason="order")
        done = agree_to_seal(conn, asked.seal.seal_id, SENIOR, agrees=True, reason="seen")
        assert done.retired == (before[B1],)
        assert persons(conn)[A2] == before[A2]
        assert persons(conn)[B1] != before[B1]


class TestLasting:
    def test_records_that_come_later_join_one_side_at_most(self, index: Connection) -> None:
        sealed(index)
        now = persons(index)
        late, news, number = ("csi", "late"), ("csi", "new"), ("csi", "number")
        third = {k: BIRTH[k] for k in ("ssn", "birth_date", "sex", "first_name", "identifier.ssid")}
        send(index, {late: BIRTH, news: ADOPTED, number: third})
        found = persons(index)
        assert (found[late], found[news]) == (now[B1], now[A2])
        assert is_apart(index)

    def test_a_record_that_shows_both_times_is_of_neither(self, index: Connection) -> None:
        sealed(index)
        both, now = ("csi", "both"), persons(index)
        send(index, {both: {**ADOPTED, "last_name": "Ellery Quintanilla"}})
        assert persons(index)[both] not in now.values()
        assert is_apart(index)
        assert seal_of(index).apart == 1

    def test_sides_are_kept_though_all_their_records_come_anew_under_other_numbers(self, index: Connection) -> None:
        sealed(index)
        withdraw(index, *BEFORE, *AFTER)
        send(index, {("meds", "n1"): BIRTH, ("calpads", "n2"): ADOPTED, ("csi", "n3"): BIRTH})
        relink(index, CONTEXT.model, CONTEXT.policy, RelinkOptions(accept=True))
        found = persons(index)
        assert found["meds", "n1"] == found["csi", "n3"] != found["calpads", "n2"]

    def test_the_same_record_under_a_new_name_stays_on_its_side(self, index: Connection) -> None:
        sealed(index)
        now = persons(index)
        send(index, {B2: ADOPTED})
        assert persons(index)[B2] != now[A1]
        assert is_apart(index)

    def test_a_judgement_made_before_holds_no_longer_across_the_seal(self, index: Connection) -> None:
        same = Sides(frozenset({B1, A1}), frozenset({A2}))
        made = judge(index, Decision("same", "one child"), same, Steward("ann"))
        if made.waits:
            agree(index, made.judgement_id, SENIOR, agrees=True, reason="seen")
        sealed(index)
        assert is_apart(index)
        assert persons(index)[A1] == persons(index)[A2]
        with pytest.raises(SealedPerson):
            undo(index, made.judgement_id, SENIOR, reason="a mistake")

    def test_decisions_and_files_of_judgements_are_refused(self, index: Connection) -> None:
        sealed(index)
        before = persons(index)
        with pytest.raises(SealedPerson, match="Decision against a sealed person"):
            judge(index, Decision("same", "one child"), Sides(frozenset({B1}), frozenset({A1})), SENIOR)
        text = "judgement,kind,part,source,source_record_id,reason\n1,same,1,meds,b2,x\n1,same,1,meds,a2,x\n"
        with pytest.raises(MalformedJudgements, match="Decision against a sealed person"):
            import_judgements(index, read_judgements(text), SENIOR)
        assert persons(index) == before

    def test_what_concerns_the_adopted_child_waits_for_a_second_person(self, index: Connection) -> None:
        sealed(index)
        made = judge(index, Decision("same", "one child"), Sides(frozenset({A1}), frozenset({O})), SENIOR)
        assert made.waits
        agree(index, made.judgement_id, Steward("second", senior=True), agrees=True, reason="seen")
        assert persons(index)[O] == persons(index)[A1]
        assert is_apart(index)

    def test_undoing_what_one_alone_said_of_the_adopted_child_takes_another(self, index: Connection) -> None:
        made = judge(index, Decision("same", "one child"), Sides(frozenset(AFTER), frozenset({O})), SENIOR)
        assert not made.waits
        asked = propose_seal(index, persons(index)[B1], {*AFTER, O}, SUPERVISOR, reason="order of adoption")
        agree_to_seal(index, asked.seal.seal_id, SENIOR, agrees=True, reason="seen")
        together = persons(index)
        assert together[O] == together[A1] != together[B1]
        for steward in (SENIOR, Steward("ann")):
            with pytest.raises(NeedsSecondPerson):
                undo(index, made.judgement_id, steward, reason="two children")
            assert persons(index) == together
        undo(index, made.judgement_id, Steward("max", senior=True), reason="two children")
        assert persons(index)[O] != persons(index)[A1]

    def test_a_relink_found_before_the_seal_cannot_join_the_sides_when_it_is_published(self, index: Connection) -> None:
        policy = CONTEXT.policy.model_copy(update={"max_share_of_persons_changed": 0.0, "churn": NOTHING_MAY_CHANGE})
        send(index, {("csi", "x"): BIRTH})
        index.execute("DELETE FROM oversized_key")
        far = other_model(CONTEXT.model, 29)
        try:
            relink(index, far, policy)
        except TooMuchWouldChange:
            waiting = index.execute("SELECT max(run_id) FROM run WHERE status = 'waiting'").fetchall()[0][0]
            sealed(index)
            accept(index, waiting, who="operator")
        else:
            sealed(index)
        assert is_apart(index)

    def test_nobody_can_write_the_sides_together(self, index: Connection) -> None:
        sealed(index)
        now = persons(index)
        with pytest.raises(errors.RestrictViolation, match="seal"), index.transaction():
            index.execute("DROP INDEX membership_one_holds")
            index.execute(
                "WITH ended AS (DELETE FROM membership WHERE to_at IS NULL AND person_id = %s RETURNING record_id) "
                "INSERT INTO membership (record_id, person_id, from_at, reason, run_id) "
                "SELECT record_id, %s, '2000-01-01', '', 1 FROM ended",
                [now[B1], now[A1]],
            )


class TestOpening:
    def test_a_court_order_and_two_persons_open_a_seal(self, index: Connection) -> None:
        done = sealed(index)
        number = done.seal.seal_id
        with pytest.raises(NoCourtOrder):
            propose_unsealing(index, number, SUPERVISOR, reason="order of the court")
        add_consent(
            index, "court_order", A2, sources=["meds"], from_at=NOW, until_at=None, document="file 12", who="ruth"
        )
        assert propose_unsealing(index, number, SUPERVISOR, reason="order of the court").seal.state == "opening"
        with pytest.raises(NeedsSecondPerson):
            agree_to_unsealing(index, number, SUPERVISOR, agrees=True, reason="seen")
        assert is_apart(index)
        assert agree_to_unsealing(index, number, SENIOR, agrees=True, reason="seen").seal.state == "open"
        now = persons(index)
        assert now[B1] == now[A1] == now[A2]
        assert now[A1] not in done.retired

    def test_an_opening_that_is_refused_leaves_the_seal(self, index: Connection) -> None:
        number = sealed(index).seal.seal_id
        add_consent(
            index, "court_order", B1, sources=["meds"], from_at=NOW, until_at=None, document="file 12", who="ruth"
        )
        propose_unsealing(index, number, SUPERVISOR, reason="order of the court")
        assert agree_to_unsealing(index, number, SENIOR, agrees=False, reason="no").seal.state == "in_force"
        assert is_apart(index)


def test_a_seal_outranks_what_holds_its_sides_together_over_others() -> None:
    keys = {name: ("meds", name) for name in "abxyz"}
    said = Constraints(
        must_link=frozenset({(keys["a"], keys["x"]), (keys["b"], keys["x"]), (keys["y"], keys["z"])}),
        cannot_link=frozenset({(keys["a"], keys["y"])}),
    )
    both = with_seals(said, [Sides_(frozenset({keys["b"]}), frozenset({keys["a"]}))])
    assert both.must_link == {(keys["y"], keys["z"])}
    assert both.cannot_link == {(keys["a"], keys["y"]), (keys["a"], keys["b"])}
