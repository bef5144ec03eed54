"""What live linking does where too many records are alike: what can be exact is, the rest is marked and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.policy import LinkagePolicy
from index_service.ingesting import Written, ingest
from index_service.linking_context import shipped
from index_service.linking_live import _groups
from index_service.pinning import kept_with
from index_service.relinking import RelinkOptions, relink
from index_service.store.connection import Connection, connect
from index_service.store.current_model import pinned_keys
from index_service.store.extract import count_records_to_link
from index_service.undoing import undo_relink
from index_service.verifying import verify
from linkage.model import Model
from linkage.record import SourceRecord
from tests.index_service.bounds import policy_in_use
from tests.index_service.http.client import with_client
from tests.index_service.http.test_metrics import figure
from tests.index_service.test_relinking_changed import load
from tests.index_service.test_sequence_neutrality import from_scratch, published, write

MODEL = shipped().model
CHANGED = RelinkOptions("changed", accept=True)
FULL = RelinkOptions(accept=True)


@pytest.fixture
def policy() -> Iterator[LinkagePolicy]:
    with policy_in_use(max_live_records=6) as policy:
        yield policy


def of_one_child(name: str, count: int, first: int = 0, **also: str) -> list[SourceRecord]:
    """Records of one child, as many as asked for."""
    child = {
        "first_name": name,
        "last_name": f"Testvogel{name}",
        "birth_date": f"2014-0{len(name) % 9 + 1}-17",
        "address_line": f"{len(name)} Example St",
        "zip": "95814",
    }
    return [SourceRecord("meds", f"{name}{first + n}", child | also) for n in range(count)]


def send(conn: Connection, records: Sequence[SourceRecord], *, deleted: bool = False) -> list[Written]:
    answers = ingest(conn, [write(record, deleted=deleted) for record in records])
    assert all(isinstance(answer, Written) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Written)]


@pytest.mark.usefixtures("policy")
def test_writes_to_several_persons_of_one_turn_do_not_add_up_to_a_bound(conn: Connection) -> None:
    """Each touches five records and six are allowed; together they touch fifteen."""
    names = ("Ada", "Bartolo", "Crispin")
    for name in names:
        send(conn, of_one_child(name, 4))
    answers = send(conn, [record for name in names for record in of_one_child(name, 1, first=9)])
    assert [(answer.outcome, answer.waits) for answer in answers] == [("joined", None)] * 3
    assert published(conn) == from_scratch(conn)[0]
    assert count_records_to_link(conn) == 0


def test_a_record_that_touches_too_many_waits_and_what_came_with_it_does_not(
    conn: Connection, policy: LinkagePolicy
) -> None:
    send(conn, of_one_child("Ada", 6))
    large, small = send(conn, [*of_one_child("Ada", 1, first=9), *of_one_child("Bartolo", 1)])
    assert (large.outcome, large.waits) == ("created", "large_scope"), "it stands alone until the next relink"
    assert (small.outcome, small.waits) == ("created", None)
    assert count_records_to_link(conn) == 1
    relink(conn, MODEL, policy, FULL)
    assert count_records_to_link(conn) == 0
    assert {len(person) for person in published(conn)} == {7, 1}
    corrected = send(conn, of_one_child("Ada", 1, first=9, zip="95815"))
    assert (corrected[0].outcome, corrected[0].waits) == ("kept", "large_scope"), "it stays with its person"
    assert relink(conn, MODEL, policy, CHANGED).scope == "changed"
    assert published(conn) == from_scratch(conn)[0]


def test_a_withdrawal_from_too_many_ends_the_membership_and_the_next_relink_looks_at_the_rest(
    conn: Connection, policy: LinkagePolicy
) -> None:
    """The withdrawn record held two halves together: what it leaves behind has to come apart."""
    left = of_one_child("Ada", 3, middle_name="Rosa")
    right = of_one_child("Noor", 3, birth_date="2009-11-23", address_line="9 Elsewhere Rd", zip="90001")
    send(conn, left)
    send(conn, right)
    bridge = SourceRecord("meds", "bridge", dict(left[0].values) | {"alias_names": ["Noor TestvogelNoor"]})
    send(conn, [bridge])
    relink(conn, MODEL, policy, FULL)
    assert relink(conn, MODEL, policy, CHANGED).run_id is None
    with policy_in_use(max_live_records=2):
        (gone,) = send(conn, [SourceRecord("meds", "bridge", {})], deleted=True)
    assert (gone.outcome, gone.person_id, gone.waits) == ("withdrawn", None, "large_scope")
    assert not any(("meds", "bridge") in person for person in published(conn))
    outcome = relink(conn, MODEL, policy, CHANGED)
    assert outcome.records >= 3, "records that were not withdrawn were looked at again"
    assert published(conn) == from_scratch(conn)[0]
    assert count_records_to_link(conn) == 0


def test_a_record_with_an_outgrown_key_is_linked_by_its_others_and_settled_by_the_next_relink(conn: Connection) -> None:
    with policy_in_use(max_block_records=4, hard_block_records=4) as policy:
        crowd = of_one_child("Ada", 4)
        child = of_one_child("Bartolo", 1, phone="916-555-0142")
        send(conn, [*crowd, *child])
        relink(conn, MODEL, policy, FULL)
        namesake = [SourceRecord("calpads", "n", {**crowd[0].values, "first_name": "Bartolo", "phone": "916-555-0142"})]
        same = SourceRecord("calpads", "s", dict(child[0].values))
        (fifth, sixth) = send(conn, [*of_one_child("Ada", 1, first=9), same])
        assert fifth.waits == "outgrown_key"
        assert (sixth.outcome, sixth.waits) == ("joined", None)
        (by_phone,) = send(conn, namesake)
        assert by_phone.waits == "outgrown_key"
        assert count_records_to_link(conn) == 2
        outcome = relink(conn, MODEL, policy, CHANGED)
        assert outcome.full_because == "more records than the policy allows share a blocking key now"
        assert count_records_to_link(conn) == 0
        assert conn.execute("SELECT count(*) > 0 FROM oversized_key").fetchone() == (True,)
        (seventh,) = send(conn, of_one_child("Ada", 1, first=10))
        assert seventh.waits is None, "the key is pinned now, and makes no candidates"
        again = relink(conn, MODEL, policy, FULL)
        assert again.change is not None and again.change.is_empty


def test_a_key_that_grows_between_the_bounds_goes_on_making_candidates_until_keys_are_reviewed(
    any_conn: Connection,
) -> None:
    """Pins belong to the model: a full relink with the same model finds what live linking found."""
    with policy_in_use(max_block_records=4, hard_block_records=8) as policy:
        load(any_conn, [*of_one_child("Ada", 3), *of_one_child("Bartolo", 5)])
        relink(any_conn, MODEL, policy, FULL)
        pinned = pinned_keys(any_conn)
        assert pinned, "those of the child with five records"
        came = send(any_conn, of_one_child("Ada", 3, first=5))
        assert [(answer.outcome, answer.waits) for answer in came] == [("joined", None)] * 3
        again = relink(any_conn, MODEL, policy, FULL)
        assert again.change is not None and again.change.is_empty
        assert again.keys_have_grown
        assert pinned_keys(any_conn) == pinned
        assert verify(any_conn, MODEL, policy).holds
        assert not verify(any_conn, MODEL, policy, anew=True).holds
        reviewed = relink(any_conn, MODEL, policy, RelinkOptions(accept=True, review_keys=True))
        assert reviewed.change is not None and not reviewed.change.is_empty
        assert not reviewed.keys_have_grown
        assert pinned < pinned_keys(any_conn)
        assert reviewed.run_id is not None
        undo_relink(any_conn, reviewed.run_id, who="steward")
        assert pinned_keys(any_conn) == pinned
        restored = relink(any_conn, MODEL, policy, FULL)
        assert restored.change is not None and restored.change.is_empty


def test_another_bound_or_another_model_reviews_the_keys(conn: Connection) -> None:
    with policy_in_use(max_block_records=4, hard_block_records=8) as policy:
        load(conn, of_one_child("Ada", 5))
        assert kept_with(conn, MODEL, policy) is None
        relink(conn, MODEL, policy, FULL)
        kept = kept_with(conn, MODEL, policy)
        assert kept is not None and {key.key for key in kept} == pinned_keys(conn)
        assert kept_with(conn, MODEL, policy.model_copy(update={"max_block_records": 6})) is None
        generic = {**MODEL.generic_values, "email": ["0123456789abcdef"]}
        other = Model.model_validate(MODEL.model_dump(mode="json") | {"generic_values": generic})
        assert kept_with(conn, other, policy) is None
        relink(conn, MODEL, policy.model_copy(update={"max_block_records": 6}), FULL)
        assert pinned_keys(conn) == frozenset()


def test_what_waits_and_what_is_cut_is_told_and_counted(database_url: str) -> None:
    waits = 'person_index_records_put_off_total{reason="large_scope"}'
    cut = "person_index_records_cut_total"

    async def use(client: httpx.AsyncClient) -> None:
        before = figure(waits), figure(cut)
        told = []
        for record in of_one_child("Ada", 8):
            path = f"/v1/sources/{record.source}/records/{record.source_record_id}"
            answer = (await client.put(path, json=dict(record.values))).json()
            told.append((answer["is_cut"], answer["waits_for_relink"]))
        assert told == [(False, False)] * 4 + [(True, False)] * 2 + [(False, True)] * 2
        assert (figure(waits), figure(cut)) == (before[0] + 2, before[1] + 2)

    with policy_in_use(max_live_records=6, max_component_records=4):
        with_client(database_url, use)
    with connect(database_url) as conn:
        assert count_records_to_link(conn) == 2


named = st.one_of(st.integers(0, 9), st.sampled_from(["person a", "person b", "component"]))


@given(st.lists(st.tuples(named, named), max_size=12))
def test_records_are_grouped_by_whatever_leads_from_one_to_another(ties: list[tuple[object, object]]) -> None:
    reached = {record: {record} for record in range(10)}
    for record in reached:
        grown: set[object] = {record}
        while (wider := grown | {end for tie in ties if not grown.isdisjoint(tie) for end in tie}) != grown:
            grown = wider
        reached[record] = {end for end in grown if isinstance(end, int)}
    found = _groups(range(10), ties)
    assert {frozenset(group) for group in found} == {frozenset(group) for group in reached.values()}
    assert sum(map(len, found)) == 10


def test_many_records_of_one_component_are_grouped_one_by_one() -> None:
    """A model that fits badly ties tens of thousands together: to copy a group for each record would take hours."""
    many = 60_000
    (group,) = _groups(range(many), ((record, "component") for record in range(many)))
    assert len(group) == many
