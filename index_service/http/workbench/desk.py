"""What the pages work with: database connections, how long a session lasts, the identity provider, the clock's zone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from psycopg_pool import ConnectionPool

from index_service.accounts.identity_provider import IdentityProvider, provider_settings
from index_service.accounts.sessions import SessionRules
from index_service.settings import Settings
from index_service.store.connection import Connection, workbench_pool


@dataclass(frozen=True, slots=True)
class Desk:
    """One per service.

    provider: None where people sign in with local accounts only. ledger_seals: the seals kept outside the database.
    """

    pool: ConnectionPool[Connection]
    rules: SessionRules
    provider: IdentityProvider | None
    local_accounts: bool
    public_url: str | None
    zone: ZoneInfo
    ledger_seals: Path

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A connection for the block: read and write, each statement a transaction unless said otherwise."""
        with self.pool.connection() as conn:
            yield conn

    def open(self) -> None:
        self.pool.open()

    def close(self) -> None:
        self.pool.close()
        if self.provider:
            self.provider.close()


def desk_for(url: str, settings: Settings) -> Desk:
    """The desk of this installation, not yet open."""
    provider = provider_settings(settings)
    return Desk(
        pool=workbench_pool(url, settings.pool_size),
        rules=SessionRules(
            idle=timedelta(minutes=settings.session_idle_minutes), longest=timedelta(hours=settings.session_hours)
        ),
        provider=IdentityProvider(provider) if provider else None,
        local_accounts=settings.local_accounts,
        public_url=settings.public_url,
        zone=ZoneInfo(settings.time_zone),
        ledger_seals=settings.ledger_seals,
    )


def desk_of(request: Request) -> Desk:
    """The desk that this request is worked on at."""
    desk: Desk = request.app.state.desk
    return desk


DeskDep = Annotated[Desk, Depends(desk_of)]
