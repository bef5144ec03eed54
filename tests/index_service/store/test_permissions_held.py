"""What a process holds of permissions is what was decided for the moment, under the agreements that hold now."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from config.purposes import load_purposes
from config.sources import load_sources
from index_service.disclosure.clauses import clauses_of
from index_service.disclosure.decide import Permission
from index_service.disclosure.everything import everything_for
from index_service.store.agreements import PermissionsHeld, apply_agreements
from index_service.store.connection import AsyncConnection, connect

CLIENT, PURPOSE = "county", "TREAT"
NOW = datetime.now(UTC)


def apply(url: str, *sources: str) -> None:
    agreements = [everything_for(CLIENT, [PURPOSE], sources, name="_".join(sources))] if sources else []
    clauses = clauses_of(agreements, load_sources(), load_purposes())
    with connect(url) as conn:
        apply_agreements(conn, agreements, clauses, reason="test", who="test")


def test_other_agreements_hold_from_the_next_question_on_and_end_at_their_day(database_url: str) -> None:
    held = PermissionsHeld()

    async def permission(at: datetime = NOW, client: str = CLIENT) -> Permission:
        async with await AsyncConnection.connect(database_url, autocommit=True) as conn:
            resolve, pointers = await held.now(conn, client, PURPOSE, ("resolve", "pointers"), at)
        assert resolve.sources == pointers.sources
        assert (resolve.action, pointers.action) == ("resolve", "pointers")
        return resolve

    async def ask() -> None:
        assert not (await permission()).permits
        apply(database_url, "meds", "calsaws")
        assert (await permission()).sources == {"meds", "calsaws"}
        assert not (await permission(client="another")).permits
        ends = (await permission()).valid_until
        assert ends is not None
        assert (await permission(ends - timedelta(microseconds=1))).sources == {"meds", "calsaws"}
        assert not (await permission(ends)).permits
        assert not (await permission(NOW - timedelta(days=3))).permits
        apply(database_url, "meds")
        assert (await permission()).sources == {"meds"}
        apply(database_url)
        assert not (await permission()).permits

    asyncio.run(ask())
