"""What a steward sees over the API: what the client's agreements let it review, each answer with its row in the ledger.

A question or a judgement about a record that may not be reviewed is not there. What is there is told by the one way
out: the records that an answer names are those released for the action `review`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated

from anyio import from_thread
from fastapi import Depends

from config.agreements import Action
from index_service.disclosure.decide import Permission
from index_service.http.answering import Releasing, ReleasingDep
from index_service.http.requests import ConnectionsDep
from index_service.stewardship.deciding import Decided
from index_service.stewardship.effects import Effect
from index_service.stewardship.errors import UnknownRecord, UnknownTask
from index_service.store import reviewing as store
from index_service.store.connection import Connection
from index_service.store.judgements import UnknownJudgement
from index_service.store.reviewing import Reviewer
from linkage.record import PersonId, RecordKey


@dataclass(frozen=True, slots=True)
class Reviewing:
    """What one caller may review. Its methods are for routes that run in a thread."""

    releasing: Releasing
    reviewer: Reviewer
    permission: Permission

    def told(
        self, keys: Collection[RecordKey], asked: Mapping[str, object], *, action: Action = "review"
    ) -> dict[RecordKey, PersonId]:
        """Of the records that an answer is about those that are told, entered into the ledger."""
        return from_thread.run(partial(self.releasing.records, list(keys), action=action, asked=asked))

    def may_see_task(self, conn: Connection, task_id: int) -> bool:
        return store.may_review_task(conn, task_id, self.reviewer)

    def require_task(self, conn: Connection, task_id: int) -> None:
        """Raises UnknownTask, as of a task that there is not, unless the task may be seen."""
        if not self.may_see_task(conn, task_id):
            raise UnknownTask(f"There is no task {task_id}.")

    def require_judgement(self, conn: Connection, judgement_id: int) -> None:
        """Raises UnknownJudgement unless there is the judgement, and it may be seen."""
        if not store.may_review_judgement(conn, judgement_id, self.reviewer):
            raise UnknownJudgement(f"There is no judgement {judgement_id}.")

    def may_see_records(self, conn: Connection, keys: Collection[RecordKey]) -> bool:
        return store.may_review_records(conn, keys, self.reviewer)

    def require_records(self, conn: Connection, keys: Collection[RecordKey]) -> None:
        """Raises UnknownRecord, as of a record that never came, if one may not be seen."""
        if not self.may_see_records(conn, keys):
            raise UnknownRecord

    def seen(self, decided: Decided) -> Decided:
        """A decision with what may be told of its effect."""
        return replace(decided, effect=None if decided.effect is None else self.seen_effect(decided.effect))

    def seen_effect(self, effect: Effect) -> Effect:
        """An effect as far as it is on records that are told; what is counted, only where all of it is."""
        told = self.told([key for key, _, _ in effect.moved], {"effect": True})
        moved = tuple(each for each in effect.moved if each[0] in told)
        if moved == effect.moved:
            return effect
        persons = {person for _, old, new in moved for person in (old, new)}
        return Effect(
            retired=tuple(each for each in effect.retired if persons.issuperset(each)),
            revived=tuple(each for each in effect.revived if each in persons),
            created=tuple(each for each in effect.created if each in persons),
            moved=moved,
            waits=effect.waits,
        )


async def _reviewing(releasing: ReleasingDep, connections: ConnectionsDep) -> Reviewing:
    async with connections.lend() as conn:
        permission = await releasing.permission(conn, "review")
    caller = releasing.caller
    user = caller.user.subject if caller.user else None
    reviewer = Reviewer(caller.client_id, user, caller.purpose, permission.sources, permission.unconditional_sources)
    return Reviewing(releasing, reviewer, permission)


ReviewingDep = Annotated[Reviewing, Depends(_reviewing)]
