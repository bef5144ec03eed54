"""What a person may do in the workbench."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from index_service.accounts.errors import RolesNotTogether, UnknownRole


class Role(StrEnum):
    """The part that a person has."""

    STEWARD = "steward"
    SENIOR_STEWARD = "senior_steward"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    Role.STEWARD: "reviews tasks and decides them",
    Role.SENIOR_STEWARD: "does what a steward does, and is the second person where a decision needs two",
    Role.SUPERVISOR: "seals, unseals, and sets policy",
    Role.AUDITOR: "reads the ledger and the history, and decides nothing",
}
_INCLUDED = {Role.SENIOR_STEWARD: frozenset({Role.STEWARD})}


def with_included(roles: Iterable[Role]) -> frozenset[Role]:
    """The roles and those that they include: a senior steward is a steward too."""
    given = frozenset(roles)
    return given.union(*(_INCLUDED.get(role, frozenset()) for role in given))


def parse_roles(names: Iterable[str]) -> tuple[Role, ...]:
    """Roles by name, each once, in the order of `Role`.

    Raises:
        UnknownRole: there is no such role, or none is named.
        RolesNotTogether: auditor with another: who decides does not audit.
    """
    wanted = {name.strip().lower().replace("-", "_").replace(" ", "_") for name in names}
    roles = tuple(role for role in Role if role.value in wanted)
    if len(roles) != len(wanted) or not roles:
        raise UnknownRole(f"A role is one of {', '.join(Role)}; at least one is needed.")
    if Role.AUDITOR in roles and len(roles) > 1:
        raise RolesNotTogether
    return roles
