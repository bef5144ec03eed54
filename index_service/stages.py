"""How long work reports where it stands: by stage, as a share done."""

from __future__ import annotations

from collections.abc import Callable

Advance = Callable[[str, float], None]
"""Called with the stage under way and the share of it that is done, 0 to 1."""


def unwatched(_stage: str, _share: float) -> None:
    """For when nobody watches."""
