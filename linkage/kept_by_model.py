"""What is derived from a model once and kept, since a model answers many questions before another comes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from linkage.model import Model

Made = TypeVar("Made")

MODELS_KEPT = 8


def kept_by_model(make: Callable[[Model], Made]) -> Callable[[Model], Made]:
    """Keep what `make` gives for each of the last few models; a model is known by being the same object."""
    kept: dict[int, tuple[Model, Made]] = {}

    @wraps(make)
    def made_once(model: Model) -> Made:
        found = kept.get(id(model))  # the model is kept too, so that its number cannot be another's
        if found is None:
            found = model, make(model)
            for oldest in list(kept)[: len(kept) - MODELS_KEPT + 1]:
                kept.pop(oldest, None)
            kept[id(model)] = found
        return found[1]

    return made_once
