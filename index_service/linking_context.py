"""What linking one record needs besides the record: model and policy, ready to weigh with; kept by the process.

A model is read and compiled once per process. Whether it is still the current one is asked at every use: one
look-up in an index, so that a relink with another model holds from the next request on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from threading import Lock

from config.policy import LinkagePolicy, load_policy
from index_service.models import read_model
from index_service.store.connection import AsyncConnection, Connection
from index_service.store.current_model import (
    current_fingerprint,
    model_document,
    read_current_fingerprint,
    read_model_document,
)
from linkage.model import Model, parse_model
from linkage.weights import CompiledModel, compile_model

_KEPT = 4  # models: the current one, the one before it, and some of other databases


@dataclass(frozen=True, slots=True)
class LinkingContext:
    """A model and the policy it is used under.

    Attributes:
        compiled: the model as arrays.
    """

    model: Model
    policy: LinkagePolicy
    compiled: CompiledModel

    @classmethod
    def of(cls, model: Model, policy: LinkagePolicy | None = None) -> LinkingContext:
        return cls(model, policy or load_policy(), compile_model(model))

    @property
    def fingerprint(self) -> str:
        return self.model.fingerprint


_known: dict[str, LinkingContext] = {}
_changing = Lock()


def current(conn: Connection) -> LinkingContext:
    """The context of the database's current model; before the first relink that of the model shipped with the program.

    Raises:
        MissingFile: there is no model.
        ModelMismatch: the model is not one of this version.
    """
    fingerprint = current_fingerprint(conn)
    if fingerprint is None:
        return shipped()
    return _known.get(fingerprint) or _learn(fingerprint, model_document(conn, fingerprint))


async def read_current(conn: AsyncConnection) -> LinkingContext:
    """As `current`; a model that is new to the process is read in a thread: it takes some 20 ms."""
    fingerprint = await read_current_fingerprint(conn)
    if fingerprint is None:
        return await asyncio.to_thread(shipped)
    if known := _known.get(fingerprint):
        return known
    return await asyncio.to_thread(_learn, fingerprint, await read_model_document(conn, fingerprint))


@cache
def shipped() -> LinkingContext:
    """The context of the model that comes with the program."""
    return LinkingContext.of(read_model())


def _learn(fingerprint: str, document: str | None) -> LinkingContext:
    """Read a model and keep it, letting go the one learnt longest ago."""
    with _changing:
        if fingerprint not in _known:
            _known[fingerprint] = LinkingContext.of(parse_model(document or "", "the current model"))
            while len(_known) > _KEPT:
                del _known[next(iter(_known))]
        return _known[fingerprint]
