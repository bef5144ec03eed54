"""What routes take: a connection, a moment, the parts of a path."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from index_service.http.connections import Connections
from index_service.http.faults import Unusable
from index_service.store.connection import AsyncConnection


async def _connection(request: Request) -> AsyncIterator[AsyncConnection]:
    connections: Connections = request.app.state.connections
    async with connections.lend() as conn:
        yield conn


async def _connections(request: Request) -> Connections:
    connections: Connections = request.app.state.connections
    return connections


def _written_out(value: object) -> object:
    """Refuses a number of seconds; in a query an unencoded + reads as a space: 12:00:00 00:00 can only mean +00:00."""
    if isinstance(value, str) and "T" not in value.upper():
        raise Unusable("is no moment", "Write date, time and time zone, as 2026-01-31T12:00:00Z.")
    return value.replace(" ", "+") if isinstance(value, str) else value


def _not_in_the_future(value: datetime) -> datetime:
    if value > datetime.now(UTC):
        raise Unusable("lies in the future", "Only what was believed in the past can be told; leave it out for now.")
    return value


ConnectionDep = Annotated[AsyncConnection, Depends(_connection, scope="function")]
ConnectionsDep = Annotated[Connections, Depends(_connections)]
Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
AsOf = Annotated[
    Annotated[Moment, AfterValidator(_not_in_the_future)] | None,
    Query(
        description="Answer as it was believed at this moment (ISO 8601 with time zone); now, if left out.",
        examples=["2026-01-31T12:00:00Z"],
    ),
]
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
SourcePath = Annotated[str, Path(pattern=PRINTABLE, description="Source system.", examples=["cws_cms"])]
RecordIdPath = Annotated[
    str,
    Path(
        pattern=PRINTABLE,
        description="Id in the source, percent-encoded: case-sensitive, as kept or as printed.",
        examples=["0Ab3"],
    ),
]
WholeRecordIdPath = Annotated[
    str,
    Path(
        min_length=1,
        pattern=PRINTABLE,
        description="Id in the source, percent-encoded, a slash in it as %2F: case-sensitive, any printable character.",
        examples=["0Ab3/17"],
    ),
]
PersonIdPath = Annotated[
    str, Path(pattern=PRINTABLE, description="Person id, retired ones too.", examples=["K7Q2-MX9T-4RWA"])
]
