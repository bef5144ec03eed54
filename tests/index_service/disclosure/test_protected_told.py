"""Safe at Home: what is not told of a person whose whereabouts, or whose change of name, are protected."""

from __future__ import annotations

from config.fields import PROTECTIVE_FLAGS
from config.sources import load_sources
from index_service.arriving import receive
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.everything import everything_for
from index_service.ingesting import Write, ingest
from index_service.store.agreements import apply_agreements
from index_service.store.connection import Connection, connect
from index_service.store.releasing import released_persons
from index_service.store.roles import answering_url, grant_answering
from tests.index_service.access.minting import PURPOSES
from tests.index_service.disclosure.population import ask, question
from tests.index_service.disclosure.test_protected_persons import HOME, MARISOL

SOURCES = load_sources()


def told(url: str, person: str) -> dict[str, object]:
    """All values told of a person's records, by source."""
    wanted = ("first_name", "last_name", "alias_names", "cin", *HOME, *PROTECTIVE_FLAGS)
    found = ask(
        answering_url(url), lambda c: released_persons(c, question("all_seeing", "TREAT"), [person], attributes=wanted)
    )
    return {pointer.source: pointer.attributes for pointer in found}


def come(conn: Connection, source: str, record_id: str, **values: str) -> str:
    (answer,) = ingest(conn, [Write(receive(SOURCES[source], record_id, values).arrival)])
    return str(answer.person_id)  # type: ignore[union-attr]


def test_of_a_protected_person_no_source_s_address_is_told_and_no_name_but_the_protected_record_s(
    database_url: str,
) -> None:
    with connect(database_url) as conn:
        held = [everything_for("all_seeing", ("TREAT",), name="all_seeing")]
        apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")
        grant_answering(conn)
        person = come(conn, "meds", "1", **MARISOL, **HOME)
        assert told(database_url, person) == {
            "meds": {name: MARISOL[name] for name in ("first_name", "last_name", "cin")} | HOME
        }
        new_name = MARISOL | {"last_name": "Anders", "middle_name": "Q"}
        flags = {"address_protected": "true", "name_protected": "true"}
        assert come(conn, "calpads", "1234567890", **new_name, **HOME, **flags) == person
        assert told(database_url, person) == {
            "calpads": {name: new_name[name] for name in ("first_name", "last_name", "cin")},
            "meds": {"cin": MARISOL["cin"]},
        }
