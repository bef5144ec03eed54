"""What linking one record needs besides the record: model and policy, ready to weigh with; kept by the process.

A model is read and compiled once per process. Whether it is still the current one is asked at every use: one
look-up in an index, so that a relink with another model holds from the next request on.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import cache
from threading import Lock

from config.policy import LinkagePolicy, load_policy
from index_service.models import document_of, read_model
from index_service.store.connection import AsyncConnection, Connection
from index_service.store.current_model import (
    CurrentVersion,
    current_version,
    model_document,
    pinned_keys,
    read_current_version,
    read_model_document,
    read_pinned_keys,
)
from index_service.store.runs import save_model, set_current_model
from linkage.model import Model, parse_model
from linkage.weights import CompiledModel, compile_model

_KEPT = 4  # contexts: the current one, the one before it, and some of other databases


@dataclass(frozen=True, slots=True)
class LinkingContext:
    """A model and the policy it is used under.

    Attributes:
        compiled: the model as arrays.
        pinned_keys: numbers of blocking keys that too many records share: they make no candidates.
    """

    model: Model
    policy: LinkagePolicy
    compiled: CompiledModel
    pinned_keys: frozenset[int] = frozenset()

    @classmethod
    def of(cls, model: Model, policy: LinkagePolicy | None = None) -> LinkingContext:
        return cls(model, policy or load_policy(), compile_model(model))

    @property
    def fingerprint(self) -> str:
        return self.model.fingerprint


_known: dict[CurrentVersion, LinkingContext] = {}
_changing = Lock()


def current(conn: Connection) -> LinkingContext:
    """The context of the database's current model; before the first relink that of the model shipped with the program.

    Raises:
        MissingFile: there is no model.
        ModelMismatch: the model is not one of this version.
    """
    version = current_version(conn)
    return shipped() if version is None else _of_version(conn, version)


def _of_version(conn: Connection, version: CurrentVersion) -> LinkingContext:
    if known := _known.get(version):
        return known
    return _learn(version, model_document(conn, version.fingerprint), pinned_keys(conn))


def current_for_writing(conn: Connection) -> LinkingContext:
    """As `current`; before the first relink, the model shipped with the program becomes the database's.

    Must run in a transaction with `lock_publication`.
    """
    version = current_version(conn)
    if version is not None:
        return _of_version(conn, version)
    save_model(conn, shipped().fingerprint, document_of(shipped().model))
    set_current_model(conn, shipped().fingerprint)
    return current(conn)


async def read_current(conn: AsyncConnection) -> LinkingContext:
    """As `current`; a model that is new to the process is read in a thread: it takes some 20 ms."""
    return await read_context(conn, await read_current_version(conn))


async def read_context(conn: AsyncConnection, version: CurrentVersion | None) -> LinkingContext:
    """The context of a version of which the caller knows that it is current."""
    if version is None:
        return await asyncio.to_thread(shipped)
    if known := _known.get(version):
        return known
    document, pinned = await read_model_document(conn, version.fingerprint), await read_pinned_keys(conn)
    return await asyncio.to_thread(_learn, version, document, pinned)


@cache
def shipped() -> LinkingContext:
    """The context of the model that comes with the program."""
    return LinkingContext.of(read_model())


def _learn(version: CurrentVersion, document: str | None, pinned: frozenset[int]) -> LinkingContext:
    """Read a model and keep it, letting go the one learnt longest ago; the same model is compiled once."""
    with _changing:
        if version not in _known:
            compiled = next((c for known, c in _known.items() if known.fingerprint == version.fingerprint), None)
            context = compiled or LinkingContext.of(parse_model(document or "", "the current model"))
            _known[version] = replace(context, pinned_keys=pinned)
            while len(_known) > _KEPT:
                del _known[next(iter(_known))]
        return _known[version]
