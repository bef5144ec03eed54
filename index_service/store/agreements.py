"""Agreements as they were applied: texts that never change, and what follows from them for every client."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from config.agreements import Action, Agreement
from index_service.disclosure.clauses import Clause
from index_service.disclosure.decide import Permission, Permit, Window, windows
from index_service.errors import IndexServiceError
from index_service.store.connection import AsyncConnection, Connection
from index_service.store.statements import statements

_sql = statements("agreements")


class AgreementTextChanged(IndexServiceError):
    """An agreement's text was changed without giving it a new version."""

    hint = "Raise `version` in the file: what was applied under a version stays readable for ever."


@dataclass(frozen=True, slots=True)
class Application:
    """An application of agreements. `number` None: none was ever applied, and everything is denied."""

    number: int | None
    references: tuple[str, ...]


def apply_agreements(
    conn: Connection, agreements: Sequence[Agreement], clauses: Sequence[Clause], *, reason: str, who: str
) -> Application:
    """Let these agreements hold from now on, and no others. In one transaction.

    Raises:
        AgreementTextChanged: a version that was applied before now has another text, or the version went back.
    """
    with conn.transaction():
        for agreement in agreements:
            _record_text(conn, agreement)
        references = sorted(agreement.reference for agreement in agreements)
        row = conn.execute(_sql["add_application"], {"agreements": references, "reason": reason, "who": who}).fetchone()
        if row is None:
            raise LookupError("add_application")
        cells = {agreement.reference: agreement.smallest_cell for agreement in agreements}
        permits = [
            _parameters(row[0], window, permit, cells) for window in windows(clauses) for permit in window.permits
        ]
        with conn.cursor() as cursor:
            cursor.executemany(_sql["add_permit"], permits)
    return Application(row[0], tuple(references))


def current_application(conn: Connection) -> Application:
    """Which agreements hold."""
    row = conn.execute(_sql["current_application"]).fetchone()
    return Application(None, ()) if row is None else Application(row[0], tuple(row[1]))


def applied_agreements(conn: Connection) -> list[Agreement]:
    """The agreements that hold, as they were applied, ordered by id."""
    references = list(current_application(conn).references)
    rows = conn.execute(_sql["documents"], {"references": references}).fetchall()
    return [Agreement.model_validate_json(row[0]) for row in rows]


class PermissionsHeld:
    """What the agreements allow, as one process has read it: the database is asked each time which agreements hold.

    What follows from an application never changes, so that it is read once; for choosing where to search, before
    anything is released.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[_Key, tuple[_Held, ...]] = OrderedDict()

    async def now(
        self, conn: AsyncConnection, client: str, purpose: str, actions: Sequence[Action], at: datetime
    ) -> list[Permission]:
        """What a client may do for a purpose at this moment, by action."""
        (application,) = await last_applications(conn, [None])
        return [await self.under(conn, application, client, purpose, action, at) for action in actions]

    def known(
        self, application: int | None, client: str, purpose: str, actions: Sequence[Action], at: datetime
    ) -> list[Permission] | None:
        """What a client may do if this application is the last, where that was read before."""
        keys: list[_Key] = [(application, client, purpose, action) for action in actions]
        if not all(key in self._held for key in keys):
            return None
        return [_at(self._held[key], key, at) for key in keys]

    async def under(
        self, conn: AsyncConnection, application: int | None, client: str, purpose: str, action: Action, at: datetime
    ) -> Permission:
        """What a client may do for a purpose, if this application is the last."""
        return await self._of(conn, (application, client, purpose, action), at)

    async def _of(self, conn: AsyncConnection, key: _Key, at: datetime) -> Permission:
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = await _read_permissions(conn, key)
            while len(self._held) > _MOST_HELD:
                self._held.popitem(last=False)
        return _at(held, key, at)


_Key = tuple[int | None, str, str, Action]
_MOST_HELD = 10_000


@dataclass(frozen=True, slots=True)
class _Held:
    from_at: datetime
    until_at: datetime
    permission: Permission


def _at(held: Sequence[_Held], key: _Key, at: datetime) -> Permission:
    _, client, purpose, action = key
    nothing = Permission(client, purpose, action, (), None)
    return next((each.permission for each in held if each.from_at <= at < each.until_at), nothing)


async def last_applications(conn: AsyncConnection, asked: Sequence[None]) -> list[int | None]:
    """The number of the application whose agreements hold, for each who asks; None before the first."""
    (application,) = await (await conn.execute(_sql["last_application"])).fetchone() or (None,)
    return [application] * len(asked)


async def _read_permissions(conn: AsyncConnection, key: _Key) -> tuple[_Held, ...]:
    application, client, purpose, action = key
    parameters = {"application_id": application, "client_id": client, "purpose": purpose, "action": action}
    rows = await (await conn.execute(_sql["permits"], parameters)).fetchall()
    found = []
    for (from_at, until_at), of_window in groupby(rows, key=itemgetter(0, 1)):
        permits = tuple(Permit(*row[2:5], *map(tuple, row[5:8]), *row[8:10]) for row in of_window)
        found.append(_Held(from_at, until_at, Permission(client, purpose, action, permits, until_at)))
    return tuple(found)


def document_of(agreement: Agreement) -> str:
    """The text of an agreement as JSON. Defaults are left out, so that a key added to the model changes no old text."""
    return agreement.model_dump_json(exclude_defaults=True)


def _record_text(conn: Connection, agreement: Agreement) -> None:
    document = document_of(agreement)
    key = {"agreement_id": agreement.id, "version": agreement.version}
    sha256 = hashlib.sha256(document.encode()).hexdigest()
    conn.execute(_sql["add_version"], {**key, "document": document, "sha256": sha256})
    (recorded,) = conn.execute(_sql["text_of"], key).fetchone() or (None,)
    if recorded != sha256:
        raise AgreementTextChanged(f"{agreement.reference} was applied before with another text.")
    (latest,) = conn.execute(_sql["latest_version"], key).fetchone() or (None,)
    if latest != agreement.version:
        raise AgreementTextChanged(f"{agreement.id} was applied before as version {latest}, which is newer.")


def _parameters(
    application_id: int, window: Window, permit: Permit, cells: Mapping[str, int | None]
) -> dict[str, object]:
    return {
        "application_id": application_id,
        "client_id": window.client,
        "purpose": window.purpose,
        "action": window.action,
        "from_at": window.from_at,
        "until_at": window.until_at,
        "source": permit.source,
        "agreement": permit.agreement,
        "clause": permit.clause,
        "attributes": list(permit.attributes),
        "on_file": list(permit.on_file),
        "relationships": list(permit.relationships),
        "legal_responsibility": permit.legal_responsibility,
        "breaks_glass": permit.breaks_glass,
        "smallest_cell": cells[permit.agreement],
    }
