"""The pages that the head of every page leads to, for whom they are."""

from __future__ import annotations

from dataclasses import dataclass

from index_service.accounts.roles import Role, with_included
from index_service.accounts.sessions import Session
from index_service.http.workbench.links import BROKEN_GLASS, HELP, LEDGER, MODEL, QUEUE, RUNS, SEALS, SEARCH
from index_service.http.workbench.local_paths import HOME


@dataclass(frozen=True, slots=True)
class Destination:
    """A page in the head; empty `roles`: for everybody who is signed in. `key`: the shortcut that leads there."""

    label: str
    path: str
    roles: frozenset[Role] = frozenset()
    key: str = ""


DESTINATIONS: tuple[Destination, ...] = (
    Destination("Home", HOME),
    Destination("Queue", QUEUE, key="q"),
    Destination("Search", SEARCH, key="/"),
    Destination("Relinks", RUNS),
    Destination("Model", MODEL),
    Destination("Seals", SEALS, frozenset({Role.SUPERVISOR, Role.SENIOR_STEWARD})),
    Destination("Broken glass", BROKEN_GLASS, frozenset({Role.SUPERVISOR, Role.AUDITOR})),
    Destination("Ledger", LEDGER, frozenset({Role.AUDITOR})),
    Destination("Help", HELP, key="?"),
)


def destinations(session: Session | None) -> list[Destination]:
    """Where this person may go."""
    if session is None:
        return []
    roles = with_included(session.roles)
    return [place for place in DESTINATIONS if not place.roles or place.roles & roles]


def is_here(place: Destination, path: str) -> bool:
    """Whether the page belongs to this destination."""
    return path == place.path or (place.path != HOME and path.startswith(f"{place.path}/"))
