"""How long work reports where it stands: by stage, as a share done, and how many records that is."""

from __future__ import annotations

from typing import Protocol


class Advance(Protocol):
    """Told the stage under way and the share of it that is done, 0 to 1.

    `done` is how many records that is, where the stage goes through records.
    """

    def __call__(self, stage: str, share: float, *, done: int = 0) -> None: ...


def unwatched(stage: str, share: float, *, done: int = 0) -> None:
    """For when nobody watches."""


class StageByStage:
    """Turns "now comes this stage" into shares: a stage is done when the next begins or all are done."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._stage = ""

    def __call__(self, stage: str) -> None:
        self.done()
        self._stage = stage
        self._advance(stage.capitalize(), 0.0)

    def done(self) -> None:
        if self._stage:
            self._advance(self._stage.capitalize(), 1.0)
            self._stage = ""
