"""Events are posted to receivers: signed, in order, at least once, and only what may be told at that moment."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from index_service.access import clients
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.everything import everything_for
from index_service.disclosure.sealing import add_key, load_keyring
from index_service.http.answering import Answering
from index_service.settings import Settings
from index_service.store.agreements import apply_agreements
from index_service.store.connection import Connection, connect
from index_service.store.webhooks import Webhook, dead_letters, webhooks
from index_service.webhooks.administering import (
    NoSuchLetter,
    NoSuchWebhook,
    Wanted,
    WebhookRefused,
    add,
    resend,
    rotate,
    switch,
)
from index_service.webhooks.pauses import AWAY_S, REFUSED_S, Tried, pause_s, tried_again
from index_service.webhooks.posting import Outcome, Verdict, is_safe_url, meaning
from index_service.webhooks.sending import Sender, Sent
from index_service.webhooks.signing import message_id, new_secret, signature_headers
from tests.conftest import NewDatabase
from tests.index_service.access.minting import PURPOSES, UNLIMITED, bearer, mint_client, mint_token
from tests.index_service.cli.conftest import PersonIndex, in_database, person_index  # noqa: F401 - fixtures
from tests.index_service.disclosure.generated import SOURCES
from tests.index_service.disclosure.population import two_children
from tests.index_service.disclosure.two_databases import ALLOWED, fill, invent
from tests.index_service.http.client import with_client
from tests.index_service.http.running import running_service
from tests.index_service.store.partitions import decide_question, load_ids, publish
from tests.index_service.webhooks.receiving import Received, Receiver, receiving

CLIENT, PURPOSE = "county", "TREAT"
CHILDREN = ("0Ab3", "19:A", "M1", "S1")


@pytest.fixture(autouse=True)
def lines() -> Iterator[list[MutableMapping[str, Any]]]:
    with structlog.testing.capture_logs() as captured:
        yield captured


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def allow(conn: Connection, *sources: str) -> None:
    """Let the client learn of these sources from now on, and of no others."""
    held = [everything_for(CLIENT, [PURPOSE], sources, name=f"of_{len(sources)}_{sources[0]}")] if sources else []
    apply_agreements(conn, held, clauses_of(held, SOURCES, PURPOSES), reason="test", who="tests")


@pytest.fixture
def index(conn: Connection) -> Connection:
    """Two children and a client that may learn of all of them."""
    two_children(conn)
    mint_client(conn, CLIENT, limits=UNLIMITED)
    allow(conn, *SOURCES)
    return conn


def keyring() -> Any:
    return load_keyring(Settings().sealing_keys)


def hook(conn: Connection, url: str, after: str | None = "") -> tuple[int, str]:
    """A webhook of the client, from the beginning unless said otherwise; its number and secret."""
    return add(conn, keyring(), Wanted(CLIENT, url, PURPOSE, after), PURPOSES, who="tests", reason="test")


def send(url: str, *later: timedelta) -> Sent | None:
    """Send what there is to send, now or as if so much time had passed, each in turn; None where another one sends."""

    async def run() -> Sent | None:
        settings, passed = Settings(pool_size=1), [timedelta()]
        answering = Answering(url, settings)
        await answering.pool.open()
        sender = Sender(url, answering.connections, settings.sealing_keys, clock=lambda: datetime.now(UTC) + passed[0])
        try:
            for passed[0] in later or [timedelta()]:
                if not await sender.send_all():
                    return None
            return sender.sent
        finally:
            await sender.close()
            await answering.pool.close()

    return asyncio.run(run())


def after_each(pauses: Sequence[float]) -> list[timedelta]:
    """Moments at which a first attempt, and one after each pause, are due."""
    return [timedelta(seconds=total * 1.2) for total in accumulate((0, *pauses))]


def the_webhook(conn: Connection) -> Webhook:
    (found,) = webhooks(conn)
    return found


def ledger(conn: Connection, outcome: str = "released") -> int:
    row = conn.execute("SELECT count(*) FROM disclosure WHERE outcome = %s", [outcome]).fetchone()
    assert row is not None
    return int(row[0])


def read_events(url: str) -> list[dict[str, Any]]:
    """What the client reads by itself."""
    told: list[dict[str, Any]] = []

    async def use(client: httpx.AsyncClient) -> None:
        with connect(url) as conn:
            version = clients.history(conn, CLIENT)[-1]
        token = mint_token(client._transport.app, version.client)  # type: ignore[attr-defined]
        told.extend((await client.get("/v1/events", headers=bearer(token))).json()["events"])

    with_client(url, use)
    return told


def without_position(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "position"}


# -------------------------------------------------------------------------------------------------------- what is sent


def test_a_receiver_is_told_in_order_what_the_client_can_read_signed(
    index: Connection, database_url: str, receiver: Receiver
) -> None:
    publish(index, {"0Ab3": "2222-2222-2222", "0Other": "2222-2222-2222"})
    number, secret = hook(index, receiver.url)
    assert send(database_url) == Sent(delivered=len(receiver.got))
    assert [without_position(each.body["data"]) for each in receiver.got] == [
        without_position(event) for event in read_events(database_url)
    ]
    assert len(receiver.got) >= 4
    for each in receiver.got:
        assert each.is_signed_with(secret)
        assert not each.is_signed_with(new_secret())
        assert set(each.body) == {"type", "timestamp", "data"}
        assert each.body["type"] == f"person.{each.body['data']['kind']}"
        assert each.headers["content-type"] == "application/json"
    assert len({each.message_id for each in receiver.got}) == len(receiver.got)
    shown = the_webhook(index)
    assert (shown.webhook_id, shown.delivered, shown.problem) == (number, len(receiver.got), None)


def test_what_was_told_once_is_not_told_again_and_what_is_new_is(
    index: Connection, database_url: str, receiver: Receiver
) -> None:
    hook(index, receiver.url)
    send(database_url)
    before = len(receiver.got)
    entries = ledger(index) + ledger(index, "nothing")
    assert send(database_url) == Sent()
    assert ledger(index) + ledger(index, "nothing") == entries, "where nothing has happened nothing is asked"
    load_ids(index, ["0New"], first_name="Nele")
    publish(index, {"0New": "4444-4444-4444"})
    send(database_url)
    assert [each.told for each in receiver.got[before:]] == [("created", ("0New",))]


def test_a_decided_question_is_posted_though_nobody_changed_unless_a_record_of_it_may_not_be_known(
    index: Connection, database_url: str, receiver: Receiver
) -> None:
    hook(index, receiver.url, after=None)
    decide_question(index, [("cws_cms", "0Ab3")], [("cws_cms", "0Other")])
    decide_question(index, [("cws_cms", "0Ab3"), ("csi", "19:A")], [("cws_cms", "0Other")])
    allow(index, "cws_cms")
    send(database_url)
    (posted,) = receiver.got
    assert posted.body["type"] == "person.review_decided"
    assert posted.told == ("review_decided", ("0Ab3", "0Other"))


def test_it_begins_with_what_happens_from_then_on_or_where_the_client_stands(
    index: Connection, database_url: str, receiver: Receiver
) -> None:
    hook(index, receiver.url, after=None)
    send(database_url)
    assert receiver.got == []
    first, *rest = read_events(database_url)
    hook(index, receiver.url + "/resumed", after=first["position"])
    send(database_url)
    assert [without_position(each.body["data"]) for each in receiver.got] == [without_position(e) for e in rest]


def test_an_event_is_told_with_a_position_to_resume_from(
    index: Connection, database_url: str, receiver: Receiver
) -> None:
    hook(index, receiver.url)
    send(database_url)
    second = receiver.got[0].body["data"]["position"]
    hook(index, receiver.url + "/resumed", after=second)
    before = len(receiver.got)
    send(database_url)
    assert [each.message_id for each in receiver.got[before:]] != [each.message_id for each in receiver.got[1:before]]
    assert [each.told for each in receiver.got[before:]] == [each.told for each in receiver.got[1:before]]


def test_the_agreements_at_the_moment_of_sending_decide_and_the_ledger_has_every_attempt(
    index: Connection, database_url: str, receiver: Receiver
) -> None:
    receiver.answering = lambda _: 503
    hook(index, receiver.url)
    before = ledger(index)
    send(database_url)
    assert len(receiver.got) == 1
    assert ledger(index) == before + 1
    (request_id,) = (
        index.execute("SELECT request_id FROM disclosure ORDER BY disclosure_id DESC LIMIT 1").fetchone() or ()
    )
    assert receiver.got[0].headers["x-request-id"] == request_id
    allow(index, "calpads")
    receiver.answering = lambda _: 204
    send(database_url, timedelta(minutes=1))
    assert [kind for kind, _ in receiver.told[1:]] == ["created"]
    assert [ids for _, ids in receiver.told[1:]] == [("S1",)]
    allow(index)
    publish(index, {"0Ab3": "2222-2222-2222", "0Other": "2222-2222-2222"})
    released = ledger(index)
    assert send(database_url, timedelta(minutes=1)) == Sent()
    assert (len(receiver.got), ledger(index)) == (2, released)


def test_events_that_are_not_told_leave_no_trace(new_database: NewDatabase, receiver: Receiver) -> None:
    """Two databases that differ in forbidden records only: messages alike, in the same number and order."""
    population = invent(4)
    for with_forbidden in (True, False):
        url = new_database()
        with connect(url) as conn:
            fill(conn, population, with_forbidden=with_forbidden)
            mint_client(conn, CLIENT, limits=UNLIMITED)
            allow(conn, *ALLOWED)
            hook(conn, f"{receiver.url}/{with_forbidden}")
        send(url)

    def told(path: str) -> list[Any]:
        varies = {"position", "at"}
        got = [each for each in receiver.got if each.path == path]
        return [
            (
                {k: v for k, v in each.body["data"].items() if k not in varies},
                sorted(each.headers),
                len(each.message_id),
            )
            for each in got
        ]

    assert told("/events/True") == told("/events/False") != []


@pytest.mark.parametrize("change", ["disabled", "without the scope"])
def test_a_client_that_may_no_longer_is_not_told(
    index: Connection, database_url: str, receiver: Receiver, change: str
) -> None:
    hook(index, receiver.url)
    if change == "disabled":
        clients.set_status(index, CLIENT, "disabled", who="tests", reason="test")
    else:
        clients.change(index, CLIENT, PURPOSES, who="tests", reason="test", scopes=("index/read",))
    assert send(database_url) == Sent()
    assert receiver.got == []


# ------------------------------------------------------------------------------------------ what could not be delivered


def test_a_receiver_that_is_away_is_tried_again_later_each_time_in_order(
    index: Connection, database_url: str, receiver: Receiver
) -> None:
    receiver.answering = lambda _: 503
    hook(index, receiver.url)
    send(database_url)
    assert len(receiver.got) == 1
    assert the_webhook(index).problem == "HTTP 503"
    assert send(database_url) == Sent(), "not before its time"
    send(database_url, timedelta(seconds=7))
    receiver.answering = lambda _: 204
    assert send(database_url, timedelta(seconds=30)) == Sent(), "the second pause is longer"
    send(database_url, timedelta(minutes=1))
    first, second, third, *_ = receiver.got
    assert first.message_id == second.message_id == third.message_id
    assert [each.told for each in receiver.got[2:]] == [
        (event["kind"], tuple(record["source_record_id"] for record in event["records"]))
        for event in read_events(database_url)
    ]


def test_nobody_at_the_address_is_away_too(index: Connection, database_url: str) -> None:
    with receiving() as closed:
        hook(index, closed.url)
    assert send(database_url) == Sent(failed=1)
    assert the_webhook(index).problem == "ConnectError"


def test_a_receiver_that_asks_for_patience_gets_it(index: Connection, database_url: str, receiver: Receiver) -> None:
    receiver.answering = lambda _: (429, {"retry-after": "3600"})
    hook(index, receiver.url)
    send(database_url)
    assert send(database_url, timedelta(minutes=50)) == Sent()
    assert send(database_url, timedelta(minutes=61)) == Sent(failed=1)


def test_a_receiver_that_is_away_for_days_is_switched_off_and_goes_on_where_it_was(
    index: Connection, database_url: str, receiver: Receiver, lines: list[MutableMapping[str, Any]]
) -> None:
    receiver.answering = lambda _: 502
    number, _ = hook(index, receiver.url)
    send(database_url, *after_each(AWAY_S))
    assert len(receiver.got) == len(AWAY_S) + 1
    shown = the_webhook(index)
    assert (shown.is_on, shown.switched_by, shown.waiting_letters) == (False, "person index", 0)
    assert "webhook_off" in {line["event"] for line in lines}
    receiver.answering = lambda _: 204
    assert send(database_url, timedelta(days=30)) == Sent()
    before = len(receiver.got)
    switch(index, number, is_on=True, reason="it is back", who="tests")
    send(database_url)
    assert len(receiver.got) - before == len(read_events(database_url))
    assert receiver.got[before].message_id == receiver.got[0].message_id


def test_a_receiver_that_is_gone_is_switched_off_at_once(
    index: Connection, database_url: str, receiver: Receiver
) -> None:
    receiver.answering = lambda _: 410
    hook(index, receiver.url)
    send(database_url)
    assert (len(receiver.got), the_webhook(index).is_on) == (1, False)


def refuses(ids: str) -> Callable[[Received], int]:
    return lambda received: 422 if ids in received.told[1] else 204


def test_a_message_that_is_refused_becomes_a_dead_letter_and_the_next_ones_are_sent(
    index: Connection, database_url: str, receiver: Receiver
) -> None:
    load_ids(index, ["0New"], first_name="Nele")
    publish(index, {"0New": "4444-4444-4444"})
    receiver.answering = refuses("0Other")
    hook(index, receiver.url)
    send(database_url, *after_each(REFUSED_S))
    (letter,) = dead_letters(index)
    refused = [each for each in receiver.got if "0Other" in each.told[1]]
    assert {each.message_id for each in refused} == {letter.message_id}
    assert (len(refused), letter.attempts, letter.problem) == (len(REFUSED_S) + 1, len(REFUSED_S) + 1, "HTTP 422")
    assert receiver.told[-1] == ("created", ("0New",))

    resend(index, [letter.letter_id], who="tests")
    send(database_url)
    (again,) = dead_letters(index)
    assert (again.asked_by, again.attempts) == (None, letter.attempts + 1), "refused again, and back on the list"

    receiver.answering = lambda _: 204
    resend(index, [letter.letter_id], who="tests")
    send(database_url)
    assert receiver.got[-1].message_id == letter.message_id
    assert dead_letters(index) == []
    assert [each.settled_how for each in dead_letters(index, settled_too=True)] == ["delivered"]
    with pytest.raises(NoSuchLetter):
        resend(index, [letter.letter_id], who="tests")


def test_a_dead_letter_that_may_not_be_told_any_more_is_not_sent_nor_another_instead(
    index: Connection, database_url: str, receiver: Receiver
) -> None:
    receiver.answering = refuses("0Other")
    hook(index, receiver.url)
    send(database_url, *after_each(REFUSED_S))
    (letter,) = dead_letters(index)
    allow(index, "calpads")
    resend(index, [letter.letter_id], who="tests")
    receiver.answering = lambda _: 204
    before, rows = len(receiver.got), ledger(index)
    load_ids(index, ["0New"], source="calpads", first_name="Nele")
    publish(index, {"0New": "4444-4444-4444"})
    send(database_url)
    assert [each.settled_how for each in dead_letters(index, settled_too=True)] == ["no longer told"]
    assert [ids for _, ids in receiver.told[before:]] == [("0New",)]
    assert ledger(index) == rows + 1


def test_a_redirect_is_not_followed(index: Connection, database_url: str, receiver: Receiver) -> None:
    receiver.answering = lambda _: (307, {"location": receiver.url + "/elsewhere"})
    hook(index, receiver.url)
    send(database_url)
    assert [each.path for each in receiver.got] == ["/events"]
    assert the_webhook(index).problem == "HTTP 307"


# ----------------------------------------------------------------------------------------------- who sends, and when


def test_killed_between_receipt_and_confirmation_it_tells_again_and_nothing_is_lost(
    index: Connection, database_url: str, receiver: Receiver, tmp_path: Path
) -> None:
    load_ids(index, ["0New", "0Newer"], first_name="Nele")
    publish(index, {"0New": "4444-4444-4444", "0Newer": "5555-5555-5555"})
    hook(index, receiver.url)
    process: list[subprocess.Popen[bytes]] = []
    started = time.monotonic()

    def kill_at_second(_: Received) -> int:
        while not process and time.monotonic() - started < 20:
            time.sleep(0.01)
        if len(receiver.got) == 2:
            os.kill(process[0].pid, signal.SIGKILL)
            process[0].wait()
        return 204

    receiver.answering = kill_at_second
    command = [sys.executable, "-c", "from index_service.cli import main; main()", "webhooks", "send", "--once"]
    environment = {
        **os.environ,
        "PERSON_INDEX_DATABASE_URL": database_url,
        "PERSON_INDEX_LEDGER_SEALS": str(tmp_path / "seals"),
    }
    process.append(subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.PIPE))
    assert process[0].wait(60) == -signal.SIGKILL
    if process[0].stderr is not None:
        process[0].stderr.close()
    receiver.answering = lambda _: 204
    deadline = time.monotonic() + 20
    while (sent := send(database_url)) is None and time.monotonic() < deadline:
        time.sleep(0.05)  # until the server has seen that the connection with the lock is gone
    assert sent is not None
    ids = [each.message_id for each in receiver.got]
    assert ids[1] == ids[2], "the second was received, and not known to be"
    assert len(set(ids)) == len(ids) - 1 == len(read_events(database_url))


def test_one_sends_at_a_time(index: Connection, database_url: str, receiver: Receiver) -> None:
    hook(index, receiver.url)

    async def run() -> None:
        settings = Settings(pool_size=2)
        answering = Answering(database_url, settings)
        await answering.pool.open()
        one, other = (Sender(database_url, answering.connections, settings.sealing_keys) for _ in range(2))
        try:
            assert await one.look()
            assert not await other.look()
            await one.close()
            assert await other.send_all()
        finally:
            await one.close()
            await other.close()
            await answering.pool.close()

    asyncio.run(run())
    assert len({each.message_id for each in receiver.got}) == len(read_events(database_url))


def test_the_running_service_sends_by_itself(index: Connection, database_url: str, receiver: Receiver) -> None:
    hook(index, receiver.url)
    deadline = time.monotonic() + 20
    with running_service(database_url):
        while the_webhook(index).delivered < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert len(receiver.got) == len(read_events(database_url)) == 2


# ------------------------------------------------------------------------------------------------------ keys and lists


def test_secrets_are_sealed_and_change_over_with_both_signing(
    index: Connection, database_url: str, receiver: Receiver
) -> None:
    number, old = hook(index, receiver.url)
    add_key(Settings().sealing_keys)  # a running service learns of it
    new = rotate(index, keyring(), number, who="tests")
    stored = "".join(str(row) for row in index.execute("SELECT s::text, w::text FROM webhook_secret s, webhook w"))
    assert old not in stored
    assert bytes(old, "ascii").hex() not in stored
    send(database_url)
    assert all(each.is_signed_with(old) and each.is_signed_with(new) for each in receiver.got)
    final = rotate(index, keyring(), number, who="tests", overlap=timedelta())
    load_ids(index, ["0New"], first_name="Nele")
    publish(index, {"0New": "4444-4444-4444"})
    send(database_url)
    last = receiver.got[-1]
    assert [last.is_signed_with(secret) for secret in (old, new, final)] == [False, False, True]


def test_a_signature_is_that_of_the_specification() -> None:
    """The example of standardwebhooks.com's libraries."""
    headers = signature_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        1614265330,
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_ids_of_messages_tell_nothing_of_numbers() -> None:
    key, other = b"k" * 32, b"o" * 32
    ids = [message_id(key, False, number) for number in range(1, 200)]
    assert len(set(ids)) == len(ids)
    assert ids != sorted(ids)
    assert message_id(key, False, 1) == ids[0] != message_id(other, False, 1)
    assert all("." not in each for each in ids)


@pytest.mark.parametrize(
    ("url", "is_safe"),
    [
        ("https://receiver.example/events", True),
        ("https://receiver.example:8443/events?county=19", True),
        ("http://127.0.0.1:9000/", True),
        ("http://localhost/events", True),
        ("http://[::1]:9000/events", True),
        ("http://receiver.example/events", False),
        ("http://127.0.0.1.receiver.example/", False),
        ("https://user:word@receiver.example/", False),
        ("https://receiver.example/#part", False),
        ("file:///etc/hosts", False),
        ("ftp://receiver.example/", False),
        ("https:///events", False),
        ("https://receiver.example:0/", False),
        ("https://receiver.example:many/", False),
        ("https://[receiver/", False),
        ("receiver.example", False),
    ],
)
def test_where_messages_may_be_posted(url: str, is_safe: bool) -> None:
    assert is_safe_url(url) is is_safe


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.DELIVERED),
        (202, Verdict.DELIVERED),
        (301, Verdict.AWAY),
        (400, Verdict.REFUSED),
        (401, Verdict.AWAY),
        (404, Verdict.AWAY),
        (410, Verdict.GONE),
        (422, Verdict.REFUSED),
        (429, Verdict.AWAY),
        (500, Verdict.REFUSED),
        (503, Verdict.AWAY),
    ],
)
def test_what_a_status_means(status: int, verdict: Verdict) -> None:
    assert meaning(status).verdict is verdict


@pytest.mark.parametrize(("said", "wait_s"), [("120", 120), ("999999999", 86_400), ("soon", 0), ("-5", 0), ("²", 0)])
def test_how_long_a_receiver_wants_to_be_left_alone(said: str, wait_s: float) -> None:
    assert meaning(503, said).wait_s == wait_s


def test_pauses_grow_and_end() -> None:
    away, refused = Outcome(Verdict.AWAY), Outcome(Verdict.REFUSED)
    for outcome, pauses in ((away, AWAY_S), (refused, REFUSED_S)):
        tried, waits = Tried(0, 0), []
        for _ in pauses:
            tried = tried_again(tried, outcome)
            waits.append(pause_s(tried, outcome))
        assert all(least <= (wait or 0) <= least * 1.1 for least, wait in zip(pauses, waits, strict=True))
        assert pause_s(tried_again(tried, outcome), outcome) is None
    assert tried_again(Tried(4, 1), refused) == Tried(0, 2), "who refuses is there"
    assert sum(AWAY_S) > 3 * 24 * 3600


def test_what_cannot_be_added_is_refused_with_a_mend(index: Connection) -> None:
    def wanted(client: str = CLIENT, url: str = "https://r.example/", purpose: str = PURPOSE, after: str = "") -> None:
        add(index, keyring(), Wanted(client, url, purpose, after), PURPOSES, who="tests", reason="test")

    mint_client(index, "reader", scopes=("index/read",))
    with pytest.raises(WebhookRefused, match="lacks the scope"):
        wanted(client="reader")
    with pytest.raises(WebhookRefused, match="may not state"):
        wanted(purpose="BTG")
    with pytest.raises(WebhookRefused, match="not posted"):
        wanted(url="http://r.example/")
    with pytest.raises(WebhookRefused, match="no position"):
        wanted(after="AAAA")
    with pytest.raises(NoSuchWebhook):
        switch(index, 77, is_on=False, reason="test", who="tests")
    assert webhooks(index) == []


@dataclass
class Commands:
    """Calls of `person-index webhooks`."""

    person_index: PersonIndex

    def __call__(self, *words: object) -> Any:
        answer = self.person_index("webhooks", *words, "--json")
        assert answer.code == 0, answer.err
        return answer.json()


def test_the_commands(index: Connection, in_database: str, person_index: PersonIndex, receiver: Receiver) -> None:  # noqa: F811
    call = Commands(person_index)
    added = ("add", CLIENT, receiver.url, "--purpose", PURPOSE, "--secret-file", "county.whsec", "--from-beginning")
    assert call(*added)["webhook"] == 1
    secret = Path("county.whsec")
    assert secret.stat().st_mode & 0o777 == 0o600
    assert person_index("webhooks", *added).code == 2, "the file of a secret is not written over"
    assert len(call("list")["webhooks"]) == 1

    receiver.answering = lambda _: 500
    send(in_database, *after_each(REFUSED_S))
    (letter, *_) = call("dead-letters")["dead_letters"]
    assert receiver.got[0].is_signed_with(secret.read_text().strip())
    call("disable", 1, "--reason", "the receiver is mended")
    receiver.answering = lambda _: 204
    assert call("send", "--once") == {"sends": True, "delivered": 0, "failed": 0, "dead_letters": 0}
    call("enable", 1)
    assert call("resend", letter["letter_id"])["asked"] == [letter["letter_id"]]
    call("send", "--once")
    assert call("dead-letters")["dead_letters"] == []
    assert len(call("dead-letters", "--all")["dead_letters"]) == 1
    call("rotate", 1, "--secret-file", "county.new.whsec")
    told = person_index("webhooks", "list").out
    assert "2 delivered" in told or "1 delivered" in told
    assert secret.read_text().strip() not in told
    assert person_index("webhooks", "resend").code == 2
    assert person_index("webhooks", "send").code == 2
