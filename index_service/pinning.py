"""Which blocking keys make no candidates: pinned with a model and kept with it, so that live linking and relinks agree.

docs/decisions/0030-pinned-keys.md
"""

from __future__ import annotations

from collections.abc import Sequence

from config.policy import LinkagePolicy
from index_service.store.connection import Connection
from index_service.store.current_model import pinned, pinned_under
from linkage.blocks import OversizedKey
from linkage.model import Model


def kept_with(conn: Connection, model: Model, policy: LinkagePolicy) -> tuple[OversizedKey, ...] | None:
    """The keys that are pinned with this model; None where a relink has to find them anew.

    That is so with another model, with another `max_block_records`, and before the first full relink.
    """
    under = pinned_under(conn)
    if under != (model.fingerprint, policy.max_block_records):
        return None
    return pinned(conn)


def together(kept: Sequence[OversizedKey] | None, found: Sequence[OversizedKey]) -> tuple[OversizedKey, ...]:
    """What a full relink pins: the keys that were kept, and those that it found beyond their bound."""
    return tuple({key.key: key for key in (*(kept or ()), *found)}.values())
